"""Maps of excess and of test statistic."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import numpy as np
import xarray as xr

from xgamma.arguments import pixel_mask, positive, scalar
from xgamma.deferred import is_lazy, labels_of, postponed
from xgamma.errors import XGammaError
from xgamma.model import require
from xgamma.modeling.attach import chosen_models
from xgamma.modeling.compiled import Compiled
from xgamma.modeling.evaluator import SourceTerm
from xgamma.modeling.likelihood import WStatLikelihood
from xgamma.modeling.predict import full_likelihood, labelled, result_attrs
from xgamma.modeling.sky_model import Model, SkyModel
from xgamma.numerics import statistics as stats
from xgamma.numerics.ts_map import source_sums
from xgamma.numerics.ts_map import ts_map as solve

__all__ = ["excess_map", "ts_map"]


def tophat(radius: Any, data: Compiled) -> np.ndarray:
    """Return a disk (k, k) of ones, its pixels those whose centre lies within a radius."""
    size = float(np.radians(scalar(radius, "deg", "correlation_radius")))
    if not 0 < size < np.pi:
        raise XGammaError(f"correlation_radius={radius!r} must be an angle between 0 and 180 deg.")
    sy, sx = data.scale
    # A radius of whole pixels may miss the last of them by rounding.
    ny, nx = int(size / sy * (1 + 1e-9)), int(size / sx * (1 + 1e-9))
    dy, dx = np.arange(-ny, ny + 1) * sy, np.arange(-nx, nx + 1) * sx
    return (np.hypot(dy[:, None], dx[None, :]) <= size * (1 + 1e-9)).astype(float)


def around(values: np.ndarray, disk: np.ndarray) -> np.ndarray:
    """Sum (energy, y, x) over a disk around each pixel, without the rounding of a transform."""
    from scipy.signal import fftconvolve

    summed = fftconvolve(values, disk[None], mode="same", axes=(1, 2))
    # Rounding of the transform is far below a count: what is smaller is nothing.
    return np.where(np.abs(summed) < 1e-9 * max(float(np.abs(values).sum()), 1e-300), 0.0, summed)


def excess_map(
    ds: xr.Dataset,
    correlation_radius: Any = "0.1 deg",
    models: Model | Iterable[Model] | None = None,
    n_sigma: float = 1.0,
    n_sigma_ul: float = 2.0,
    errors: bool = False,
    sum_energy: bool = True,
) -> xr.Dataset:
    """Sum counts and prediction over a disk around each pixel, and compare them.

    Parameters
    ----------
    ds : Dataset
        Map, on-off or not.
    correlation_radius : Quantity, str or float
        Radius of the disk; plain numbers are degrees.
    models : Model or iterable of Model, optional
        What the excess is over, beside the background; those on the dataset when absent.
    n_sigma, n_sigma_ul : float
        Levels of errors and upper limits.
    errors : bool
        Whether to find asymmetric errors and upper limits, which takes longer.
    sum_energy : bool
        Whether to add the energies up first.

    Returns
    -------
    maps : Dataset
        Dims those of the counts (without ``energy`` if summed): ``counts``, ``npred`` (the
        expected counts), ``excess``, ``ts``, ``sqrt_ts`` (Li & Ma or Cash, with the sign of the
        excess), and with `errors` ``excess_errn``, ``excess_errp``, ``excess_ul``. NaN where no
        bin of the mask is in reach.

    Raises
    ------
    XGammaError
        If the dataset is not a map.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> maps = excess_map(example_map(), "0.2 deg")
    >>> round(float(maps.excess.max()))
    148
    """
    if is_lazy(ds):
        options = {"correlation_radius": correlation_radius, "n_sigma": n_sigma}
        options |= {"n_sigma_ul": n_sigma_ul, "errors": errors, "sum_energy": sum_energy}
        return _postponed(ds, models, options)
    require(ds, "counts")
    n_sigma, n_sigma_ul = positive(n_sigma, "n_sigma"), positive(n_sigma_ul, "n_sigma_ul")
    likelihood = full_likelihood(ds, models, "exact")
    data = likelihood.data
    if not data.is_map:
        raise XGammaError("An excess map needs a map dataset, not a spectrum.")
    disk = tophat(correlation_radius, data)

    def summed(values: np.ndarray) -> np.ndarray:
        masked = np.where(data.mask, values, 0.0)
        return around(masked.sum(0, keepdims=True) if sum_energy else masked, disk)

    n_on = np.rint(summed(data.counts)) if is_whole(data.counts) else summed(data.counts)
    covered = summed(np.ones(data.shape)) > 0.5
    out: dict[str, np.ndarray] = {"counts": n_on}
    if isinstance(likelihood, WStatLikelihood):
        off = np.maximum(summed(likelihood.n_off), 0.0)
        expected = np.maximum(summed(likelihood.alpha * likelihood.n_off), 0.0)
        signal = summed(likelihood.npred_signal())
        acceptance = data.array("acceptance")
        on = summed(np.ones(data.shape) if acceptance is None else acceptance.astype(float))
        off_acceptance = summed(data.required("acceptance_off").astype(float))
        plain = np.where(
            off_acceptance > 0, on / np.where(off_acceptance > 0, off_acceptance, 1), 0
        )
        alpha = np.where(off > 0, expected / np.where(off > 0, off, 1.0), plain)
        out["npred"] = expected + signal
        null = stats.wstat(n_on, off, alpha, np.maximum(signal, 0.0))
        best = stats.wstat(n_on, off, alpha, n_on - expected)
        ts = np.maximum(null - best, 0.0)
        covered = covered & (alpha > 0)
        safe = np.where(alpha > 0, alpha, 1.0)
        pairs = (n_on, off, safe)
        measure = (stats.wstat_excess_error, stats.wstat_excess_limit)
    else:
        out["npred"] = np.maximum(summed(likelihood.npred()), 0.0)
        ts = np.maximum(stats.cstat(n_on, out["npred"]), 0.0)
        pairs = (n_on, out["npred"])  # type: ignore[assignment]
        measure = (stats.cash_excess_error, stats.cash_excess_limit)  # type: ignore[assignment]
    out["excess"] = n_on - out["npred"]
    out["ts"] = ts
    out["sqrt_ts"] = np.sign(out["excess"]) * np.sqrt(ts)
    if errors:
        out["excess_errn"], out["excess_errp"] = measure[0](*pairs, n_sigma)  # type: ignore[operator]
        out["excess_ul"] = measure[1](*pairs, n_sigma_ul)  # type: ignore[operator]
    return as_dataset(likelihood, {k: np.where(covered, v, np.nan) for k, v in out.items()})


def _postponed(ds: xr.Dataset, models: Any, options: dict[str, Any]) -> xr.Dataset:
    """Return the excess maps of lazy maps."""
    names = ["counts", "npred", "excess", "ts", "sqrt_ts"]
    names += ["excess_errn", "excess_errp", "excess_ul"] if options["errors"] else []
    whole = labels_of(ds, "map", {})
    if options["sum_energy"] and ds.sizes["energy"] > 1:
        whole = whole.isel(energy=0, drop=True)
    made = {n: whole.assign_attrs(result_attrs(n.replace("_", " "))) for n in names}
    like = xr.Dataset(made, attrs={"name": ds.attrs.get("name", "")})
    chosen = deepcopy(chosen_models(ds, models))
    return postponed(like, excess_map, ds, models=chosen, **options)


def is_whole(values: np.ndarray) -> bool:
    """Tell whether all counts are whole numbers, as those of data are."""
    return bool(np.all(values == np.rint(values)))


def as_dataset(likelihood: Any, maps: dict[str, np.ndarray]) -> xr.Dataset:
    """Label maps (energy or 1, y, x) of a likelihood's dataset."""
    ds = likelihood.data.ds
    whole = labelled(likelihood, np.zeros(likelihood.data.shape), "map", "")
    image = whole.isel(energy=0, drop=True)
    made = {}
    for name, values in maps.items():
        like = image if values.shape[0] == 1 and ds.sizes["energy"] > 1 else whole
        made[name] = like.copy(data=values.reshape(like.shape)).assign_attrs(
            units="", long_name=name.replace("_", " ")
        )
    return xr.Dataset(made, attrs={"name": ds.attrs.get("name", "")})


