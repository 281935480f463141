"""What the design refused, timed beside what it chose: ``python -m tests.benchmarks.choices``."""

from __future__ import annotations

import timeit
from collections.abc import Callable

import numpy as np
import xarray as xr
from scipy.interpolate import RegularGridInterpolator

import xgamma as xg
from xgamma.dl3 import simulate_observation
from xgamma.numerics.statistics import cash

CRAB = "83.63d 22.01d"


def seconds(function: Callable[[], object], least: float = 0.3) -> float:
    """Return the shortest time of one call."""
    timer = timeit.Timer(function)
    number = max(1, int(least / max(timer.timeit(1), 1e-6)))
    return min(timer.repeat(3, number)) / number


def show(what: str, refused: float, chosen: float) -> None:
    """Print one line."""
    print(f"{what:52} {1e3 * refused:10.3f} ms {1e3 * chosen:10.3f} ms {refused / chosen:8.1f}")


def fit_step() -> None:
    """Sum the Cash statistic of ten bins with labels, and without."""
    rng = np.random.default_rng(0)
    counts = xr.DataArray(rng.poisson(5, 10), dims="energy", coords={"energy": np.arange(10.0)})
    npred = xr.DataArray(np.full(10, 5.0), dims="energy", coords={"energy": np.arange(10.0)})
    n, mu = counts.values, npred.values
    labelled = seconds(lambda: float((2 * (npred - counts * np.log(npred))).sum()))
    show("Cash statistic of 10 bins: labels, arrays", labelled, seconds(lambda: cash(n, mu).sum()))


def mosaic() -> None:
    """Add eight cutouts with an outer join, and into slices of one sum."""
    empty = xg.create_map(CRAB, "8 deg", "0.04 deg", xg.energy_axis(1, 10, 10), energy_true="reco")
    parts = []
    for number in range(8):
        part = empty.gamma.cutout((83.63 + number / 4 - 1, 22.01), "4 deg")
        sizes = {d: part.sizes[d] for d in ("energy", "y", "x")}
        values = np.ones(tuple(sizes.values()))
        parts.append(part.assign(counts=(tuple(sizes), values)).drop_vars("wcs").counts)

    def outer() -> xr.DataArray:
        return xr.concat(parts, "part", join="outer", fill_value=0.0).sum("part")

    def slices() -> np.ndarray:
        total = np.zeros([empty.sizes[d] for d in ("energy", "y", "x")])
        for part in parts:
            y, x = int(part.y[0]), int(part.x[0])
            total[:, y : y + part.sizes["y"], x : x + part.sizes["x"]] += part.values
        return total

    show("eight cutouts: concat and sum, slices of one sum", seconds(outer), seconds(slices))


def exposure() -> None:
    """Evaluate an effective area at every pixel and energy, and by energy first."""
    obs = simulate_observation("83.63d 22.51d", seed=0)
    aeff = obs["aeff"].aeff.transpose("energy_true", "offset")
    empty = xg.create_map(
        CRAB,
        "5 deg",
        "0.02 deg",
        xg.energy_axis(1, 10, 10),
        energy_true=xg.energy_axis(0.5, 20, 40, name="energy_true"),
    )
    offset = empty.gamma.separation(obs.gamma.pointing).values
    energy = np.log(empty.energy_true.values)
    interpolate = RegularGridInterpolator(
        (np.log(aeff.energy_true.values), aeff.offset.values),
        aeff.values,
        bounds_error=False,
        fill_value=None,
    )

    def everywhere() -> np.ndarray:
        e, o = np.broadcast_arrays(energy[:, None, None], offset)
        return interpolate((e, o))

    chosen = seconds(lambda: empty.gamma.fill(obs, select=["exposure"]))
    show("exposure of 40 x 250 x 250: N-d interpolation, ours", seconds(everywhere), chosen)


def main() -> None:
    """Time all of them."""
    print(f"{'':52} {'refused':>13} {'chosen':>13} {'ratio':>8}")
    fit_step()
    mosaic()
    exposure()


if __name__ == "__main__":
    main()
