"""Likelihood, fits and TS map, here and with gammapy, in turn and on the same data.

Run as ``python -m tests.benchmarks.modeling [repetitions]``. Times are the best of the
repetitions. Beside them stands what each found, since a faster wrong answer is none:
``gammapy`` is the scheme that predicts as gammapy does, ``exact`` the default.
"""

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import xgamma as xg
from tests.benchmarks.figures import keep
from tests.benchmarks.own_process import real_data
from tests.helpers.from_gammapy import map_from_gammapy, spectrum_from_gammapy
from xgamma.estimators.maps import ts_map
from xgamma.fitting.likelihood import likelihood_of

STEPS = 20


def best_of(repetitions: int, *functions: Callable[[], Any]) -> list[tuple[float, Any]]:
    """Run functions in turn and return the best time and last result of each."""
    times = [np.inf] * len(functions)
    results: list[Any] = [None] * len(functions)
    for _ in range(repetitions):
        for i, function in enumerate(functions):
            start = time.perf_counter()
            results[i] = function()
            times[i] = min(times[i], time.perf_counter() - start)
    return list(zip(times, results, strict=True))


def report(name: str, rows: list[tuple[float, Any]], labels: tuple[str, ...], per: int = 1) -> None:
    """Print times, ratios to the first (gammapy), and what was found."""
    peer = rows[0][0]
    for label, (seconds, found) in zip(labels, rows, strict=True):
        keep("modeling", {f"{name}, {label}": {"milliseconds": 1e3 * seconds / per}})
        ratio = f"{peer / seconds:7.1f} x" if label != labels[0] else " " * 9
        print(f"{name:32s} {label:16s} {1e3 * seconds / per:10.3f} ms {ratio}  {found}")


def galactic_centre(folder: Any) -> tuple[Any, Any, xg.Models]:
    """Return the Galactic Centre dataset of gammapy, ours, and one source with background."""
    from gammapy.datasets import MapDataset

    peer = MapDataset.read(folder / "dl4/cta-1dc-gc.fits.gz", name="gc")
    source = xg.SkyModel(
        xg.PowerLaw(index=2.3, amplitude="2e-12 cm-2 s-1 TeV-1"),
        xg.PointSource(lon=0.02, lat=0.01, frame="galactic"),
        name="source",
    )
    return peer, map_from_gammapy(peer), xg.Models([source, xg.FoVBackground("gc")])


def one_evaluation(peer: Any, ours: Any, models: xg.Models, key: str, repetitions: int) -> None:
    """(a), (b): the statistic after a spectral parameter, or a position, changed."""
    from gammapy.modeling.models import Models

    peer.models = Models.from_yaml(models.to_yaml())
    peer.stat_sum()
    theirs = peer.models["source"]
    parameter = theirs.spectral_model.index if key == "index" else theirs.spatial_model.lon_0
    start = parameter.value

    def run_peer() -> str:
        for i in range(STEPS):
            parameter.value = start + 1e-3 * (i + 1)
            stat = peer.stat_sum()
        parameter.value = start
        peer.stat_sum()
        return f"stat {stat:.3f}"

    def runner(scheme: str) -> Callable[[], str]:
        mine = models.copy()
        likelihood = likelihood_of(ours, mine, scheme)
        likelihood.stat_sum()
        part = mine["source"].spectral if key == "index" else mine["source"].spatial
        own = part.index if key == "index" else part.lon

        def run() -> str:
            for i in range(STEPS):
                own.value = start + 1e-3 * (i + 1)
                stat = likelihood.stat_sum()
            own.value = start
            likelihood.stat_sum()
            return f"stat {stat:.3f}"

        return run

    rows = best_of(repetitions, run_peer, runner("gammapy"), runner("exact"))
    name = "(a) one spectral parameter" if key == "index" else "(b) one position"
    report(name, rows, ("gammapy 2.1", "xgamma, gammapy", "xgamma, exact"), STEPS + 1)


def whole_fit(peer: Any, ours: Any, models: xg.Models, repetitions: int) -> None:
    """(c): a 3D fit of five parameters, covariance included."""
    from gammapy.modeling import Fit
    from gammapy.modeling.models import Models

    def run_peer() -> str:
        peer.models = Models.from_yaml(models.to_yaml())
        return f"minimum {Fit().run([peer]).total_stat:.3f}"

    def runner(scheme: str) -> Callable[[], str]:
        return lambda: f"minimum {xg.fit(ours, models, scheme=scheme).total_stat:.3f}"

    rows = best_of(repetitions, run_peer, runner("gammapy"), runner("exact"))
    report("(c) 3D fit", rows, ("gammapy 2.1", "xgamma, gammapy", "xgamma, exact"))


def joint_fit(folder: Any, repetitions: int) -> None:
    """(d): the four Crab on-off spectra of the joint analysis together."""
    from gammapy.datasets import Datasets, SpectrumDatasetOnOff
    from gammapy.modeling import Fit
    from gammapy.modeling.models import Models

    files = sorted((folder / "joint-crab/spectra/hess").glob("pha_*.fits"))[:4]
    peer = Datasets([SpectrumDatasetOnOff.read(f) for f in files])
    ours = [spectrum_from_gammapy(d) for d in peer]
    model = xg.SkyModel(xg.PowerLaw(index=2.4, amplitude="3e-11 cm-2 s-1 TeV-1"), name="crab")

    def run_peer() -> str:
        peer.models = Models.from_yaml(xg.Models(model).to_yaml())
        return f"minimum {Fit().run(peer).total_stat:.3f}"

    rows = best_of(repetitions, run_peer, lambda: f"minimum {xg.fit(ours, model).total_stat:.3f}")
    report("(d) joint fit of 4 spectra", rows, ("gammapy 2.1", "xgamma"))


def maps(peer: Any, repetitions: int) -> None:
    """(e): a TS map of 100 x 100 pixels in ten energies."""
    from astropy import units as u
    from gammapy.estimators import TSMapEstimator
    from gammapy.modeling.models import Models

    part = peer.cutout(peer.counts.geom.center_skydir, 2.5 * u.deg)
    part.models = []
    ours = map_from_gammapy(part)
    test = xg.SkyModel(xg.PowerLaw(index=2.2), xg.PointSource(frame="galactic"), name="test")
    other = Models.from_yaml(xg.Models(test).to_yaml())[0]
    estimator = TSMapEstimator(other, kernel_width="0.5 deg", sum_over_energy_groups=False)

    def run_peer() -> str:
        return f"largest TS {np.nanmax(estimator.run(part)['ts'].data):.2f}"

    def run() -> str:
        found = ts_map(ours, test, kernel_width="0.5 deg", scheme="gammapy")
        return f"largest TS {float(found.ts.max()):.2f}"

    report("(e) TS map 100 x 100", best_of(repetitions, run_peer, run), ("gammapy 2.1", "xgamma"))


def main(repetitions: int = 3) -> None:
    """Print every comparison."""
    warnings.simplefilter("ignore")
    folder = real_data()
    peer, ours, models = galactic_centre(folder)
    one_evaluation(peer, ours, models, "index", repetitions)
    one_evaluation(peer, ours, models, "lon", repetitions)
    whole_fit(peer, ours, models, repetitions)
    joint_fit(folder, repetitions)
    maps(peer, repetitions)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
