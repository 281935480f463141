"""The whole loop: one result whatever goes on in it, and nothing stacked by halves."""

import gc
import io
import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from tests.helpers.runs import POINTING, simulated, template, with_group
from xgamma.datasets.collection import collect
from xgamma.dl3 import open_store, simulate_store


def runs(n=3, **options):
    return [simulated(events=True, seed=i, number=i, obs_id=10 + i, **options) for i in range(n)]


@pytest.fixture(scope="module")
def three():
    return runs()


SAFE = {"methods": ["aeff-default", "offset-max"], "offset_max": "1.2 deg"}


def test_is_the_loop(three):
    """Exactly what the methods do one after another."""
    ds = xg.reduce(three, into=template(), cutout_width="2.5 deg", safe_mask=SAFE)
    parts = []
    for obs in three:
        one = template().gamma.cutout(obs.gamma.pointing, "2.5 deg")
        parts.append(one.gamma.fill(obs).gamma.safe_mask(obs, **SAFE))
    want = template().gamma.stack(*parts)
    for name in want.data_vars:
        if want[name].dtype.kind == "f":
            assert_allclose(ds[name], want[name], rtol=1e-6, err_msg=name)
        else:
            assert_array_equal(ds[name], want[name], err_msg=name)
    assert ds.obs_id.values.tolist() == [10, 11, 12]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_threads_change_nothing(three, workers):
    """Parallel stacking in gammapy adds in completion order; here the order is fixed."""
    one = xg.reduce(three, into=template(name="a"), safe_mask=SAFE, workers=1)
    many = xg.reduce(three, into=template(name="a"), safe_mask=SAFE, workers=workers)
    xr.testing.assert_identical(one, many)


def test_inputs_stay(three):
    ds = template()
    before, run = ds.copy(deep=True), three[0].copy(deep=True)
    xg.reduce(three, into=ds, safe_mask=SAFE)
    xr.testing.assert_identical(ds, before)
    xr.testing.assert_identical(three[0], run)


def test_offset_max_makes_its_cutout(three):
    a = xg.reduce(three, into=template(), offset_max="1.2 deg", safe_mask=["aeff-default"])
    b = xg.reduce(three, into=template(), safe_mask=SAFE)
    assert_array_equal(a.counts, b.counts)
    assert_array_equal(a.mask_safe, b.mask_safe)
    assert_allclose(a.exposure, b.exposure, rtol=1e-6)


def test_tree(three):
    tree = xg.reduce(three, into=template(), safe_mask=SAFE, stack=False, name="runs")
    assert list(tree.children) == ["10", "11", "12"]
    assert tree.name == "runs"
    total = template().gamma.stack(*[c.to_dataset() for c in tree.children.values()])
    want = xg.reduce(three, into=template(), safe_mask=SAFE)
    assert_array_equal(total.counts, want.counts)


def test_slices_of_one_run_do_not_collide(three):
    """gammapy's parallel maker keys its results by OBS_ID."""
    tree = xg.reduce([three[0], three[0]], into=template(), select="counts", stack=False)
    assert list(tree.children) == ["10", "10-2"]
    assert [c.attrs["name"] for c in tree.children.values()] == ["10", "10-2"]
    assert list(collect([]).children) == []


# --- runs that cannot be reduced -----------------------------------------------------------


def broken(obs):
    """The exposure of this run works, then its dispersion holds NaN."""
    edisp = obs["edisp"].to_dataset()
    values = edisp.edisp.values.copy()
    values[3, 4, 2] = np.nan
    return with_group(obs, "edisp", edisp=(edisp.edisp.dims, values, edisp.edisp.attrs))


@pytest.mark.parametrize("workers", [1, 2])
def test_broken_run_is_left_out_whole(three, workers):
    """Never half-stacked: not its counts, nor its times."""
    spoiled = [three[0], broken(three[1]), three[2]]
    with pytest.warns(xg.XGammaWarning, match=r"Run 11: .*NaN.* The run is omitted") as caught:
        ds = xg.reduce(spoiled, into=template(name="a"), errors="warn", workers=workers)
    assert len(caught) == 1
    want = xg.reduce([three[0], three[2]], into=template(name="a"))
    xr.testing.assert_identical(ds, want)


@pytest.mark.parametrize("workers", [1, 2])
def test_broken_run_is_named(three, workers):
    """#4563: a failure in a parallel job carries its run."""
    with pytest.raises(xg.XGammaError, match=r"^Run 11: .*NaN"):
        xg.reduce([three[0], broken(three[1])], into=template(), workers=workers)


def test_missing_response_is_named(three):
    with pytest.raises(xg.MissingDataError, match=r"^Run 11 has no 'psf' response"):
        xg.reduce([with_group(three[1], "psf")], into=template())


def test_foreign_errors_carry_their_traceback(three):
    def fails(ds, obs):
        raise KeyError("inner")

    with pytest.raises(
        xg.XGammaError, match=r"^Run 10: 'inner' \(KeyError\) .*no check foresaw.*\.$"
    ) as error:
        xg.reduce(three[:1], into=template(), background=fails)
    assert isinstance(error.value.__cause__, KeyError)
    with (
        pytest.warns(xg.XGammaWarning, match=r"(?s)Run 10: .*in fails"),
        pytest.raises(xg.XGammaError, match="No run was reduced"),
    ):
        xg.reduce(three[:1], into=template(), background=fails, errors="warn")


