"""Responses that are maps: what is damaged is refused in a sentence."""

import shutil

import pytest
from astropy.io import fits

import xgamma as xg

RUN = 103000133
AREA = "irfs/EffectiveAreaMap_Crab_fHitbin6GP.fits.gz"
INDEX = {
    "hdu_index": "hdu-index-table-GP-Crab.fits.gz",
    "obs_index": "obs-index-table-GP-Crab.fits.gz",
}


@pytest.fixture(scope="module")
def store(data, tmp_path_factory):
    """A copy of HAWC's bin 6 that may be written to."""
    source = data / "hawc" / "crab_events_pass4"
    target = tmp_path_factory.mktemp("hawc") / "store"
    for path in source.rglob("*"):
        if path.is_file() and "bin5" not in path.name:
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    return target


def without_bands(hdus):
    del hdus["AEFF_BANDS"]


def fewer_planes(hdus):
    hdus["AEFF"].data = hdus["AEFF"].data[:100]


def no_frame(hdus):
    del hdus["AEFF"].header["CTYPE1"]
    del hdus["AEFF"].header["CTYPE2"]


def other_axis(hdus):
    bands = hdus["AEFF_BANDS"]
    hdus["AEFF"].header["AXCOLS1"] = bands.header["AXCOLS1"] = "THETA_MIN,THETA_MAX"
    for i, name in enumerate(("THETA", "THETA_MIN", "THETA_MAX"), start=2):
        bands.columns[i - 1].name = name


def wrong_unit(hdus):
    hdus["AEFF"].header["BUNIT"] = "deg"


def no_image(hdus):
    del hdus["AEFF"]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (without_bands, "has no HDU 'AEFF_BANDS', which 'AEFF' names for its axes"),
        (fewer_planes, "AEFF_BANDS of .* has 140 rows, which does not match planes of"),
        (no_frame, "celestial|CTYPE"),
        (other_axis, "has no axis 'energy_true', which a map of the response 'aeff' needs"),
        (wrong_unit, "effective area is a map in 'deg': correct BUNIT"),
        (no_image, "has no HDU 'aeff'"),
    ],
)
def test_damaged_maps_are_refused(store, data, damage, says):
    with fits.open(data / "hawc" / "crab_events_pass4" / AREA) as hdus:
        changed = fits.HDUList([hdu.copy() for hdu in hdus])
    damage(changed)
    changed.writeto(store / AREA, overwrite=True)
    template = xg.create_map(
        "83.63d 22.01d",
        "1 deg",
        "0.1 deg",
        xg.energy_axis("1 TeV", "300 TeV", 3),
        energy_true=xg.energy_axis("1 TeV", "300 TeV", 4, name="energy_true"),
    )
    with pytest.raises(xg.XGammaError, match=says):
        template.gamma.fill(xg.open_store(store, hdu_table=6, **INDEX)[RUN], ["exposure"])


def test_index_files_may_be_named_by_a_variable(store, data, monkeypatch):
    monkeypatch.setenv("XGAMMA_TEST_STORE", str(data / "hawc" / "crab_events_pass4"))
    names = {key: f"$XGAMMA_TEST_STORE/{name}" for key, name in INDEX.items()}
    assert xg.open_store(store, hdu_table=6, **names).obs_ids == [RUN]
