"""Summaries: sums of what is safe, by hand, and the live time behind them."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.datasets.stack import stack_all
from xgamma.dl3 import simulate_observation
from xgamma.tutorial import example_map

EMPTY = xg.create_map(
    (83.63, 22.01), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 4), energy_true="reco"
)


@pytest.fixture(scope="module")
def runs():
    return [
        simulate_observation((83.63, 22.01 + d), obs_id=k, seed=k)
        for k, d in enumerate((0.5, -0.5, 0.7))
    ]


def _filled(obs, safe=True):
    ds = EMPTY.gamma.fill(obs, select=["counts", "background", "exposure"])
    mask = np.zeros(ds.counts.shape, dtype=bool)
    mask[1:, 3:] = safe
    return ds.assign(mask_safe=(ds.counts.dims, mask))


def test_info_prints_what_info_dict_sums(runs):
    ds = _filled(runs[0])
    safe = ds.mask_safe.values
    by_hand = {
        "Total counts": f"{ds.counts.values[safe].sum()}",
        "Total background counts": f"{ds.background.values[safe].sum():.2f}",
        "Number of total bins": f"{safe.size}",
        "Number of fit bins": f"{safe.sum()}",
    }
    rows = dict(ds.gamma.info().rows())
    assert {k: rows[k] for k in by_hand} == by_hand
    assert ds.gamma.info_dict()["counts"] == ds.counts.values[safe].sum() < ds.counts.values.sum()
    assert ds.gamma.info_dict(in_safe_range=False)["counts"] == ds.counts.values.sum()


def test_info_as_gammapy(runs, gammapy, tmp_path):
    """gammapy prints the sums of the safe bins, too."""
    from gammapy.datasets import MapDataset

    ds = _filled(runs[0])
    ds.gamma.to_fits(tmp_path / "ds.fits")
    theirs = MapDataset.read(tmp_path / "ds.fits")
    expected, found = theirs.info_dict(), ds.gamma.info_dict()
    assert found["counts"] == expected["counts"]
    assert found["n_fit_bins"] == expected["n_fit_bins"]
    assert found["background"] == pytest.approx(float(expected["background"]), rel=1e-5)
    assert found["livetime"] == pytest.approx(expected["livetime"].to_value("s"))
    assert found["counts_rate"] == pytest.approx(expected["counts_rate"].to_value("s-1"))
    lines = {
        row.split(":")[0].strip(): row.split(":")[-1].strip() for row in str(theirs).splitlines()
    }
    assert f"{found['counts']}" == lines["Total counts"]


@pytest.mark.parametrize("known", ["rows", "exposure", "both", "neither"])
def test_livetime_where_it_is_known(runs, known):
    ds = _filled(runs[0])
    time = runs[0].gamma.livetime
    if known in ("exposure", "neither"):
        ds = ds.drop_vars("livetime")
    if known in ("rows", "neither"):
        ds["exposure"].attrs.pop("livetime")
    info = ds.gamma.info_dict()
    if known == "neither":
        assert np.isnan(info["livetime"])
        assert np.isnan(info["counts_rate"])
        return
    assert info["livetime"] == pytest.approx(time)
    assert info["counts_rate"] == pytest.approx(info["counts"] / time)
    table = xr.DataTree.from_dict({"a": ds}).gamma.info_table()
    assert table.livetime[0] == pytest.approx(time)
    stacked = stack_all([ds, ds])
    assert stacked.exposure.attrs["livetime"] == pytest.approx(2 * time)
    assert stacked.gamma.info_dict()["livetime"] == pytest.approx(2 * time)


def test_runs_of_which_nothing_is_safe_have_no_time(runs):
    parts = [_filled(runs[0]), _filled(runs[1], safe=False), _filled(runs[2])]
    times = [obs.gamma.livetime for obs in runs]
    hidden = parts[1].gamma.info_dict()
    assert hidden["livetime"] == 0
    assert parts[1].gamma.info_dict(in_safe_range=False)["livetime"] == pytest.approx(times[1])
    stacked = stack_all(parts)
    info = stacked.gamma.info_dict()
    assert info["livetime"] == pytest.approx(times[0] + times[2])
    assert info["counts_rate"] == pytest.approx(info["counts"] / (times[0] + times[2]))
    every = stacked.gamma.info_dict(in_safe_range=False)
    assert every["livetime"] == pytest.approx(sum(times))
    tree = xr.DataTree.from_dict({str(k): ds for k, ds in enumerate(parts)})
    for table in (tree.gamma.cumulative(), stacked.gamma.cumulative()):
        np.testing.assert_allclose(table.livetime, [times[0], 0.0, times[2]])
        assert float(table.livetime_sum[-1]) == pytest.approx(info["livetime"])
        assert float(table.counts_sum[-1]) == info["counts"]
    growing = tree.gamma.info_table(cumulative=True)
    np.testing.assert_allclose(growing.livetime, [times[0], times[0], times[0] + times[2]])


def test_an_empty_run_keeps_its_time():
    """No counts at all, but safe: the time counts."""
    parts = []
    for k, n in enumerate((4, 0)):
        empty = xg.create_spectrum(
            "icrs;circle(83.63, 22.01, 0.1)", xg.energy_axis(1, 10, 2), energy_true="reco"
        )
        ds = empty.gamma.fill(
            simulate_observation((83.63, 22.51), obs_id=k, seed=k), select=["exposure"]
        )
        ds = ds.assign(counts=("energy", [n, n]))
        parts.append(ds.gamma.to_onoff(n, 1, 4))
    stacked = stack_all(parts)
    table = stacked.gamma.cumulative()
    assert (table.livetime.values > 0).all()
    assert float(table.livetime_sum[-1]) == pytest.approx(stacked.gamma.info_dict()["livetime"])


def test_example_has_a_known_time():
    assert example_map().gamma.info_dict()["livetime"] > 0
