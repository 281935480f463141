"""Do default fits of real data converge, in every binning? Here and with gammapy, on the same data.

Run as ``python -m tests.studies.convergence [word ...] [--no-gammapy] [--limit S]``: only cases whose
name holds one of the words; a fit of gammapy is given up after S seconds of the processor. Each line
counts the calls of the statistic; ``edm`` is the estimated distance to the minimum. Starts are rough:
a slope, a flux and a position that a user would type.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

import xgamma as xg
from tests.conftest import find_data

CRAB, PKS = (83.633, 22.014), (329.717, -30.226)
BINSZ = (0.05, 0.04, 0.02)
AXES = {
    "crab": ((0.7, 30, 12), (0.6, 40, 10), (1, 10, 11)),
    "pks": ((0.2, 10, 12), (0.3, 5, 8)),
}
TARGETS = {"crab": ("Crab Nebula", CRAB), "pks": ("PKS 2155-304", PKS)}
WIDTH = "4 deg"


@dataclass
class Case:
    """Data and start of one fit."""

    name: str
    datasets: list[xr.Dataset]
    models: xg.Models


def reduced(target: str, axis: tuple[float, float, int], binsz: float, **options: Any) -> Any:
    """Reduce the runs on a target into a map around it."""
    name, position = TARGETS[target]
    folder = find_data()
    assert folder is not None
    low, high, nbin = axis
    template = xg.create_map(
        position,
        WIDTH,
        binsz,
        xg.energy_axis(low, high, nbin),
        energy_true=xg.energy_axis(0.5 * low, 3 * high, 3 * nbin, name="energy_true"),
    )
    return xg.reduce(
        xg.open_store(folder / "hess-dl3-dr1").select(target=name),
        into=template,
        offset_max="2 deg",
        safe_mask=["aeff-default"],
        progress=False,
        name=target,
        **options,
    )


def start(target: str, shape: str = "point", names: tuple[str, ...] = ()) -> xg.Models:
    """Return where a fit begins: a little off in everything."""
    lon, lat = TARGETS[target][1]
    at = {"lon": lon + 0.01, "lat": lat - 0.01}
    flux = "2e-11 cm-2 s-1 TeV-1" if target == "crab" else "3e-12 cm-2 s-1 TeV-1"
    spatial = {
        "point": lambda: xg.PointSource(**at),
        "gauss": lambda: xg.Gaussian(sigma="0.05 deg", **at),
        "disk": lambda: xg.Disk(r_0="0.05 deg", **at),
        "shell": lambda: xg.Shell(radius="0.03 deg", width="0.03 deg", **at),
    }[shape]()
    source = xg.SkyModel(xg.PowerLaw(index=2.5, amplitude=flux), spatial, name=target)
    return xg.Models([source, *(xg.FoVBackground(n) for n in names)])


def maps() -> Iterator[Case]:
    """Yield the maps of every binning, with a free point source."""
    for binsz in BINSZ:
        for target, axes in AXES.items():
            for axis in axes:
                ds = reduced(target, axis, binsz)
                low, high, n = axis
                yield Case(
                    f"3D {target} {low}-{high}/{n} {binsz}", [ds], start(target, names=(target,))
                )


def images() -> Iterator[Case]:
    """Yield one bin of energy: position, flux and background, the slope held."""
    for target, axes in AXES.items():
        for binsz in BINSZ:
            ds = reduced(target, axes[0], binsz).gamma.to_image()
            models = start(target, names=(target,))
            models[target].spectral.index.frozen = True
            yield Case(f"2D {target} {binsz}", [ds], models)


def spectra() -> Iterator[Case]:
    """Yield spectra of a circle: slope and flux."""
    for target, axes in AXES.items():
        lon, lat = TARGETS[target][1]
        for axis in axes:
            ds = reduced(target, axis, 0.02).gamma.to_spectrum(f"icrs;circle({lon}, {lat}, 0.15)")
            ds.attrs["name"] = target
            yield Case(f"1D {target} {axis[0]}-{axis[1]}/{axis[2]}", [ds], start(target))


def joint() -> Iterator[Case]:
    """Yield the runs on the Crab side by side, a background each."""
    for binsz in BINSZ:
        tree = reduced("crab", AXES["crab"][0], binsz, stack=False)
        datasets = [node.to_dataset() for node in tree.children.values()]
        names = tuple(str(ds.attrs["name"]) for ds in datasets)
        yield Case(f"joint crab {binsz}", datasets, start("crab", names=names))


def extended() -> Iterator[Case]:
    """Yield sizes free to grow, on sources that have (nearly) none."""
    for target, axes in AXES.items():
        for shape in ("gauss", "disk", "shell"):
            for binsz in BINSZ:
                ds = reduced(target, axes[0], binsz)
                yield Case(f"{shape} {target} {binsz}", [ds], start(target, shape, (target,)))


def peer_fit(case: Case) -> str:
    """Fit the same data from the same start with gammapy, and say how it ended."""
    from gammapy.datasets import Datasets, MapDataset, SpectrumDataset
    from gammapy.modeling import Fit
    from gammapy.modeling.models import Models

    from xgamma.io.fits_write import write_fits

    datasets = Datasets()
    with tempfile.TemporaryDirectory() as folder:
        for i, ds in enumerate(case.datasets):
            path = Path(folder) / f"{i}.fits"
            write_fits(ds, path)
            kind = MapDataset if "x" in ds.dims else SpectrumDataset
            datasets.append(kind.read(path, name=str(ds.attrs["name"])))
    datasets.models = Models.from_yaml(case.models.to_yaml())
    begin = time.perf_counter()
    result = Fit().run(datasets)
    spent = time.perf_counter() - begin
    state = "yes" if result.success else "NO"
    return f"{state:>4s} {result.nfev:6d} calls {result.total_stat:12.2f} {spent:7.2f} s"


def give_up(*_: Any) -> None:
    """End a fit that takes too long."""
    raise TimeoutError("gave up")


def own_fit(case: Case) -> tuple[bool, str]:
    """Fit, and say how it ended."""
    begin = time.perf_counter()
    result = xg.fit(case.datasets, case.models)
    spent = time.perf_counter() - begin
    edm = result._minimum.engine.fmin.edm
    state = "yes" if result.success else "NO"
    text = f"{state:>4s} {result.n_calls:6d} calls {result.total_stat:12.2f} {spent:7.2f} s"
    return result.success, f"{text}  edm {edm:7.1e}"


GROUPS: tuple[Callable[[], Iterator[Case]], ...] = (maps, images, spectra, joint, extended)


def main(words: tuple[str, ...] = (), with_peer: bool = True, limit: float = 0.0) -> None:
    """Print a line for each case, and how many converged."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGVTALRM, give_up)
    good = [0, 0]
    number = 0
    for group in GROUPS:
        for case in group():
            if words and not any(w in case.name for w in words):
                continue
            number += 1
            success, line = own_fit(case)
            good[0] += success
            peer = ""
            if with_peer:
                signal.setitimer(signal.ITIMER_VIRTUAL, limit)
                try:
                    peer = peer_fit(case)
                except Exception as error:
                    peer = f"  NO {type(error).__name__}: {error}"
                finally:
                    signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
                good[1] += peer.lstrip().startswith("yes")
            print(f"{case.name:28s} {line} | {peer}", flush=True)
    beside = f", gammapy {good[1]}" if with_peer else ""
    print(f"{number} cases: xgamma converged in {good[0]}{beside}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Do default fits of real data converge?")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--no-gammapy", action="store_true")
    parser.add_argument("--limit", type=float, default=0.0)
    options = parser.parse_args()
    main(tuple(options.words), not options.no_gammapy, options.limit)
