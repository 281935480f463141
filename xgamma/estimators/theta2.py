"""Theta-squared distribution: events against squared distance from a source, on and off."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xgamma.core.arguments import interval, positive, scalar, whole
from xgamma.core.units import position as parse_position
from xgamma.datasets.onoff import ratio
from xgamma.dl3 import observation
from xgamma.errors import XGammaError, warn
from xgamma.makers.counts import event_columns
from xgamma.model.axes import axis_coords
from xgamma.model.make_axes import axis_from_edges
from xgamma.model.operation import operation
from xgamma.numerics import sphere
from xgamma.numerics.statistics import li_ma
from xgamma.numerics.tangent import Plane
from xgamma.typing import PositionLike, ScalarLike

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

__all__ = ["theta2"]


def _off_vectors(pointing: np.ndarray, source: np.ndarray, number: int) -> np.ndarray:
    """Return the source turned around the pointing, evenly, shape (3, number)."""
    lon, lat = (float(v) for v in sphere.vector_to_lonlat(pointing))
    plane = Plane(lon, lat, 1.0)
    angles = np.arange(1, number + 1) * 2.0 * np.pi / (number + 1)
    return plane.deproject(plane.project(source) * np.exp(1j * angles))


def _vector(position: SkyCoord, name: str) -> np.ndarray:
    at = position.icrs
    if at.size != 1:
        raise XGammaError(f"{name}= must be one position, not {at.size}.")
    return sphere.lonlat_to_vector(at.ra.deg.reshape(()), at.dec.deg.reshape(()))


def _off_vector(position_off: PositionLike, n_off: int) -> np.ndarray:
    """Return the one off position that is given, shape (3, 1)."""
    if n_off != 1:
        raise XGammaError(
            f"n_off={n_off} and position_off= are both given: give the number of rotated off positions or one off position, not both."
        )
    return _vector(parse_position(position_off), "position_off")[:, np.newaxis]


@operation
def theta2(
    observations: Iterable[xr.DataTree],
    position: PositionLike,
    max: ScalarLike = "0.2 deg2",
    nbin: int = 20,
    n_off: int = 1,
    position_off: PositionLike | None = None,
    energy: tuple[Any, Any] | None = None,
) -> xr.Dataset:
    """Count events in bins of the squared distance from a position, and from off positions.

    Parameters
    ----------
    observations : Store or iterable of DataTree
        Runs.
    position : SkyCoord, str or (lon, lat)
        Source; strings and pairs are ICRS.
    max : Quantity, str or float
        Largest squared distance, square degrees.
    nbin : int
        Number of bins.
    n_off : int
        Number of off positions per run, evenly spaced around the pointing.
    position_off : SkyCoord, str or (lon, lat), optional
        One off position for all runs instead of those of `n_off`.
    energy : (lo, hi), optional
        Reconstructed energies, as Quantity or number in TeV, None leaves an end open.

    Returns
    -------
    table : Dataset
        Along ``theta2``: ``counts``, ``counts_off``, ``acceptance``, ``acceptance_off``,
        ``alpha``, ``excess`` and ``significance`` (Li & Ma); ``obs_id`` of the runs used.
        A warning names a run whose discs around the on and off positions overlap.

    Raises
    ------
    XGammaError
        If an option is not usable, or both `n_off` and `position_off` are given.

    Examples
    --------
    >>> from xgamma.dl3 import simulate_observation
    >>> runs = [simulate_observation("83.63d 22.51d", seed=i, obs_id=i) for i in (1, 2)]
    >>> table = theta2(runs, (83.63, 22.01), max="0.1 deg2", nbin=5)
    >>> table.counts.sizes["theta2"], table.alpha.values[0]
    (5, np.float64(1.0))
    """
    nbin, n_off = whole(nbin, "nbin"), whole(n_off, "n_off")
    largest = positive(scalar(max, "deg2", "max"), "max")
    edges = np.linspace(0.0, largest, nbin + 1)
    source = _vector(parse_position(position), "position")
    fixed = None if position_off is None else _off_vector(position_off, n_off)
    limits = (-np.inf, np.inf) if energy is None else interval(energy, "TeV", "energy")
    on, off = np.zeros(nbin, dtype=np.int64), np.zeros(nbin, dtype=np.int64)
    weighted, regions, ids = np.zeros(nbin), 0, []
    for obs in observations:
        ra, dec, energies = event_columns(obs)
        keep = (energies >= limits[0]) & (energies < limits[1])
        vectors = sphere.lonlat_to_vector(ra[keep], dec[keep])
        pointing = _vector(observation.pointing(obs), "pointing")
        centers = _off_vectors(pointing, source, n_off) if fixed is None else fixed
        _warn_overlap(obs, source, centers, largest)
        on += np.histogram(sphere.separation(vectors, source) ** 2, edges)[0]
        run_off = np.zeros(nbin, dtype=np.int64)
        for k in range(centers.shape[1]):
            run_off += np.histogram(sphere.separation(vectors, centers[:, k]) ** 2, edges)[0]
        off += run_off
        weighted += run_off / centers.shape[1]
        regions += centers.shape[1]
        ids.append(observation.obs_id(obs))
    return _table(edges, on, off, weighted, regions, ids)


def _warn_overlap(
    obs: xr.DataTree, source: np.ndarray, centers: np.ndarray, largest: float
) -> None:
    every = np.concatenate([source[:, np.newaxis], centers], axis=1)
    gaps = [sphere.separation(every[:, k + 1 :], every[:, k]) for k in range(every.shape[1] - 1)]
    nearest = float(np.min(np.concatenate(gaps)))
    if nearest < 2.0 * np.sqrt(largest):
        warn(
            f"Run {observation.obs_id(obs)}: on and off positions lie {nearest:.2f} deg apart, so their discs of {np.sqrt(largest):.2f} deg overlap: use a smaller max or fewer off positions."
        )


def _table(
    edges: np.ndarray,
    on: np.ndarray,
    off: np.ndarray,
    weighted: np.ndarray,
    regions: int,
    ids: list[Any],
) -> xr.Dataset:
    """Return the table; alpha makes the background the sum of those of the runs."""
    runs = float(len(ids))
    mean = runs / regions if regions else 0.0
    alpha = np.where(off > 0, ratio(weighted, off), mean)
    columns: dict[str, tuple[np.ndarray, str]] = {
        "counts": (on, "counts"),
        "counts_off": (off, "off counts"),
        "acceptance": (np.full(on.size, runs), "acceptance"),
        "acceptance_off": (ratio(runs, alpha), "off acceptance"),
        "alpha": (alpha, "on to off acceptance"),
        "excess": (on - weighted, "excess counts"),
        "significance": (np.asarray(li_ma(on, off, alpha)), "significance"),
    }
    variables: dict[str, Any] = {
        name: xr.Variable("theta2", values, {"units": "", "long_name": text})
        for name, (values, text) in columns.items()
    }
    variables["obs_id"] = xr.Variable("obs", np.array(ids))
    return xr.Dataset(
        variables, coords=axis_coords(axis_from_edges(edges, "theta2", "deg2", "lin"))
    )
