"""The GADF writer: what lies in the files, and that a failure leaves the old ones."""

import gzip

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from xgamma.dl3 import open_store, pointing_altaz, read_observation, writer
from xgamma.dl3.writer import write_observation, write_store
from xgamma.errors import AxisError, MissingDataError, UnitError, XGammaError
from xgamma.model.axes import coords_from_edges
from xgamma.simulate.observations import simulate_observation


@pytest.fixture(scope="module")
def obs():
    return simulate_observation("83.63d 22.51d", livetime="2 min", n_gti=2, seed=3)


def replace(obs, **groups):
    """A copy of an observation with some groups exchanged, or dropped where None."""
    nodes = {"/": xr.Dataset(attrs=obs.attrs)}
    nodes |= {name: node.to_dataset() for name, node in obs.children.items()}
    nodes |= groups
    return xr.DataTree.from_dict({k: v for k, v in nodes.items() if v is not None}, name=obs.name)


def ones(dims, units="", **attrs):
    """A response of ones over small axes."""
    edges = {
        "energy": ([0.1, 1, 10], "TeV", "log"),
        "energy_true": ([0.1, 1, 10, 100], "TeV", "log"),
        "offset": ([0, 1, 2, 3, 4], "deg", "lin"),
        "rad": ([0, 0.1, 0.2, 0.3, 0.4, 0.5], "deg", "lin"),
        "detx": ([-3, -2, 2, 3], "deg", "lin"),
        "dety": ([-4, -2, 0, 2, 4], "deg", "lin"),
    }
    coords = {}
    for dim in dims:
        coords |= coords_from_edges(np.array(edges[dim][0], float), dim, *edges[dim][1:])
    shape = [len(edges[dim][0]) - 1 for dim in dims]
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return xr.Dataset({attrs.pop("name"): (dims, values, {"units": units})}, coords, attrs)


def test_hdus_and_keywords(obs, tmp_path):
    path = write_observation(obs, tmp_path / "run.fits.gz")
    with fits.open(path) as hdus:
        assert [hdu.name for hdu in hdus[1:]] == ["EVENTS", "GTI", "AEFF", "EDISP", "PSF", "BKG"]
        for hdu in hdus[1:]:
            assert hdu.header["HDUCLASS"] == "GADF"
            assert hdu.header["HDUVERS"] == "0.3"
            hdu.verify("exception")
        header = hdus["EVENTS"].header
        assert header["HDUCLAS1"] == "EVENTS"
        for name, value in obs.attrs.items():
            assert header[name] == value or abs(header[name] / value - 1) < 1e-14, name
        assert hdus["GTI"].header["MJDREFI"] == obs.attrs["MJDREFI"]
        classes = {"AEFF": "EFF_AREA", "EDISP": "EDISP", "PSF": "RPSF", "BKG": "BKG"}
        for name, hduclas2 in classes.items():
            assert hdus[name].header["HDUCLAS1"] == "RESPONSE"
            assert hdus[name].header["HDUCLAS2"] == hduclas2
            assert hdus[name].header["HDUCLAS3"] == "FULL-ENCLOSURE"
        assert hdus["AEFF"].header["LO_THRES"] == 0.3
        assert hdus["EDISP"].header["TDIM7"] == "(58,160,6)"
        span = "(ENERG_LO:ENERG_HI,MIGRA_LO:MIGRA_HI,THETA_LO:THETA_HI)"
        assert hdus["EDISP"].header["CREF7"] == span
        assert hdus["BKG"].columns["BKG"].unit == "MeV-1 s-1 sr-1"


def test_values_are_kept_bit_for_bit(obs, tmp_path):
    path = write_observation(obs, tmp_path / "run.fits")
    with fits.open(path) as hdus:
        for name in obs["events"].data_vars:
            column = hdus["EVENTS"].data[name.upper()]
            assert_array_equal(column, obs["events"][name])
            assert column.dtype.newbyteorder("=") == obs["events"][name].dtype
        assert_array_equal(hdus["GTI"].data["START"], obs["gti"].start)
        assert_array_equal(hdus["AEFF"].data["EFFAREA"][0].T, obs["aeff"].aeff)
        assert_array_equal(hdus["AEFF"].data["ENERG_LO"][0], obs["aeff"].energy_true_lo)
        assert_array_equal(hdus["AEFF"].data["THETA_HI"][0], obs["aeff"].offset_hi)
        assert_array_equal(hdus["EDISP"].data["MATRIX"][0].T, obs["edisp"].edisp)
        for name in obs["psf"].data_vars:
            assert_array_equal(hdus["PSF"].data[name.upper()][0].T, obs["psf"][name])


