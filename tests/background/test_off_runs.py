"""Backgrounds from off runs: moved events, three scales, and pairs of runs that were taken alike."""

import numpy as np
import pytest
import xarray as xr
from astropy import units as u
from astropy.coordinates import SkyCoord

import xgamma as xg
from xgamma.dl3 import simulate_observation
from xgamma.numerics.statistics import li_ma

AT, ELSEWHERE = "83.63d 22.51d", "20.0d 22.51d"
CRAB = "icrs;circle(83.63, 22.01, 0.4)"
AXIS = xg.energy_axis("0.5 TeV", "10 TeV", 4)
MAP = xg.create_map("83.63d 22.01d", "3 deg", "0.1 deg", AXIS)
SPECTRUM = xg.create_spectrum("icrs;circle(83.63, 22.01, 0.2)", AXIS)


def on_run(**options):
    return simulate_observation(AT, **{"seed": 1, "obs_id": 1, "livetime": "2 h"} | options)


def off_run(**options):
    start = {"seed": 2, "obs_id": 2, "livetime": "4 h", "number": 1} | options
    return simulate_observation(ELSEWHERE, None, target=ELSEWHERE, **start)


@pytest.fixture(scope="module")
def on():
    return on_run()


@pytest.fixture(scope="module")
def off():
    return off_run()


def test_events_lie_at_the_same_places_in_the_field(on, off):
    """Against astropy's offset frames."""
    ds = MAP.gamma.fill(on).gamma.off_run_background(on, off=off, scale="livetime")
    events = off["events"].to_dataset()
    sky = SkyCoord(events.ra.values, events.dec.values, unit="deg")
    local = sky.transform_to(off.gamma.pointing.skyoffset_frame())
    here = SkyCoord(local.lon, local.lat, frame=on.gamma.pointing.skyoffset_frame()).icrs
    moved = off.copy()
    moved["events"] = xr.DataTree(
        events.assign(ra=("event", here.ra.deg), dec=("event", here.dec.deg))
    )
    moved["events"].ds["ra"].attrs["units"] = moved["events"].ds["dec"].attrs["units"] = "deg"
    expected = MAP.gamma.fill(moved, select=["counts"]).counts
    np.testing.assert_array_equal(ds.counts_off, expected)
    assert ds.counts_off.attrs["off_run"] == "2"


@pytest.mark.parametrize("scale", ["exposure", "livetime", "control"])
@pytest.mark.parametrize("template", [MAP, SPECTRUM], ids=["map", "spectrum"])
def test_scales(on, off, scale, template):
    """One telescope, twice the livetime: all three scales are two."""
    filled = template.gamma.fill(on)
    ds = filled.gamma.off_run_background(on, off=off, scale=scale, exclusion=CRAB)
    assert "background" not in ds
    tolerance = 0.05 if scale == "control" else 1e-6
    np.testing.assert_allclose(
        ds.gamma.alpha.values[ds.acceptance_off.values > 0], 0.5, rtol=tolerance
    )
    expected = float(filled.gamma.npred_background().sum()) if "background" in filled else None
    if template is MAP:
        assert float(ds.gamma.background.sum()) == pytest.approx(expected, rel=0.05)


def test_exposure_follows_the_effective_area(on, off):
    """An off run whose effective area falls with energy and offset, by factors that are known."""
    weak = off.copy()
    aeff = off["aeff"].to_dataset()
    factor = aeff.energy_true**-0.5 / (1 + aeff.offset)
    weak["aeff"] = xr.DataTree(
        aeff.assign(aeff=(aeff.aeff * factor).astype("f4").assign_attrs(aeff.aeff.attrs))
    )
    ds = MAP.gamma.fill(on).gamma.off_run_background(on, off=weak)
    offset = MAP.gamma.separation(on.gamma.pointing)
    expected = 2 * AXIS**-0.5 / (1 + offset)
    # Between the nodes of the response a product is not the product of the parts.
    np.testing.assert_allclose(ds.acceptance_off, expected.transpose("energy", "y", "x"), rtol=0.03)


