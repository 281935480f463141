"""Backgrounds that differ from gammapy's on purpose, its figure beside the truth."""

import warnings

import numpy as np
import pytest

import xgamma as xg
from tests.peer.test_background import peer_region
from xgamma.makers.region_finder import reflected_regions
from xgamma.regions import region_mask


@pytest.mark.parametrize(
    ("radius", "size"), [(0.11, -0.003), (0.05, -0.024), (0.03, -0.062), (0.02, -0.14)]
)
def test_overlapping_off_regions(gammapy, radius, size):
    """gammapy counts an event in two off regions once, but the acceptance of each region whole."""
    from astropy.coordinates import SkyCoord
    from gammapy.makers import ReflectedRegionsFinder

    pointing = SkyCoord(83.63, 22.51, unit="deg")
    text = f"icrs;circle(83.63, 22.01, {radius})"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, _ = ReflectedRegionsFinder().run(peer_region(text), pointing)
    # The part of the area that is counted, on pixels of 0.003 deg.
    frame = xg.create_map((83.63, 22.51), "1.3 deg", "0.003 deg", proj="TAN")
    union = float((region_mask(frame, list(theirs)) * frame.gamma.solid_angle).sum())
    each = 2 * np.pi * (1 - np.cos(np.deg2rad(radius)))
    assert union / (each * len(theirs)) - 1 == pytest.approx(size, abs=0.1 * abs(size) + 2e-3)
    ours = reflected_regions(text, pointing)
    if radius > 0.025:
        assert len(ours) == len(theirs)
