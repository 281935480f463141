"""Write and open collections of small reduced datasets, beside plain xarray, in turn.

Run as ``python -m tests.benchmarks.collections [folder]``. The datasets differ in name, place,
livetime and counts, as those of a survey do; each has 31 variables and 0.1 MB. Stores go to the
folder, or to a temporary one; opening is measured in a process of its own, without imports.
"""

import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import xgamma as xg
from tests.benchmarks.figures import keep
from xgamma.tutorial import example_map

NUMBERS = (10, 40, 160)
MANY = 1000
OPEN = """
import sys, time, warnings, xarray as xr, xgamma as xg, zarr, netCDF4
warnings.simplefilter("ignore")
plain = {"engine": "zarr", "consolidated": False} if sys.argv[2].endswith("zarr") else {}
functions = {"xgamma": xg.open, "xarray": lambda path: xr.open_datatree(path, **plain)}
start = time.perf_counter()
tree = functions[sys.argv[1]](sys.argv[2])
print(len(tree.children), time.perf_counter() - start)
"""


def collection(number: int) -> xr.DataTree:
    """Return datasets of one make with a run each."""
    rng = np.random.default_rng(0)
    ds = example_map()
    parts = []
    for k in range(number):
        one = ds.isel(x=slice(k % 3, 17 + k % 3), y=slice(k % 2, 18 + k % 2))
        one = one.assign(counts=one.counts.copy(data=rng.poisson(2.0, one.counts.shape)))
        one.exposure.attrs["livetime"] = 1600.0 + k
        parts.append(one.assign_attrs(name=f"run-{k}"))
    return xg.collect(parts)


def timed(function: Callable[..., Any], *args: Any, **kwargs: Any) -> float:
    """Return the seconds of a call."""
    start = time.perf_counter()
    function(*args, **kwargs)
    return time.perf_counter() - start


def opened(library: str, path: Path) -> float:
    """Return the seconds that a new process takes to open a collection, the shorter of two."""
    command = [sys.executable, "-c", OPEN, library, str(path)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(2)]
    return min(float(run.stdout.split()[1]) for run in runs)


def row(label: str, ours: float, theirs: float | None, number: int) -> None:
    """Print a line of the table."""
    keep("collections", {f"{label}, {number}": {"xgamma": ours, "xarray": theirs}})
    beside = "" if theirs is None else f"   xarray {theirs:7.2f} s (x {theirs / ours:4.1f})"
    print(
        f"{label:6s} {number:5d} datasets   xgamma {ours:7.2f} s "
        f"({1000 * ours / number:5.1f} ms each){beside}",
        flush=True,
    )


def main(folder: Path) -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    for suffix, write in (("nc", "to_netcdf"), ("zarr", "to_zarr")):
        plain = {"format": "NETCDF4"} if suffix == "nc" else {"zarr_format": 3}
        getattr(collection(2).gamma, write)(folder / f"warm.{suffix}")
        for number in NUMBERS:
            tree = collection(number)
            path = folder / f"{number}.{suffix}"
            ours = timed(getattr(tree.gamma, write), path)
            # An option of xarray leaves the writing to it.
            theirs = (
                timed(getattr(tree.gamma, write), folder / f"plain-{number}.{suffix}", **plain)
                if number <= NUMBERS[1]
                else None
            )
            row(f"write {suffix}", ours, theirs, number)
            row(f"open {suffix}", opened("xgamma", path), opened("xarray", path), number)
    path = folder / "many.zarr"
    row("write zarr", timed(collection(MANY).gamma.to_zarr, path), None, MANY)
    row("open zarr", opened("xgamma", path), opened("xarray", path), MANY)
    path = folder / "many.nc"
    row("write nc", timed(collection(MANY).gamma.to_netcdf, path), None, MANY)
    row("open nc", opened("xgamma", path), opened("xarray", path), MANY)


if __name__ == "__main__":
    if sys.argv[1:]:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
