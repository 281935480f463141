"""File formats by name: those of `xgamma.io.formats`, of users, and of other packages."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from xgamma.core.records import Record
from xgamma.core.registry import Registry
from xgamma.errors import XGammaError
from xgamma.model.schema import kind

__all__ = ["FormatRecord", "find_format", "list_formats", "register_format"]

KINDS = ("map", "spectrum")


@dataclass(frozen=True, kw_only=True)
class FormatRecord(Record):
    """A file format: how it is recognised, read and written.

    Parameters
    ----------
    name : str
        Name by which configurations select it.
    summary : str
        One-line description.
    sniff : callable
        ``sniff(path, head)``: whether a path has this format, given its first 512 bytes (none for a
        folder).
    read : callable, optional
        ``read(path, **kwargs)``: returns a dataset or a collection; None for a format that can only
        be written.
    write : callable, optional
        ``write(data, path, overwrite=False)``; None for a format that can only be read.
    suffixes : tuple of str
        File suffixes that select it for writing, in lower case.
    kinds : tuple of {"map", "spectrum"}
        What it holds.
    collections : bool
        Whether it can also hold a collection of datasets.
    general : bool
        Whether other formats start with the same bytes; such a format is tried last.
    checks : bool
        Whether the reader validates its result against the data model; if False, `xgamma.open`
        does.

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> def write_counts(ds, path, overwrite=False):
    ...     np.savetxt(path, ds.counts.values)
    >>> record = xg.FormatRecord(
    ...     name="counts-text",
    ...     summary="Counts of a spectrum as text.",
    ...     sniff=lambda path, head: False,
    ...     write=write_counts,
    ...     suffixes=(".counts",),
    ...     kinds=("spectrum",),
    ... )
    >>> xg.register_format(record).name
    'counts-text'
    """

    sniff: Callable[[Path, bytes], bool]
    read: Callable[..., xr.Dataset | xr.DataTree] | None = None
    write: Callable[..., Any] | None = None
    suffixes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = KINDS
    collections: bool = False
    general: bool = False
    checks: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.read is None and self.write is None:
            raise XGammaError(f"The format {self.name!r} requires read=, write= or both.")
        wrong = [s for s in self.suffixes if not s.startswith(".") or s != s.lower()]
        if wrong:
            raise XGammaError(
                f"suffixes={self.suffixes!r} of {self.name!r}: write {wrong[0]!r} in lower "
                "case, with a leading dot."
            )
        if not self.kinds or not set(self.kinds) <= set(KINDS):
            raise XGammaError(
                f"kinds={self.kinds!r} of {self.name!r} is not recognised: use ('map',), ('spectrum',) or both."
            )

    def open(self, path: object, kwargs: dict[str, Any]) -> xr.Dataset | xr.DataTree:
        """Return the contents of a file; keywords are passed to the reader."""
        if self.read is None:
            raise XGammaError(
                f"'{path}' is in the format {self.name!r}, which can be written but not read."
            )
        try:
            inspect.signature(self.read).bind(path, **kwargs)
        except TypeError as error:
            raise XGammaError(f"Files of the format {self.name!r}: {error}.") from None
        data = self.read(path, **kwargs)
        if not isinstance(data, (xr.Dataset, xr.DataTree)):
            raise XGammaError(
                f"The format {self.name!r} returned {type(data).__name__} for '{path}': "
                "it must return a Dataset or a DataTree."
            )
        return data

    def require_holds(self, data: xr.Dataset | xr.DataTree) -> None:
        """Raise unless the format can be written and can store such data."""
        if self.write is None:
            raise XGammaError(
                f"The format {self.name!r} can be read but not written: choose another ending."
            )
        if isinstance(data, xr.DataTree):
            if not self.collections:
                raise XGammaError(
                    f"The format {self.name!r} stores a single dataset, not a collection: write .nc or .zarr."
                )
        elif kind(data).removesuffix("_onoff") not in self.kinds:
            raise XGammaError(
                f"The format {self.name!r} stores a {self.kinds[0]}, not a {kind(data)}."
            )

    def save(self, data: xr.Dataset | xr.DataTree, path: object, overwrite: bool = False) -> None:
        """Write data to a path."""
        self.require_holds(data)
        assert self.write is not None
        self.write(data, path, overwrite=overwrite)


REGISTRY = Registry("file format", FormatRecord, "xgamma.formats", package="xgamma.io.formats")


def register_format(record: FormatRecord) -> FormatRecord:
    """Register a file format for `xgamma.open`, writers, configurations and the command line.

    Parameters
    ----------
    record : FormatRecord
        How it is recognised, read and written.

    Returns
    -------
    record : FormatRecord
        The same.

    Raises
    ------
    XGammaError
        If the name or one of the suffixes is taken.

    Examples
    --------
    >>> import xgamma as xg
    >>> record = xg.FormatRecord(
    ...     name="pickled",
    ...     summary="Nothing that should be opened.",
    ...     sniff=lambda path, head: head.startswith(b"PICKLED"),
    ...     read=lambda path: xg.create_map((0, 0), "1 deg", "0.1 deg"),
    ... )
    >>> record = xg.register_format(record)
    >>> "pickled" in xg.list_formats()
    True
    """
    for other in REGISTRY.own().values():
        shared = set(other.suffixes) & set(record.suffixes) if other.name != record.name else ()
        if shared:
            raise XGammaError(
                f"The ending {min(shared)!r} of the format {record.name!r} is already used by "
                f"{other.name!r}: choose another."
            )
    return REGISTRY.register(record)


def find_format(name: str) -> FormatRecord:
    """Return a file format.

    Parameters
    ----------
    name : str
        Name of the format; those of other packages are found by their entry points in the group
        ``xgamma.formats``.

    Returns
    -------
    record : FormatRecord
        How it is recognised, read and written.

    Raises
    ------
    XGammaError
        If there is none.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.find_format("fits").suffixes
    ('.fits', '.fits.gz')
    """
    return REGISTRY.find(name)


def list_formats() -> dict[str, str]:
    """Return the file formats, including those of other packages.

    Returns
    -------
    formats : dict
        One-line description by name.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.list_formats()["netcdf"]
    'Datasets and collections in NetCDF-4, with CF attributes.'
    """
    return REGISTRY.summaries()
