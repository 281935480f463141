"""What a run shows of its background: events and time times solid angle, sources left out."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import AltAz, SkyCoord

import xgamma as xg
from xgamma.dl3 import simulate_observation
from xgamma.dl3.selection import event_offset
from xgamma.model.axes import edges

POINTING = "83.63d 22.51d"
AXIS = xg.energy_axis("0.5 TeV", "20 TeV", 6)
EDGES = edges(AXIS, "energy")
OFFSET = np.linspace(0, 2, 9)
FIELD = np.linspace(-2, 2, 9)


@pytest.fixture(scope="module")
def run():
    return simulate_observation(POINTING, seed=3, livetime="2 h")


def cap(bounds):
    """The solid angle of rings, sr."""
    return 2 * np.pi * -np.diff(np.cos(np.deg2rad(bounds)))


def test_events_and_solid_angles_without_exclusion(run):
    ds = run.gamma.field_counts(AXIS, OFFSET)
    offset, energy = event_offset(run).values, run["events"].energy.values
    expected, _, _ = np.histogram2d(energy, offset, [EDGES, OFFSET])
    np.testing.assert_array_equal(ds.events, expected)
    np.testing.assert_allclose(ds.time_solid_angle, cap(OFFSET) * run.gamma.ontime, rtol=1e-12)
    assert float(ds.zenith) == pytest.approx(90 - run.gamma.pointing_altaz.alt.deg)


def test_cells_of_the_camera(run):
    ds = run.gamma.field_counts(AXIS, field=FIELD)
    frame = run.gamma.pointing.skyoffset_frame()
    events = run["events"].to_dataset()
    at = SkyCoord(events.ra.values, events.dec.values, unit="deg").transform_to(frame)
    detx, dety = -at.lon.wrap_at("180d").deg, at.lat.deg
    sample = np.stack([events.energy.values, dety, detx], axis=1)
    expected, _ = np.histogramdd(sample, [EDGES, FIELD, FIELD])
    np.testing.assert_array_equal(ds.events, expected)
    areas = np.outer(np.diff(np.sin(np.deg2rad(FIELD))), np.diff(np.deg2rad(FIELD)))
    np.testing.assert_allclose(ds.time_solid_angle, areas * run.gamma.ontime, rtol=1e-12)


def test_an_exclusion_takes_events_and_solid_angle(run):
    """A circle of 0.3 deg at 0.5 deg offset: its area goes, to the sampling of 0.025 deg."""
    circle = "icrs;circle(83.63, 22.01, 0.3)"
    whole, ds = (
        run.gamma.field_counts(AXIS, OFFSET),
        run.gamma.field_counts(AXIS, OFFSET, exclusion=circle),
    )
    lost = float((whole.time_solid_angle - ds.time_solid_angle).sum()) / run.gamma.ontime
    assert lost == pytest.approx(cap([0, 0.3])[0], rel=0.01)
    inside = run.gamma.select_events(region=circle)
    seen = inside["events"].energy.values
    gone = np.histogram(seen, EDGES)[0]
    np.testing.assert_array_equal((whole.events - ds.events).sum("offset"), gone)
    mask = xg.create_map((83.63, 22.01), "3 deg", "0.01 deg", frame="icrs").gamma.region_mask(
        circle, inside=False
    )
    again = run.gamma.field_counts(AXIS, OFFSET, exclusion=mask)
    assert abs(again.events - ds.events).sum() <= 3  # pixels of 0.01 deg at the edge of the circle
    np.testing.assert_allclose(again.time_solid_angle, ds.time_solid_angle, rtol=5e-3)


def test_altitude_and_azimuth_turn_with_the_field(run):
    """Positions of events by astropy, event by event; the exclusion smears over the cells it crosses."""
    ds = run.gamma.field_counts(AXIS, field=FIELD, alignment="ALTAZ")
    events = run["events"].to_dataset()
    mission = run.gamma.tstart + (events.time.values - run["gti"].start.values[0]) * u.s
    here = AltAz(obstime=mission, location=run.gamma.location)
    sky = SkyCoord(events.ra.values, events.dec.values, unit="deg").transform_to(here)
    at = sky.transform_to(run.gamma.pointing.transform_to(here).skyoffset_frame())
    sample = np.stack([events.energy.values, at.lat.deg, -at.lon.wrap_at("180d").deg], axis=1)
    expected, _ = np.histogramdd(sample, [EDGES, FIELD, FIELD])
    # Events within 1e-4 deg of an edge may change cells.
    assert abs(ds.events.values - expected).sum() <= 4
    circle = "icrs;circle(83.63, 22.01, 0.3)"
    fine = {"field": np.linspace(-1, 1, 41), "alignment": "ALTAZ"}
    whole = run.gamma.field_counts(AXIS, **fine).time_solid_angle
    lost = whole - run.gamma.field_counts(AXIS, **fine, exclusion=circle).time_solid_angle
    assert float(lost.sum()) / run.gamma.ontime == pytest.approx(cap([0, 0.3])[0], rel=0.01)
    # On average the circle lies where its centre was on average.
    times = run.gamma.tstart + np.linspace(0, run.gamma.ontime, 200) * u.s
    here = AltAz(obstime=times, location=run.gamma.location)
    pointing = run.gamma.pointing.transform_to(here)
    track = SkyCoord("83.63d", "22.01d").transform_to(here).transform_to(pointing.skyoffset_frame())
    mean = -track.lon.wrap_at("180d").deg.mean(), track.lat.deg.mean()
    centroid = [float((lost * lost[dim]).sum() / lost.sum()) for dim in ("detx", "dety")]
    np.testing.assert_allclose(centroid, mean, atol=0.01)
    assert np.ptp(track.lon.wrap_at("180d").deg) > 0.1


def test_good_time_and_phase_scale_the_exposure(run):
    start = float(run["gti"].start[0])
    half = run.gamma.select_events(time=(start, start + 0.5 * run.gamma.ontime))
    whole, part = run.gamma.field_counts(AXIS, OFFSET), half.gamma.field_counts(AXIS, OFFSET)
    np.testing.assert_allclose(part.time_solid_angle, 0.5 * whole.time_solid_angle)


@pytest.mark.parametrize(
    ("cut", "name"),
    [
        ({"energy": (1, 2)}, "energy"),
        ({"region": "icrs;circle(83.63, 22.51, 1)"}, "region"),
        ({"offset": (0, 1)}, "offset"),
        ({"fraction": 0.5, "seed": 1}, "fraction"),
    ],
)
def test_events_that_were_selected_are_refused(run, cut, name):
    with pytest.raises(xg.XGammaError, match=f"selected by {name}"):
        run.gamma.select_events(**cut).gamma.field_counts(AXIS)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"offset": OFFSET, "field": FIELD}, "not both"),
        ({"offset": [1, 0]}, "increasing edges"),
        ({"offset": [0]}, "increasing edges"),
        ({"offset": "1 TeV"}, "TeV"),
        ({"field": [-100, 100]}, "-90 to 90 deg"),
        ({"field": FIELD, "alignment": "north"}, "alignment"),
    ],
)
def test_axes_that_cannot_be(run, options, sentence):
    with pytest.raises(xg.XGammaError, match=sentence):
        run.gamma.field_counts(AXIS, **options)


def test_a_true_energy_axis_is_refused(run):
    with pytest.raises(xg.AxisError, match="reconstructed energy"):
        run.gamma.field_counts(xg.energy_axis(1, 10, 3, name="energy_true"))
