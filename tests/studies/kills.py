"""Kill reductions at any moment, go on from what they left, and compare.

Run as ``python -m tests.studies.kills [rounds]``: in each round a session of every kind (threads,
processes, a dask cluster of this machine, ``out=`` with threads and with processes) is ended by
SIGTERM, SIGHUP, SIGKILL and SIGINT, at a random moment; five rounds are 100 kills. The signal goes
to the session alone, not to its workers. Another session goes on with ``resume=`` and must give
what one gives that was left in peace: each run once, every map, table and attribute equal bit for
bit. The session must end as a shell expects: by the signal, unless it was over before.

Printed for each kind and signal: kills, runs lost, runs counted twice, maps that differ, processes
that outlive the session by ten seconds, files left behind when the second session is over (after
SIGKILL nobody is there to remove them before that), sessions that did not end by the signal, and how many runs the second session found done.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
import xarray as xr

RUNS = 12
WAYS = ("threads", "processes", "dask", "out, threads", "out, processes")
SIGNALS = ("TERM", "HUP", "KILL", "INT")
# Names a session in the environment of all its processes.
MARK = "XGAMMA_KILLED_SESSION"
GRACE = 10.0


class Slow:
    """A background method that takes its time, and says how far the session is."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds

    def __dask_tokenize__(self):
        return "slow"

    def __call__(self, ds, obs):
        (self.folder / ds.attrs["name"]).touch()
        time.sleep(self.seconds)
        return ds


def make_store(folder: Path) -> Path:
    """Make a small archive."""
    from xgamma.dl3 import simulate_store

    pointings = [(83.63 + 0.2 * (k - RUNS / 2), 22.01) for k in range(RUNS)]
    return simulate_store(folder / "store", pointings=pointings, livetime="1 min")


def session(way: str, store: Path, folder: Path, seconds: float) -> None:
    """Reduce in this process, and print the digest and the runs of the result."""
    import xgamma as xg
    from tests.helpers.runs import template
    from xgamma.reduction import checkpoint, sums, survey, transport

    # A shell may have had them ignored, for a job in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    checkpoint.INTERVAL = checkpoint.SHARE = 0.0
    survey.TILE = 12
    # One run a task, so that something is kept before the end.
    sums.TASK = 1
    transport.SHARED = folder / "memory"
    seen = folder / "seen"
    for place in (transport.SHARED, seen):
        place.mkdir(exist_ok=True)
    options = {
        "into": template(("4 deg", "3 deg"), "0.1 deg", name="a"),
        "offset_max": "1 deg",
        "safe_mask": ["aeff-default"],
        "select": ["counts", "exposure"],
        "progress": False,
        "workers": 2,
        "resume": folder / "kept",
        "background": Slow(seen, seconds),
    }
    if "processes" in way:
        options["scheduler"] = "processes"
    if "out" in way:
        options |= {"out": folder / "m.zarr", "overwrite": True}
    with contextlib.ExitStack() as stack:
        if way == "dask":
            import distributed

            cluster = distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
            )
            stack.enter_context(cluster)
            options["scheduler"] = stack.enter_context(distributed.Client(cluster))
        (folder / "started").touch()
        ds = xg.reduce(xg.open_store(store), **options).load()
    # Runs are added in the order in which they were done, which a kill changes.
    ds = ds.isel(obs=np.argsort(ds.obs_id.values, kind="stable"))
    print(json.dumps({"digest": digest(ds), "runs": ds.obs_id.values.tolist()}))


def digest(ds: xr.Dataset) -> str:
    """Return a digest of every bit of a dataset: maps, tables of runs, labels, attributes."""
    sums = hashlib.sha256(repr(sorted(ds.attrs.items())).encode())
    for name in sorted(ds.variables):
        variable = ds.variables[name]
        sums.update(f"{name} {variable.dims} {variable.shape} {variable.dtype}".encode())
        sums.update(repr(sorted(variable.attrs.items())).encode())
        plain = variable.values if variable.dtype != object else variable.values.astype("U")
        sums.update(np.ascontiguousarray(plain).tobytes())
    return sums.hexdigest()


def start(way: str, store: Path, folder: Path, seconds: float, mark: str) -> subprocess.Popen:
    """Start a session in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.studies.kills"]
    command += ["--session", way, str(store), str(folder), str(seconds)]
    root = Path(__file__).parents[2]
    environment = {**os.environ, MARK: mark, "PYTHONPATH": str(root), "TMPDIR": str(folder)}
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
        start_new_session=True,
    )


def finish(way: str, store: Path, folder: Path) -> dict:
    """Run a session to its end, and return what it prints."""
    process = start(way, store, folder, 0.0, "finish")
    out, err = process.communicate(timeout=300)
    if process.returncode:
        raise RuntimeError(err[-3000:])
    return json.loads(out.splitlines()[-1])


def alive(mark: str) -> list[psutil.Process]:
    """Return the processes of a session."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def orphans(mark: str) -> int:
    """Return how many processes outlive a session, and end them."""
    deadline = time.monotonic() + GRACE
    while alive(mark) and time.monotonic() < deadline:
        time.sleep(0.1)
    rest = alive(mark)
    for process in rest:
        with contextlib.suppress(psutil.Error):
            process.kill()
    return len(rest)


