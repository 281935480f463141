"""A stack predicts what its runs predict together, each in its safe bins."""

import numpy as np
import pytest

import xgamma as xg


def run(seed: int, threshold: float):
    """A spectrum with an exposure, a dispersion and a threshold of its own."""
    rng = np.random.default_rng(seed)
    ds = xg.create_spectrum(
        "icrs;circle(83.63, 22.01, 0.1)",
        energy=xg.energy_axis("0.5 TeV", "20 TeV", nbin=8),
        energy_true=xg.energy_axis("0.3 TeV", "40 TeV", nbin=12, name="energy_true"),
        name=f"run{seed}",
    )
    matrix = rng.dirichlet(np.ones(9), size=12)[:, :8]
    return ds.assign(
        counts=("energy", rng.poisson(5, 8)),
        background=("energy", rng.uniform(1, 2, 8), {"units": ""}),
        exposure=("energy_true", rng.uniform(1, 9, 12) * 1e9, {"units": "m2 s"}),
        edisp=(("energy_true", "energy"), matrix, {"units": ""}),
        mask_safe=ds.energy_lo > threshold,
    )


def test_spectra():
    model = xg.SkyModel(
        xg.LogParabola(amplitude="3e-11 cm-2 s-1 TeV-1", alpha=2.4, beta=0.1, reference="1 TeV"),
        name="source",
    )
    runs = [run(seed, threshold) for seed, threshold in enumerate((0.1, 1.0, 3.0))]
    parts = [r.gamma.with_models(model).gamma.npred_signal() * r.mask_safe for r in runs]
    stacked = xg.stack(runs).gamma.with_models(model)
    np.testing.assert_allclose(stacked.gamma.npred_signal(), sum(parts), rtol=1e-9)
    background = sum((r.background * r.mask_safe).values for r in runs)
    np.testing.assert_allclose(stacked.background, background, rtol=1e-12)


def test_masks_differ():
    low, high = run(0, 0.1), run(1, 3.0)
    assert int(low.mask_safe.sum()) > int(high.mask_safe.sum()) > 0
    assert xg.stack([low, high]).exposure.values == pytest.approx(
        (low.exposure + high.exposure).values
    )
