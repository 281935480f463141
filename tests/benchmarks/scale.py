"""What two processes bring, and what a thousand runs take: 21 runs on PKS 2155-304, repeated.

Run as ``python -m tests.benchmarks.scale [all]``, or with any of ``opening``, ``graph``, ``speed``,
``long``, ``survey`` and ``peer`` for a part. Each measurement is a process
of its own; start-up of its workers is part of its time. Workers are processes, and their peak
memory is that of the largest. Repeated runs have new ids and files of their own (links, in
the page cache after the first pass), so that nothing is shared between them.
"""

import importlib
import pickle
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.figures import keep
from tests.benchmarks.own_process import Figures, measure, program, real_data, used
from tests.benchmarks.reduce import IMPORTS, POSITION
from tests.benchmarks.repeated import repeated

RUNS = 21
LONG = (21, 105, 210, 1000)
# CTAO's survey of the galactic plane: 1,600 hours are planned (arXiv:1709.07997), in runs of 30 min.
SURVEY_RUNS = 3_200
SURVEY_EVENTS = 1_000_000


def template():
    """The map of the main benchmark: 300 x 300 pixels, 20 and 40 energies."""
    import xgamma as xg

    return xg.create_map(
        POSITION,
        "6 deg",
        "0.02 deg",
        energy=xg.energy_axis("0.5 TeV", "50 TeV", 20),
        energy_true=xg.energy_axis("0.3 TeV", "100 TeV", 40, name="energy_true"),
    )


def options():
    """How runs are reduced."""
    return {
        "cutout_width": "5 deg",
        "safe_mask": {"methods": ["aeff-default", "offset-max"], "offset_max": "2.5 deg"},
        "progress": False,
    }


def runs_of(data: Path, number: int, folder: Path):
    """The runs, repeated where more are asked for."""
    import xgamma as xg

    store = xg.open_store(data / "hess-dl3-dr1").select(target="PKS 2155-304")
    assert len(store) == RUNS
    return repeated(store, number, folder)


def run_xgamma(data: Path, number: int, scheduler: str, workers: int) -> Figures:
    """Reduce runs, and return the figures."""
    import xgamma as xg

    with TemporaryDirectory() as folder:
        runs = runs_of(data, number, Path(folder))
        start = time.perf_counter()
        ds = xg.reduce(runs, into=template(), workers=workers, scheduler=scheduler, **options())
        seconds = time.perf_counter() - start
    assert ds.sizes["obs"] == number
    return {"seconds": seconds, "counts": int(ds.counts.sum())}


def run_gammapy(data: Path, number: int, backend: str, workers: int) -> Figures:
    """Do the same with gammapy's own parallel maker."""
    import logging
    import warnings

    import astropy.units as u
    from astropy.coordinates import SkyCoord
    from gammapy.data import DataStore
    from gammapy.datasets import MapDataset
    from gammapy.makers import DatasetsMaker, MapDatasetMaker, SafeMaskMaker
    from gammapy.maps import MapAxis, WcsGeom

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    start = time.perf_counter()
    store = DataStore.from_dir(data / "hess-dl3-dr1")
    table = store.obs_table
    ids = table["OBS_ID"][table["OBJECT"] == "PKS 2155-304"][:number]
    energy = MapAxis.from_energy_bounds("0.5 TeV", "50 TeV", nbin=20)
    true = MapAxis.from_energy_bounds("0.3 TeV", "100 TeV", nbin=40, name="energy_true")
    geom = WcsGeom.create(
        skydir=SkyCoord(*POSITION, unit="deg"), axes=[energy], width=6, binsz=0.02
    )
    maker = DatasetsMaker(
        [
            MapDatasetMaker(),
            SafeMaskMaker(methods=["aeff-default", "offset-max"], offset_max=2.5 * u.deg),
        ],
        stack_datasets=True,
        cutout_mode="trim",
        cutout_width=5 * u.deg,
        n_jobs=workers,
        parallel_backend="multiprocessing",
    )
    stacked = MapDataset.create(geom, energy_axis_true=true)
    (ds,) = maker.run(stacked, store.get_observations(ids))
    return {"seconds": time.perf_counter() - start, "counts": int(ds.counts.data.sum())}


def child(library: str, number: str, scheduler: str, workers: str) -> Figures:
    """Measure here; the peak memory of workers is that of the largest."""
    for module in IMPORTS[library]:
        importlib.import_module(module)
    run = {"xgamma": run_xgamma, "gammapy": run_gammapy}[library]
    figures = run(real_data(), int(number), scheduler, int(workers))
    return {**figures, **used(), "worker": used(resource.RUSAGE_CHILDREN)["peak"]}


def measured(library: str, number: int, scheduler: str, workers: int) -> Figures:
    """Measure in a new process, and print a line."""
    figures = measure(__spec__.name, library, number, scheduler, workers)
    name = f"{library} {scheduler} x {workers}"
    print(
        f"{name:30s} {number:5d} runs {figures['seconds']:8.2f} s "
        f"{1000 * figures['seconds'] / number:8.1f} ms a run   worker "
        f"{figures['worker']:6.0f} MB   client {figures['peak']:6.0f} MB",
        flush=True,
    )
    return figures


def speedup(library: str, number: int, repetitions: int, scheduler: str) -> Figures:
    """Measure one and two workers in turn; return the ratio of the fastest, and the figures."""
    found: dict[int, list[Figures]] = {1: [], 2: []}
    for _ in range(repetitions):
        for workers, figures in found.items():
            figures.append(measured(library, number, scheduler, workers))
    one, two = (min(found[w], key=lambda f: f["seconds"]) for w in (1, 2))
    ratio = one["seconds"] / two["seconds"]
    print(f"{library}: {ratio:.2f} times faster with two processes ({number} runs)", flush=True)
    return {**two, "ratio": ratio}


