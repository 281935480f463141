"""How far the Earth has turned, without tables of its rotation: UT1 is taken as UTC."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

__all__ = ["J2000", "rotation_angle", "sidereal_time"]

# MJD of the epoch J2000, and degrees of rotation then, and a day.
J2000 = 51544.5
AT_J2000, PER_DAY = 360.0 * 0.7790572732640, 360.0 * 1.00273781191135448
# Precession in right ascension since J2000, arcsec, arcsec a century and arcsec a century squared.
PRECESSION = (0.014506, 4612.156534, 1.3915817)

Number = TypeVar("Number", float, np.ndarray)


def rotation_angle(mjd: Number) -> Number:
    """Return the Earth rotation angle: right ascensions of date (CIRS) above Greenwich.

    Parameters
    ----------
    mjd : float or ndarray
        UTC.

    Returns
    -------
    angle : float or ndarray
        Degrees, from 0 to 360; as UTC may differ from UT1 by 0.9 s, good to 0.004.

    Notes
    -----
    IAU 2000 (Capitaine et al. 2000, A&A 355, 398).

    Examples
    --------
    >>> round(rotation_angle(51544.5), 4)
    280.4606
    """
    return (AT_J2000 + PER_DAY * (mjd - J2000)) % 360.0


def sidereal_time(mjd: Number) -> Number:
    """Return the mean sidereal time at Greenwich: right ascensions of the mean equinox above it.

    Parameters
    ----------
    mjd : float or ndarray
        UTC.

    Returns
    -------
    angle : float or ndarray
        Degrees, from 0 to 360; as good as `rotation_angle`.

    Notes
    -----
    IAU 2006: the rotation angle and the precession since J2000 (Capitaine et al. 2003, A&A 412, 567).

    Examples
    --------
    >>> round(sidereal_time(51544.5), 4)
    280.4606
    """
    centuries = (mjd - J2000) / 36525.0
    constant, linear, squared = PRECESSION
    arcsec = constant + centuries * (linear + centuries * squared)
    return (rotation_angle(mjd) + arcsec / 3600.0) % 360.0
