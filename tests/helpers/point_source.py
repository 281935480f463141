"""A point source in a simulated map, and masks that cut its PSF in different ways."""

import numpy as np
import pytest

import xgamma as xg
from xgamma.dl3 import simulate_observation

CENTER = (83.63, 22.01)
SPECTRUM = xg.PowerLaw(index=2.3, amplitude="1e-11 cm-2 s-1 TeV-1")
POINT = xg.SkyModel(SPECTRUM, xg.PointSource(lon="83.63 deg", lat="22.01 deg"), name="point")
ALONE = xg.SkyModel(SPECTRUM, name="alone")
QUIET = pytest.mark.filterwarnings("ignore:The safe mask excludes:xgamma.errors.XGammaWarning")


def point_map(binsz="0.02 deg", migra=None):
    axes = xg.energy_axis("1 TeV", "20 TeV", 5), xg.energy_axis("0.5 TeV", "40 TeV", 12)
    ds = xg.create_map(CENTER, "1.2 deg", binsz, *axes, migra=migra)
    return ds.gamma.fill(simulate_observation((83.63, 22.41), seed=4))


def some_masks(ds):
    """Halves of the map, at all energies or at some of them, and rings that shrink."""
    offset = ds.gamma.separation(CENTER).values
    half = np.broadcast_to(ds.x.values > np.median(ds.x.values), ds.counts.shape[1:])
    n = ds.sizes["energy"]
    rising = np.stack([offset < 0.03 * (k + 1) for k in range(n)])
    return {
        "half": np.broadcast_to(half, ds.counts.shape),
        "half at low energies": np.where(np.arange(n)[:, None, None] < 2, half, True),
        "rising": rising,
        "threshold": np.broadcast_to(np.arange(n)[:, None, None] >= 2, ds.counts.shape),
    }


def npred_of(ds, model, mask=None):
    values = ds.gamma.with_models(model).gamma.npred_signal()
    return (values if mask is None else values.where(mask, 0.0)).transpose("energy", ...).values
