"""Maps of excess and of test statistic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xgamma.core.arguments import pixel_mask, positive
from xgamma.core.defaults import CORRELATION_RADIUS, N_SIGMA_UL, SCHEME
from xgamma.core.lazy import is_lazy, labels_of
from xgamma.errors import ArgumentTypeError, XGammaError
from xgamma.estimators.tried_source import source_everywhere
from xgamma.fitting.attached import chosen_models
from xgamma.fitting.compiled import Compiled
from xgamma.fitting.excess import Excess
from xgamma.fitting.likelihood import WStatLikelihood
from xgamma.fitting.predict import full_likelihood, labelled, result_attrs
from xgamma.fitting.reach import warn_of_short_axes
from xgamma.model.operation import later, operation
from xgamma.model.schema import require
from xgamma.modeling.models import Models
from xgamma.modeling.sky_model import SkyModel
from xgamma.numerics.ts_map import ts_map as solve
from xgamma.numerics.ts_source import source_sums
from xgamma.typing import AngleLike

if TYPE_CHECKING:
    from xgamma.fitting.likelihood import Likelihood
    from xgamma.modeling.model_base import ModelsLike

__all__ = ["excess_map", "ts_map"]


@operation
def excess_map(
    ds: xr.Dataset,
    correlation_radius: AngleLike = CORRELATION_RADIUS,
    models: ModelsLike | None = None,
    n_sigma: float = 1.0,
    n_sigma_ul: float = N_SIGMA_UL,
    errors: bool = False,
    sum_energy: bool = True,
) -> xr.Dataset:
    """Compute the excess and its significance in a disk around each pixel.

    Parameters
    ----------
    ds : Dataset
        Map, on-off or not.
    correlation_radius : Quantity, str or float
        Radius of the disk, as Quantity or number in degrees.
    models : Model or iterable of Model, optional
        Known sources, whose prediction is added to the background; by default, the models attached
        to the dataset.
    n_sigma, n_sigma_ul : float
        Confidence levels of errors and upper limits, in standard deviations.
    errors : bool
        Whether to compute asymmetric errors and upper limits, which takes longer.
    sum_energy : bool
        Whether to sum over energy first.

    Returns
    -------
    maps : Dataset
        Dims those of the counts (without ``energy`` if summed): ``counts``, ``npred`` (the expected
        counts), ``excess``, ``ts``, ``sqrt_ts`` (Li & Ma or Cash, with the sign of the excess), and
        with `errors` ``excess_errn``, ``excess_errp``, ``excess_ul``. NaN where the disk contains
        no bin inside the masks, or one that is NaN.

    Raises
    ------
    XGammaError
        If the dataset is not a map.

    Notes
    -----
    For ring backgrounds the off counts are those of the central pixel; for other methods they are
    summed over the disk, as in `xgamma.estimators.significance.significance`.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> maps = excess_map(example_map(), "0.2 deg")
    >>> round(float(maps.excess.max()))
    148
    """
    if is_lazy(ds):
        chosen_models(ds, models)
        return later(_outline(ds, errors, sum_energy))
    require(ds, "counts")
    n_sigma, n_sigma_ul = positive(n_sigma, "n_sigma"), positive(n_sigma_ul, "n_sigma_ul")
    warn_of_short_axes([ds], chosen_models(ds, models))
    likelihood = full_likelihood(ds, models, SCHEME)
    data = likelihood.data
    if not data.is_map:
        raise XGammaError("An excess map requires a map dataset, not a spectrum.")
    if correlation_radius is None:
        raise XGammaError("correlation_radius=None must be an angle between 0 and 180 deg.")
    found = Excess(likelihood, correlation_radius, sum_energy)
    out = {name: getattr(found, name) for name in ("counts", "npred", "excess", "ts", "sqrt_ts")}
    if errors:
        out["excess_errn"], out["excess_errp"] = found.errors(n_sigma)
        out["excess_ul"] = found.limit(n_sigma_ul)
    if found.onoff:
        # Without an off region nothing is known of the background.
        out = {k: np.where(found.off_and_alpha[1] > 0, v, np.nan) for k, v in out.items()}
    return as_dataset(likelihood, {k: found.known(v) for k, v in out.items()})


def _outline(ds: xr.Dataset, errors: bool, sum_energy: bool) -> xr.Dataset:
    """Return what the excess maps of lazy maps will look like."""
    names = ["counts", "npred", "excess", "ts", "sqrt_ts"]
    names += ["excess_errn", "excess_errp", "excess_ul"] if errors else []
    whole = labels_of(ds, "map", {})
    if sum_energy and ds.sizes["energy"] > 1:
        whole = whole.isel(energy=0, drop=True)
    made = {n: whole.assign_attrs(result_attrs(n.replace("_", " "))) for n in names}
    return xr.Dataset(made, attrs={"name": ds.attrs.get("name", "")})


def as_dataset(likelihood: Likelihood, maps: dict[str, np.ndarray]) -> xr.Dataset:
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


@operation
def ts_map(
    ds: xr.Dataset,
    model: SkyModel,
    models: ModelsLike | None = None,
    kernel_width: AngleLike | None = None,
    mask: xr.DataArray | None = None,
    scheme: str = SCHEME,
    errors: bool = False,
    n_sigma: float = 1.0,
    n_sigma_ul: float = N_SIGMA_UL,
) -> xr.Dataset:
    """Fit the norm of a test source at every pixel.

    Its PSF, energy dispersion and exposure are those of each place, the first two in tiles half
    as wide as the grid of the responses; its shape is that at the middle of the map. Background
    and other sources stay as they are.

    Parameters
    ----------
    ds : Dataset
        Map with exposure and background.
    model : SkyModel
        Test source with a norm of one; its position is ignored.
    models : Model or iterable of Model, optional
        Known sources; by default, the models attached to the dataset.
    kernel_width : Quantity, str or float, optional
        Side of the square around each pixel used in its fit, as Quantity or number in degrees. By
        default, the whole PSF kernel. Norms always refer to the whole source.
    mask : DataArray of bool, optional
        Pixels (y, x) to compute; by default, all.
    scheme : {"exact", "gammapy"}
        See `xgamma.fitting.predict.npred_signal`.
    errors : bool
        Whether to compute asymmetric errors and upper limits from the rise of the statistic, which
        takes 7 times as long for 60 x 60 pixels in ten energies.
    n_sigma, n_sigma_ul : float
        Confidence levels of these errors and upper limits, in standard deviations.

    Returns
    -------
    maps : Dataset
        Dims ``(y, x)``: ``ts``, ``sqrt_ts`` (negative where the norm is), ``norm``, ``norm_err``,
        ``flux`` and ``flux_err`` (cm-2 s-1, over the range of the energy axis), ``npred_excess``;
        with `errors` ``norm_errn``, ``norm_errp``, ``norm_ul`` and ``flux_ul``. For few counts
        these have their nominal coverage, whereas ``norm_err``, from the curvature, covers less.
        NaN at pixels without a bin inside the masks, and where a bin within the kernel is NaN. The
        attribute ``kernel_spacing`` (deg) is the side of the tiles; ``energy_min``, ``energy_max``
        (TeV) and ``reference_model`` (YAML) are what the norms are of.

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
        raise ArgumentTypeError(f"The test source must be a SkyModel, not {type(model).__name__}.")
    require(ds, "counts")
    warn_of_short_axes([ds], [*chosen_models(ds, models), model])
    likelihood = full_likelihood(ds, models, scheme)
    data = likelihood.data
    if not data.is_map or isinstance(likelihood, WStatLikelihood):
        raise XGammaError(
            "A TS map requires a map dataset with a background, not an on-off spectrum."
        )
    if data.weights is not None:
        raise XGammaError(
            f"The mask_fit of the dataset {data.name!r} contains weights, which TS maps do not "
            "support: use ds.assign(mask_fit=ds.mask_fit > 0)."
        )
    mask = pixel_mask(mask, ds)
    pixels = np.ones(data.shape[1:], bool) if mask is None else mask.transpose("y", "x").values
    usable, unknown = known_bins(data)
    # Outside of the masks only tails are seen, and norms are beyond all measure.
    pixels = pixels.astype(bool) & usable.any(0)
    source = source_everywhere(data, model, kernel_width, pixels)
    if unknown.any():
        around = np.ones((2 * source.half + 1,) * 2)
        pixels &= source_sums(unknown[None].astype(float), around[None]) < 0.5
    rises = None
    if errors:
        levels = positive(n_sigma, "n_sigma"), positive(n_sigma_ul, "n_sigma_ul")
        rises = levels[0] ** 2, levels[1] ** 2
    found = solve(data.counts, likelihood.npred(), source, usable, pixels, rises=rises)
    del found["n_steps"]
    ts = np.maximum(found["ts"], 0.0)
    found["ts"], found["sqrt_ts"] = ts, np.sign(found["norm"]) * np.sqrt(ts)
    low, high = data.energy_edges[0], data.energy_edges[-1]
    flux = float(model.spectral.kernel_integral(np.array(low), np.array(high)))
    for name in ("", "_err", *(["_ul"] if errors else [])):
        found[f"flux{name}"] = found[f"norm{name}"] * flux
    found["npred_excess"] = found["norm"] * found.pop("counts")
    maps = as_dataset(likelihood, {name: values[None] for name, values in found.items()})
    maps = maps.isel(energy=0, drop=True) if "energy" in maps.dims else maps
    # Responses are those of the place to half of this.
    side = source.tile_side * float(np.degrees(max(data.scale)))
    maps.attrs |= {"kernel_spacing": side, "energy_min": float(low), "energy_max": float(high)}
    maps.attrs["reference_model"] = Models([model]).to_yaml()
    for name in (n for n in map(str, maps.data_vars) if n.startswith("flux")):
        maps[name].attrs["units"] = "s-1 cm-2"
    return maps


def known_bins(data: Compiled) -> tuple[np.ndarray, np.ndarray]:
    """Return the bins (energy, y, x) to use, and pixels of which some bin to use has no number."""
    exposure = data.required("exposure", data.true_name)
    unknown = data.mask & (data.unknown | ~np.isfinite(exposure).all(axis=0))
    return data.mask & ~unknown, unknown.any(axis=0)
