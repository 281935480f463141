"""The times in a file: seconds that elapsed since the reference in its header."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.time import Time

from xgamma.core.units import time_value
from xgamma.errors import XGammaError
from xgamma.model.sanity import issue_of_keyword
from xgamma.typing import ArrayLike, TimeLike

__all__ = ["MissionTime"]

SCALES = ("tai", "tcb", "tcg", "tdb", "tt", "ut1", "utc")


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

    @classmethod
    def from_header(cls, header: Mapping[Any, Any], where: str) -> MissionTime | None:
        """Return the reference that a header states, or None where it states none.

        Parameters
        ----------
        header : mapping
            Keywords: MJDREFI and MJDREFF, or MJDREF; TIMESYS, TT where it is missing.
        where : str
            What the header is of, for the error message.

        Returns
        -------
        reference : MissionTime or None
            The reference.

        Raises
        ------
        XGammaError
            If a keyword is not a number, or TIMESYS not a time scale.
        """
        name = "MJDREFI" if header.get("MJDREFI") is not None else "MJDREF"
        if header.get(name) is None:
            return None
        fraction = header.get("MJDREFF") if name == "MJDREFI" else None
        pair = [_day(where, name, header[name])]
        pair.append(0.0 if fraction is None else _day(where, "MJDREFF", fraction))
        scale = str(header.get("TIMESYS") or "TT").strip().lower()
        if scale not in SCALES:
            raise XGammaError(
                f"{where}: TIMESYS={header['TIMESYS']!r} is not a supported time scale "
                f"({', '.join(SCALES)}): correct the header."
            )
        return cls(pair[0], pair[1], scale)

    def seconds_since(self, other: MissionTime) -> float:
        """Return what to add to seconds of this reference to have seconds of another."""
        if self == other:
            return 0.0
        return float((self.reference - other.reference).sec)

    @property
    def reference(self) -> Time:
        """The reference as an astropy time."""
        return _reference(self)

    def to_time(self, seconds: ArrayLike) -> Time:
        """Return mission seconds as an astropy time, scale TT."""
        return self.reference + np.asarray(seconds, dtype=float) * u.s

    def to_seconds(self, time: Time) -> float:
        """Return a time (astropy, or ISO text in TT) as mission seconds."""
        return float((time_value(time).tt - self.reference).sec)

    def offset(self, reference_time: TimeLike) -> float:
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


def _day(where: str, name: str, value: Any) -> float:
    """Return a keyword as a number of days."""
    try:
        days = float(value)
    except (TypeError, ValueError):
        days = float("nan")
    if np.isnan(days) or issue_of_keyword(name, days) is not None:
        raise XGammaError(
            f"{where}: {name}={value!r} is not a valid modified Julian date: correct the header."
        )
    return days


@functools.lru_cache(maxsize=64)
def _reference(mission: MissionTime) -> Time:
    return Time(mission.mjdrefi, mission.mjdreff, format="mjd", scale=mission.timesys).tt


@functools.lru_cache(maxsize=64)
def _offset(mission: MissionTime, reference_time: str) -> float:
    return 0.0 - mission.to_seconds(reference_time)
