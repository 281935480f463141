"""When a run was taken and where it pointed: intervals, references, and what headers contradict."""

import astropy.units as u
import numpy as np
import pytest
import xarray as xr
from astropy.coordinates import AltAz, SkyCoord
from astropy.time import Time
from numpy.testing import assert_allclose

import xgamma as xg
from tests.helpers.runs import simulated, template
from xgamma.dl3 import (
    gti_bounds,
    ontime,
    pointing,
    pointing_altaz,
    read_observation,
    tstart,
    tstop,
    write_store,
)
from xgamma.dl3.good_time import event_seconds
from xgamma.dl3.zenith import zenith_angles
from xgamma.errors import MissingDataError, XGammaError, XGammaWarning
from xgamma.numerics.intervals import inside_intervals, trapezoid_weights, union_of_intervals

OVERLAPPING = [(300.0, 900.0), (0.0, 600.0), (900.0, 950.0), (2000.0, 2100.0)]


@pytest.fixture
def run(write, make):
    """A run with other header keywords or good time intervals."""

    names = (f"run{n}.fits" for n in range(100))

    def read(intervals=((1000.0, 1200.0), (1300.0, 1600.0)), gti=None, unit="s", **keywords):
        events, table = make.events(), make.gti(intervals, unit)
        for header, changes in ((events.header, keywords), (table.header, gti or {})):
            for key, value in changes.items():
                if value is None:
                    header.remove(key, ignore_missing=True)
                else:
                    header[key.replace("__", "-")] = value
        return read_observation(write([events, table, make.aeff()], next(names)))

    return read


# --- intervals -----------------------------------------------------------------------------


def test_overlapping_intervals_count_once(run):
    """0-600 and 300-900 s are 900 s, not 1200."""
    obs = run(OVERLAPPING, TSTART=0.0, TSTOP=2100.0)
    start, stop = gti_bounds(obs)
    assert_allclose(start, [0.0, 2000.0])
    assert_allclose(stop, [950.0, 2100.0])
    assert ontime(obs) == 1050.0
    assert obs.gamma.livetime == pytest.approx(0.9 * 1050.0)


def test_overlapping_intervals_in_maps_and_summaries():
    """Exposure, background, the dataset's good time and its summary are those of the union."""
    whole = simulated()
    start, stop = (float(v[0]) for v in gti_bounds(whole))
    middle = 0.5 * (start + stop)
    halves = {
        "start": ("gti", [start, middle - 60.0], {"units": "s"}),
        "stop": ("gti", [middle + 60.0, stop], {"units": "s"}),
    }
    attrs = whole["gti"].attrs
    gti = xr.Dataset(halves, attrs=attrs)
    groups = {"/": whole.to_dataset()} | {n: t.to_dataset() for n, t in whole.children.items()}
    split = xr.DataTree.from_dict({**groups, "gti": gti})
    one, two = (
        template().gamma.fill(obs, select=["exposure", "background"]) for obs in (whole, split)
    )
    assert_allclose(two.exposure, one.exposure, rtol=1e-6)
    assert_allclose(two.background, one.background, rtol=1e-6)
    assert_allclose(two.ontime, one.ontime)
    overlapping = one.drop_dims("gti").assign(
        gti_start=("gti", [0.0, 300.0], one.gti_start.attrs),
        gti_stop=("gti", [600.0, 900.0], one.gti_stop.attrs),
    )
    assert overlapping.gamma.info_dict()["ontime"] == 900.0
    assert overlapping.gamma.stack(overlapping).gamma.info_dict()["ontime"] == 900.0


def test_overlapping_intervals_weigh_time_profiles_and_drawn_times_once():
    from xgamma.fitting.compiled import Compiled
    from xgamma.simulate.events import draw_times

    ds = template().gamma.fill(simulated(), select=["exposure"]).drop_dims("gti")
    attrs = {"units": "s", "reference_time": "2020-01-01"}
    ds = ds.assign(gti_start=("gti", [0.0, 300.0], attrs), gti_stop=("gti", [600.0, 900.0], attrs))
    data = Compiled(ds)
    assert_allclose(np.subtract(*data.gti[1::-1]) * 86400, [900.0], rtol=1e-6)
    times = draw_times(np.random.default_rng(1), data, 20000)
    # A third of the time each: within 5 standard deviations of the binomial.
    assert_allclose(np.histogram(times, [0, 300, 600, 900])[0] / 20000, 1 / 3, atol=0.017)


