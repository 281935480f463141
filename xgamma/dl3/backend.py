"""DL3 files for xarray: ``xr.open_datatree(file, engine="gadf")``."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from typing import Any

import xarray as xr
from xarray.backends import BackendEntrypoint

from xgamma.core.paths import first_bytes
from xgamma.dl3.assemble import read_observation
from xgamma.errors import MissingDataError
from xgamma.fits.bytes import GZIP_MAGIC

__all__ = ["GADFBackend"]

_MARKS = (b"'EVENTS  '", b"'EFF_AREA'", b"'EFFECTIVE AREA'", b"'AEFF", b"'RESPONSE'")


class GADFBackend(BackendEntrypoint):
    """Open DL3 files (GADF events and responses) as xarray objects.

    Examples
    --------
    >>> import xarray as xr
    >>> obs = xr.open_datatree("run.fits.gz", engine="gadf")  # doctest: +SKIP
    >>> aeff = xr.open_dataset("run.fits.gz", engine="gadf", group="aeff")  # doctest: +SKIP
    """

    description = "Open DL3 gamma-ray files (GADF) in FITS"
    supports_groups = True
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "group")

    def open_dataset(
        self,
        filename_or_obj: object,
        *,
        drop_variables: str | Iterable[str] | None = None,
        group: str | None = None,
    ) -> xr.Dataset:
        """Open one HDU: ``events`` unless `group` names another."""
        tree = self.open_datatree(filename_or_obj, drop_variables=drop_variables)
        name = (group or "events").strip("/")
        if name not in tree.children:
            raise MissingDataError(
                f"The file {filename_or_obj} has no group {name!r}: it has {', '.join(tree.children)}."
            )
        return tree.children[name].to_dataset(inherit=False)

    def open_datatree(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
    ) -> xr.DataTree:
        """Open a file as an observation; variables load on first use."""
        tree = read_observation(os.fspath(filename_or_obj))
        if drop_variables is None:
            return tree
        drop = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables)
        return xr.DataTree.from_dict(
            {
                node.path: node.to_dataset(inherit=False).drop_vars(drop, errors="ignore")
                for node in tree.subtree
            },
            name=tree.name,
        )

    def open_groups_as_dict(
        self,
        filename_or_obj: object,
        *,
        drop_variables: str | Iterable[str] | None = None,
    ) -> dict[str, xr.Dataset]:
        """Open a file as a dictionary from path to dataset."""
        tree = self.open_datatree(filename_or_obj, drop_variables=drop_variables)
        return {node.path: node.to_dataset(inherit=False) for node in tree.subtree}

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Return whether the first bytes of a file look like events or responses."""
        head = first_bytes(filename_or_obj, 32_768)
        if head.startswith(GZIP_MAGIC):
            try:
                head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, 2**16)
            except zlib.error:
                return False
        return head.startswith(b"SIMPLE") and any(mark in head for mark in _MARKS)
