"""The times in a file: seconds that elapsed since the reference in its header."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xgamma.units import time_value

if TYPE_CHECKING:
    from astropy.time import Time

__all__ = ["MissionTime"]


@dataclass(frozen=True)
class MissionTime:
    """The reference of the times in a file: its seconds are elapsed since then.

    Attributes
    ----------
    mjdrefi, mjdreff : float
        Integer and fractional part of the reference MJD.
    timesys : str
        Time scale of that MJD, for instance ``"tt"`` or ``"utc"``.

    Examples
    --------
    >>> reference = MissionTime(51544, 0.5, "tt")
    >>> reference.offset("2000-01-01T12:00:00")
    0.0
    >>> reference.to_time(86400.0).isot
    '2000-01-02T12:00:00.000'
    """

    mjdrefi: float
    mjdreff: float
    timesys: str = "tt"

    @property
    def reference(self) -> Time:
        """The reference as an astropy time."""
        return _reference(self)

    def to_time(self, seconds: Any) -> Time:
        """Return mission seconds as an astropy time, scale TT."""
        from astropy import units as u

        return self.reference + np.asarray(seconds, dtype=float) * u.s

    def to_seconds(self, time: Any) -> float:
        """Return a time (astropy, or ISO text in TT) as mission seconds."""
        return float((time_value(time).tt - self.reference).sec)

    def offset(self, reference_time: Any) -> float:
        """Return what to add to mission seconds to have seconds since another reference (TT).

        Parameters
        ----------
        reference_time : str or Time
            The other reference; a string is TT.

        Returns
        -------
        offset : float
            Seconds.
        """
        if isinstance(reference_time, str):
            return _offset(self, reference_time)
        return 0.0 - self.to_seconds(reference_time)


@functools.lru_cache(maxsize=64)
def _reference(mission: MissionTime) -> Time:
    from astropy.time import Time

    return Time(mission.mjdrefi, mission.mjdreff, format="mjd", scale=mission.timesys).tt


@functools.lru_cache(maxsize=64)
def _offset(mission: MissionTime, reference_time: str) -> float:
    return 0.0 - mission.to_seconds(reference_time)
