"""Whether what a table of flux points holds can be: numbers, of the right quantity."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.core.units import parse_unit
from xgamma.errors import AxisError, UnitError, XGammaError, shown
from xgamma.typing import PathLike

__all__ = ["ENERGY_NAMES", "SUFFIXES", "UNITS", "require_confidence", "require_kinds"]

SUFFIXES = ("", "_err", "_errn", "_errp", "_ul")
UNITS = {
    "dnde": "TeV-1 s-1 cm-2",
    "e2dnde": "TeV s-1 cm-2",
    "flux": "s-1 cm-2",
    "eflux": "TeV s-1 cm-2",
}
ENERGY_NAMES = ("energy", "energy_lo", "energy_hi")
# Column to the unit that its quantity has.
_WANTED = {f"{p}{t}{s}": unit for p in ("", "ref_") for t, unit in UNITS.items() for s in SUFFIXES}


def require_confidence(value: object, path: PathLike) -> float:
    """Return the confidence of upper limits, or raise if it is none."""
    if not isinstance(value, (int, float)) or not 0 < value < 1:
        raise XGammaError(
            f"UL_CONF of '{path}' is {shown(value)}, where a number between 0 and 1 is needed: correct it."
        )
    return float(value)


def require_kinds(ds: xr.Dataset, path: PathLike, what: str = "column") -> None:
    """Raise if energies or fluxes are no numbers, of another quantity, or cannot be energies."""
    for name in (*ENERGY_NAMES, *_WANTED):
        if name not in ds.variables:
            continue
        variable = ds.variables[name]
        if variable.dtype.kind not in "iuf":
            raise XGammaError(
                f"The {what} {name} of '{path}' must hold one number in each row: correct the table."
            )
        unit, wanted = str(variable.attrs.get("units", "")), _WANTED.get(name, "TeV")
        if unit and not parse_unit(unit).is_equivalent(parse_unit(wanted)):
            raise UnitError(
                f"The {what} {name} of '{path}' is in {unit!r}, but is a quantity in {wanted!r}: correct its unit."
            )
        values = variable.values
        if name in ENERGY_NAMES and not (np.isfinite(values).all() and (values > 0).all()):
            raise AxisError(
                f"The {what} {name} of '{path}' has energies that are NaN, infinite or not above 0: leave out those rows."
            )
