"""Pulls and coverage of fitted parameters: toys drawn from a model, fitted with it.

Run as ``python -m tests.studies.pulls [toys] [word ...] [--seed N] [--minutes M]``: only models
whose name holds one of the words, each with random numbers of its own; after M minutes what is
there is shown. A line for each parameter: mean and width of (fitted - true) / error, which want
0 ± 0.1 and 1 ± 0.1 beside the errors that they have from so many toys, how often the truth is within
one error (68 %), and how many fits converged. Counts are Poisson numbers around the prediction
itself: what is tested is the fit, not the prediction.
"""

from __future__ import annotations

import argparse
import time
import warnings
import zlib
from collections.abc import Iterator

import numpy as np
import xarray as xr

import xgamma as xg
from tests.helpers.small_datasets import small_map

AT = {"lon": 83.613, "lat": 21.979}
SHAPES = {
    "point": (xg.PointSource(**AT), ()),
    "gauss": (xg.Gaussian(sigma=0.15, **AT), ("sigma",)),
    "gauss-ellipse": (xg.Gaussian(sigma=0.2, e=0.8, phi=30, **AT), ("sigma", "e", "phi")),
    "disk": (xg.Disk(r_0=0.3, **AT), ("r_0",)),
    "disk-ellipse": (xg.Disk(r_0=0.4, e=0.8, phi=-40, **AT), ("r_0", "e", "phi")),
    "shell": (xg.Shell(radius=0.3, width=0.15, **AT), ("radius", "width")),
    "shell2": (xg.Shell2(r_0=0.4, eta=0.4, **AT), ("r_0", "eta")),
    "general": (xg.GeneralizedGaussian(r_0=0.15, eta=0.6, **AT), ("r_0", "eta")),
}


def truth(name: str) -> xg.Models:
    """Return the model that toys are drawn from, its own parameters free."""
    shape, free = SHAPES[name]
    shape = shape.copy()
    for parameter in free:
        getattr(shape, parameter).frozen = False
    spectrum = xg.PowerLaw(index=2.3, amplitude="4e-11 cm-2 s-1 TeV-1")
    return xg.Models([xg.SkyModel(spectrum, shape, name="s"), xg.FoVBackground("d")])


def toys_of(name: str, seed: int = 0) -> Iterator[tuple[xr.DataArray, bool]]:
    """Fit toys of one model without end: yield the pulls (parameter), and whether it converged."""
    ds = small_map(psf=0.08, binsz=0.1, width=2.4, nbin=3, background=1.0)
    models = truth(name)
    expected = ds.gamma.npred(models)
    rng = np.random.default_rng([zlib.crc32(name.encode()), seed])
    while True:
        toy = ds.assign(counts=expected.copy(data=rng.poisson(expected.values)))
        result = xg.fit(toy, models)
        table = result.to_dataset()
        true = [models.named_parameters()[str(n)].value for n in table.parameter.values]
        yield (table.value - true) / table.error, result.success


def show(name: str, pulls: xr.DataArray, converged: int) -> None:
    """Print a line for each parameter."""
    toys = pulls.sizes["toy"]
    for parameter in pulls.parameter.values:
        one = pulls.sel(parameter=parameter).values
        one = one[np.isfinite(one)]
        within = np.mean(np.abs(one) < 1)
        width = one.std(ddof=1)
        short = str(parameter).split(".", 1)[1]
        print(
            f"{name:14s} {short:18s} {one.mean():6.2f} ± {width / one.size**0.5:.2f} "
            f"{width:6.2f} ± {width / (2 * one.size) ** 0.5:.2f} "
            f"{100 * within:5.0f} ± {100 * (0.68 * 0.32 / one.size) ** 0.5:.0f} %  {converged}/{toys}",
            flush=True,
        )


def main(
    toys: int = 100, words: tuple[str, ...] = (), seed: int = 0, minutes: float = np.inf
) -> None:
    """Print a table for each model, all of them getting on together."""
    warnings.simplefilter("ignore")
    end = time.monotonic() + 60 * minutes
    names = [n for n in SHAPES if not words or any(w in n for w in words)]
    running = {name: toys_of(name, seed) for name in names}
    found: dict[str, list[tuple[xr.DataArray, bool]]] = {name: [] for name in names}
    for _ in range(toys):
        for name in names:
            if time.monotonic() < end:
                found[name].append(next(running[name]))
    print(
        f"{'model':14s} {'parameter':18s} {'mean':>13s} {'width':>13s} {'within 1':>11s}  converged"
    )
    for name, rows in found.items():
        if rows:
            pulls = xr.concat([p for p, _ in rows], "toy", coords="minimal", compat="override")
            show(name, pulls, sum(success for _, success in rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Pulls and coverage of fitted parameters.")
    parser.add_argument("toys", nargs="?", type=int, default=100)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=np.inf)
    options = parser.parse_args()
    main(options.toys, tuple(options.words), options.seed, options.minutes)
