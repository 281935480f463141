"""Adaptive smoothing: each pixel with the smallest kernel that makes it significant."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.special import erf

from xgamma.core.arguments import choice, number
from xgamma.core.lazy import hollow, is_lazy
from xgamma.core.units import conversion, to_value
from xgamma.datasets.onoff import background, is_onoff, ratio, safe, variable
from xgamma.errors import AxisError, XGammaError, shown
from xgamma.makers.exposure import exposure_image
from xgamma.model import sky
from xgamma.model.axes import edges_in
from xgamma.model.operation import later, operation
from xgamma.model.schema import require
from xgamma.numerics.convolve import convolve_same, disk_kernel
from xgamma.numerics.statistics import cash_significance, li_ma
from xgamma.typing import AnglesLike

__all__ = ["adaptive_smooth"]

UNITS = {"scale": "deg", "flux": "s-1 cm-2"}
# Half the side of a kernel in standard deviations, and the default scales in pixels.
REACH = 4.0
SCALES = 0.5 * np.sqrt(2.0) ** np.arange(11)


@operation
def adaptive_smooth(
    ds: xr.Dataset,
    scales: AnglesLike | None = None,
    threshold: float = 5.0,
    kernel: str = "gauss",
    method: str = "lima",
    index: float = 2.0,
) -> xr.Dataset:
    """Smooth a map with a kernel that widens until the excess is significant.

    Parameters
    ----------
    ds : Dataset
        Map with counts and a background, on-off or not; all energies are added up first.
    scales : Quantity, list of str or array_like, optional
        Increasing standard deviations of the Gaussian (radii of the disc), as Quantity or number
        in degrees. By default, 0.5 to 16 pixels in steps of a factor of sqrt(2).
    threshold : float
        Each pixel uses the first scale at which the significance of its excess exceeds this value.
    kernel : {"gauss", "disk"}
        Shape of the kernel, with a value of one at its centre.
    method : {"lima", "asmooth"}
        Significance of the weighted counts ``S`` over the weighted background ``B``: that of
        `xgamma.estimators.significance.significance` (Li & Ma for on-off maps, Cash for others), or
        ``(S - B) / sqrt(S + B)``.
    index : float
        Index of the power law used to convert counts and exposure to a flux.

    Returns
    -------
    maps : Dataset
        Dims ``(y, x)``: ``counts`` and ``background`` (a pixel), with an exposure ``flux``
        (s-1 cm-2, a pixel, over the range of the energy axis), ``scale`` (deg) and
        ``significance``. Where no scale is enough the first ones are the mean of all such
        pixels, and the last two NaN, as all are where nothing is safe.

    Raises
    ------
    XGammaError
        If the scales do not increase from above zero, or for an unknown kernel or method.
    MissingDataError
        If there are no counts or no background.

    Notes
    -----
    Averages are taken over the safe pixels under the kernel, so that maps do not fade at their
    borders.

    References
    ----------
    Ebeling, White & Rangarajan (2006), MNRAS 368, 65.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> maps = adaptive_smooth(example_map(), ["0.05 deg", "0.1 deg", "0.2 deg"], threshold=3)
    >>> float(maps.scale.min()), bool(maps.scale.isnull().any())
    (0.05, True)
    """
    if "x" not in ds.dims:
        raise AxisError("Smoothing requires a map: a spectrum has no pixels.")
    require(ds, "counts")
    choice(kernel, "kernel", ("gauss", "disk"))
    choice(method, "method", ("lima", "asmooth"))
    number(threshold, "threshold")
    widths = _widths(ds, scales)
    if is_lazy(ds):
        names = ["counts", "background", *(["flux"] if "exposure" in ds else [])]
        empty = hollow((ds.sizes["y"], ds.sizes["x"]))
        like = _labelled(ds, dict.fromkeys([*names, "scale", "significance"], empty))
        return later(like)
    images, use, flux = _images(ds, index)
    means = {n: images[n] for n in ("counts", "background")} | flux
    out = {n: np.full(use.shape, np.nan) for n in (*means, "scale", "significance")}
    todo = use.copy()
    correlated = is_onoff(ds) and bool(ds["counts_off"].attrs.get("correlated", 0))
    pixel = sky.pixel_scale(ds)
    for width in widths:
        weights = _kernel(width / pixel[1], width / pixel[0], kernel)
        sums = {n: convolve_same(v, weights) for n, v in images.items()}
        if correlated:
            # Off counts of a ring are sums already: adding them up would count events again.
            sums["off"] = images["off"]
        level = _significance(sums, method)
        found = todo & (level > threshold)
        area = convolve_same(use.astype(float), weights)
        for name, values in means.items():
            total = sums[name] if name in sums else convolve_same(values, weights)
            out[name][found] = total[found] / area[found]
        out["scale"][found], out["significance"][found] = width, level[found]
        todo &= ~found
    for name, values in means.items():
        out[name][todo] = values[todo].mean() if todo.any() else np.nan
    return _labelled(ds, out)


def _widths(ds: xr.Dataset, scales: AnglesLike) -> np.ndarray:
    """Return the scales in degrees."""
    if scales is None:
        values: np.ndarray = SCALES * float(np.sqrt(np.prod(sky.pixel_scale(ds))))
        return values
    widths = np.atleast_1d(to_value(scales, "deg", "scales"))
    if widths.ndim != 1 or not (widths > 0).all() or not (np.diff(widths) > 0).all():
        raise XGammaError(f"scales={shown(scales)} must be increasing angles above 0.")
    return widths


def _images(
    ds: xr.Dataset, index: float
) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, np.ndarray]]:
    """Return sums over safe energies, the pixels to use, and the flux if there is an exposure."""
    expected = background(ds).transpose("energy", "y", "x").values
    use = np.asarray(safe(ds).data) & np.isfinite(expected)
    parts = {"counts": variable(ds, "counts"), "background": expected}
    if is_onoff(ds):
        parts["off"] = variable(ds, "counts_off")
    images = {n: np.where(use, v, 0.0).sum(axis=0, dtype=float) for n, v in parts.items()}
    pixels = use.any(axis=0)
    if "exposure" not in ds:
        return images, pixels, {}
    whole = exposure_image(ds, index).transpose("energy", "y", "x")
    power = _shares(ds, index)
    seen = (np.where(use, whole.values, 0.0) * power[:, None, None]).sum(axis=0)
    seen = seen * conversion(str(whole.attrs["units"]), "cm2 s")
    excess = images["counts"] - images["background"]
    known = pixels & (seen > 0)
    return images, pixels, {"flux": np.where(known, excess / np.where(known, seen, 1.0), 0.0)}


def _shares(ds: xr.Dataset, index: float) -> np.ndarray:
    """Return the part of the flux of a power law in each energy bin."""
    edges, power = edges_in(ds, "energy", "TeV"), 1.0 - index
    flux = np.diff(np.log(edges)) if power == 0 else np.diff(edges**power) / power
    values: np.ndarray = flux / flux.sum()
    return values


def _kernel(along_y: float, along_x: float, kind: str) -> np.ndarray:
    """Return a kernel of pixels, one in its middle."""
    if kind == "disk":
        return disk_kernel((along_x, along_y))
    values: np.ndarray = np.multiply.outer(_gaussian(along_y), _gaussian(along_x))
    return values


def _gaussian(sigma: float) -> np.ndarray:
    """Return a Gaussian integrated over pixels, one in its middle."""
    half = int(np.ceil(REACH * sigma))
    edges = (np.arange(-half, half + 2) - 0.5) / (np.sqrt(2) * sigma)
    weights = np.diff(erf(edges))
    values: np.ndarray = weights / weights[half]
    return values


def _significance(sums: dict[str, np.ndarray], method: str) -> np.ndarray:
    """Return the significance of weighted sums."""
    on, expected = sums["counts"], sums["background"]
    if method == "asmooth":
        total = on + expected
        return np.where(total > 0, (on - expected) / np.sqrt(np.where(total > 0, total, 1.0)), 0.0)
    if "off" in sums:
        values: np.ndarray = np.nan_to_num(li_ma(on, sums["off"], ratio(expected, sums["off"])))
        return values
    known = expected > 1e-12
    return np.where(known, cash_significance(on, np.where(known, expected, 1.0)), 0.0)


def _labelled(ds: xr.Dataset, maps: dict[str, np.ndarray]) -> xr.Dataset:
    """Label maps of the pixels of a dataset."""
    made = {n: sky.label_map(ds, v, False, n, UNITS.get(n, "")) for n, v in maps.items()}
    return xr.Dataset(made, attrs={"name": ds.attrs.get("name", "")})
