"""The left-hand column for gammapy users runs too, and gives what the right-hand one gives."""

import warnings

import numpy as np
import pytest

from tests.helpers.page_code import at_real, run_page

__all__ = ["at_real"]
pytestmark = pytest.mark.usefixtures("gammapy", "at_real", "offline")


@pytest.fixture
def offline(monkeypatch):
    """Keep gammapy's look at its set-up from asking its server."""
    check = pytest.importorskip("gammapy.utils.check")
    monkeypatch.setattr(check, "check_tutorials_setup", lambda: None)


def both(page):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run_page(page, "gammapy"), run_page(page)


def test_makers():
    peer, ours = both("makers")
    loop = peer["stacked"]
    for name in ("by_hand", "total"):
        np.testing.assert_array_equal(ours[name].counts, loop.counts.data)
        np.testing.assert_array_equal(ours[name].gamma.mask, loop.mask_safe.data)
        np.testing.assert_allclose(
            ours[name].background, loop.background.data, rtol=1e-4, atol=1e-8
        )
    for theirs in peer["datasets"]:
        run = ours["spectra"].gamma.dataset(theirs.name.removeprefix("obs-"))
        np.testing.assert_array_equal(run.counts, theirs.counts.data[:, 0, 0])
        np.testing.assert_array_equal(run.counts_off, theirs.counts_off.data[:, 0, 0])
        np.testing.assert_array_equal(run.gamma.mask, theirs.mask_safe.data[:, 0, 0])


def test_datasets():
    peer, ours = both("datasets")
    assert ours["npred"].sum() == pytest.approx(peer["npred"].data.sum(), rel=1e-5)
    mask = ours["cta"].mask_fit.transpose("energy", "y", "x")
    np.testing.assert_array_equal(mask, peer["dataset_cta"].mask_fit.data)
    names = {"cutout": "cutout", "sliced": "sliced", "downsampled": "downsampled"}
    names |= {"downsampled_energy": "downsampled_energy", "resampled": "resampled"}
    for name, theirs in (names | {"image": "dataset_image"}).items():
        np.testing.assert_array_equal(ours[name].counts, peer[theirs].counts.data)
    for name, theirs in {"spectrum": "spectrum_dataset", "region_map": "reg_dataset"}.items():
        np.testing.assert_array_equal(ours[name].counts, peer[theirs].counts.data[:, 0, 0])
    assert ours["stacked"].gamma.stat_sum() == pytest.approx(peer["stacked"].stat_sum(), rel=1e-6)
    assert sorted(peer["datasets"].names) == ours["tree"].gamma.names
