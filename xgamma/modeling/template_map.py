"""A shape given by a map."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from scipy.ndimage import map_coordinates

from xgamma.core.arguments import choice
from xgamma.core.defaults import OUTSIDE
from xgamma.errors import XGammaError
from xgamma.model import sky
from xgamma.model.axes import edges_in
from xgamma.model.frame import frame_of
from xgamma.modeling.parameter import Spec, Value
from xgamma.modeling.spatial import FLUX_PER_SR
from xgamma.modeling.spatial_base import Shape, rotation
from xgamma.modeling.template_axes import require_template
from xgamma.modeling.template_file import (
    map_from_text,
    map_to_text,
    read_brightness,
    write_template,
)
from xgamma.modeling.template_units import brightness_factor, nodes_of
from xgamma.numerics.template import between_planes, bin_rule, log_bilinear

__all__ = ["TemplateMap"]

BEYOND = ("zero", "hold", "extrapolate")


class TemplateMap(Shape):
    """Surface brightness given by a map, interpolated linearly and zero outside it.

    A diffuse flux is interpolated as a power law between the energies of its planes, and averaged
    over each bin of true energy. A brightness without a flux is interpolated linearly in the
    logarithm of energy, which preserves its integral.

    Parameters
    ----------
    map : DataArray
        Dims ``(y, x)`` or ``(energy_true, y, x)`` with the coordinate ``wcs``, per sr; not
        negative. The energies are the centres of bins, or nodes.
    normalize : bool
        Whether to normalise the map to an integral of one (at each energy). If False, it may hold a
        flux per sr, and the spectrum of the model is then a dimensionless factor.
    filename : str, optional
        File that holds the map; YAML then stores this name instead of the map itself.
    beyond : {"zero", "hold", "extrapolate"}
        Brightness below the first and above the last energy bin: zero, that of the nearest plane,
        or, for a flux, the power law through the two nearest planes.
    lon, lat : Quantity, str or float, optional
        Position to which the map is moved; by default, its own centre.

    Raises
    ------
    XGammaError
        If the map has negative values, NaN, or nothing in it.

    Warns
    -----
    XGammaWarning
        If a map that is not normalised has no unit; it is then taken as per sr.

    Examples
    --------
    >>> import xgamma as xg
    >>> grid = xg.create_map((83.63, 22.01), "1 deg", "0.1 deg")
    >>> TemplateMap(grid.gamma.separation((83.63, 22.01)) < 0.3).position.to_string(precision=2)
    '83.63 22.01'
    """

    tag, short = "TemplateSpatialModel", "template"
    specs: ClassVar[dict[str, Spec]] = {
        "lon_0": Spec(0.0, "deg", frozen=True, kernel_unit="rad"),
        "lat_0": Spec(0.0, "deg", -90.0, 90.0, frozen=True, kernel_unit="rad"),
    }

    def __init__(
        self,
        map: xr.DataArray,
        normalize: bool = True,
        filename: str | None = None,
        beyond: str = OUTSIDE,
        **values: Value,
    ) -> None:
        require_template(map, {"y", "x", "energy_true", *self.specs})
        middle = sky.center(map)
        self._middle = (float(middle.spherical.lon.deg), float(middle.spherical.lat.deg))
        if "lon_0" in self.specs:
            values = {"lon": self._middle[0], "lat": self._middle[1], **values}
        super().__init__(frame=frame_of(map), **values)
        self.map, self.normalize, self.filename = map, normalize, filename
        self.beyond = choice(beyond, "beyond", BEYOND)
        self.energy = nodes_of(map) if "energy_true" in map.dims else None
        self._values = self._in_kernel_units()

    @property
    def _brightness(self) -> np.ndarray:
        """Per sr, or a flux per sr, shape (y, x) or (energy, y, x)."""
        return self._values

    def _in_kernel_units(self) -> np.ndarray:
        """Return the values per sr, or as a flux per sr, and note which."""
        values = np.asarray(self.map.transpose(..., *self._own_dims()).values, dtype=float)
        if not np.all(np.isfinite(values)) or np.any(values < 0):
            raise XGammaError(
                "The template map contains NaN or negative values: correct it, for example "
                "with map.fillna(0).clip(0)."
            )
        if not self.normalize:
            factor, self.unit = brightness_factor(str(self.map.attrs.get("units", "")))
            return values * factor
        integral = self._integral(values)
        if np.any(integral <= 0):
            raise XGammaError("The template map is empty, so it cannot be normalised.")
        return np.asarray(values / integral)

    def _own_dims(self) -> list[str]:
        """Return the dims of the brightness."""
        return [*([] if self.energy is None else ["energy_true"]), "y", "x"]

    def _integral(self, values: np.ndarray) -> np.ndarray:
        """Return integrals over the sky, shape (..., 1, 1)."""
        solid_angle = np.nan_to_num(sky.solid_angle(self.map).values)
        return np.asarray(np.sum(values * solid_angle, (-2, -1), keepdims=True))

    @classmethod
    def read(cls, path: str | Path, normalize: bool = True, **kwargs: Any) -> TemplateMap:
        """Read a template from a FITS file.

        Parameters
        ----------
        path : str or Path
            File; environment variables such as ``$GAMMAPY_DATA`` and ``~`` are expanded. The
            diffuse models of Fermi-LAT (``gll_iem_*.fits``) are understood.
        normalize : bool
            Whether to scale it to one.
        **kwargs : dict
            Further arguments of `TemplateMap`.

        Returns
        -------
        shape : TemplateMap
            The template, with its `filename`.

        Raises
        ------
        MissingDataError
            If the file is not there.

        Examples
        --------
        >>> TemplateMap.read("$GAMMAPY_DATA/gll_iem.fits", normalize=False)  # doctest: +SKIP
        """
        return cls(read_brightness(path), normalize, str(path), **kwargs)

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

    @property
    def energy_dependent(self) -> bool:  # type: ignore[override]
        """Whether the map has energies."""
        return self.energy is not None

    @property
    def half_width(self) -> float:
        """Half of the longer side, degrees."""
        scale = sky.pixel_scale(self.map)
        return 0.5 * max(self.map.sizes["x"] * scale[0], self.map.sizes["y"] * scale[1])

    @property
    def extent(self) -> float:
        """Half of the diagonal, degrees: the corners count in every frame."""
        scale = sky.pixel_scale(self.map)
        sides = self.map.sizes["x"] * scale[0], self.map.sizes["y"] * scale[1]
        return 0.5 * float(np.hypot(*sides))

    @property
    def bin_size(self) -> float:
        """The size of a pixel, degrees."""
        return float(min(sky.pixel_scale(self.map)))

    @property
    def energy_range(self) -> tuple[float, float]:
        """The first and the last energy of the map in TeV, outer halves of its bins included."""
        assert self.energy is not None
        if "energy_true_lo" not in self.map.coords:
            return float(self.energy[0]), float(self.energy[-1])
        edges = edges_in(self.map, "energy_true", "TeV")
        return float(edges[0]), float(edges[-1])

    def on_points(
        self, points: np.ndarray, frame: str, energy: np.ndarray | None = None
    ) -> np.ndarray:
        """Surface brightness at unit vectors, without units.

        Parameters
        ----------
        points : ndarray
            Unit vectors, shape (3, ...).
        frame : str
            Their frame.
        energy : ndarray, optional
            Energies in TeV, for a map with energies.

        Returns
        -------
        brightness : ndarray
            Per sr; with a leading energy axis for a map with energies.
        """
        y, x, inside = self._pixels(points, frame)
        coords = np.where(inside, np.stack([y, x]), 0.0)

        def at(image: np.ndarray) -> np.ndarray:
            flat = coords.reshape(2, -1)
            values = map_coordinates(image, flat, order=1, mode="nearest")
            return np.where(inside, values.reshape(coords.shape[1:]), 0.0)

        if self.energy is None:
            return at(self._brightness)
        layers = np.stack([at(image) for image in self._brightness])
        return layers if energy is None else self._at_energies(layers, energy)

    def _pixels(self, points: np.ndarray, frame: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the pixels (y, x) of the map at unit vectors, and which lie on it."""
        own = np.tensordot(rotation(frame, self.frame), points, 1)
        moved_lon, moved_lat = self._moved()
        lon = np.degrees(np.arctan2(own[1], own[0])) - moved_lon
        lat = np.degrees(np.arcsin(np.clip(own[2], -1, 1))) - moved_lat
        x, y = sky.lonlat_to_pix(self.map, lon, lat)
        x = (x - self.map.x.values[0]) / sky.label_step(self.map, "x")
        y = (y - self.map.y.values[0]) / sky.label_step(self.map, "y")
        ny, nx = self._brightness.shape[-2:]
        # The outermost pixels are whole: their outer halves are level.
        inside = (np.abs(y - (ny - 1) / 2) <= ny / 2) & (np.abs(x - (nx - 1) / 2) <= nx / 2)
        return y, x, inside

    def _moved(self) -> tuple[float, float]:
        """Return how far the map was moved, degrees of longitude and latitude."""
        lon, lat = self.lon_0.to_value("deg"), self.lat_0.to_value("deg")
        return lon - self._middle[0], lat - self._middle[1]

    def _at_energies(self, layers: np.ndarray, energy: np.ndarray) -> np.ndarray:
        """Interpolate planes (n, ...) to energies in TeV."""
        assert self.energy is not None
        at = np.asarray(energy, dtype=float)
        low, high = self.energy_range
        if self.beyond == "hold":
            at = np.clip(at, self.energy[0], self.energy[-1])
        values = between_planes(layers, self.energy, at, flux=self.unit == FLUX_PER_SR)
        if self.beyond != "zero":
            return values
        # A billionth of slack keeps edges that went through a unit conversion inside.
        outside = (at < low * (1 - 1e-9)) | (at > high * (1 + 1e-9))
        values[outside] = 0.0
        return values

    def on_bins(self, points: np.ndarray, frame: str, edges: np.ndarray) -> np.ndarray:
        """Surface brightness at unit vectors, averaged over bins of energy, without units.

        Parameters
        ----------
        points : ndarray
            Unit vectors, shape (3, ...).
        frame : str
            Their frame.
        edges : ndarray
            Edges of the bins in TeV, shape (n + 1,).

        Returns
        -------
        brightness : ndarray
            Shape (n, ...). That of a flux is its mean over the bin, an integral of power
            laws; that of a brightness its value in the middle.
        """
        assert self.energy is not None
        if self.unit != FLUX_PER_SR:
            return self.on_points(points, frame, np.sqrt(edges[:-1] * edges[1:]))
        layers = self.on_points(points, frame)
        breaks = np.concatenate([self.energy, self.energy_range])
        means = []
        for low, high in itertools.pairwise(edges):
            energy, weights = bin_rule(low, high, breaks)
            means.append(np.tensordot(weights, self._at_energies(layers, energy), 1))
        return np.stack(means)

    def as_gammapy(self, points: np.ndarray, frame: str, energy: np.ndarray) -> np.ndarray:
        """Surface brightness as gammapy interpolates it: logarithms along every axis.

        Parameters
        ----------
        points : ndarray
            Unit vectors, shape (3, ...).
        frame : str
            Their frame.
        energy : ndarray
            Energies in TeV.

        Returns
        -------
        brightness : ndarray
            Per sr, shape (energy, ...), or (1, ...) for a map without energies.
        """
        y, x, inside = self._pixels(points, frame)
        coords = np.where(inside, np.stack([y, x]), 0.0)
        if self.energy is None:
            return np.where(inside, log_bilinear(self._brightness, coords), 0.0)[None]
        layers = np.stack([log_bilinear(image, coords) for image in self._brightness])
        log = str(self.map["energy_true"].attrs.get("interp", "log")) == "log"
        values = between_planes(layers, self.energy, energy, flux=True, log_axis=log)
        low, high = self.energy_range
        values[(energy < low) | (energy > high)] = 0.0
        return np.where(inside, values, 0.0)

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form other than the parameters."""
        where = {"filename": str(self.filename)}
        if self.filename is None:
            where = {"map": map_to_text(self.map)}
        data = {"frame": self.frame, **where, "normalize": self.normalize, "unit": self.unit}
        return data if self.beyond == "zero" else {**data, "beyond": self.beyond}

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> TemplateMap:
        """Make the component from its serialised form."""
        normalize, beyond = data.get("normalize", True), data.get("beyond", "zero")
        if "map" in data:
            return cls(map_from_text(data["map"]), normalize, beyond=beyond)
        filename = data["filename"]
        return cls(
            read_brightness(filename, str(data.get("unit", ""))), normalize, filename, beyond
        )

    def __repr__(self) -> str:
        return f"TemplateMap({dict(self.map.sizes)}, filename={self.filename!r})"
