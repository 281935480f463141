"""Events drawn from a dataset and its models: times, energies and positions, as GADF has them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from astropy.time import Time

from xgamma.core.arguments import generator
from xgamma.datasets.rows import good_times
from xgamma.errors import MissingDataError, XGammaError
from xgamma.fitting.attached import chosen_models
from xgamma.fitting.background_terms import BackgroundTerm, TemplateTerm
from xgamma.fitting.compiled import Compiled
from xgamma.fitting.evaluator import SourceTerm
from xgamma.fitting.likelihood import background_model
from xgamma.model import sky
from xgamma.model.operation import operation
from xgamma.modeling.count_models import TemplateNPred
from xgamma.modeling.model_base import ModelsLike
from xgamma.modeling.sky_model import SkyModel
from xgamma.modeling.spatial import PointSource
from xgamma.numerics import sampling
from xgamma.simulate.sampled_run import Columns, as_observation, inside_map
from xgamma.typing import SeedLike

__all__ = ["sample_events"]

# Steps within a bin of true energy in which the spectrum is followed.
STEPS = 32
# Events handled at once: bounds the memory.
CHUNK = 50_000


@operation
def sample_events(
    ds: xr.Dataset,
    seed: SeedLike,
    models: ModelsLike | None = None,
    obs_id: int = 1,
) -> xr.DataTree:
    """Draw events from the models and the background of a map dataset.

    The numbers of events are Poisson distributed. True positions follow brightness times exposure,
    up to one PSF kernel beyond the borders of the map; true energies follow the spectrum, and times
    the time profile within the good time intervals. The PSF and energy dispersion of the nearest
    node of their grid then smear positions and energies. Events of the background and of
    `TemplateNPred` are uniform within their bin. Events smeared out of the map or the energy axis
    are lost. The dead time is that of the dataset.

    Parameters
    ----------
    ds : Dataset
        Map with exposure, good time intervals, and PSF, dispersion and background where known.
    seed : int or `numpy.random.Generator`
        Seed or random number generator.
    models : Model or iterable of Model, optional
        By default, the models attached to the dataset.
    obs_id : int
        Number of the run.

    Returns
    -------
    obs : DataTree
        An observation with the groups ``events`` (``event_id``, ``time``, ``ra``, ``dec``,
        ``energy``, ``mc_id``: 0 background, 1, 2, … the sources, ``energy_true``, ``ra_true``,
        ``dec_true``: NaN for background), ``gti`` and ``pointing``:
        `xgamma.dl3.writer.write_observation` takes it.

    Raises
    ------
    XGammaError
        If the dataset is not a map.
    MissingDataError
        If it has no good time intervals.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> events = sample_events(ds, seed=0)["events"]
    >>> list(events.data_vars)[:4]
    ['event_id', 'time', 'ra', 'dec']
    """
    data = Compiled(ds)
    if not data.is_map:
        raise XGammaError("Simulating events requires a map dataset: a spectrum has no positions.")
    if data.gti is None or data.gti[0].size == 0:
        raise MissingDataError(
            f"The dataset {data.name!r} has no good time intervals, so no event times can be drawn."
        )
    rng = generator(seed)
    chosen = chosen_models(ds, models).select(data.name)
    parts = []
    data.require_background()
    if data.background is not None:
        background = BackgroundTerm(data, background_model(chosen, data.name))
        background.update()
        parts.append(binned_events(rng, data, background.npred, 0))
    sources = [m for m in chosen if isinstance(m, (SkyModel, TemplateNPred))]
    for number, model in enumerate(sources, 1):
        if isinstance(model, TemplateNPred):
            template = TemplateTerm(data, model)
            template.update()
            parts.append(binned_events(rng, data, template.npred, number))
        else:
            parts.append(source_events(rng, data, model, number))
    table = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]} if parts else empty()
    order = np.argsort(table["time"], kind="stable")
    return as_observation(data, {k: v[order] for k, v in table.items()}, sources, obs_id)


def empty() -> Columns:
    """Return no events."""
    names = ("time", "ra", "dec", "energy", "mc_id", "energy_true", "ra_true", "dec_true")
    return {name: np.zeros(0) for name in names}


def draw_times(
    rng: np.random.Generator, data: Compiled, size: int, model: SkyModel | None = None
) -> np.ndarray:
    """Draw times inside the good time intervals, following a time profile if there is one."""
    gti = np.stack(good_times(data.ds), axis=1)
    lengths = gti[:, 1] - gti[:, 0]
    if model is None or model.temporal is None:
        which = draw_intervals(rng, lengths, size)
        values: np.ndarray = gti[which, 0] + rng.random(size) * lengths[which]
        return values
    assert data.gti is not None
    profile = model.temporal
    start, stop = (profile.mjd(Time(t, format="mjd", scale=data.gti[2])) for t in data.gti[:2])
    which = draw_intervals(rng, profile.kernel_integral(start, stop), size)
    days = profile.kernel_quantile(start[which], stop[which], rng.random(size))
    values = gti[which, 0] + 86400.0 * days
    return values


def draw_intervals(rng: np.random.Generator, weights: np.ndarray, size: int) -> np.ndarray:
    """Draw the numbers of intervals with probabilities proportional to weights."""
    passed = np.cumsum(weights)
    which = np.searchsorted(passed, rng.random(size) * passed[-1], side="right")
    values: np.ndarray = np.minimum(which, weights.size - 1)
    return values


def to_icrs(data: Compiled, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascension and declination of pixels counted from the first of the map."""
    label_y, label_x = data.label(y, x)  # type: ignore[arg-type]
    at = sky.pix_to_world(data.ds, label_x, label_y).icrs
    return np.atleast_1d(at.ra.deg), np.atleast_1d(at.dec.deg)


