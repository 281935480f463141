"""Flux profiles: a known sky, gammapy, and regions in a row."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from scipy.special import erf

import xgamma as xg
from tests.helpers.from_gammapy import map_from_gammapy
from tests.helpers.small_datasets import crab, small_map

CENTER = "83.6d 22d"


@pytest.fixture(scope="module")
def source():
    return small_map(nbin=2).gamma.asimov(crab())


def test_rings_hold_the_flux_of_the_source(source):
    """All of a point source lies in four rings: their fluxes add up to its flux, to 1 %.

    The PSF ends at 0.7 deg; exposure and dispersion are the same everywhere.
    """
    model = crab()
    edges = source.gamma.edges("energy")[[0, -1]]
    rings = xg.ring_regions(CENTER, [0, 0.15, 0.3, 0.5, 0.8])
    profile = source.gamma.flux_profile(rings, spectrum=model.spectral, models=[])
    expected = model.spectral.integral(*edges).to_value("s-1 cm-2")
    assert float(profile.flux.sum()) == pytest.approx(expected, rel=1e-2)
    assert profile.flux.dims == ("region", "energy")
    assert list(profile.distance.values) == pytest.approx([0, 0.225, 0.4, 0.65])
    # The circle holds the centres of four pixels, a square of 0.2 deg; the PSF is 0.1 deg wide.
    share = float(profile.flux[0, 0]) / expected
    assert share == pytest.approx(erf(1 / np.sqrt(2)) ** 2, abs=2e-3)


def test_the_flux_is_over_models(source):
    rings = xg.ring_regions(CENTER, [0, 0.2, 0.4])
    profile = xg.flux_profile(source, rings, models=crab())
    np.testing.assert_allclose(profile.norm, 0, atol=0.02)
    kept = source.gamma.with_models(crab()).gamma.flux_profile(rings)
    np.testing.assert_array_equal(kept.norm, profile.norm)


def test_two_maps_are_fitted_together(source):
    again = source.assign_attrs(name="again")
    rings = xg.ring_regions(CENTER, [0, 0.2, 0.4])
    one = xg.flux_profile(source, rings, [1, 10], models=[])
    two = xg.collect([source, again]).gamma.flux_profile(rings, [1, 10], models=[])
    np.testing.assert_allclose(two.norm, one.norm, rtol=1e-5)
    np.testing.assert_allclose(two.norm_err, one.norm_err / np.sqrt(2), rtol=1e-4)
    np.testing.assert_allclose(two.counts, 2 * one.counts)


def test_gammapy_has_the_same_profile(data):
    """Galactic Centre, slices along the plane: norms, errors and ts to 1e-3."""
    pytest.importorskip("gammapy.estimators", reason="gammapy is not installed")
    import astropy.units as u
    from gammapy.datasets import MapDataset
    from gammapy.estimators import FluxProfileEstimator

    peer = MapDataset.read(data / "dl4/cta-1dc-gc.fits.gz", name="gc")
    start, stop = (SkyCoord(lon, 0, unit="deg", frame="galactic") for lon in (359, 1))
    regions = xg.slice_regions(start, stop, "0.6 deg", 3)
    estimator = FluxProfileEstimator(
        regions=regions, energy_edges=[1, 10] * u.TeV, selection_optional=["ul"]
    )
    expected = estimator.run([peer])
    ours = map_from_gammapy(peer)
    edges = expected.geom.axes["energy"].edges
    profile = ours.gamma.flux_profile(regions, edges, models=[], scheme="gammapy")
    for name, rtol in {"norm": 1e-3, "norm_err": 1e-3, "ts": 2e-3, "norm_ul": 1e-3}.items():
        peers = np.ravel(getattr(expected, name).data)
        np.testing.assert_allclose(profile[name].values[:, 0], peers, rtol=rtol)
    np.testing.assert_array_equal(profile.counts[:, 0], np.ravel(expected.counts.data))
    axis = expected.geom.axes["projected-distance"]
    np.testing.assert_allclose(profile.distance, axis.center.to_value("deg"), atol=1e-9)


def test_slices_are_those_of_gammapy():
    """The same rectangles: centres to 1e-3 deg (gammapy's are on the plane of the map), angles."""
    regions = pytest.importorskip("gammapy.utils.regions", reason="gammapy is not installed")
    import astropy.units as u

    ds = xg.create_map((0, 0), "4 deg", "0.05 deg", frame="galactic")
    start, stop = (
        SkyCoord(lon, lat, unit="deg", frame="galactic") for lon, lat in ((1, -1), (-1, 1))
    )
    ours = xg.slice_regions(start, stop, "0.4 deg", 4)
    peers = regions.make_orthogonal_rectangle_sky_regions(
        start, stop, ds.gamma.wcs, 0.4 * u.deg, nbin=4
    )
    masks = [ds.gamma.region_mask(r) for r in ours]
    assert int(sum(m.astype(int) for m in masks).max()) == 1
    for mine, theirs in zip(ours, peers, strict=True):
        same = (ds.gamma.region_mask(mine) == ds.gamma.region_mask(theirs)).mean()
        assert float(same) > 0.995


def test_rings_and_slices_cover_what_they_say():
    ds = small_map(binsz=0.02)
    rings = xg.ring_regions(CENTER, ["0 deg", "0.3 deg", "0.6 deg"])
    away = ds.gamma.separation(CENTER)
    for ring, (low, high) in zip(rings, [(0, 0.3), (0.3, 0.6)], strict=True):
        inside = (away > low) & (away < high)
        assert float((ds.gamma.region_mask(ring) == inside).mean()) > 0.995
    slices = xg.slice_regions("83.0d 22d", "84.2d 22d", "0.4 deg", 3)
    total = sum(int(ds.gamma.region_mask(s).sum()) for s in slices)
    joined = int(ds.gamma.region_mask(slices).sum())
    assert total == joined
    area = 1.2 * np.cos(np.radians(22)) * 0.4 / 0.02**2
    assert total == pytest.approx(area, rel=0.03)


WRONG = {
    "no regions": (lambda ds: xg.flux_profile(ds, []), "is empty"),
    "a spectrum": (
        lambda ds: xg.flux_profile(
            ds.gamma.to_spectrum("icrs;circle(83.6, 22, 0.2)"), "icrs;circle(83.6, 22, 0.2)"
        ),
        "is a spectrum",
    ),
    "elsewhere": (lambda ds: xg.flux_profile(ds, "icrs;circle(3, 22, 0.2)"), "no pixel"),
    "radii": (lambda ds: xg.ring_regions(CENTER, [0.2, 0.1]), "increasing"),
    "a point": (lambda ds: xg.slice_regions(CENTER, CENTER, 1, 3), "same position"),
    "no width": (lambda ds: xg.slice_regions(CENTER, "84d 22d", 0, 3), "above 0"),
    "number": (lambda ds: xg.slice_regions(CENTER, "84d 22d", 1, 0), "whole number"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_makes_no_profile_is_refused(what, source):
    call, sentence = WRONG[what]
    with pytest.raises(xg.XGammaError, match=sentence):
        call(source)


def test_on_off_maps_know_no_models(source):
    onoff = source.gamma.to_onoff(
        counts_off=5 * source.background, acceptance=1.0, acceptance_off=5.0
    )
    rings = xg.ring_regions(CENTER, [0, 0.2, 0.4])
    with pytest.raises(xg.XGammaError, match="on-off"):
        xg.flux_profile(onoff, rings, models=crab())
    known = xg.flux_profile(source, rings, models=[])
    found = xg.flux_profile(onoff, rings, models=[])
    np.testing.assert_allclose(found.norm, known.norm, atol=0.1 * float(known.norm.max()))
