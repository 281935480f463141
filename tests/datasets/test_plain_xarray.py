"""Plain xarray before an operation: what the other order gives, or a clear refusal."""

import warnings

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xgamma as xg
from tests.helpers.random_cutouts import made
from xgamma.errors import XGammaWarning
from xgamma.model.frame import set_frame

CENTER = (83.63, 22.01)
REGION = "icrs;circle(83.63, 22.01, 0.25)"
FAST = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def dataset(seed=1):
    """Two reconstructed and three true energies, 12 by 12 pixels, masked at random."""
    return made(seed, cut=False)


def quiet(ds, operation, what):
    """Join pixels of the example, whose mask hides some: whether it says so is tested elsewhere."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The safe mask excludes", XGammaWarning)
        return getattr(ds.gamma, operation)(what)


def excess(ds):
    return ds.gamma.excess


# Operations on pixels: they commute with a choice of energy bins.
ON_PIXELS = {
    "cutout": lambda ds: ds.gamma.cutout(CENTER, "0.6 deg"),
    "downsample": lambda ds: quiet(ds, "downsample", 2),
    "pad": lambda ds: ds.gamma.pad(1),
    "to_region": lambda ds: quiet(ds, "to_region", REGION),
    "to_spectrum": lambda ds: quiet(ds, "to_spectrum", REGION),
    "to_masked": lambda ds: ds.gamma.to_masked(),
    "excess": excess,
    "residuals": lambda ds: ds.gamma.residuals(),
    "smooth": lambda ds: ds.counts.gamma.smooth("0.15 deg"),
    "convolve": lambda ds: ds.background.gamma.convolve(np.ones((3, 3))),
    "dilate": lambda ds: ds.mask_safe.gamma.dilate("0.1 deg"),
    "erode": lambda ds: ds.mask_safe.gamma.erode("0.1 deg"),
    "profile": lambda ds: ds.counts.gamma.radial_profile(CENTER, np.linspace(0, 0.5, 4)),
    "ring": lambda ds: ds.gamma.ring_background("0.2 deg", "0.2 deg"),
}
# Operations on energies: they commute with a cut in pixels.
ON_ENERGIES = {
    "slice_energy": lambda ds: ds.gamma.slice_energy(1, 2),
    "downsample": lambda ds: ds.gamma.downsample(energy=2),
    "resample_energy": lambda ds: ds.gamma.resample_energy([1, 4]),
    "to_image": lambda ds: ds.gamma.to_image(),
    "to_masked": lambda ds: ds.gamma.to_masked(),
    "mask_image": lambda ds: ds.gamma.mask_image,
    "energy_range": lambda ds: ds.gamma.energy_range[0],
    "excess": excess,
    "residuals": lambda ds: ds.gamma.residuals(),
}
# Both, and those that answer for the whole dataset.
WHOLE = {
    "stack": lambda ds: ds.gamma.stack(ds),
    "info": lambda ds: ds.gamma.info_dict(),
    "psf radius": lambda ds: ds.gamma.psf_containment_radius(2.0),
    "dispersion kernel": lambda ds: ds.gamma.edisp_kernel(),
    "fov": lambda ds: ds.gamma.fov_background(),
    "validate": lambda ds: ds.gamma.validate(),
}
EVERY = {**WHOLE, **{f"{k} (y, x)": v for k, v in ON_PIXELS.items()}, **ON_ENERGIES}


def same(one, other, rtol=1e-6):
    """Both are the same, in whatever order of dimensions, dask or not."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            if isinstance(value, float):
                assert other[key] == pytest.approx(value, rel=rtol, nan_ok=True), key
        return
    if not isinstance(one, xr.Dataset | xr.DataArray):
        assert one == other
        return
    dims = list(one.dims)
    xr.testing.assert_allclose(
        one.compute().transpose(*dims), other.compute().transpose(*dims), rtol=rtol
    )


@pytest.mark.parametrize("name", EVERY)
@FAST
@given(data=st.data())
def test_transpose(name, data):
    ds = dataset()
    dims = data.draw(st.permutations(sorted(map(str, ds.dims))))
    same(EVERY[name](ds), EVERY[name](ds.transpose(*dims)))


@pytest.mark.parametrize("name", EVERY)
@settings(FAST, max_examples=6)
@given(data=st.data())
def test_chunk(name, data):
    pytest.importorskip("dask.array", reason="dask is not installed: pip install -e .[dask]")
    ds = dataset()
    dims = st.sampled_from(["energy", "energy_true", "y", "x", "y_irf", "x_irf", "rad"])
    chunks = data.draw(st.dictionaries(dims, st.integers(1, 8), max_size=4))
    same(EVERY[name](ds), EVERY[name](ds.chunk(chunks)))


@pytest.mark.parametrize("name", ON_PIXELS)
@FAST
@given(start=st.integers(0, 1), size=st.integers(1, 2), label=st.booleans())
def test_energies_chosen_first_or_last(name, start, size, label):
    def choose(obj):
        if not label:
            return obj.isel(energy=slice(start, start + size))
        values = ds.energy.values[start : start + size]
        return obj.sel(energy=slice(values[0], values[-1]))

    ds = dataset()
    same(choose(ON_PIXELS[name](ds)), ON_PIXELS[name](choose(ds)))


