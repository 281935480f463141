"""Pulls and coverage of fitted parameters: toys drawn from a model, fitted with it.

Run as ``python -m tests.studies.pulls [toys] [word ...]``: only models whose name holds one of the
words. A line for each parameter: mean and width of (fitted - true) / error, which want 0 ± 0.1
and 1 ± 0.1, and how often the truth is within one error (68 %); and how many fits converged.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
import xarray as xr

import xgamma as xg
from tests.modeling.sample import small_map

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


def toy_pulls(name: str, toys: int, seed: int = 0) -> tuple[xr.DataArray, int]:
    """Fit toys of one model and return the pulls (toy, parameter), and how many fits converged."""
    ds = small_map(psf=0.08, binsz=0.1, width=2.4, nbin=3, background=1.0)
    models = truth(name)
    expected = ds.gamma.npred(models)
    rng = np.random.default_rng(seed)
    rows, converged = [], 0
    for _ in range(toys):
        toy = ds.assign(counts=expected.copy(data=rng.poisson(expected.values)))
        result = xg.fit(toy, models)
        converged += result.success
        table = result.to_dataset()
        true = [models.named_parameters()[str(n)].value for n in table.parameter.values]
        rows.append(((table.value - true) / table.error).assign_coords(true=("parameter", true)))
    return xr.concat(rows, "toy", coords="minimal", compat="override"), converged


def main(toys: int = 100, *words: str) -> None:
    """Print a table for each model."""
    warnings.simplefilter("ignore")
    print(f"{'model':14s} {'parameter':18s} {'mean':>6s} {'width':>6s} {'within 1':>8s}  converged")
    for name in SHAPES:
        if words and not any(w in name for w in words):
            continue
        pulls, converged = toy_pulls(name, toys)
        for parameter in pulls.parameter.values:
            one = pulls.sel(parameter=parameter).values
            one = one[np.isfinite(one)]
            within = np.mean(np.abs(one) < 1)
            short = str(parameter).split(".", 1)[1]
            print(
                f"{name:14s} {short:18s} {one.mean():6.2f} {one.std(ddof=1):6.2f} "
                f"{100 * within:6.0f} %  {converged}/{toys}",
                flush=True,
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
