"""Maps of another frame or pixel size, put on by plain assignment, are noticed (issue 13, point 4)."""

import re

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.model.frame import drop_frame, set_frame
from xgamma.model.stamp import is_stamp
from xgamma.tutorial import example_map, example_model

CENTER = example_map().gamma.center
REGION = f"icrs;circle({CENTER.ra.deg}, {CENTER.dec.deg}, 0.3)"
ENERGY = xg.energy_axis(1, 10, 4)


def other(center=(CENTER.ra.deg, CENTER.dec.deg), width="2 deg", binsz="0.1 deg", **kwargs):
    return xg.create_map(center, width, binsz, ENERGY, **kwargs)


def stamps(obj):
    return [name for name in obj.coords if is_stamp(name)]


def dataset():
    return example_map().gamma.with_models(example_model())


def circle(on):
    """A mask of a circle, on the pixels of some map."""
    return on.gamma.region_mask(REGION)


FOREIGN = {
    "larger": (other(width="3 deg"), "CRPIX1"),
    "smaller": (other(width="1 deg"), "CRPIX1"),
    "moved": (other((84.13, 22.01)), "CRVAL1"),
    "of coarser pixels": (other(binsz="0.2 deg"), "CDELT1"),
    "galactic": (other(frame="galactic"), "CTYPE1"),
    "of another projection": (other(proj="TAN"), "CTYPE1"),
}
PUT = {
    "assign": lambda ds, mask: ds.assign(mask_fit=mask),
    "item": lambda ds, mask: put(ds, mask),
    "merge": lambda ds, mask: ds.merge(mask.drop_vars("wcs").rename("mask_fit"), join="left"),
    "a mask made of it": lambda ds, mask: ds.assign(mask_fit=~(~mask & (mask | ~mask))),
    "an array with its coordinates": lambda ds, mask: ds.assign(
        mask_fit=xr.DataArray(mask.values, coords=mask.coords, dims=mask.dims)
    ),
    "from a dataset": lambda ds, mask: ds.assign(mask_fit=mask.to_dataset(name="m").m),
    "a mask without a guard": lambda ds, mask: ds.assign(mask_fit=mask.drop_indexes("wcs")),
}


def put(ds, mask):
    ds = ds.copy()
    ds["mask_fit"] = mask
    return ds


@pytest.mark.parametrize("how", PUT)
@pytest.mark.parametrize("which", FOREIGN)
def test_a_mask_of_another_map_is_refused(which, how):
    """On main a circle moved by half a degree gave 457.98 for 276.51 and nobody said so."""
    template, keyword = FOREIGN[which]
    ds = PUT[how](dataset(), circle(template))
    with pytest.raises(xg.FrameError, match=rf"maps of two frames \(.*{keyword}.*reproject_to"):
        ds.gamma.stat_sum()


def test_a_coarser_map_of_the_same_frame_is_refused():
    fine, coarse = dataset(), dataset().gamma.downsample(5)
    for ds, part in ((fine, coarse.background), (coarse, fine.background)):
        with pytest.raises(xg.FrameError, match=r"pixels of two sizes \(1 and 5\)"):
            xg.stat_sum(ds.assign(background=part))


def test_what_belongs_together_is_taken():
    ds = dataset()
    good = ds.assign(mask_fit=circle(ds))
    number = good.gamma.stat_sum()
    again = other(width="2 deg")
    brought = circle(FOREIGN["larger"][0]).gamma.interp_to(ds)
    assert ds.assign(mask_fit=brought).gamma.stat_sum() == pytest.approx(number)
    assert ds.assign(mask_fit=(("y", "x"), circle(ds).values)).gamma.stat_sum() == number
    part = good.isel(x=slice(3, 15), y=slice(2, 18))
    assert part.assign(mask_fit=circle(ds)).gamma.stat_sum() == pytest.approx(number)
    # Created twice, and read from a header that rounds: the same frame.
    assert stamps(again) == stamps(other(width="2 deg"))
    rounded = circle(ds)
    attrs = {**rounded.wcs.attrs, "CRVAL1": rounded.wcs.attrs["CRVAL1"] + 1e-12}
    bare = drop_frame(rounded)
    bare["wcs"].attrs.update(attrs)
    assert ds.assign(mask_fit=set_frame(bare)).gamma.stat_sum() == number


