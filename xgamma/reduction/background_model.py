"""Make a background model from runs: each counted where the runs are reduced, then pooled."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.acceptance.field_counts import count_field
from xgamma.acceptance.field_grid import FieldGrid, field_grid
from xgamma.acceptance.rates import Pooling, pool
from xgamma.core.arguments import choice, number, scalar
from xgamma.core.defaults import ALIGNMENT
from xgamma.core.ends import signals_clean_up
from xgamma.core.units import to_value
from xgamma.errors import AxisError, XGammaError
from xgamma.model.operation import operation
from xgamma.reduction.fold import Job
from xgamma.reduction.places import SchedulerLike, Work
from xgamma.reduction.runs import RunsLike, runs_of
from xgamma.reduction.sums import each
from xgamma.typing import AngleLike, AnglesLike, ExclusionLike

__all__ = ["background_model"]


@operation
def background_model(
    observations: RunsLike | xr.DataTree,
    energy: xr.DataArray,
    exclusion: ExclusionLike = None,
    *,
    offset: AnglesLike | None = None,
    field: AnglesLike | None = None,
    alignment: str = ALIGNMENT,
    zenith: AnglesLike | None = None,
    azimuth: AnglesLike | None = None,
    normalize: bool = True,
    min_counts: float = 100.0,
    smooth: AngleLike | None = None,
    errors: str = "raise",
    progress: bool | None = None,
    workers: int | None = None,
    scheduler: SchedulerLike = None,
) -> xr.Dataset:
    """Make a background model from the events of runs.

    Parameters
    ----------
    observations : Store or iterable of DataTree
        Runs: without sources, or with sources that `exclusion` leaves out. What an exclusion hides
        in one run, the others show, if they point elsewhere or the model is radial.
    energy : DataArray
        Axis of reconstructed energy, dims ``(energy,)``.
    exclusion : DataArray, regions, DS9 text or path of a .reg file, optional
        Sources to leave out: regions, or a boolean mask that is False there.
    offset : Quantity or array_like, optional
        Edges of the offset, in degrees, for a radial model (GADF BKG_2D). By default 0 to 2.5 deg
        in steps of 0.25 deg.
    field : Quantity or array_like, optional
        Instead, edges of both field-of-view coordinates, for a model in the plane of the camera
        (GADF BKG_3D), for example ``np.linspace(-2.5, 2.5, 21)``.
    alignment : {"RADEC", "ALTAZ"}
        With `field`: the axes are those of right ascension and declination, or of azimuth and
        altitude, in which the field turns during a run.
    zenith, azimuth : Quantity or array_like, optional
        Edges in degrees: one rate for each bin. Azimuths wrap around: ``[-90, 90, 270]`` is north
        and south. A run of another zenith angle gets a rate interpolated in its cosine.
    normalize : bool
        Whether the rate of each run is free, so that only its shape is averaged. Without it, a run
        in bad weather, with sources in the middle of its field, bends the shape.
    min_counts : float
        Where an energy has fewer counts than this in a bin of the field (on average), its shape
        is taken from as many energies around it as are needed; its total is its own.
    smooth : Quantity, str or float, optional
        Width (sigma) of a Gaussian, in degrees, by which counts and exposure are smoothed along the
        axes of the field.
    errors : {"raise", "warn"}
        Whether a run that cannot be read raises an error, or is left out with a warning.
    progress, workers, scheduler
        As in `reduce`: the runs are counted in threads, processes or on a cluster.

    Returns
    -------
    model : Dataset
        A response of GADF's class BKG_2D or BKG_3D, with units and attributes: ``bkg`` (MeV-1 s-1
        sr-1), ``bkg_err`` (its statistical error, without that of the run norms) and ``events``,
        dims ``([zenith, azimuth,] energy, offset)`` or ``(..., energy, dety, detx)``; and rows
        along ``obs``: ``obs_id``, ``obs_norm`` (background relative to the mean of its bin),
        ``obs_ontime``, ``obs_zenith``, ``obs_azimuth``.

    Raises
    ------
    XGammaError
        If no run is left, no counts are left outside the exclusions, or bins are empty.

    See Also
    --------
    xgamma.acceptance.in_run.with_background : Put the model into a run.
    reduce : Takes the model as ``background_model=``.

    Notes
    -----
    The rate is that of the largest Poisson likelihood: counts over exposure (time multiplied by
    solid angle outside the exclusions), with a norm for each run. Values are those at the bin
    centres such that the interpolation in `fill_background` gives the measured means in the bins,
    with a power law in each energy bin [1]_. See docs/science/background.md.

    References
    ----------
    .. [1] S. Mohrmann et al., "Validation of open-source science tools and background model
       construction in gamma-ray astronomy", A&A 632, A72 (2019), `doi:10.1051/0004-6361/201936452
       <https://doi.org/10.1051/0004-6361/201936452>`_

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> runs = [simulate_observation("83.63d 22.51d", seed=i, obs_id=i) for i in (1, 2)]
    >>> axis = xg.energy_axis("0.5 TeV", "10 TeV", 5)
    >>> crab = "icrs;circle(83.63, 22.01, 0.3)"
    >>> model = background_model(runs, axis, crab, offset=[0, 0.5, 1, 1.5, 2], progress=False)
    >>> model.bkg.dims
    ('energy', 'offset')
    """
    choice(errors, "errors", ("raise", "warn"))
    grid = field_grid(energy, offset, field, alignment)
    how = Pooling(
        _edges(zenith, "zenith", 0.0, 180.0),
        _edges(azimuth, "azimuth", -360.0, 720.0),
        bool(normalize),
        number(min_counts, "min_counts", 0.0),
        _width(smooth, grid),
    )
    job = Job(
        xr.Dataset(),
        {"grid": grid, "exclusion": exclusion},
        errors,
        stack=False,
        function=_counted,
    )
    with signals_clean_up():
        runs = list(each(runs_of(observations), job, Work(scheduler, workers, progress)))
    return pool(runs, grid, how)


def _counted(
    obs: xr.DataTree, into: xr.Dataset, grid: FieldGrid, exclusion: ExclusionLike
) -> xr.Dataset:
    return count_field(obs, grid, exclusion)


def _edges(value: AnglesLike | None, name: str, low: float, high: float) -> np.ndarray | None:
    if value is None:
        return None
    edges = np.atleast_1d(np.asarray(to_value(value, "deg", name), dtype=float))
    sound = edges.ndim == 1 and edges.size > 1 and bool(np.isfinite(edges).all())
    if not (sound and (np.diff(edges) > 0).all() and edges[0] >= low and edges[-1] <= high):
        raise AxisError(
            f"{name}= must be two or more increasing edges from {low:g} to {high:g} deg."
        )
    if name == "azimuth" and edges[-1] - edges[0] > 360.0:
        raise AxisError("azimuth= covers more than a turn: use edges such as [-90, 90, 270].")
    return edges


def _width(smooth: AngleLike | None, grid: FieldGrid) -> float:
    if smooth is None:
        return 0.0
    width = scalar(smooth, "deg", "smooth")
    if width < 0:
        raise XGammaError(f"smooth={smooth!r} must not be negative.")
    for dim, edges in grid.field.items():
        steps = np.diff(edges)
        if not np.allclose(steps, steps[0]):
            raise XGammaError(f"smooth= needs bins of equal width along {dim}: choose other edges.")
    return width
