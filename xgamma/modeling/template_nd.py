"""A spectrum and a shape given by maps with further axes, which are their parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from astropy.coordinates import SkyCoord

from xgamma.core.arguments import choice
from xgamma.core.defaults import INTERPOLATION, OUTSIDE
from xgamma.core.units import conversion, parse_unit
from xgamma.errors import XGammaError, shown
from xgamma.modeling.parameter import Spec
from xgamma.modeling.spatial_base import rotation
from xgamma.modeling.spectral_table import TemplateSpectrum
from xgamma.modeling.spectrum_base import FLUX, Spectrum
from xgamma.modeling.template_axes import INTERPOLATIONS, ParameterAxes, with_bounds
from xgamma.modeling.template_file import (
    map_from_text,
    map_to_text,
    read_brightness,
    write_template,
)
from xgamma.modeling.template_map import TemplateMap
from xgamma.modeling.template_units import nodes_of
from xgamma.numerics import shapes

__all__ = ["TemplateMapND", "TemplateSpectrumND"]


class TemplateSpectrumND(TemplateSpectrum):
    """A spectrum given by a table over energy and further axes, which are its parameters.

    The logarithm of the flux is interpolated, along energy linearly in the logarithm of energy.

    Parameters
    ----------
    map : DataArray
        Dims ``energy_true`` (or ``energy``) and those of the parameters, whose coordinates have the
        attributes ``units`` and ``interp`` (``"lin"`` or ``"log"``); not negative. A flux in any
        unit, or a factor without one. Parameters are bounded by their axes.
    interp : {"cubic", "linear"}
        Interpolation of the logarithm between the nodes of a parameter: cubic, so that the fit
        statistic is smooth, or linear, as in gammapy. Where a node is zero, the flux itself is
        interpolated linearly.
    extrapolate : bool
        Whether to extrapolate beyond the energies with the slope at the ends; otherwise the flux is
        zero there.
    filename : str, optional
        File that holds the map; YAML then stores this name instead of the map itself.
    **values : Quantity, str or float
        Values of the parameters; by default, the middle of their bounds.

    Raises
    ------
    XGammaError
        If the map has no energies, no further axis, negative values or NaN.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> tev = {"units": "TeV", "interp": "log"}
    >>> table = xr.DataArray(
    ...     [[1e-12, 1e-14], [1e-11, 1e-14]],
    ...     {"mass": [1.0, 3.0], "energy_true": ("energy_true", [1.0, 10.0], tev)},
    ...     ("mass", "energy_true"),
    ...     attrs={"units": "cm-2 s-1 TeV-1"},
    ... )
    >>> spectrum = TemplateSpectrumND(table, mass=2)
    >>> spectrum("1 TeV").round(14)
    <Quantity 3.16e-12 1 / (TeV s cm2)>
    """

    tag, short = "TemplateNDSpectralModel", "templateND"

    def __init__(
        self,
        map: xr.DataArray,
        interp: str = INTERPOLATION,
        extrapolate: bool = False,
        filename: str | None = None,
        **values: object,
    ) -> None:
        if not isinstance(map, xr.DataArray) or not {"energy", "energy_true"} & set(map.dims):
            raise XGammaError(
                f"map={shown(map)} must be a DataArray with the dimension 'energy_true'."
            )
        map = true_energies(map)
        reserved = {*dir(type(self)), "map", "interp", "extrapolate", "filename", "energy"}
        axes = ParameterAxes.of(
            map, ("energy_true",), reserved, choice(interp, "interp", INTERPOLATIONS)
        )
        object.__setattr__(self, "specs", axes.specs)
        Spectrum.__init__(self, **values)
        self.map, self.interp, self.filename = with_bounds(map), interp, filename
        self.extrapolate, self.energy, self._axes = extrapolate, nodes_of(map), axes
        unit = str(map.attrs.get("units", ""))
        self.unit = "" if parse_unit(unit).physical_type == "dimensionless" else FLUX
        table = np.asarray(map.transpose(*axes.names, "energy_true").values, dtype=float)
        if not np.all(np.isfinite(table)) or np.any(table < 0):
            raise XGammaError(
                "The template map contains NaN or negative values: correct it, for example "
                "with map.fillna(0).clip(0)."
            )
        self._table = table * conversion(unit, self.unit)

    @property
    def values(self) -> np.ndarray:  # type: ignore[override]
        """Flux at the energies of the table, for the parameters as they are."""
        return self._axes.mix(self._table, self.kernel_values())

    @classmethod
    def read(cls, path: str | Path, **kwargs: Any) -> TemplateSpectrumND:
        """Read a template from a FITS file, as gammapy writes it.

        Parameters
        ----------
        path : str or Path
            File; environment variables such as ``$GAMMAPY_DATA`` and ``~`` are expanded.
        **kwargs : dict
            Further arguments of `TemplateSpectrumND`.

        Returns
        -------
        spectrum : TemplateSpectrumND
            The template, with its `filename`.

        Raises
        ------
        MissingDataError
            If the file is not there.
        """
        return cls(read_brightness(path).load(), filename=str(path), **kwargs)

    def write(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the map to a FITS file, which YAML then names; gammapy reads both.

        Parameters
        ----------
        path : str or Path
            File; environment variables and ``~`` are expanded.
        overwrite : bool
            Whether an existing file may be replaced.
        """
        self.filename = write_template(self.map, path, overwrite)

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form other than the parameters."""
        unit = {"unit": str(self.map.attrs.get("units", ""))}
        return {**where(self), **unit, "interp": self.interp, "extrapolate": self.extrapolate}

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> TemplateSpectrumND:
        """Make the component from its serialised form.

        gammapy's, which does not say, is straight between nodes and carries its ends on.
        """
        options = {
            "interp": data.get("interp", "linear"),
            "extrapolate": bool(data.get("extrapolate", True)),
        }
        return cls(stored(data), filename=data.get("filename"), **options)

    def __repr__(self) -> str:
        return f"TemplateSpectrumND({dict(self.map.sizes)}, filename={self.filename!r})"


class TemplateMapND(TemplateMap):
    """Surface brightness given by a map with further axes, which are its parameters.

    Its position is that of the map. Over the sky and in energy it behaves as `TemplateMap`. Between
    the nodes of a parameter the logarithm of the brightness is interpolated, or the brightness
    itself where a node is zero.

    Parameters
    ----------
    map : DataArray
        Dims ``(..., y, x)`` with the coordinate ``wcs``, ``energy_true`` or not, and those of the
        parameters, whose coordinates have the attributes ``units`` and ``interp`` (``"lin"`` or
        ``"log"``); not negative. Parameters are bounded by their axes.
    normalize : bool
        Whether to normalise the map to an integral of one for all parameters. If False, it is taken
        as per sr, or as a flux per sr if the spectrum is dimensionless.
    interp : {"cubic", "linear"}
        Interpolation of the logarithm between the nodes of a parameter: cubic, so that the fit
        statistic is smooth, or linear, as in gammapy.
    filename : str, optional
        File that holds the map; YAML then stores this name instead of the map itself.
    beyond : {"zero", "hold", "extrapolate"}
        Brightness beyond the energies of the map, see `TemplateMap`.
    **values : Quantity, str or float
        Values of the parameters; by default, the middle of their bounds.

    Raises
    ------
    XGammaError
        If the map has no further axis, negative values, NaN, or nothing in it.

    Examples
    --------
    >>> import xarray as xr, xgamma as xg
    >>> grid = xg.create_map((83.63, 22.01), "1 deg", "0.1 deg")
    >>> away = grid.gamma.separation((83.63, 22.01))
    >>> discs = xr.concat([1.0 * (away < r) for r in (0.2, 0.4)], "radius")
    >>> shape = TemplateMapND(discs.assign_coords(radius=[0.2, 0.4]), normalize=True, radius=0.3)
    >>> [p.name for p in shape.parameters]
    ['radius']
    """

    tag, short = "TemplateNDSpatialModel", "templateND"
    specs: ClassVar[dict[str, Spec]] = {}

    def __init__(
        self,
        map: xr.DataArray,
        normalize: bool = False,
        interp: str = INTERPOLATION,
        filename: str | None = None,
        beyond: str = OUTSIDE,
        **values: object,
    ) -> None:
        if not isinstance(map, xr.DataArray) or not {"y", "x"} <= set(map.dims):
            raise XGammaError(
                f"map={shown(map)} must be a map with pixels: read one with xg.read_map(path)."
            )
        map = true_energies(map)
        reserved = {*dir(type(self)), "map", "normalize", "filename", "interp", "energy", "frame"}
        self._axes = ParameterAxes.of(
            map, ("energy_true", "y", "x"), reserved, choice(interp, "interp", INTERPOLATIONS)
        )
        object.__setattr__(self, "specs", self._axes.specs)
        self._mixed: tuple[tuple[float, ...], np.ndarray] = (), np.zeros(0)
        self.interp = interp
        super().__init__(with_bounds(map), normalize, filename, beyond, **values)

    @property
    def _brightness(self) -> np.ndarray:
        """See ``TemplateMap._brightness``, for the parameters as they are."""
        values = self.kernel_values()
        if self._mixed[0] != values:
            image = self._axes.mix(self._values, values)
            image = image / self._integral(image) if self.normalize else image
            self._mixed = values, image
        return self._mixed[1]

    def _own_dims(self) -> list[str]:
        return [*self._axes.names, *super()._own_dims()]

    def _moved(self) -> tuple[float, float]:
        return 0.0, 0.0

    def vectors(self, frame: str) -> np.ndarray:
        """See `Shape.vectors`."""
        own = shapes.tangent_frame(*np.radians(self._middle))
        return np.asarray(own @ rotation(self.frame, frame).T)

    @property
    def position(self) -> SkyCoord:
        """The middle of the map."""
        return SkyCoord(*self._middle, unit="deg", frame=self.frame)

    @position.setter
    def position(self, value: object) -> None:
        self.set_position(value)

    def set_position(self, value: object) -> None:
        """Refuse: the map stays where it is."""
        raise XGammaError("A TemplateMapND cannot be moved: move its map instead.")

    @classmethod
    def read(cls, path: str | Path, normalize: bool = False, **kwargs: Any) -> TemplateMapND:
        """Read a template from a FITS file, as gammapy writes it.

        Parameters
        ----------
        path : str or Path
            File; environment variables such as ``$GAMMAPY_DATA`` and ``~`` are expanded.
        normalize : bool
            Whether to scale it to one.
        **kwargs : dict
            Further arguments of `TemplateMapND`.

        Returns
        -------
        shape : TemplateMapND
            The template, with its `filename`.

        Raises
        ------
        MissingDataError
            If the file is not there.
        """
        return cls(read_brightness(path), normalize, filename=str(path), **kwargs)

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form other than the parameters."""
        unit = {"unit": str(self.map.attrs.get("units", ""))}
        data = {"frame": self.frame, **where(self), "normalize": self.normalize, **unit}
        return {**data, "interp": self.interp, "beyond": self.beyond}

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> TemplateMapND:
        """Make the component from its serialised form; gammapy's is straight between nodes."""
        return cls(
            stored(data),
            data.get("normalize", False),
            data.get("interp", "linear"),
            data.get("filename"),
            data.get("beyond", "zero"),
        )

    def __repr__(self) -> str:
        return f"TemplateMapND({dict(self.map.sizes)}, filename={self.filename!r})"


def true_energies(map: xr.DataArray) -> xr.DataArray:
    """Return a map whose energies are called true: those of a model are."""
    if "energy" not in map.dims or "energy_true" in map.dims:
        return map
    names = {"energy", "energy_lo", "energy_hi"} & set(map.coords)
    return map.rename({n: str(n).replace("energy", "energy_true") for n in {*names, "energy"}})


def where(component: Any) -> dict[str, str]:
    """Return the entry that says where a template is: its file, or the map itself."""
    if component.filename is None:
        return {"map": map_to_text(component.map)}
    return {"filename": str(component.filename)}


def stored(data: dict[str, Any]) -> xr.DataArray:
    """Return the map that an entry names or holds."""
    if "map" in data:
        return true_energies(map_from_text(data["map"]))
    return read_brightness(data["filename"], str(data.get("unit", ""))).load()
