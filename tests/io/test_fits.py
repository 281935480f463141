"""FITS datasets and maps: what is written is read back, and odd files are refused."""

import gzip
import pickle

import dask.array
import numpy as np
import pytest
import xarray as xr
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

import xgamma as xg
from tests.helpers.filled_datasets import KINDS, filled, templates
from xgamma.io.backend import FITSBackend
from xgamma.io.fits import open_dataset
from xgamma.model.frame import drop_frame
from xgamma.tutorial import example_map


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", ["fits", "fits.gz"])
def test_round_trip_of_every_kind(kind, suffix, tmp_path):
    ds = filled(kind)
    ds.gamma.to_fits(tmp_path / f"a.{suffix}")
    back = xg.read_fits(tmp_path / f"a.{suffix}")
    xr.testing.assert_identical(back, ds)
    assert {n: v.dtype for n, v in back.items() if v.dtype.kind != "U"} == {
        n: v.dtype for n, v in ds.items() if v.dtype.kind != "U"
    }


@settings(max_examples=25, deadline=None)
@given(ds=templates(), dask_backed=st.booleans())
def test_round_trip_of_any_template(ds, dask_backed, tmp_path_factory):
    path = tmp_path_factory.mktemp("fits") / "any.fits"
    before = ds.copy(deep=True)
    (ds.chunk() if dask_backed else ds).gamma.to_fits(path)
    xr.testing.assert_identical(xg.read_fits(path), before)
    xr.testing.assert_identical(ds, before)


def test_reading_is_lazy_and_picklable(tmp_path):
    ds = filled("map")
    ds.gamma.to_fits(tmp_path / "a.fits")
    lazy = xr.open_dataset(tmp_path / "a.fits", engine=FITSBackend)
    assert not lazy.variables["counts"]._in_memory
    xr.testing.assert_identical(pickle.loads(pickle.dumps(lazy)).load(), ds)
    chunked = xr.open_dataset(tmp_path / "a.fits", engine=FITSBackend, chunks={})
    assert isinstance(chunked["counts"].data, dask.array.Array)
    xr.testing.assert_identical(chunked.compute(), ds)


def test_a_cutout_keeps_its_parent(tmp_path):
    ds = filled("map").isel(x=slice(3, 9), y=slice(2, 7))
    ds.gamma.to_fits(tmp_path / "cut.fits")
    xr.testing.assert_identical(xg.read_fits(tmp_path / "cut.fits"), ds)
    with fits.open(tmp_path / "cut.fits") as hdus:
        assert hdus["COUNTS"].header["CRPIX1"] == ds.wcs.attrs["CRPIX1"] - 3


def test_figures_of_the_galactic_centre(data):
    ds = xg.read_fits(data / "dl4" / "cta-1dc-gc.fits.gz")
    assert ds.counts.sum() == 104317
    np.testing.assert_allclose(ds.background.sum(dtype=float), 91507.68629208812, rtol=1e-12)
    np.testing.assert_allclose(ds.exposure.sum(dtype=float), 3539613111481476.0, rtol=1e-12)
    np.testing.assert_allclose(ds.psf.sum(dtype=float), 3834493275.0523343, rtol=1e-12)
    np.testing.assert_allclose(ds.edisp.sum(dtype=float), 2232.554126268248, rtol=1e-12)
    assert ds.mask_safe.dtype == bool
    assert ds.mask_safe.sum() == 691680
    np.testing.assert_allclose((ds.gti_stop - ds.gti_start).sum(), 5400.0, rtol=1e-12)
    assert list(ds.obs_id.values) == [110380, 111140, 111159]
    assert ds.gamma.validate() == []


