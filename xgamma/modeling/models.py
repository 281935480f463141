"""Lists of models: by name, with all their parameters, to YAML and back."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.atomic import atomic_path, refuse_existing, together
from xgamma.core.bounds import read_text
from xgamma.core.paths import file_path
from xgamma.core.reading import reading
from xgamma.errors import ArgumentTypeError, MissingDataError, MissingFileError, XGammaError
from xgamma.modeling.covariance_file import take_covariance, write_covariance
from xgamma.modeling.model_base import Model, ModelsLike
from xgamma.modeling.parameter import Parameter
from xgamma.modeling.yaml import from_yaml, to_yaml

__all__ = ["Models"]


class Models(list[Model]):
    """A collection of models, accessible by name.

    Parameters
    ----------
    models : Model or iterable of Model
        Models with unique names.

    Examples
    --------
    >>> from xgamma.modeling.count_models import FoVBackground
    >>> from xgamma.modeling.sky_model import SkyModel
    >>> from xgamma.modeling.spectral import PowerLaw
    >>> models = Models([SkyModel(PowerLaw(), name="a"), FoVBackground("gc")])
    >>> models.names
    ['a', 'gc-bkg']
    >>> models["a"].spectral.amplitude.value
    1e-12
    """

    def __init__(self, models: ModelsLike = ()) -> None:
        if not isinstance(models, (Model, Iterable)):
            raise ArgumentTypeError(
                f"{models!r} is not a model: combine a spectrum and a shape with xg.SkyModel(spectrum, shape, name=)."
            )
        super().__init__([models] if isinstance(models, Model) else models)
        seen: set[str] = set()
        for model in self:
            if not isinstance(model, Model):
                raise ArgumentTypeError(f"{model!r} is not a model: use SkyModel or FoVBackground.")
            if model.name in seen:
                raise XGammaError(f"Two models are named {model.name!r}: give each its own name=.")
            seen.add(model.name)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, (int, np.integer, slice)) and not isinstance(key, bool):
            try:
                found = super().__getitem__(key)
            except IndexError:
                raise MissingDataError(
                    f"There is no model number {key}: there are {len(self)}, {', '.join(self.names) or 'none'}."
                ) from None
            return Models(found) if isinstance(key, slice) else found
        for model in self:
            if model.name == key:
                return model
        raise MissingDataError(
            f"There is no model {key!r}: there are {', '.join(self.names) or 'none'}."
        )

    @property
    def names(self) -> list[str]:
        """Names, in order."""
        return [model.name for model in self]

    @property
    def parameters(self) -> list[Parameter]:
        """All parameters, without duplicates."""
        return list(dict.fromkeys(p for model in self for p in model.parameters))

    @property
    def free_parameters(self) -> list[Parameter]:
        """The parameters that a fit changes."""
        return [p for p in self.parameters if not p.frozen]

    def named_parameters(self) -> dict[str, Parameter]:
        """Return parameters by full name; a shared one appears under its first name only."""
        named: dict[str, Parameter] = {}
        seen: set[int] = set()
        for model in self:
            for name, parameter in model.named_parameters():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    named[name] = parameter
        return named

    def select(self, dataset: str | None) -> Models:
        """Return the models that belong to a dataset."""
        return Models(model for model in self if model.acts_on(dataset))

    def copy(self) -> Models:
        """Return a deep copy in which shared parameters stay shared."""
        return copy.deepcopy(self)

    def freeze(self) -> None:
        """Freeze every parameter."""
        for parameter in self.parameters:
            parameter.frozen = True

    def to_dataset(self) -> xr.Dataset:
        """Return the table of parameters.

        Returns
        -------
        table : Dataset
            Dim ``parameter`` (full names): ``value``, ``error``, ``min``, ``max`` (in the
            unit named by the coordinate ``unit``) and ``frozen``.

        Examples
        --------
        >>> from xgamma.modeling.count_models import FoVBackground
        >>> table = Models(FoVBackground("gc")).to_dataset()
        >>> float(table.value.sel(parameter="gc-bkg.spectral.norm"))
        1.0
        """
        named = self.named_parameters()
        columns = {
            key: ("parameter", [getattr(p, key) for p in named.values()])
            for key in ("value", "error", "min", "max", "frozen")
        }
        names = np.array(list(named), dtype=np.str_)
        units = np.array([p.unit for p in named.values()], dtype=np.str_)
        return xr.Dataset(columns, {"parameter": names, "unit": ("parameter", units)})

    def to_yaml(self) -> str:
        """Return the models as YAML text, in the form gammapy reads."""
        return to_yaml(self)

    @classmethod
    def from_yaml(cls, text: str) -> Models:
        """Make models from YAML text, gammapy's or our own."""
        return cls(from_yaml(text))

    def write(self, path: str | Path, overwrite: bool = False, covariance: bool = False) -> None:
        """Write the models to a YAML file.

        Parameters
        ----------
        path : str or Path
            File.
        overwrite : bool
            Whether an existing file may be replaced.
        covariance : bool
            Whether to write the covariance to ``<name>_covariance.dat`` beside it too, where gammapy
            looks for it.
        """
        place, text = file_path(path), self.to_yaml()
        with together():
            if covariance:
                beside = place.with_name(f"{place.stem}_covariance.dat")
                if not overwrite:
                    refuse_existing(place)
                write_covariance(self, beside, overwrite)
                text += f"covariance: {beside.name!r}\n"
            with atomic_path(place, overwrite) as temporary:
                temporary.write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path) -> Models:
        """Read models from a YAML file, with the covariance from the separate file that gammapy writes."""
        found = file_path(path)
        if not found.exists():
            raise MissingFileError(f"The model file {str(path)!r} does not exist: check the path.")
        with reading(path):
            text = read_text(found)
            models = cls.from_yaml(text)
            take_covariance(models, text, found.parent)
            return models

    def __repr__(self) -> str:
        lines = [f"Models: {', '.join(self.names) or 'none'}"]
        links: dict[int, str] = {}
        for model in self:
            lines.append(f"\n{model.name} ({type(model).__name__})")
            for name, p in model.named_parameters():
                link = f" = {links[id(p)]}" if id(p) in links else ""
                links.setdefault(id(p), name)
                error = f"± {p.error:.3g}" if p.error else ""
                state = "frozen" if p.frozen else ""
                row = f"  {name.removeprefix(model.name + '.'):<24} {p.value:>13.6g} {error:<12} "
                lines.append(f"{row}{p.unit} {state}{link}".rstrip())
        return "\n".join(lines)
