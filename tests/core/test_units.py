"""From what a user writes to numbers in a known unit."""

import numpy as np
import pytest
import xarray as xr
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.testing import assert_allclose

import xgamma as xg
from xgamma.core.units import convert, parse_unit, position, quantity, time_value, to_value


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("m2", "m2"),
        ("m**2", "m2"),
        ("m^2", "m2"),
        ("1/s/MeV/sr", "MeV-1 s-1 sr-1"),
        ("s^-1 MeV^-1 sr^-1", "MeV-1 s-1 sr-1"),
        ("sr^(-1)", "sr-1"),
        ("", ""),
        ("count", ""),
        ("None", ""),
        (" TeV ", "TeV"),
    ],
)
def test_dialects(text, same):
    assert parse_unit(text) == u.Unit(same)


def test_unknown_unit():
    with pytest.raises(xg.UnitError, match=r"'parsnip' cannot be parsed by astropy"):
        parse_unit("parsnip")


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("0.1 deg", 0.1),
        ("6 arcmin", 0.1),
        (0.1 * u.deg, 0.1),
        (0.1, 0.1),
        ([6, 12] * u.arcmin, [0.1, 0.2]),
        (["6 arcmin", 0.2 * u.deg], [0.1, 0.2]),
        (xr.DataArray([6.0], dims="a", attrs={"units": "arcmin"}), [0.1]),
    ],
)
def test_to_value(value, want):
    assert_allclose(to_value(value, "deg"), want)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1 TeV", "cannot be converted to 'deg'"),
        (1 * u.m, "cannot be converted to 'deg'"),
        ("a lot", "is not a quantity"),
        ("0.1", "has no unit: use for example '1 deg'"),
    ],
)
def test_wrong_units_are_refused(value, message):
    """#4492: a distance in the wrong unit was accepted silently."""
    with pytest.raises(xg.UnitError, match=message) as error:
        to_value(value, "deg", "width")
    assert "width" in str(error.value)


def test_quantity_and_convert():
    area = xr.DataArray([1.0, 2.0], dims="obs", attrs={"units": "km2 s", "long_name": "it"})
    assert quantity(area)[1] == 2 * u.km**2 * u.s
    got = convert(area, "m2 s")
    assert_allclose(got, [1e6, 2e6])
    assert got.attrs == {"units": "m2 s", "long_name": "it"}
    assert area.attrs["units"] == "km2 s"
    with pytest.raises(xg.UnitError, match=r"'km2 s' cannot be converted to 'TeV'"):
        convert(area, "TeV")
    assert area.gamma.quantity.unit == u.km**2 * u.s
    assert_allclose(area.gamma.to_unit("cm2 s"), [1e10, 2e10])


def test_convert_stays_lazy():
    pytest.importorskip("dask")
    lazy = xr.DataArray(np.ones(4), dims="x", attrs={"units": "km"}).chunk()
    assert convert(lazy, "m").chunks is not None


@pytest.mark.parametrize(
    "value",
    [
        SkyCoord(83.63, 22.01, unit="deg"),
        "83.63d 22.01d",
        (83.63, 22.01),
        (83.63 * u.deg, "22.01 deg"),
    ],
)
def test_position(value):
    at = position(value)
    assert at.icrs.ra.deg == pytest.approx(83.63)
    assert at.icrs.dec.deg == pytest.approx(22.01)


def test_position_in_a_frame():
    assert position((0, 0), "galactic").frame.name == "galactic"


@pytest.mark.parametrize("value", ["nowhere", (1, 2, 3), 7, (0, 91), ("1 TeV", 0)])
def test_not_a_position(value):
    with pytest.raises(xg.XGammaError):
        position(value)


def test_time():
    assert time_value("2020-01-01").scale == "tt"
    assert time_value(np.datetime64("2020-01-01")).isot == "2020-01-01T00:00:00.000"
    with pytest.raises(xg.XGammaError, match="is not a time"):
        time_value("yesterday")