def test_run_outside_the_map(three):
    """#3978: left out with a warning, whatever errors= says."""
    far = simulated(pointing=(100.0, -30.0), obs_id=99)
    with pytest.warns(xg.XGammaWarning, match="Run 99: .*outside.* omitted"):
        ds = xg.reduce([*three, far], into=template(), cutout_width="2 deg")
    assert ds.obs_id.values.tolist() == [10, 11, 12]


@pytest.mark.parametrize("kind", ["map", "spectrum"])
def test_run_that_sees_nothing(three, kind):
    """Without a cutout too: its livetime would be counted and nothing else."""
    far = simulated(pointing=(100.0, -30.0), obs_id=99)
    into = template()
    if kind == "spectrum":
        energy = xg.energy_axis("1 TeV", "10 TeV", 3)
        into = xg.create_spectrum("icrs;circle(83.63, 22.01, 0.2)", energy, energy_true="reco")
    with pytest.warns(xg.XGammaWarning, match=f"Run 99: The {kind if kind == 'map' else 'region'}"):
        ds = xg.reduce([*three, far], into=into)
    assert ds.obs_id.values.tolist() == [10, 11, 12]
    with (
        pytest.warns(xg.XGammaWarning, match="omitted"),
        pytest.raises(xg.XGammaError, match="No run was reduced"),
    ):
        xg.reduce([far], into=into)


def test_run_at_the_edge_of_the_map(three):
    edge = simulated(pointing=(83.63, 23.6), obs_id=98)
    ds = xg.reduce([edge], into=template(), offset_max="1 deg", safe_mask=["aeff-default"])
    assert ds.obs_id.values.tolist() == [98]
    assert 0 < float(ds.mask_safe.mean()) < 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"errors": "ignore"}, "errors='ignore' is not recognised"),
        ({"background": {"method": "guess"}}, "'guess' is not recognised"),
        ({"background": "guess"}, "'guess' is not recognised"),
        ({"background": 3}, "background=3 is not valid"),
        ({"safe_mask": ["guess"]}, "'guess' is not recognised"),
        ({"select": ["count"]}, "select='count'"),
        ({"workers": 0}, "workers=0"),
    ],
)
def test_bad_options(three, options, message):
    with pytest.raises(xg.XGammaError, match=message):
        xg.reduce(three[:1], into=template(), **options)


def test_background_by_name(three):
    named, written = (
        xg.reduce(three[:1], into=template(), background=b, name="sum")
        for b in ("fov", {"method": "fov"})
    )
    xr.testing.assert_identical(named, written)


def test_nothing_to_reduce():
    with pytest.raises(xg.XGammaError, match="No run was reduced"):
        xg.reduce([], into=template())


def test_store(tmp_path):
    """A store's runs are opened one at a time, and one that cannot be opened is named."""
    path = simulate_store(tmp_path / "store", n_runs=3, livetime="2 min", seed=1)
    ds = xg.reduce(open_store(path), into=template(), select="counts")
    assert ds.obs_id.values.tolist() == [1, 2, 3]
    file = path / "data" / "obs_000002.fits.gz"
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.warns(xg.XGammaWarning, match="Run 2: "):
        left = xg.reduce(open_store(path), into=template(), select="counts", errors="warn")
    assert left.obs_id.values.tolist() == [1, 3]
    with pytest.raises(xg.XGammaError, match="Run 2: "):
        xg.reduce(open_store(path), into=template(), select="counts")


# --- resources -----------------------------------------------------------------------------


def resident():
    """Resident memory in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_does_not_grow():
    """#3530: a loop over 200 runs does not keep what a run took (0.4 MB each here)."""
    grid = template("3 deg", "0.1 deg", rad=xg.rad_axis("0.3 deg", 10))
    run = simulated()
    sizes = {}

    def stream():
        for number in range(200):
            if number in (40, 199):
                gc.collect()
                sizes[number] = resident()
            yield run

    xg.reduce(stream(), into=grid, safe_mask=["offset-max"], progress=False, workers=1)
    assert sizes[199] - sizes[40] < 10e6


class Terminal(io.StringIO):
    def __init__(self, tty):
        super().__init__()
        self.tty = tty

    def isatty(self):
        return self.tty


@pytest.mark.parametrize(
    ("tty", "progress", "shown"),
    [(True, None, True), (False, None, False), (False, True, True), (True, False, False)],
)
def test_progress_bar(three, monkeypatch, tty, progress, shown):
    """A bar where somebody looks."""
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    stream = Terminal(tty)
    monkeypatch.setattr(sys, "stderr", stream)
    xg.reduce(three[:2], into=template(), select="counts", progress=progress)
    assert ("reduce" in stream.getvalue()) is shown


def test_pointing_is_in_the_rows(three):
    """#5224, #5225: metadata of each run survives cutting and stacking."""
    ds = xg.reduce(three, into=template(), cutout_width="2 deg")
    assert_allclose(ds.pointing_lon, POINTING[0])
    assert_allclose(ds.pointing_lat, POINTING[1])
    assert float(ds.livetime.sum()) == pytest.approx(1800)
    assert ds.exposure.attrs["livetime"] == pytest.approx(1800)
    assert_array_equal(ds.counts_sum.sum("obs"), ds.counts.sum(("y", "x")))
