"""Archives of DL3 observations in Zarr: the index, and a group of groups for each run.

Layout: ``index`` holds the table of runs (dim ``obs``), ``runs/<OBS_ID>`` an observation as
`xgamma.dl3.observation` describes it. The root says so: ``xgamma_format = "dl3-archive"``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import xarray as xr
from tqdm.auto import tqdm

from xgamma.core.extras import require_package
from xgamma.core.paths import file_path, part_name
from xgamma.core.reading import reader, reading
from xgamma.dl3.groups import obs_id
from xgamma.dl3.observation import livetime
from xgamma.dl3.row_tables import all_groups
from xgamma.dl3.store import Store
from xgamma.errors import MissingDataError, XGammaError
from xgamma.io.cf import restore
from xgamma.io.groups import check_units, check_version
from xgamma.io.manifest import SEAL
from xgamma.io.new_store import new_store
from xgamma.io.remote import (
    is_consolidated,
    is_remote,
    is_unfinished,
    joined,
    store_at,
    zarr_attrs,
)
from xgamma.io.storage import restore_tree, write_tree
from xgamma.io.zarr_engine import GuardedZarr
from xgamma.io.zarr_seal import list_contents, require_store_whole
from xgamma.model.schema import MODEL_VERSION

__all__ = ["ZarrStore", "open_archive", "write_archive"]

FORMAT = "dl3-archive"
# What the index of an archive made from single observations takes from their keywords.
INDEX_KEYWORDS = ("OBJECT", "TELESCOP", "RA_PNT", "DEC_PNT", "TSTART", "TSTOP", "DEADC")


class ZarrStore(Store):
    """Observations in a Zarr archive; made by `xgamma.open_store`. See `Store`."""

    def open(self, obs_id: int | str, groups: Sequence[str] | None = None) -> xr.DataTree:
        """Open one observation. See `Store.open`."""
        if obs_id not in self._hdus:
            raise MissingDataError(
                f"The archive {self.path} has no run {obs_id!r}: its {len(self)} runs are listed in store.table."
            )
        unknown = sorted(set(groups or ()) - set(all_groups()))
        if unknown:
            raise MissingDataError(
                f"There is no group {unknown[0]!r}: groups are {', '.join(all_groups())}."
            )
        run = joined(self.path, "runs", part_name(obs_id, "OBS_ID"))
        with reading(run):
            require_store_whole(run)
            folder = store_at(run)
            try:
                once = is_consolidated(folder)
            except FileNotFoundError:
                raise MissingDataError(
                    f"'{self.path}' is damaged: its run {obs_id} is missing; restore it from a copy, or write it again."
                ) from None
            tree = restore_tree(xr.open_datatree(folder, engine=GuardedZarr, consolidated=once))
            for node in tree.subtree:
                check_units(node.to_dataset(inherit=False), run)
        if groups is None:
            return tree
        kept = {"/": tree.to_dataset(inherit=False)} | {
            g: node.to_dataset(inherit=False) for g, node in tree.children.items() if g in groups
        }
        return xr.DataTree.from_dict(kept, name=tree.name)


def is_archive(path: object) -> bool:
    """Return whether a folder or URL is an archive of runs in Zarr."""
    return _attrs(path).get("xgamma_format") == FORMAT


def _attrs(path: Any) -> dict[str, Any]:
    if is_remote(path):
        return zarr_attrs(path)
    try:
        found = json.loads((path / "zarr.json").read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return dict(found.get("attributes", {}))


@reader
def open_archive(path: Any) -> ZarrStore:
    """Open an archive; `xgamma.open_store` calls this for Zarr folders.

    Parameters
    ----------
    path : path-like or URL
        Folder that `write_archive` made.

    Returns
    -------
    store : ZarrStore
        Observations are opened when they are accessed.

    Raises
    ------
    XGammaError
        If the folder is another kind of Zarr store, or follows a later data model.
    """
    place = path if is_remote(path) else file_path(path).absolute()
    attrs = _attrs(place)
    if attrs.get("xgamma_format") != FORMAT:
        if is_unfinished(place):
            raise XGammaError(
                f"'{place}' is incomplete, because writing it was interrupted: write it again."
            )
        raise XGammaError(
            f"The Zarr store '{place}' contains no runs: open datasets and collections with xg.open."
        )
    check_version(attrs, place)
    require_store_whole(joined(place, "index"))
    index = store_at(joined(place, "index"))
    once = is_consolidated(index)
    with xr.open_dataset(index, engine=GuardedZarr, consolidated=once) as stored:
        table = restore(stored.load())
    table = table.set_coords("obs_id")
    groups = [str(g) for g in attrs.get("groups", [])]
    hdus: Any = {
        one: {g: (joined(place, "runs", str(one)), g) for g in groups}
        for one in table["obs_id"].values.tolist()
    }
    return ZarrStore(table, hdus, place)


def write_archive(
    observations: Store | Iterable[xr.DataTree],
    path: object,
    overwrite: bool = False,
    progress: bool = False,
) -> None:
    """Write observations to an archive in Zarr.

    Parameters
    ----------
    observations : Store or iterable of DataTree
        Written one at a time, so that memory use does not grow with their number. The table of a
        store becomes the index.
    path : path-like or URL
        Folder, which is created only once it is complete; or a URL supported by fsspec, which is
        written in place and can be opened once it is complete.
    overwrite : bool
        Whether an existing archive may be replaced.
    progress : bool
        Whether to show a bar over the runs.

    Raises
    ------
    XGammaError
        If the folder exists and `overwrite` is False, two runs have the same OBS_ID, or one is not
        a valid name.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> from pathlib import Path
    >>> from xgamma.simulate.observations import simulate_observation
    >>> obs = simulate_observation("83.63d 22.51d", events=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_archive([obs], Path(folder) / "archive.zarr")
    ...     len(xg.open_store(Path(folder) / "archive.zarr"))
    1
    """
    zarr = require_package("zarr", "A Zarr archive", "dask")
    runs: Iterable[xr.DataTree] = observations
    if progress:
        total = len(observations) if isinstance(observations, Store) else None
        runs = tqdm(observations, total=total, desc="runs")
    with new_store(path, overwrite) as store:
        place = path if is_remote(path) else store
        root = zarr.open_group(store, mode="a", zarr_format=3)
        root.create_group("runs")
        rows: list[dict[str, Any]] = []
        groups: dict[str, None] = {}
        known: set[Any] = set()
        for obs in runs:
            number = obs_id(obs)
            place_name = part_name(number, "OBS_ID")
            if number in known:
                raise XGammaError(
                    f"Two runs have the OBS_ID {number}: it must be unique in an archive."
                )
            known.add(number)
            with part_of(place, "runs", place_name) as part:
                write_tree(obs, part)
            groups |= dict.fromkeys(map(str, obs.children))
            rows.append(_row(obs, number))
        table = observations.table if isinstance(observations, Store) else _index(rows)
        with part_of(place, "index") as part:
            write_tree(xr.DataTree(table.reset_coords("obs_id")), part)
        root.attrs.update(
            {"xgamma_format": FORMAT, "model_version": MODEL_VERSION, "groups": list(groups)}
        )
        if not is_remote(store):
            root.attrs.update(dict([SEAL]))
            list_contents(store)


@contextmanager
def part_of(place: object, *names: str) -> Iterator[Any]:
    """Give the place of a group of an archive that is being written."""
    if not is_remote(place):
        yield joined(place, *names)
        return
    from xgamma.io.remote_writing import NewStore

    store = NewStore(store_at(joined(place, *names)))
    yield store
    store.finish()


def _row(obs: xr.DataTree, number: object) -> dict[str, Any]:
    row = {k.lower(): obs.attrs[k] for k in INDEX_KEYWORDS if k in obs.attrs}
    return {"obs_id": number, "livetime": livetime(obs), **row}


def _index(rows: list[dict[str, Any]]) -> xr.Dataset:
    names = {key for row in rows for key in row}
    data = {n: ("obs", np.array([row.get(n, np.nan) for row in rows])) for n in sorted(names)}
    return xr.Dataset(data).set_coords("obs_id")