@pytest.mark.parametrize("wrong", [(1600.0, 1000.0), (np.nan, 1600.0), (1000.0, np.inf)])
def test_an_interval_that_is_none_is_refused(run, wrong):
    with pytest.raises(XGammaError, match="Run 7: the good time interval 1 runs from"):
        ontime(run([(1000.0, 1200.0), wrong]))


def test_an_empty_interval_does_not_move_the_start(run):
    obs = run([(0.0, 0.0), (1000.0, 1600.0)])
    assert_allclose(gti_bounds(obs), [[1000.0], [1600.0]])


def test_intervals_in_other_units(run):
    """A table in minutes, and a group whose unit was changed in memory."""
    obs = run([(10.0, 20.0)], unit="min")
    assert ontime(obs) == 600.0
    spans = {n: ("gti", [v], {"units": "min"}) for n, v in (("start", 10.0), ("stop", 20.0))}
    obs["gti"] = xr.DataTree(xr.Dataset(spans, attrs=obs["gti"].attrs))
    assert ontime(obs) == pytest.approx(600.0)


def test_inside_intervals_by_brute_force():
    rng = np.random.default_rng(3)
    start, stop = union_of_intervals(*np.sort(rng.uniform(0, 100, (2, 30)), axis=0))
    values = rng.uniform(-5, 105, 2000)
    for margin in (0.0, 0.7):
        near = (values[:, None] >= start - margin) & (values[:, None] <= stop + margin)
        assert (inside_intervals(values, start, stop, margin) == near.any(axis=1)).all()
    assert not inside_intervals(values, start[:0], stop[:0]).any()


def test_trapezoid_weights_by_brute_force():
    """Integrals of a function that is linear between nodes, against a fine midpoint sum."""
    rng = np.random.default_rng(4)
    nodes = np.sort(np.append(rng.uniform(0, 10, 7), [0.0, 10.0]))
    values = rng.normal(size=nodes.size)
    start, stop = np.array([0.5, 4.0, 7.25]), np.array([2.0, 4.5, 10.0])
    x = (np.arange(400000) + 0.5) * 10 / 400000
    inside = inside_intervals(x, start, stop)
    truth = np.interp(x[inside], nodes, values).sum() * 10 / 400000
    weights = trapezoid_weights(nodes, start, stop)
    assert weights @ values == pytest.approx(truth, abs=1e-4)
    assert weights.sum() == pytest.approx(4.75)


# --- references of time --------------------------------------------------------------------


@pytest.mark.parametrize(
    "reference",
    [
        {"MJDREFI": 55556, "MJDREFF": 0.25},
        {"MJDREFI": 55555, "MJDREFF": 0.5, "TIMESYS": "UTC"},
    ],
)
def test_events_have_a_reference_of_their_own(write, make, reference):
    """EVENTS and GTI may count from different zeros: times are compared as times."""
    zero = Time(55555, 0.5, format="mjd", scale="tt")
    scale = reference.get("TIMESYS", "TT").lower()
    other = Time(reference["MJDREFI"], reference["MJDREFF"], format="mjd", scale=scale)
    shift = (zero - other).sec
    events = make.events()
    plain = read_observation(write([events, make.gti([(1000, 1600)])], "plain.fits"))
    moved = make.events()
    moved.data["TIME"] += shift
    moved.header.update(reference)
    moved.header["TSTART"], moved.header["TSTOP"] = 1000.0 + shift, 1600.0 + shift
    obs = read_observation(write([moved, make.gti([(1000, 1600)])], "moved.fits"))
    assert_allclose(event_seconds(obs), event_seconds(plain), atol=1e-4)
    limits = zero + [1100, 1400] * u.s
    cut = [one.gamma.select_events(time=tuple(limits)) for one in (plain, obs)]
    assert cut[0].events.sizes["event"] == cut[1].events.sizes["event"] > 30
    assert_allclose(cut[1].gamma.ontime, 300.0)
    alone = read_observation(write([moved], "alone.fits"))
    assert abs((tstart(alone) - tstart(plain)).sec) < 1e-4


