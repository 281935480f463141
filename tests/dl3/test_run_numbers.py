"""Run numbers: text or number, once or twice in an index, and the same in file and index."""

import numpy as np
import pytest

from tests.helpers.index_files import index, rows
from tests.helpers.runs import simulated, template
from xgamma.dl3.opening import open_store
from xgamma.errors import XGammaError, XGammaWarning


@pytest.fixture
def files(write, make):
    """Three runs, one of which writes its number as text."""

    def write_files(texts=("8", "9.5", "9")):
        for number, value in zip((7, 8, 9), texts, strict=True):
            events = make.events()
            events.header["OBS_ID"] = value
            write([events, make.gti(), make.aeff()], f"run{number}.fits")

    return write_files


def obs_index(numbers, objects=None):
    objects = objects or ["Crab"] * len(numbers)
    lines = [{"OBS_ID": n, "OBJECT": o} for n, o in zip(numbers, objects, strict=True)]
    return index(lines, "OBS_INDEX")


@pytest.mark.parametrize("texts", [(7, "8", 9), ("7", "8 ", "9"), (7, 8.0, 9)])
def test_numbers_as_text(files, tmp_path, texts):
    """One file with OBS_ID in quotes: iteration failed with KeyError: '110380'."""
    files(texts)
    store = open_store(tmp_path)
    assert store.obs_ids == [7, 8, 9]
    assert [obs.gamma.obs_id for obs in store] == [7, 8, 9]
    assert store.select(obs_id=[8]).obs_ids == [8]
    assert store.table["obs_id"].dtype.kind == "i"


def test_a_number_that_is_none_makes_all_text(files, tmp_path):
    files((7, "8b", 9))
    store = open_store(tmp_path)
    assert store.obs_ids == ["7", "8b", "9"]
    assert [str(obs.gamma.obs_id) for obs in store] == ["7", "8b", "9"]
    assert store.select(obs_id=["8b"]).obs_ids == ["8b"]


def test_stacked_numbers_stay_numbers():
    """`stack` turned the numbers of all runs into text."""
    one, two = (template().gamma.fill(simulated(obs_id=n), select=["exposure"]) for n in (1, 2))
    two = two.assign(obs_id=("obs", np.array(["2"])))
    assert one.gamma.stack(two)["obs_id"].values.tolist() == [1, 2]
    odd = two.assign(obs_id=("obs", np.array(["chunks 2"])))
    assert one.gamma.stack(odd)["obs_id"].values.tolist() == ["1", "chunks 2"]
    obs = simulated(obs_id=3)
    obs.attrs["OBS_ID"] = "3"
    assert template().gamma.fill(obs, select=["exposure"])["obs_id"].values.tolist() == [3]


def test_text_in_one_of_two_index_files(files, write, tmp_path):
    files((7, 8, 9))
    lines = [line for n in (7, 8, 9) for line in rows(f"run{n}.fits", obs_id=n)]
    write([index(lines)], "hdu-index.fits")
    from astropy.io import fits

    column = fits.Column("OBS_ID", "4A", array=np.array(["7", "8", "9"]))
    write([fits.BinTableHDU.from_columns([column], name="OBS")], "obs-index.fits")
    store = open_store(tmp_path)
    assert store.obs_ids == [7, 8, 9]
    assert len(list(store)) == 3


def test_a_run_listed_twice(files, write, tmp_path):
    """It was counted twice. Equal rows are one; rows that differ are refused."""
    files((7, 8, 9))
    lines = [line for n in (7, 8) for line in rows(f"run{n}.fits", obs_id=n)]
    write([index(lines + lines[:2])], "hdu-index.fits")
    write([obs_index([7, 8, 7])], "obs-index.fits")
    with pytest.warns(XGammaWarning, match="obs-index.fits lists 7 more than once: each run"):
        store = open_store(tmp_path)
    assert store.obs_ids == [7, 8]
    write([obs_index([7, 8, 7], ["Crab", "Crab", "Vela"])], "obs_index.fits")
    with pytest.raises(XGammaError, match="has two different rows for the run 7"):
        open_store(tmp_path, obs_index="obs_index.fits")


def test_two_hdus_of_a_kind(files, write, tmp_path):
    files((7, 8, 9))
    lines = rows("run7.fits") + rows("run8.fits", kinds=["events"])
    write([index(lines)], "hdu-index.fits")
    with pytest.raises(
        XGammaError, match=r"lists two HDUs 'events' for the run 7 \(rows 0 and 3\)"
    ):
        open_store(tmp_path)
    lines = rows("run7.fits") + rows("run8.fits", kinds=["aeff"])
    write([index(lines)], "hdu_index.fits")
    with pytest.raises(XGammaError, match="lists two HDUs 'aeff'"):
        open_store(tmp_path, hdu_index="hdu_index.fits")
    # Files offer one PSF in several forms: the first is taken, as gammapy takes it.
    lines = rows("run7.fits") + [
        {**rows("run7.fits", kinds=["psf"])[0], "HDU_CLASS": form, "HDU_NAME": form}
        for form in ("psf_3gauss", "psf_table")
    ]
    write([index(lines)], "hdu-index-2.fits")
    store = open_store(tmp_path, hdu_index="hdu-index-2.fits")
    assert store._hdus[7]["psf"][1] == "psf_3gauss"


def test_file_and_index_disagree(files, write, tmp_path):
    files((7, 8, 9))
    lines = rows("run7.fits", obs_id=7) + rows("run9.fits", obs_id=8)
    write([index(lines)], "hdu-index.fits")
    store = open_store(tmp_path)
    assert store[7].gamma.obs_id == 7
    with pytest.raises(XGammaError, match="OBS_ID is 8 in the index, 9 in the header of EVENTS"):
        store[8]


def test_tables_of_one_file_disagree(write, make, tmp_path):
    gti = make.gti()
    gti.header["OBS_ID"] = 8
    write([make.events(), gti], "mixed.fits")
    with pytest.raises(XGammaError, match="7 in the header of EVENTS, 8 in the header of GTI"):
        list(open_store(tmp_path))
