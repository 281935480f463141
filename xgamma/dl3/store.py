"""A store of DL3 observations: its index, and each run on request."""

from __future__ import annotations

import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.defaults import FRAME
from xgamma.core.reading import reading
from xgamma.dl3 import index as index_
from xgamma.dl3.assemble import build_observation, check_run
from xgamma.dl3.fingerprint import of_files
from xgamma.dl3.gadf import read_hdu
from xgamma.dl3.query import select_rows
from xgamma.dl3.response_maps import read_response_map
from xgamma.dl3.row_tables import all_groups
from xgamma.errors import MissingDataError, MissingFileError, XGammaError, shown, warn
from xgamma.fits.files import FitsFile, open_fits
from xgamma.typing import ArrayLike

__all__ = ["Store"]

# Parsed response files that several runs share; a handful of configurations is usual.
CACHED_FILES = 8


class Store:
    """Observations of one or more telescopes, opened when asked for.

    Made by `open_store`. A store can be pickled: it takes its index along, not
    the data. Iterating gives observations, ``store[obs_id]`` one of them.

    Parameters
    ----------
    table : Dataset
        Index of the observations on dim ``obs``, with the coordinate ``obs_id``.
    hdus : dict
        For each run, for each group, the file and the name of the HDU ("" when
        the file is to be searched).
    path : Path
        Where the store is.

    Attributes
    ----------
    table : Dataset
        The index: lower-case GADF columns on dim ``obs``, units in the attributes;
        ``store.table.to_dataframe()`` for a pandas table.
    path : Path
        Where the store is.
    """

    def __init__(self, table: xr.Dataset, hdus: index_.Hdus, path: Path) -> None:
        self.table = table
        self.path = path
        self._hdus = hdus
        users = Counter(
            file
            for groups in hdus.values()
            for file in {
                str(f) for group, (f, _) in groups.items() if group not in ("events", "gti")
            }
        )
        self._shared = frozenset(file for file, count in users.items() if count > 1)
        self._cache: OrderedDict[tuple[str, int, int], dict[str, xr.Dataset]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def obs_ids(self) -> list[Any]:
        """The runs, in the order of the index."""
        return list(self.table["obs_id"].values.tolist())

    def __len__(self) -> int:
        return int(self.table.sizes["obs"])

    def __iter__(self) -> Iterator[xr.DataTree]:
        return (self.open(obs_id) for obs_id in self.obs_ids)

    def __contains__(self, obs_id: object) -> bool:
        return obs_id in self._hdus

    def __getitem__(self, obs_id: int | str) -> xr.DataTree:
        return self.open(obs_id)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": OrderedDict(), "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def __repr__(self) -> str:
        lines = [f"<xgamma.Store {self.path}: {len(self)} observations>"]
        for column, label in (("telescop", "telescopes"), ("object", "targets")):
            if column in self.table and len(self):
                counts = Counter(str(v) for v in self.table[column].values)
                shown = [f"{name or '(none)'} ({n})" for name, n in counts.most_common(8)]
                more = f", and {len(counts) - 8} more" if len(counts) > 8 else ""
                lines.append(f"  {label}: {', '.join(shown)}{more}")
        if "livetime" in self.table and len(self):
            lines.append(f"  livetime: {float(self.table['livetime'].sum()) / 3600:.2f} h")
        groups = {group for hdus in self._hdus.values() for group in hdus}
        lines.append(f"  groups: {', '.join(g for g in all_groups() if g in groups) or 'none'}")
        return "\n".join(lines)

    def open(self, obs_id: int | str, groups: Sequence[str] | None = None) -> xr.DataTree:
        """Open one observation.

        Parameters
        ----------
        obs_id : int or str
            The run.
        groups : sequence of str, optional
            Only these of ``events``, ``gti``, ``pointing``, ``aeff``, ``edisp``,
            ``psf``, ``bkg``, ``rad_max``; all that there are by default.

        Returns
        -------
        obs : DataTree
            The observation; each file is read once, variables load on first use.

        Raises
        ------
        MissingDataError
            If the run is not in the store, or a file or HDU of it is missing.
        """
        try:
            hdus = self._hdus[obs_id]
        except TypeError:
            raise XGammaError(
                f"{shown(obs_id)} is not a single run: select several with store.select(obs_id=[...])."
            ) from None
        except KeyError:
            raise MissingDataError(
                f"The store {self.path} has no run {obs_id!r}: {_nearest(obs_id, self.obs_ids)}"
            ) from None
        wanted = all_groups() if groups is None else tuple(groups)
        unknown = sorted(set(wanted) - set(all_groups()))
        if unknown:
            raise MissingDataError(
                f"There is no group {unknown[0]!r}: groups are {', '.join(all_groups())}."
            )
        with reading(f"run {obs_id} of {self.path}"):
            opened: dict[Path, FitsFile] = {}
            datasets = {
                group: self._dataset(group, *hdus[group], opened)
                for group in all_groups()
                if group in hdus and group in wanted
            }
            check_run(datasets, obs_id)
            return build_observation(datasets, name=str(obs_id))

    def fingerprint(self, obs_id: int | str) -> str:
        """Return a text that differs when the files of a run do.

        Parameters
        ----------
        obs_id : int or str
            The run.

        Returns
        -------
        fingerprint : str
            Hexadecimal digits made of the path, size and time of change of each of its files: of
            a recalibrated run, or one of the same number elsewhere, they are others.

        Raises
        ------
        MissingDataError
            If a file is not there.
        """
        parts = sorted({str(file) for file, _ in self._hdus[obs_id].values()})
        return of_files(parts)

    def _dataset(
        self, group: str, path: Path, hdu: str, opened: dict[Path, FitsFile]
    ) -> xr.Dataset:
        """Return one HDU; those of shared files are parsed once for all runs."""
        if str(path) not in self._shared or group in ("events", "gti"):
            if path not in opened:
                opened[path] = open_fits(path)
            return _read(opened[path], hdu, group)
        with self._lock:
            known = self._shared_file(path)
            if group not in known:
                if path not in opened:
                    opened[path] = open_fits(path)
                known[group] = _read(opened[path], hdu, group, shared=True)
            return known[group].copy(deep=False)

    def _shared_file(self, path: Path) -> dict[str, xr.Dataset]:
        """Return what is already parsed of a file in its present state."""
        try:
            status = os.stat(path)
        except FileNotFoundError:
            raise MissingFileError(
                f"The file {path}, listed in the HDU index of {self.path}, does not exist."
            ) from None
        key = (str(path), status.st_mtime_ns, status.st_size)
        known = self._cache.setdefault(key, {})
        self._cache.move_to_end(key)
        while len(self._cache) > CACHED_FILES:
            self._cache.popitem(last=False)
        return known

    def select(
        self,
        obs_id: ArrayLike | None = None,
        *,
        target: str | Sequence[str] | None = None,
        cone: tuple[Any, Any] | None = None,
        box: tuple[Any, Any] | None = None,
        frame: str = FRAME,
        time: tuple[Any, Any] | None = None,
        zenith: tuple[Any, Any] | None = None,
        quality: object = None,
        **columns: object,
    ) -> Store:
        """Return a store with some of the observations; all conditions must hold.

        Parameters
        ----------
        obs_id : int or sequence of int, optional
            These runs, in this order.
        target : str or sequence of str, optional
            Target names, compared without case and spaces with OBJECT and TARGET_NAME.
        cone : (position, radius), optional
            Runs that point into a circle: ``("83.63d 22.01d", "2 deg")``.
        box : ((lon_min, lon_max), (lat_min, lat_max)), optional
            Runs that point into a box; degrees in `frame`. A box whose `lon_min`
            exceeds its `lon_max` goes through longitude 0.
        frame : str
            Frame of `cone` (if it is a string or a pair) and `box`.
        time : (start, stop), optional
            Runs that overlap this interval: astropy times or ISO text in TT, None for an open end.
        zenith : (lo, hi), optional
            Zenith angle of the pointing, degrees by default.
        quality : value, sequence or callable, optional
            Short for ``QUALITY=...``.
        **columns
            Any column of the table, in any case: a value, a list of values, a
            ``slice(lo, hi)`` (both ends included), or a callable that takes the
            column's values and returns a mask.

        Returns
        -------
        store : Store
            A new store. When nothing is found it is empty and a warning says what
            was asked.

        Raises
        ------
        MissingDataError
            If a run or a column is not in the store.

        Examples
        --------
        >>> store.select(target="crab nebula", zenith=(0, "50 deg"))  # doctest: +SKIP
        """
        if quality is not None:
            columns["quality"] = quality
        if obs_id is not None:
            obs_id = list(np.atleast_1d(obs_id).tolist())
            for one in obs_id:
                if one not in self._hdus:
                    raise MissingDataError(
                        f"The store {self.path} has no run {one!r}: {_nearest(one, self.obs_ids)}"
                    )
        asked = {
            "obs_id": obs_id,
            "target": target,
            "cone": cone,
            "box": box,
            "time": time,
            "zenith": zenith,
            **columns,
        }
        asked = {key: value for key, value in asked.items() if value is not None}
        rows = select_rows(self.table, asked, frame)
        chosen = type(self)(
            self.table.isel(obs=rows),
            {one: self._hdus[one] for one in self.table["obs_id"].values[rows].tolist()},
            self.path,
        )
        # What was shared in the whole stays shared in the part, and parsed.
        chosen._shared, chosen._cache, chosen._lock = self._shared, self._cache, self._lock
        if not len(chosen) and len(self):
            warn(
                f"No run of {self.path} satisfies "
                f"{', '.join(f'{k}={v!r}' for k, v in asked.items())}: the selection is empty."
            )
        return chosen


def _read(file: FitsFile, hdu: str, group: str, shared: bool = False) -> xr.Dataset:
    """Return one HDU: a table, or a response that is a map."""
    found = file.get(hdu)
    if found is not None and found.is_image and len(found.shape) > 1:
        return read_response_map(file, found, group)
    return read_hdu(file.table(hdu), group, shared=shared)


def _nearest(obs_id: object, known: list[Any]) -> str:
    """Return a sentence with the runs that are nearest to a wrong number."""
    if not known:
        return "it is empty."
    if isinstance(obs_id, (int, float)) and all(isinstance(k, int) for k in known):
        known = sorted(known, key=lambda k: (abs(k - obs_id), k))
    listed = ", ".join(str(k) for k in known[:5])
    if isinstance(obs_id, str) and obs_id in map(str, known):
        return f"its OBS_IDs are numbers, so remove the quotes from {obs_id!r}."
    return f"the nearest {'is' if len(known) == 1 else 'are'} {listed}."