@pytest.mark.parametrize("suffix", ["fits", "fits.gz"])
def test_a_truncated_file_is_one_sentence(tmp_path, suffix):
    filled("map").gamma.to_fits(tmp_path / f"a.{suffix}")
    content = (tmp_path / f"a.{suffix}").read_bytes()
    (tmp_path / f"b.{suffix}").write_bytes(content[: len(content) // 2])
    with pytest.raises(xg.XGammaError, match="truncated"):
        xg.read_fits(tmp_path / f"b.{suffix}")


def test_what_is_not_a_dataset_is_refused(tmp_path):
    (tmp_path / "a.fits").write_bytes(b"no FITS")
    with pytest.raises(xg.XGammaError, match="not a FITS file"):
        xg.read_fits(tmp_path / "a.fits")
    (tmp_path / "e.fits").write_bytes(b"")
    with pytest.raises(xg.XGammaError, match="is empty"):
        xg.read_fits(tmp_path / "e.fits")
    with pytest.raises(xg.MissingDataError, match="does not exist"):
        xg.read_fits(tmp_path / "absent.fits")
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((2, 2)), name="THING")]).writeto(
        tmp_path / "odd.fits"
    )
    with pytest.raises(xg.MissingDataError, match="supported layout"):
        xg.read_fits(tmp_path / "odd.fits")
    with pytest.raises(xg.MissingDataError, match="no sky map"):
        xg.read_map(tmp_path / "odd.fits")


def test_a_later_data_model_is_refused(tmp_path):
    ds = filled("map").assign_attrs(model_version=99)
    ds.gamma.to_fits(tmp_path / "a.fits")
    with pytest.raises(xg.XGammaError, match="update xgamma"):
        xg.read_fits(tmp_path / "a.fits")


def test_an_existing_file_stays(tmp_path):
    ds = filled("map")
    ds.gamma.to_fits(tmp_path / "a.fits")
    with pytest.raises(xg.XGammaError, match="overwrite=True"):
        ds.gamma.to_fits(tmp_path / "a.fits")
    ds.gamma.to_fits(tmp_path / "a.fits", overwrite=True)
    with pytest.raises(xg.XGammaError, match=r"\.fits"):
        ds.gamma.to_fits(tmp_path / "a.txt")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_while_writing_leaves_the_old_file(tmp_path, error):
    ds = filled("map")
    ds.gamma.to_fits(tmp_path / "a.fits.gz")
    before = (tmp_path / "a.fits.gz").read_bytes()

    def fail(block):
        raise error

    broken = ds.assign(
        exposure=ds.exposure.copy(
            data=dask.array.from_array(ds.exposure.values, chunks=-1).map_blocks(
                fail, dtype="f8", meta=np.empty(0)
            )
        )
    )
    with pytest.raises(type(error)):
        broken.gamma.to_fits(tmp_path / "a.fits.gz", overwrite=True)
    assert (tmp_path / "a.fits.gz").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.fits.gz"]


def test_gaping_bins_are_refused(tmp_path):
    with pytest.raises(xg.XGammaError, match="gaps"):
        filled("map").isel(energy=[0, 2]).gamma.to_fits(tmp_path / "a.fits")


