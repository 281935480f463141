"""Where operations differ from gammapy's on purpose: each difference, and who is right.

The sizes are those of docs/coming-from-gammapy/differences.md.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from tests.helpers.gaussian_psf import SIGMA, gaussian_map

pytest.importorskip("gammapy", reason="gammapy is not installed: pip install -e .[peer]")


@pytest.fixture(scope="module")
def grids():
    """Pixels of 0.1 deg, here and there."""
    from gammapy.maps import WcsGeom

    options = {"width": (3, 2), "binsz": 0.1, "frame": "galactic"}
    ours = xg.create_map((10, 5), ("3 deg", "2 deg"), "0.1 deg", frame="galactic")
    return ours, WcsGeom.create(skydir=(10, 5), **options)


def both(grids, values):
    """One map, here and there."""
    from gammapy.maps import WcsNDMap

    ours, geom = grids
    name = "mask_fit" if values.dtype == bool else "counts"
    return ours.assign({name: (("y", "x"), values)})[name], WcsNDMap(geom, values)


def test_containment_radius_between_the_rings(data):
    """gammapy looks the radius up on a grid of a quarter of a ring, here it lies in between."""
    from gammapy.datasets import MapDataset

    path = data / "dl4/cta-1dc-gc.fits.gz"
    theirs, ours = MapDataset.read(path), xg.read_fits(path)
    energy = theirs.psf.psf_map.geom.axes["energy_true"].center
    found = ours.gamma.psf_containment_radius(fraction=0.68)
    peer = np.ravel(
        theirs.psf.containment_radius(energy_true=energy, fraction=0.68).to_value("deg")
    )
    assert 0.005 < np.abs(found.values / peer - 1).max() < 0.01
    assert np.abs(found.values - peer).max() < 0.0025 / 4


def test_containment_radius_of_a_gaussian():
    """P(<r) = 1 - exp(-r²/2σ²): rings of 0.002 deg give the radius to 1e-4."""

    ds = gaussian_map()
    for fraction in (0.39, 0.68, 0.95):
        truth = SIGMA * np.sqrt(-2 * np.log(1 - fraction))
        found = ds.gamma.psf_containment_radius(fraction=fraction)
        assert_allclose(found, truth, rtol=2e-4)


@pytest.mark.parametrize("sigma", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("fraction", [0.39, 0.68, 0.95])
def test_containment_radius_in_coarse_rings(sigma, fraction):
    """Rings of 0.01 deg that hold what a Gaussian has in them: exact."""
    from xgamma.numerics.radial import containment_radius

    edges = np.linspace(0, 0.66, 67)
    profile = np.diff(-np.exp(-0.5 * (edges / sigma) ** 2)) / np.diff(edges**2)
    truth = sigma * np.sqrt(-2 * np.log(1 - fraction))
    assert_allclose(containment_radius(profile, edges, fraction), truth, rtol=1e-8)


def test_dilation_reaches_as_far_as_it_says(grids):
    import astropy.units as u

    mask = np.zeros((20, 30), dtype=bool)
    mask[8:11, 10:13] = True
    mask[15, 25] = True
    ours, theirs = both(grids, mask)
    rows, columns = np.mgrid[:20, :30]
    for width, odd in ((0.1, 1), (0.2, 3), (0.25, 3), (0.3, 3)):
        near = [np.hypot(rows - j, columns - i) <= 10 * width + 1e-9 for j, i in np.argwhere(mask)]
        assert_array_equal(ours.gamma.dilate(width), np.any(near, axis=0))
        # gammapy rounds the radius up to an odd number of pixels, and drops a lone pixel.
        peer = theirs.binary_dilate(width * u.deg).data.astype(bool)
        assert not peer[15, 25]
        assert peer[9, 11 + odd]
        assert not peer[9, 13 + odd]


def test_box_smoothing_is_centred(grids):
    import astropy.units as u

    point = np.zeros((20, 30))
    point[10, 15] = 1.0
    ours, theirs = both(grids, point)
    for side, pixels, peers in ((0.3, 3, 2), (0.25, 3, 2), (0.5, 5, 5)):
        found = ours.gamma.smooth(side, "box").values
        peer = theirs.smooth(side * u.deg, kernel="box", mode="constant").data
        assert np.count_nonzero(found > 1e-9) == pixels**2
        assert_allclose((found * np.arange(30)).sum(), 15)
        assert np.count_nonzero(peer > 1e-9) == peers**2
        # An even side moves the map by half a pixel.
        assert_allclose((peer * np.arange(30)).sum(), 15 if peers % 2 else 15.5)


def test_smoothing_ends_at_the_edge(grids):
    ours, theirs = both(grids, np.ones((20, 30)))
    found = ours.gamma.smooth("0.2 deg").values
    peer = theirs.smooth("0.2 deg").data
    # gammapy mirrors the map at its edge unless it is told mode="constant".
    assert_allclose(peer, 1.0, rtol=1e-9)
    assert_allclose(found[10, 15], 1.0, rtol=1e-3)
    assert 0.25 < found[0, 0] < 0.4


def test_disc_with_pixels_on_its_rim(grids):
    import astropy.units as u

    point = np.zeros((20, 30))
    point[10, 15] = 1.0
    ours, theirs = both(grids, point)
    found = ours.gamma.smooth(0.3, "disk").values
    peer = theirs.smooth(0.3 * u.deg, kernel="disk", mode="constant").data
    assert np.count_nonzero(found > 1e-9) == 29
    assert np.count_nonzero(peer > 1e-9) == 25


def test_interpolation_does_not_mix_in_what_is_not_safe(grids):
    values = np.ones((20, 30))
    values[:, :15] = 1000.0
    ours, _ = grids
    safe = np.broadcast_to(np.arange(30) >= 15, (20, 30))
    ds = ours.assign(counts=(("y", "x"), values), mask_safe=(("y", "x"), safe))
    goal = xg.create_map((10, 5), "1 deg", "0.07 deg", frame="galactic")
    found = ds.gamma.interp_to(goal)
    assert_allclose(found.counts.where(found.mask_safe).max(), 0.49, rtol=1e-3)
    assert float(ds.counts.gamma.interp_to(goal, preserve_counts=True).max()) > 100


def small_onoff(seed=0):
    """An on-off map of six energy bins from 0.5 to 20 TeV, here and there."""
    from astropy import units as u
    from gammapy.datasets import MapDatasetOnOff
    from gammapy.maps import Map, MapAxis, WcsGeom

    edges = np.geomspace(0.5, 20, 7)
    axis = MapAxis.from_energy_edges(edges * u.TeV)
    geom = WcsGeom.create(skydir=(0, 0), width=1, binsz=0.1, frame="icrs", axes=[axis])
    rng = np.random.default_rng(seed)
    shape = geom.data_shape
    parts = {
        "counts": rng.poisson(2.0, shape),
        "counts_off": rng.poisson(9.0, shape) + 1,
        "acceptance": rng.uniform(0.5, 1.5, shape),
        "acceptance_off": rng.uniform(5.0, 9.0, shape),
    }
    maps = {n: Map.from_geom(geom, data=v.astype(float)) for n, v in parts.items()}
    safe = Map.from_geom(geom, data=np.ones(shape, dtype=bool))
    peer = MapDatasetOnOff(**maps, mask_safe=safe)
    ours = xg.create_map(
        (0, 0), "1 deg", "0.1 deg", xg.energy_axis_from_edges(edges), energy_true="reco"
    )
    ours = ours.assign(counts=(("energy", "y", "x"), parts.pop("counts")))
    return ours.gamma.to_onoff(**parts), peer


def test_slices_hold_whole_bins():
    """From 1 to 10 TeV gammapy takes the nearest edges, so energies that were not asked for."""
    from astropy import units as u

    ours, peer = small_onoff()
    here = ours.gamma.slice_energy("1 TeV", "10 TeV").gamma.edges("energy").to_value("TeV")
    there = peer.slice_by_energy(1 * u.TeV, 10 * u.TeV).counts.geom.axes["energy"].edges.value
    assert (here.size - 1, there.size - 1) == (2, 4)
    assert here[0] >= 1
    assert here[-1] <= 10
    assert there[0] < 0.93
    assert there[-1] > 10.8


def test_acceptance_of_joined_pixels_is_a_sum():
    """gammapy takes means: alpha, background and excess are the same."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from regions import CircleSkyRegion

    ours, peer = small_onoff()
    region = CircleSkyRegion(SkyCoord(0, 0, unit="deg"), 0.25 * u.deg)
    pixels = int(ours.gamma.region_mask(region).sum())
    pairs = [
        (ours.gamma.to_spectrum(region), peer.to_spectrum_dataset(region), pixels),
        (ours.gamma.downsample(2), peer.downsample(2), 4),
    ]
    for here, there, n in pairs:
        assert_allclose(np.ravel(here.acceptance), n * np.ravel(there.acceptance.data), rtol=1e-6)
        for name in ("alpha", "background", "excess"):
            values = getattr(here.gamma, name).values
            assert_allclose(values.ravel(), np.ravel(getattr(there, name).data), rtol=1e-5)


