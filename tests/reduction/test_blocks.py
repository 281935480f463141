"""Maps are made and added block by block: the blocks do not show, and nothing full-size is copied."""

import tracemalloc

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.datasets import placing
from xgamma.datasets.mosaic import Mosaic
from xgamma.datasets.rows import row_sums
from xgamma.irf.kinds import edisp_2d
from xgamma.makers import background, exposure, psf
from xgamma.simulate.observations import simulate_observation
from xgamma.tutorial import example_map

MASKS = {"methods": ["aeff-max", "offset-max"], "offset_max": "1.5 deg"}


def template() -> xr.Dataset:
    true = xg.energy_axis("0.5 TeV", "20 TeV", 5, name="energy_true")
    energy = xg.energy_axis("1 TeV", "10 TeV", 3)
    return xg.create_map("83.63d 22.01d", "4 deg", "0.2 deg", energy, energy_true=true)


def reduced(**options: object) -> xr.Dataset:
    runs = [simulate_observation(f"83.63d {lat}d", seed=1, obs_id=lat) for lat in (22, 23)]
    return xg.reduce(runs, into=template(), safe_mask=MASKS, workers=1, **options)


@pytest.mark.parametrize("options", [{}, {"background_oversampling": 2}, {"cutout_width": "3 deg"}])
def test_blocks_do_not_show(monkeypatch, options):
    whole = reduced(**options)
    for module in (placing, background, exposure, psf, edisp_2d):
        monkeypatch.setattr(module, "BLOCK", 7)
    # The counts summed over the map are sums in another order.
    xr.testing.assert_allclose(reduced(**options), whole, rtol=1e-12)


def test_rows_of_a_scalar_and_of_columns_first_are_one_block():
    assert list(placing.row_blocks(np.zeros(()))) == [slice(None)]
    columns = np.zeros((3, 2**20)).T
    assert list(placing.row_blocks(columns)) == [slice(0, 2**20)]
    lines = np.zeros((4, placing.BLOCK))
    assert [lines[rows].shape[0] for rows in placing.row_blocks(lines)] == [1, 1, 1, 1]


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_zeros_lie_in_memory_as_their_model(axes):
    model = np.zeros((2, 3, 4)).transpose(axes)
    zeros = placing.zeros_in_order_of(model, (5, 6, 7), np.int64)
    expected = np.zeros_like(model, np.int64, shape=(5, 6, 7))
    assert zeros.strides == expected.strides
    assert zeros.shape == (5, 6, 7)


def test_a_sum_that_is_released_is_the_same():
    mosaic = Mosaic(template())
    for k in (1, 2):
        obs = simulate_observation("83.63d 22.01d", seed=k, obs_id=k)
        mosaic.add(xg.safe_mask(xg.fill(template(), obs), obs, **MASKS))
    kept = mosaic.to_dataset()
    xr.testing.assert_identical(mosaic.to_dataset(release=True), kept)


def test_a_sum_of_values_that_are_not_finite_is_refused_whole(monkeypatch):
    monkeypatch.setattr(placing, "BLOCK", 7)
    ds = example_map().copy(deep=True)
    ds.background.values[:, 3, :2] = np.nan
    with pytest.raises(xg.errors.XGammaError, match=f" {2 * ds.sizes['energy']} of "):
        Mosaic(ds).add(ds.drop_vars("mask_safe", errors="ignore"))


def test_adding_copies_no_map():
    """What is needed beside the sums is small beside one map."""
    true = xg.energy_axis("0.5 TeV", "20 TeV", 20, name="energy_true")
    energy = xg.energy_axis("1 TeV", "10 TeV", 10)
    empty = xg.create_map("83.63d 22.01d", "4 deg", "0.01 deg", energy, energy_true=true)
    obs = simulate_observation("83.63d 22.01d", seed=1)
    ds = xg.safe_mask(xg.fill(empty, obs), obs, **MASKS)
    mosaic = Mosaic(empty)
    mosaic.add(ds)
    tracemalloc.start()
    mosaic.add(ds)
    row_sums(ds)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * ds.exposure.nbytes
