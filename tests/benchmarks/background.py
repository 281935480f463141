"""Ring images of four Crab runs, and reflected spectra of 21 runs on PKS 2155-304.

Run as ``python -m tests.benchmarks.background [repetitions]``. Each measurement is a process
of its own that opens the store, reduces all runs and stacks them; the two libraries take
turns, so that a change in the machine's speed hits both. Imports are not counted: gammapy
imports eagerly, xgamma at first use, so what it will use is imported before.
"""

import importlib
import warnings
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import keep
from tests.benchmarks.own_process import Figures, measure, program, real_data, timed

CRAB = (83.63, 22.01)
CRAB_RUNS = [23523, 23526, 23559, 23592]
PKS = (329.7169, -30.2256)


def ring_xgamma(folder: Path) -> Any:
    """Return a function that makes the stacked ring image."""
    import xgamma as xg

    empty = xg.create_map(
        CRAB,
        "4 deg",
        "0.02 deg",
        energy=xg.energy_axis("1 TeV", "10 TeV", 1),
        energy_true=xg.energy_axis("0.5 TeV", "20 TeV", 20),
    )
    mask = empty.gamma.region_mask("icrs;circle(83.63, 22.01, 0.3)", inside=False)

    def job() -> dict[str, float]:
        ds = xg.reduce(
            xg.open_store(folder).select(obs_id=CRAB_RUNS),
            into=empty,
            safe_mask={"methods": ["offset-max"], "offset_max": "2.5 deg"},
            background={
                "method": "ring",
                "r_in": "0.5 deg",
                "width": "0.3 deg",
                "exclusion": mask,
            },
            progress=False,
        )
        return {"on": int(ds.counts.sum()), "off": int(ds.counts_off.sum())}

    return job


def ring_gammapy(folder: Path) -> Any:
    """Return a function that does the same with gammapy."""
    from astropy.coordinates import SkyCoord
    from gammapy.data import DataStore
    from gammapy.datasets import MapDataset, MapDatasetOnOff
    from gammapy.makers import MapDatasetMaker, RingBackgroundMaker, SafeMaskMaker
    from gammapy.maps import MapAxis, WcsGeom
    from regions import CircleSkyRegion

    crab = SkyCoord(*CRAB, unit="deg")
    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=1)
    true = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=20, name="energy_true")
    geom = WcsGeom.create(skydir=crab, axes=[energy], width=4, binsz=0.02)
    region = CircleSkyRegion(crab, 0.3 * crab.ra.unit)
    ring = RingBackgroundMaker(
        r_in="0.5 deg",
        width="0.3 deg",
        exclusion_mask=geom.region_mask([region], inside=False),
    )

    def job() -> dict[str, float]:
        stacked = MapDatasetOnOff.create(geom, energy_axis_true=true)
        maker = MapDatasetMaker()
        safe = SafeMaskMaker(methods=["offset-max"], offset_max="2.5 deg")
        for obs in DataStore.from_dir(folder).get_observations(CRAB_RUNS):
            ds = safe.run(maker.run(MapDataset.create(geom, energy_axis_true=true), obs), obs)
            stacked.stack(ring.run(ds.to_image()))
        return {"on": int(stacked.counts.data.sum()), "off": int(stacked.counts_off.data.sum())}

    return job


def reflected_xgamma(folder: Path) -> Any:
    """Return a function that makes the stacked spectrum."""
    import xgamma as xg

    region = f"icrs;circle({PKS[0]}, {PKS[1]}, 0.11)"
    empty = xg.create_spectrum(
        region,
        xg.energy_axis("0.1 TeV", "40 TeV", 20),
        xg.energy_axis("0.05 TeV", "100 TeV", 60),
    )
    frame = xg.create_map(PKS, "7.5 deg", "0.05 deg", proj="TAN")
    mask = frame.gamma.region_mask(region.replace("0.11", "0.3"), inside=False)

    def job() -> dict[str, float]:
        ds = xg.reduce(
            xg.open_store(folder).select(target="PKS 2155-304"),
            into=empty,
            select=["counts", "exposure", "edisp"],
            containment_correction=True,
            safe_mask={"methods": ["aeff-max"], "aeff_percent": 10},
            background={"method": "reflected", "exclusion": mask},
            progress=False,
        )
        return {"on": int(ds.counts.sum()), "off": int(ds.counts_off.sum())}

    return job


