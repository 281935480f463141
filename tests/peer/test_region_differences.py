"""Regions that the safe mask cuts, and circles on coarse pixels: gammapy beside the same map.

The sizes are those of docs/coming-from-gammapy/differences.md.
"""

import numpy as np
import pytest

from tests.helpers.point_source import ALONE, POINT, QUIET, npred_of, point_map, some_masks

pytest.importorskip("gammapy", reason="gammapy is not installed: pip install -e .[peer]")


@pytest.fixture(scope="module")
def ds():
    return point_map()


def _circle(radius):
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from regions import CircleSkyRegion

    return CircleSkyRegion(SkyCoord(83.63, 22.01, unit="deg"), radius * u.deg)


def _theirs(ds, path):
    from gammapy.datasets import MapDataset

    ds.gamma.to_fits(path)
    return MapDataset.read(path)


def _exposure(peer):
    return np.ravel(peer.exposure.quantity.to_value("m2 s"))


@QUIET
def test_half_of_a_region_hidden(ds, tmp_path):
    """gammapy 2.1 refuses a mask that is not the same all over the region; here it is predicted."""
    made = ds.assign(mask_safe=(ds.counts.dims, some_masks(ds)["half"]))
    peer = _theirs(made, tmp_path / "half.fits")
    with pytest.raises(Exception, match="spatially uniform"):
        peer.to_spectrum_dataset(_circle(0.2))
    ours = made.gamma.to_spectrum("icrs;circle(83.63, 22.01, 0.2)")
    # Where gammapy takes the region, the exposure is the same.
    whole = _theirs(ds, tmp_path / "whole.fits").to_spectrum_dataset(_circle(0.2))
    np.testing.assert_allclose(_exposure(whole), ours.exposure, rtol=5e-3)


@pytest.mark.parametrize(("radius", "size"), [(0.05, 1.163), (0.11, 1.022), (0.3, 0.992)])
def test_containment_in_pixels(ds, radius, size, tmp_path):
    """What the map predicts in the pixels summed is the truth; gammapy takes that of the circle."""
    region = f"icrs;circle(83.63, 22.01, {radius})"
    inside = ds.gamma.region_mask(region).values
    truth = np.where(inside, npred_of(ds, POINT), 0.0).sum()
    ours = ds.gamma.to_spectrum(region, containment_correction=True)
    peer = _theirs(ds, tmp_path / "map.fits").to_spectrum_dataset(
        _circle(radius), containment_correction=True
    )
    theirs = ours.assign(exposure=ours.exposure.copy(data=_exposure(peer)))
    found = [npred_of(d, ALONE).sum() / truth for d in (ours, theirs)]
    assert found[0] == pytest.approx(1, abs=0.01)
    assert found[1] == pytest.approx(size, abs=0.003)