def ts_map(
    ds: xr.Dataset,
    model: SkyModel,
    models: Model | Iterable[Model] | None = None,
    kernel_width: Any = None,
    mask: xr.DataArray | None = None,
    scheme: str = "exact",
) -> xr.Dataset:
    """Fit the norm of a test source at every pixel.

    Its PSF, shape and energy dispersion are those at the middle of the map; its exposure is
    that of each pixel. Background and other sources stay as they are.

    Parameters
    ----------
    ds : Dataset
        Map with exposure and background.
    model : SkyModel
        Test source; its position does not matter, its norm is one.
    models : Model or iterable of Model, optional
        What is known to be there; those on the dataset when absent.
    kernel_width : Quantity, str or float, optional
        Side of the square around the pixel that is looked at; plain numbers are degrees.
        All of the PSF kernel when absent.
    mask : DataArray of bool, optional
        Pixels (y, x) to do; all when absent.
    scheme : {"exact", "gammapy"}
        See `xgamma.modeling.predict.npred_signal`.

    Returns
    -------
    maps : Dataset
        Dims ``(y, x)``: ``ts``, ``sqrt_ts`` (negative where the norm is), ``norm``, ``norm_err``,
        ``flux`` and ``flux_err`` (cm-2 s-1, over the range of the energy axis), ``npred_excess``.

    Raises
    ------
    XGammaError
        If the dataset is not a map with a known background.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> maps = ts_map(example_map(), example_model())
    >>> bool(maps.sqrt_ts.max() > 20)
    True
    """
    if not isinstance(model, SkyModel):
        raise XGammaError(f"The test source must be a SkyModel, not {type(model).__name__}.")
    require(ds, "counts")
    likelihood = full_likelihood(ds, models, scheme)
    data = likelihood.data
    if not data.is_map or isinstance(likelihood, WStatLikelihood):
        raise XGammaError("A TS map needs a map dataset with a background, not an on-off spectrum.")
    mask = pixel_mask(mask, ds)
    kernels, exposure = source_kernel(data, model, kernel_width)
    pixels = np.ones(data.shape[1:], bool) if mask is None else mask.transpose("y", "x").values
    found = solve(
        data.counts, likelihood.npred(), exposure, kernels, data.mask, pixels.astype(bool)
    )
    del found["n_steps"]
    ts = np.maximum(found["ts"], 0.0)
    found["ts"], found["sqrt_ts"] = ts, np.sign(found["norm"]) * np.sqrt(ts)
    low, high = data.energy_edges[0], data.energy_edges[-1]
    flux = float(model.spectral.kernel_integral(np.array(low), np.array(high)))
    found["flux"], found["flux_err"] = found["norm"] * flux, found["norm_err"] * flux
    found["npred_excess"] = found["norm"] * source_sums(np.where(data.mask, exposure, 0.0), kernels)
    maps = as_dataset(likelihood, {name: values[None] for name, values in found.items()})
    maps = maps.isel(energy=0, drop=True) if "energy" in maps.dims else maps
    for name in ("flux", "flux_err"):
        maps[name].attrs["units"] = "s-1 cm-2"
    return maps


