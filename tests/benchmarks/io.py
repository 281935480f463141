"""Read, open and write reduced datasets in FITS, here and with gammapy, in turn.

Run as ``python -m tests.benchmarks.io [repetitions]``. The Galactic Centre dataset is read as it
is (gzipped) and uncompressed; then the datasets of 21 runs on PKS 2155-304 are.
"""

import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xgamma as xg
from tests.benchmarks.figures import keep
from tests.benchmarks.own_process import real_data
from xgamma.io.fits import open_dataset


def best(functions: dict[str, Callable[[], Any]], repetitions: int) -> dict[str, float]:
    """Return the best time of each, taken in turn."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repetitions):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return {name: min(values) for name, values in times.items()}


def report(label: str, functions: dict[str, Callable[[], Any]], repetitions: int) -> None:
    """Print times and the ratio of gammapy's to each of ours."""
    times = best(functions, repetitions)
    keep("io", {label: dict(times)})
    peer = times.pop("gammapy")
    texts = [f"{n} {1000 * t:8.1f} ms (x {peer / t:5.1f})" for n, t in times.items()]
    print(f"{label:28s} gammapy {1000 * peer:8.1f} ms   " + "   ".join(texts))


def make_runs(data: Path, folder: Path) -> list[Path]:
    """Reduce 21 runs to a dataset each, and write them."""
    store = xg.open_store(data / "hess-dl3-dr1").select(target="PKS 2155-304")
    template = xg.create_map(
        "329.72d -30.23d",
        "5 deg",
        "0.05 deg",
        xg.energy_axis("0.1 TeV", "40 TeV", 20),
        xg.energy_axis("0.05 TeV", "100 TeV", 40, name="energy_true"),
    )
    paths = []
    for obs in store:
        path = folder / f"{obs.gamma.obs_id}.fits.gz"
        template.gamma.fill(obs).gamma.to_fits(path)
        paths.append(path)
    return paths


def main(repetitions: int = 3) -> None:
    """Print the ratios."""
    from gammapy.datasets import MapDataset

    data = real_data()
    warnings.simplefilter("ignore")
    packed = data / "dl4" / "cta-1dc-gc.fits.gz"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ds, peer = xg.read_fits(packed), MapDataset.read(packed)
        plain = folder / "gc.fits"
        peer.write(plain)
        for label, path in (("gzipped", packed), ("plain", plain)):
            report(
                f"Galactic Centre, {label}",
                {
                    "gammapy": lambda path=path: MapDataset.read(path),
                    "read": lambda path=path: xg.read_fits(path),
                    "open": lambda path=path: open_dataset(path),
                },
                repetitions,
            )
        for suffix in ("fits", "fits.gz"):
            report(
                f"write {suffix}",
                {
                    "gammapy": lambda s=suffix: peer.write(folder / f"p.{s}", overwrite=True),
                    "write": lambda s=suffix: ds.gamma.to_fits(folder / f"o.{s}", overwrite=True),
                },
                repetitions,
            )
            sizes = [(folder / f"{n}.{suffix}").stat().st_size / 1e6 for n in "po"]
            print(f"{'':28s} gammapy {sizes[0]:8.1f} MB   write {sizes[1]:8.1f} MB")
        report(
            "NetCDF and Zarr",
            {
                "gammapy": lambda: peer.write(folder / "p.fits.gz", overwrite=True),
                "netcdf": lambda: ds.gamma.to_netcdf(folder / "o.nc", overwrite=True),
                "zarr": lambda: ds.gamma.to_zarr(folder / "o.zarr", overwrite=True),
            },
            repetitions,
        )
        paths = make_runs(data, folder)
        report(
            f"{len(paths)} runs, gzipped",
            {
                "gammapy": lambda: [MapDataset.read(p) for p in paths],
                "read": lambda: [xg.read_fits(p) for p in paths],
                "open": lambda: [open_dataset(p) for p in paths],
            },
            repetitions,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