# It leaves out the HDU XGAMMA on purpose, as another program may.
@pytest.mark.filterwarnings("ignore:The file .* has no HDU .*, which xgamma writes last")
def test_differing_axes_are_refused(tmp_path):
    ds = filled("map")
    ds.gamma.to_fits(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        del hdus["XGAMMA"]
        del hdus["BACKGROUND_BANDS"].header["DATASUM"]
        hdus["BACKGROUND_BANDS"].data["E_MAX"][-1] *= 2
        hdus.writeto(tmp_path / "b.fits")
    with pytest.raises(xg.AxisError, match="'energy' of BACKGROUND differs"):
        xg.read_fits(tmp_path / "b.fits")


# It leaves out the HDU XGAMMA on purpose, as another program may.
@pytest.mark.filterwarnings("ignore:The file .* has no HDU .*, which xgamma writes last")
def test_a_foreign_file_needs_no_sidecar(tmp_path):
    ds = filled("map")
    ds.gamma.to_fits(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        del hdus["XGAMMA"], hdus["OBS_ROWS"]
        hdus.writeto(tmp_path / "b.fits")
    back = xg.read_fits(tmp_path / "b.fits")
    assert back.gamma.validate() == []
    for name in ("counts", "background", "exposure", "psf", "edisp", "mask_safe", "psf_exposure"):
        xr.testing.assert_allclose(back[name].drop_attrs(), ds[name].drop_attrs())
    assert back.attrs["name"] == ds.attrs["name"]
    assert list(back.obs_id.values) == list(ds.obs_id.values)
    assert back.exposure.attrs["livetime"] == ds.exposure.attrs["livetime"]


# It leaves out the HDU XGAMMA on purpose, as another program may.
@pytest.mark.filterwarnings("ignore:The file .* has no HDU .*, which xgamma writes last")
def test_a_response_on_another_grid(tmp_path):
    ds = filled("map")
    ds.gamma.to_fits(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        del hdus["XGAMMA"]
        for name in ("PSF", "PSF_EXPOSURE", "EDISP", "EDISP_EXPOSURE"):
            hdus[name].header["CRVAL1"] += 0.3
        hdus.writeto(tmp_path / "b.fits", checksum=True)
    with pytest.raises(xg.FrameError, match="resample=True"):
        xg.read_fits(tmp_path / "b.fits")
    back = xg.read_fits(tmp_path / "b.fits", resample=True)
    assert back.gamma.validate() == []
    assert back.psf.dims == ds.psf.dims
    assert np.isfinite(back.psf.values).all()


@pytest.mark.parametrize("proj", ["CAR", "TAN", "AIT", "SIN", "ZEA"])
@pytest.mark.parametrize("frame", ["icrs", "galactic", "fk5"])
def test_single_maps_of_any_frame(tmp_path, proj, frame):
    ds = xg.create_map((40.0, 20.0), "4 deg", "0.5 deg", proj=proj, frame=frame)
    omega = ds.gamma.solid_angle
    omega.gamma.to_fits(tmp_path / "a.fits")
    xr.testing.assert_identical(xg.read_map(tmp_path / "a.fits").load(), omega)
    with fits.open(tmp_path / "a.fits") as hdus:
        np.testing.assert_array_equal(hdus[0].data, omega.values)


def test_single_maps_with_axes_and_names(tmp_path):
    ds = filled("map")
    for i, name in enumerate(("counts", "psf", "mask_safe")):
        ds[name].gamma.to_fits(tmp_path / f"{i}.fits.gz", hdu="THING")
        read = xg.read_map(tmp_path / f"{i}.fits.gz").load()
        xr.testing.assert_identical(drop_frame(read), drop_frame(ds[name]))
    with pytest.raises(xg.XGammaError, match="must have y and x"):
        ds["gti_start"].gamma.to_fits(tmp_path / "g.fits")
    ds.gamma.to_fits(tmp_path / "ds.fits")
    one = xg.read_map(tmp_path / "ds.fits", hdu="background")
    np.testing.assert_array_equal(one, ds.background)
    with pytest.raises(xg.MissingDataError, match="no HDU 'NONE'"):
        xg.read_map(tmp_path / "ds.fits", hdu="NONE")


def test_images_of_other_makes(tmp_path):
    """Scaled, unsigned, blank and tile-compressed images, and a CD matrix."""
    header = fits.Header()
    header.update(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRPIX1=2.0, CRPIX2=2.0)
    header.update(CRVAL1=10.0, CRVAL2=5.0, CD1_1=-0.1, CD1_2=0.0, CD2_1=0.0, CD2_2=0.1)
    values = np.arange(12, dtype="u2").reshape(3, 4)
    fits.PrimaryHDU(values, header).writeto(tmp_path / "u.fits")
    read = xg.read_map(tmp_path / "u.fits")
    assert read.dtype == np.dtype("u2")
    np.testing.assert_array_equal(read, values)
    assert read.wcs.attrs["CDELT1"] == -0.1
    fits.CompImageHDU(values.astype("f4"), header).writeto(tmp_path / "c.fits")
    np.testing.assert_array_equal(xg.read_map(tmp_path / "c.fits"), values)
    header.update(BSCALE=0.5, BZERO=1.0, BLANK=3)
    raw = fits.PrimaryHDU(values.astype("i2"), do_not_scale_image_data=True)
    raw.header.update(header)
    raw.writeto(tmp_path / "s.fits")
    expected = values * 0.5 + 1
    with fits.open(tmp_path / "s.fits", do_not_scale_image_data=True) as hdus:
        stored = hdus[0].data.copy()
    expected = np.where(stored == 3, np.nan, stored * 0.5 + 1)
    np.testing.assert_array_equal(xg.read_map(tmp_path / "s.fits"), expected)


def test_lazy_reading_touches_headers_only(tmp_path):
    filled("map").gamma.to_fits(tmp_path / "a.fits")
    ds = open_dataset(tmp_path / "a.fits")
    assert not any(ds.variables[n]._in_memory for n in ("counts", "exposure", "psf", "mask_safe"))
    with gzip.open(tmp_path / "a.fits.gz", "wb") as stream:
        stream.write((tmp_path / "a.fits").read_bytes())
    xr.testing.assert_identical(xg.read_fits(tmp_path / "a.fits.gz"), ds.load())


def test_a_region_file_is_the_mask_that_was_made_of_it(data):
    folder = data / "joint-crab" / "exclusion"
    mask = xg.read_map(folder / "exclusion_mask_crab.fits.gz")
    drawn = mask.gamma.region_mask(folder / "Crab_exclusion.reg", inside=False)
    np.testing.assert_array_equal(drawn, mask.values != 0)
    spectrum = xg.create_spectrum(
        folder / "Crab_exclusion.reg", xg.energy_axis(1, 10, 3), energy_true="reco"
    )
    assert "circle(83.633" in str(spectrum.region.values)


def test_images_that_are_no_sky(tmp_path):
    header = fits.Header()
    header.update(CTYPE1="DETX", CTYPE2="DETY")
    fits.PrimaryHDU(np.ones((3, 3)), header).writeto(tmp_path / "d.fits")
    with pytest.raises(xg.FrameError, match="longitude, then latitude"):
        xg.read_map(tmp_path / "d.fits")
    fits.PrimaryHDU(np.ones((3, 3))).writeto(tmp_path / "n.fits")
    with pytest.raises(xg.MissingDataError, match="no sky map"):
        xg.read_map(tmp_path / "n.fits")


def test_a_turned_frame(tmp_path):
    """A rotated grid, given by PC or by CD, keeps its sky."""
    header = fits.Header()
    header.update(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRPIX1=3.0, CRPIX2=2.0)
    header.update(CRVAL1=10.0, CRVAL2=5.0)
    c, s = np.cos(0.5), np.sin(0.5)
    cd = {"CD1_1": -0.1 * c, "CD1_2": 0.1 * s, "CD2_1": 0.1 * s, "CD2_2": 0.1 * c}
    fits.PrimaryHDU(np.arange(20.0).reshape(4, 5), fits.Header({**header, **cd})).writeto(
        tmp_path / "cd.fits"
    )
    turned = xg.read_map(tmp_path / "cd.fits")
    turned.gamma.to_fits(tmp_path / "pc.fits")
    again = xg.read_map(tmp_path / "pc.fits")
    from astropy.wcs import WCS

    y, x = np.mgrid[:4, :5]
    for path in ("cd.fits", "pc.fits"):
        with fits.open(tmp_path / path) as hdus:
            lon, lat = WCS(hdus[0].header).wcs_pix2world(x.ravel(), y.ravel(), 0)
        for found in (turned, again):
            np.testing.assert_allclose(found.gamma.lonlat[0].values.ravel() % 360, lon, atol=1e-9)
            np.testing.assert_allclose(found.gamma.lonlat[1].values.ravel(), lat, atol=1e-9)


# --- files that another program changed since ----------------------------------------------


def edited(tmp_path, change):
    """A map in a file, and what is read after astropy changed the file."""
    ds, path = example_map(), tmp_path / "edited.fits"
    ds.gamma.to_fits(path)
    with fits.open(path) as hdus:
        copies = fits.HDUList([hdu.copy() for hdu in hdus])
    change(copies)
    for hdu in copies:
        hdu.header.remove("DATASUM", ignore_missing=True)
    copies.writeto(path, overwrite=True)
    return ds, path


def test_an_edit_that_leaves_the_sum_is_read_with_a_warning(tmp_path):
    """As of `fits.open` and `writeto`, which keep DATASUM as it was."""
    ds, path = example_map(), tmp_path / "edited.fits"
    ds.gamma.to_fits(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        hdus["COUNTS"].data[...] *= 2
        hdus.writeto(path)
    with pytest.warns(xg.XGammaWarning, match="read as they are"):
        read = xg.read_fits(path)
    np.testing.assert_array_equal(read.counts, 2 * ds.counts)


def test_an_edited_keyword_that_leaves_the_sum_is_read_with_a_warning(tmp_path):
    """`writeto` keeps CHECKSUM as it was: a position that was changed is said."""
    example_map().gamma.to_fits(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        hdus["COUNTS"].header["TELESCOP"] = "another"
        hdus.writeto(tmp_path / "b.fits")
        hdus.writeto(tmp_path / "c.fits", checksum=True)
    with pytest.warns(xg.XGammaWarning, match="header of the HDU 'COUNTS' .* left its CHECKSUM"):
        xg.read_fits(tmp_path / "b.fits")
    xg.read_fits(tmp_path / "c.fits")


def test_a_corrected_position_holds(tmp_path):
    """The labels and frame kept beside the images were of before."""

    def change(hdus):
        for hdu in hdus:
            if "CRVAL1" in hdu.header:
                hdu.header["CRVAL1"] += 1.0

    ds, path = edited(tmp_path, change)
    moved = xg.read_fits(path)
    np.testing.assert_allclose(moved.gamma.center.ra.deg, ds.gamma.center.ra.deg + 1)
    assert xg.validate(moved) == []


def test_a_cut_holds(tmp_path):
    def change(hdus):
        for hdu in hdus:
            if hdu.header.get("NAXIS1") == 20 and "CTYPE1" in hdu.header:
                hdu.data = hdu.data[..., 5:]
                hdu.header["CRPIX1"] -= 5

    ds, path = edited(tmp_path, change)
    cut = xg.read_fits(path)
    assert xg.validate(cut) == []
    np.testing.assert_array_equal(cut.counts, ds.counts.isel(x=slice(5, None)))
    want = ds.isel(x=slice(5, None)).gamma.separation((83, 22))
    np.testing.assert_allclose(cut.gamma.separation((83, 22)), want, atol=1e-9)


def test_another_unit_holds(tmp_path):
    def change(hdus):
        hdus["EXPOSURE"].data = hdus["EXPOSURE"].data * 1e4
        hdus["EXPOSURE"].header["BUNIT"] = "cm2 s"

    ds, path = edited(tmp_path, change)
    np.testing.assert_allclose(xg.read_fits(path).exposure, ds.exposure, rtol=1e-6)
    assert xg.read_fits(path).exposure.attrs["units"] == "m2 s"


def test_another_unit_of_the_axes_holds(tmp_path):
    def change(hdus):
        for hdu in hdus:
            for column in getattr(hdu, "columns", []):
                if hdu.name.endswith("_BANDS") and column.unit == "TeV":
                    hdu.data[column.name] *= 1000
                    column.unit = "GeV"

    ds, path = edited(tmp_path, change)
    read = xg.read_fits(path)
    np.testing.assert_allclose(
        read.gamma.edges("energy").to_value("TeV"), ds.gamma.edges("energy").to_value("TeV")
    )


@pytest.mark.parametrize("factor", [0.5, np.nan])
def test_fractions_are_not_cut_to_whole_counts(tmp_path, factor):
    def change(hdus):
        hdus["COUNTS"].data = hdus["COUNTS"].data * np.float32(factor)

    ds, path = edited(tmp_path, change)
    np.testing.assert_allclose(xg.read_fits(path).counts, ds.counts * factor)
    with pytest.raises(xg.XGammaError, match=r"'COUNTS' of .* contains fractions.*xg\.read_fits"):
        open_dataset(path).counts.load()


def test_another_name_holds(tmp_path):
    _, path = edited(tmp_path, lambda hdus: hdus[0].header.set("NAME", "renamed"))
    assert xg.read_fits(path).attrs["name"] == "renamed"


def test_an_unknown_unit_is_named_with_its_map(tmp_path):
    _, path = edited(tmp_path, lambda hdus: hdus["PSF"].header.set("BUNIT", "parsnip"))
    with pytest.raises(xg.UnitError, match=r"HDU 'PSF' of .*edited\.fits: The unit 'parsnip'"):
        xg.read_fits(path)


@pytest.mark.parametrize("length", [5, 0.3, 0.95])
def test_truncated_gzip_is_not_called_empty(tmp_path, length):
    path = tmp_path / "map.fits.gz"
    example_map().gamma.to_fits(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: length if length > 1 else int(length * len(whole))])
    with pytest.raises(xg.XGammaError, match="truncated: its gzip stream ends early"):
        xg.read_fits(path)
