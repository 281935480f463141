"""Exposure: effective area times live time, and its edges."""

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from tests.helpers.runs import POINTING, responses, simulated, template, with_group
from xgamma.makers.exposure import exposure_image

FLAT = responses(aeff=lambda energy, offset: 1e5)


def test_flat_area():
    """Area times live time (not on time) everywhere."""
    obs = simulated(FLAT, livetime="10 min", dead_time=0.25)
    ds = template().gamma.fill_exposure(obs)
    assert ds.exposure.dims == ("energy_true", "y", "x")
    assert ds.exposure.attrs["units"] == "m2 s"
    assert ds.exposure.attrs["livetime"] == pytest.approx(600)
    assert ds.exposure.attrs["pointlike"] == 0
    assert_allclose(ds.exposure, 1e5 * 600, rtol=1e-6)
    assert float(ds.ontime[0]) == pytest.approx(800)


def test_zero_beyond_the_last_offset():
    """The axis ends at 3 degrees; beyond there is nothing."""
    ds = template("9 deg", center=POINTING).gamma.fill_exposure(simulated(FLAT))
    offset = ds.gamma.separation(POINTING)
    for where, value in ((offset < 2.99, 6e7), (offset > 3.01, 0.0)):
        got = ds.exposure.transpose("y", "x", "energy_true").values[where.values]
        assert_allclose(got, value, rtol=1e-6)


def test_linear_in_offset_and_in_the_logarithm_of_energy():
    """What is linear in the nodes is met exactly, in the outer half bins too (#5928)."""
    irfs = responses(aeff=lambda energy, offset: (10 + np.log(energy)) * (4 - offset) * 1e4)
    ds = template("5 deg", center=POINTING).gamma.fill_exposure(simulated(irfs, dead_time=0))
    offset = ds.gamma.separation(POINTING)
    truth = (10 + np.log(ds.energy_true)) * (4 - offset.where(offset < 3, 4)) * 1e4 * 600
    assert_allclose(ds.exposure, truth.transpose("energy_true", "y", "x"), rtol=1e-5)


def test_never_negative():
    """Extrapolation beyond the last node may cross zero: there is none."""
    irfs = responses(aeff=lambda energy, offset: (2.85 - offset).clip(0, None) * 1e5)
    ds = template("7 deg", center=POINTING).gamma.fill_exposure(simulated(irfs))
    assert float(ds.exposure.min()) == 0


def test_partly_outside_the_energies_of_the_response():
    """Zero beyond the edges of the axis (0.05 to 200 TeV)."""
    true = xg.energy_axis("0.001 TeV", "1000 TeV", 12, name="energy_true")
    ds = template(energy_true=true).gamma.fill_exposure(simulated(FLAT))
    inside = (ds.energy_true > 0.05) & (ds.energy_true < 200)
    assert_array_equal((ds.exposure > 0).all(("y", "x")), inside)
    assert_array_equal((ds.exposure > 0).any(("y", "x")), inside)


def test_units_of_the_template():
    a = template()
    b = template(energy_true=xg.energy_axis("300 GeV", "40000 GeV", 12, name="energy_true"))
    obs = simulated()
    assert_allclose(
        a.gamma.fill_exposure(obs).exposure, b.gamma.fill_exposure(obs).exposure, rtol=1e-6
    )


def test_coarse_grid_is_the_same_function():
    """psf_exposure is the exposure at the coarse positions."""
    ds = template("4 deg", "0.04 deg").gamma.fill(simulated(), select=["exposure", "psf"])
    at = ds.exposure.interp(x=ds.x_irf, y=ds.y_irf)
    assert_allclose(ds.psf_exposure, at.transpose(*ds.psf_exposure.dims), rtol=1e-3)


def test_point_like_is_marked_and_said():
    obs = simulated(FLAT)
    aeff = obs["aeff"].to_dataset()
    aeff.attrs["HDUCLAS3"] = "POINT-LIKE"
    obs["aeff"] = xr.DataTree(aeff)
    with pytest.warns(xg.XGammaWarning, match="Run 1 has point-like responses"):
        ds = template().gamma.fill(obs, select=["exposure"])
    assert ds.exposure.attrs["pointlike"] == 1


def test_point_like_without_psf_leaves_it_out():
    obs = with_group(simulated(FLAT), "psf")
    aeff = obs["aeff"].to_dataset()
    aeff.attrs["HDUCLAS3"] = "POINT-LIKE"
    obs["aeff"] = xr.DataTree(aeff)
    with pytest.warns(xg.XGammaWarning, match="no psf, which is not filled"):
        ds = template().gamma.fill(obs)
    assert "psf" not in ds
    assert "edisp" in ds


class TestImage:
    """Exposure in reconstructed energy."""

    def test_flat_exposure_stays(self):
        ds = template().gamma.fill(simulated(FLAT), select=["exposure"])
        image = ds.gamma.exposure_image(index=2.0)
        assert image.dims == ("energy", "y", "x")
        assert image.attrs["units"] == "m2 s"
        assert_allclose(image, 6e7, rtol=1e-5)

    @pytest.mark.parametrize("index", [1.0, 2.0, 2.7])
    def test_weighted_by_the_spectrum(self, index):
        """Exposure proportional to energy: the mean of the bins under a power law."""
        irfs = responses(aeff=lambda energy, offset: energy * 1e4)
        edges = np.geomspace(1, 10, 4)
        true = np.geomspace(0.5, 20, 2001)
        ds = template(
            energy=xg.energy_axis_from_edges(edges),
            energy_true=xg.energy_axis_from_edges(true, "energy_true"),
            width="0.2 deg",
        ).gamma.fill_exposure(simulated(irfs))
        center = np.sqrt(true[1:] * true[:-1])
        weight = center**-index * np.diff(true)
        values = ds.exposure[:, 0, 0].values
        for number, (low, high) in enumerate(pairwise(edges)):
            inside = (center > low) & (center < high)
            mean = (values * weight)[inside].sum() / weight[inside].sum()
            assert float(exposure_image(ds, index)[number, 0, 0]) == pytest.approx(mean, rel=1e-2)

    def test_through_the_dispersion(self):
        ds = template().gamma.fill(simulated(FLAT), select=["exposure", "edisp"])
        assert_allclose(ds.gamma.exposure_image(), 6e7, rtol=1e-5)

    def test_needs_an_exposure(self):
        with pytest.raises(xg.MissingDataError, match="exposure"):
            template().gamma.exposure_image()
