"""A map whose PSF is a Gaussian."""

import numpy as np
import xarray as xr

import xgamma as xg

SIGMA = np.array([0.12, 0.05])
SR_PER_DEG2 = (np.pi / 180) ** 2


def gaussian_map(width: str = "2 deg", binsz: object = "0.05 deg", rings: int = 400) -> xr.Dataset:
    """A map whose PSF is a Gaussian, narrower at the higher energy, the same everywhere."""
    rad = xg.rad_axis("0.8 deg", rings)
    ds = xg.create_map(
        (10, 20),
        width,
        binsz,
        xg.energy_axis(1, 100, 2),
        rad=rad,
        name="gaussian",
        energy_true="reco",
    )
    radius = ds.rad.values
    profile = np.exp(-0.5 * (radius / SIGMA[:, None]) ** 2) / (
        2 * np.pi * SIGMA[:, None] ** 2 * SR_PER_DEG2
    )
    shape = (2, radius.size, ds.sizes["y_irf"], ds.sizes["x_irf"])
    exposure = np.ones((2, *shape[2:])) * np.array([1.0, 3.0])[:, None, None]
    return ds.assign(
        psf=(
            ("energy_true", "rad", "y_irf", "x_irf"),
            np.broadcast_to(profile[..., None, None], shape).copy(),
            {"units": "sr-1"},
        ),
        psf_exposure=(("energy_true", "y_irf", "x_irf"), exposure, {"units": "m2 s"}),
    )
