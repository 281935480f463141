"""Rings see only what is safe: counts, acceptance and the on region, with any mask."""

import numpy as np
import pytest

from xgamma.background.ring import adaptive_ring_background
from xgamma.tutorial import example_map

OPTIONS = {"r_in": "0.3 deg", "width": "0.2 deg"}
RINGS = {
    "ring": lambda ds: ds.gamma.ring_background("0.3 deg", "0.2 deg"),
    "adaptive": lambda ds: adaptive_ring_background(
        ds, **OPTIONS, r_out_max="0.9 deg", stepsize="0.1 deg", theta="0.1 deg"
    ),
}


def _flags(ds, name):
    shape = ds.counts.transpose("energy", "y", "x").shape
    if name == "half":
        return np.broadcast_to(np.arange(shape[2]) > shape[2] // 2, shape)
    if name == "threshold":
        return np.broadcast_to(np.arange(shape[0])[:, None, None] > 0, shape)
    return np.random.default_rng(0).random(shape) > 0.3


@pytest.mark.parametrize("mask", ["half", "threshold", "random"])
@pytest.mark.parametrize("name", RINGS)
def test_what_is_hidden_does_not_count(name, mask):
    """Hidden bins that hold a hundred times as much change nothing of the safe ones."""
    ds = example_map()
    flags = _flags(ds, mask)
    ds = ds.assign(mask_safe=(("energy", "y", "x"), flags))
    spoilt = ds.assign(
        counts=ds.counts.where(ds.mask_safe, 100 + ds.counts * 100).astype(ds.counts.dtype),
        background=ds.background.where(ds.mask_safe, 100 * ds.background),
    )
    found, other = RINGS[name](ds), RINGS[name](spoilt)
    np.testing.assert_array_equal(found.mask_safe, other.mask_safe)
    assert found.mask_safe.any()
    for variable in ("counts_off", "acceptance", "acceptance_off", "acceptance_region"):
        if variable in found:
            one, two = (d[variable].where(found.mask_safe, 0.0) for d in (found, other))
            np.testing.assert_allclose(one, two, rtol=1e-6, err_msg=variable, atol=1e-9)
