"""Index files in the forms that archives use, and folders without one."""

import gzip
import os

import numpy as np
import pytest

from tests.helpers.index_files import index, rows
from xgamma.dl3.opening import open_store
from xgamma.errors import MissingDataError, XGammaError, XGammaWarning


@pytest.fixture
def run(write, hdus, tmp_path):
    """A run in the folder `data` of the archive."""
    (tmp_path / "data").mkdir()
    return write(hdus, "data/run.fits")


def check(store):
    assert store.obs_ids == [7]
    assert list(store[7].children) == ["events", "gti", "pointing", "aeff"]


@pytest.mark.parametrize("name", ["hdu-index.fits", "hdu_index.fits.gz", "HDU-INDEX.FITS"])
@pytest.mark.parametrize(
    "form", ["relative", "absolute", "base_key", "base_column", "variable", "up"]
)
def test_paths(run, write, tmp_path, monkeypatch, name, form):
    monkeypatch.setenv("XG_ARCHIVE", str(tmp_path))
    keywords, more, folder = {}, {}, "data"
    place = tmp_path
    if form == "absolute":
        folder = str(run.parent)
    elif form == "base_key":
        keywords = {"BASE_DIR": "data"}
        folder = "."
    elif form == "base_column":
        more, folder = {"BASE_DIR": str(tmp_path)}, "data"
    elif form == "variable":
        folder = "$XG_ARCHIVE/data"
    elif form == "up":
        folder = "../../data/"
        place = tmp_path / "index" / "one"
        place.mkdir(parents=True)
    write([index(rows("run.fits", folder, **more), **keywords)], "index.fits")
    data = (tmp_path / "index.fits").read_bytes()
    (tmp_path / "index.fits").unlink()
    (place / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    check(open_store(place))
    check(open_store(str(place / name)))


def test_caldb_in_the_index(run, write, tmp_path, make, monkeypatch):
    """Responses under $CALDB, the argument before the environment."""
    caldb = tmp_path / "calibration" / "data"
    caldb.mkdir(parents=True)
    write([make.aeff()], "calibration/data/irf.fits")
    lines = rows("run.fits", "data", kinds=("events", "gti"))
    lines += rows("irf.fits", "$CALDB/data", kinds=("aeff",))
    write([index(lines)], "hdu-index.fits")
    check(open_store(tmp_path, caldb=tmp_path / "calibration"))
    monkeypatch.setenv("CALDB", str(tmp_path / "calibration"))
    check(open_store(tmp_path))
    monkeypatch.delenv("CALDB")
    with pytest.raises(
        XGammaError, match=r"CALDB/data/irf.fits' refers to an environment variable that is not set"
    ):
        open_store(tmp_path)[7]


def test_other_index_names(run, write, tmp_path):
    write([index(rows("run.fits", "data"))], "my-hdus.fits")
    write([index([{"OBS_ID": 7, "OBJECT": "Vela"}], "OBS_INDEX")], "my-runs.fits")
    store = open_store(tmp_path, hdu_index="my-hdus.fits", obs_index="my-runs.fits")
    check(store)
    assert store.select(target="vela").obs_ids == [7]


def test_index_without_observations(run, write, tmp_path):
    """The headers of the events stand in for the observation index."""
    write([index(rows("run.fits", "data"))], "hdu-index.fits")
    store = open_store(tmp_path)
    assert store.select(target="crab nebula").obs_ids == [7]
    # From position, time and site, not from ALT_PNT=60.
    assert store.table["zen_pnt"].item() == pytest.approx(150.73, abs=0.01)
    assert store.select(time=("2010-12-25T12:00:00", "2010-12-25T12:20:00")).obs_ids == [7]


def test_observations_without_hdus_are_left_out(run, write, tmp_path):
    write([index(rows("run.fits", "data"))], "hdu-index.fits")
    both = [{"OBS_ID": i, "OBJECT": "Vela"} for i in (6, 7)]
    write([index(both, "OBS_INDEX")], "obs-index.fits")
    assert open_store(tmp_path).obs_ids == [7]
    # Columns that this index lacks are named when they are asked for.
    with pytest.raises(MissingDataError, match="no column 'ra_pnt'"):
        open_store(tmp_path).select(cone=((0, 0), 1))
    with pytest.raises(MissingDataError, match="no MJDREFI"):
        open_store(tmp_path).select(time=("2010-01-01", "2011-01-01"))


def test_broken_index(run, write, tmp_path):
    write([index([{"OBS_ID": 7, "HDU_TYPE": "events"}])], "hdu-index.fits")
    with pytest.raises(MissingDataError, match=r"'HDU_INDEX' of .* has no column FILE_NAME"):
        open_store(tmp_path)
    (tmp_path / "hdu-index.fits").unlink()
    write([index(rows("run.fits", "data"))], "hdu-index.fits")
    write([index([{"RUN": "7"}], "OBS_INDEX")], "obs-index.fits")
    with pytest.raises(MissingDataError, match="has no column OBS_ID"):
        open_store(tmp_path)


def test_missing_file_and_hdu(run, write, tmp_path):
    write(
        [index(rows("gone.fits", "data") + rows("run.fits", "data", 8, ("events", "psf")))],
        "i.fits",
    )
    write([index([{"OBS_ID": 7, "OBJECT": "x"}, {"OBS_ID": 8, "OBJECT": "x"}])], "obs-index.fits")
    store = open_store(tmp_path, hdu_index="i.fits", obs_index="obs-index.fits")
    with pytest.raises(MissingDataError, match=r"The file .*data/gone.fits.* does not exist"):
        store[7]
    with pytest.raises(MissingDataError, match=r"run.fits has no HDU 'PSF': it has 'EVENTS'"):
        store[8]


def test_shared_file_is_missing(run, write, tmp_path, make):
    lines = []
    other = make.events()
    other.header["OBS_ID"] = 8
    write([other, make.gti()], "data/run8.fits")
    for obs_id, file in ((7, "run.fits"), (8, "run8.fits")):
        lines += rows(file, "data", obs_id, ("events", "gti"))
        lines += rows("irf.fits", "data", obs_id, ("aeff",))
    write([index(lines)], "hdu-index.fits")
    store = open_store(tmp_path)
    with pytest.raises(MissingDataError, match=r"The file .*irf.fits.* does not exist"):
        store[7]
    path = write([make.aeff()], "data/irf.fits")
    first = store[7]["aeff"]["aeff"].values
    assert np.shares_memory(first, store[8]["aeff"]["aeff"].values)
    # A file that was written anew is read anew.
    path.unlink()
    write([make.aeff(np.full((3, 2), 9.0))], "data/irf.fits")
    os.utime(path, (1, 1))
    assert (store[7]["aeff"]["aeff"] == 9).all()
    assert first[0, 1] == 1


def test_folder_without_index(run, write, make, tmp_path):
    other = make.events()
    other.header["OBS_ID"] = 8
    write([other, make.gti()], "data/second.fits")
    write([make.aeff()], "data/only_irf.fits")
    (tmp_path / "data" / "notes.txt").write_text("not a FITS file")
    store = open_store(tmp_path)
    assert store.obs_ids == [7, 8]
    assert "targets: Crab Nebula (2)" in repr(store)
    assert store.select(zenith=(150, 151)).obs_ids == [7, 8]
    assert [o.name for o in store] == ["7", "8"]


def test_files_without_obs_id(write, make, tmp_path):
    events = make.events()
    events.header.remove("OBS_ID")
    store = open_store(write([events, make.gti()], "night1.fits"))
    assert store.obs_ids == ["night1"]
    assert store["night1"].gamma.obs_id == "night1"
    with pytest.raises(MissingDataError, match="no run 3: the nearest is night1"):
        store[3]


def test_no_fits_files(tmp_path):
    with pytest.raises(MissingDataError, match="contains no FITS files"):
        open_store(tmp_path)
    with pytest.raises(MissingDataError, match=r"file or folder .* does not exist"):
        open_store(tmp_path / "nowhere")


def test_no_events(write, make, tmp_path):
    write([make.aeff()])
    with pytest.raises(MissingDataError, match="None of the 1 FITS files contains an EVENTS table"):
        open_store(tmp_path)


def test_a_run_twice(run, write, make, tmp_path):
    write([make.events()], "data/copy.fits")
    with pytest.raises(MissingDataError, match=r"run 7 is in .*copy.fits and in .*run.fits"):
        open_store(tmp_path)


def test_several_stores(write, make, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        write([index(rows("run.fits"))], f"{name}/hdu-index.fits")
    with pytest.raises(MissingDataError, match=r"several stores: open one of .*/a, .*/b"):
        open_store(tmp_path)


def test_empty_selection_of_nothing(run, tmp_path):
    with pytest.warns(XGammaWarning, match="zenith"):
        none = open_store(tmp_path).select(zenith=(80, 90))
    assert none.select(target="x").obs_ids == []
    with pytest.raises(MissingDataError, match="it is empty"):
        none[7]
