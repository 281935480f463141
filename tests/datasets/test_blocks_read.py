"""A slice of a lazy result reads the blocks that it needs, and no others."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.tutorial import CRAB

dask_array = pytest.importorskip(
    "dask.array", reason="dask is not installed: pip install xgamma[dask]"
)

SIDE, CHUNK = 80, 20
EMPTY = xg.create_map(CRAB, "4 deg", "0.05 deg", xg.energy_axis(1, 10, 2))
MAPS = ("counts", "background", "exposure", "mask_safe")


def filled():
    """A map with a source, safe within a circle."""
    rng = np.random.default_rng(0)
    shape = (2, SIDE, SIDE)
    true = (EMPTY.sizes["energy_true"], SIDE, SIDE)
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    safe = np.broadcast_to(np.hypot(x, y) < 38, shape)
    maps = {
        "counts": (("energy", "y", "x"), rng.poisson(3.0, shape)),
        "background": (("energy", "y", "x"), rng.uniform(2.0, 3.0, shape)),
        "exposure": (("energy_true", "y", "x"), rng.uniform(1e9, 2e9, true), {"units": "m2 s"}),
        "mask_safe": (("energy", "y", "x"), safe.copy()),
    }
    return EMPTY.assign(maps)


class Reads:
    """Blocks of arrays that were read, by variable and place."""

    def __init__(self):
        self.seen = set()

    def lazy(self, ds):
        """The same in blocks of pixels that note when they are read."""
        return ds.assign({n: self._variable(n, ds[n].variable) for n in MAPS if n in ds})

    def _variable(self, name, variable):
        sizes = [CHUNK if d in ("y", "x") else variable.sizes[d] for d in variable.dims]
        places = {d: variable.dims.index(d) for d in ("y", "x")}

        def read(values, block_info=None):
            at = block_info[0]["chunk-location"]
            self.seen.add((name, at[places["y"]], at[places["x"]]))
            return values

        array = dask_array.from_array(variable.values, sizes)
        counted = array.map_blocks(read, dtype=array.dtype, meta=np.empty(0, array.dtype))
        return xr.Variable(variable.dims, counted, variable.attrs)


CORRELATED = {"correlation_radius": "0.2 deg"}
# Operation, the variable of the result (none of a map), and what a corner of 2 x 2 pixels may read.
CASES = {
    "stack": (lambda ds: ds.gamma.stack(ds), "counts", {"counts", "mask_safe"}),
    "stack, exposure": (lambda ds: ds.gamma.stack(ds), "exposure", {"exposure", "mask_safe"}),
    "stack, mask": (lambda ds: ds.gamma.stack(ds), "mask_safe", {"mask_safe"}),
    "significance": (lambda ds: ds.gamma.significance(), "significance", set(MAPS) - {"exposure"}),
    "significance in discs": (
        lambda ds: ds.gamma.significance(**CORRELATED),
        "significance",
        set(MAPS) - {"exposure"},
    ),
    "downsample": (lambda ds: ds.gamma.downsample(2), "counts", {"counts", "mask_safe"}),
    "smooth": (lambda ds: ds.counts.gamma.smooth("0.1 deg"), None, {"counts"}),
    "smooth, disc": (lambda ds: ds.counts.gamma.smooth("0.1 deg", "disk"), None, {"counts"}),
    "convolve": (lambda ds: ds.counts.gamma.convolve(np.ones((3, 3))), None, {"counts"}),
    "dilate": (lambda ds: ds.mask_safe.gamma.dilate("0.1 deg"), None, {"mask_safe"}),
    "erode": (lambda ds: ds.mask_safe.gamma.erode("0.1 deg"), None, {"mask_safe"}),
    "excess": (lambda ds: ds.gamma.excess, None, {"counts", "background", "mask_safe"}),
}


# These look at the pixels around each: of 4 x 4 blocks a corner reads 2 x 2.
REACH = {"significance in discs", "smooth", "smooth, disc", "convolve", "dilate", "erode"}
# Blocks of pixels that a mask cuts are known where the mask is.
MIXED = pytest.mark.filterwarnings("ignore:The safe mask excludes")


@MIXED
@pytest.mark.parametrize("name", CASES)
def test_a_corner_reads_its_own_block(name):
    function, variable, may_read = CASES[name]
    reads = Reads()
    made = function(reads.lazy(filled()))
    made = made if variable is None else made[variable]
    assert not reads.seen
    corner = made.isel(y=slice(0, 2), x=slice(0, 2)).compute(scheduler="sync")
    assert {n for n, *_ in reads.seen} <= may_read
    near = {0, 1} if name in REACH else {0}
    assert {tuple(at) for _, *at in reads.seen} == {(j, i) for j in near for i in near}
    expected = function(filled())
    expected = (expected if variable is None else expected[variable]).isel(
        y=slice(0, 2), x=slice(0, 2)
    )
    np.testing.assert_allclose(corner.values, expected.values, rtol=1e-9, atol=1e-9)


@MIXED
@pytest.mark.parametrize("name", CASES)
def test_all_blocks_are_the_eager_result(name):
    """Transforms round differently on other sizes: 1e-9 of numbers about one."""
    function, variable, _ = CASES[name]
    made, expected = function(Reads().lazy(filled())), function(filled())
    if variable is not None:
        made, expected = made[variable], expected[variable]
    assert made.dims == expected.dims
    assert made.dtype == expected.dtype
    assert made.attrs == expected.attrs
    assert set(made.coords) == set(expected.coords)
    np.testing.assert_allclose(made.values, expected.values, rtol=1e-9, atol=1e-9)


def test_cutouts_are_stacked_by_blocks():
    """Parts that overlap in part of the mosaic, one without a mask."""
    ds = filled()
    parts = [
        ds.isel(y=slice(0, 50), x=slice(10, 70)),
        ds.isel(y=slice(30, 80), x=slice(0, 45)).drop_vars("mask_safe"),
    ]
    reads = Reads()
    made = EMPTY.gamma.stack(*[reads.lazy(part) for part in parts])
    expected = EMPTY.gamma.stack(*parts)
    assert not reads.seen
    xr.testing.assert_allclose(made.compute(), expected)
    for name in MAPS:
        assert made[name].dtype == expected[name].dtype
        assert len(made[name].variable.chunksizes["y"]) > 1
