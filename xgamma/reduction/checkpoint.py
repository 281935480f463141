"""Keep what is done on disk, so that a reduction can go on where it stopped."""

from __future__ import annotations

import json
import secrets
import shutil
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from xgamma.core.atomic import atomic_path
from xgamma.core.ends import locked, release
from xgamma.core.extras import require_package
from xgamma.core.folders import drop_empty, make_folder
from xgamma.core.paths import file_path
from xgamma.errors import MissingDataError, XGammaError
from xgamma.reduction.runs import Runs
from xgamma.reduction.tile_files import Key, TileFiles
from xgamma.typing import PathLike

__all__ = ["MANIFEST", "Checkpoint", "ResumeLike", "State", "signature"]

#: What ``resume=`` takes.
ResumeLike: TypeAlias = "PathLike | bool"

#: What a sum says of itself, for JSON.
State: TypeAlias = dict[str, Any]

MANIFEST = "manifest.json"
# Counts the ways in which partial results were written.
FORMAT = 2
# Seconds of work that a session may lose, or so many times what writing takes, if that is more.
INTERVAL = 30.0
SHARE = 20.0


def signature(into: xr.Dataset, options: Mapping[str, object]) -> str:
    """Return a text that differs when the template or an option does.

    Parameters
    ----------
    into : Dataset
        Template.
    options : mapping
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
    """A sum and the list of its runs, in a folder that one session uses at a time.

    A state (JSON) names the runs in the sum, and for each tile the file that holds exactly these; a
    sum that is held whole is one tile. The manifest names the state that counts. Files are never
    changed: a tile that grows gets another one, and the older one stays until a later state
    counts. So a session that ends at any moment leaves the last state as it was, and no run can be
    in the sum but not in the list.

    Parameters
    ----------
    resume : path-like or True
        Folder, made if need be; True for one named after the reduction.
    mark : str
        `signature` of the reduction; a folder that belongs to another one is refused.
    runs : Runs
        All that are asked for.

    Raises
    ------
    XGammaError
        If the folder holds anything else, or runs that are not asked for, or another session
        writes it.
    MissingDataError
        If a part of it is lost.
    """

    def __init__(self, resume: ResumeLike, mark: str, runs: Runs) -> None:
        self.mark, self.keys, self.name = mark, runs.keys(), ""
        self.path = Path(f"xgamma-resume-{mark[:12]}")
        if not isinstance(resume, bool):
            self.path = file_path(resume, "resume")
        # Now, since Ctrl-C in the middle of an import leaves a package that cannot write.
        require_package("zarr", "resume=", "dask")
        self.lock: int | None = None
        self.path, self.made = make_folder(self.path)
        try:
            self.lock = locked(self.path)
            if self.lock is None:
                raise XGammaError(
                    f"Another session is writing the partial results in '{self.path}': wait for it, or give another folder."
                )
            # Read under the lock: a session that ends meanwhile makes another state count.
            self._open(self._manifest())
        except BaseException:
            release(self.lock)
            drop_empty(self.made)
            raise
        self.saved, self.took = time.monotonic(), 0.0

    def _manifest(self) -> dict[str, str] | None:
        """Return the manifest; None if the folder is new."""
        file = self.path / MANIFEST
        if not file.is_file():
            if any(not _left(p) for p in self.path.iterdir()):
                raise XGammaError(
                    f"The folder '{self.path}' contains something other than partial results: give another folder."
                )
            return None
        try:
            manifest = json.loads(file.read_text())
            manifest = {key: str(manifest.get(key, 1)) for key in ("signature", "state", "format")}
        except (ValueError, AttributeError):
            raise XGammaError(
                f"'{file}' is damaged: remove the folder '{self.path}' and start again."
            ) from None
        if manifest["format"] != str(FORMAT):
            raise XGammaError(
                f"The partial results in '{self.path}' were written by another version of xgamma: remove the folder and start again."
            )
        if manifest["signature"] != self.mark:
            raise XGammaError(
                f"The partial results in '{self.path}' were made with another template or other options: remove the folder, or give another."
            )
        return manifest

    def _open(self, manifest: dict[str, str] | None) -> None:
        """Read the state that counts, and remove what a session left that was killed."""
        self.state: State = _read(self.path, manifest["state"]) if manifest else {}
        self.done: list[str] = list(self.state.get("done", []))
        self._require_wanted()
        names = {_key(name): file for name, file in self.state.get("tiles", {}).items()}
        self.files = TileFiles(self.path, names)
        if manifest is None:
            self._point("")
        self.name = manifest["state"] if manifest else ""
        self._sweep()

    def _require_wanted(self) -> None:
        """Raise an `XGammaError` that names a run which is done but not asked for, or was changed."""
        strange = sorted(set(self.done) - set(self.keys))
        if not strange:
            return
        label = strange[0].partition(":")[0]
        if label in {key.partition(":")[0] for key in self.keys}:
            raise XGammaError(
                f"The partial results in '{self.path}' contain the run {label} from other data: its files were changed or moved; remove the folder, or give another."
            )
        raise XGammaError(
            f"The partial results in '{self.path}' contain the run {label}, which was not requested: remove the folder, or give another."
        )

    def _point(self, state: str) -> None:
        """Make a state the one that counts."""
        manifest = {"signature": self.mark, "state": state, "format": FORMAT}
        with atomic_path(self.path / MANIFEST) as temporary:
            temporary.write_text(json.dumps(manifest))

    def _sweep(self) -> None:
        """Remove what does not count."""
        self.files.keep()
        self._sweep_states()

    def _sweep_states(self) -> None:
        """Remove states that do not count."""
        for other in self.path.iterdir():
            if _left(other) or (other.name.startswith("state-") and other.name != self.name):
                shutil.rmtree(other) if other.is_dir() else other.unlink()

    @property
    def positions(self) -> list[int]:
        """Positions of the runs that are done, in the order in which they were added."""
        places = {key: position for position, key in enumerate(self.keys)}
        return [places[key] for key in self.done]

    def left(self, positions: Iterable[int]) -> list[int]:
        """Return the positions that are not done."""
        done = set(self.positions)
        return [position for position in positions if position not in done]

    def save(self, done: list[int], write: Callable[[TileFiles], State], now: bool = False) -> None:
        """Write a state and make it count, if there is something new and it is time.

        Parameters
        ----------
        done : list of int
            Positions of all runs in the sum, in the order in which they were added.
        write : callable
            Writes the tiles that have changed, and returns what the sum says of itself.
        now : bool
            Whether not to wait.
        """
        wait = max(INTERVAL, SHARE * self.took)
        if len(done) == len(self.done) or not (now or time.monotonic() - self.saved >= wait):
            return
        start = time.monotonic()
        said = write(self.files)
        keys = [self.keys[position] for position in done]
        tiles = {f"{y},{x}": name for (y, x), name in self.files.names.items()}
        text = json.dumps({**said, "done": keys, "tiles": tiles}, default=_plain)
        name = f"state-{secrets.token_hex(6)}-{_sum(text)}.json"
        with atomic_path(self.path / name) as temporary:
            temporary.write_text(text)
        self._point(name)
        self.done, self.name = keys, name
        self._sweep()
        self.saved = time.monotonic()
        self.took = self.saved - start

    def _leave(self) -> None:
        """Remove what says that nothing is done, and the folder if this session made it."""
        for file in self.path.glob("tile-*.zarr"):
            shutil.rmtree(file, ignore_errors=True)
        (self.path / MANIFEST).unlink(missing_ok=True)
        drop_empty(self.made)

    def close(self) -> None:
        """Remove what an interrupted `save` left, and let another session use the folder."""
        try:
            if self.lock is not None and hasattr(self, "files"):
                # What counts is what the manifest says, wherever the session was interrupted; tiles
                # stay, since those written meanwhile are not told from those that count.
                manifest = self._manifest()
                if manifest is not None and manifest["state"] == self.name:
                    self._sweep_states()
                    if not self.name:
                        self._leave()
        finally:
            release(self.lock)
            self.lock = None


def _left(path: Path) -> bool:
    """Tell whether a file is what `atomic_path` leaves in a session that is killed."""
    return path.name.startswith(".") and path.name.endswith(".json")


def _key(name: str) -> Key:
    y, x = map(int, name.split(","))
    return y, x


def _read(folder: Path, name: str) -> State:
    """Return a state; an empty one if nothing is done."""
    if not name:
        return {}
    try:
        text = (folder / name).read_text()
        if not name.endswith(f"-{_sum(text)}.json"):
            raise ValueError(name)
        state: State = json.loads(text)
        whole = all((folder / file).is_dir() for file in state["tiles"].values())
    except (OSError, ValueError, KeyError):
        whole = False
    if not whole:
        raise MissingDataError(
            f"The partial results in '{folder}' are incomplete: remove the folder and start again."
        )
    return state


def _sum(text: str) -> str:
    """Return the sum of a state, which is a part of its name."""
    return f"{zlib.crc32(text.encode()):08x}"


def _plain(value: object) -> object:
    """Return attributes that NumPy made as numbers and lists of Python."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
