"""Safe masks where responses are empty, cut off by an axis, or looked at elsewhere."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import xgamma as xg
from tests.helpers.runs import CRAB, responses, simulated, template
from xgamma.makers.energy_threshold import bias_energy

ENERGY = xg.energy_axis("0.1 TeV", "10 TeV", 20)
TRUE = xg.energy_axis("0.03 TeV", "30 TeV", 40, name="energy_true")


def first_safe(ds):
    """Lower edge of the first safe bin, NaN where nothing is."""
    safe = ds.mask_safe.any(("y", "x")).values
    return float(ds.energy_lo.values[safe][0]) if safe.any() else np.nan


@pytest.mark.parametrize("irfs", ["DL3", "DL4"])
def test_empty_rows_have_no_bias(irfs):
    """Rows without events counted as a bias of -100 %, so the threshold lay before the first."""

    def full(energy, migra, offset):
        mean = 1 + 0.4 / (1 + (energy / 0.1) ** 2)
        return np.exp(-0.5 * ((migra - mean) / 0.1) ** 2)

    def cut(energy, migra, offset):
        return full(energy, migra, offset) * (energy > 0.08)

    found = []
    for edisp in (cut, full):
        run = simulated(responses(edisp=edisp))
        ds = template(energy=ENERGY, energy_true=TRUE).gamma.fill(run, select=["edisp"])
        found.append(first_safe(ds.gamma.safe_mask(run, methods=["edisp-bias"], irfs=irfs)))
    # 0.4 / (1 + (E / 0.1)^2) is a tenth at 0.173 TeV, reconstructed as 0.19 TeV.
    assert found[0] == found[1] == pytest.approx(0.1995, rel=1e-3)


def test_position_without_dispersion_warns():
    """MAGIC without a position: no dispersion at offset 0, and all was safe without a word."""
    run = simulated(responses(edisp=lambda energy, migra, offset: 1.0 * (offset > 0.4)))
    ds = template(energy=ENERGY, energy_true=TRUE).gamma.fill(run, select=["exposure"])
    with pytest.warns(xg.XGammaWarning, match="dispersion of the run .* is zero"):
        got = ds.gamma.safe_mask(run, methods=["edisp-bias"], irfs="DL3")
    assert not got.mask_safe.any()


def test_axis_that_starts_above_the_threshold():
    """Of true energies below the axis only the upward half is seen: no bias of the instrument."""
    run = simulated()
    energy = xg.energy_axis("1 TeV", "10 TeV", 8)
    ds = template(energy=energy, energy_true=TRUE).gamma.fill(run, select=["edisp"])
    for irfs in ("DL3", "DL4"):
        assert first_safe(ds.gamma.safe_mask(run, methods=["edisp-bias"], irfs=irfs)) == 1.0


def test_axis_with_no_whole_row_is_refused():
    run = simulated()
    energy = xg.energy_axis("1 TeV", "1.05 TeV", 1)
    ds = template(energy=energy, energy_true=TRUE).gamma.fill(run, select=["edisp"])
    with pytest.raises(xg.XGammaError, match="some events are reconstructed outside"):
        ds.gamma.safe_mask(run, methods=["edisp-bias"])


def test_bias_below_the_level_everywhere_is_no_threshold():
    true = np.geomspace(0.1, 10, 21)
    assert bias_energy(true, true, np.eye(21), 0.1) == 0.0
    assert np.isnan(bias_energy(true, true, np.zeros((21, 21)), 0.1))


@pytest.mark.parametrize("method", ["aeff-max", "edisp-bias"])
def test_a_text_is_in_the_frame_of_the_map(method):
    """The same numbers meant ICRS with DL3, and the frame of the map with DL4."""
    run = simulated(responses(aeff=lambda energy, offset: 1e5 * np.minimum(energy, 1 + 9 * offset)))
    center = (184.557, -5.784)  # The Crab in galactic coordinates.
    ds = template(energy=ENERGY, energy_true=TRUE, center=center, frame="galactic").gamma.fill(
        run, select=["exposure", "edisp"]
    )
    for irfs in ("DL3", "DL4"):
        text = ds.gamma.safe_mask(run, methods=[method], position="184.557d -5.784d", irfs=irfs)
        want = ds.gamma.safe_mask(
            run, methods=[method], position=xg.core.units.position(CRAB, "icrs"), irfs=irfs
        )
        assert first_safe(text) == first_safe(want)


def test_aeff_percent_of_zero():
    """From where there is any area; NumPy warned of log(0)."""
    run = simulated(responses(aeff=lambda energy, offset: 1e5 * (energy > 0.4)))
    ds = template(energy=ENERGY, energy_true=TRUE).gamma.fill(run, select=["exposure"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = [
            first_safe(ds.gamma.safe_mask(run, methods=["aeff-max"], aeff_percent=0, irfs=irfs))
            for irfs in ("DL3", "DL4")
        ]
    assert all(0.3 < one < 0.6 for one in got)


def test_fixed_offset_on_the_other_side_of_the_map():
    """North of the pointing is off the map, other pixels at that offset are not."""
    run = simulated()
    ds = template(energy=ENERGY, energy_true=TRUE, width="3 deg").gamma.fill(
        run, select=["exposure"]
    )
    got, want = (
        ds.gamma.safe_mask(run, methods=["aeff-max"], fixed_offset="1.5 deg", irfs=irfs)
        for irfs in ("DL4", "DL3")
    )
    assert got.mask_safe.any()
    assert abs(np.log10(first_safe(got) / first_safe(want))) < 0.11  # One bin.
    assert_array_equal(got.mask_safe.any("energy"), True)
