"""The simulated maps of the pictures on the how-to pages."""

import xgamma as xg
from xgamma.simulate.observations import simulate_observation

CENTRE = "83.63d 22.01d"


def gaussian(name, sigma, index, amplitude, lon=83.63, lat=22.01):
    """Return a Gaussian source with a power law."""
    return xg.SkyModel(
        xg.PowerLaw(index=index, amplitude=f"{amplitude} cm-2 s-1 TeV-1", reference="1 TeV"),
        xg.Gaussian(lon=f"{lon} deg", lat=f"{lat} deg", sigma=f"{sigma} deg"),
        name=name,
    )


def point(name, amplitude, lon=83.63, lat=22.01):
    """Return a point source with a power law of index 2.6."""
    return xg.SkyModel(
        xg.PowerLaw(index=2.6, amplitude=f"{amplitude} cm-2 s-1 TeV-1", reference="1 TeV"),
        xg.PointSource(lon=f"{lon} deg", lat=f"{lat} deg"),
        name=name,
    )


def sky(*sources, livetime="5 h", seed=0, width="2 deg", binsz="0.1 deg", nbin=6):
    """Return a map dataset with Poisson counts of the background and of sources."""
    empty = xg.create_map(
        CENTRE,
        width,
        binsz,
        xg.energy_axis("1 TeV", "20 TeV", nbin),
        energy_true=xg.energy_axis("0.6 TeV", "40 TeV", 2 * nbin, name="energy_true"),
    )
    obs = simulate_observation("83.63d 22.41d", None, livetime=livetime, events=False, seed=seed)
    ds = empty.gamma.fill(obs, name="sky")
    return ds.gamma.with_models(list(sources)).gamma.fake(seed=seed)
