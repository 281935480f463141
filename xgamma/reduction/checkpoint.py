"""Keep the sum of what is done on disk, so that a reduction can go on where it stopped."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.atomic import atomic_path
from xgamma.core.extras import require_package
from xgamma.core.paths import file_path
from xgamma.datasets.mosaic import Mosaic
from xgamma.errors import MissingDataError, XGammaError
from xgamma.io.zarr_seal import read_sealed, write_sealed

__all__ = [
    "Checkpoint",
    "folder_for",
    "of_runs",
    "plain",
    "put_runs",
    "read_mosaic",
    "require_wanted",
    "signature",
    "write_mosaic",
]

MANIFEST = "manifest.json"
_ONOFF = ("acceptance", "acceptance_off", "alpha_off")


def signature(into: xr.Dataset, options: dict[str, Any]) -> str:
    """Return a text that differs when the template or an option does.

    Parameters
    ----------
    into : Dataset
        Template.
    options : dict
        Keywords of `reduce_one`.

    Returns
    -------
    signature : str
        Hexadecimal digits, the same in every session.
    """
    tokenize = require_package("dask.base", "resume=", "dask").tokenize

    labels = {
        str(n): (v.dims, v.values.tolist(), v.attrs) for n, v in into.coords.variables.items()
    }
    return str(tokenize(json.dumps(labels, sort_keys=True, default=str), options))


class Checkpoint:
    """The running sum of a reduction and the list of its runs, in a folder.

    The sum is a Zarr store which holds the list too; the manifest names the store that counts.
    Both are written beside what is there and moved into place, so a session that ends at any
    moment leaves the last complete state, and no run can be in the sum but not in the list.

    Parameters
    ----------
    path : path-like
        Folder, made if need be.
    signature : str
        Of the reduction; a folder that belongs to another one is refused.

    Raises
    ------
    XGammaError
        If the folder holds anything else.
    """

    def __init__(self, path: str | os.PathLike[str], signature: str):
        self.path = Path(path)
        self.signature = signature
        if self.path.exists() and not self.path.is_dir():
            raise XGammaError(f"'{self.path}' is a file: give a folder for the partial results.")
        manifest = self._manifest()
        if manifest is None and self.path.is_dir() and any(self.path.iterdir()):
            raise XGammaError(
                f"The folder '{self.path}' holds something else than partial results: give another."
            )
        if manifest is not None and manifest["signature"] != signature:
            raise XGammaError(
                f"The partial results in '{self.path}' were made with another template or other options: remove the folder, or give another."
            )
        self.path.mkdir(parents=True, exist_ok=True)
        if manifest is None:
            self._point("")

    def _manifest(self) -> dict[str, Any] | None:
        file = self.path / MANIFEST
        if not file.is_file():
            return None
        try:
            manifest = json.loads(file.read_text())
            return {key: str(manifest[key]) for key in ("signature", "state")}
        except (ValueError, KeyError, TypeError):
            raise XGammaError(
                f"'{file}' is damaged: remove the folder '{self.path}' and start again."
            ) from None

    def _point(self, state: str) -> None:
        with atomic_path(self.path / MANIFEST) as temporary:
            temporary.write_text(json.dumps({"signature": self.signature, "state": state}))

    @property
    def state(self) -> Path | None:
        """The state that counts; None if nothing is done."""
        manifest = self._manifest()
        return self.path / manifest["state"] if manifest and manifest["state"] else None

    def turn_to(self, state: str) -> None:
        """Make another state in the folder the one that counts, and remove the older ones."""
        self._point(state)
        for other in self.path.glob("state-*"):
            if other.name != state:
                shutil.rmtree(other, ignore_errors=True) if other.is_dir() else other.unlink()

    def load(self, template: xr.Dataset) -> tuple[Mosaic | None, list[str]]:
        """Return the sum so far and the keys of the runs in it.

        Parameters
        ----------
        template : Dataset
            Of the reduction.

        Returns
        -------
        mosaic : Mosaic or None
            None if nothing is done.
        done : list of str
            Keys, in the order in which they were added.
        """
        state = self.state
        return (None, []) if state is None else read_mosaic(state, template)

    def save(self, mosaic: Mosaic, done: list[str]) -> None:
        """Write a new state, make it the one that counts, remove the older ones.

        Parameters
        ----------
        mosaic : Mosaic
            Sum.
        done : list of str
            Keys of all the runs in it.
        """
        name = f"state-{secrets.token_hex(6)}.zarr"
        write_mosaic(mosaic, self.path / name, done)
        self.turn_to(name)


def folder_for(resume: Any, signature: str) -> Path:
    """Return the folder of partial results, named after the reduction for ``resume=True``."""
    if resume is True:
        return Path(f"xgamma-resume-{signature[:12]}")
    return file_path(resume, "resume")


def require_wanted(path: Path, done: list[str], keys: list[str]) -> None:
    """Raise an `XGammaError` that names a run which is done but not asked for, or was changed.

    Parameters
    ----------
    path : Path
        Folder of the partial results.
    done, keys : list of str
        Names of `Runs.keys`: of the runs in the sum, and of those that are asked for.
    """
    strange = sorted(set(done) - set(keys))
    if not strange:
        return
    label = strange[0].partition(":")[0]
    if label in {key.partition(":")[0] for key in keys}:
        raise XGammaError(
            f"The partial results in '{path}' hold the run {label} made of other data: its files were changed or lie elsewhere now; remove the folder, or give another."
        )
    raise XGammaError(
        f"The partial results in '{path}' hold the run {label}, which is not asked for: remove the folder, or give another."
    )


def write_mosaic(mosaic: Mosaic, path: Path, done: list[str]) -> None:
    """Write a running sum as a Zarr store: an array per sum, the rest as JSON.

    Parameters
    ----------
    mosaic : Mosaic
        Sum.
    path : Path
        Store; it must not exist.
    done : list of str
        Keys of the runs in it.
    """
    zarr = require_package("zarr", "A Zarr store", "dask")

    group = zarr.open_group(path, mode="w-")
    arrays = {f"sums/{name}": values for name, values in mosaic.sums.items()}
    if mosaic.onoff.used:
        arrays |= {f"onoff/{name}": getattr(mosaic.onoff, name) for name in _ONOFF}
    for name, values in arrays.items():
        # Half of a mosaic may be zeros: light compression writes faster than none.
        write_sealed(group, name, values, _chunks(values))
    state = {"done": done, "dims": mosaic.dims, "attrs": mosaic.attrs, **of_runs(mosaic)}
    state["onoff"] = mosaic.onoff.used
    group.attrs["state"] = json.dumps(state, default=plain)


def of_runs(mosaic: Mosaic) -> dict[str, Any]:
    """Return what a sum says of its runs, for JSON."""
    return {
        "rows": [{k: [*_packed(v), attrs] for k, (v, attrs) in row.items()} for row in mosaic.rows],
        "gtis": [[a.tolist(), b.tolist()] for a, b in mosaic.gtis],
        "livetime": mosaic.livetime,
        "count": mosaic.count,
    }


def put_runs(mosaic: Mosaic, state: dict[str, Any]) -> None:
    """Give a sum what `of_runs` returned."""
    mosaic.rows = [
        {k: (np.array(v, dtype=dtype), attrs) for k, (v, dtype, attrs) in row.items()}
        for row in state["rows"]
    ]
    mosaic.gtis = [(np.array(a, dtype=float), np.array(b, dtype=float)) for a, b in state["gtis"]]
    mosaic.livetime, mosaic.count = float(state["livetime"]), int(state["count"])


def read_mosaic(path: Path, template: xr.Dataset) -> tuple[Mosaic, list[str]]:
    """Read what `write_mosaic` wrote.

    Parameters
    ----------
    path : Path
        Store.
    template : Dataset
        Of the sum.

    Returns
    -------
    mosaic : Mosaic
        Equal to the one written, bit for bit.
    done : list of str
        Keys of the runs in it.

    Raises
    ------
    MissingDataError
        If the store is not there, or not whole.
    """
    zarr = require_package("zarr", "A Zarr store", "dask")

    try:
        group = zarr.open_group(path, mode="r")
        state = json.loads(str(group.attrs["state"]))
        sums = {name: read_sealed(path, f"sums/{name}") for name in state["dims"]}
    except (FileNotFoundError, KeyError, ValueError):
        raise MissingDataError(
            f"The partial results '{path}' are not whole: remove their folder and start again."
        ) from None
    mosaic = Mosaic(template)
    mosaic.dims = {k: tuple(v) for k, v in state["dims"].items()}
    mosaic.attrs = state["attrs"]
    mosaic.sums = sums
    if state["onoff"]:
        mosaic.onoff.used = True
        for name in _ONOFF:
            setattr(mosaic.onoff, name, read_sealed(path, f"onoff/{name}"))
    put_runs(mosaic, state)
    return mosaic, list(state["done"])


def _chunks(values: np.ndarray) -> tuple[int, ...]:
    """Return chunks of about 16 MB, cut along the first axis."""
    row = max(values[:1].nbytes, 1)
    return (max(1, min(len(values), 2**24 // row)), *values.shape[1:])


def _packed(values: np.ndarray) -> tuple[list[Any], str]:
    return values.tolist(), "object" if values.dtype.kind == "O" else values.dtype.str


def plain(value: Any) -> Any:
    """Return attributes that NumPy made as numbers and lists of Python."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
