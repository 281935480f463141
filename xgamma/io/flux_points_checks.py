"""Checks of the columns of flux point tables: numeric, and of the right quantity."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.units import conversion, parse_unit
from xgamma.errors import AxisError, UnitError, XGammaError, shown, warn
from xgamma.typing import PathLike

__all__ = [
    "BY_DATASET",
    "ENERGY_NAMES",
    "OLD_NAMES",
    "SUFFIXES",
    "UNITS",
    "require_confidence",
    "require_kinds",
    "require_numbers",
]

SUFFIXES = ("", "_err", "_errn", "_errp", "_ul")
UNITS = {
    "dnde": "TeV-1 s-1 cm-2",
    "e2dnde": "TeV s-1 cm-2",
    "flux": "s-1 cm-2",
    "eflux": "TeV s-1 cm-2",
}
# Times are days in double precision.
TOUCH = np.timedelta64(1, "ms")
_FLAGS = ("is_ul", "success")
_ENERGIES = ("e_ref", "e_min", "e_max")
# Columns of norms had other names in version 0.1 of the format.
OLD_NAMES = {"dloglike_scan": "stat_scan", "loglike": "stat", "loglike_null": "stat_null"}
ENERGY_NAMES = ("energy", "energy_lo", "energy_hi")
# Column to the unit that its quantity has.
_FLUXES = {f"{p}{t}{s}": unit for p in ("", "ref_") for t, unit in UNITS.items() for s in SUFFIXES}
# Columns that hold a value of each dataset.
BY_DATASET = ("counts", "npred", "npred_excess")
_NUMBERS = (
    *(f"norm{s}" for s in SUFFIXES),
    *("ts", "sqrt_ts", "stat", "stat_null", "stat_scan", "norm_scan"),
    *BY_DATASET,
)
_WANTED = _FLUXES | dict.fromkeys(_NUMBERS, "")


def require_confidence(value: object, path: PathLike) -> float:
    """Return the confidence of upper limits, or raise if it is none."""
    if not isinstance(value, (int, float)) or not 0 < value < 1:
        raise XGammaError(
            f"UL_CONF of '{path}' is {shown(value)}, but must be a number between 0 and 1: correct it."
        )
    return float(value)


def require_numbers(table: Any, path: PathLike) -> None:
    """Raise if a column of a table that holds numbers holds something else."""
    for name in table.colnames:
        known = OLD_NAMES.get(name, name)
        if known in {*_WANTED, *_ENERGIES, *_FLAGS} and table[name].dtype.kind not in "iufb":
            raise XGammaError(
                f"The column {name} of '{path}' must hold numbers, not {table[name].dtype}: correct the table."
            )
        if known in ("norm_scan", "stat_scan") and table[name].dtype.kind in "iub":
            raise XGammaError(
                f"The column {name} of '{path}' has the type {table[name].dtype}, which cuts off decimals: correct its type to float64."
            )


def require_kinds(ds: xr.Dataset, path: PathLike, what: str = "column") -> None:
    """Raise if energies or fluxes are not numbers, of another quantity, or cannot be energies."""
    for name in (*ENERGY_NAMES, *_WANTED):
        if name not in ds.variables:
            continue
        variable = ds.variables[name]
        if variable.dtype.kind not in "iuf":
            raise XGammaError(
                f"The {what} {name} of '{path}' must contain one number in each row: correct the table."
            )
        unit, wanted = str(variable.attrs.get("units", "")), _WANTED.get(name, "TeV")
        if unit and not parse_unit(unit).is_equivalent(parse_unit(wanted)):
            raise UnitError(
                f"The {what} {name} of '{path}' is in {unit!r}, but must be in {wanted!r}: correct its unit."
            )
        values = variable.values
        if name in ENERGY_NAMES and not (np.isfinite(values).all() and (values > 0).all()):
            raise AxisError(
                f"The {what} {name} of '{path}' has energies that are NaN, infinite or not above 0: remove those rows."
            )
        if name.endswith(SUFFIXES[1:4]) and (values < 0).any():
            raise XGammaError(
                f"The {what} {name} of '{path}' has errors below 0: correct or remove those rows."
            )
    _require_bins(ds, path)
    if "energy" in ds.variables and (np.diff(ds["energy"].values) <= 0).any():
        raise AxisError(
            f"The energies of '{path}' do not increase from row to row: sort the rows, or correct e_ref."
        )
    _warn_of_overlap(ds, path)


def _require_bins(ds: xr.Dataset, path: PathLike) -> None:
    """Raise if reference energies do not lie in their bins."""
    if not all(name in ds.variables for name in ENERGY_NAMES):
        return
    energy, low, high = (
        ds[n].values * conversion(str(ds[n].attrs.get("units", "TeV")), "TeV") for n in ENERGY_NAMES
    )
    slack = 1e-6 * energy
    if not ((low < high) & (low <= energy + slack) & (energy <= high + slack)).all():
        raise AxisError(
            f"The energies of '{path}' do not lie between e_min and e_max: correct the columns, or their units."
        )


def _warn_of_overlap(ds: xr.Dataset, path: PathLike) -> None:
    """Warn of intervals of a light curve that overlap: what they count is counted twice."""
    if not {"time_lo", "time_hi"} <= set(ds.variables):
        return
    low, high = np.sort(ds["time_lo"].values), np.sort(ds["time_hi"].values)
    if (low[1:] < high[:-1] - TOUCH).any():
        warn(f"Intervals of the light curve '{path}' overlap: correct time_min and time_max.")
