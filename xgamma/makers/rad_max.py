"""Energy-dependent radius of a point-like analysis (GADF RAD_MAX)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.dl3 import observation
from xgamma.errors import MissingDataError, XGammaError
from xgamma.irf.kinds.rad_max_2d import radius_at
from xgamma.irf.response import grid_axis
from xgamma.model.responses import grid_edges, response
from xgamma.model.sanity import issue_of_keyword

__all__ = ["largest_rad_max", "rad_max_at"]


def fixed_rad_max(obs: xr.DataTree) -> float | None:
    """Return the radius of responses that hold for one cut (keyword RAD_MAX), degrees, or none."""
    for group in ("aeff", "edisp"):
        if group in obs.children:
            value = obs.children[group].attrs.get("RAD_MAX")
            if isinstance(value, (int, float)) and value != 0:
                issue = issue_of_keyword("RAD_MAX", value)
                if issue is not None:
                    raise XGammaError(
                        f"Run {observation.obs_id(obs)}: {issue} (degrees): correct the header of {group.upper()}."
                    )
                return float(value)
    return None


def rad_max_at(obs: xr.DataTree, energy: np.ndarray, offset: float) -> np.ndarray:
    """Return the radius of the on region at energies.

    Parameters
    ----------
    obs : DataTree
        Observation with a RAD_MAX table, or responses with the keyword RAD_MAX.
    energy : ndarray
        Reconstructed energies, TeV.
    offset : float
        Offset of the region from the pointing, degrees.

    Returns
    -------
    radius : ndarray
        Degrees: the entry of the table whose bin centre is nearest; 0 outside the table.

    Raises
    ------
    MissingDataError
        If the observation has neither.
    """
    if "rad_max" not in obs.children:
        value = fixed_rad_max(obs)
        if value is None:
            raise MissingDataError(
                f"Run {observation.obs_id(obs)} has no RAD_MAX table, so the on region of a point is undefined: use a circle, or responses with RAD_MAX."
            )
        return np.full(np.shape(energy), value)
    return radius_at(response(obs, "rad_max"), energy, offset)


def largest_rad_max(obs: xr.DataTree, low: float, high: float, offset: float) -> float:
    """Return the largest radius between two energies in TeV, degrees.

    Raises
    ------
    XGammaError
        If the table does not cover them.
    """
    energies = np.array([low, high])
    if "rad_max" in obs.children:
        ds = response(obs, "rad_max")
        edges, nodes = grid_edges(ds, "energy"), grid_axis(ds, "energy").nodes
        energies = nodes[(edges[1:] >= low) & (edges[:-1] <= high)]
    values = rad_max_at(obs, energies, offset)
    if not (values > 0).any():
        raise XGammaError(
            f"Run {observation.obs_id(obs)}: RAD_MAX is zero from {low:.3g} to {high:.3g} TeV at an offset of {offset:.2f} deg."
        )
    return float(values.max())
