"""Small datasets of random values on cutouts of one map, to be stacked."""

import numpy as np
import xarray as xr

import xgamma as xg
from tests.helpers.runs import template

RECO = ("energy", "y", "x")
ENERGY = xg.energy_axis_from_edges([1.0, 2.0, 4.0])
TRUE = xg.energy_axis_from_edges([0.5, 1.5, 3.0, 6.0], "energy_true")


def empty(migra=None, width="1.2 deg"):
    return template(
        width,
        "0.1 deg",
        energy=ENERGY,
        energy_true=TRUE,
        rad=xg.rad_axis("0.3 deg", 4),
        migra=migra,
    )


def made(seed, cut=True, masked=True, migra=None, whole=True, time=0.0):
    """A small dataset of random values on a random cutout."""
    rng = np.random.default_rng(seed)
    ds = empty(migra)
    if cut:
        lon, lat = ds.gamma.center.ra.deg, ds.gamma.center.dec.deg
        at = (lon + rng.uniform(-0.4, 0.4), lat + rng.uniform(-0.4, 0.4))
        ds = ds.gamma.cutout(at, "0.7 deg")

    def draw(dims, low=0.0, high=1.0):
        return xr.Variable(dims, rng.uniform(low, high, [ds.sizes[d] for d in dims]))

    counts = rng.poisson(3, [ds.sizes[d] for d in RECO])
    second = "energy" if migra is None else "migra"
    coarse = ("y_irf", "x_irf")
    ds = ds.assign(
        counts=(RECO, counts if whole else counts.astype("f4")),
        background=draw(RECO).astype("f4"),
        exposure=draw(("energy_true", "y", "x"), 1e6, 1e7),
        psf=draw(("energy_true", "rad", *coarse)),
        psf_exposure=draw(("energy_true", *coarse), 1e6, 1e7),
        edisp=draw(("energy_true", second, *coarse)),
        edisp_exposure=draw(("energy_true", *coarse), 1e6, 1e7),
        gti_start=("gti", [time], ds.gti_start.attrs),
        gti_stop=("gti", [time + 100.0], ds.gti_stop.attrs),
        obs_id=("obs", [seed]),
        livetime=("obs", [90.0], {"units": "s"}),
    )
    for name, units in (
        ("exposure", "m2 s"),
        ("psf", "sr-1"),
        ("psf_exposure", "m2 s"),
        ("edisp_exposure", "m2 s"),
    ):
        ds[name].attrs["units"] = units
    ds.exposure.attrs["livetime"] = 90.0
    ds.attrs["name"] = str(seed)
    if masked:
        ds = ds.assign(mask_safe=(RECO, rng.random(counts.shape) < 0.6))
    return ds
