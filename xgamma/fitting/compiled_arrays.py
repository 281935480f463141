"""The arrays of a dataset taken out once: counts, exposure, masks, times and pixels."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import xarray as xr
from astropy.time import Time

from xgamma.core.arguments import choice
from xgamma.core.defaults import SCHEME, SCHEMES
from xgamma.core.units import conversion
from xgamma.datasets.rows import good_times
from xgamma.errors import AxisError, MissingDataError, XGammaError
from xgamma.model import sky
from xgamma.model.axes import centers_in, edges_in
from xgamma.model.frame import frame_of
from xgamma.model.livetime import reference_time_of
from xgamma.model.sanity import issue_of_values
from xgamma.model.schema import in_own_units, kind
from xgamma.numerics import convolution

__all__ = ["CompiledArrays"]

M2_TO_CM2 = 1e4


class CompiledArrays:
    """The arrays of a dataset as plain NumPy, in the order (energy, y, x).

    A spectrum is a map of one pixel. Energies are in TeV, exposure in cm2 s, angles in
    radians, positions in pixels counted from the first of the map.

    Parameters
    ----------
    ds : Dataset
        Any kind of dataset.
    scheme : {"exact", "gammapy"}
        See `xgamma.fitting.compiled`.

    Raises
    ------
    XGammaError
        If the exposure holds NaN where it would be used.
    """

    def __init__(self, ds: xr.Dataset, scheme: str = SCHEME) -> None:
        self.scheme = choice(scheme, "scheme", SCHEMES)
        self.nearest = {"psf": False, "edisp": scheme == "gammapy"}
        self.ds = ds = in_own_units(ds)
        empty = [d for d in ("y", "x") if ds.sizes.get(d) == 0]
        if empty:
            raise AxisError(
                f"The dataset {ds.attrs.get('name')!r} has no pixels along {empty[0]!r}: an earlier selection left none."
            )
        self.name = ds.attrs.get("name")
        self.kind = kind(ds)
        self.is_map = self.kind.startswith("map")
        self.energy = centers_in(ds, "energy", "TeV")
        true = "energy_true" if "energy_true" in ds.dims else "energy"
        self.true_name = true
        self.energy_edges = edges_in(ds, "energy", "TeV")
        self.true_edges = edges_in(ds, true, "TeV")
        self.true_energy = centers_in(ds, true, "TeV")
        self.shape = (
            (ds.sizes["energy"], ds.sizes["y"], ds.sizes["x"])
            if self.is_map
            else (ds.sizes["energy"], 1, 1)
        )
        self.dims = ("energy", "y", "x") if self.is_map else ("energy",)

    def array(self, name: str, first: str = "energy") -> np.ndarray | None:
        """Return a variable as (energy, y, x), or None if it is absent."""
        if name not in self.ds:
            return None
        variable = self.ds[name].variable
        dims = [d for d in (first, "y", "x") if d in variable.dims]
        values = np.asarray(variable.transpose(*dims).data)
        return values.reshape([variable.sizes.get(d, 1) for d in (first, "y", "x")])

    def required(self, name: str, first: str = "energy") -> np.ndarray:
        """Return a variable as (energy, y, x), or say that it is missing."""
        values = self.array(name, first)
        if values is None:
            raise MissingDataError(
                f"The dataset {self.name!r} has no {name!r}: fill it before predicting counts."
            )
        return values

    @cached_property
    def exposure(self) -> np.ndarray:
        """Exposure (energy_true, y, x) in cm2 s."""
        values = self.required("exposure", self.true_name)
        if issue_of_values("exposure", values) is not None:
            on_sky = np.isfinite(sky.solid_angle(self.ds).values) if self.is_map else np.array(True)
            self._require_sound("exposure", values, self.mask.any(axis=0) & on_sky)
        unit = self.ds["exposure"].attrs.get("units", "m2 s")
        factor = conversion(unit, "m2 s") * M2_TO_CM2
        return finite(values) * factor

    def exposure_at(self, y: float, x: float) -> np.ndarray:
        """Exposure (energy_true) at a pixel; beyond the map that of the border."""
        iy, wy = convolution.cubic_weights(y, self.shape[1])
        ix, wx = convolution.cubic_weights(x, self.shape[2])
        near = self.exposure[:, iy[:, None], ix]
        values: np.ndarray = np.maximum(near @ wx @ wy, 0.0)
        return values

    @cached_property
    def background(self) -> np.ndarray | None:
        """Background counts (energy, y, x)."""
        values = self.array("background")
        return None if values is None else finite(values)

    @cached_property
    def counts(self) -> np.ndarray:
        """Counts (energy, y, x)."""
        return self.required("counts").astype(float)

    @cached_property
    def mask(self) -> np.ndarray:
        """Safe and fit mask (energy, y, x)."""
        mask = np.ones(self.shape, dtype=bool)
        for name in ("mask_safe", "mask_fit"):
            part = self.array(name)
            if part is not None:
                mask &= part.astype(bool)
        return mask

    def require_background(self) -> None:
        """Raise if the background is not a number in safe bins, those that are not fitted too."""
        values, safe = self.array("background"), self.array("mask_safe")
        if values is not None:
            used = np.ones(1, dtype=bool) if safe is None else safe.astype(bool)
            self._require_sound("background", values, used)

    @cached_property
    def weights(self) -> np.ndarray | None:
        """Weights (energy, y, x) of the bins in a fit, None where ``mask_fit`` holds none."""
        part = self.array("mask_fit")
        if part is None or part.dtype.kind != "f":
            return None
        if not np.all((part >= 0) & (part < np.inf)):
            raise XGammaError(
                f"The mask_fit of the dataset {self.name!r} contains weights that are NaN, "
                "negative or infinite: use mask_fit.fillna(0).clip(0, 1)."
            )
        return np.broadcast_to(part, self.shape)

    @cached_property
    def unknown(self) -> np.ndarray:
        """Bins (energy, y, x) whose counts, off counts or background are not numbers."""
        bad = np.zeros(self.shape, dtype=bool)
        other = "counts_off" if self.kind.endswith("onoff") else "background"
        for name in ("counts", other):
            values = self.array(name)
            if values is not None and values.dtype.kind == "f":
                bad |= ~np.isfinite(values)
        return bad

    @cached_property
    def gti(self) -> tuple[np.ndarray, np.ndarray, str] | None:
        """Good time intervals as MJD (TT) and the scale, or None."""
        if "gti_start" not in self.ds:
            return None
        zero = Time(reference_time_of(self.ds), scale="tt")
        start, stop = (seconds / 86400.0 + zero.mjd for seconds in good_times(self.ds))
        return start, stop, "tt"

    def _require_sound(self, name: str, values: np.ndarray, used: np.ndarray | None) -> None:
        """Raise if values are NaN, infinite or negative where they are used."""
        issue = issue_of_values(name, values, used)
        if issue is not None:
            raise XGammaError(
                f"The dataset {self.name!r}: {issue}: exclude these bins in mask_safe, or correct them."
            )

    # --- sky ----------------------------------------------------------------------------
    @cached_property
    def frame(self) -> str:
        """Celestial frame of the map."""
        return frame_of(self.ds)

    @cached_property
    def origin(self) -> tuple[float, float]:
        """Labels (y, x) of the first pixel."""
        return float(self.ds.y.values[0]), float(self.ds.x.values[0])

    @cached_property
    def label_step(self) -> tuple[float, float]:
        """Distance (y, x) of neighbouring labels: more than one in a downsampled map."""
        return sky.label_step(self.ds, "y"), sky.label_step(self.ds, "x")

    @cached_property
    def scale(self) -> tuple[float, float]:
        """Size (y, x) of a pixel in radians."""
        sx, sy = sky.pixel_scale(self.ds)
        return float(np.radians(sy)), float(np.radians(sx))

    def pixel(self, vector: np.ndarray) -> tuple[float, float]:
        """Return the pixel (y, x), counted from the first, of a unit vector in the map's frame."""
        lon = np.degrees(np.arctan2(vector[1], vector[0]))
        lat = np.degrees(np.arcsin(np.clip(vector[2], -1.0, 1.0)))
        x, y = sky.lonlat_to_pix(self.ds, lon, lat)
        (y0, x0), (dy, dx) = self.origin, self.label_step
        return (float(y) - y0) / dy, (float(x) - x0) / dx

    def label(self, y: float, x: float) -> tuple[float, float]:
        """Return the labels of a pixel counted from the first."""
        (y0, x0), (dy, dx) = self.origin, self.label_step
        return y0 + y * dy, x0 + x * dx


def finite(values: np.ndarray) -> np.ndarray:
    """Return a copy in double precision with zero for NaN, as `numpy.nan_to_num`, but faster."""
    out = values.astype(float)
    return out if np.isfinite(out.sum()) else np.nan_to_num(out)
