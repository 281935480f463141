"""A shape given by a map."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from xgamma.arguments import shown
from xgamma.errors import MissingDataError, UnitError, XGammaError
from xgamma.modeling.parameter import Spec
from xgamma.modeling.spatial import FLUX_PER_SR, Shape, rotation
from xgamma.units import conversion

__all__ = ["TemplateMap", "read_template"]


class TemplateMap(Shape):
    """Surface brightness given by a map, straight between pixel centres, zero outside.

    Parameters
    ----------
    map : DataArray
        Dims ``(y, x)`` or ``(energy_true, y, x)`` with the coordinate ``wcs``, per sr; not negative.
    normalize : bool
        Whether to scale it so that it integrates to one (in each energy). If not, it may
        hold a flux per sr, and the spectrum of its model is then a factor without a unit.
    filename : str, optional
        Where the map is kept; YAML holds this name, not the map.
    lon, lat : Quantity, str or float, optional
        Position; the map is moved there. Its own centre when absent.

    Raises
    ------
    XGammaError
        If the map has negative values, NaN, or nothing in it.

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
        **values: Any,
    ) -> None:
        from xgamma import sky

        if not isinstance(map, xr.DataArray) or not {"y", "x"} <= set(map.dims):
            raise XGammaError(
                f"map={shown(map)} must be a map with pixels: read one with xg.read_map(path)."
            )
        rest = set(map.dims) - {"y", "x", "energy_true"}
        if rest:
            raise XGammaError(
                f"The template map has the dimension {sorted(str(d) for d in rest)[0]!r}: sum over it, or rename the energy to 'energy_true'."
            )
        middle = sky.center(map)
        self._middle = (float(middle.spherical.lon.deg), float(middle.spherical.lat.deg))
        values = {"lon": self._middle[0], "lat": self._middle[1], **values}
        super().__init__(frame=sky.frame_of(map), **values)
        energy = [d for d in map.dims if d == "energy_true"]
        array = map.transpose(*energy, "y", "x")
        brightness = np.asarray(array.values, dtype=float)
        if not np.all(np.isfinite(brightness)) or np.any(brightness < 0):
            raise XGammaError(
                "The template map holds NaN or negative values: mend it, for example with "
                "map.fillna(0).clip(0)."
            )
        if normalize:
            integral = np.sum(brightness * sky.solid_angle(map).values, (-2, -1), keepdims=True)
            if np.any(integral <= 0):
                raise XGammaError("The template map is empty, so it cannot be normalised.")
            brightness = brightness / integral
        else:
            factor, self.unit = brightness_factor(str(map.attrs.get("units", "")))
            brightness = brightness * factor
        self.map = map
        self.normalize, self.filename = normalize, filename
        self._brightness = brightness
        self._log_energy = np.log(map["energy_true"].values) if energy else None

    @property
    def energy_dependent(self) -> bool:  # type: ignore[override]
        """Whether the map has energies."""
        return self._log_energy is not None

    @property
    def extent(self) -> float:
        """Half of the longer side, degrees."""
        from xgamma import sky

        scale = sky.pixel_scale(self.map)
        return 0.5 * max(self.map.sizes["x"] * scale[0], self.map.sizes["y"] * scale[1])

    def on_points(
        self, points: np.ndarray, frame: str, energy: np.ndarray | None = None
    ) -> np.ndarray:
        """Surface brightness at unit vectors: plain numbers.

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
        from scipy.ndimage import map_coordinates

        from xgamma import sky

        own = np.tensordot(rotation(frame, self.frame), points, 1)
        lon = np.degrees(np.arctan2(own[1], own[0])) - (
            self.lon_0.to_value("deg") - self._middle[0]
        )
        lat = np.degrees(np.arcsin(np.clip(own[2], -1, 1)))
        lat = lat - (self.lat_0.to_value("deg") - self._middle[1])
        x, y = sky.lonlat_to_pix(self.map, lon, lat)
        x = (x - self.map.x.values[0]) / sky.label_step(self.map, "x")
        y = (y - self.map.y.values[0]) / sky.label_step(self.map, "y")
        ny, nx = self._brightness.shape[-2:]
        # The outermost pixels are whole: their outer halves are level.
        inside = (np.abs(y - (ny - 1) / 2) <= ny / 2) & (np.abs(x - (nx - 1) / 2) <= nx / 2)
        coords = np.where(inside, np.stack([y, x]), 0.0)

        def at(image: np.ndarray) -> np.ndarray:
            flat = coords.reshape(2, -1)
            values = map_coordinates(image, flat, order=1, mode="nearest")
            return np.where(inside, values.reshape(coords.shape[1:]), 0.0)

        if self._log_energy is None:
            return at(self._brightness)
        layers = np.stack([at(image) for image in self._brightness])
        if energy is None:
            return layers
        nodes = self._log_energy
        i = np.clip(np.searchsorted(nodes, np.log(energy)) - 1, 0, max(nodes.size - 2, 0))
        j = np.minimum(i + 1, nodes.size - 1)
        step = np.where(j > i, nodes[j] - nodes[i], 1.0)
        t = np.clip((np.log(energy) - nodes[i]) / step, 0.0, 1.0)[:, None, None]
        return (1 - t) * layers[i] + t * layers[j]

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form beside the parameters."""
        if self.filename is None:
            raise MissingDataError(
                "The template map has no filename: save it to a FITS file and give filename=."
            )
        return {
            "frame": self.frame,
            "filename": str(self.filename),
            "normalize": self.normalize,
            "unit": self.unit,
        }

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> TemplateMap:
        """Make the component from its serialised form."""
        filename = data["filename"]
        return cls(read_template(filename), data.get("normalize", True), filename)

    def __repr__(self) -> str:
        return f"TemplateMap({dict(self.map.sizes)}, filename={self.filename!r})"


def brightness_factor(unit: str) -> tuple[float, str]:
    """Return the factor to the unit of kernels, and that unit: per sr, or a flux per sr."""
    if not unit.strip():
        return 1.0, "sr-1"
    for wanted in ("sr-1", FLUX_PER_SR):
        try:
            return conversion(unit, wanted), wanted
        except UnitError:
            continue
    raise UnitError(
        f"The template map is in {unit!r}, neither a brightness per sr nor a flux in {FLUX_PER_SR!r}."
    )


def read_template(path: str | Path) -> xr.DataArray:
    """Read a map from a FITS file.

    Parameters
    ----------
    path : str or Path
        File.

    Returns
    -------
    map : DataArray
        The map.

    Raises
    ------
    MissingDataError
        If the file is not there.
    """
    if not Path(path).exists():
        raise MissingDataError(f"There is no template map {str(path)!r}: give a path to one.")
    from xgamma.io.fits_maps import read_map

    return read_map(path)
