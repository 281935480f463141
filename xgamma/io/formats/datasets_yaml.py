"""Collections in ``datasets.yaml`` of gammapy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import xarray as xr

from xgamma.core.late import late
from xgamma.io.registry import FormatRecord

__all__ = ["DATASETS_YAML"]

# Datasets come with their models, which this layer does not know.
_read_datasets = late("xgamma.fitting.datasets_files:read_datasets")
_write_datasets = late("xgamma.fitting.datasets_files:write_datasets")
ENDINGS = (".yaml", ".yml")


def _sniff(path: Path, head: bytes) -> bool:
    return path.suffix.lower() in ENDINGS and re.search(rb"(^|\n)datasets:", head) is not None


def _read(path: Path, models: Any = None, **kwargs: Any) -> xr.DataTree:
    found: xr.DataTree = _read_datasets(path, models, **kwargs)
    return found


def _write(data: xr.Dataset | xr.DataTree, path: Any, overwrite: bool = False) -> None:
    _write_datasets(data, path, overwrite=overwrite)


DATASETS_YAML = FormatRecord(
    "datasets-yaml",
    "A collection as gammapy keeps it: datasets.yaml, a file for each dataset, and models.",
    suffixes=ENDINGS,
    sniff=_sniff,
    read=_read,
    write=_write,
    collections=True,
)
