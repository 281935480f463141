"""Models of sources and of backgrounds, and lists of them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import expanded_path
from xgamma.errors import MissingDataError, UnitError, XGammaError
from xgamma.modeling.count_models import FoVBackground, TemplateNPred
from xgamma.modeling.model_base import COUNTER, Model, name_list
from xgamma.modeling.parameter import Parameter
from xgamma.modeling.spatial import Shape
from xgamma.modeling.spectrum_base import FLUX, Spectrum
from xgamma.modeling.time_profile import TimeProfile

__all__ = ["FoVBackground", "Model", "Models", "SkyModel", "TemplateNPred"]

# What a model may be told not to apply.
RESPONSES = ("exposure", "psf", "edisp")


class SkyModel(Model):
    """A source: a spectrum, and if wanted a shape and a time profile.

    Parameters
    ----------
    spectral : Spectrum
        Differential flux.
    spatial : Shape, optional
        Surface brightness; none for a dataset without a sky (a spectrum of a region).
    temporal : TimeProfile, optional
        Factor in time, averaged over the good time intervals of a dataset.
    name : str, optional
        Unique name.
    datasets : str or list of str, optional
        Names of the datasets it belongs to; all when absent.
    apply_irf : dict, optional
        Which of ``exposure``, ``psf`` and ``edisp`` to apply (all by default).

    Raises
    ------
    XGammaError
        If `apply_irf` names anything else, or holds anything but True and False.
    UnitError
        If the spectrum is a factor, not a flux.

    Examples
    --------
    >>> from xgamma.modeling.spectral import PowerLaw
    >>> from xgamma.modeling.spatial import PointSource
    >>> crab = SkyModel(PowerLaw(index=2.6), PointSource(lon=83.63, lat=22.01), name="crab")
    >>> crab.spectral.index.value
    2.6
    >>> [name for name, p in crab.named_parameters() if not p.frozen][:2]
    ['crab.spectral.index', 'crab.spectral.amplitude']
    """

    def __init__(
        self,
        spectral: Spectrum,
        spatial: Shape | None = None,
        temporal: TimeProfile | None = None,
        name: str | None = None,
        datasets: str | Iterable[str] | None = None,
        apply_irf: dict[str, bool] | None = None,
    ) -> None:
        for role, component, kind in (
            ("spectral", spectral, Spectrum),
            ("spatial", spatial, Shape),
            ("temporal", temporal, TimeProfile),
        ):
            if component is not None and not isinstance(component, kind):
                raise XGammaError(
                    f"{role}={component!r} of the model {name!r} is not a {kind.__name__}."
                )
        if spatial is not None and not spatial.unit:
            raise UnitError(
                f"{type(spatial).__name__} of the model {name!r} is a factor, not a brightness: it "
                "belongs to a background, FoVBackground(dataset, spatial=...)."
            )
        diffuse = spatial is not None and spatial.unit != "sr-1"
        if diffuse and spectral.unit:
            raise UnitError(
                f"The map of the model {name!r} is a flux per sr already: its spectrum must be a "
                "factor without a unit, such as PowerLawNorm."
            )
        if spectral.unit != FLUX and not diffuse:
            raise UnitError(
                f"The spectrum of the model {name!r} is a factor without a unit: multiply it with "
                f"a flux in {FLUX!r}, as in PowerLaw() * PowerLawNorm()."
            )
        self.spectral, self.spatial, self.temporal = spectral, spatial, temporal
        self.name = name or f"source-{next(COUNTER)}"
        self.datasets = name_list(datasets)
        self.apply_irf = irf_switches(apply_irf, self.name)


def irf_switches(given: Mapping[str, bool] | None, name: str) -> dict[str, bool]:
    """Return which responses a model applies, or raise an `XGammaError` if that is not known."""
    switches = dict.fromkeys(RESPONSES, True)
    for key, value in (given or {}).items():
        if key not in switches or not isinstance(value, (bool, np.bool_)):
            raise XGammaError(
                f"apply_irf={dict(given or {})!r} of the model {name!r} must have True or False for "
                f"{', '.join(RESPONSES)} only."
            )
        switches[key] = bool(value)
    return switches


class Models(list[Model]):
    """Models, found by name.

    Parameters
    ----------
    models : Model or iterable of Model
        Entries; their names must differ.

    Examples
    --------
    >>> from xgamma.modeling.spectral import PowerLaw
    >>> models = Models([SkyModel(PowerLaw(), name="a"), FoVBackground("gc")])
    >>> models.names
    ['a', 'gc-bkg']
    >>> models["a"].spectral.amplitude.value
    1e-12
    """

    def __init__(self, models: Model | Iterable[Model] = ()) -> None:
        if not isinstance(models, (Model, Iterable)):
            raise XGammaError(
                f"{models!r} is not a model: give a spectrum its place with xg.SkyModel(spectrum, shape, name=)."
            )
        super().__init__([models] if isinstance(models, Model) else models)
        seen: set[str] = set()
        for model in self:
            if not isinstance(model, Model):
                raise XGammaError(f"{model!r} is not a model: use SkyModel or FoVBackground.")
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
        """All parameters, a shared one once."""
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
        from xgamma.modeling.yaml import to_yaml

        return to_yaml(self)

    @classmethod
    def from_yaml(cls, text: str) -> Models:
        """Make models from YAML text, gammapy's or our own."""
        from xgamma.modeling.yaml import from_yaml

        return from_yaml(text)

    def write(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the models to a YAML file.

        Parameters
        ----------
        path : str or Path
            File.
        overwrite : bool
            Whether an existing file may be replaced.
        """
        target = expanded_path(path)
        if target.exists() and not overwrite:
            raise XGammaError(f"{str(path)!r} exists: pass overwrite=True to replace it.")
        target.write_text(self.to_yaml())

    @classmethod
    def read(cls, path: str | Path) -> Models:
        """Read models from a YAML file, with the covariance in the file that gammapy writes beside it."""
        from xgamma.modeling.yaml import take_covariance

        found = expanded_path(path)
        if not found.exists():
            raise MissingDataError(f"There is no model file {str(path)!r}.")
        text = found.read_text()
        return take_covariance(cls.from_yaml(text), text, found.parent)

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