def source_kernel(data: Compiled, model: SkyModel, width: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel (energy, k, k) of a source at the middle, and its counts per pixel."""
    middle = model.copy()
    ny, nx = data.shape[1:]
    vector = data.vectors[:, ny // 2 + data.padding, nx // 2 + data.padding]
    lon, lat = np.degrees(np.arctan2(vector[1], vector[0])), np.degrees(np.arcsin(vector[2]))
    if middle.spatial is None:
        raise XGammaError(f"The test source {model.name!r} needs a shape, for example PointSource.")
    middle.spatial.set_position(frame_position(lon, lat, data.frame))
    term = SourceTerm(data, middle)
    term.update()
    flux = term.flux[:, None] * term.edisp
    exposure = np.einsum("tr,tyx->ryx", flux, data.exposure)
    # What falls on each pixel, over what a source with all its counts there would give.
    box = term.box
    share = term.npred / np.maximum(exposure[:, box[0], box[1]], 1e-300)
    half_y = min(ny // 2 - box[0].start, box[0].stop - 1 - ny // 2)
    half_x = min(nx // 2 - box[1].start, box[1].stop - 1 - nx // 2)
    half = min(half_y, half_x)
    if width is not None:
        reach = scalar(width, "deg", "kernel_width") / 2
        if not 0 < reach < 90:
            raise XGammaError(f"kernel_width={width!r} must be an angle between 0 and 180 deg.")
        half = min(half, round(float(np.radians(reach)) / min(data.scale)))
    cy, cx = ny // 2 - box[0].start, nx // 2 - box[1].start
    kernels = share[:, cy - half : cy + half + 1, cx - half : cx + half + 1]
    total = kernels.sum(axis=(1, 2), keepdims=True)
    return kernels / np.where(total > 0, total, 1.0), exposure


def frame_position(lon: float, lat: float, frame: str) -> Any:
    """Return a SkyCoord from degrees in a frame."""
    from astropy.coordinates import SkyCoord

    return SkyCoord(lon, lat, unit="deg", frame=frame)
