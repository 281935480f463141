"""Datasets of every kind, filled with numbers, and a strategy for templates."""

import numpy as np
import xarray as xr
from hypothesis import strategies as st

import xgamma as xg
from xgamma.model.schema import VARIABLES, variable_attrs

KINDS = ("map", "map_migra", "map_onoff", "spectrum", "spectrum_onoff", "image")
FILLED = {
    "map": ("counts", "background", "mask_safe", "mask_fit"),
    "map_migra": ("counts", "background", "mask_safe"),
    "map_onoff": ("counts", "counts_off", "acceptance", "acceptance_off", "mask_safe"),
    "spectrum": ("counts", "background", "mask_safe"),
    "spectrum_onoff": ("counts", "counts_off", "acceptance", "acceptance_off", "mask_safe"),
    "image": (),
}
RESPONSES = ("exposure", "psf", "psf_exposure", "edisp", "edisp_exposure")


def fill_variable(ds, name, rng):
    """Return a canonical variable with random values."""
    spec = VARIABLES[name]
    dims = [d for d in spec.dims if d in ds.sizes]
    if name == "edisp" and "migra" in ds.sizes:
        dims[dims.index("energy")] = "migra"
    shape = tuple(ds.sizes[d] for d in dims)
    if spec.dtype == "bool":
        values = rng.random(shape) > 0.3
    elif name.startswith("counts"):
        values = rng.poisson(3.0, shape)
    else:
        values = rng.random(shape) * (1e10 if "exposure" in name else 1.0)
        values = values.astype("f4" if name in ("psf", "edisp") else "f8")
    extra = {"livetime": 1234.5678} if name == "exposure" else {}
    return xr.Variable(dims, values, variable_attrs(name, **extra))


def observations(n, rng):
    """Return rows of observations."""
    values = {
        "obs_id": np.arange(n) + 20000,
        "livetime": rng.random(n) * 1000,
        "ontime": rng.random(n) * 1500,
        "pointing_lon": rng.random(n) * 360,
        "pointing_lat": rng.random(n) * 90,
        "telescope": np.array(["HESS"] * n),
    }
    return {k: xr.Variable("obs", v, variable_attrs(k)) for k, v in values.items()}


def template(kind, frame="icrs", proj="TAN", nbin=3):
    """Return an empty dataset of a kind."""
    energy = xg.energy_axis("1 TeV", "10 TeV", nbin=nbin)
    true = xg.energy_axis("0.5 TeV", "20 TeV", nbin=nbin + 2, name="energy_true")
    rad = xg.rad_axis("0.3 deg", 4)
    if kind.startswith("spectrum"):
        text = f"{frame if frame != 'fk5' else 'icrs'};circle(83.63, 22.01, 0.11)"
        return xg.create_spectrum(text, energy, true, gti=([0.0, 50.0], [40.0, 90.0]), name="s")
    migra = xg.migra_axis(0.2, 5, 6) if kind == "map_migra" else None
    return xg.create_map(
        (83.63, 22.01),
        ("1.5 deg", "1.1 deg"),
        "0.1 deg",
        None if kind == "image" else energy,
        None if kind == "image" else true,
        None if kind == "image" else rad,
        migra,
        binsz_irf="0.4 deg",
        proj=proj,
        frame=frame,
        gti=([0.0, 50.0], [40.0, 90.0]),
        reference_time="2004-12-04T22:08:10.123",
        name="sample",
    )


def filled(kind, seed=0, n_obs=2, **kwargs):
    """Return a dataset of a kind, filled."""
    rng = np.random.default_rng(seed)
    ds = template(kind, **kwargs)
    names = [*FILLED[kind]]
    if kind != "image":
        sky = not kind.startswith("spectrum")
        names += RESPONSES if sky else ("exposure", "edisp")
    data = {n: fill_variable(ds, n, rng) for n in names}
    if kind == "image":
        shape = (ds.sizes["y"], ds.sizes["x"])
        data["counts"] = xr.Variable(("y", "x"), rng.random(shape), variable_attrs("counts"))
    ds = ds.assign(data | (observations(n_obs, rng) if n_obs else {}))
    return ds.assign_attrs(models="components:\n- name: crab\n", note="ümlaut")


@st.composite
def templates(draw):
    """Datasets of every kind and frame with some of their variables, types and cutouts."""
    kind = draw(st.sampled_from(KINDS))
    ds = filled(
        kind,
        seed=draw(st.integers(0, 1000)),
        n_obs=draw(st.integers(0, 3)),
        frame=draw(st.sampled_from(["icrs", "galactic", "fk5"])),
        proj=draw(st.sampled_from(["CAR", "TAN", "AIT"])),
        nbin=draw(st.integers(1, 4)),
    )
    names = sorted(map(str, ds.data_vars))
    dropped = draw(st.lists(st.sampled_from(names), unique=True, max_size=len(names)))
    ds = ds.drop_vars(dropped)
    if draw(st.booleans()) and "x" in ds.dims:
        ds = ds.isel(x=slice(draw(st.integers(0, 5)), draw(st.integers(7, 15))))
    if draw(st.booleans()) and "energy" in ds.dims and ds.sizes["energy"] > 1:
        ds = ds.isel(energy=slice(1, None))
    if draw(st.booleans()) and "counts" in ds:
        ds["counts"] = ds.counts.astype(draw(st.sampled_from(["f4", "f8", "i4", "u2"])))
    if draw(st.booleans()):
        ds = ds.assign(total=3.5, stat=("other", np.arange(3)))
    return ds