def test_solid_angle_beside_the_pole():
    """Of a tangential projection cos³θ dx dy; gammapy multiplies with the cosine of the latitude."""
    from gammapy.maps import WcsGeom

    ours = xg.create_map((40, 89.9), npix=(31, 30), binsz="0.1 deg", proj="TAN")
    peer = WcsGeom.create(skydir=(40, 89.9), npix=(31, 30), binsz=0.1, proj="TAN", frame="icrs")
    angle = np.radians(ours.gamma.separation((40, 89.9)).transpose("y", "x").values)
    truth = np.radians(0.1) ** 2 * np.cos(angle) ** 3
    found = ours.gamma.solid_angle.transpose("y", "x").values
    assert_allclose(found, truth, rtol=1e-6)
    assert np.abs(peer.solid_angle().to_value("sr") / truth - 1).max() > 0.9


def test_masked_datasets_keep_their_responses(data):
    """gammapy stacks into an empty dataset, so exposure, PSF and dispersion are cut too."""
    from gammapy.datasets import MapDataset

    path = data / "dl4/cta-1dc-gc.fits.gz"
    peer, ours = MapDataset.read(path), xg.read_fits(path)
    inside = ours.gamma.separation(ours.gamma.center) < 1
    ours = ours.assign(mask_safe=ours.mask_safe & inside)
    peer.mask_safe.data &= inside.transpose("y", "x").values
    masked = ours.gamma.to_masked()
    assert_array_equal(masked.counts, peer.to_masked().counts.data)
    assert_array_equal(masked.exposure, ours.exposure)
    assert peer.to_masked().exposure.data.sum() < 0.5 * peer.exposure.data.sum()
