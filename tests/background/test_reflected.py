import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.background.region_finder import reflected_regions
from xgamma.errors import MissingDataError, UnitError, XGammaError, XGammaWarning

CRAB = (83.63, 22.01)
CIRCLE = "icrs;circle(83.63, 22.01, 0.11)"
POINTING = (83.63, 22.51)
SHAPES = {
    "circle": CIRCLE,
    "ellipse": "icrs;ellipse(83.63, 22.01, 0.15, 0.08, 30)",
    "rectangle": "icrs;box(83.63, 22.01, 0.3, 0.1, 20)",
    "polygon": "icrs;polygon(83.5,21.9,83.75,21.95,83.7,22.1,83.55,22.12)",
    "galactic": "galactic;circle(184.56, -5.79, 0.12)",
}


@pytest.fixture(scope="module")
def runs():
    from xgamma.dl3 import simulate_observation

    return [
        simulate_observation(p, obs_id=i, seed=i)
        for i, p in enumerate([POINTING, (84.2, 22.01)], 1)
    ]


def filled(obs, region=CIRCLE, nbin=4):
    return xg.create_spectrum(region, xg.energy_axis(0.5, 20, nbin), energy_true="reco").gamma.fill(
        obs, select=["counts"]
    )


def counts_in(obs, text):
    """Counts from 0.5 to 20 TeV in a region, by its own spectrum dataset."""
    return int(filled(obs, text).counts.sum())


# --- the finder -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_regions_lie_on_a_circle_and_apart(shape):
    regions = reflected_regions(SHAPES[shape], POINTING)
    assert len(regions) >= 5
    from xgamma.model.regions import region_center

    centers = [region_center(r) for r in (SHAPES[shape], *regions)]
    around = centers[0].__class__(*POINTING, unit="deg")
    distances = [c.icrs.separation(around).deg for c in centers]
    np.testing.assert_allclose(distances, distances[0], rtol=1e-3)
    angles = np.unwrap([around.position_angle(c.icrs).rad for c in centers])
    steps = np.abs(np.diff(angles))
    assert steps.min() > 0.1


def test_more_distance_means_fewer_regions():
    base = len(reflected_regions(CIRCLE, POINTING))
    apart = reflected_regions(CIRCLE, POINTING, min_distance="0.3 rad")
    assert 3 < len(apart) < base
    far = reflected_regions(CIRCLE, POINTING, min_distance_input="1.5 rad")
    assert len(far) < base
    assert len(reflected_regions(CIRCLE, POINTING, max_region_number=4)) == 4


def test_exclusions_are_kept_free():
    excluded = "icrs;circle(83.63, 23.01, 0.2)"
    regions = reflected_regions(CIRCLE, POINTING, exclusion=excluded, angle_increment="2 deg")
    assert 3 < len(regions) < len(reflected_regions(CIRCLE, POINTING))
    from astropy.coordinates import SkyCoord

    center = SkyCoord(83.63, 23.01, unit="deg")
    assert min(r.center.separation(center).deg for r in regions) > 0.3


def test_wobble_regions_are_spread_evenly():
    from astropy.coordinates import SkyCoord

    regions = reflected_regions(CIRCLE, POINTING, n_off_regions=3)
    angles = [SkyCoord(*POINTING, unit="deg").position_angle(r.center).deg for r in regions]
    np.testing.assert_allclose(sorted(angles), [0, 90, 270], atol=0.5)
    assert reflected_regions(CIRCLE, POINTING, n_off_regions=50) == []
    some = reflected_regions(CIRCLE, POINTING, "icrs;circle(83.63, 23.01, 0.2)", n_off_regions=3)
    assert len(some) == 2


def test_wobble_off_region_must_not_touch_the_on_region():
    assert reflected_regions("icrs;circle(83.63, 22.01, 0.6)", POINTING, n_off_regions=1) == []


def test_pointing_in_the_region_gives_none():
    assert reflected_regions(CIRCLE, CRAB) == []
    assert reflected_regions("icrs;circle(83.63, 22.01, 0.7)", POINTING) == []


