"""The main job, here and with gammapy, in turn: 21 runs on PKS 2155-304 into one map dataset.

Run as ``python -m tests.benchmarks.reduce [repetitions]``. Each measurement is a process of
its own, so that its time and its peak memory are not mixed with another's; the two
libraries take turns, so that a change in the machine's speed hits both.
"""

import importlib
import time
from pathlib import Path

from tests.benchmarks.figures import keep
from tests.benchmarks.own_process import Figures, in_turn, program, real_data, used

POSITION = (329.7169, -30.2256)


def run_xgamma(data: Path) -> Figures:
    """Return the seconds of the loop, and the counts."""
    import xgamma as xg

    start = time.perf_counter()
    template = xg.create_map(
        POSITION,
        "6 deg",
        "0.02 deg",
        energy=xg.energy_axis("0.5 TeV", "50 TeV", 20),
        energy_true=xg.energy_axis("0.3 TeV", "100 TeV", 40, name="energy_true"),
    )
    ds = xg.reduce(
        xg.open_store(data / "hess-dl3-dr1").select(target="PKS 2155-304"),
        into=template,
        cutout_width="5 deg",
        safe_mask={"methods": ["aeff-default", "offset-max"], "offset_max": "2.5 deg"},
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
    start = time.perf_counter()
    store = DataStore.from_dir(data / "hess-dl3-dr1")
    table = store.obs_table
    ids = table["OBS_ID"][table["OBJECT"] == "PKS 2155-304"]
    energy = MapAxis.from_energy_bounds("0.5 TeV", "50 TeV", nbin=20)
    true = MapAxis.from_energy_bounds("0.3 TeV", "100 TeV", nbin=40, name="energy_true")
    geom = WcsGeom.create(
        skydir=SkyCoord(*POSITION, unit="deg"), axes=[energy], width=6, binsz=0.02
    )
    stacked = MapDataset.create(geom, energy_axis_true=true)
    maker = MapDatasetMaker()
    safe = SafeMaskMaker(methods=["aeff-default", "offset-max"], offset_max=2.5 * u.deg)
    for obs in store.get_observations(ids):
        cutout = stacked.cutout(obs.get_pointing_icrs(obs.tmid), width="5 deg")
        stacked.stack(safe.run(maker.run(cutout, obs), obs))
    return {"seconds": time.perf_counter() - start, "counts": int(stacked.counts.data.sum())}


# What each needs imported before it can work: gammapy imports eagerly, xgamma at first use.
IMPORTS = {
    "xgamma": (
        "xgamma",
        "xgamma.dl3.opening",
        "xgamma.reduction.front",
        "xgamma.makers.safe_mask",
        "dask.array",  # xarray looks for it at its first array
        "astropy.coordinates",
        "astropy.time",
        "astropy.wcs",
    ),
    "gammapy": ("gammapy.data", "gammapy.datasets", "gammapy.makers", "gammapy.maps"),
}
RUNNERS = {"xgamma": run_xgamma, "gammapy": run_gammapy}


def child(name: str, data: str) -> Figures:
    """Run one library here and return its figures."""
    before = time.perf_counter()
    # `import gammapy` alone brings nothing: its users import the subpackages.
    for module in IMPORTS[name][: 1 if name == "xgamma" else None]:
        importlib.import_module(module)
    imported = time.perf_counter() - before
    for module in IMPORTS[name]:
        importlib.import_module(module)
    return {**RUNNERS[name](Path(data)), "import": imported, **used()}


def main(repetitions: int = 3) -> None:
    """Print seconds, peak memory and import time of both, and the ratios."""
    median = in_turn(__spec__.name, list(RUNNERS), repetitions, real_data())
    for name, m in median.items():
        print(
            f"{name:8s} {m['seconds']:7.2f} s   {1000 * m['seconds'] / 21:7.1f} ms a run   "
            f"peak {m['peak']:6.0f} MB   import {m['import']:5.2f} s"
        )
    keep("reduce", median)
    ratio = {k: median["gammapy"][k] / median["xgamma"][k] for k in ("seconds", "peak", "import")}
    print(
        f"ratio    {ratio['seconds']:7.1f} in time, {ratio['peak']:.2f} in peak memory, "
        f"{ratio['import']:.1f} in import time (medians of {repetitions}, "
        f"{median['xgamma']['counts']:.0f} counts)"
    )


if __name__ == "__main__":
    program(main, child)
