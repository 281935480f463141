"""Maps with random contents and known dimensions."""

import numpy as np
import xarray as xr

import xgamma as xg

DIMS = ("energy", "y", "x")
TRUE = ("energy_true", "y", "x")
IRF = ("energy_true", "y_irf", "x_irf")


def filled(seed: int = 0, nbin: int = 4, masked: bool = True) -> xr.Dataset:
    """A map of 12 x 8 pixels with random contents."""
    rng = np.random.default_rng(seed)
    ds = xg.create_map(
        (10, 20),
        ("1.2 deg", "0.8 deg"),
        "0.1 deg",
        xg.energy_axis(1, 16, nbin),
        rad=xg.rad_axis("0.4 deg", 4),
        binsz_irf="0.4 deg",
        name="filled",
        energy_true="reco",
    )
    shape = [ds.sizes[d] for d in DIMS]
    irf = [ds.sizes[d] for d in IRF]
    ds = ds.assign(
        counts=(DIMS, rng.poisson(3.0, shape)),
        background=(DIMS, rng.uniform(1, 2, shape), {"units": ""}),
        exposure=(TRUE, rng.uniform(1, 2, shape), {"units": "m2 s"}),
        psf=(
            ("energy_true", "rad", "y_irf", "x_irf"),
            rng.uniform(1, 2, (nbin, 4, *irf[1:])),
            {"units": "sr-1"},
        ),
        psf_exposure=(IRF, rng.uniform(1, 2, irf), {"units": "m2 s"}),
        edisp=(
            ("energy_true", "energy", "y_irf", "x_irf"),
            rng.uniform(0, 1 / nbin, (nbin, nbin, *irf[1:])),
            {"units": ""},
        ),
        edisp_exposure=(IRF, rng.uniform(1, 2, irf), {"units": "m2 s"}),
    )
    return ds.assign(mask_safe=(DIMS, rng.random(shape) > 0.3)) if masked else ds


def on_off(seed: int = 0, masked: bool = True) -> xr.Dataset:
    """The same with off counts and acceptances."""
    rng = np.random.default_rng(seed + 100)
    ds = filled(seed, masked=masked).drop_vars("background")
    shape = [ds.sizes[d] for d in DIMS]
    return ds.gamma.to_onoff(
        counts_off=rng.poisson(8.0, shape),
        acceptance=rng.uniform(0.5, 1.5, shape),
        acceptance_off=rng.uniform(5, 10, shape),
    )