def reflected_gammapy(folder: Path) -> Any:
    """Return a function that does the same with gammapy."""
    from astropy.coordinates import SkyCoord
    from gammapy.data import DataStore
    from gammapy.datasets import Datasets, SpectrumDataset
    from gammapy.makers import (
        ReflectedRegionsBackgroundMaker,
        SafeMaskMaker,
        SpectrumDatasetMaker,
    )
    from gammapy.maps import MapAxis, RegionGeom, WcsGeom
    from regions import CircleSkyRegion

    pks = SkyCoord(*PKS, unit="deg")
    degree = pks.ra.unit
    energy = MapAxis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=20)
    true = MapAxis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=60, name="energy_true")
    geom = RegionGeom.create(CircleSkyRegion(pks, 0.11 * degree), axes=[energy])
    frame = WcsGeom.create(width=7.5, binsz=0.05, skydir=pks, proj="TAN", frame="icrs")
    mask = ~frame.region_mask([CircleSkyRegion(pks, 0.3 * degree)])
    empty = SpectrumDataset.create(geom, energy_axis_true=true)

    def job() -> dict[str, float]:
        maker = SpectrumDatasetMaker(
            containment_correction=True, selection=["counts", "exposure", "edisp"]
        )
        background = ReflectedRegionsBackgroundMaker(exclusion_mask=mask)
        safe = SafeMaskMaker(methods=["aeff-max"], aeff_percent=10)
        store, datasets = DataStore.from_dir(folder), Datasets()
        table = store.obs_table
        ids = table["OBS_ID"][table["OBJECT"] == "PKS 2155-304"]
        for obs in store.get_observations([int(i) for i in ids]):
            ds = maker.run(empty.copy(name=str(obs.obs_id)), obs)
            datasets.append(safe.run(background.run(ds, obs), obs))
        stacked = datasets.stack_reduce(name="stacked")
        return {"on": int(stacked.counts.data.sum()), "off": int(stacked.counts_off.data.sum())}

    return job


LAZY = (
    "xgamma.dl3.opening",
    "xgamma.reduction.front",
    "xgamma.background.ring",
    "xgamma.background.reflected",
    "xgamma.makers.safe_mask",
    "xgamma.makers.spectrum",
    "dask.array",  # xarray looks for it at its first array
    "astropy.coordinates",
    "astropy.time",
    "astropy.wcs",
    "regions",
    "scipy.fft",
)
JOBS = {
    "ring": {"xgamma": ring_xgamma, "gammapy": ring_gammapy},
    "reflected": {"xgamma": reflected_xgamma, "gammapy": reflected_gammapy},
}


def child(job: str, library: str, folder: str) -> Figures:
    """Run one job in this process; return its seconds and result."""
    warnings.simplefilter("ignore")
    for module in LAZY if library == "xgamma" else ():
        importlib.import_module(module)
    return timed(JOBS[job][library](Path(folder)))


def main(repetitions: int = 3) -> None:
    """Print the best times of each and their ratio."""
    folder = real_data() / "hess-dl3-dr1"
    for job, libraries in JOBS.items():
        best: dict[str, float] = {}
        counts: dict[str, tuple[float, float]] = {}
        for _ in range(repetitions):
            for library in libraries:
                found = measure(__spec__.name, job, library, folder)
                best[library] = min(best.get(library, float("inf")), found["seconds"])
                counts[library] = (found["on"], found["off"])
        if counts["xgamma"] != counts["gammapy"]:
            raise SystemExit(f"{job}: on and off counts differ: {counts}")
        ratio = best["gammapy"] / best["xgamma"]
        keep("background", {job: best})
        print(
            f"{job:10s} xgamma {best['xgamma']:.3f} s, gammapy {best['gammapy']:.3f} s, "
            f"ratio {ratio:.1f}; counts on and off {counts['xgamma']}"
        )


if __name__ == "__main__":
    program(main, child)