@pytest.mark.parametrize("table", ["events", "gti"])
def test_tables_whose_references_contradict_each_other_are_refused(run, table):
    """A day between EVENTS and GTI: the time cut kept all events, or none."""
    changed = {"MJDREFI": 55556}
    obs = run(**({"gti": changed} if table == "gti" else changed))
    message = (
        "Run 7: none of its 100 events, .* lies in its good time intervals, .*: correct MJDREFI"
    )
    with pytest.raises(XGammaError, match=message):
        obs.gamma.select_events(time=(tstart(obs), tstop(obs)))
    with pytest.raises(XGammaError, match=message):
        template().gamma.fill(obs, select=["counts"])


def test_events_outside_of_the_good_time_are_told(run):
    obs = run([(1000.0, 1300.0)])
    with pytest.warns(XGammaWarning, match=r"Run 7: 5\d % of its events lie outside"):
        template().gamma.fill(obs, select=["counts"])


def test_tstart_of_the_events_header_counts_from_its_own_zero(run):
    """A run whose GTIs were all cut away tells TSTART in the reference of EVENTS."""
    obs = run([], MJDREFI=55554, TSTART=1000.0 + 86400.0, TSTOP=1600.0 + 86400.0)
    assert abs((tstart(obs) - Time(55555, 0.5 + 1000 / 86400, format="mjd", scale="tt")).sec) < 1e-4


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"MJDREFI": -1}, "MJDREFI=-1 is not a valid modified Julian date"),
        ({"MJDREFI": "NONE"}, "MJDREFI='NONE' is not a valid modified"),
        ({"TIMESYS": "MARS"}, "TIMESYS='MARS' is not a supported time scale"),
    ],
)
def test_a_reference_that_is_none_is_refused(run, keywords, message):
    with pytest.raises(XGammaError, match=f"Run 7: {message}"):
        tstart(run(gti=keywords))


def test_mjdref_in_one_keyword(run):
    obs = run(gti={"MJDREFI": None, "MJDREFF": None, "MJDREF": 55555.5})
    assert tstart(obs).isot == tstart(run()).isot


# --- pointing ------------------------------------------------------------------------------


def test_altaz_is_that_of_the_position_not_of_the_header(run):
    """ALT_PNT and AZ_PNT are placeholders in CTA 1DC, and of some moment in H.E.S.S. DL3 DR1."""
    obs = run(ALT_PNT=90.0, AZ_PNT=0.0)
    frame = AltAz(obstime=obs.gamma.tmid, location=obs.gamma.location)
    expected = SkyCoord(83.63, 22.01, unit="deg").transform_to(frame)
    assert pointing_altaz(obs).separation(expected).deg < 1e-9


def test_altaz_of_real_runs_like_gammapy(data, gammapy):
    """For the first runs of H.E.S.S. and CTA, to a microdegree."""
    from gammapy.data import DataStore

    for folder, wanted in (
        ("hess-dl3-dr1", (20734, 23523)),
        ("cta-1dc/index/gps", (110380, 111140)),
    ):
        peer, ours = DataStore.from_dir(data / folder), xg.open_store(data / folder)
        for number in wanted:
            obs, own = (
                peer.obs(number, required_irf=[]),
                ours.open(number, ("events", "gti", "pointing")),
            )
            truth = obs.get_pointing_altaz(obs.tmid)
            at = pointing_altaz(own)
            assert_allclose([at.alt.deg, at.az.deg], [truth.alt.deg, truth.az.deg], atol=1e-6)


def test_altaz_of_a_pointing_table(run):
    """The table tells where the run points at mid-time, in a reference of its own."""
    obs = run()
    n = 7
    ra, dec = np.linspace(359.0, 361.0, n) % 360, np.linspace(10.0, 12.0, n)
    seconds = np.linspace(900.0, 1700.0, n) - 86400.0
    columns = {"time": (seconds, "s"), "ra_pnt": (ra, "deg"), "dec_pnt": (dec, "deg")}
    table = xr.Dataset(
        {k: ("pointing_time", v, {"units": unit}) for k, (v, unit) in columns.items()},
        attrs={"MJDREFI": 55556, "MJDREFF": 0.5, "TIMESYS": "TT"},
    )
    scalars = obs["pointing"].to_dataset()
    obs["pointing"] = xr.DataTree(table.merge(scalars))
    frame = AltAz(obstime=obs.gamma.tmid, location=obs.gamma.location)
    # Half-way at 1300 s; a straight line between rows is a great circle to 1e-3 deg.
    expected = SkyCoord(0.0, 11.0, unit="deg").transform_to(frame)
    assert pointing_altaz(obs).separation(expected).deg < 1e-3
    assert pointing(obs).ra.deg == 83.63
    obs["pointing"] = xr.DataTree(table.merge(scalars.map(lambda v: v * np.nan)))
    assert pointing(obs).separation(SkyCoord(0.0, 11.0, unit="deg")).deg < 1e-3