def test_writing_leaves_the_observation_alone(obs, tmp_path):
    before = obs.copy(deep=True)
    write_observation(obs, tmp_path / "run.fits.gz")
    assert obs.identical(before)


def test_equal_observations_give_equal_bytes(obs, tmp_path):
    first = write_observation(obs, tmp_path / "a.fits.gz").read_bytes()
    assert first == write_observation(obs, tmp_path / "b.fits.gz").read_bytes()


def test_all_classes_of_responses(obs, tmp_path, gammapy):
    from gammapy.irf import load_irf_dict_from_file

    bkg = ones(("energy", "dety", "detx"), "1/s/MeV/sr", name="bkg", HDUCLAS4="BKG_3D")
    psf = ones(("energy_true", "offset", "rad"), "sr-1", name="psf", HDUCLAS4="PSF_TABLE")
    rad_max = ones(("energy", "offset"), "deg", name="rad_max", HDUCLAS4="RAD_MAX_2D")
    other = replace(obs, bkg=bkg, psf=psf, rad_max=rad_max, edisp=None)
    irfs = load_irf_dict_from_file(write_observation(other, tmp_path / "run.fits.gz"))
    assert {name: irf.tag for name, irf in irfs.items()} == {
        "aeff": "aeff_2d",
        "psf": "psf_table",
        "bkg": "bkg_3d",
        "rad_max": "rad_max_2d",
    }
    assert_array_equal(irfs["bkg"].data, bkg.bkg.transpose("energy", "detx", "dety"))
    assert irfs["psf"].axes.names == ["energy_true", "offset", "rad"]
    assert_array_equal(irfs["psf"].data, psf.psf)
    assert_array_equal(irfs["rad_max"].data, rad_max.rad_max)


def test_king_and_point_like(obs, tmp_path):
    king = ones(("energy_true", "offset"), "deg", name="sigma", HDUCLAS4="PSF_KING")
    king["gamma"] = (king.sigma + 1).assign_attrs(units="")
    king.attrs["HDUCLAS3"] = "POINT-LIKE"
    path = write_observation(replace(obs, psf=king), tmp_path / "run.fits.gz")
    with fits.open(path) as hdus:
        assert hdus["PSF"].header["HDUCLAS3"] == "POINT-LIKE"
        assert hdus["PSF"].header["HDUCLAS4"] == "PSF_KING"
        assert_array_equal(hdus["PSF"].data["GAMMA"][0].T, king["gamma"])


def test_pointing_time_series(obs, tmp_path):
    seconds, degrees = {"units": "s"}, {"units": "deg"}
    pointing = xr.Dataset(
        {
            "time": ("pointing_time", [1.0, 2.0], seconds),
            "ra_pnt": ("pointing_time", [83.0, 83.1], degrees),
            "dec_pnt": ("pointing_time", [22.0, 22.1], degrees),
            "ra": ((), 83.0, degrees),
        }
    )
    path = write_observation(replace(obs, pointing=pointing), tmp_path / "run.fits.gz")
    with fits.open(path) as hdus:
        assert hdus["POINTING"].columns.names == ["TIME", "RA_PNT", "DEC_PNT"]
        assert hdus["POINTING"].header["MJDREFI"] == obs.attrs["MJDREFI"]


def test_columns_of_text_truth_and_unsigned(obs, tmp_path):
    events = obs["events"].to_dataset()
    size = events.sizes["event"]
    events["flag"] = ("event", np.arange(size) % 2 == 0)
    events["mask"] = ("event", np.arange(size, dtype=np.uint16) + np.uint16(40000))
    events["kind"] = ("event", np.where(np.arange(size) % 3, "gamma", "hadron"))
    path = write_observation(replace(obs, events=events), tmp_path / "run.fits")
    with fits.open(path) as hdus:
        assert_array_equal(hdus["EVENTS"].data["FLAG"], events.flag)
        assert_array_equal(hdus["EVENTS"].data["MASK"], events["mask"])
        assert_array_equal(hdus["EVENTS"].data["KIND"], events.kind)


def test_only_keywords_that_fits_can_hold_are_written(obs, tmp_path):
    other = replace(obs)
    other.attrs |= {
        "note": "x",
        "NAXIS1": 7,
        "TTYPE1": "X",
        "BAD": np.nan,
        "NEW_KEY": np.float32(2),
    }
    path = write_observation(other, tmp_path / "run.fits.gz")
    with fits.open(path) as hdus:
        header = hdus["EVENTS"].header
        assert header["TTYPE1"] == "EVENT_ID"
        assert header["NEW_KEY"] == 2
        assert "NOTE" not in header
        assert "BAD" not in header


