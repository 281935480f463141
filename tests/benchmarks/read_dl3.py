"""Read the 29 runs of H.E.S.S. DL3 DR1 whole, here and with gammapy, in turn.

Run as ``python -m tests.benchmarks.read_dl3 [repetitions]``.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import xgamma as xg
from tests.benchmarks.figures import keep
from tests.benchmarks.own_process import real_data


def read_xgamma(folder: Path) -> int:
    """Return the number of events of all runs, every HDU read."""
    events = 0
    for obs in xg.open_store(folder):
        obs.load()
        events += obs["events"].sizes["event"]
    return events


def read_peer(folder: Path) -> int:
    """Do the same with gammapy."""
    from gammapy.data import DataStore

    store = DataStore.from_dir(folder)
    events = 0
    for obs_id in store.obs_ids:
        obs = store.obs(obs_id)
        events += len(obs.events.table)
        _ = obs.gti, obs.aeff, obs.edisp, obs.psf, obs.bkg
    return events


def timed(function: Callable[[Path], int], folder: Path) -> tuple[float, int]:
    """Return seconds and result."""
    start = time.perf_counter()
    result = function(folder)
    return time.perf_counter() - start, result


def main(repetitions: int = 3) -> None:
    """Print the best times of each and their ratio."""
    data = real_data()
    folder = data / "hess-dl3-dr1"
    times: dict[str, list[float]] = {"xgamma": [], "gammapy": []}
    for _ in range(repetitions):
        ours, n_ours = timed(read_xgamma, folder)
        theirs, n_theirs = timed(read_peer, folder)
        if n_ours != n_theirs:
            raise SystemExit(f"{n_ours} events here, {n_theirs} in gammapy")
        times["xgamma"].append(ours)
        times["gammapy"].append(theirs)
    best = {name: min(values) for name, values in times.items()}
    keep("read_dl3", best)
    for name, seconds in best.items():
        print(f"{name:8s} {seconds:7.3f} s   {1000 * seconds / 29:6.1f} ms a run")
    print(f"ratio    {best['gammapy'] / best['xgamma']:7.1f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
