"""What an observation knows: time, pointing, place; and xarray's way to open one."""

import importlib.metadata
import pickle

import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time

from xgamma.dl3 import observation
from xgamma.dl3.assemble import read_observation
from xgamma.dl3.backend import GADFBackend
from xgamma.dl3.observation import MissionTime, mission_time
from xgamma.errors import MissingDataError, XGammaError, XGammaWarning


@pytest.fixture
def obs(write, hdus):
    return read_observation(write(hdus))


def test_structure(obs):
    assert obs.name == "7"
    assert list(obs.children) == ["events", "gti", "pointing", "aeff"]
    assert obs.attrs["OBJECT"] == "Crab Nebula"
    assert "EXTNAME" not in obs.attrs
    assert obs.gamma.obs_id == 7
    assert obs.gamma.events["time"].attrs["units"] == "s"


def test_time(obs):
    assert obs.gamma.ontime == 500.0
    assert obs.gamma.livetime == pytest.approx(450.0)
    reference = Time(55555.5, format="mjd", scale="tt")
    assert (obs.gamma.tstart - reference).sec == pytest.approx(1000.0)
    assert (obs.gamma.tstop - reference).sec == pytest.approx(1600.0)
    assert (obs.gamma.tmid - reference).sec == pytest.approx(1300.0)
    assert obs.gamma.tmid.scale == "tt"


def test_mission_time_in_utc():
    """Seconds of a UTC reference elapse as any others: one leap second between 2008 and 2010."""
    utc = MissionTime(54466, 0.0, "utc")
    assert utc.offset("2000-01-01") == pytest.approx(
        (Time("2008-01-01", scale="utc") - Time("2000-01-01", scale="tt")).sec, abs=1e-6
    )
    start = Time("2010-01-01", scale="utc")
    assert utc.to_seconds(start) == pytest.approx(731 * 86400 + 1, abs=1e-6)
    assert abs((utc.to_time(utc.to_seconds(start)) - start).sec) < 1e-6
    # A time of any scale is a reference as well.
    assert utc.offset(start) == pytest.approx(-731 * 86400 - 1, abs=1e-6)
    assert hash(utc) == hash(MissionTime(54466, 0.0, "utc"))


def test_mission_time_from_events(obs):
    del obs["gti"].attrs["MJDREFI"]
    assert mission_time(obs) == MissionTime(55555.0, 0.5, "tt")
    del obs.attrs["MJDREFI"]
    with pytest.raises(MissingDataError, match="Run 7: MJDREFI"):
        mission_time(obs)


def test_empty_gti(write, make):
    obs = read_observation(write([make.events(), make.gti(())]))
    assert obs.gamma.ontime == 0.0
    assert obs.gamma.livetime == 0.0
    assert (obs.gamma.tmid - mission_time(obs).reference).sec == pytest.approx(1300.0)
    del obs.attrs["TSTART"]
    with pytest.raises(MissingDataError, match="Run 7 has neither good time intervals"):
        _ = obs.gamma.tmid


def test_no_gti(write, make):
    obs = read_observation(write([make.events()]))
    assert obs.gamma.ontime == 600.0
    with pytest.raises(MissingDataError, match=r"Run 7 has no 'gti': it has events, pointing"):
        _ = obs.gamma.gti
    del obs.attrs["TSTOP"]
    with pytest.raises(MissingDataError, match="neither a GTI table nor TSTART"):
        _ = obs.gamma.ontime


def test_dead_time(obs):
    del obs.attrs["DEADC"]
    obs.attrs.update(LIVETIME=480.0, ONTIME=600.0)
    assert obs.gamma.livetime == pytest.approx(400.0)
    del obs.attrs["LIVETIME"]
    with pytest.warns(XGammaWarning, match="Run 7 has neither DEADC"):
        assert obs.gamma.livetime == 500.0


def test_pointing(obs):
    assert obs.gamma.pointing.frame.name == "icrs"
    assert obs.gamma.pointing.ra.deg == 83.63
    place = EarthLocation.from_geodetic(16.5, -23.27, 1835.0)
    assert np.allclose(obs.gamma.location.x.value, place.x.value)
    assert not obs.gamma.is_pointlike


def test_drift_scan(write, make):
    """A run that keeps its altitude and azimuth points to the sky at mid-time."""
    events = make.events()
    events.header["OBS_MODE"] = "DRIFT"
    obs = read_observation(write([events, make.gti()]))
    frame = AltAz(obstime=obs.gamma.tmid, location=obs.gamma.location)
    expected = SkyCoord(180, 60, unit="deg", frame=frame).icrs
    assert obs.gamma.pointing.separation(expected).deg < 1e-9


