"""Checks of columns before their values are used."""

from __future__ import annotations

import numpy as np

from xgamma.errors import XGammaError
from xgamma.fits.tables import Table

__all__ = ["require_channels", "require_once", "require_real"]


def require_once(table: Table, name: str, where: str) -> None:
    """Raise if a table has two columns of a name: which is meant cannot be told."""
    if name in table.repeated:
        raise XGammaError(f"The {where} has two columns named {name}: rename the wrong one.")


def require_channels(table: Table) -> None:
    """Raise if the rows of a table are not in the order of their channels, where it has any."""
    if "CHANNEL" not in table.columns:
        return
    channels = np.asarray(table.read("CHANNEL"))
    if channels.ndim == 1 and channels.dtype.kind in "iuf" and (np.diff(channels) <= 0).any():
        raise XGammaError(
            f"The channels of the HDU {table.name!r} of {table.file.path} do not increase: sort its rows."
        )


def require_real(table: Table, name: str) -> None:
    """Raise if a column of a response is twice there, or does not hold real numbers."""
    where = f"HDU {table.name!r} of {table.file.path}"
    column = table[name]
    require_once(table, name, where)
    whole = column.code in "BIJK" and column.scale == 1 and column.zero == 0
    if not column.is_variable and (column.code not in "BIJKED" or whole):
        raise XGammaError(
            f"The column {name} of the {where} has the format {column.code!r}, but GADF "
            "requires real numbers: correct TFORM, or download the file again."
        )
