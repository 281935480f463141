"""Time profiles that are constant or given by a table of time or of phase."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from xgamma.core.defaults import TIME_SCALE
from xgamma.core.paths import file_path
from xgamma.core.reading import reader
from xgamma.core.units import conversion, to_value
from xgamma.errors import MissingDataError, MissingFileError, XGammaError
from xgamma.fits.checks import require_real
from xgamma.fits.files import open_fits
from xgamma.fits.times import MissionTime
from xgamma.modeling.parameter import Spec, Value
from xgamma.modeling.time_profile import TimeProfile
from xgamma.typing import ArrayLike

if TYPE_CHECKING:
    from astropy.time import Time

__all__ = [
    "ConstantTemporal",
    "LightCurve",
    "PhaseCurve",
]


class ConstantTemporal(TimeProfile):
    """A factor of one.

    Examples
    --------
    >>> float(ConstantTemporal()("2020-01-01T00:00:00"))
    1.0
    """

    tag, short = "ConstantTemporalModel", "const"

    def kernel(self, mjd: np.ndarray) -> np.ndarray:
        """See `TimeProfile.kernel`."""
        return np.ones_like(mjd)

    def kernel_integral(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """See `TimeProfile.kernel_integral`."""
        values: np.ndarray = stop - start
        return values


class LightCurve(TimeProfile):
    """A light curve given by a table, interpolated linearly and constant beyond its ends.

    Parameters
    ----------
    time : Quantity or array_like
        Increasing times relative to `t_ref`, as Quantity or number in days.
    norm : array_like
        Non-negative factor at each time.
    t_ref : float
        Reference time, as MJD in `scale`.
    scale : str
        Time scale.
    filename : str, optional
        FITS table with the columns TIME and NORM; YAML then stores this name instead of the table.

    Examples
    --------
    >>> flare = LightCurve([0, 1, 2], [1, 3, 1], t_ref=59000)
    >>> float(flare.kernel_mean(np.array([59000.0]), np.array([59002.0])))
    2.0
    """

    tag, short = "LightCurveTemplateTemporalModel", "template"
    specs: ClassVar[dict[str, Spec]] = {"t_ref": Spec(51544.0, "d", frozen=True)}

    def __init__(
        self,
        time: ArrayLike | Time,
        norm: ArrayLike,
        t_ref: Value = 51544.0,
        scale: str = TIME_SCALE,
        filename: str | None = None,
    ) -> None:
        super().__init__(scale, t_ref=t_ref)
        self.time = np.atleast_1d(np.asarray(to_value(time, "d", "time"), dtype=float))
        self.norm = np.atleast_1d(np.asarray(norm, dtype=float))
        self.filename = filename
        if self.time.shape != self.norm.shape or not _increase(self.time):
            raise XGammaError(
                "A light curve requires increasing times and one factor for each, not "
                f"{self.time.size} times and {self.norm.size} factors."
            )
        if not np.all((self.norm >= 0) & np.isfinite(self.norm)):
            raise XGammaError(
                "A light curve cannot be negative or NaN: each factor must be a finite non-negative number."
            )
        steps = 0.5 * (self.norm[1:] + self.norm[:-1]) * np.diff(self.time)
        self._cumulative = np.concatenate([[0.0], np.cumsum(steps)])

    def kernel(self, mjd: np.ndarray) -> np.ndarray:
        """See `TimeProfile.kernel`."""
        values: np.ndarray = np.interp(mjd - self.kernel_values()[0], self.time, self.norm)
        return values

    def kernel_integral(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """See `TimeProfile.kernel_integral`; exact."""
        (t_ref,) = self.kernel_values()
        values: np.ndarray = self._primitive(stop - t_ref) - self._primitive(start - t_ref)
        return values

    def _primitive(self, t: np.ndarray) -> np.ndarray:
        inside = np.clip(t, self.time[0], self.time[-1])
        i = np.clip(np.searchsorted(self.time, inside) - 1, 0, max(self.time.size - 2, 0))
        value = np.interp(inside, self.time, self.norm)
        area = self._cumulative[i] + 0.5 * (self.norm[i] + value) * (inside - self.time[i])
        before = self.norm[0] * np.minimum(t - self.time[0], 0)
        values: np.ndarray = area + before + self.norm[-1] * np.maximum(t - self.time[-1], 0)
        return values

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form beside the parameters."""
        if self.filename is not None:
            return {"scale": self.scale, "filename": self.filename, "format": "table", "unit": ""}
        table = {"time": self.time.tolist(), "norm": self.norm.tolist(), "unit": "d"}
        return {"scale": self.scale, "table": table}

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> LightCurve:
        """Make the component from its serialised form."""
        if "filename" in data:
            return read_light_curve(data["filename"])
        table = data["table"]
        return cls(np.asarray(table["time"]), table["norm"], scale=data.get("scale", "utc"))

    def __repr__(self) -> str:
        return f"LightCurve({self.time.size} nodes from MJD {self.t_ref.value + self.time[0]:.3f})"


