"""A job of the size of CTAO, here and with gammapy, in turn: three runs of CTA 1DC into one map.

Run as ``python -m tests.benchmarks.reduce_cta [repetitions]``. The map has 600 x 600 pixels, 20
energies and 40 true ones, the cutouts are 10 degrees wide. Each measurement is a new process:
at this size the first use of memory is much of the time.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.figures import keep
from tests.conftest import find_data

POSITION = (0.0, 0.0)
STORE = "cta-1dc/index/gps"
RUNS = (110380, 111140, 111159)


def run_xgamma(data: Path) -> tuple[float, int]:
    """Return the seconds of the loop, and the counts."""
    import xgamma as xg

    start = time.perf_counter()
    template = xg.create_map(
        POSITION,
        "12 deg",
        "0.02 deg",
        energy=xg.energy_axis("0.1 TeV", "50 TeV", 20),
        energy_true=xg.energy_axis("0.05 TeV", "100 TeV", 40, name="energy_true"),
        frame="galactic",
    )
    ds = xg.reduce(
        xg.open_store(data / STORE).select(RUNS),
        into=template,
        cutout_width="10 deg",
        safe_mask={"methods": ["aeff-max", "offset-max"], "offset_max": "5 deg"},
        progress=False,
    )
    return time.perf_counter() - start, int(ds.counts.sum())


def run_gammapy(data: Path) -> tuple[float, int]:
    """Do the same with gammapy."""
    import logging
    import warnings

    import astropy.units as u
    from astropy.coordinates import SkyCoord
    from gammapy.data import DataStore
    from gammapy.datasets import MapDataset
    from gammapy.makers import MapDatasetMaker, SafeMaskMaker
    from gammapy.maps import MapAxis, WcsGeom

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    os.environ["CALDB"] = str(data / "cta-1dc" / "caldb")
    start = time.perf_counter()
    store = DataStore.from_dir(data / STORE)
    energy = MapAxis.from_energy_bounds("0.1 TeV", "50 TeV", nbin=20)
    true = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=40, name="energy_true")
    center = SkyCoord(*POSITION, unit="deg", frame="galactic")
    geom = WcsGeom.create(
        skydir=center, axes=[energy], width=12, binsz=0.02, frame="galactic", proj="TAN"
    )
    stacked = MapDataset.create(geom, energy_axis_true=true)
    maker = MapDatasetMaker()
    safe = SafeMaskMaker(methods=["aeff-max", "offset-max"], offset_max=5 * u.deg)
    for obs in store.get_observations(RUNS):
        cutout = stacked.cutout(obs.get_pointing_icrs(obs.tmid), width="10 deg")
        stacked.stack(safe.run(maker.run(cutout, obs), obs))
    return time.perf_counter() - start, int(stacked.counts.data.sum())


RUNNERS = {"xgamma": run_xgamma, "gammapy": run_gammapy}


def child(name: str, data: Path) -> None:
    """Run one library here and print its figures as a line of JSON."""
    seconds, counts = RUNNERS[name](data)
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "seconds": seconds,
        "processor": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss / 1024,
        "counts": counts,
    }
    print(json.dumps(figures))


def measure(name: str, data: Path) -> dict[str, float]:
    """Run one library in a new process and return its figures."""
    command = [sys.executable, "-m", "tests.benchmarks.reduce_cta", "--child", name, str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    return json.loads(done.stdout.strip().splitlines()[-1])


def main(repetitions: int = 3) -> None:
    """Print seconds, processor time and peak memory of both: medians."""
    data = find_data()
    if data is None:
        raise SystemExit("no real data: set $XGAMMA_DATA")
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in RUNNERS}
    for _ in range(repetitions):
        for name, results in figures.items():
            results.append(measure(name, data))
    for name, results in figures.items():
        m = {k: sorted(r[k] for r in results)[repetitions // 2] for k in results[0]}
        print(
            f"{name:8s} {m['seconds']:7.2f} s   processor {m['processor']:7.2f} s   "
            f"peak {m['peak']:6.0f} MB   {m['counts']} counts"
        )
        keep("reduce_cta", {name: m})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]))
    else:
        main(*map(int, sys.argv[1:]))
