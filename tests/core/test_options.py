"""Options, and the bound on memory."""

import pytest

import xgamma as xg
from xgamma.core.bounds import check_size
from xgamma.core.options import options, set_options
from xgamma.dl3 import simulate_observation


def test_options_come_back():
    before = dict(options)
    with set_options(max_bytes=1.0):
        assert options["max_bytes"] == 1.0
    assert options == before
    with pytest.raises(ValueError, match="invalid literal"), set_options(max_bytes=1.0):
        int("x")
    assert options == before


def test_options_set_without_a_block_stay():
    """As in xarray; before, a call by itself changed nothing and said nothing."""
    before = dict(options)
    try:
        set_options(max_bytes=123.0)
        assert options["max_bytes"] == 123.0
    finally:
        options.update(before)
    with pytest.raises(xg.XGammaError, match="max_bytes=-1 must be a number above 0"):
        set_options(max_bytes=-1)
    assert options == before


def test_unknown_option():
    with (
        pytest.raises(xg.XGammaError, match=r"no option 'max_byte': choose from max_bytes"),
        set_options(max_byte=1),
    ):
        pass


@pytest.fixture(scope="module")
def all_sky():
    """An all-sky template of 0.02 deg: 18000 x 9000 pixels."""
    return xg.create_map(
        binsz="0.02 deg",
        energy=xg.energy_axis("1 TeV", "10 TeV", 11),
        energy_true=xg.energy_axis("0.5 TeV", "20 TeV", 20, name="energy_true"),
        proj="AIT",
        frame="galactic",
    )


def test_template_allocates_nothing(all_sky):
    """#3192: gammapy allocated 20 to 60 GB for a template without a width."""
    assert all_sky.sizes["x"] == 18000
    assert all_sky.sizes["y"] == 9000
    assert all_sky.nbytes < 1e6


def test_filling_it_is_refused_with_the_size(all_sky):
    """#3192: refused above a bound that the user can lift."""
    with pytest.raises(xg.XGammaError, match=r"Filling counts, exposure would take 20\.\d GB"):
        all_sky.gamma.fill(
            simulate_observation(livetime="1 s", events=False), select=["counts", "exposure"]
        )


def test_the_bound_can_be_moved():
    ds = xg.create_map(
        (83.63, 22.01), "2 deg", "0.1 deg", xg.energy_axis("1 TeV", "10 TeV", 5), energy_true="reco"
    )
    check_size(ds, ["counts"])
    with (
        set_options(max_bytes=1000),
        pytest.raises(xg.XGammaError, match=r"set_options\(max_bytes="),
    ):
        check_size(ds, ["counts"])
