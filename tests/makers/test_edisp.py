"""Energy dispersion: kernels whatever the binning, and the migration form."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtr

import xgamma as xg
from tests.helpers.runs import POINTING, responses, simulated, template
from xgamma.irf.kinds.edisp_2d import kernel
from xgamma.model import sky
from xgamma.model.axes import edges
from xgamma.simulate.simulated_responses import migration_parameters

TRUE = xg.energy_axis("0.5 TeV", "20 TeV", 8, name="energy_true")


def filled(energy, irfs=None, **options):
    ds = template(energy=energy, energy_true=TRUE, center=POINTING, **options)
    return ds.gamma.fill(simulated(irfs), select=["edisp"])


@pytest.mark.parametrize("nbin", [1, 3, 30, 300])
def test_rows_sum_to_one(nbin):
    """#3578, #4648: rows inside the axis sum to one whatever the binning."""
    ds = filled(xg.energy_axis("0.01 TeV", "1000 TeV", nbin))
    assert ds.edisp.dims == ("energy_true", "energy", "y_irf", "x_irf")
    assert_allclose(ds.edisp.sum("energy"), 1, rtol=1e-5)


def test_probabilities_are_the_formula():
    """Log-normal migration: the kernel is a difference of its distribution (to table bins)."""
    ds = filled(xg.energy_axis("0.1 TeV", "100 TeV", 60))
    energy = ds.energy_true.values[:, np.newaxis]
    mean, sigma = migration_parameters(energy, 0.25 * np.ones_like(energy))
    below = ndtr((np.log(edges(ds, "energy") / energy) - mean) / sigma)
    at = ds.edisp[:, :, 7, 7]
    assert_allclose(at, np.diff(below, axis=1), atol=0.01)
    # #5458, #2739: the mean from probabilities, without a shift by half a bin.
    middle = float((np.log(ds.energy) * at[4]).sum() / at[4].sum() - np.log(ds.energy_true[4]))
    assert middle == pytest.approx(float(mean[4, 0]), abs=0.01)


def test_rebinned_kernel_is_the_sum():
    fine = filled(xg.energy_axis("0.1 TeV", "100 TeV", 30)).edisp
    coarse = filled(xg.energy_axis("0.1 TeV", "100 TeV", 10)).edisp
    assert_allclose(coarse, fine.values.reshape(8, 10, 3, 15, 15).sum(axis=2), atol=1e-6)


def test_migration_form_has_unit_integral():
    ds = filled(xg.energy_axis("0.5 TeV", "20 TeV", 5), migra=xg.migra_axis(0.2, 5, 96))
    assert ds.edisp.dims == ("energy_true", "migra", "y_irf", "x_irf")
    width = np.diff(edges(ds, "migra"))
    assert_allclose(np.einsum("tmyx,m->tyx", ds.edisp, width), 1, rtol=1e-5)


def test_kernel_and_migration_agree():
    """The kernel is the migration density integrated over reconstructed bins."""
    energy = xg.energy_axis("0.2 TeV", "50 TeV", 12)
    density = filled(energy, migra=xg.migra_axis(0.2, 5, 960)).edisp
    matrix = filled(energy).edisp
    migra, true = edges(density, "migra"), density.energy_true.values
    steps = density[:, :, 7, 7].values * np.diff(migra)
    total = np.concatenate([np.zeros((8, 1)), np.cumsum(steps, axis=1)], axis=1)
    for number in range(8):
        at = np.interp(edges(matrix, "energy") / true[number], migra, total[number])
        assert_allclose(matrix[number, :, 7, 7], np.diff(at), atol=5e-3)


def test_offset_is_interpolated():
    """Between nodes the kernel is linear in offset, as the density is."""
    irfs = responses(
        edisp=lambda energy, migra, offset: np.exp(-((migra - 1) ** 2) / 0.1) * (1 + offset)
    )
    ds = irfs["edisp"]
    reco = np.geomspace(0.1, 100, 20)
    got = kernel(ds, TRUE.values, reco, np.array([0.0, 0.4, 1.0, 2.9]))
    # Only the norm changes with offset here, and it is divided out.
    assert_allclose(got, np.broadcast_to(got[:1], got.shape), atol=1e-6)


def test_negative_density_is_clipped():
    """A smoothed density may undershoot by less than a percent of its largest value."""
    irfs = responses(
        edisp=lambda energy, migra, offset: np.maximum(0.8 - abs(migra - 1), -0.007) + 0 * energy
    )
    ds = filled(xg.energy_axis("0.01 TeV", "1000 TeV", 40), irfs)
    assert float(ds.edisp.min()) >= 0
    assert_allclose(ds.edisp.sum("energy"), 1, rtol=1e-5)


def test_zero_beyond_the_field():
    ds = filled(xg.energy_axis("0.1 TeV", "100 TeV", 10), width="9 deg")
    far = (sky.separation(ds, POINTING, irf=True) > 3.01).values
    assert_array_equal(ds.edisp.values[..., far], 0)
    assert np.isfinite(ds.edisp).all()
