"""Axes: centres, edges, and how they live through xarray's operations."""

import numpy as np
import pytest
import xarray as xr
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import xgamma as xg
from xgamma.model import axes, make_axes


def test_logarithmic_axis():
    axis = xg.energy_axis("1 TeV", "100 TeV", 2)
    assert axis.dims == ("energy",)
    assert axis.attrs == {"units": "TeV", "interp": "log", "long_name": "reconstructed energy"}
    assert_allclose(axes.edges(axis, "energy"), [1, 10, 100])
    assert_allclose(axis, np.sqrt([10, 1000]))
    assert axis.energy_lo.attrs["units"] == "TeV"


@given(st.integers(1, 60), st.floats(1e-3, 1.0), st.floats(1.1, 1e3))
def test_axis_ends_where_asked(nbin, low, factor):
    axis = xg.energy_axis(low, low * factor, nbin)
    got = axes.edges(axis, "energy")
    assert got.size == nbin + 1
    assert_allclose(got[[0, -1]], [low, low * factor], rtol=1e-12)
    assert_allclose(np.diff(np.log(got)), np.log(factor) / nbin, rtol=1e-6)


@pytest.mark.parametrize(
    ("low", "high", "per", "n"),
    [("0.1 TeV", "100 TeV", 11, 33), ("1 TeV", "10 TeV", 5, 5), ("1 TeV", "20 TeV", 5, 7)],
)
def test_bins_per_decade(low, high, per, n):
    axis = xg.energy_axis(low, high, per, per_decade=True)
    assert axis.size == n
    assert axes.edges_in(axis, "energy", "TeV")[-1] == pytest.approx(u.Quantity(high).value)


def test_units_of_arguments():
    axis = xg.energy_axis("100 GeV", "10 TeV", 2)
    assert axis.attrs["units"] == "GeV"
    assert_allclose(axes.edges(axis, "energy"), [100, 1000, 10000])
    assert_allclose(axes.edges_in(axis, "energy", "TeV"), [0.1, 1, 10])
    assert_allclose(axes.centers_in(axis, "energy", "TeV"), np.sqrt([0.1, 10]))
    assert xg.energy_axis_from_edges([0.1, 1] * u.TeV).attrs["units"] == "TeV"
    assert_allclose(xg.energy_axis_from_edges(["500 GeV", "1 TeV"]).energy_hi, [1000])


def test_defaults_are_the_peers():
    rad, migra = xg.rad_axis(), xg.migra_axis()
    assert_allclose(axes.edges(rad, "rad"), np.linspace(0, 0.66, 67))
    assert_allclose(axes.edges(migra, "migra"), np.linspace(0.2, 5, 49))
    assert rad.attrs["interp"] == migra.attrs["interp"] == "lin"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: xg.energy_axis("10 TeV", "1 TeV", 3), "0 < min < max"),
        (lambda: xg.energy_axis("0 TeV", "1 TeV", 3), "0 < min < max"),
        (lambda: xg.energy_axis("1 TeV", "10 TeV", 0), "at least one bin"),
        (lambda: xg.energy_axis_from_edges([0, 1, 2]), "must be positive"),
        (lambda: xg.energy_axis_from_edges([1, 3, 2]), "increas"),
        (lambda: xg.energy_axis_from_edges([1, 2, 2]), "increas"),
        (lambda: xg.energy_axis_from_edges([1, np.nan]), "finite"),
        (lambda: xg.energy_axis_from_edges([1]), "at least two edges"),
        (lambda: xg.axis_from_edges([1, 2], "rad", "deg", "cubic"), "interp='cubic'"),
    ],
)
def test_bad_axes(make, message):
    with pytest.raises(xg.AxisError, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: xg.energy_axis("1 deg", "10 deg", 2),
        lambda: xg.energy_axis_from_edges([1, 2] * u.m),
        lambda: xg.rad_axis("1 TeV"),
    ],
)
def test_wrong_kind_of_unit(make):
    with pytest.raises(xg.UnitError):
        make()


def test_edges_follow_a_slice_and_concat():
    axis = xg.energy_axis("1 TeV", "100 TeV", 4)
    part = axis.sel(energy=slice(4, 40))
    assert_allclose(axes.edges(part, "energy"), [10**0.5, 10, 10**1.5])
    both = xr.concat([axis[:2], axis[2:]], "energy")
    assert_allclose(axes.edges(both, "energy"), axes.edges(axis, "energy"))


@pytest.mark.parametrize(
    "broken",
    [
        lambda axis: axis.isel(energy=[0, 2]),
        lambda axis: axis.isel(energy=[1, 0]),
        lambda axis: axis.isel(energy=slice(None, None, 2)),
        lambda axis: axis.coarsen(energy=2).mean(),
    ],
)
def test_bins_that_gape_are_found(broken):
    """Bare coarsen averages the edges; isel may skip bins."""
    with pytest.raises(xg.AxisError, match=r"have gaps or overlap|do not increase"):
        axes.edges(broken(xg.energy_axis("1 TeV", "100 TeV", 4)), "energy")


def test_missing_edges():
    bare = xr.DataArray([1.0, 2.0], dims="energy", coords={"energy": [1.0, 2.0]}, name="energy")
    with pytest.raises(xg.AxisError, match="has no coordinate 'energy_lo'"):
        axes.edges(bare, "energy")


def test_same_axis():
    a = xg.energy_axis("1 TeV", "10 TeV", 3)
    assert axes.same_axis(a, a * 1.0, "energy")
    assert axes.same_axis(a, xg.energy_axis("1e3 GeV", "1e4 GeV", 3), "energy")
    assert axes.same_axis(
        a, xg.energy_axis_from_edges(axes.edges(a, "energy") * (1 + 1e-9)), "energy"
    )
    assert not axes.same_axis(a, xg.energy_axis("1 TeV", "10.01 TeV", 3), "energy")
    assert not axes.same_axis(a, xg.energy_axis("1 TeV", "10 TeV", 4), "energy")


def test_difference_is_named():
    a, b = xg.energy_axis("1 TeV", "10 TeV", 3), xg.energy_axis("1e3 GeV", "2e4 GeV", 4)
    with pytest.raises(
        xg.AxisError, match=r"3 bins from 1 to 10 TeV versus 4 bins from 1 to 20 TeV"
    ):
        axes.require_same_axis(a, b, "energy")


def test_rename():
    axis = xg.energy_axis("1 TeV", "10 TeV", 3)
    true = make_axes.rename_axis(axis, "energy_true")
    assert true.dims == ("energy_true",)
    assert true.attrs["long_name"] == "true energy"
    assert_allclose(axes.edges(true, "energy_true"), axes.edges(axis, "energy"))
    assert axis.dims == ("energy",)


def test_edges_of_the_accessor_have_a_unit():
    ds = xg.create_map(
        (0, 0), "1 deg", "0.5 deg", xg.energy_axis("1 TeV", "10 TeV", 1), energy_true="reco"
    )
    assert_allclose(ds.gamma.edges("energy"), [1, 10] * u.TeV)
    assert_allclose(ds.gamma.edges("rad")[-1], 0.66 * u.deg)
