"""Simulated runs with responses whose maps are known in closed form."""

import numpy as np
import xarray as xr

import xgamma as xg
from xgamma.dl3 import simulate_observation, simulated_irfs

POINTING = (83.63, 22.51)
CRAB = (83.63, 22.01)


def responses(background="2d", **values):
    """The simulated responses, some replaced: ``aeff=lambda energy_true, offset: ...``."""
    irfs = simulated_irfs(background)
    for name, function in values.items():
        ds = irfs[name]
        (variable,) = ds.data_vars
        axes = [ds[d].astype(float) for d in ds[variable].dims]
        new = (function(*axes) + 0 * sum(axes)).transpose(*ds[variable].dims).astype("f4")
        new.attrs = ds[variable].attrs
        irfs[name] = ds.assign({variable: new.variable})
    return irfs


def simulated(irfs=None, **options):
    """A run without events unless asked for."""
    options = {"events": False, "livetime": "10 min", "dead_time": 0.1} | options
    return simulate_observation(options.pop("pointing", POINTING), irfs=irfs, **options)


def with_group(obs, group, **changes):
    """The same run with a group changed: variables by name, None drops the group."""
    groups = {"/": obs.to_dataset()} | {n: t.to_dataset() for n, t in obs.children.items()}
    if changes:
        groups[group] = groups[group].assign(changes)
    else:
        del groups[group]
    return xr.DataTree.from_dict(groups, name=obs.name)


def with_events(obs, ra, dec, energy):
    """The same run with these events."""
    groups = {"/": obs.to_dataset()} | {n: t.to_dataset() for n, t in obs.children.items()}
    columns = {"ra": (ra, "deg"), "dec": (dec, "deg"), "energy": (energy, "TeV")}
    variables = {
        name: ("event", np.atleast_1d(np.asarray(values, float)), {"units": unit})
        for name, (values, unit) in columns.items()
    }
    n = variables["ra"][1].size
    start = float(groups["gti"].start[0])
    variables["time"] = ("event", np.full(n, start), {"units": "s"})
    variables["event_id"] = ("event", np.arange(n))
    groups["events"] = xr.Dataset(variables, attrs=groups["events"].attrs)
    return xr.DataTree.from_dict(groups, name=obs.name)


def template(width="3 deg", binsz="0.2 deg", center=CRAB, energy=None, energy_true=None, **options):
    """A small map around the Crab."""
    energy = xg.energy_axis("0.5 TeV", "20 TeV", 6) if energy is None else energy
    if energy_true is None:
        energy_true = xg.energy_axis("0.3 TeV", "40 TeV", 12, name="energy_true")
    return xg.create_map(center, width, binsz, energy, energy_true, **options)