@reader
def read_light_curve(path: str | Path) -> LightCurve:
    """Read a light curve from a FITS table with the columns TIME and NORM.

    Parameters
    ----------
    path : str or Path
        File; its header gives MJDREFI, MJDREFF, TIMEUNIT and TIMESYS (TT where it is missing).

    Returns
    -------
    profile : LightCurve
        The time profile.

    Raises
    ------
    MissingDataError
        If the file, a column or MJDREFI is not there.
    XGammaError
        If the reference is not a date.

    Examples
    --------
    >>> profile = read_light_curve("light_curve.fits")  # doctest: +SKIP
    """
    columns, header = read_columns(path, ("TIME", "NORM"))
    unit = columns["TIME"][1] or str(header.get("TIMEUNIT", "d"))
    reference = MissionTime.from_header(header, f"The light curve {str(path)!r}")
    if reference is None:
        raise MissingDataError(
            f"The light curve {str(path)!r} has no MJDREFI, so its times have no reference: add "
            "MJDREFI and MJDREFF to its header."
        )
    return LightCurve(
        columns["TIME"][0] * conversion(unit, "d"),
        columns["NORM"][0],
        reference.mjdrefi + reference.mjdreff,
        reference.timesys,
        str(path),
    )


def _increase(nodes: np.ndarray) -> bool:
    """Return whether nodes are finite, and each lies behind the one before."""
    return bool(nodes.size and np.isfinite(nodes).all() and np.all(np.diff(nodes) > 0))


def read_columns(
    path: str | Path, names: tuple[str, ...]
) -> tuple[dict[str, tuple[np.ndarray, str]], Any]:
    """Read columns (values and unit) of the first table of a FITS file, and its header."""
    found = file_path(path)
    if not found.exists():
        raise MissingFileError(f"The table {str(path)!r} does not exist: check the path.")
    tables = open_fits(found).tables
    if not tables:
        raise MissingDataError(f"{str(path)!r} contains no table: it may be truncated.")
    table = tables[0]
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise MissingDataError(f"{str(path)!r} has no column {missing[0]}.")
    table.check_last_row()
    columns = {}
    for name in names:
        require_real(table, name)
        values = np.asarray(table.read(name), dtype=float)
        if values.ndim != 1 or not np.isfinite(values).all():
            raise XGammaError(
                f"The column {name} of {str(path)!r} must contain one finite number in each "
                "row: correct the table."
            )
        columns[name] = (values, table[name].unit or "")
    return columns, table.header


