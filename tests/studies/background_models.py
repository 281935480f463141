"""How well background models from runs describe other runs: H.E.S.S. DL3 DR1.

    python -m tests.studies.background_models

Models of the 21 runs on PKS 2155-304, the source left out, are used for the 4 runs on the Crab nebula
and the reverse; beside them, the responses of the archive. Each run is scaled in each group of energies
outside the exclusions. Printed is the significance (Cash) of cells of 0.3 deg outside of them: its
mean and width for each group, where more than 5 counts are expected. A perfect model has mean 0 and
width 1. Needs the data, takes two minutes.
"""

import itertools
import time

import numpy as np

import xgamma as xg
from tests.conftest import find_data
from xgamma.numerics.statistics import cash_significance

SOURCES = {
    "PKS 2155-304": ("329.717d -30.2256d", "icrs;circle(329.717, -30.2256, 0.4)"),
    "Crab Nebula": ("83.633d 22.014d", "icrs;circle(83.633, 22.014, 0.4)"),
}
AXIS = xg.energy_axis("0.3 TeV", "30 TeV", 6, per_decade=True)
# Edges of the groups, which are edges of AXIS.
GROUPS = [0.3, 0.3 * 10 ** (3 / 6), 0.3 * 10 ** (6 / 6), 30.0]
CELL, LEAST = 3, 5.0
MODELS = {
    "radial": {"offset": np.linspace(0, 2.5, 11)},
    "radial, zenith": {"offset": np.linspace(0, 2.5, 11), "zenith": [0, 20, 30, 40, 55]},
    "ALTAZ": {"field": np.linspace(-2.5, 2.5, 11), "alignment": "ALTAZ"},
}


def cells(image: np.ndarray) -> np.ndarray:
    """Sums of square cells."""
    ny, nx = (n // CELL for n in image.shape)
    return image[: ny * CELL, : nx * CELL].reshape(ny, CELL, nx, CELL).sum(axis=(1, 3))


def significances(runs, target, model):
    """The significance of the cells of each group of energies."""
    position, excluded = SOURCES[target]
    empty = xg.create_map(position, "5 deg", "0.1 deg", AXIS)
    ds = xg.reduce(
        runs,
        empty,
        offset_max="2.3 deg",
        background={"name": "fov", "exclusion": excluded, "energy_groups": GROUPS},
        background_model=model,
        progress=False,
    )
    keep = (ds.mask_safe & ds.gamma.region_mask(excluded, inside=False)).values
    for low, high in itertools.pairwise(GROUPS):
        use = (ds.energy.values > low) & (ds.energy.values < high)
        counts, background = (
            cells((ds[name].values * keep)[use].sum(axis=0)) for name in ("counts", "background")
        )
        seen = background > LEAST
        yield low, high, cash_significance(counts[seen], background[seen])


def main() -> None:
    store = xg.open_store(find_data() / "hess-dl3-dr1")
    runs = {name: store.select(target=name) for name in SOURCES}
    print("model of | for | kind | energies (TeV) | cells | mean | width")
    for target in SOURCES:
        rows = [("archive", "responses", None)]
        for name, (_, excluded) in SOURCES.items():
            for kind, options in MODELS.items():
                if name == "Crab Nebula" and "zenith" in kind:
                    continue  # four runs at one zenith angle
                start = time.perf_counter()
                model = xg.background_model(runs[name], AXIS, excluded, progress=False, **options)
                rows.append((name, f"{kind}, {time.perf_counter() - start:.1f} s", model))
        for name, kind, model in rows:
            for low, high, found in significances(runs[target], target, model):
                print(
                    f"{name} | {target} | {kind} | {low:.2f}-{high:.2f} | {found.size} "
                    f"| {found.mean():+.3f} | {found.std():.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
