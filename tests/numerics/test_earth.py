"""The rotation of the Earth against astropy, which knows its tables."""

import numpy as np
import pytest
from astropy.time import Time

from xgamma.numerics.earth import rotation_angle, sidereal_time

MJD = np.array([44239.3, 51544.5, 53000.25, 59000.9, 62502.1])


@pytest.fixture
def time():
    """Times whose UT1 is taken as UTC, as here."""
    time = Time(MJD, format="mjd", scale="utc")
    time.delta_ut1_utc = np.zeros(MJD.size)
    return time


def apart(found, expected):
    return np.abs((found - expected + 180) % 360 - 180)


def test_rotation_angle(time):
    # The remainder of 360 after 1e4 turns, in double precision.
    assert apart(rotation_angle(MJD), time.earth_rotation_angle("tio").deg).max() < 1e-7


def test_sidereal_time(time):
    # Higher powers of time that are left out: 1e-8 arcsec.
    expected = time.sidereal_time("mean", "greenwich").deg
    assert apart(sidereal_time(MJD), expected).max() < 1e-7
    assert np.all((sidereal_time(MJD) >= 0) & (sidereal_time(MJD) < 360))