def test_near_the_pole_and_across_zero():
    for lon, lat in ((0.05, 10.0), (359.95, -40.0), (120.0, 89.7)):
        text = f"icrs;circle({lon}, {lat}, 0.1)"
        regions = reflected_regions(text, ((lon + 0.5 / np.cos(np.deg2rad(lat))) % 360, lat))
        assert len(regions) >= 8


# --- the maker --------------------------------------------------------------------------


def test_off_counts_are_the_counts_of_the_regions(runs):
    for obs in runs:
        ds = filled(obs).gamma.reflected_background(obs)
        texts = ds.off_regions.values[0].split(";icrs;")
        texts = [t if t.startswith("icrs") else f"icrs;{t}" for t in texts]
        assert len(texts) == round(float(ds.acceptance_off[0]))
        total = sum(counts_in(obs, t) for t in texts)
        # Neighbours may overlap by less than a pixel: an event in both counts once.
        assert abs(total - int(ds.counts_off.sum())) <= 2
        assert ds.gamma.kind == "spectrum_onoff"


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_give_a_background(runs, shape):
    ds = filled(runs[0], SHAPES[shape]).gamma.reflected_background(runs[0])
    assert (ds.acceptance_off >= 5).all()
    assert int(ds.counts_off.sum()) > 0


def test_the_input_stays_as_it_was(runs):
    ds = filled(runs[0]).assign(mask_safe=("energy", np.ones(4, dtype=bool)))
    before, events = ds.copy(deep=True), runs[0]["events"].to_dataset().copy(deep=True)
    with pytest.warns(XGammaWarning):
        out = ds.gamma.reflected_background(runs[0], exclusion="icrs;circle(83.63, 22.51, 5)")
    assert not out.mask_safe.any()
    xr.testing.assert_identical(ds, before)
    xr.testing.assert_identical(runs[0]["events"].to_dataset(), events)


@pytest.mark.parametrize(
    ("pointing", "exclusion", "reason"),
    [
        (POINTING, "icrs;circle(83.63, 22.51, 5)", "none lies outside"),
        (CRAB, None, "at the pointing position"),
    ],
)
def test_no_region_means_masked_and_finite_with_a_warning(pointing, exclusion, reason):
    from xgamma.dl3 import simulate_observation

    obs = simulate_observation(pointing, obs_id=42, seed=0)
    ds = filled(obs)
    with pytest.warns(XGammaWarning, match=f"Run 42: no off region was found .*{reason}"):
        out = ds.gamma.reflected_background(obs, exclusion=exclusion)
    assert not out.mask_safe.any()
    for name in ("counts_off", "acceptance", "acceptance_off"):
        assert np.isfinite(out[name]).all()
    assert np.isfinite(out.gamma.alpha).all()
    assert float(out.gamma.background.sum()) == 0.0


def test_the_loop_goes_on_without_off_regions(runs):
    from xgamma.dl3 import simulate_observation

    bad = simulate_observation(CRAB, obs_id=42, seed=0)
    empty = xg.create_spectrum(CIRCLE, xg.energy_axis(0.5, 20, 4), energy_true="reco")
    options = {"background": {"method": "reflected"}, "select": ["counts", "exposure"]}
    with pytest.warns(XGammaWarning, match="Run 42"):
        ds = xg.reduce([runs[0], bad, runs[1]], into=empty, **options)
    good = xg.reduce(runs, into=empty, **options)
    assert ds.sizes["obs"] == 3
    for name in ("counts", "counts_off", "acceptance", "acceptance_off", "exposure"):
        np.testing.assert_allclose(ds[name], good[name])


def test_zero_off_counts_are_fine(runs):
    empty = runs[0].copy()
    events = runs[0]["events"].to_dataset()
    empty["events"] = xr.DataTree(events.isel(event=slice(0, 0)))
    out = filled(empty).gamma.reflected_background(empty)
    assert int(out.counts_off.sum()) == 0
    assert (out.gamma.alpha > 0).all()
    assert np.isfinite(out.gamma.significance().significance).all()