def test_masks_of_energies_need_no_frame():
    ds = dataset()
    mask = FOREIGN["moved"][0].gamma.energy_mask("2 TeV")
    assert not stamps(mask)
    np.testing.assert_allclose(
        ds.assign(mask_fit=mask).gamma.stat_sum(),
        ds.assign(mask_fit=ds.gamma.energy_mask("2 TeV")).gamma.stat_sum(),
    )


def test_a_map_onto_a_dataset_without_a_frame_index():
    """As of a file that plain xarray opened: there is no guard, but the keywords are there."""
    ds = drop_frame(dataset())
    assert not stamps(ds)
    assert np.isfinite(ds.assign(mask_fit=circle(ds)).gamma.stat_sum())
    with pytest.raises(xg.FrameError, match="two frames"):
        ds.assign(mask_fit=circle(FOREIGN["moved"][0])).gamma.stat_sum()


def test_a_mask_of_a_smaller_part():
    """The rest is missing: xarray fills it with NaN, which is no mask; True it would be as bool."""
    ds = dataset()
    part = circle(ds).isel(x=slice(3, 15))
    with pytest.raises(
        xg.AxisError,
        match=r"partly NaN, as after assigning the mask of a smaller map.*reindex_like\(ds, fill_value=False\)",
    ):
        ds.assign(mask_fit=part).gamma.stat_sum()
    whole = part.reindex_like(ds, fill_value=False)
    assert np.isfinite(ds.assign(mask_fit=whole).gamma.stat_sum())


NUMBERS = {
    "stat_sum": lambda ds: ds.gamma.stat_sum(),
    "stack": lambda ds: xg.stack([ds])[["counts", "background", "exposure"]],
    "to_image": lambda ds: ds.gamma.to_image()[["counts", "background", "exposure"]],
    "npred": lambda ds: ds.gamma.npred(),
}


@pytest.mark.parametrize("name", ["counts", "background", "exposure"])
@pytest.mark.parametrize("what", NUMBERS)
def test_a_map_of_a_smaller_part(what, name):
    """What is missing is NaN: it is refused, or the result is NaN there; never zero counts."""
    if (what, name) == ("npred", "counts"):
        pytest.skip("A prediction does not look at counts.")
    ds = dataset()
    ds = ds.assign({name: ds[name].isel(x=slice(3, 15))})
    try:
        found = NUMBERS[what](ds)
    except xg.XGammaError as error:
        # Named as "The counts of the dataset", or as "values of 'counts'".
        assert re.search(rf"The {name} (of|is NaN)|values of '{name}' are NaN", str(error))  # noqa: PT017
        return
    found = found[name] if isinstance(found, xr.Dataset) else found
    assert np.isnan(found).any()


