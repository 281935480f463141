"""Ring background: off counts of each pixel from a ring around it, weighted by acceptance."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr

from xgamma.background.exclusion import keep_on
from xgamma.background.registry import BackgroundRecord
from xgamma.core.arguments import number, scalar
from xgamma.core.lazy import hollow, is_lazy
from xgamma.datasets.onoff import onoff_variables, reco_dims, safe, with_variables
from xgamma.errors import UnitError, XGammaError, warn
from xgamma.model import sky
from xgamma.model.operation import later, operation
from xgamma.model.schema import require, variable_attrs
from xgamma.numerics.convolve import disk_kernel, kernel_sum, ring_kernel
from xgamma.typing import AngleLike, ExclusionLike

__all__ = ["adaptive_ring_background", "ring_background"]

MAX_ANGLE = 30.0


def angle(value: AngleLike, name: str, low: float = 0.0) -> float:
    """Return an angle in degrees.

    Raises
    ------
    UnitError
        If it has no unit, or one of another kind.
    XGammaError
        If it is not positive, or absurdly large.
    """
    if isinstance(value, (int, float, np.number)):
        raise UnitError(f"{name}={value!r} has no unit: use for example '{value} deg'.")
    degrees = scalar(value, "deg", name)
    if not low <= degrees <= MAX_ANGLE:
        raise XGammaError(
            f"{name}={value!r} is {degrees:.4g} deg: it must lie between {low:g} and {MAX_ANGLE:g} deg."
        )
    return degrees


def _inputs(ds: xr.Dataset, exclusion: ExclusionLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return safe counts, safe background, and where both may be taken as off, each (energy, y, x)."""
    require(ds, "counts")
    require(ds, "background")
    dims = reco_dims(ds)
    mask = np.asarray(safe(ds).data)
    counts = np.asarray(ds["counts"].variable.transpose(*dims).data)
    acceptance = np.asarray(ds["background"].variable.transpose(*dims).data, dtype=float)
    # Chosen, not multiplied: NaN times False is NaN.
    good = mask & np.isfinite(acceptance) & np.isfinite(counts)
    counts, acceptance = np.where(good, counts, 0), np.where(good, acceptance, 0.0)
    keep = keep_on(ds, exclusion)
    return counts, acceptance, good if keep is None else good & keep.data