def test_options_are_checked(runs):
    ds = filled(runs[0])
    with pytest.raises(UnitError, match=r"min_distance=0\.1 has no unit"):
        ds.gamma.reflected_background(runs[0], min_distance=0.1)
    with pytest.raises(UnitError):
        ds.gamma.reflected_background(runs[0], angle_increment="1 TeV")
    for options in (
        {"angle_increment": "0 rad"},
        {"min_distance": "15 rad"},
        {"max_region_number": 0},
        {"n_off_regions": 0},
    ):
        with pytest.raises(XGammaError):
            ds.gamma.reflected_background(runs[0], **options)
    image = xg.create_map(CRAB, "2 deg", "0.1 deg", xg.energy_axis(1, 10, 2), energy_true="reco")
    with pytest.raises(XGammaError, match="requires a spectrum"):
        image.gamma.fill(runs[0], select=["counts"]).gamma.reflected_background(runs[0])
    with pytest.raises(MissingDataError):
        filled(runs[0]).drop_vars("counts").gamma.reflected_background(runs[0])


# --- RAD_MAX ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def point_like(runs):
    """A run whose cut falls from 0.2 deg to 0.1 deg at 2 TeV."""
    obs = runs[0].copy()
    table = xr.Dataset(
        {"rad_max": (("energy", "offset"), [[0.2], [0.1]], {"units": "deg"})},
        coords={
            "energy": ("energy", [1.0, np.sqrt(40.0)], {"units": "TeV", "interp": "log"}),
            "energy_lo": ("energy", [0.5, 2.0], {"units": "TeV"}),
            "energy_hi": ("energy", [2.0, 20.0], {"units": "TeV"}),
            "offset": ("offset", [0.5], {"units": "deg", "interp": "lin"}),
            "offset_lo": ("offset", [0.0], {"units": "deg"}),
            "offset_hi": ("offset", [1.0], {"units": "deg"}),
        },
        attrs={"HDUCLAS3": "POINT-LIKE"},
    )
    obs["rad_max"] = xr.DataTree(table)
    return obs


def test_a_point_takes_its_radius_from_the_table(point_like):
    ds = filled(point_like, "icrs;point(83.63, 22.01)", nbin=2)
    events = point_like["events"].to_dataset()
    from astropy.coordinates import SkyCoord

    separation = SkyCoord(events.ra, events.dec, unit="deg").separation(SkyCoord(*CRAB, unit="deg"))
    energy = events.energy.values
    edge = np.exp(0.5 * np.log(np.sqrt(40.0)))
    radius = np.where(energy <= edge, 0.2, 0.1)
    inside = (separation.deg <= radius) & (energy >= 0.5) & (energy < 20)
    assert int(ds.counts.sum()) == int(inside.sum())
    wobble = ds.gamma.reflected_background(point_like, n_off_regions=1)
    np.testing.assert_array_equal(wobble.acceptance_off, 1)
    many = ds.gamma.reflected_background(point_like)
    assert (many.acceptance_off > 3).all()
    assert "point" in many.off_regions.values[0]


def test_overlapping_cuts_give_no_region(point_like):
    ds = filled(point_like, "icrs;point(83.63, 22.01)", nbin=2)
    with pytest.warns(XGammaWarning, match="overlap"):
        out = ds.gamma.reflected_background(point_like, n_off_regions=9)
    assert not out.mask_safe.any()


def test_point_like_responses_want_their_region(point_like, runs):
    with pytest.raises(XGammaError, match="use a point"):
        filled(point_like)
    with pytest.raises(MissingDataError, match="RAD_MAX"):
        filled(runs[0], "icrs;point(83.63, 22.01)")


@pytest.mark.parametrize("pointing", [(83.63, 40.0), (263.0, -22.0)])
def test_region_far_outside_the_field(pointing):
    import warnings

    from xgamma.dl3 import simulate_observation

    obs = simulate_observation(pointing, None, obs_id=9, livetime="1 min")
    ds = filled(obs)
    assert int(ds.counts.sum()) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", XGammaWarning)
        out = ds.gamma.reflected_background(obs)
    assert np.isfinite(out.gamma.alpha).all()
    assert int(out.counts_off.sum()) == 0