MAPS = {
    "solid_angle": lambda ds: ds.gamma.solid_angle,
    "region_mask": lambda ds: ds.gamma.region_mask(REGION),
    "boundary_mask": lambda ds: ds.gamma.boundary_mask("0.1 deg"),
    "separation": lambda ds: ds.gamma.separation(CENTER),
    "lonlat": lambda ds: ds.gamma.lonlat[0],
    "npred": lambda ds: ds.gamma.npred(),
    "residuals": lambda ds: ds.gamma.residuals(),
    "stat_array": lambda ds: ds.gamma.stat_array(),
    "significance": lambda ds: ds.gamma.significance("0.2 deg"),
    "excess_map": lambda ds: ds.gamma.excess_map(),
    "ts_map": lambda ds: ds.gamma.ts_map(example_model()),
    "excess": lambda ds: ds.gamma.excess,
    "to_image": lambda ds: ds.gamma.to_image(),
    "stack": lambda ds: xg.stack([ds]),
    "cutout": lambda ds: ds.gamma.cutout(CENTER, "1 deg"),
    "pad": lambda ds: ds.gamma.pad(2),
    "slice_energy": lambda ds: ds.gamma.slice_energy("2 TeV"),
    "smooth": lambda ds: ds.counts.gamma.smooth(),
    "dilate": lambda ds: (ds.counts > 1).gamma.dilate("0.1 deg"),
    "ring": lambda ds: ds.gamma.ring_background("0.2 deg", "0.1 deg"),
    "arithmetic": lambda ds: 2 * ds.counts - ds.background,
    "fake": lambda ds: ds.gamma.fake(1),
    "chunked": lambda ds: ds.chunk().gamma.npred(),
    "exposure_image": lambda ds: ds.gamma.exposure_image(),
}


@pytest.mark.parametrize("what", MAPS)
def test_every_map_carries_the_stamp_of_its_frame(what):
    assert stamps(MAPS[what](dataset())) == stamps(dataset())


MOVED = {
    "downsample": lambda ds: ds.gamma.downsample(2),
    "upsample": lambda ds: ds.gamma.upsample(2),
    "upsampled map": lambda ds: ds.counts.gamma.upsample(2),
    "interp_to": lambda ds: ds.gamma.interp_to(FOREIGN["moved"][0]),
    "interpolated map": lambda ds: ds.counts.gamma.interp_to(FOREIGN["galactic"][0]),
}


@pytest.mark.parametrize("what", MOVED)
def test_a_map_on_other_pixels_carries_their_stamp_alone(what):
    moved = MOVED[what](dataset())
    assert len(stamps(moved)) == 1
    assert stamps(moved) != stamps(dataset())


@pytest.mark.parametrize("suffix", ["nc", "zarr", "fits"])
def test_files_do_not_hold_it_and_what_is_opened_has_it(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    writer = {"nc": "to_netcdf", "zarr": "to_zarr", "fits": "to_fits"}[suffix]
    for ds in (dataset(), dataset().gamma.downsample(2).isel(x=slice(2, 8))):
        getattr(ds.gamma, writer)(path, overwrite=True)
        if suffix == "nc":
            with xr.open_dataset(path) as stored:
                assert not [name for name in stored.variables if is_stamp(name)]
        if suffix == "zarr":
            assert not [part for part in path.iterdir() if is_stamp(part.name)]
        with xg.open(path) as opened:
            assert stamps(opened) == stamps(ds)


def test_a_file_written_by_plain_xarray(tmp_path):
    dataset().to_netcdf(tmp_path / "a.nc")
    with xg.open(tmp_path / "a.nc") as opened:
        assert stamps(opened) == stamps(dataset())


def test_collections_in_files(tmp_path):
    tree = xg.collect([dataset(), dataset().assign_attrs(name="b"), FOREIGN["moved"][0]])
    tree.gamma.to_zarr(tmp_path / "a.zarr")
    opened = xg.open(tmp_path / "a.zarr")
    for name in tree.gamma.names:
        assert stamps(opened[name]) == stamps(tree[name]), name


def test_spectra_have_no_pixels_and_no_stamp():
    spectrum = dataset().gamma.to_spectrum(REGION)
    assert not stamps(spectrum)
    # A sum over the pixels of a map may be put on a spectrum: it has no place of its own.
    spectrum["background"] = dataset().background.sum(("y", "x"), keep_attrs=True)
    assert spectrum.gamma.stat_sum() is not None


def test_validate_says_so_too():
    ds = dataset().assign(mask_fit=circle(FOREIGN["moved"][0]))
    assert "two frames" in ds.gamma.validate(errors="return")[0]