@pytest.mark.parametrize("key", ["RA_PNT", "DEC_PNT"])
def test_a_missing_position_is_not_taken_from_the_altitude(run, key):
    """The header's altitude and azimuth gave a position up to 1.67 deg off, without a word."""
    with pytest.raises(MissingDataError, match="Run 7 has no pointing: RA_PNT or DEC_PNT"):
        pointing(run(**{key: None}))


def test_a_position_off_the_sky_is_refused(run):
    with pytest.raises(XGammaError, match=r"Run 7: RA_PNT=83.63, DEC_PNT=122 is not a position"):
        pointing(run(DEC_PNT=122.0))
    with pytest.raises(XGammaError, match="GEOLAT=-233 is not a location"):
        pointing_altaz(run(GEOLAT=-233.0))


def test_a_drift_scan_keeps_its_altitude(run):
    obs = run(OBS_MODE="drift")
    at = pointing_altaz(obs)
    assert_allclose([at.alt.deg, at.az.deg], [60.0, 180.0])
    assert pointing(obs).separation(at.icrs).deg < 1e-9


# --- zenith angles -------------------------------------------------------------------------


def keywords(obs):
    """The EVENTS keywords of a simulated run."""
    where = pointing(obs)
    return {**obs.attrs, "RA_PNT": where.ra.deg, "DEC_PNT": where.dec.deg}


def test_zeniths_of_headers_are_those_of_the_horizon():
    """Against astropy's AltAz; UTC for UT1 and no polar motion are below 0.005 deg."""
    site = ("GEOLON", "GEOLAT", "ALTITUDE")
    runs = []
    for ra, dec, start, place in (
        (83.63, 22.01, "2004-12-04T22:00:00", (16.5, -23.27, 1835.0)),
        (266.4, -29.0, "2021-06-01T03:00:00", (-17.89, 28.76, 2200.0)),
        (0.1, 89.0, "2012-01-01T12:00:00", (0.0, -80.0, 0.0)),
    ):
        obs = simulated(pointing=f"{ra}d {dec}d", start=start)
        obs.attrs.update(zip(site, place, strict=True))
        runs.append(obs)
    want = [90.0 - pointing_altaz(obs).alt.deg for obs in runs]
    assert_allclose(zenith_angles([keywords(obs) for obs in runs]), want, atol=0.01)


@pytest.mark.parametrize("key", ["RA_PNT", "TSTART", "MJDREFI", "GEOLAT"])
@pytest.mark.parametrize("value", [None, "nonsense", 1e9])
def test_zeniths_without_position_time_or_site_are_those_of_alt_pnt(key, value):
    header = {**keywords(simulated()), "ALT_PNT": 12.0}
    assert abs(zenith_angles([header])[0] - 78.0) > 1
    header[key] = value
    if (key, value) not in {("RA_PNT", 1e9), ("TSTART", 1e9)}:
        assert zenith_angles([header])[0] == 78.0
    header["OBS_MODE"] = "DRIFT"
    assert zenith_angles([header])[0] == 78.0


def test_zeniths_of_stores_do_not_come_from_the_altitude_of_the_header(data, tmp_path):
    """CTA 1DC writes placeholders there, up to 124 deg off: selections by zenith were wrong."""
    files = sorted((data / "cta-1dc").rglob("gps_baseline_*.fits*"))[:3]
    store = xg.open_store(files, caldb=data / "cta-1dc/caldb")
    want = [90.0 - pointing_altaz(store[n]).alt.deg for n in store.obs_ids]
    # The middle of TSTART and TSTOP is 4 s from that of the good time.
    assert_allclose(store.table["zen_pnt"], want, rtol=0, atol=0.02)
    write_store([store[n] for n in store.obs_ids], tmp_path / "written")
    table = xg.open_store(tmp_path / "written").table
    assert_allclose(table["zen_pnt"], want, atol=1e-6)
    assert_allclose(table["alt_pnt"], 90.0 - np.array(want), atol=1e-6)
    assert (abs(90.0 - store.table["alt_pnt"] - want) > 1).all()