def binned_events(
    rng: np.random.Generator, data: Compiled, npred: np.ndarray, number: int
) -> Columns:
    """Draw events of predicted counts, uniform in position and in log energy within a bin."""
    e, y, x = sampling.draw_cells(rng, np.maximum(npred, 0.0))
    low, high = np.log(data.energy_edges[e]), np.log(data.energy_edges[e + 1])
    n = e.size
    ra, dec = to_icrs(data, y + rng.random(n) - 0.5, x + rng.random(n) - 0.5)
    nothing = np.full(n, np.nan)
    return {
        "time": draw_times(rng, data, n),
        "ra": ra,
        "dec": dec,
        "energy": np.exp(low + rng.random(n) * (high - low)),
        "mc_id": np.full(n, number, dtype=np.int64),
        "energy_true": nothing,
        "ra_true": nothing,
        "dec_true": nothing,
    }


def source_events(
    rng: np.random.Generator, data: Compiled, model: SkyModel, number: int
) -> Columns:
    """Draw the events of one source and take them through PSF and dispersion."""
    e, py, px = photons(rng, data, model)
    n = e.size
    true_energy = draw_energies(rng, data, model, e)
    if isinstance(model.spatial, PointSource):
        at = model.spatial.position.icrs
        ra, dec = np.full(n, at.ra.deg), np.full(n, at.dec.deg)
    else:
        ra, dec = to_icrs(data, py, px)
    node = nearest_nodes(data, py, px)
    energy = disperse(rng, data, e, true_energy, node, model.apply_irf["edisp"])
    moved = spread(rng, data, e, node, ra, dec) if model.apply_irf["psf"] else (ra, dec)
    keep = np.isfinite(energy) & inside_map(data, *moved)
    columns = {
        "time": draw_times(rng, data, n, model),
        "ra": moved[0],
        "dec": moved[1],
        "energy": energy,
        "mc_id": np.full(n, number),
        "energy_true": true_energy,
        "ra_true": ra,
        "dec_true": dec,
    }
    return {k: v[keep] for k, v in columns.items()}