def test_no_events_at_all(tmp_path, gammapy):
    from gammapy.data import EventList

    obs = simulate_observation("83.63d 22.51d", events=False)
    events = EventList.read(write_observation(obs, tmp_path / "run.fits.gz"))
    assert len(events.table) == 0


def test_refuses_to_overwrite(obs, tmp_path):
    path = write_observation(obs, tmp_path / "run.fits.gz")
    with pytest.raises(XGammaError, match="already exists: pass overwrite=True to replace it"):
        write_observation(obs, path)
    write_observation(obs, path, overwrite=True)
    store = write_store(obs, tmp_path / "store")
    with pytest.raises(XGammaError, match="already exists: pass overwrite=True"):
        write_store(obs, store)
    write_store(obs, store, overwrite=True)


def test_a_failed_write_leaves_the_old_file(obs, tmp_path, monkeypatch):
    path = write_observation(obs, tmp_path / "run.fits.gz")
    old = path.read_bytes()

    def fail(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(writer.os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_observation(simulate_observation("83.63d 22.51d", seed=8), path, overwrite=True)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["run.fits.gz"]


def test_a_failed_store_leaves_the_old_store(obs, tmp_path):
    def runs():
        yield simulate_observation("83.63d 22.51d", events=False)
        raise RuntimeError("the second run is broken")

    store = write_store(obs, tmp_path / "store")
    old = {p: p.read_bytes() for p in store.rglob("*") if p.is_file()}
    with pytest.raises(RuntimeError, match="second run"):
        write_store(runs(), store, overwrite=True)
    assert {p: p.read_bytes() for p in store.rglob("*") if p.is_file()} == old


def test_store_indices(tmp_path):
    runs = [simulate_observation("83.63d 22.51d", livetime="1 min", number=n) for n in (0, 1, 2)]
    del runs[1].attrs["ALT_PNT"]
    del runs[2].attrs["GEOLON"]
    want = [float(pointing_altaz(run).alt.deg) for run in runs[:2]]
    want.append(runs[2].attrs["ALT_PNT"])
    store = write_store(iter(runs), tmp_path / "store", compress=False)
    with fits.open(store / "obs-index.fits.gz") as hdus:
        table, header = hdus["OBS_INDEX"].data, hdus["OBS_INDEX"].header
        assert header["HDUCLAS1"], header["HDUCLAS2"] == ("INDEX", "OBS")
        assert header["GEOLON"] == runs[0].attrs["GEOLON"]
        assert_array_equal(table["OBS_ID"], [1, 2, 3])
        assert_array_equal(table["EVENT_COUNT"], [r["events"].sizes["event"] for r in runs])
        # From position, time and site; the keyword counts where the site is not known.
        assert_allclose(table["ALT_PNT"], want)
        assert_allclose(table["ZEN_PNT"], 90 - np.array(want))
        assert set(table["TELESCOP"]) == {"SIMULATED"}
    with fits.open(store / "hdu-index.fits.gz") as hdus:
        table = hdus["HDU_INDEX"].data
        assert len(table) == 3 * 6
        for row in table:
            file = store / row["FILE_DIR"] / row["FILE_NAME"]
            assert file.stat().st_size == row["SIZE"]
            assert fits.getheader(file, row["HDU_NAME"])["EXTNAME"] == row["HDU_NAME"]


def assert_same_observation(back, obs):
    """All values equal bit for bit, all keywords too but those that state the format."""
    assert set(back.children) == set(obs.children)
    for name, node in obs.children.items():
        group = node.to_dataset()
        xr.testing.assert_equal(back[name].to_dataset(), group)
        for variable in group.variables:
            assert back[name][variable].attrs == group[variable].attrs, variable
            assert back[name][variable].dtype == group[variable].dtype, variable
        for key, value in group.attrs.items():
            if key.isupper() and not key.startswith(
                ("HDUCLASS", "HDUVERS", "HDUDOC", "EXT", "CREF")
            ):
                assert back[name].attrs[key] == value, (name, key)


@pytest.mark.parametrize("background", ["2d", "3d"])
def test_reading_gives_back_what_was_written(tmp_path, background):
    obs = simulate_observation("83.63d 22.51d", background=background, livetime="2 min", n_gti=2)
    back = read_observation(write_observation(obs, tmp_path / "run.fits.gz"))
    assert_same_observation(back, obs)
    assert {name: back.attrs[name] for name in obs.attrs} == obs.attrs
    again = read_observation(write_observation(back, tmp_path / "again.fits.gz"))
    assert_same_observation(again, back)
    assert again.attrs == back.attrs


@pytest.mark.parametrize(
    ("archive", "obs_id"),
    [("hess-dl3-dr1", 23523), ("cta-1dc/index/gps", 110380), ("magic/rad_max/data", 5029747)],
)
def test_real_runs_come_back(data, tmp_path, archive, obs_id):
    obs = open_store(data / archive)[obs_id]
    back = read_observation(write_observation(obs, tmp_path / "run.fits.gz"))
    assert_same_observation(back, obs)
    for key, value in obs.attrs.items():
        if key not in {"HDUCLASS", "HDUVERS", "HDUDOC"}:
            assert back.attrs[key] == value, key


def test_a_written_store_opens(tmp_path):
    runs = [simulate_observation("83.63d 22.51d", livetime="1 min", number=n) for n in (0, 1)]
    store = open_store(write_store(runs, tmp_path / "store"))
    assert list(store.table.obs_id.values) == [1, 2]
    assert_same_observation(store[2], runs[1])


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"events": None}, MissingDataError, "no group 'events'"),
        ({"gti": xr.Dataset()}, MissingDataError, "group 'gti' has no variable 'start'"),
        ({"psf": xr.Dataset()}, XGammaError, "group 'psf' has HDUCLAS4=''"),
        (
            {"aeff": ones(("energy_true",), "m2", name="aeff", HDUCLAS4="AEFF_2D")},
            AxisError,
            "no dimension 'offset'",
        ),
        (
            {
                "aeff": ones(
                    ("energy_true", "offset"), "m2", name="aeff", HDUCLAS4="AEFF_2D"
                ).drop_vars("offset_lo")
            },
            AxisError,
            "no edges 'offset_lo'",
        ),
        (
            {"aeff": ones(("energy_true", "offset"), "parsnip", name="aeff", HDUCLAS4="AEFF_2D")},
            UnitError,
            "parsnip",
        ),
    ],
)
def test_what_gadf_asks_for(obs, tmp_path, change, error, sentence):
    with pytest.raises(error, match=sentence):
        write_observation(replace(obs, **change), tmp_path / "run.fits.gz")
    assert not list(tmp_path.iterdir())


