"""The responses of OGIP spectra: effective areas (ARF) and redistribution matrices (RMF).

Format: OGIP memo CAL/GEN/92-002.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.bounds import bytes_of, require_room
from xgamma.core.units import conversion
from xgamma.errors import AxisError, MissingDataError, XGammaError
from xgamma.fits.files import FitsFile
from xgamma.fits.layout import whole_keyword
from xgamma.fits.tables import Table
from xgamma.io.fits_axes import Axis, require_bins
from xgamma.model.sanity import issue_of_values
from xgamma.model.schema import variable_attrs

__all__ = ["folded", "read_bounds", "read_exposure", "read_matrix", "read_response"]

# Energies of an RMF are often single precision: bounds agree within this part of a bin.
EDGE_TOLERANCE = 1e-3


def read_bounds(table: Table, low: str, high: str, name: str) -> Axis:
    """Return the axis that two columns of bounds describe, keV where they state no unit."""
    lo, hi = (np.asarray(table.read(c), dtype=float) for c in (low, high))
    units = str(table[low].unit or "keV")
    # The first bin of an RMF often starts at zero, which has no logarithm.
    interp = "log" if np.all(lo > 0) else "lin"
    axis = Axis(name, lo, hi, units, interp)
    return require_bins(axis, f"The table {table.name} of {table.file.path}")


def read_exposure(
    arf: FitsFile | None, rmf: dict[str, Any] | None, livetime: float
) -> tuple[np.ndarray, Axis]:
    """Return the exposure in m2 s, and the axis of true energy."""
    if arf is None:
        assert rmf is not None
        # Without an ARF the matrix is a full response, whose values are areas in cm2.
        return np.full(rmf["true"].size, conversion("cm2", "m2") * livetime), rmf["true"]
    table = arf["SPECRESP"].table
    true = read_bounds(table, "ENERG_LO", "ENERG_HI", "energy_true")
    factor = conversion(str(table["SPECRESP"].unit or "cm2"), "m2")
    area = require_values(table, "SPECRESP", "exposure")
    if rmf is not None:
        _require_same(true, rmf["true"], arf.path)
    return area * factor * livetime, true


def require_values(table: Table, column: str, name: str) -> np.ndarray:
    """Return a column as numbers, or raise an `XGammaError` if they are not valid for it."""
    values = np.asarray(table.read(column), dtype=float)
    issue = issue_of_values(name, values, label=f"the column {column} of {table.name}")
    if issue is not None:
        raise XGammaError(f"In {table.file.path} {issue}: correct the file.")
    return values


def _require_same(a: Axis, b: Axis, path: Path) -> None:
    factor = conversion(b.units, a.units)
    width = a.hi - a.lo
    if a.size != b.size or np.any(np.abs(a.hi - b.hi * factor) > EDGE_TOLERANCE * width):
        raise AxisError(
            f"The energies of the ARF {path} and of its RMF differ: they do not belong together."
        )


def folded(
    exposure: np.ndarray,
    livetime: float,
    rmf: dict[str, Any] | None,
    scale: np.ndarray,
    true: Axis,
) -> dict[str, xr.Variable]:
    """Return exposure and dispersion, with AREASCAL in the one it fits."""
    uniform = bool(np.all(scale == scale[0]))
    if uniform and scale[0] != 1:
        exposure = exposure * scale[0]
    attrs = variable_attrs("exposure", livetime=livetime)
    data = {"exposure": xr.Variable("energy_true", exposure, attrs)}
    if rmf is not None:
        matrix = rmf["matrix"] if uniform else rmf["matrix"] * scale
        data["edisp"] = xr.Variable(("energy_true", "energy"), matrix, variable_attrs("edisp"))
    return data


def read_response(file: FitsFile, rmf: FitsFile | None) -> dict[str, Any] | None:
    """Read a redistribution matrix: ``matrix`` (true, channel), ``true`` and ``energy``."""
    if rmf is None:
        return None
    names = ("MATRIX", "SPECRESP MATRIX")
    hdu = next((rmf[n] for n in names if n in rmf), None)
    if hdu is None:
        raise MissingDataError(f"The RMF {rmf.path} has no HDU 'MATRIX'.")
    energy = (
        read_bounds(rmf["EBOUNDS"].table, "E_MIN", "E_MAX", "energy") if "EBOUNDS" in rmf else None
    )
    where = f"HDU {hdu.name!r} of {rmf.path}"
    channels = whole_keyword(hdu.header, "DETCHANS", where, 0) or (energy.size if energy else 0)
    true = read_bounds(hdu.table, "ENERG_LO", "ENERG_HI", "energy_true")
    return {"matrix": read_matrix(hdu.table, channels), "true": true, "energy": energy}


def read_matrix(table: Table, channels: int) -> np.ndarray:
    """Return the full matrix of an RMF from its groups of channels.

    Parameters
    ----------
    table : Table
        HDU MATRIX, with the columns N_GRP, F_CHAN, N_CHAN and MATRIX.
    channels : int
        Number of channels.

    Returns
    -------
    matrix : ndarray
        Shape (rows, channels).

    Raises
    ------
    AxisError
        If a group ends beyond the last channel.
    XGammaError
        If a value is NaN, infinite or negative.
    """
    column = list(table.columns).index("F_CHAN") + 1
    first = int(table.header.get(f"TLMIN{column}", 1))
    n_grp, f_chan, n_chan, values = (table.read(c) for c in ("N_GRP", "F_CHAN", "N_CHAN", "MATRIX"))
    dtype = np.asarray(values[0]).dtype if len(values) else np.dtype("f4")
    where = f"The matrix of {table.file.path}, of {channels} channels (DETCHANS),"
    require_room(bytes_of((len(n_grp), channels), dtype.itemsize), where, "correct its header")
    matrix = np.zeros((len(n_grp), channels), dtype=dtype)
    for row in range(len(n_grp)):
        starts, sizes = (np.atleast_1d(v[row]).astype(int) for v in (f_chan, n_chan))
        cell, used = np.atleast_1d(values[row]), 0
        for start, size in zip(starts[: n_grp[row]], sizes[: n_grp[row]], strict=True):
            low = start - first
            if size and (low < 0 or low + size > channels):
                raise AxisError(
                    f"The RMF {table.file.path} has a group of channels {start} to {start + size - 1}, "
                    f"but {channels} channels from {first}: its TLMIN{column} may be wrong."
                )
            matrix[row, low : low + size] = cell[used : used + size]
            used += size
    issue = issue_of_values("edisp", matrix, label=f"the column MATRIX of {table.name}")
    if issue is not None:
        raise XGammaError(f"In {table.file.path} {issue}: correct the file.")
    return matrix