def test_altaz_is_computed(write, make):
    events = make.events()
    events.header["ALT_PNT"] = "NONE"
    obs = read_observation(write([events, make.gti()]))
    frame = AltAz(obstime=obs.gamma.tmid, location=obs.gamma.location)
    assert obs.gamma.pointing_altaz.separation(obs.gamma.pointing.transform_to(frame)).deg < 1e-9


def test_nothing_known(write, make):
    events = make.events()
    for key in ("RA_PNT", "ALT_PNT", "GEOLON"):
        events.header.remove(key)
    obs = read_observation(write([events, make.gti()]))
    assert obs.gamma.location is None
    with pytest.raises(MissingDataError, match="Run 7 has no pointing"):
        _ = obs.gamma.pointing
    with pytest.raises(MissingDataError, match="Run 7 has no location"):
        _ = obs.gamma.pointing_altaz


def test_pointlike(write, make):
    obs = read_observation(write([make.events(), make.aeff(HDUCLAS3="point-like")]))
    assert obs.gamma.is_pointlike


def test_responses_alone(write, make):
    obs = read_observation(write([make.aeff(TELESCOP="XG")], "alone.fits"))
    assert list(obs.children) == ["aeff"]
    assert obs.name == "alone"
    assert obs.attrs == {"TELESCOP": "XG"}


def test_functions_leave_the_observation_alone(obs):
    before = obs.copy(deep=True)
    for name in ("ontime", "livetime", "tmid", "pointing", "pointing_altaz", "location"):
        getattr(observation, name)(obs)
    assert obs.identical(before)


def test_pickle(obs):
    again = pickle.loads(pickle.dumps(obs))
    assert again.identical(obs)


# --- xarray ------------------------------------------------------------------------------


def test_backend_datatree(write, hdus):
    path = write(hdus)
    tree = xr.open_datatree(path, engine=GADFBackend)
    assert not tree["events"].variables["ra"]._in_memory
    assert tree.identical(read_observation(path))
    assert tree.gamma.livetime == pytest.approx(450)
    small = xr.open_datatree(path, engine=GADFBackend, drop_variables=["phase", "aeff"])
    assert "phase" not in small["events"]
    groups = xr.open_groups(path, engine=GADFBackend)
    assert set(groups) == {"/", "/events", "/gti", "/pointing", "/aeff"}


def test_backend_dataset(write, hdus):
    path = write(hdus)
    assert "energy" in xr.open_dataset(path, engine=GADFBackend)
    ds = xr.open_dataset(str(path), engine=GADFBackend, group="aeff", drop_variables="aeff")
    assert dict(ds.sizes) == {"energy_true": 3, "offset": 2}
    assert not ds.data_vars
    chunked = xr.open_dataset(path, engine=GADFBackend, chunks={"event": 10})
    assert chunked["ra"].chunks is not None
    np.testing.assert_array_equal(chunked["ra"], xr.open_dataset(path, engine=GADFBackend)["ra"])
    with pytest.raises(
        MissingDataError, match=r"no group 'psf': it has events, gti, pointing, aeff"
    ):
        xr.open_dataset(path, engine=GADFBackend, group="psf")


def test_backend_guess(write, hdus, tmp_path, data):
    guess = GADFBackend().guess_can_open
    assert guess(write(hdus))
    assert guess(data / "hess-dl3-dr1" / "data" / "hess_dl3_dr1_obs_id_023523.fits.gz")
    assert not guess(data / "dl4" / "cta-1dc-gc.fits.gz")
    (tmp_path / "x.gz").write_bytes(b"\x1f\x8bnonsense")
    assert not guess(tmp_path / "x.gz")
    assert not guess(tmp_path / "nothing.fits")
    assert not guess(3)


def test_backend_error(write, make):
    hdu = make.gti()
    hdu.header["HDUCLAS1"] = "INDEX"
    with pytest.raises(XGammaError, match=r"contains no DL3 table .* its tables are 'GTI'"):
        xr.open_datatree(write([hdu]), engine=GADFBackend)


def test_entry_point(write, hdus):
    try:
        importlib.metadata.version("xgamma")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("xgamma is not installed, so xarray does not know its engine by name")
    assert xr.open_datatree(write(hdus), engine="gadf").name == "7"
