"""Small datasets whose predictions are known."""

import numpy as np
import xarray as xr

import xgamma as xg


def gaussian_rings(sigma, rad):
    """A gaussian PSF on rings, per sr, and its normalisation over the rings."""
    s, r = np.radians(sigma), np.radians(rad)
    return np.exp(-0.5 * (r / s) ** 2) / (2 * np.pi * s**2)


def small_map(
    name="d", width=3.0, binsz=0.1, nbin=4, psf=0.1, edisp=0.1, background=0.5, frame="icrs"
) -> xr.Dataset:
    """A map of flat exposure and background, gaussian PSF and gaussian dispersion."""
    energy = xg.energy_axis("1 TeV", "10 TeV", nbin=nbin)
    true = xg.energy_axis("0.5 TeV", "20 TeV", nbin=2 * nbin, name="energy_true")
    ds = xg.create_map(
        (83.6, 22.0) if frame == "icrs" else (0.0, 0.0),
        width,
        binsz,
        energy,
        energy_true=true,
        binsz_irf="0.5 deg",
        frame=frame,
        name=name,
        gti=([0.0], [1800.0]),
    )
    sizes = ds.sizes
    shape = (sizes["energy"], sizes["y"], sizes["x"])
    ds["exposure"] = (
        ("energy_true", "y", "x"),
        np.full((sizes["energy_true"], *shape[1:]), 1e10),
        {"units": "m2 s"},
    )
    ds["background"] = (("energy", "y", "x"), np.full(shape, background), {"units": ""})
    ds["counts"] = (("energy", "y", "x"), np.zeros(shape), {"units": ""})
    coarse = (sizes["y_irf"], sizes["x_irf"])
    if psf:
        rings = gaussian_rings(psf, ds.rad.values)
        values = np.broadcast_to(
            rings[None, :, None, None], (sizes["energy_true"], rings.size, *coarse)
        )
        ds["psf"] = (("energy_true", "rad", "y_irf", "x_irf"), values.copy(), {"units": "sr-1"})
    if edisp:
        kernel = dispersion(ds, edisp)
        values = np.broadcast_to(kernel[..., None, None], (*kernel.shape, *coarse))
        ds["edisp"] = (("energy_true", "energy", "y_irf", "x_irf"), values.copy(), {"units": ""})
    return ds


def dispersion(ds, sigma) -> np.ndarray:
    """A gaussian dispersion kernel (energy_true, energy) of relative width sigma."""
    from scipy.stats import norm

    edges = np.append(ds.energy_lo.values, ds.energy_hi.values[-1])
    ratio = edges[None, :] / ds.energy_true.values[:, None]
    return np.diff(norm.cdf((ratio - 1) / sigma), axis=1)


def small_spectrum(name="s", nbin=8, background=5.0, onoff=False) -> xr.Dataset:
    """A spectrum with a flat exposure and background."""
    energy = xg.energy_axis("1 TeV", "30 TeV", nbin=nbin)
    true = xg.energy_axis("0.5 TeV", "60 TeV", nbin=2 * nbin, name="energy_true")
    ds = xg.create_spectrum(
        "icrs;circle(83.6, 22.0, 0.1)",
        energy,
        energy_true=true,
        name=name,
        gti=([0.0], [1800.0]),
    )
    ds["exposure"] = ("energy_true", np.full(2 * nbin, 3e9), {"units": "m2 s"})
    ds["edisp"] = (("energy_true", "energy"), dispersion(ds, 0.15), {"units": ""})
    ds["counts"] = ("energy", np.zeros(nbin), {"units": ""})
    if onoff:
        ds["acceptance"] = ("energy", np.ones(nbin), {"units": ""})
        ds["acceptance_off"] = ("energy", np.full(nbin, 5.0), {"units": ""})
        ds["counts_off"] = ("energy", np.full(nbin, 5 * background), {"units": ""})
    else:
        ds["background"] = ("energy", np.full(nbin, background), {"units": ""})
    return ds


def crab(**kwargs) -> xg.SkyModel:
    """A source in the middle of `small_map`."""
    settings = {"index": 2.4, "amplitude": "3e-11 cm-2 s-1 TeV-1"} | kwargs
    return xg.SkyModel(
        xg.PowerLaw(**settings), xg.PointSource(lon="83.6 deg", lat="22 deg"), name="crab"
    )


def spectrum_source(amplitude="3e-11 cm-2 s-1 TeV-1"):
    """A power law for `small_spectrum`."""
    return xg.SkyModel(xg.PowerLaw(index=2.4, amplitude=amplitude), name="s")
