"""Regions that exclude nothing are refused, by every door."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from regions import CirclePixelRegion, CircleSkyRegion, PixCoord, PolygonSkyRegion

import xgamma as xg
from tests.helpers.runs import simulated, template
from xgamma.background.exclusion import keep_at, keep_on
from xgamma.errors import XGammaError
from xgamma.model import sky

CENTER = SkyCoord(83.63, 22.01, unit="deg")
ANYWHERE = {
    "nan": ("icrs;circle(nan, 22.01, 0.5)", "center of a CircleSkyRegion is not finite"),
    "nan-object": (
        CircleSkyRegion(SkyCoord(np.nan, 0, unit="deg"), 1 * u.deg),
        "center of a CircleSkyRegion is not finite",
    ),
    "nan-vertex": (
        PolygonSkyRegion(SkyCoord([83, 84, np.nan], [21, 22, 22], unit="deg")),
        "vertices of a PolygonSkyRegion is not finite",
    ),
    "two points": ("icrs;polygon(83, 22, 84, 22)", "2 collinear vertices"),
    "one point twice": ("icrs;polygon(83, 22, 84, 22, 83, 22)", "3 collinear vertices"),
    "line": ("icrs;line(83, 22, 84, 22)", "has no area"),
    "text": ("icrs;text(83.6, 22) # text={Crab}", "has no area"),
    "negated": ("icrs;-circle(83.63, 22.01, 0.5)", "is negated"),
}
EXCLUSIONS = {
    "pixels": ("image;circle(5, 5, 3)", "is in pixels of an unknown image"),
    "pixel object": (CirclePixelRegion(PixCoord(5, 5), 3), "is in pixels of an unknown image"),
    "point": ("icrs;point(83.63, 22.01)", "has no area and excludes nothing"),
    "intersection": (
        CircleSkyRegion(CENTER, 1 * u.deg) & CircleSkyRegion(CENTER, 0.5 * u.deg),
        "joined by",
    ),
}


def on_map(region):
    return keep_on(template(), region)


def at_positions(region):
    return keep_at(region, sky.pixel_vectors(template()).reshape(3, -1), "icrs")


def in_reduce(region):
    background = {"method": "fov", "exclusion": region}
    return xg.reduce([simulated(events=True, seed=1)], template(), background=background)


def reflected(region):
    obs = simulated(events=True, seed=1)
    ds = xg.create_spectrum(
        "icrs;circle(83.63, 22.01, 0.1)", xg.energy_axis(1, 10, 2), energy_true="reco"
    )
    return ds.gamma.fill(obs).gamma.reflected_background(obs, exclusion=region)


@pytest.mark.parametrize("door", [on_map, at_positions, in_reduce, reflected])
@pytest.mark.parametrize("case", [*ANYWHERE, *EXCLUSIONS])
def test_an_exclusion_that_excludes_nothing_is_refused(door, case):
    region, message = (ANYWHERE | EXCLUSIONS)[case]
    with pytest.raises(XGammaError, match=message):
        door(region)


@pytest.mark.parametrize("case", ANYWHERE)
def test_elsewhere_too(case, tmp_path):
    region, message = ANYWHERE[case]
    obs = simulated(events=True, seed=1)
    with pytest.raises(XGammaError, match=message):
        template().gamma.region_mask(region)
    with pytest.raises(XGammaError, match=message):
        obs.gamma.select_events(region=region)
    with pytest.raises(XGammaError, match=message):
        template().gamma.region_mask(["icrs;circle(83, 22, 1)", region])
    if isinstance(region, str):
        (tmp_path / "some.reg").write_text(region.replace(";", "\n") + "\n")
        with pytest.raises(XGammaError, match=message):
            template().gamma.region_mask(str(tmp_path / "some.reg"))


def test_a_union_excludes_both_parts():
    far = CircleSkyRegion(SkyCoord(84.2, 22.01, unit="deg"), 0.3 * u.deg)
    near = CircleSkyRegion(CENTER, 0.4 * u.deg)
    ds = template()
    together = keep_on(ds, near | far)
    assert (together.values == keep_on(ds, [near, far]).values).all()
    vectors = sky.pixel_vectors(ds).reshape(3, -1)
    kept = keep_at(near | far, vectors, "icrs")
    assert (kept == (keep_at(near, vectors, "icrs") & keep_at(far, vectors, "icrs"))).all()
    assert 0 < (~kept).sum() < kept.size
