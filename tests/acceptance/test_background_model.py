"""Background models from runs: what was put in comes out, within its errors."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.dl3 import open_store, simulate_observation, wobble_pointings, write_store
from xgamma.irf.background_rate import log_rate
from xgamma.numerics.interpolation import sparse_weights

POINTING = "83.63d 22.51d"
# Wide enough that the tails of the point spread function stay inside.
CRAB = "icrs;circle(83.63, 22.01, 0.5)"
AXIS = xg.energy_axis("0.3 TeV", "10 TeV", 9)
OFFSET = np.linspace(0, 2.5, 11)
OPTIONS = {"progress": False, "workers": 1}


@pytest.fixture(scope="module")
def off_runs():
    """Four runs of ten hours without a source: 300,000 events."""
    return [
        simulate_observation(POINTING, None, seed=i, number=i, obs_id=i, livetime="10 h")
        for i in range(4)
    ]


def expected_and_found(run, model, axis=AXIS):
    """The background of a run in rings and energies, from its own response and from a model."""
    empty = xg.create_map(POINTING, "4.6 deg", "0.05 deg", axis)
    ring = (empty.gamma.separation(POINTING) // 0.5).rename("ring")
    maps = [
        empty.gamma.fill_background(obs).background
        for obs in (run, run.gamma.with_background(model))
    ]
    return [m.groupby(ring).sum().sel(ring=slice(0, 3)) for m in maps]


def test_closure(off_runs):
    """The rate of the simulation comes back: bias below 1 %, as its errors say."""
    model = xg.background_model(off_runs, AXIS, offset=OFFSET, **OPTIONS)
    truth, found = expected_and_found(off_runs[0], model)
    total = float(found.sum() / truth.sum())
    assert total == pytest.approx(1, abs=4 / np.sqrt(float(model.events.sum())))
    error = 1 / np.sqrt(4 * truth)  # four runs were used
    pulls = ((found / truth - 1) / error).values
    # Neighbours share a little, since the rate is interpolated: the width is below 1.
    assert abs(pulls.mean()) < 3 / np.sqrt(pulls.size)
    assert 0.6 < pulls.std() < 1.3


def test_errors_are_those_of_the_scatter(off_runs):
    """Cell by cell against the rate of the simulation: the pulls have unit width."""
    model = xg.background_model(off_runs, AXIS, offset=OFFSET, **OPTIONS)
    logs, _, axes = log_rate(off_runs[0]["bkg"].to_dataset(), AXIS.values, False)
    truth = np.exp(logs @ sparse_weights(axes[0].weights(model.offset.values)).T.toarray()) / 1e6
    # Beyond the last centre a rate is constant, so that its value stands for its half bin too.
    pulls = ((model.bkg - truth) / model.bkg_err).values[:, :-1]
    assert abs(pulls.mean()) < 0.3
    assert pulls.std() == pytest.approx(1, abs=0.2)


def test_in_the_plane_of_the_camera(off_runs):
    for alignment in ("RADEC", "ALTAZ"):
        model = xg.background_model(
            off_runs[:2], AXIS, field=np.linspace(-2.5, 2.5, 11), alignment=alignment, **OPTIONS
        )
        assert model.bkg.dims == ("energy", "dety", "detx")
        assert alignment == model.FOVALIGN
        truth, found = expected_and_found(off_runs[0], model)
        ratio = (found.sum("energy") / truth.sum("energy")).values
        np.testing.assert_allclose(ratio, 1, atol=0.02)


def test_sources_that_are_left_out_leave_no_dip():
    """Crab runs on four sides: with the exclusion the model is that of runs without a source."""
    pointings = wobble_pointings()
    runs = [
        simulate_observation(at, "83.63d 22.01d", seed=i, number=i, obs_id=i, livetime="10 h")
        for i, at in enumerate(pointings)
    ]
    empty = [
        simulate_observation(
            at, None, target="83.63d 22.01d", seed=i, number=i, obs_id=i, livetime="10 h"
        )
        for i, at in enumerate(pointings)
    ]
    options = {"offset": OFFSET, **OPTIONS}
    clean = xg.background_model(empty, AXIS, **options).bkg
    model = xg.background_model(runs, AXIS, CRAB, **options).bkg
    naive = xg.background_model(runs, AXIS, **options).bkg
    total = [m.sum("energy") / clean.sum("energy") - 1 for m in (model, naive)]
    # One background drawn, once with the events in the circle and once without. At 0.5 deg, a
    # third of the ring is excluded; 20,000 events are left.
    assert abs(total[0]).max() < 0.02
    assert total[1].max() > 0.1


def test_norms_of_runs_part_weather_from_shape():
    """Runs of one livetime, of which one has half of the background."""
    runs = [
        simulate_observation(POINTING, None, seed=i, number=i, obs_id=i, livetime="5 h")
        for i in range(3)
    ]
    rng = np.random.default_rng(1)
    keep = np.flatnonzero(rng.random(runs[2]["events"].sizes["event"]) < 0.5)
    thin = runs[2].copy()
    thin["events"] = xr.DataTree(runs[2]["events"].to_dataset().isel(event=keep))
    model = xg.background_model([*runs[:2], thin], AXIS, offset=OFFSET, **OPTIONS)
    norms = model.obs_norm.values
    np.testing.assert_allclose(norms, [1.2, 1.2, 0.6], rtol=0.03)
    assert norms.mean() == pytest.approx(1)
    flat = xg.background_model([*runs[:2], thin], AXIS, offset=OFFSET, normalize=False, **OPTIONS)
    assert (flat.obs_norm == 1).all()
    np.testing.assert_array_equal(flat.events, model.events)


def by_zenith():
    """Runs at two zenith angles, whose backgrounds differ by two."""
    runs = []
    for i, hours in enumerate((0, 0, 8, 8)):
        obs = simulate_observation(POINTING, None, seed=i, number=i, obs_id=i, livetime="2 h")
        runs.append(moved(obs, hours))
    return runs


def moved(obs, hours):
    """Give a run another time of the night by its site: further west, the source stands lower."""
    new = obs.copy()
    new.attrs["GEOLON"] = obs.attrs["GEOLON"] - 15.0 * hours / 2.0
    return new


def test_zenith_and_azimuth():
    runs = by_zenith()
    zenith = np.array([90 - obs.gamma.pointing_altaz.alt.deg for obs in runs])
    edges = [0, zenith.mean(), 90]
    model = xg.background_model(runs, AXIS, offset=OFFSET, zenith=edges, **OPTIONS)
    assert model.bkg.dims == ("zenith", "energy", "offset")
    low, high = model.zenith.values
    np.testing.assert_allclose([low, high], [zenith[:2].mean(), zenith[2:].mean()], atol=0.5)
    # Between: the mean cosine gives the geometric mean of the rates.
    middle = np.rad2deg(np.arccos(0.5 * (np.cos(np.deg2rad(low)) + np.cos(np.deg2rad(high)))))
    at = xg.background_at(model, zenith=middle).bkg
    np.testing.assert_allclose(at, np.sqrt(model.bkg[0] * model.bkg[1]), rtol=1e-12)
    for beyond, row in ((0, 0), (89, 1)):
        np.testing.assert_array_equal(xg.background_at(model, zenith=beyond).bkg, model.bkg[row])
    # Sliced backwards it is the same model.
    backwards = xg.background_at(model.isel(zenith=slice(None, None, -1)), zenith=middle).bkg
    np.testing.assert_allclose(backwards, at, rtol=1e-12)
    np.testing.assert_array_equal(xg.background_at(model, zenith=f"{float(middle)!r} deg").bkg, at)
    for wrong in ("high", float("nan"), "1 TeV"):
        with pytest.raises(xg.XGammaError, match="zenith"):
            xg.background_at(model, zenith=wrong)
    with pytest.raises(xg.XGammaError, match="give zenith="):
        xg.background_at(model)
    azimuth = xg.background_model(runs, AXIS, offset=OFFSET, azimuth=[-90, 90, 270], **OPTIONS)
    if azimuth.sizes["azimuth"] == 2:
        north = xg.background_at(azimuth, azimuth=0.0).bkg
        np.testing.assert_allclose(north, azimuth.bkg[0])
        np.testing.assert_allclose(xg.background_at(azimuth, azimuth=360.0).bkg, north)


def test_zero_rates_are_interpolated_linearly():
    runs = by_zenith()
    model = xg.background_model(runs, AXIS, offset=OFFSET, zenith=[0, 50, 90], **OPTIONS).copy(
        deep=True
    )
    if model.sizes["zenith"] == 1:
        pytest.skip("all runs in one bin")
    model.bkg[1, 0] = 0.0
    at = xg.background_at(model, zenith=float(model.zenith[0]) + 1e-3).bkg
    assert (at[0] > 0.99 * model.bkg[0, 0]).all()


def test_few_counts_share_their_shape(off_runs):
    """At energies with few counts the shape is that of their neighbours, the total their own."""
    axis = xg.energy_axis("1 TeV", "100 TeV", 12)
    model = xg.background_model(off_runs[:1], axis, offset=OFFSET, min_counts=50, **OPTIONS)
    counts = model.events.sum("offset").values
    few = np.flatnonzero((counts > 0) & (counts < 100))
    assert few.size
    assert (model.bkg[few] > 0).all()
    bare = xg.background_model(off_runs[:1], axis, offset=OFFSET, min_counts=0, **OPTIONS)
    assert (bare.bkg[few] == 0).any()
    solid = off_runs[0].gamma.field_counts(axis, OFFSET).time_solid_angle
    for one in (model, bare):
        predicted = (one.bkg * solid).sum("offset") * np.diff(
            1e6 * np.append(axis.energy_lo, axis.energy_hi[-1])
        )
        good = counts > 30
        # The value at the centre of a bin is a little below the mean of a steep spectrum in it.
        np.testing.assert_allclose(predicted[good] / counts[good], 0.95, atol=0.15)


def test_smoothing(off_runs):
    """A smoothed model of a tenth of the data is nearer to the truth than one that is not."""
    options = {"field": np.linspace(-2.5, 2.5, 26), "min_counts": 0, **OPTIONS}
    run = simulate_observation(POINTING, None, seed=9, obs_id=9, livetime="2 h")
    truth = off_runs[0].gamma.with_background(off_runs[0]["bkg"].to_dataset())
    scatter = []
    for smooth in (None, "0.3 deg"):
        model = xg.background_model([run], AXIS, smooth=smooth, **options)
        expected, found = expected_and_found(truth, model)
        scatter.append(float(((found / expected - 1) ** 2).mean()))
    assert scatter[1] < scatter[0]


def test_reduce_takes_a_model(off_runs):
    model = xg.background_model(off_runs, AXIS, offset=OFFSET, **OPTIONS)
    empty = xg.create_map(POINTING, "3 deg", "0.1 deg", AXIS)
    ds = xg.reduce(off_runs[:2], empty, background_model=model, progress=False)
    parts = [empty.gamma.fill(obs.gamma.with_background(model)) for obs in off_runs[:2]]
    np.testing.assert_allclose(ds.background, sum(p.background for p in parts), rtol=1e-6)
    assert float(abs(ds.counts.sum() / ds.background.sum() - 1)) < 0.01


def test_processes_give_the_same(tmp_path):
    runs = [simulate_observation(POINTING, seed=i, number=i, obs_id=i) for i in range(3)]
    write_store(runs, tmp_path / "runs")
    store = open_store(tmp_path / "runs")
    here = xg.background_model(store, AXIS, offset=OFFSET, progress=False, workers=1)
    there = xg.background_model(
        store, AXIS, offset=OFFSET, progress=False, workers=2, scheduler="processes"
    )
    xr.testing.assert_identical(here, there)


def test_written_as_gadf_and_as_netcdf(off_runs, tmp_path):
    model = xg.background_model(off_runs, AXIS, field=np.linspace(-2, 2, 9), **OPTIONS)
    run = off_runs[0].gamma.with_background(model)
    write_store([run], tmp_path / "runs")
    again = open_store(tmp_path / "runs")[0]
    np.testing.assert_allclose(again["bkg"].bkg, model.bkg)
    assert again["bkg"].attrs["FOVALIGN"] == "RADEC"
    model.to_netcdf(tmp_path / "model.nc")
    with xr.open_dataset(tmp_path / "model.nc") as read:
        back = off_runs[0].gamma.with_background(read.load())
    np.testing.assert_array_equal(back["bkg"].bkg, run["bkg"].bkg)


def test_a_model_of_old_hess_runs_follows_gadf(off_runs):
    """Files of H.E.S.S. DL3 DR1 mirror DETX; a model made here for such a run does not."""
    run = off_runs[0].copy()
    run["events"].attrs.update(CREATOR="SASH FITS::EventListWriter", HDUVERS="0.2")
    model = xg.background_model([run], AXIS, field=np.linspace(-2, 2, 9), **OPTIONS)
    tilted = model.assign(bkg=(model.bkg * (1 + 0.3 * model.detx)).assign_attrs(model.bkg.attrs))
    empty = xg.create_map(POINTING, "3 deg", "0.1 deg", AXIS)
    image = empty.gamma.fill_background(run.gamma.with_background(tilted)).background.sum(
        ("energy", "y")
    )
    # DETX grows to the west, as x does.
    assert image[-1] > image[0]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"zenith": [60, 10]}, "zenith= must be two or more increasing edges"),
        ({"azimuth": [0, 200, 500]}, "more than a turn"),
        ({"smooth": "-1 deg"}, "must not be negative"),
        ({"smooth": "1 TeV"}, "TeV"),
        ({"min_counts": -1}, "min_counts"),
        ({"errors": "ignore"}, "errors"),
        ({"offset": [0, 1, 3], "smooth": 0.2}, "equal width"),
        ({"exclusion": "icrs;circle(83.63, 22.51, 10)"}, "exclude less"),
    ],
)
def test_what_cannot_be(off_runs, options, sentence):
    with pytest.raises(xg.XGammaError, match=sentence):
        xg.background_model(off_runs[:1], AXIS, **options, **OPTIONS)


def test_no_runs():
    with pytest.raises(xg.XGammaError, match="No run"):
        xg.background_model([], AXIS, **OPTIONS)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (3, "must be a dataset"),
        (xr.Dataset(), "bkg"),
        (xr.Dataset({"bkg": ("x", [1.0])}), "kind"),
    ],
)
def test_what_is_no_model(off_runs, model, sentence):
    with pytest.raises(xg.XGammaError, match=sentence):
        off_runs[0].gamma.with_background(model)