@pytest.mark.parametrize("name", ON_ENERGIES)
@FAST
@given(data=st.data(), label=st.booleans())
def test_pixels_chosen_first_or_last(name, data, label):
    def choose(obj):
        chosen = {d: slice(*p) for d, p in pixels.items()}
        if not label:
            return obj.isel(chosen)
        return obj.sel({d: slice(p.start, p.stop - 1) for d, p in chosen.items()})

    ds = dataset()
    pair = st.tuples(st.integers(0, 5), st.integers(6, 12))
    pixels = {"y": data.draw(pair), "x": data.draw(pair)}
    whole, part = ON_ENERGIES[name](ds), ON_ENERGIES[name](choose(ds))
    if isinstance(whole, xr.Dataset):
        # The responses lie on a grid of their own, which a cut of the fine pixels leaves.
        names = [v for v in whole.data_vars if not {"y_irf", "x_irf"} & set(whole[v].dims)]
        whole, part = whole[names], part[names]
    same(choose(whole), part)


@FAST
@given(factor=st.sampled_from([2, 3, 4]), seed=st.integers(0, 50))
def test_coarsening_pixels_of_counts_is_downsampling(factor, seed):
    ds = made(seed, cut=False, masked=False)
    plain = ds[["counts", "background"]].coarsen(y=factor, x=factor).sum()
    small = ds.gamma.downsample(factor)
    for name in ("counts", "background"):
        np.testing.assert_allclose(plain[name], small[name], rtol=1e-6)
    np.testing.assert_allclose(plain.gamma.solid_angle, small.gamma.solid_angle, rtol=1e-9)
    np.testing.assert_allclose(plain.gamma.to_image().counts, small.gamma.to_image().counts)


ARRAYS = {
    "smooth": lambda da: da.gamma.smooth("0.15 deg", kernel="disk"),
    "convolve": lambda da: da.gamma.convolve(np.ones((3, 3))),
    "cutout": lambda da: da.gamma.cutout(CENTER, "0.6 deg"),
    "upsample": lambda da: da.gamma.upsample(2),
    "profile": lambda da: da.gamma.profile(np.linspace(-0.5, 0.5, 5)),
    "radial": lambda da: da.gamma.radial_profile(CENTER, np.linspace(0, 0.5, 4)),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_runs_side_by_side(name):
    """An array with one more dimension is worked on plane by plane."""
    runs = [dataset(1).background, dataset(2).background]
    both = xr.concat(runs, "obs")
    same(xr.concat([ARRAYS[name](r) for r in runs], "obs"), ARRAYS[name](both))


def averaged(ds, **windows):
    return ds.drop_vars("mask_safe").coarsen(windows).mean()


REFUSED = {
    "safe bins by where": (
        lambda ds: ds.where(ds.mask_safe),
        r"has the dimension '.*ds\.gamma\.to_masked\(\)",
    ),
    "runs concatenated": (
        lambda ds: xr.concat([ds, ds], "obs", data_vars="all"),
        "has the dimension 'obs'.*DataTree",
    ),
    "energies averaged": (
        lambda ds: averaged(ds, energy=2),
        "one bin and the WCS index is gone",
    ),
    "offsets averaged": (lambda ds: averaged(ds, rad=2), "'rad' have gaps or overlap"),
    "masks summed": (lambda ds: ds.coarsen(x=2).sum(), "mask_safe has dtype int64, but is a mask"),
    "one energy": (lambda ds: ds.isel(energy=0), "has lost its dimension 'energy'.*isel"),
    "one row": (lambda ds: ds.isel(y=0), "has lost its dimension 'y'"),
    "bins reversed": (lambda ds: ds.isel(energy=slice(None, None, -1)), "do not increase"),
    "pixels reversed": (lambda ds: ds.isel(x=slice(None, None, -1)), "backwards along 'x'"),
    "pixels left out": (lambda ds: ds.isel(y=[0, 1, 4, 5]), "'y' are not evenly spaced"),
}
# These work on single arrays, in which plane by plane any of this is as good as a map.
ON_ARRAYS = {f"{k} (y, x)" for k in ("smooth", "convolve", "dilate", "erode", "profile")}


@pytest.mark.parametrize("operation", sorted(EVERY.keys() - ON_ARRAYS - {"validate"}))
@pytest.mark.parametrize("what", REFUSED)
def test_refused(what, operation):
    spoil, sentence = REFUSED[what]
    spoilt = spoil(dataset())
    if operation == "mask_image" and "mask_safe" not in spoilt:
        operation = "to_image"
    with pytest.raises(xg.XGammaError, match=sentence):
        EVERY[operation](spoilt)


@pytest.mark.parametrize("what", REFUSED)
def test_validate_says_so_too(what):
    assert REFUSED[what][0](dataset()).gamma.validate(errors="return")


def test_an_image_coarsened_in_pixels_can_be_guarded_again():
    image = dataset().gamma.to_image()[["counts"]].coarsen(y=2, x=2).sum()
    with pytest.raises(xg.AxisError, match="set_frame"):
        image.gamma.to_region(REGION)
    guarded = set_frame(image)
    assert quiet(guarded, "to_region", REGION).counts.sum() > 0


def test_a_file_opened_by_plain_xarray_works(tmp_path):
    image = dataset().gamma.to_image()
    image.gamma.to_netcdf(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc") as bare:
        same(quiet(image, "to_region", REGION).counts, quiet(bare, "to_region", REGION).counts)
