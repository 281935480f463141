"""What gammapy predicts for a dataset of its own, to compare with.

gammapy convolves in single precision: pixels agree to 1e-5 of the largest, sums to 1e-5.
"""

import warnings

import numpy as np
import pytest

import xgamma as xg

SHAPES = {
    "point": lambda at: xg.PointSource(**at),
    "gaussian": lambda at: xg.Gaussian(sigma="0.3 deg", **at),
    "disk": lambda at: xg.Disk(r_0="0.5 deg", **at),
}
SPECTRUM = {"index": 2.2, "amplitude": "1e-11 cm-2 s-1 TeV-1", "reference": "1 TeV"}


def gammapy_dataset(path, model):
    """The dataset as gammapy reads it, with the model."""
    from gammapy.datasets import MapDataset
    from gammapy.modeling.models import Models

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = MapDataset.read(path, name="d")
        dataset.models = Models.from_yaml(xg.Models(model).to_yaml())
    return dataset


def assert_predicts_as_gammapy(theirs, ds, model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signal, stat = theirs.npred_signal().data, theirs.stat_sum()
    with warnings.catch_warnings():
        # The true energies of these files end where the reconstructed ones do.
        warnings.simplefilter("ignore", xg.XGammaWarning)
        ours = ds.gamma.npred_signal(model, scheme="gammapy").values
        background = ds.background.values.astype(float)
    np.testing.assert_allclose(ours, signal, atol=1e-5 * signal.max())
    np.testing.assert_allclose(ours.sum((1, 2)), signal.sum((1, 2)), rtol=1e-5)
    assert cash(ds, ours + background) == pytest.approx(stat, rel=1e-5)


def cash(ds, npred):
    """Cash statistic in safe bins, which gammapy truncates where nothing is predicted."""
    counts, safe = ds.counts.values, ds.mask_safe.values
    npred = np.maximum(npred, 1e-25)
    return float((2 * (npred - counts * np.log(npred)))[safe].sum())
