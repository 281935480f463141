"""Layouts that were read as something else without a word: units, bands, indices."""

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits

import xgamma as xg
from tests.helpers.filled_datasets import filled

# Files of other programs are made by leaving out the HDU XGAMMA.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The file .* has no HDU .*, which xgamma writes last"
)


def without_unit(path, name):
    """Blank the unit of one map of a file."""
    with fits.open(path, mode="update", checksum=True) as hdus:
        del hdus[name].header["BUNIT"]
        if "XGAMMA" in hdus:
            del hdus["XGAMMA"]


def test_a_missing_unit_of_the_exposure_is_refused(tmp_path):
    """It was taken for m2 s; files of gammapy and Fermi are in cm2 s."""
    filled("map").gamma.to_fits(tmp_path / "a.fits")
    without_unit(tmp_path / "a.fits", "EXPOSURE")
    with pytest.raises(xg.errors.UnitError, match=r"'EXPOSURE'.* has no unit"):
        xg.read_fits(tmp_path / "a.fits")


@pytest.mark.parametrize("name", ["PSF", "PSF_EXPOSURE", "EDISP_EXPOSURE"])
def test_a_missing_unit_of_a_response_is_told(tmp_path, name):
    ds = filled("map")
    ds.gamma.to_fits(tmp_path / "a.fits")
    without_unit(tmp_path / "a.fits", name)
    with pytest.warns(xg.XGammaWarning, match=f"'{name}'.* has no unit"):
        found = xg.read_fits(tmp_path / "a.fits")
    np.testing.assert_array_equal(found[name.lower()], ds[name.lower()])


def test_bands_of_a_map_are_no_rad_max_table(tmp_path):
    """RAD_MIN and RAD_MAX of PSF_BANDS are the edges of an axis."""
    from xgamma.dl3.row_tables import group_of
    from xgamma.fits.files import map_fits

    filled("map").gamma.to_fits(tmp_path / "a.fits")
    file = map_fits(tmp_path / "a.fits")
    assert {"RAD_MIN", "RAD_MAX"} <= set(file["PSF_BANDS"].table.columns)
    bands = [h for h in file.hdus if h.name.endswith("_BANDS")]
    assert len(bands) > 3
    assert [group_of(h.table) for h in bands] == [None] * len(bands)
    tree = xr.open_datatree(tmp_path / "a.fits", engine="gadf")
    assert "rad_max" not in tree.children


def test_indices_without_a_common_run_are_refused(tmp_path):
    """The store was empty without a word."""
    index = fits.BinTableHDU.from_columns(
        [
            fits.Column("OBS_ID", "K", array=[1]),
            fits.Column("HDU_TYPE", "10A", array=["events"]),
            fits.Column("HDU_CLASS", "10A", array=["events"]),
            fits.Column("FILE_DIR", "10A", array=["."]),
            fits.Column("FILE_NAME", "10A", array=["a.fits"]),
            fits.Column("HDU_NAME", "10A", array=["EVENTS"]),
        ],
        name="HDU_INDEX",
    )
    index.writeto(tmp_path / "hdu-index.fits")
    runs = fits.BinTableHDU.from_columns([fits.Column("OBS_ID", "K", array=[2])], name="OBS_INDEX")
    runs.writeto(tmp_path / "obs-index.fits")
    with pytest.raises(
        xg.XGammaError, match="have no OBS_ID in common: the first has 1, the second 2"
    ):
        xg.open_store(tmp_path)


def test_open_checks_datasets_in_fits(tmp_path):
    """A background over true energy was returned as it is; `validate` finds it."""
    filled("map").gamma.to_fits(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        del hdus["XGAMMA"]
        other = hdus["EXPOSURE"].copy()
        other.name, other.header["BUNIT"] = "BACKGROUND", ""
        kept = [h for h in hdus if not h.name.startswith("BACKGROUND")]
        fits.HDUList([*kept, other]).writeto(tmp_path / "b.fits", checksum=True)
    with pytest.raises(xg.XGammaError, match="background has the dimension 'energy_true'"):
        xg.open(tmp_path / "b.fits")
