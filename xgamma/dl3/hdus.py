"""Events, good time and pointing of an observation as the HDUs that GADF 0.3 describes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import xarray as xr

from xgamma.dl3.row_tables import ROW_TABLES
from xgamma.errors import MissingDataError
from xgamma.fits.bintable import BinTable, Column, bin_table
from xgamma.fits.headers import header_of
from xgamma.irf.gadf import GADF_KEYWORDS

__all__ = ["row_hdu"]


def row_hdu(ds: xr.Dataset, group: str, keywords: Mapping[Hashable, object]) -> BinTable | None:
    """Make the HDU of a group with a row an event, an interval or a time.

    Parameters
    ----------
    ds : Dataset
        The group: ``events`` (time in s, positions in deg), ``gti`` (seconds since MJDREF) or
        ``pointing``.
    group : str
        Its name.
    keywords : mapping
        Attributes of the root, which hold the keywords of the run.

    Returns
    -------
    hdu : `BinTable` or None
        None of a pointing that is the one of the header.

    Raises
    ------
    MissingDataError
        If one of the mandatory columns is absent.
    """
    table = ROW_TABLES[group]
    if group == "pointing" and table.dim not in ds.dims:
        return None
    for name in (column.lower() for column in table.written):
        if name not in ds:
            raise MissingDataError(
                f"The group '{group}' has no variable '{name}', which GADF requires: add it."
            )
    shared = {str(key): value for key, value in keywords.items()}
    if table.run_keywords is not None:
        shared = {name: keywords[name] for name in table.run_keywords if name in keywords}
    classes = {**GADF_KEYWORDS, "HDUCLAS1": table.hduclas1}
    header = header_of(shared, {str(k): v for k, v in ds.attrs.items()}, classes)
    return bin_table(_columns(ds, table.dim), header, table.hduclas1)


def _columns(group: xr.Dataset, dim: str) -> list[Column]:
    """Make a column of each variable that has the rows' dimension first."""
    names = [n for n, v in group.variables.items() if v.dims[:1] == (dim,) and n != dim]
    return [
        Column(str(n).upper(), group[n].values, str(group[n].attrs.get("units", ""))) for n in names
    ]