def _off_images(
    counts: np.ndarray, acceptance: np.ndarray, off: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    counts_off = np.where(off, counts, 0)
    if counts_off.dtype.kind not in "iub" and (counts_off == np.rint(counts_off)).all():
        counts_off = counts_off.astype(np.int64)
    return counts_off, np.where(off, acceptance, 0.0)


def _pixels(ds: xr.Dataset, radius: float) -> tuple[float, float]:
    if "x" not in ds.dims:
        raise XGammaError(
            "A ring background requires a map: for a spectrum use reflected_background."
        )
    scale = sky.pixel_scale(ds)
    return radius / scale[0], radius / scale[1]


def _result(
    ds: xr.Dataset,
    counts_off: np.ndarray,
    acceptance: np.ndarray,
    acceptance_off: np.ndarray,
    method: str,
) -> xr.Dataset:
    """Put the off maps on the dataset; where there is no off acceptance nothing is safe."""
    before = np.asarray(safe(ds).data)
    mask = before & (acceptance_off > 0)
    if before.any() and not mask.any():
        problem = "has any acceptance outside the exclusion mask"
        cure = "Use a larger ring or a smaller exclusion"
        if method == "adaptive_ring":
            problem += " that is 1 / threshold_alpha times that of the on region"
            cure = "Use a larger r_out_max or threshold_alpha, or a smaller exclusion"
        warn(f"Run {run_name(ds)}: no ring {problem}, so no bin is safe. {cure}.")
    variables = onoff_variables(ds, counts_off, acceptance, acceptance_off)
    # Off counts of neighbours overlap: sums over pixels must not add them (see significance).
    variables["counts_off"].attrs.update(method=method, correlated=1)
    variables["mask_safe"] = xr.Variable(reco_dims(ds), mask, variable_attrs("mask_safe"))
    return with_variables(ds, variables)


def _outline(ds: xr.Dataset, method: str) -> tuple[xr.Dataset, Iterable[str]]:
    """Return the form of the on-off dataset of lazy maps, whose sums are whole where counts are."""
    require(ds, "counts", "background")
    dims = reco_dims(ds)
    whole = ds["counts"].dtype.kind in "iub"
    names = {"counts_off": int if whole else float, "acceptance": float, "acceptance_off": float}
    names |= {"mask_safe": bool}
    variables = {
        n: xr.Variable(dims, hollow((ds.sizes[d] for d in dims), dtype), variable_attrs(n))
        for n, dtype in names.items()
    }
    variables["counts_off"].attrs.update(method=method, correlated=1)
    if method == "adaptive_ring":
        variables["acceptance_region"] = variables["acceptance"].copy()
        variables["acceptance_region"].attrs = variable_attrs("acceptance_region")
    return with_variables(ds, variables), variables


def run_name(ds: xr.Dataset) -> str:
    """Return what to call a dataset in a message: its run, else its name."""
    if "obs_id" in ds and ds["obs_id"].size == 1:
        return str(ds["obs_id"].values.ravel()[0])
    return repr(str(ds.attrs.get("name", "")))


@operation
def ring_background(
    ds: xr.Dataset,
    obs: xr.DataTree | None = None,
    *,
    r_in: AngleLike,
    width: AngleLike,
    exclusion: ExclusionLike | None = None,
) -> xr.Dataset:
    """Estimate the background of each pixel from a ring around it.

    Parameters
    ----------
    ds : Dataset
        Map with counts and the background of the instrument, which serves as acceptance.
    obs : DataTree, optional
        Not used; all background methods have the same signature.
    r_in, width : Quantity or str
        Inner radius and width of the ring.
    exclusion : DataArray, regions, DS9 text or path of a .reg file, optional
        A mask that is False where there may be a signal (any frame, any size), or the regions
        to leave out.

    Returns
    -------
    ds : Dataset
        On-off map with ``counts_off`` (counts in the ring), ``acceptance`` (background of the
        pixel) and ``acceptance_off`` (background in the ring), bin by bin in energy. Only safe
        pixels count. Pixels without off acceptance become unsafe. `ds` is not modified.

    Raises
    ------
    UnitError
        If an angle has no unit.
    XGammaError
        If the ring is thinner than a pixel, or `ds` is not a map.
    MissingDataError
        If counts or background are absent.

    References
    ----------
    Berge, Funk & Hinton (2007), A&A 466, 1219.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> empty = xg.create_map((0, 0), "3 deg", "0.1 deg", xg.energy_axis(1, 10, 1))
    >>> dims, flat = ("energy", "y", "x"), np.ones((1, 30, 30))
    >>> ds = empty.assign(counts=(dims, flat.astype(int)), background=(dims, 0.5 * flat))
    >>> ring = ring_background(ds, r_in="0.5 deg", width="0.3 deg")
    >>> int(ring.counts_off[0, 15, 15]), float(ring.acceptance_off[0, 15, 15])
    (128, 64.0)
    """
    inner = angle(r_in, "r_in")
    outer = inner + angle(width, "width")
    kernel = ring_kernel(_pixels(ds, inner), _pixels(ds, outer))
    if not kernel.any():
        raise XGammaError(f"The ring of width={width!r} contains no pixel: use a wider ring.")
    if is_lazy(ds, exclusion):
        return later(*_outline(ds, "ring"))
    counts, acceptance, off = _inputs(ds, exclusion)
    off_counts, off_acceptance = _off_images(counts, acceptance, off)
    counts_off = kernel_sum(off_counts, [kernel])[0]
    acceptance_off = kernel_sum(off_acceptance, [kernel])[0]
    return _result(ds, counts_off, acceptance, acceptance_off, "ring")


def _ring_radii(
    inner: float, outer: float, width: float, step: float, method: str
) -> list[tuple[float, float]]:
    """Return inner and outer radii, degrees, of the rings that are tried in turn."""
    if method == "fixed_width":
        return [(r, r + width) for r in np.arange(inner, outer - width, step)]
    if method == "fixed_r_in":
        return [(inner, inner + w) for w in np.arange(width, outer - inner, step)]
    raise XGammaError(f"method={method!r} is not recognised: use 'fixed_width' or 'fixed_r_in'.")


@operation
def adaptive_ring_background(
    ds: xr.Dataset,
    obs: xr.DataTree | None = None,
    *,
    r_in: AngleLike,
    width: AngleLike,
    r_out_max: AngleLike,
    stepsize: AngleLike = "0.02 deg",
    threshold_alpha: float = 0.1,
    theta: AngleLike = "0.22 deg",
    method: str = "fixed_width",
    exclusion: ExclusionLike | None = None,
) -> xr.Dataset:
    """Estimate the background of each pixel from a ring that grows until it is large enough.

    Parameters
    ----------
    ds : Dataset
        Map with counts and the background of the instrument, which serves as acceptance.
    obs : DataTree, optional
        Not used; all background methods have the same signature.
    r_in, width : Quantity or str
        Inner radius and width of the smallest ring.
    r_out_max : Quantity or str
        Largest outer radius.
    stepsize : Quantity or str
        Step of the inner radius (``"fixed_width"``) or of the width (``"fixed_r_in"``).
    threshold_alpha : float
        The first ring whose alpha, for an on region of radius `theta`, does not exceed this is
        used.
    theta : Quantity or str
        Radius of the on region.
    method : {"fixed_width", "fixed_r_in"}
        Which radius grows.
    exclusion : DataArray, regions, DS9 text or path of a .reg file, optional
        As in `ring_background`.

    Returns
    -------
    ds : Dataset
        On-off map as of `ring_background`: ``acceptance`` is the background of the pixel, and
        ``acceptance_region`` that of the on region around it. Pixels for which no ring is
        large enough become unsafe, their off maps zero.

    Raises
    ------
    UnitError, XGammaError, MissingDataError
        As `ring_background`; also if no ring fits below `r_out_max`.

    Notes
    -----
    gammapy 2.1 multiplies `theta` by the pixel scale instead of dividing by it, so its on
    region is a single pixel and the first ring is nearly always large enough. Here the choice
    of the ring uses the sum over the disc. ``acceptance`` stays that of one pixel, so that
    counts, acceptance and off counts of a pixel belong together; the sum over the disc comes
    back in `significance` with ``correlation_radius=theta``.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> options = {"r_in": "0.3 deg", "width": "0.2 deg", "r_out_max": "0.9 deg"}
    >>> ds = adaptive_ring_background(example_map(), **options, stepsize="0.1 deg", theta="0.1 deg")
    >>> ds.gamma.kind
    'map_onoff'
    """
    inner, thick = angle(r_in, "r_in"), angle(width, "width")
    step = angle(stepsize, "stepsize", low=1e-6)
    radii = _ring_radii(inner, angle(r_out_max, "r_out_max"), thick, step, method)
    if not radii:
        raise XGammaError(
            f"No ring of width={width!r} fits between r_in={r_in!r} and r_out_max={r_out_max!r}: use a larger r_out_max."
        )
    kernels = [ring_kernel(_pixels(ds, a), _pixels(ds, b)) for a, b in radii]
    if is_lazy(ds, exclusion):
        return later(*_outline(ds, "adaptive_ring"))
    threshold_alpha = number(threshold_alpha, "threshold_alpha", 0)
    counts, acceptance, off = _inputs(ds, exclusion)
    off_counts, off_acceptance = _off_images(counts, acceptance, off)
    disk = disk_kernel(_pixels(ds, angle(theta, "theta")))
    on_region = kernel_sum(acceptance, [disk])[0]
    all_counts, all_acceptance = (kernel_sum(v, kernels) for v in (off_counts, off_acceptance))
    counts_off = np.zeros(counts.shape, dtype=all_counts[0].dtype)
    acceptance_off = np.zeros(counts.shape)
    undone = np.ones(counts.shape, dtype=bool)
    for ring_counts, ring_acceptance in zip(all_counts, all_acceptance, strict=True):
        enough = undone & (ring_acceptance > 0) & (on_region <= threshold_alpha * ring_acceptance)
        counts_off[enough], acceptance_off[enough] = ring_counts[enough], ring_acceptance[enough]
        undone &= ~enough
    out = _result(ds, counts_off, acceptance, acceptance_off, "adaptive_ring")
    attrs = variable_attrs("acceptance_region")
    return out.assign(acceptance_region=xr.Variable(reco_dims(ds), on_region, attrs))


RING = BackgroundRecord(
    "ring",
    "Counts in a ring around each pixel.",
    ring_background,
    kinds=("map",),
    safe_only=True,
)
ADAPTIVE_RING = BackgroundRecord(
    "adaptive_ring",
    "Counts in a ring that grows until its acceptance is sufficient.",
    adaptive_ring_background,
    kinds=("map",),
    safe_only=True,
)
