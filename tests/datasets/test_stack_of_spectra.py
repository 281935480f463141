"""A stack of spectra predicts, in every safe bin, the sum of what its datasets predict."""

import numpy as np
import pytest

import xgamma as xg
from xgamma.datasets.stack import stack_all
from xgamma.dl3 import simulate_observation

REGION = "icrs;circle(83.63, 22.01, 0.1)"
AXES = xg.energy_axis("0.5 TeV", "20 TeV", 8), xg.energy_axis("0.2 TeV", "50 TeV", 16)
MODEL = xg.SkyModel(xg.PowerLaw(index=2.5, amplitude="3e-11 cm-2 s-1 TeV-1"), name="source")


def _predicted(ds):
    values = ds.gamma.with_models(MODEL).gamma.npred_signal().values
    return np.where(ds.mask_safe, values, 0.0) if "mask_safe" in ds else values


def _runs(**options):
    """Spectra at three offsets, so that containments differ, with a threshold each."""
    parts = []
    for k, declination in enumerate((22.31, 22.81, 23.61)):
        obs = simulate_observation((83.63, declination), obs_id=k, seed=k)
        ds = xg.create_spectrum(REGION, *AXES, name=str(k)).gamma.fill(obs, **options)
        parts.append(ds.assign(mask_safe=("energy", np.arange(8) >= 2 * k)))
    return parts


@pytest.mark.parametrize("contained", [True, False], ids=["contained", "whole"])
@pytest.mark.parametrize("center", [True, False], ids=["centre", "averaged"])
def test_stack_predicts_the_sum(contained, center):
    parts = _runs(containment_correction=contained, use_region_center=center)
    expected = sum(_predicted(ds) for ds in parts)
    np.testing.assert_allclose(_predicted(stack_all(parts)), expected, rtol=1e-6)
    onoff = [ds.gamma.to_onoff(3, 1, 4) for ds in parts]
    np.testing.assert_allclose(_predicted(stack_all(onoff)), expected, rtol=1e-6)
    lazy = [ds.chunk() for ds in parts]
    np.testing.assert_allclose(_predicted(stack_all(lazy).compute()), expected, rtol=1e-6)


def test_any_exposure_weights_the_dispersion():
    """Whatever was done to the exposure after filling (as in files of older releases)."""
    parts = _runs()
    factors = [np.linspace(0.3, 1.0, 16), np.linspace(1.0, 0.2, 16), np.full(16, 2.0)]
    parts = [
        ds.assign(exposure=("energy_true", ds.exposure.values * f, ds.exposure.attrs))
        for ds, f in zip(parts, factors, strict=True)
    ]
    expected = sum(_predicted(ds) for ds in parts)
    np.testing.assert_allclose(_predicted(stack_all(parts)), expected, rtol=1e-6)


def test_weight_of_the_dispersion_is_the_exposure():
    for ds in _runs(containment_correction=True):
        np.testing.assert_allclose(ds.edisp_exposure, ds.exposure)


def test_containment_is_taken_once():
    """Filled with a PSF too, a point source must not be contained in its circle twice."""
    obs = simulate_observation((83.63, 22.51), seed=1)
    point = xg.SkyModel(MODEL.spectral, xg.PointSource(lon="83.63 deg", lat="22.01 deg"), name="p")
    predicted = {}
    for psf in (False, True):
        empty = xg.create_spectrum(REGION, *AXES, rad=xg.rad_axis() if psf else None)
        for contained in (False, True):
            ds = empty.gamma.fill(obs, containment_correction=contained)
            assert ("psf" in ds) == psf
            predicted[psf, contained] = ds.gamma.with_models(point).gamma.npred_signal().values
    assert (predicted[False, True] < 0.95 * predicted[False, False]).all()
    np.testing.assert_allclose(predicted[True, True], predicted[False, True])
    # The PSF of a dataset is in rings: a percent of the containment of the response itself.
    np.testing.assert_allclose(predicted[True, False], predicted[False, True], rtol=0.02)
