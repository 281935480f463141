"""A mask of one or two dimensions means what it means with all three, in every operation."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.tutorial import example_map, example_model

CIRCLE = "icrs;circle(83.63, 22.01, 0.3)"


@pytest.fixture(scope="module")
def ds():
    return example_map().gamma.with_models(example_model())


def _masks(ds):
    """Masks of each number of dimensions."""
    image = ds.gamma.region_mask("icrs;circle(83.7, 22.1, 0.5)").variable
    energy = xr.Variable("energy", np.arange(ds.sizes["energy"]) > 0)
    return {"energy": energy, "image": image, "none safe": energy & False}


def _broadcast(ds, mask):
    sizes = {d: ds.sizes[d] for d in ("energy", "y", "x")}
    missing = {d: n for d, n in sizes.items() if d not in mask.dims}
    wide = mask.set_dims({**missing, **dict(mask.sizes)}).transpose("energy", "y", "x")
    return xr.Variable(wide.dims, wide.data.copy())


def _onoff(ds):
    return ds.gamma.to_onoff(ds.counts * 3 + 1, 1, 4)


OPERATIONS = {
    "info_dict": lambda d: d.gamma.info_dict(),
    "info": lambda d: str(d.gamma.info()),
    "info_dict of on-off": lambda d: _onoff(d).gamma.info_dict(),
    "mask": lambda d: d.gamma.mask,
    "mask_image": lambda d: d.gamma.mask_image,
    "energy_range": lambda d: xr.merge(d.gamma.energy_range, compat="no_conflicts"),
    "energy_range_safe": lambda d: xr.merge(d.gamma.energy_range_safe, compat="no_conflicts"),
    "energy_range_fit": lambda d: xr.merge(d.gamma.energy_range_fit, compat="no_conflicts"),
    "to_masked": lambda d: d.gamma.to_masked(),
    "to_spectrum": lambda d: d.gamma.to_spectrum(CIRCLE),
    "to_region": lambda d: d.gamma.to_region(CIRCLE),
    "to_image": lambda d: d.gamma.to_image(),
    "to_image of on-off": lambda d: _onoff(d).gamma.to_image(),
    "downsample": lambda d: d.gamma.downsample(2),
    "downsample energy": lambda d: d.gamma.downsample(energy=2),
    "resample_energy": lambda d: d.gamma.resample_energy([1, 3.162, 10]),
    "stack": lambda d: d.gamma.stack(d),
    "stat_sum": lambda d: d.gamma.stat_sum(),
    "significance": lambda d: d.gamma.significance("0.1 deg"),
    "excess": lambda d: d.gamma.excess,
    "cutout": lambda d: d.gamma.cutout((83.63, 22.01), "0.5 deg").gamma.info_dict(),
    "fov_background": lambda d: d.gamma.fov_background(CIRCLE),
    "ring_background": lambda d: d.gamma.ring_background(r_in="0.3 deg", width="0.2 deg"),
    "cumulative": lambda d: d.gamma.cumulative() if "obs" in d.dims else None,
}


def _same(found, expected):
    if isinstance(found, dict):
        assert found.keys() == expected.keys()
        for key, value in found.items():
            np.testing.assert_equal(value, expected[key], err_msg=key)
    elif isinstance(found, xr.Dataset):
        assert set(found.variables) == set(expected.variables)
        for name, variable in found.variables.items():
            other = expected.variables[name]
            a, b = xr.broadcast(xr.DataArray(variable), xr.DataArray(other))
            np.testing.assert_array_equal(a.values, b.values, err_msg=str(name))
    elif isinstance(found, xr.DataArray):
        np.testing.assert_array_equal(found.values, expected.values)
        assert found.dims == expected.dims
    else:
        assert found == expected


@pytest.mark.filterwarnings("ignore::xgamma.errors.XGammaWarning")
@pytest.mark.parametrize("name", ["mask_safe", "mask_fit"])
@pytest.mark.parametrize("mask", ["energy", "image", "none safe"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_as_with_all_three(ds, operation, mask, name):
    short = _masks(ds)[mask]
    found, expected = (
        OPERATIONS[operation](ds.assign({name: m})) for m in (short, _broadcast(ds, short))
    )
    _same(found, expected)


def test_fit_bins_are_counted(ds):
    shape = tuple(ds.sizes[d] for d in ("energy", "y", "x"))
    rng = np.random.default_rng(0)
    parts = {"energy": rng.random(shape[0]) > 0.3, "image": rng.random(shape[1:]) > 0.3}
    both = parts["energy"][:, np.newaxis, np.newaxis] & parts["image"]
    made = ds.assign(mask_safe=("energy", parts["energy"]), mask_fit=(("y", "x"), parts["image"]))
    assert made.gamma.info_dict()["n_fit_bins"] == both.sum()
    np.testing.assert_array_equal(made.gamma.mask, both)
    spectrum = xg.create_spectrum(CIRCLE, xg.energy_axis(1, 10, 4), energy_true="reco")
    spectrum = spectrum.assign(mask_fit=("energy", [True, False, True, True]))
    assert spectrum.gamma.info_dict()["n_fit_bins"] == 3