def test_excess_of_an_empty_field_is_zero():
    """Six pairs of empty runs: the significance of maps is a unit normal."""
    found = []
    for k in range(6):
        on = on_run(source=None, target=AT, seed=100 + k)
        off = off_run(seed=200 + k)
        ds = MAP.gamma.fill(on).gamma.off_run_background(on, off=off).sum("energy")
        cells = ds[["counts", "counts_off"]].coarsen(y=5, x=5).sum()
        found.append(li_ma(cells.counts.values, cells.counts_off.values, 0.5).ravel())
    found = np.concatenate(found)
    assert found.mean() == pytest.approx(0, abs=4 / np.sqrt(found.size))
    assert found.std() == pytest.approx(1, abs=0.15)


def test_sources_in_the_off_field(on, off):
    """They leave a hole of no off acceptance in a map, and refuse a spectrum that they reach."""
    place = off.gamma.pointing.directional_offset_by(180 * u.deg, 0.5 * u.deg)
    source = f"icrs;circle({place.ra.deg}, {place.dec.deg}, 0.25)"
    ds = MAP.gamma.fill(on).gamma.off_run_background(on, off=off, off_exclusion=source)
    hole = on.gamma.pointing.directional_offset_by(180 * u.deg, 0.5 * u.deg)
    inside = MAP.gamma.separation(hole) < 0.25
    assert (ds.acceptance_off.where(inside, 0) == 0).all()
    assert (ds.counts_off.where(inside, 0) == 0).all()
    assert (ds.acceptance_off.where(~inside, 1) > 0).all()
    with pytest.raises(xg.XGammaError, match="shows a source of off_exclusion"):
        SPECTRUM.gamma.fill(on).gamma.off_run_background(on, off=off, off_exclusion=source)


def test_in_reduce_and_on_collections(on, off):
    pairs = xg.pair_runs([on], [off], zenith=30, azimuth=180)
    options = {"name": "off-run", "off": pairs}
    ds = xg.reduce([on], SPECTRUM, background=options, progress=False)
    one = SPECTRUM.gamma.fill(on).gamma.off_run_background(on, off=off)
    np.testing.assert_array_equal(ds.counts_off, one.counts_off)
    tree = xg.reduce([on], SPECTRUM, stack=False, progress=False)
    again = tree.gamma.off_run_background([on], off=pairs)["1"]
    np.testing.assert_array_equal(again.counts_off, one.counts_off)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"off": {}}, "no off run for run 1"),
        ({"off": 3}, "pair_runs"),
        ({"scale": "time"}, "scale"),
        ({"scale": "control", "control_offset": 0.001}, "control region"),
        ({"scale": "control", "control_offset": "1 TeV"}, "TeV"),
    ],
)
def test_refusals(on, off, options, sentence):
    with pytest.raises(xg.XGammaError, match=sentence):
        SPECTRUM.gamma.fill(on).gamma.off_run_background(on, **{"off": off} | options)


def test_a_run_is_no_off_run_of_itself(on):
    with pytest.raises(xg.XGammaError, match="the run itself"):
        SPECTRUM.gamma.fill(on).gamma.off_run_background(on, off=on)


def taken(obs_id, hour, day=0, site=None, livetime="28 min"):
    """A run without events, by its hour angle and day."""
    obs = simulate_observation(AT, None, target=AT, events=False, obs_id=obs_id, livetime=livetime)
    shift = 86164.0905 * day + 3600 * hour
    for name in ("start", "stop"):
        obs["gti"] = xr.DataTree(
            obs["gti"].to_dataset().assign({name: obs["gti"].ds[name] + shift})
        )
        obs["gti"].ds[name].attrs["units"] = "s"
    obs.attrs["TSTART"] += shift
    obs.attrs["TSTOP"] += shift
    obs.attrs["TELLIST"] = site or "1,2,3,4"
    return obs


