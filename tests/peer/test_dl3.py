"""DL3 against gammapy: events exactly, responses and axes number by number."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from xgamma.dl3.assemble import read_observation
from xgamma.dl3.observation import mission_time

STORES = {
    "hess": ("hess-dl3-dr1", "hess-dl3-dr1", 23523),
    "cta": ("cta-1dc", "cta-1dc/index/gps", 110380),
    "magic": ("magic", "magic/rad_max/data", 5029747),
}
AXES = {
    "energy_true": "energy_true",
    "energy": "energy",
    "offset": "offset",
    "rad": "rad",
    "migra": "migra",
    "detx": "fov_lon",
    "dety": "fov_lat",
}


@pytest.fixture(scope="module", params=STORES)
def both(request, data, gammapy):
    from gammapy.data import DataStore

    ours, theirs, run = STORES[request.param]
    peer = DataStore.from_dir(data / theirs)
    required = "point-like" if request.param == "magic" else "full-enclosure"
    return xg.open_store(data / ours)[run], peer.obs(run, required_irf=required)


def test_events(both):
    obs, peer = both
    table = peer.events.table
    for name in table.colnames:
        mine = obs["events"][name.lower()]
        if name == "TIME":
            seconds = mission_time(obs).to_time(mine.values) - table["TIME"]
            assert_allclose(seconds.sec, 0, atol=1e-6)
            continue
        assert_array_equal(mine.values, np.asarray(table[name]))
        assert mine.dtype == table[name].dtype.newbyteorder("=")


def test_time(both):
    obs, peer = both
    start, stop = obs["gti"]["start"].values, obs["gti"]["stop"].values
    assert_allclose(start, peer.gti.met_start.to_value("s"), rtol=1e-15)
    assert_allclose(stop, peer.gti.met_stop.to_value("s"), rtol=1e-15)
    assert obs.gamma.ontime == pytest.approx(
        peer.observation_time_duration.to_value("s"), rel=1e-12
    )
    assert obs.gamma.livetime == pytest.approx(
        peer.observation_live_time_duration.to_value("s"), rel=1e-12
    )
    for name in ("tmid", "tstart", "tstop"):
        assert abs((getattr(obs.gamma, name) - getattr(peer, name)).sec) < 1e-5


def test_pointing(both):
    obs, peer = both
    theirs = peer.get_pointing_icrs(peer.tmid)
    assert obs.gamma.pointing.separation(theirs).deg < 1e-9
    place = peer.observatory_earth_location
    mine = obs.gamma.location
    assert_allclose(
        [c.value for c in mine.geocentric], [c.value for c in place.geocentric], rtol=1e-9
    )


def _compare(group, peer_irf):
    """Compare a response and its axes with gammapy's."""
    dims = tuple(AXES[d] for d in next(iter(group.data_vars.values())).dims)
    for ours, theirs in AXES.items():
        if ours not in group.dims:
            continue
        axis = peer_irf.axes[theirs]
        unit = group[ours].attrs["units"]
        assert_allclose(group[ours].values, axis.center.to_value(unit), rtol=1e-6, atol=1e-7)
        if axis.node_type == "edges":
            assert_allclose(group[f"{ours}_lo"].values, axis.edges_min.to_value(unit), rtol=1e-6)
            assert_allclose(group[f"{ours}_hi"].values, axis.edges_max.to_value(unit), rtol=1e-6)
    order = [peer_irf.axes.names.index(d) for d in dims]
    for name, variable in group.data_vars.items():
        values = peer_irf.data
        if values.dtype.names:
            # gammapy writes 1 where a sigma is 0, so as not to divide by it.
            mine = variable.where(variable != 0, 1.0) if name.startswith("sigma") else variable
            assert_array_equal(mine.values, values[name].transpose(order))
            continue
        unit = variable.attrs["units"]
        theirs = (values * peer_irf.unit).to_value(unit).transpose(order)
        assert_allclose(variable.values, theirs, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")
def test_responses(both):
    obs, peer = both
    compared = [name for name in peer.available_irfs if name in obs.children]
    assert set(compared) == set(obs.children) & {"aeff", "edisp", "psf", "bkg", "rad_max"}
    for name in compared:
        _compare(obs[name].to_dataset(), getattr(peer, name))
    assert obs.gamma.is_pointlike == peer.aeff.is_pointlike


def test_prod5(data, gammapy):
    from gammapy.irf import load_irf_dict_from_file

    path = data / "irf" / "Prod5-South-20deg-AverageAz-14MSTs37SSTs.180000s-v0.1.fits.gz"
    tree = read_observation(path)
    peer = load_irf_dict_from_file(path)
    assert set(tree.children) == set(peer)
    for name, irf in peer.items():
        _compare(tree[name].to_dataset(), irf)
    assert tree["bkg"].attrs["FOVALIGN"] == "RADEC"
    assert tree["bkg"]["bkg"].attrs["units"] == "MeV-1 s-1 sr-1"


def test_select_time_and_region(data, gammapy):
    """The same events after the same cuts."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from gammapy.data import DataStore
    from regions import EllipseSkyRegion

    obs = xg.open_store(data / "hess-dl3-dr1")[23592]
    peer = DataStore.from_dir(data / "hess-dl3-dr1").obs(23592)
    limits = peer.tstart + [300, 900] * u.s
    cut = obs.gamma.select_events(time=tuple(limits))
    theirs = peer.select_time(limits)
    assert_array_equal(cut.gamma.events.event_id.values, theirs.events.table["EVENT_ID"])
    assert cut.gamma.livetime == pytest.approx(
        theirs.observation_live_time_duration.to_value("s"), rel=1e-9
    )
    events = peer.events
    ids = obs.gamma.select_events(energy=("1 TeV", "10 TeV")).gamma.events.event_id.values
    assert_array_equal(ids, events.select_energy([1, 10] * u.TeV).table["EVENT_ID"])
    ids = obs.gamma.select_events(offset=(0.5, "1.5 deg")).gamma.events.event_id.values
    assert_array_equal(ids, events.select_offset([0.5, 1.5] * u.deg).table["EVENT_ID"])
    center = SkyCoord(83.63, 22.01, unit="deg")
    region = EllipseSkyRegion(center, 0.4 * u.deg, 0.2 * u.deg, 30 * u.deg)
    ids = obs.gamma.select_events(region=region).gamma.events.event_id.values
    assert_array_equal(ids, events.select_region(region).table["EVENT_ID"])