def wait_for(ready, process: subprocess.Popen, seconds: float = 120.0) -> None:
    """Wait until something is so, or the process has ended."""
    deadline = time.monotonic() + seconds
    while not ready() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


def left_behind(folder: Path, pid: int) -> list[str]:
    """Return what should not be there any more: files, and memory named after the session."""
    wanted = {"kept", "m.zarr", "memory", "seen", "started", "dask-scratch-space"}
    # Clusters of dask have a folder of their own, which they sweep themselves.
    names = [p.name for p in folder.iterdir() if p.name not in wanted]
    names += [f"memory/{p.name}" for p in (folder / "memory").glob("*")]
    kept = list((folder / "kept").glob("*"))
    names += [f"kept/{p.name}" for p in kept if p.name.startswith(".")]
    names += [f"kept/{p.name}" for p in kept if p.name.startswith("state-")][1:]
    names += [str(p) for p in Path("/dev/shm").glob(f"*-{pid}-*")]
    return names


def kept(folder: Path) -> int:
    """Return how many runs the next session finds done."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        state = json.loads((folder / "kept" / "manifest.json").read_text())["state"]
        return len(json.loads((folder / "kept" / state).read_text())["done"]) if state else 0
    return 0


def trial(way: str, name: str, store: Path, want: dict, moment: float | int) -> Counter:
    """Kill a session, go on, and return what is wrong.

    Parameters
    ----------
    way, name : str
        Kind of session, and of signal.
    store : Path
        Archive.
    want : dict
        What a session gives that is left in peace.
    moment : float or int
        Seconds after its start; an integer for the number of runs that were begun, a negative one
        for the number of those that were kept.
    """
    wrong = Counter(kills=1)
    with TemporaryDirectory() as place:
        folder, mark = Path(place), f"{os.getpid()}-{random.getrandbits(64):x}"
        process = start(way, store, folder, 0.3, mark)
        if isinstance(moment, int) and moment < 0:
            wait_for(lambda: kept(folder) >= -moment, process)
        elif isinstance(moment, int):
            wait_for(lambda: len(list(folder.glob("seen/*"))) >= moment, process)
        else:
            wait_for((folder / "started").exists, process)
            time.sleep(moment)
        process.send_signal(getattr(signal, f"SIG{name}"))
        _, err = process.communicate(timeout=120)
        # As of any program that the signal ends: a shell says 128 and its number, and ends its loop.
        if process.returncode not in (0, -getattr(signal, f"SIG{name}")):
            wrong["status"] += 1
            print(f"{way}, {name}: ended with {process.returncode}: {err[-3000:]}", file=sys.stderr)
        wrong["over"] += process.returncode == 0
        wrong["orphans"] += orphans(mark)
        if name != "KILL":
            wrong["files"] += len(left_behind(folder, process.pid))
        wrong["found"] += kept(folder)
        got = finish(way, store, folder)
        seen = Counter(got["runs"])
        wrong["lost"] += len(set(want["runs"]) - set(seen))
        wrong["doubled"] += sum(n - 1 for n in seen.values())
        wrong["differ"] += got["digest"] != want["digest"]
        wrong["files"] += len(left_behind(folder, process.pid))
    return wrong


def main(rounds: int) -> None:
    """Print the table."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    print(f"seed {seed}; {rounds * len(WAYS) * len(SIGNALS)} kills")
    columns = ("kills", "lost", "doubled", "differ", "orphans", "files", "status", "found", "over")
    print("| session | signal | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 2) + "|")
    total: Counter = Counter()
    with TemporaryDirectory() as place:
        store = make_store(Path(place))
        for way in WAYS:
            with TemporaryDirectory() as folder:
                want = finish(way, store, Path(folder))
            for name in SIGNALS:
                found: Counter = Counter()
                for _ in range(rounds):
                    runs = chance.randrange(1, RUNS - 2)
                    moment = chance.choice((chance.uniform(0, 3), runs, -runs))
                    found += trial(way, name, store, want, moment)
                total += found
                row = " | ".join(str(found[c]) for c in columns)
                print(f"| {way} | {name} | {row} |", flush=True)
    print("| **all** | | " + " | ".join(str(total[c]) for c in columns) + " |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--session"]:
        session(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), float(sys.argv[5]))
    else:
        main(*(map(int, sys.argv[1:2] or ["5"])))
