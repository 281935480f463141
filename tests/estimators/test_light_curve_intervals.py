"""Intervals of light curves: those that overlap are refused, runs that reach out of them are told."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

import xgamma as xg
from tests.helpers.small_datasets import small_spectrum, spectrum_source
from xgamma.errors import XGammaError, XGammaWarning
from xgamma.estimators.light_curve import light_curve


@pytest.fixture(scope="module")
def data():
    return small_spectrum(background=3.0).gamma.asimov(spectrum_source())


@pytest.mark.parametrize(
    ("intervals", "message"),
    [
        ([["2000-01-01", "2000-01-03"], ["2000-01-02", "2000-01-04"]], "overlap, so runs would"),
        ([["2000-01-02", "2000-01-04"], ["2000-01-01", "2000-01-09"]], "overlap, so runs would"),
        ([["2000-01-03", "2000-01-01"]], "is empty: give"),
        ([["2000-01-01", "2000-01-02"], ["2000-01-03", "2000-01-03"]], "is empty: give"),
    ],
)
def test_intervals_that_overlap_are_refused(data, intervals, message):
    """A run between 2 and 3 January was used in both."""
    with pytest.raises(XGammaError, match=message):
        light_curve([data], "s", time_intervals=Time(intervals), models=spectrum_source())


def test_times_that_are_no_pairs(data):
    with pytest.raises(XGammaError, match="not pairs"):
        light_curve([data], "s", time_intervals=Time(["2000-01-01"] * 3), models=spectrum_source())


def test_a_run_that_reaches_out_of_its_interval(data):
    start, stop = (float(data[n].values[0]) for n in ("gti_start", "gti_stop"))
    zero = Time(data.gti_start.attrs["reference_time"], scale="tt")
    middle = zero + (0.25 * start + 0.75 * stop) / 86400
    edges = Time([[(zero - 1).isot, middle.isot]], scale="tt")
    with pytest.warns(XGammaWarning, match="The good time of s extends beyond the time interval"):
        curve = light_curve([data], "s", time_intervals=edges, models=spectrum_source())
    assert curve.sizes["time"] == 1


def test_good_time_out_of_order(data):
    """The span is from the first start to the last stop, whatever the order."""
    attrs = data.gti_start.attrs
    swapped = data.drop_dims("gti").assign(
        gti_start=("gti", [500.0, 0.0], attrs), gti_stop=("gti", [900.0, 600.0], attrs)
    )
    curve = light_curve([swapped], "s", models=spectrum_source())
    assert (curve.time_hi - curve.time_lo).values[0] / np.timedelta64(1, "s") == 900.0


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({}, "has no MJDREFI"),
        ({"MJDREFI": "NONE"}, "is not a valid modified Julian date"),
        ({"MJDREFI": 55000, "TIMESYS": "MARS"}, "is not a supported time scale"),
    ],
)
def test_a_light_curve_without_a_reference(tmp_path, keywords, message):
    """Its times counted from 1 January 2000."""
    columns = [fits.Column(n, "D", array=[0.0, 1.0]) for n in ("TIME", "NORM")]
    hdu = fits.BinTableHDU.from_columns(columns)
    hdu.header.update(keywords)
    hdu.writeto(tmp_path / "curve.fits")
    with pytest.raises(XGammaError, match=message):
        xg.read_light_curve(tmp_path / "curve.fits")
