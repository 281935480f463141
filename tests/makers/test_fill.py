"""Filling a template: what is there afterwards, and what stays as it was."""

import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from tests.helpers.runs import POINTING, simulated, template

NAMES = ("counts", "exposure", "background", "psf", "edisp")
RESPONSES = ("psf", "psf_exposure", "edisp", "edisp_exposure")


@pytest.fixture(scope="module")
def run():
    return simulated(events=True, seed=3, obs_id=42)


@pytest.fixture(scope="module")
def whole(run):
    return template().gamma.fill(run)


def test_whole(whole):
    assert {*NAMES, "psf_exposure", "edisp_exposure"} <= set(whole.data_vars)
    assert xg.validate(whole) == []
    assert whole.gamma.kind == "map"


@pytest.mark.parametrize("name", NAMES)
def test_each_alone(run, whole, name):
    """ds.gamma.fill_counts and its siblings are parts of fill."""
    alone = getattr(template().gamma, f"fill_{name}")(run)
    assert name in alone
    assert not (set(NAMES) - {name}) & set(alone.data_vars)
    xr.testing.assert_identical(alone[name], whole[name])
    functional = xg.fill(template(), run, select=name)
    xr.testing.assert_identical(functional[name], whole[name])


def test_inputs_stay(run):
    """The template and the run are the same afterwards, bit for bit."""
    ds = template()
    before, run_before = ds.copy(deep=True), run.copy(deep=True)
    ds.gamma.fill(run)
    xr.testing.assert_identical(ds, before)
    xr.testing.assert_identical(run, run_before)


def test_row(run, whole):
    assert whole.obs_id.values.tolist() == [42]
    assert float(whole.livetime[0]) == pytest.approx(600)
    assert float(whole.ontime[0]) == pytest.approx(600 / 0.9)
    assert_allclose([whole.pointing_lon[0], whole.pointing_lat[0]], POINTING)
    assert_allclose(whole.gti_stop - whole.gti_start, 600 / 0.9)
    for name in ("livetime", "ontime", "time_start"):
        assert whole[name].attrs["units"] == "s"


def test_times_are_relative_to_the_reference(run):
    a = template(reference_time="2020-01-01").gamma.fill_counts(run)
    b = template(reference_time="2020-01-02").gamma.fill_counts(run)
    assert_allclose(a.gti_start - b.gti_start, 86400)
    assert_allclose(a.time_start - b.time_start, 86400)


def test_filling_again_replaces(run, whole):
    """A second run does not mix with the first, nor with what a mask made of it."""
    masked = whole.gamma.safe_mask(run, methods=["offset-max"], offset_max=0.3)
    other = simulated(events=True, seed=4, obs_id=43)
    again = masked.gamma.fill(other)
    xr.testing.assert_identical(again.counts, template().gamma.fill(other).counts)
    assert "mask_safe" not in again
    assert again.obs_id.values.tolist() == [43]
    only = masked.gamma.fill(other, select=["counts"])
    assert "exposure" not in only


def test_offset_limit(run, whole):
    """Beyond the limit maps are zero, within they are the same."""
    near = template().gamma.fill(run, offset_limit="1 deg")
    offset = near.gamma.separation(POINTING).values
    assert_array_equal(near.counts, whole.counts)
    for name in ("exposure", "background"):
        assert_array_equal(near[name].values[:, offset > 1], 0)
        assert_allclose(
            near[name].values[:, offset < 1], whole[name].values[:, offset < 1], rtol=1e-6
        )


@pytest.mark.parametrize("proj", ["CAR", "TAN", "ZEA"])
@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_any_projection(run, proj, frame):
    """The same sky in other pixels: the same totals, to the pixels at the border."""
    at = xg.core.units.position(POINTING).transform_to(frame)
    ds = template("6 deg", "0.1 deg", center=at, proj=proj, frame=frame).gamma.fill(
        run, select=["counts", "background", "exposure"]
    )
    circle = ds.gamma.separation(xg.core.units.position(POINTING)) < 2
    want = template("6 deg", "0.1 deg", center=POINTING).gamma.fill(
        run, select=["counts", "background", "exposure"]
    )
    same = want.gamma.separation(POINTING) < 2
    a, b = (float(d.background.where(m, 0).sum()) for d, m in ((ds, circle), (want, same)))
    assert a == pytest.approx(b, rel=5e-3)
    assert abs(int(ds.counts.sum()) - int(want.counts.sum())) < 5


def test_all_sky(run):
    """Pixels off the sky hold zero, not NaN."""
    ds = template(None, "4 deg", center=(0, 0), proj="AIT", frame="galactic", binsz_irf="20 deg")
    ds = ds.gamma.fill(run)
    for name in (*NAMES, *RESPONSES):
        assert bool(ds[name].notnull().all()), name
    assert float(ds.exposure.max()) > 0


def test_name(run):
    assert template(name="a").gamma.fill_counts(run).attrs["name"] == "a"
    assert template(name="a").gamma.fill(run, select="counts", name="b").attrs["name"] == "b"


def test_other_variables_stay(run):
    ds = template()
    ds = ds.assign(mask_fit=(("y", "x"), ds.gamma.separation(POINTING).values < 1))
    assert "mask_fit" in ds.gamma.fill_counts(run)
