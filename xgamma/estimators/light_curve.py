"""Light curves: the norm of a source in intervals of time."""

from __future__ import annotations

import itertools

import numpy as np
import xarray as xr
from astropy.time import Time

from xgamma.core.defaults import N_SIGMA_UL, SCHEME
from xgamma.datasets.rows import good_times
from xgamma.errors import MissingDataError, XGammaError, warn
from xgamma.estimators.bands import energy_bands, shared_edges
from xgamma.estimators.flux_points import PointSetup
from xgamma.fitting.attached import chosen_models, datasets_of
from xgamma.fitting.reach import warn_of_short_axes
from xgamma.model.livetime import reference_time_of
from xgamma.model.operation import DatasetsLike, operation
from xgamma.modeling.model_base import ModelsLike
from xgamma.typing import ArrayLike, EnergiesLike, TimesLike

__all__ = ["light_curve"]


@operation
def light_curve(
    data: DatasetsLike,
    source: str,
    energy_edges: EnergiesLike | None = None,
    time_intervals: TimesLike | None = None,
    models: ModelsLike | None = None,
    n_sigma: float = 1.0,
    n_sigma_ul: float = N_SIGMA_UL,
    norm_values: ArrayLike | None = None,
    refit: bool = False,
    scheme: str = SCHEME,
) -> xr.Dataset:
    """Fit the norm of a source in time intervals.

    Parameters
    ----------
    data : DataTree, or iterable or mapping of Dataset
        Datasets of one or a few observations each, with ``gti_start`` and ``gti_stop``.
    source : str
        Name of the model.
    energy_edges : Quantity, list of str or array_like, optional
        As for `flux_points`, as Quantity or number in TeV; by default, a single band of all energies.
    time_intervals : Time of shape (n, 2), optional
        A dataset belongs to the interval that contains the middle of its good time; a warning names
        datasets that extend beyond their interval. Intervals may touch but not overlap. By default,
        one interval per dataset.
    models : Model or iterable of Model, optional
        By default, the models attached to the datasets.
    n_sigma, n_sigma_ul, norm_values, refit, scheme
        See `flux_points`.

    Returns
    -------
    curve : Dataset
        As `flux_points` (the same bands in all intervals), with a dim ``time`` (middles, TT) and the coordinates ``time_lo`` and
        ``time_hi``; ``counts``, ``npred`` and ``npred_excess`` are summed over datasets.

    Raises
    ------
    MissingDataError
        If a dataset has no good time intervals, or no dataset falls into an interval.
    XGammaError
        If intervals overlap, or one ends before it starts: a run would count twice, or never.

    Examples
    --------
    >>> from xgamma.tutorial import example_map, example_model
    >>> ds = example_map().gamma.with_models(example_model())
    >>> curve = light_curve([ds], "crab")
    >>> curve.sizes["time"]
    1
    """
    datasets = datasets_of(data)
    chosen = chosen_models(data, models)
    warn_of_short_axes(datasets.values(), chosen)
    spans = {name: good_time(ds) for name, ds in datasets.items()}
    groups = time_groups(spans, time_intervals)
    # The bands are those of all datasets, so that the intervals can be compared.
    if energy_edges is None:
        energy_edges = shared_edges(datasets)[[0, -1]]
    bands = energy_bands(datasets, energy_edges)
    setup = PointSetup(chosen, source, n_sigma, n_sigma_ul, norm_values, refit, scheme)
    found = []
    for _, names in groups:
        part = {n: datasets[n] for n in names}
        found.append([setup.point(part, low, high) for low, high in bands])
    setup.check(itertools.chain(*found))
    curves = []
    for ((low, high), _), rows in zip(groups, found, strict=True):
        points = setup.assemble(rows, bands)
        summed = points[["counts", "npred", "npred_excess"]].sum("dataset", min_count=1)
        points = points.drop_dims("dataset").merge(summed)
        middle = low + (high - low) / 2
        points = points.expand_dims(time=[middle])
        curves.append(points.assign_coords(time_lo=("time", [low]), time_hi=("time", [high])))
    curve = xr.concat(curves, "time", data_vars="all", combine_attrs="override")
    return curve.assign_attrs(source=source, time_scale="tt")


def good_time(ds: xr.Dataset) -> tuple[np.datetime64, np.datetime64]:
    """Return the first start and the last stop of the good time of a dataset, TT."""
    if "gti_start" not in ds or ds.sizes.get("gti", 0) == 0:
        raise MissingDataError(
            f"The dataset {ds.attrs.get('name')!r} has no good time intervals, which a light curve requires."
        )
    zero = np.datetime64(reference_time_of(ds), "ns")
    start, stop = good_times(ds)
    first, last = round(float(start[0]) * 1e9), round(float(stop[-1]) * 1e9)
    return zero + np.timedelta64(first, "ns"), zero + np.timedelta64(last, "ns")


def time_groups(
    spans: dict[str, tuple[np.datetime64, np.datetime64]], intervals: TimesLike
) -> list[tuple[tuple[np.datetime64, np.datetime64], list[str]]]:
    """Return each interval and the datasets in it, in the order of time."""
    if intervals is None:
        ordered = sorted(spans, key=lambda name: spans[name][0])
        return [(spans[name], [name]) for name in ordered]
    edges = interval_edges(intervals)
    groups = []
    for low, high in edges:
        names = [n for n, (a, b) in spans.items() if low <= a + (b - a) / 2 < high]
        _warn_of_reaching_out({n: spans[n] for n in names}, low, high)
        if names:
            groups.append(((low, high), names))
    if not groups:
        raise MissingDataError("No dataset falls into any of the time intervals.")
    return groups


def interval_edges(intervals: TimesLike) -> np.ndarray:
    """Return time intervals as TT, datetime64, shape (n, 2), in the order given.

    Raises
    ------
    XGammaError
        If they are not pairs of times, one ends before it starts, or two overlap.
    """
    try:
        edges: np.ndarray = Time(intervals).tt.datetime64.astype("datetime64[ns]").reshape(-1, 2)
    except ValueError as error:
        raise XGammaError(
            f"time_intervals are not pairs (start, stop) of times: {str(error).splitlines()[0]}"
        ) from None
    wrong = np.flatnonzero(~(edges[:, 0] < edges[:, 1]))
    if wrong.size:
        low, high = edges[wrong[0]]
        raise XGammaError(f"The time interval {low} to {high} is empty: give (start, stop).")
    ordered = edges[np.argsort(edges[:, 0])]
    # A leap of clocks or rounding of days in Julian dates is below a microsecond.
    over = np.flatnonzero(ordered[:-1, 1] - ordered[1:, 0] > np.timedelta64(1, "us"))
    if over.size:
        one, two = ordered[over[0]], ordered[over[0] + 1]
        raise XGammaError(
            f"The time intervals {one[0]} to {one[1]} and {two[0]} to {two[1]} overlap, so runs "
            "would be counted twice: give intervals that do not."
        )
    return edges


def _warn_of_reaching_out(
    spans: dict[str, tuple[np.datetime64, np.datetime64]], low: np.datetime64, high: np.datetime64
) -> None:
    """Warn of datasets whose good time reaches out of the interval that they are put into."""
    margin = np.timedelta64(1, "s")
    out = [name for name, (a, b) in spans.items() if a < low - margin or b > high + margin]
    if out:
        warn(
            f"The good time of {', '.join(map(str, out[:5]))}{' …' if len(out) > 5 else ''} "
            f"extends beyond the time interval {low} to {high}, which contains its midpoint: "
            "all of it is counted there; create datasets of shorter times with "
            "select_events(time=...)."
        )