class PhaseCurve(TimeProfile):
    r"""A periodic profile: a table of phase, and a timing solution.

    The phase is :math:`\phi_0 + f_0 t + f_1 t^2/2 + f_2 t^3/6` with *t* since `t_ref`.

    Parameters
    ----------
    phase, norm : array_like
        Nodes from 0 to 1, increasing, and the factor at each.
    normalize : bool
        Whether to scale the factor so that its mean over a period is one.
    scale, filename : str
        Time scale; FITS table with PHASE and NORM, written to YAML instead of the table.
    **values
        `t_ref` (MJD), `phi_ref`, `f0` (s-1), `f1` (s-2), `f2` (s-3).

    Examples
    --------
    >>> pulse = PhaseCurve([0, 0.5, 1], [0, 1, 0], f0="1 s-1", t_ref=59000)
    >>> float(pulse.kernel(np.array(59000 + 0.5 / 86400)).round(3))
    2.0
    """

    tag, short = "TemplatePhaseCurveTemporalModel", "template-phase"
    specs: ClassVar[dict[str, Spec]] = {
        "t_ref": Spec(48442.5, "d", frozen=True),
        "phi_ref": Spec(0.0, frozen=True),
        "f0": Spec(29.946923, "s-1", frozen=True, kernel_unit="d-1"),
        "f1": Spec(0.0, "s-2", frozen=True, kernel_unit="d-2"),
        "f2": Spec(0.0, "s-3", frozen=True, kernel_unit="d-3"),
    }

    def __init__(
        self,
        phase: ArrayLike,
        norm: ArrayLike,
        normalize: bool = True,
        scale: str = TIME_SCALE,
        filename: str | None = None,
        **values: Value,
    ) -> None:
        super().__init__(scale, **values)
        self.phase = np.asarray(phase, dtype=float)
        self.norm = np.asarray(norm, dtype=float)
        self.normalize, self.filename = normalize, filename
        ordered = self.phase.size > 1 and bool(np.all(np.diff(self.phase) > 0))
        if self.phase.shape != self.norm.shape or not ordered:
            raise XGammaError("A phase curve requires increasing phases and one factor for each.")
        # The curve is closed: beyond its nodes it holds their values to phase 0 and 1.
        self._x = np.concatenate([[0.0], np.clip(self.phase, 1e-12, 1 - 1e-12), [1.0]])
        self._y = np.concatenate([self.norm[:1], self.norm, self.norm[-1:]])
        area = 0.5 * (self._y[1:] + self._y[:-1]) * np.diff(self._x)
        if normalize:
            self._y, area = self._y / area.sum(), area / area.sum()
        self._cumulative = np.concatenate([[0.0], np.cumsum(area)])

    def cycles(self, mjd: np.ndarray) -> np.ndarray:
        """Return the phase, whole turns included, at times in MJD."""
        t_ref, phi_ref, f0, f1, f2 = self.kernel_values()
        t = mjd - t_ref
        return phi_ref + t * (f0 + t * (f1 / 2 + t * f2 / 6))

    def kernel(self, mjd: np.ndarray) -> np.ndarray:
        """See `TimeProfile.kernel`."""
        values: np.ndarray = np.interp(np.mod(self.cycles(mjd), 1.0), self._x, self._y)
        return values

    def kernel_integral(self, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        """See `TimeProfile.kernel_integral`; the frequency is taken as level in an interval."""
        turns = self.cycles(stop) - self.cycles(start)
        area = self._primitive(self.cycles(stop)) - self._primitive(self.cycles(start))
        safe = np.where(turns == 0, 1.0, turns)
        values: np.ndarray = (stop - start) * np.where(turns == 0, self.kernel(start), area / safe)
        return values

    def _primitive(self, cycles: np.ndarray) -> np.ndarray:
        whole = np.floor(cycles)
        phase = cycles - whole
        i = np.clip(np.searchsorted(self._x, phase) - 1, 0, self._x.size - 2)
        value = np.interp(phase, self._x, self._y)
        part = self._cumulative[i] + 0.5 * (self._y[i] + value) * (phase - self._x[i])
        values: np.ndarray = whole * self._cumulative[-1] + part
        return values

    def extra(self) -> dict[str, Any]:
        """Entries of the serialised form beside the parameters."""
        common = {"scale": self.scale, "normalize": self.normalize}
        if self.filename is not None:
            return {**common, "filename": self.filename}
        return {**common, "table": {"phase": self.phase.tolist(), "norm": self.norm.tolist()}}

    @classmethod
    def from_extra(cls, data: dict[str, Any]) -> PhaseCurve:
        """Make the component from its serialised form."""
        keep = {"normalize": data.get("normalize", True), "scale": data.get("scale", "utc")}
        if "filename" in data:
            columns, _ = read_columns(data["filename"], ("PHASE", "NORM"))
            return cls(columns["PHASE"][0], columns["NORM"][0], filename=data["filename"], **keep)
        return cls(data["table"]["phase"], data["table"]["norm"], **keep)

    def __repr__(self) -> str:
        return f"PhaseCurve({self.phase.size} nodes, f0={self.f0.value:g} {self.f0.unit})"