def graph(data: Path) -> None:
    """Print what is handed out for a number of runs, and how large each piece is."""
    from xgamma.reduction.fold import Job
    from xgamma.reduction.runs import TASK, Runs, split

    with TemporaryDirectory() as folder:
        for number in LONG:
            runs = Runs(runs_of(data, number, Path(folder)))
            parts = list(split(list(range(number)), 2, TASK))
            size = len(pickle.dumps((Job(template(), options()), runs.part(parts[0]), parts[0])))
            print(
                f"{number:5d} runs: {len(parts):3d} tasks of {len(parts[0]):2d} runs, "
                f"{3 * len(parts) - 1:3d} nodes on a cluster, {size / 1000:.0f} kB a task"
            )


def opening(data: Path) -> None:
    """Print how long it takes to open an archive of a thousand runs in Zarr."""
    import shutil

    import xarray as xr

    import xgamma as xg
    from xgamma.io.storage import write_tree

    store = xg.open_store(data / "hess-dl3-dr1").select(target="PKS 2155-304")
    with TemporaryDirectory() as folder:
        place = Path(folder) / "a.zarr"
        xg.write_archive(store, place)
        shutil.rmtree(place / "index")
        many = runs_of(data, 1000, Path(folder))
        write_tree(xr.DataTree(many.table.reset_coords("obs_id")), place / "index")
        for new in many.obs_ids:
            old = store.obs_ids[(new - many.obs_ids[0]) % RUNS]
            (place / "runs" / str(new)).symlink_to(place / "runs" / str(old))
        command = (
            "import sys, time, xgamma as xg, zarr; start = time.perf_counter();"
            "store = xg.open_store(sys.argv[1]); first = time.perf_counter() - start;"
            "store[store.obs_ids[500]];"
            "print(len(store), first, time.perf_counter() - start - first)"
        )
        done = subprocess.run(
            [sys.executable, "-c", command, str(place)], capture_output=True, text=True, check=True
        )
        number, seconds, one = map(float, done.stdout.split())
        print(f"Zarr archive of {number:.0f} runs: open {seconds:.2f} s, one run of it {one:.2f} s")


def survey(data: Path) -> None:
    """Print what one run takes with the field and the events of a large telescope array."""
    import numpy as np

    import xgamma as xg
    from xgamma.dl3.writer import write_observation

    energy = xg.energy_axis("0.5 TeV", "50 TeV", 20)
    true = xg.energy_axis("0.3 TeV", "100 TeV", 40, name="energy_true")
    wide = xg.create_map(POSITION, "12 deg", "0.02 deg", energy, true)
    more = {**options(), "cutout_width": "10 deg", "workers": 1}
    with TemporaryDirectory() as folder:
        runs = runs_of(data, RUNS, Path(folder))
        xg.reduce(runs.select(obs_id=runs.obs_ids[:1]), into=wide, **more)
        start = time.perf_counter()
        xg.reduce(runs.select(obs_id=runs.obs_ids[1:7]), into=wide, **more)
        field = (time.perf_counter() - start) / 6
        obs = runs[runs.obs_ids[0]].load()
        events = obs["events"].to_dataset()
        rows = np.arange(SURVEY_EVENTS) % events.sizes["event"]
        obs["events"] = events.isel(event=np.sort(rows))
        file = Path(folder) / "many.fits"
        write_observation(obs, file)
        start = time.perf_counter()
        (many,) = xg.open_store(file)
        ds = wide.gamma.fill(many, select=["counts"])
        assert ds.counts.sum() > 0
        filled = time.perf_counter() - start
    hours = SURVEY_RUNS * (field + filled) / 3600
    print(
        f"cutouts of 10 deg: {field:.2f} s a run; {SURVEY_EVENTS} events: {filled:.2f} s; "
        f"{SURVEY_RUNS} such runs: {hours:.2f} h of one core"
    )


def main(*arguments: str) -> None:
    """Print a table of all, or of what is asked for."""
    data = real_data()
    wanted = set(arguments) - {"all"} or {"opening", "graph", "speed", "long", "survey", "peer"}
    if "opening" in wanted:
        opening(data)
    if "graph" in wanted:
        graph(data)
    figures = {}
    if "speed" in wanted:
        for number, repetitions in ((RUNS, 3), (5 * RUNS, 3)):
            figures[number] = speedup("xgamma", number, repetitions, "processes")
    if "long" in wanted:
        for number in LONG:
            figures[number] = figures.get(number) or measured("xgamma", number, "processes", 2)
        first = figures[LONG[0]]
        for number in LONG[1:]:
            ratio = figures[number]["worker"] / first["worker"]
            print(f"peak memory of a worker with {number} runs: {ratio:.2f} times that with {RUNS}")
        minutes = SURVEY_RUNS * figures[LONG[-1]]["seconds"] / LONG[-1] / 60
        print(f"extrapolated: {SURVEY_RUNS} such runs in {minutes:.1f} min on these processors")
    keep("scale", figures)
    if "survey" in wanted:
        survey(data)
    if "peer" in wanted:
        speedup("gammapy", RUNS, 1, "multiprocessing")
    if "speed" in wanted and figures[5 * RUNS]["ratio"] < 1.7:
        raise SystemExit("two processes are less than 1.7 times as fast as one")


if __name__ == "__main__":
    program(main, child)