def test_pairs_are_alike_and_used_once():
    on = [taken(1, 1), taken(2, 3)]
    off = [taken(11, 3.1, 5), taken(12, 1.1, 5), taken(13, 0.9, 5)]
    pairs = xg.pair_runs(on, off)
    assert dict(zip(pairs.table.obs_id.values, pairs.table.off_id.values, strict=True)) in (
        {1: 12, 2: 11},
        {1: 13, 2: 11},
    )
    assert abs(pairs.table.zenith).max() < 3
    assert pairs[2].gamma.obs_id == 11
    # Both would take the same run; it goes to the one that needs it.
    pairs = xg.pair_runs([taken(1, 1), taken(2, 1.05)], [taken(11, 1.02), taken(12, 1.2)])
    assert sorted(pairs.table.off_id.values) == [11, 12]
    again = xg.pair_runs(
        [taken(1, 1), taken(2, 1.05)], [taken(11, 1.02), taken(12, 1.2)], reuse=True
    )
    assert again.table.off_id.values.tolist() == [11, 11]


def test_limits_of_pairs():
    on = [taken(1, 1)]
    with pytest.raises(xg.XGammaError, match="observation"):
        xg.pair_runs("a", on)
    with pytest.raises(xg.XGammaError, match="No off run is like"):
        xg.pair_runs(on, [taken(11, 4)])
    with pytest.raises(xg.XGammaError, match="No off run is like"):
        xg.pair_runs(on, [taken(11, 1, 40)], days=30)
    with pytest.raises(xg.XGammaError, match="No off run is like"):
        xg.pair_runs(on, [taken(11, 1, site="1,2,3")])
    with pytest.raises(xg.XGammaError, match="No off run is like"):
        xg.pair_runs(on, [taken(11, 1, livetime="5 min")])
    with pytest.raises(xg.XGammaError, match="no on runs"):
        xg.pair_runs([], on)
    with pytest.warns(xg.XGammaWarning, match="1 on runs have no off run"):
        pairs = xg.pair_runs([taken(1, 1), taken(2, 4)], [taken(11, 1)])
    assert list(pairs) == [1]


def test_off_runs_of_hess(data):
    """Runs on PKS 2155-304 as off runs of each other: no excess outside of the source.

    Each is 0.5 deg off the source, in another direction, so the source is left out in both fields.
    """
    runs = xg.open_store(data / "hess-dl3-dr1").select(target="PKS 2155-304")
    source = "icrs;circle(329.717, -30.2256, 0.4)"
    with pytest.warns(xg.XGammaWarning, match="3 on runs have no off run"):
        pairs = xg.pair_runs(runs, runs, azimuth=180, zenith=3)
    assert len(pairs) == 18
    empty = xg.create_map(
        (329.717, -30.2256), "3 deg", "0.1 deg", xg.energy_axis("0.5 TeV", "10 TeV", 3)
    )
    keep = empty.gamma.region_mask(source, inside=False)
    found = []
    for run in list(pairs)[:6]:
        filled = empty.gamma.fill(runs[run]).gamma.safe_mask(
            runs[run], methods=["offset-max"], offset_max="1.5 deg"
        )
        ds = filled.gamma.off_run_background(
            runs[run], off=pairs, scale="control", exclusion=source, off_exclusion=source
        )
        use = keep & ds.mask_safe & (ds.acceptance_off > 0)
        on, off = (float(ds[name].where(use).sum()) for name in ("counts", "counts_off"))
        alpha = float((ds.acceptance / ds.acceptance_off).where(use).mean())
        found.append(float(li_ma(np.array(on), np.array(off), np.array(alpha))))
    # The control region reaches further out than the map; what is left is the shape of the field.
    assert np.abs(found).max() < 4
    assert np.sqrt(np.mean(np.square(found))) < 2