def photons(
    rng: np.random.Generator, data: Compiled, model: SkyModel
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw true photons: bins of true energy, and pixels (y, x), beyond the map as far as its PSF."""
    bare = model.copy()
    bare.apply_irf = {**model.apply_irf, "psf": False}
    term = SourceTerm(data, bare)
    term.update()
    shape = bare.spatial
    y, x = term.pixel_of(shape)
    if not isinstance(shape, PointSource):
        ys, xs = term.support(shape, y, x)
        emitted = term.emitted(shape, ys, xs)
        e, rows, columns = sampling.draw_cells(
            rng, np.maximum(term.flux[:, None, None] * emitted, 0)
        )
        py, px = (
            cells + part.start - data.padding + rng.random(e.size) - 0.5
            for cells, part in ((rows, ys), (columns, xs))
        )
        return e, py, px
    reach = data.padding + 0.5
    near = all(-reach <= at < n + reach for at, n in zip((y, x), data.shape[1:], strict=True))
    exposure = data.exposure_at(y, x) if near and model.apply_irf["exposure"] else float(near)
    (e,) = sampling.draw_cells(rng, np.maximum(term.flux * exposure, 0.0))
    return e, np.full(e.size, y), np.full(e.size, x)


def draw_energies(
    rng: np.random.Generator, data: Compiled, model: SkyModel, bins: np.ndarray
) -> np.ndarray:
    """Draw true energies within their bins, along the spectrum."""
    low, high = np.log(data.true_edges[:-1]), np.log(data.true_edges[1:])
    fraction: np.ndarray = np.linspace(0.0, 1.0, STEPS + 1)
    edges = np.exp(low[:, None] + (high - low)[:, None] * fraction)
    density = model.spectral.kernel_integral(edges[:, :-1], edges[:, 1:])
    at = np.empty(bins.size)
    for part in chunks(bins.size):
        rows = density[bins[part]]
        at[part] = sampling.sample_rows(rng.random(len(rows)), fraction, rows)
    values: np.ndarray = np.exp(low[bins] + at * (high - low)[bins])
    return values


def chunks(size: int) -> list[slice]:
    """Cut a range into pieces of bounded size."""
    return [slice(i, min(i + CHUNK, size)) for i in range(0, size, CHUNK)]


def nearest_nodes(data: Compiled, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes (y, x) of the coarse grid nearest to pixels."""
    nodes = []
    for value, labels in zip(data.label(y, x), data.irf_labels, strict=True):  # type: ignore[arg-type]
        step = labels[1] - labels[0] if labels.size > 1 else 1.0
        nodes.append(np.clip(np.rint((value - labels[0]) / step), 0, labels.size - 1).astype(int))
    return nodes[0], nodes[1]


def on_grid(node: tuple[np.ndarray, np.ndarray], irf: np.ndarray) -> list[np.ndarray]:
    """Hold nodes inside the grid of a response, which may be one for the whole map."""
    return [np.asarray(np.minimum(i, n - 1)) for i, n in zip(node, irf.shape[2:], strict=True)]


def disperse(
    rng: np.random.Generator,
    data: Compiled,
    bins: np.ndarray,
    true_energy: np.ndarray,
    node: tuple[np.ndarray, np.ndarray],
    apply: bool,
) -> np.ndarray:
    """Draw reconstructed energies; NaN where they leave the axis."""
    if not apply or "edisp" not in data.ds:
        edges = data.energy_edges
        inside = (true_energy >= edges[0]) & (true_energy < edges[-1])
        return np.where(inside, true_energy, np.nan)
    kernel = data.edisp
    cumulative = np.cumsum(np.maximum(kernel, 0.0), axis=1)
    energy = np.full(bins.size, np.nan)
    low, high = np.log(data.energy_edges[:-1]), np.log(data.energy_edges[1:])
    iy, ix = on_grid(node, kernel)
    for part in chunks(bins.size):
        rows = cumulative[bins[part], :, iy[part], ix[part]]
        reco = np.sum(rows <= rng.random(len(rows))[:, None], axis=1)
        found = reco < low.size
        at = np.where(found, reco, 0)
        drawn = np.exp(low[at] + rng.random(at.size) * (high - low)[at])
        energy[part] = np.where(found, drawn, np.nan)
    return energy


def spread(
    rng: np.random.Generator,
    data: Compiled,
    bins: np.ndarray,
    node: tuple[np.ndarray, np.ndarray],
    ra: np.ndarray,
    dec: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Move positions by radii drawn from the PSF, in any direction."""
    if data.psf is None:
        return ra, dec
    psf = data.psf
    iy, ix = on_grid(node, psf)
    radius = np.zeros(bins.size)
    for part in chunks(bins.size):
        rows = psf[bins[part], :, iy[part], ix[part]]
        # Rings of equal brightness: uniform in the square of the radius.
        squared = sampling.sample_rows(rng.random(len(rows)), data.rad_edges**2, rows)
        radius[part] = np.degrees(np.sqrt(np.nan_to_num(squared)))
    return sampling.offset_by(ra, dec, 360.0 * rng.random(bins.size), radius)
