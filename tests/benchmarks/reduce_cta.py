"""A job of the size of CTAO, here and with gammapy, in turn: three runs of CTA 1DC into one map.

Run as ``python -m tests.benchmarks.reduce_cta [repetitions]``. The map has 600 x 600 pixels, 20
energies and 40 true ones, the cutouts are 10 degrees wide. Each measurement is a new process:
at this size the first use of memory is much of the time.
"""

import os
import time
from pathlib import Path

from tests.benchmarks.figures import keep
from tests.benchmarks.own_process import Figures, in_turn, program, real_data, used

POSITION = (0.0, 0.0)
STORE = "cta-1dc/index/gps"
RUNS = (110380, 111140, 111159)


def run_xgamma(data: Path) -> Figures:
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
    return {"seconds": time.perf_counter() - start, "counts": int(ds.counts.sum())}


def run_gammapy(data: Path) -> Figures:
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
    return {"seconds": time.perf_counter() - start, "counts": int(stacked.counts.data.sum())}


RUNNERS = {"xgamma": run_xgamma, "gammapy": run_gammapy}


def child(name: str, data: str) -> Figures:
    """Run one library here and return its figures."""
    return {**RUNNERS[name](Path(data)), **used()}


def main(repetitions: int = 3) -> None:
    """Print seconds, processor time and peak memory of both: medians."""
    for name, m in in_turn(__spec__.name, list(RUNNERS), repetitions, real_data()).items():
        print(
            f"{name:8s} {m['seconds']:7.2f} s   processor {m['processor']:7.2f} s   "
            f"peak {m['peak']:6.0f} MB   {m['counts']:.0f} counts"
        )
        keep("reduce_cta", {name: m})


if __name__ == "__main__":
    program(main, child)