def test_other_refusals(obs, tmp_path):
    with pytest.raises(MissingDataError, match=r"folder .* does not exist"):
        write_observation(obs, tmp_path / "nowhere" / "run.fits.gz")
    with pytest.raises(XGammaError, match="is a folder"):
        write_observation(obs, tmp_path)
    with pytest.raises(XGammaError, match="run 1 occurs twice"):
        write_store([obs, obs], tmp_path / "store")
    with pytest.raises(MissingDataError, match="no observations to write"):
        write_store([], tmp_path / "store")
    other = replace(obs)
    del other.attrs["OBS_ID"]
    with pytest.raises(MissingDataError, match="'OBS_ID'"):
        write_observation(other, tmp_path / "run.fits.gz")
    events = obs["events"].to_dataset()
    events["phase"] = events.energy.astype(complex)
    with pytest.raises(XGammaError, match="column PHASE has the type complex"):
        write_observation(replace(obs, events=events), tmp_path / "run.fits.gz")


def test_response_of_a_real_run(data, tmp_path):
    source = data / "hess-dl3-dr1" / "data" / "hess_dl3_dr1_obs_id_023523.fits.gz"
    table = fits.getdata(source, "AEFF")
    keywords = {"HDUCLAS4": "AEFF_2D", "HDUCLAS3": "FULL-ENCLOSURE"}
    energy = np.append(table["ENERG_LO"][0], table["ENERG_HI"][0][-1]).astype(float)
    # This archive gives offsets as points: both edges of a bin are equal.
    theta = table["THETA_LO"][0].astype(float)
    coords = coords_from_edges(energy, "energy_true", "TeV", "log")
    coords |= {n: ("offset", theta, {"units": "deg"}) for n in ("offset", "offset_lo", "offset_hi")}
    area = np.asarray(table["EFFAREA"][0].T)
    aeff = xr.Dataset(
        {"aeff": (("energy_true", "offset"), area, {"units": "m2"})}, coords, keywords
    )
    obs = replace(simulate_observation("83.63d 22.51d", events=False), aeff=aeff)
    path = write_observation(obs, tmp_path / "run.fits.gz")
    with gzip.open(path) as file:
        assert file.read(6) == b"SIMPLE"
    assert_array_equal(fits.getdata(path, "AEFF")["EFFAREA"], table["EFFAREA"])
