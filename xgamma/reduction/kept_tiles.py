"""Keep the tiles of a mosaic larger than memory, so that a reduction can go on."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any

import numpy as np

from xgamma.core.atomic import atomic_path
from xgamma.datasets.mosaic import Mosaic
from xgamma.errors import MissingDataError
from xgamma.reduction.checkpoint import (
    Checkpoint,
    folder_for,
    of_runs,
    plain,
    put_runs,
    require_wanted,
    signature,
)
from xgamma.reduction.fold import Job
from xgamma.reduction.runs import Runs
from xgamma.reduction.tiles import Form, TiledSums, TileFiles

__all__ = ["KeptTiles"]

# Seconds of work that a session may lose: tiles that changed meanwhile are written each time.
INTERVAL = 30.0


class KeptTiles:
    """What earlier sessions left of a tiled sum, and where this one leaves its own.

    A state names the runs in the sum, and for each tile the file that holds exactly these. A
    file is never changed: a tile that grows gets another one, and the older one stays until a
    later state counts. So a session that ends at any moment leaves the last state as it was.

    Parameters
    ----------
    runs : Runs
        All that are asked for.
    job : Job
        What to do with each.
    resume : path-like or True
        Folder.
    side : int
        About the pixels along the side of a tile.

    Raises
    ------
    XGammaError
        If the folder belongs to something else.
    """

    def __init__(self, runs: Runs, job: Job, resume: Any, side: int):
        mark = signature(job.into, {**job.options, "tiles": side})
        self.keys = runs.keys()
        self.checkpoint = Checkpoint(folder_for(resume, mark), mark)
        self.state = _read(self.checkpoint.state)
        self.done: list[str] = list(self.state.get("done", []))
        require_wanted(self.checkpoint.path, self.done, self.keys)
        names = {tuple(map(int, k.split(","))): v for k, v in self.state.get("tiles", {}).items()}
        self.files = TileFiles(self.checkpoint.path, names)  # type: ignore[arg-type]
        self.files.keep()
        self.saved = time.monotonic()

    @property
    def positions(self) -> list[int]:
        """Positions of the runs that are done, in the order of their rows."""
        places = {key: position for position, key in enumerate(self.keys)}
        return [places[key] for key in self.done]

    @property
    def run_bytes(self) -> float:
        """Bytes of the sums of one run; 0 if nothing is done."""
        return float(self.state.get("run_bytes", 0))

    def restore(self, sums: TiledSums, rows: Mosaic) -> None:
        """Give new sums what is done."""
        put_runs(rows, self.state)
        sums.forms = {
            name: Form(tuple(dims), tuple(shape), np.dtype(dtype), attrs)
            for name, (dims, shape, dtype, attrs) in self.state["forms"].items()
        }

    def save(
        self, sums: TiledSums, rows: Mosaic, done: list[int], run_bytes: float, now: bool = False
    ) -> None:
        """Write a state and make it count, if there is something new and it is time.

        Parameters
        ----------
        sums, rows : TiledSums, Mosaic
            All that is done.
        done : list of int
            Positions of all runs in it, in the order of their rows.
        run_bytes : float
            Bytes of the sums of one run.
        now : bool
            Whether not to wait.
        """
        if len(done) == len(self.done) or not (now or time.monotonic() - self.saved >= INTERVAL):
            return
        sums.flush()
        self.done = [self.keys[position] for position in done]
        state = {
            "done": self.done,
            "tiles": {f"{y},{x}": name for (y, x), name in self.files.names.items()},
            "forms": {
                n: [f.dims, f.shape, np.dtype(f.dtype).str, f.attrs] for n, f in sums.forms.items()
            },
            "run_bytes": run_bytes,
            **of_runs(rows),
        }
        name = f"state-{secrets.token_hex(6)}.json"
        with atomic_path(self.checkpoint.path / name) as temporary:
            temporary.write_text(json.dumps(state, default=plain))
        self.checkpoint.turn_to(name)
        self.files.keep()
        self.saved = time.monotonic()


def _read(path: Path | None) -> dict[str, Any]:
    """Return a state; an empty one if nothing is done."""
    if path is None:
        return {}
    try:
        state = json.loads(path.read_text())
        whole = all((path.parent / name).is_dir() for name in state["tiles"].values())
    except (OSError, ValueError, KeyError):
        whole = False
    if not whole:
        raise MissingDataError(
            f"The partial results '{path}' are not whole: remove their folder and start again."
        )
    return dict(state)
