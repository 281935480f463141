"""Simulated runs: events drawn through known responses, for tests, tutorials and studies."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xgamma.core.defaults import AMPLITUDE, BACKGROUND_KIND, INDEX, LIVETIME, OFFSET, REFERENCE
from xgamma.core.units import position, to_value
from xgamma.dl3.writer import write_store
from xgamma.errors import XGammaError
from xgamma.irf.registry import response_groups
from xgamma.numerics.sampling import offset_by
from xgamma.simulate.event_lists import draw_events, event_group, no_events
from xgamma.simulate.simulated_responses import simulated_irfs
from xgamma.simulate.simulated_run import (
    gti_group,
    intervals,
    pointing_group,
    run_keywords,
)
from xgamma.simulate.simulated_source import SimulatedSource
from xgamma.typing import AngleLike, DurationLike, EnergyLike, PositionLike, ScalarLike, TimeLike

if TYPE_CHECKING:
    from xgamma.simulate.simulated_source import SourcesLike

__all__ = ["simulate_observation", "simulate_store", "wobble_pointings"]

CRAB = "83.63d 22.01d"
START = "2020-01-01T12:00:00"


def wobble_pointings(
    target: PositionLike = CRAB, offset: AngleLike = OFFSET
) -> list[tuple[float, float]]:
    """Return the four pointings around a target: north, south, east and west of it.

    Parameters
    ----------
    target : SkyCoord, str or (lon, lat)
        The target.
    offset : Quantity, str or float
        Their distance from it, as Quantity or number in degrees.

    Returns
    -------
    pointings : list of (float, float)
        ICRS right ascension and declination in degrees.

    Examples
    --------
    >>> [(round(ra, 2), round(dec, 2)) for ra, dec in wobble_pointings((83.63, 0.0))]
    [(83.63, 0.5), (83.63, -0.5), (84.13, 0.0), (83.13, 0.0)]
    """
    center = position(target).icrs
    angle = np.array([0.0, 180.0, 90.0, 270.0])
    distance = np.full(4, to_value(offset, "deg", "offset"))
    ra, dec = offset_by(np.full(4, center.ra.deg), np.full(4, center.dec.deg), angle, distance)
    # Adding zero turns a negative zero into zero.
    return [(float(a), float(np.round(d, 12)) + 0.0) for a, d in zip(ra, dec, strict=True)]


def simulate_observation(
    pointing: PositionLike | None = None,
    source: SourcesLike = CRAB,
    *,
    amplitude: ScalarLike = AMPLITUDE,
    index: float = INDEX,
    reference: EnergyLike = REFERENCE,
    sigma: AngleLike | None = None,
    livetime: DurationLike = LIVETIME,
    dead_time: float = 0.06,
    n_gti: int = 1,
    start: TimeLike = START,
    number: int = 0,
    obs_id: int | None = None,
    target: PositionLike | None = None,
    background: str = BACKGROUND_KIND,
    irfs: Mapping[str, Any] | xr.DataTree | None = None,
    events: bool = True,
    seed: int = 0,
) -> xr.DataTree:
    """Simulate one run.

    Events are drawn through the tables of the responses as multilinear interpolation
    defines them (axes of energy and background rates in logarithms), so an analysis of
    the run recovers the source. Source events are counted in livetime, background events
    in ontime. One seed gives one result; background and sources have their own random
    streams, so the background of a run does not depend on its sources.

    Parameters
    ----------
    pointing : SkyCoord, str or (lon, lat), optional
        Pointing position. By default, half a degree north of the target (the Crab's position when there
        is none).
    source : position, SimulatedSource, list of them, or None
        What shines. For a position the spectrum and the width are those of the next
        arguments; None gives a run with background only.
    amplitude : Quantity, str or float
        Flux density at `reference`; a number is in cm-2 s-1 TeV-1.
    index : float
        Index of the power law.
    reference : Quantity, str or float
        Reference energy; a number is in TeV.
    sigma : Quantity, str or float, optional
        Width of a Gaussian source, as Quantity or number in degrees.
    livetime : Quantity, str or float
        Livetime; a number is in seconds. The ontime is ``livetime / (1 - dead_time)``.
    dead_time : float
        Fraction of the time that is lost.
    n_gti : int
        Number of good time intervals, with gaps of 30 s between them.
    start : Time or str
        Runs are taken after it, around the culmination of the target.
    number : int
        Number of the run from 0: it chooses time and random stream.
    obs_id : int, optional
        Identifier. By default, ``number + 1``.
    target : position, optional
        Target of the run. By default, the first source.
    background : {"2d", "3d", "none"}
        Class of the background, for the responses made here.
    irfs : mapping of str to Dataset, or DataTree, optional
        Responses, or an observation that has them. By default, those of `simulated_irfs`.
    events : bool
        Whether events are drawn; if not, the event list is empty.
    seed : int
        Seed.

    Returns
    -------
    obs : DataTree
        An observation with groups ``events`` (with ``mc_id``: 0 background, 1, 2, … the
        source), ``gti``, ``pointing`` and the responses.

    Raises
    ------
    XGammaError
        If an argument is out of range, or the responses are of a class that events
        cannot be drawn from.

    See Also
    --------
    simulate_store : Write a store of such runs.

    Examples
    --------
    >>> obs = simulate_observation(livetime="5 min")
    >>> obs.name, round(obs.attrs["LIVETIME"], 3)
    ('1', 300.0)
    >>> sorted(obs.children)
    ['aeff', 'bkg', 'edisp', 'events', 'gti', 'pointing', 'psf']
    """
    sources = _sources(source, amplitude, index, reference, sigma)
    aim = _target(target, sources)
    direction = wobble_pointings(aim or CRAB)[0] if pointing is None else _lonlat(pointing)
    responses = _responses(irfs, background)
    gti = intervals(livetime, dead_time, n_gti, number, start, (aim or direction)[0])
    keywords = run_keywords(
        number + 1 if obs_id is None else obs_id, direction, aim, gti, dead_time
    )
    table = no_events()
    if events:
        stream = np.random.SeedSequence(seed, spawn_key=(number,))
        table = draw_events(stream, sources, responses, direction, keywords, gti)
    groups = {
        "/": xr.Dataset(attrs=keywords),
        "/events": event_group(table),
        "/gti": gti_group(gti),
        "/pointing": pointing_group(keywords),
    }
    groups |= {f"/{name}": irf for name, irf in responses.items()}
    return xr.DataTree.from_dict(groups, name=str(keywords["OBS_ID"]))


def simulate_store(
    path: str | os.PathLike[str],
    n_runs: int | None = None,
    livetime: DurationLike = LIVETIME,
    source: SourcesLike = CRAB,
    *,
    offset: AngleLike = OFFSET,
    pointings: Sequence[Any] | None = None,
    target: PositionLike | None = None,
    background: str = BACKGROUND_KIND,
    irfs: Mapping[str, Any] | xr.DataTree | None = None,
    overwrite: bool = False,
    compress: bool = True,
    **kwargs: Any,
) -> Path:
    """Simulate runs and write them as a GADF store.

    Runs are made and written one by one, so thousands need the memory of one; the first
    runs of a longer series are those of a shorter one.

    Parameters
    ----------
    path : path-like
        Folder of the store; made if need be.
    n_runs : int, optional
        Number of runs. By default, as many as `pointings`, or 4 without them.
    livetime : Quantity, str or float
        Livetime of each run; a number is in seconds.
    source : position, SimulatedSource, list of them, or None
        As in `simulate_observation`.
    offset : Quantity, str or float
        Distance of the wobble positions (north, south, east, west, in turn) from the target, as Quantity or number
        in degrees.
    pointings : sequence of positions, optional
        Pointings to use in turn instead of wobble positions.
    target : position, optional
        Centre of the wobble positions. By default, the first source, or the Crab's
        position without a source.
    background : {"2d", "3d", "none"}
        Class of the background, for the responses made here.
    irfs : mapping of str to Dataset, or DataTree, optional
        Responses, or an observation that has them. By default, those of `simulated_irfs`.
    overwrite : bool
        Whether an existing store may be replaced.
    compress : bool
        Whether data files are compressed.
    **kwargs : dict
        Further arguments of `simulate_observation`: ``amplitude``, ``index``, ``reference``,
        ``sigma``, ``dead_time``, ``n_gti``, ``start``, ``events``, ``seed``.

    Returns
    -------
    path : `~pathlib.Path`
        The folder.

    Raises
    ------
    XGammaError
        If there is a store and `overwrite` is False, or an argument is out of range.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = simulate_store(folder, n_runs=2, livetime="1 min", seed=1)
    ...     sorted(p.name for p in (store / "data").iterdir())
    ['obs_000001.fits.gz', 'obs_000002.fits.gz']
    """
    for name in ("number", "obs_id"):
        if name in kwargs:
            raise XGammaError(f"simulate_store sets the run numbers itself: omit '{name}'.")
    count = n_runs if n_runs is not None else len(pointings) if pointings is not None else 4
    if count < 1 or (pointings is not None and len(pointings) == 0):
        raise XGammaError("A store requires at least one run: check n_runs and pointings.")
    names = ("amplitude", "index", "reference", "sigma")
    sources = _sources(source, **{**SPECTRUM, **{k: kwargs.pop(k) for k in names if k in kwargs}})
    aim = _target(target, sources)
    if pointings is None:
        pointings = wobble_pointings(aim or CRAB, offset)
    responses = _responses(irfs, background)

    def runs() -> Iterator[xr.DataTree]:
        for number in range(count):
            yield simulate_observation(
                pointings[number % len(pointings)],
                sources,
                livetime=livetime,
                number=number,
                target=aim,
                irfs=responses,
                **kwargs,
            )

    return write_store(runs(), path, overwrite=overwrite, compress=compress)


SPECTRUM: dict[str, Any] = {
    "amplitude": AMPLITUDE,
    "index": INDEX,
    "reference": REFERENCE,
    "sigma": None,
}


def _sources(
    source: SourcesLike,
    amplitude: ScalarLike,
    index: float,
    reference: EnergyLike,
    sigma: AngleLike,
) -> list[SimulatedSource]:
    if source is None:
        return []
    if isinstance(source, SimulatedSource):
        return [source]
    if isinstance(source, list):
        for one in source:
            if not isinstance(one, SimulatedSource):
                raise XGammaError(
                    f"The list of sources contains {one!r}: give a SimulatedSource for each."
                )
        return source
    return [SimulatedSource(source, amplitude, index, reference, sigma)]


def _responses(
    irfs: xr.DataTree | Mapping[str, xr.Dataset] | None, background: str
) -> dict[str, xr.Dataset]:
    """Return the groups that are responses, loaded."""
    if irfs is None:
        return simulated_irfs(background)
    if isinstance(irfs, xr.DataTree):
        irfs = {name: node.to_dataset() for name, node in irfs.children.items()}
    return {name: irf.load() for name, irf in irfs.items() if name in response_groups()}


def _lonlat(value: PositionLike) -> tuple[float, float]:
    place = position(value).icrs
    return float(place.ra.deg), float(place.dec.deg)


def _target(target: PositionLike, sources: list[SimulatedSource]) -> tuple[float, float] | None:
    if target is not None:
        return _lonlat(target)
    return (sources[0].lon, sources[0].lat) if sources else None
