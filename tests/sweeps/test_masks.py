"""Masks: none, partial, all, of one, two and three dimensions; NaN where nothing is safe."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.sweeps.cases import CASES, called, made, same, targets

ON_MAPS = [k for k in targets() if CASES[k].on in ("map", "tree", "maps", "onoff")]
COMPARED = [k for k in ON_MAPS if CASES[k].compare]
pytestmark = pytest.mark.filterwarnings("ignore::xgamma.XGammaWarning")


def world(mask, folder):
    worlds = made()
    ds = worlds["map"].drop_vars("mask_safe")
    return worlds | {"map": ds if mask is None else ds.assign(mask_safe=mask), "folder": folder}


def full(mask):
    """A mask over all three dimensions."""
    sizes = made()["map"].counts.sizes
    return mask.variable.set_dims(sizes).transpose("energy", "y", "x").copy()


def image():
    return made()["map"].gamma.separation((83.63, 22.01)) < 0.5


def energies():
    return made()["map"].gamma.energy_mask("2 TeV")


@pytest.mark.parametrize("flat", [image, energies])
@pytest.mark.parametrize("key", COMPARED)
def test_a_mask_of_fewer_dimensions(key, flat, tmp_path):
    """A mask of pixels or of energies says the same as one of all bins."""
    expected = called(key, world(full(flat()), tmp_path))
    found = called(key, world(flat(), tmp_path))
    for numbers in _flat(expected, found):
        same(*numbers, CASES[key].rtol)


def _flat(one, other):
    """Pairs of numbers; masks themselves keep their dimensions."""
    if isinstance(one, dict):
        for name in one.keys() | other.keys():
            assert name in one, name
            assert name in other, name
            if str(name).startswith("mask_") or name == "array":
                yield from [
                    (np.asarray(a, dtype=float).mean(), np.asarray(b, dtype=float).mean())
                    for a, b in [(one[name], other[name])]
                ]
            else:
                yield from _flat(one[name], other[name])
    else:
        yield one, other


# What asks for the mask itself; and what makes one of its own where there is no data.
ASK = {key for key in COMPARED if key.startswith("masks.")}


@pytest.mark.parametrize("key", sorted(set(COMPARED) - ASK))
def test_no_mask_is_a_mask_of_true(key, tmp_path):
    expected = called(key, world(full(image() | True), tmp_path))
    found = called(key, world(None, tmp_path))
    same(_unmasked(expected), _unmasked(found), CASES[key].rtol)


def _unmasked(found):
    """Numbers without the masks, which one of the two does not have."""
    if not isinstance(found, dict):
        return found
    return {k: _unmasked(v) for k, v in found.items() if not str(k).startswith("mask_")}


@pytest.mark.parametrize("key", ON_MAPS)
def test_nothing_is_safe(key, tmp_path):
    """A result or a sentence; no infinity, and no significance or flux of nothing."""
    try:
        found = called(key, world(full(image() & False), tmp_path), CASES[key].compare)
    except xg.XGammaError as error:
        assert str(error).endswith("."), error  # noqa: PT017
        return
    for name, values in _named(found) if CASES[key].compare else ():
        if isinstance(values, np.ndarray | float) and name not in ("energy_hi", "energy_lo"):
            assert not np.isinf(np.asarray(values, dtype=float)).any(), name


def _named(found, name=""):
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _named(value, key)
    else:
        yield name, found


# What a mask hides does not enter.
BLIND = {
    "stat_sum": lambda ds: ds.gamma.stat_sum(),
    "stack": lambda ds: {
        n: float(v.sum()) for n, v in xg.stack([ds])[["counts", "background", "exposure"]].items()
    },
    "info": lambda ds: {
        k: v for k, v in ds.gamma.info_dict().items() if k in ("counts", "background", "excess")
    },
    "to_image": lambda ds: ds.gamma.to_image().counts.values,
    "to_masked": lambda ds: ds.gamma.to_masked().counts.values,
    "to_spectrum": lambda ds: ds.gamma.to_spectrum("icrs;circle(83.63, 22.01, 0.3)").counts.values,
    "flux_points": lambda ds: ds.gamma.flux_points("crab", [1, 10]).norm.values,
    "significance": lambda ds: ds.gamma.significance("0.2 deg").significance.values,
    "excess_map": lambda ds: ds.gamma.excess_map("0.2 deg").counts.values,
    "ts_map": lambda ds: (
        ds.gamma.ts_map(ds.gamma.models[0], models=[], kernel_width="0.4 deg").ts.values
    ),
}


@pytest.mark.parametrize("what", BLIND)
def test_what_a_mask_hides_does_not_enter(what):
    ds = made()["map"]
    hidden = ~ds.mask_safe
    loud = ds.assign(
        counts=(ds.counts + 50 * hidden).astype(int).transpose(*ds.counts.dims),
        background=(ds.background + 9 * hidden).transpose(*ds.counts.dims),
    )
    same(wrapped(BLIND[what](ds)), wrapped(BLIND[what](loud)), 1e-5)


def wrapped(value):
    return value if isinstance(value, dict) else np.nan_to_num(np.asarray(value, dtype=float))


def test_masks_of_trees_are_their_own():
    tree = xg.collect([made()["map"], made()["map"].drop_vars("mask_safe").assign_attrs(name="b")])
    parts = [node.to_dataset().gamma.stat_sum() for node in tree.children.values()]
    assert tree.gamma.stat_sum() == pytest.approx(sum(parts))
    assert isinstance(tree, xr.DataTree)
