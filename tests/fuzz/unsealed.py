"""Products as other programs would write them: without sums, lists and seals."""

from __future__ import annotations

import json
from pathlib import Path

import netCDF4

from tests.fuzz.fits_files import CARD
from xgamma.io.manifest import MANIFEST, SEAL

__all__ = ["unseal"]


def unseal(folder: Path) -> None:
    """Take the sums of a product away."""
    for path in folder.rglob("*.fits"):
        path.write_bytes(_without_sums(path.read_bytes()))
    for path in folder.rglob("*.nc"):
        with netCDF4.Dataset(path, "a") as file:
            file.delncattr(SEAL[0])
    for path in folder.rglob("zarr.json"):
        document = json.loads(path.read_text())
        for key in (SEAL[0], MANIFEST):
            document.get("attributes", {}).pop(key, None)
        path.write_text(json.dumps(document))


def _without_sums(data: bytes) -> bytes:
    for key in (b"CHECKSUM= '", b"DATASUM = '"):
        at = data.find(key)
        while at >= 0:
            data = data[:at] + b" ".ljust(CARD) + data[at + CARD :]
            at = data.find(key, at)
    return data
