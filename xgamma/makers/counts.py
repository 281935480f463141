"""Counts: events of a run, binned in reconstructed energy and on the sky."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.units import conversion
from xgamma.errors import MissingDataError, XGammaError
from xgamma.makers.field import Field
from xgamma.model import sky
from xgamma.model.frame import frame_of
from xgamma.model.responses import response
from xgamma.model.schema import variable_attrs
from xgamma.numerics import sphere

__all__ = ["counts"]


def event_columns(obs: xr.DataTree) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return right ascension and declination (degrees) and energy (TeV) of the events.

    Raises
    ------
    XGammaError
        If a value is not finite.
    """
    events = response(obs, "events")
    columns = []
    lost = [n for n in ("ra", "dec", "energy") if n not in events.variables]
    if lost:
        raise MissingDataError(
            f"Run {obs.attrs.get('OBS_ID', obs.name)}: its events have no {lost[0].upper()}: fetch the run again, or write it again with that column."
        )
    for name, unit in (("ra", "deg"), ("dec", "deg"), ("energy", "TeV")):
        variable = events.variables[name]
        values = np.asarray(variable.values, dtype=float)
        values = values * conversion(str(variable.attrs.get("units", unit)), unit)
        if not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise XGammaError(
                f"Run {obs.attrs.get('OBS_ID', obs.name)}: {bad} events have no finite {name.upper()}: drop them first, for example with obs.gamma.select_events({name}=(lo, hi))."
            )
        columns.append(values)
    return columns[0], columns[1], columns[2]


def pixel_of_events(ds: xr.Dataset, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return the flat pixel number of positions (ICRS, degrees); -1 outside the map."""
    lon, lat = ra, dec
    frame = frame_of(ds)
    if frame != "icrs":
        vectors = sky.rotation_from_icrs(frame) @ sphere.lonlat_to_vector(ra, dec)
        lon, lat = sphere.vector_to_lonlat(vectors)
    x, y = sky.lonlat_to_pix(ds, lon, lat)
    index = []
    for dim, at in (("y", y), ("x", x)):
        labels = ds.variables[dim].values
        step = sky.label_step(ds, dim)
        position = (at - labels[0]) / step
        inside = (position >= -0.5) & (position < labels.size - 0.5)
        number = np.where(inside, np.floor(position + 0.5), -1.0)
        index.append(number.astype(np.int64))
    iy, ix = index
    return np.where((iy >= 0) & (ix >= 0), iy * ds.sizes["x"] + ix, -1)


def counts(field: Field) -> xr.Variable:
    """Bin the events of a run.

    Parameters
    ----------
    field : Field
        Map and observation.

    Returns
    -------
    counts : Variable
        Dims ``(energy, y, x)``, int32. Bins are closed below and open above.
    """
    ra, dec, energy = event_columns(field.obs)
    edges = field.energy_edges
    number = np.searchsorted(edges, energy, side="right") - 1
    pixel = pixel_of_events(field.ds, ra, dec)
    n = edges.size - 1
    keep = (number >= 0) & (number < n) & (pixel >= 0)
    ny, nx = field.shape
    flat = np.zeros(ny * nx * n, dtype=np.int32)
    np.add.at(flat, pixel[keep] * n + number[keep], np.int32(1))
    cube = field.cube(flat.reshape(ny * nx, n))
    return xr.Variable(("energy", "y", "x"), cube, variable_attrs("counts"))
