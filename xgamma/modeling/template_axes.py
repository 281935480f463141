"""Templates with further axes: each axis is a parameter, and values between nodes are interpolated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xgamma.errors import XGammaError, shown
from xgamma.model.axes import NODE, axis_coords_from_bounds, bounds_between
from xgamma.modeling.parameter import Spec
from xgamma.numerics.template import between_nodes, node_weights

__all__ = ["INTERPOLATIONS", "ParameterAxes", "with_bounds"]

INTERPOLATIONS = ("cubic", "linear")


@dataclass(frozen=True)
class ParameterAxes:
    """The axes of a template that are parameters.

    Attributes
    ----------
    names : tuple of str
        Their dims.
    nodes : tuple of ndarray
        Increasing; logarithms of those whose `interp` is ``"log"``.
    specs : dict
        How the parameters are declared: they start in the middle of their bounds.
    cubic : bool
        Whether a cubic goes through the nodes, or straight lines.
    """

    names: tuple[str, ...]
    nodes: tuple[np.ndarray, ...]
    specs: dict[str, Spec]
    cubic: bool

    @classmethod
    def of(
        cls, map: xr.DataArray, own: tuple[str, ...], reserved: set[str], interp: str
    ) -> ParameterAxes:
        """Return the axes of a map other than its `own` dims."""
        # Fastest first, as files name axes and gammapy its parameters.
        names = tuple(str(d) for d in reversed(map.dims) if d not in own)
        if not names:
            raise XGammaError(
                "The template map has no axis other than energy and position: use "
                "xg.TemplateSpectrum or xg.TemplateMap."
            )
        taken = sorted(set(names) & reserved)
        if taken:
            raise XGammaError(
                f"The axis {taken[0]!r} of the template map cannot be the name of a parameter: rename it."
            )
        nodes = tuple(nodes_along(map, name) for name in names)
        specs = {name: spec_along(map, name) for name in names}
        return cls(names, nodes, specs, interp == "cubic")

    def mix(self, table: np.ndarray, values: tuple[float, ...]) -> np.ndarray:
        """Interpolate a table (axes of the parameters, ...) to values of the parameters."""
        for name, nodes, value in zip(self.names, self.nodes, values, strict=True):
            at = float(np.log(value)) if self.specs[name].log else value
            straight = node_weights(nodes, at)
            weights = node_weights(nodes, at, True) if self.cubic else straight
            table = between_nodes(table, weights, straight)
        return table


def require_template(map: object, dims: set[str]) -> None:
    """Raise unless something is a map with pixels, and has no dimensions but these."""
    if not isinstance(map, xr.DataArray) or not {"y", "x"} <= set(map.dims):
        raise XGammaError(
            f"map={shown(map)} must be a map with pixels: read one with xg.read_map(path)."
        )
    rest = sorted(str(d) for d in set(map.dims) - dims)
    if rest:
        raise XGammaError(
            f"The template map has the dimension {rest[0]!r}: sum over it, or rename the energy to 'energy_true'."
        )


def is_log(map: xr.DataArray, name: str) -> bool:
    """Return whether logarithms count as distance along an axis."""
    return str(map[name].attrs.get("interp", "lin")) == "log"


def nodes_along(map: xr.DataArray, name: str) -> np.ndarray:
    """Return the nodes of an axis, or their logarithms."""
    if name not in map.coords:
        raise XGammaError(
            f"The axis {name!r} of the template map has no values: add them with assign_coords."
        )
    nodes = np.asarray(map[name].values, dtype=float)
    log = is_log(map, name)
    if not np.all(np.isfinite(nodes)) or np.any(np.diff(nodes) <= 0) or (log and nodes[0] <= 0):
        sign = "positive, " if log else ""
        raise XGammaError(f"The values of the axis {name!r} must be {sign}finite and increase.")
    return np.log(nodes) if log else nodes


def spec_along(map: xr.DataArray, name: str) -> Spec:
    """Return how the parameter of an axis is declared: from its first to its last edge or node."""
    axis = map[name]
    ends = axis.values[[0, -1]]
    if f"{name}_lo" in map.coords and axis.attrs.get("node_type") != NODE:
        ends = np.array([map[f"{name}_lo"].values[0], map[f"{name}_hi"].values[-1]])
    low, high = (float(v) for v in ends)
    unit = str(axis.attrs.get("units", ""))
    return Spec(0.5 * (low + high), unit, low, high, log=is_log(map, name))


def with_bounds(map: xr.DataArray) -> xr.DataArray:
    """Give axes that are nodes alone bounds between them, which files keep."""
    coords: dict[str, Any] = {}
    for dim in map.dims:
        name = str(dim)
        if name in ("y", "x") or f"{name}_lo" in map.coords or name not in map.coords:
            continue
        nodes, attrs = np.asarray(map[name].values, dtype=float), map[name].attrs
        interp = str(attrs.get("interp", "lin"))
        low, high = bounds_between(nodes, interp)
        made = axis_coords_from_bounds(low, high, name, str(attrs.get("units", "")), interp)
        made[name] = (name, nodes, {**made[name][2], **attrs, "node_type": NODE})
        coords |= made
    return map.assign_coords(coords)
