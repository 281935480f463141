"""Background methods against gammapy: its recorded figures, and its maps bin by bin."""

import warnings

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.from_gammapy import parse_region

CRAB = (83.63, 22.01)
RUNS = [23523, 23526, 23559, 23592]


@pytest.fixture(scope="module")
def runs(data):
    store = xg.open_store(data / "hess-dl3-dr1")
    return [store[i] for i in RUNS]


def check(ds, figures, rtol=1e-6, onoff=True):
    """Compare whole-map figures (sum, min, max) of a dataset with recorded ones."""
    for name, (total, low, high) in figures.items():
        values = ds.gamma.background if name == "background" else ds[name]
        values = values.values.astype(float)
        scale = max(abs(high), 1e-300)
        np.testing.assert_allclose(values.sum(), total, rtol=rtol, err_msg=name)
        np.testing.assert_allclose(values.min(), low, atol=rtol * scale, err_msg=name)
        np.testing.assert_allclose(values.max(), high, rtol=rtol, err_msg=name)
        if name in {"counts", "counts_off"}:
            assert values.sum() == total


# --- crab3d_fov -------------------------------------------------------------------------


def test_crab3d_fov(runs):
    empty = xg.create_map(
        CRAB, "5 deg", "0.02 deg", xg.energy_axis("1 TeV", "10 TeV", 11), energy_true="reco"
    )
    mask = empty.gamma.region_mask("icrs;circle(83.63, 22.01, 0.2)", inside=False)
    ds = xg.reduce(
        runs,
        into=empty,
        cutout_width="6 deg",
        safe_mask={"methods": ["aeff-default", "offset-max"], "offset_max": "3 deg"},
        background={"method": "fov", "exclusion": mask},
    )
    figures = {
        "counts": (7972.0, 0.0, 5.0),
        "background": (7559.603958817432, 0.0, 0.05442894250154495),
        "exposure": (821663685001578.0, 0.0, 3216927744.0),
    }
    check(ds, figures)
    assert int(ds.mask_safe.sum()) == 687214
    np.testing.assert_allclose(float(ds.edisp.sum(dtype=float)), 6241.17572118472, rtol=1e-6)
    assert ds.background_norm.dims == ("obs", "energy")


# --- ring_images ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def image():
    axes = {
        "energy": xg.energy_axis("1 TeV", "10 TeV", 1),
        "energy_true": xg.energy_axis("0.5 TeV", "20 TeV", 20),
    }
    return xg.create_map(CRAB, "4 deg", "0.02 deg", **axes)


SAFE = {"methods": ["offset-max"], "offset_max": "2.5 deg"}
RING_FIGURES = {
    "counts": (6170.0, 0.0, 14.0),
    "background": (5652.95667815581, 0.035183899104595184, 0.23135273158550262),
    "exposure": (1156286762306876.0, 38380208.0, 3517014528.0),
    "counts_off": (13923159.0, 55.0, 656.0),
    "acceptance": (6563.250175893307, 0.052567023783922195, 0.24252301454544067),
    "acceptance_off": (16105409.459960938, 77.54183197021484, 698.0518798828125),
}


def test_ring_images(runs, image):
    mask = image.gamma.region_mask("icrs;circle(83.63, 22.01, 0.3)", inside=False)
    ring = {"method": "ring", "r_in": "0.5 deg", "width": "0.3 deg", "exclusion": mask}
    ds = xg.reduce(runs, into=image, safe_mask=SAFE, background=ring)
    check(ds, RING_FIGURES)
    assert int(ds.mask_safe.sum()) == 40000


def test_adaptive_ring_counts_off_as_the_peer_chooses_rings(runs, image):
    # gammapy's on region is one pixel, whatever theta says; with such a theta all agrees.
    mask = image.gamma.region_mask("icrs;circle(83.63, 22.01, 0.3)", inside=False)
    ring = {
        "method": "adaptive_ring",
        "r_in": "0.5 deg",
        "width": "0.3 deg",
        "r_out_max": "1.2 deg",
        "stepsize": "0.1 deg",
        "theta": "1 arcsec",
        "exclusion": mask,
    }
    ds = xg.reduce(runs, into=image, safe_mask=SAFE, background=ring)
    check(ds, RING_FIGURES)


# --- crab1d_reflected -------------------------------------------------------------------

REFLECTED = {
    "23523": (192, 154, 8.0, 23654947757.78856, 46.803748702346525, 13),
    "23526": (201, 168, 9.0, 22208026252.608513, 46.84340174992865, 14),
    "23559": (166, 494, 39.0, 14902002114.031673, 46.034620666356815, 14),
    "23592": (141, 500, 39.0, 15823193133.011496, 47.06564497187904, 13),
}


@pytest.fixture(scope="module")
def spectrum_options():
    from astropy.coordinates import SkyCoord

    center = SkyCoord(*CRAB, unit="deg").galactic
    frame = xg.create_map(center, npix=150, binsz="0.05 deg", proj="TAN", frame="galactic")
    mask = frame.gamma.region_mask("icrs;circle(83.63, 22.01, 0.5)", inside=False)
    return {
        "select": ["counts", "exposure", "edisp"],
        "safe_mask": {"methods": ["aeff-max"], "aeff_percent": 10},
        "background": {"method": "reflected", "exclusion": mask, "scheme": "gammapy"},
        "containment_correction": True,
    }


@pytest.fixture(scope="module")
def spectrum():
    return xg.create_spectrum(
        "icrs;circle(83.63, 22.01, 0.11)",
        xg.energy_axis("0.1 TeV", "40 TeV", 20),
        xg.energy_axis("0.05 TeV", "100 TeV", 60),
    )


def test_crab1d_reflected_runs(runs, spectrum, spectrum_options):
    tree = xg.reduce(runs, into=spectrum, stack=False, **spectrum_options)
    for name, (on, off, regions, exposure, edisp, safe) in REFLECTED.items():
        ds = tree[name].to_dataset()
        assert (int(ds.counts.sum()), int(ds.counts_off.sum())) == (on, off)
        np.testing.assert_array_equal(ds.acceptance, 1.0)
        np.testing.assert_array_equal(ds.acceptance_off, regions)
        np.testing.assert_allclose(float(ds.exposure.sum()), exposure, rtol=1e-6)
        np.testing.assert_allclose(float(ds.edisp.sum()), edisp, rtol=1e-6)
        assert int(ds.mask_safe.sum()) == safe
        assert ds.off_regions.values[0].count("circle") == regions


def test_crab1d_reflected_stack(runs, spectrum, spectrum_options):
    ds = xg.reduce(runs, into=spectrum, **spectrum_options)
    figures = {
        "counts": (511.0, 0.0, 111.0),
        "background": (33.3162395991385, 0.0, 7.153846263885498),
        "exposure": (76588169264.0, 0.0, 2635591424.0),
        "counts_off": (698.0, 0.0, 159.0),
        "acceptance": (54.0, 0.0, 4.0),
        "acceptance_off": (1211.4442138671875, 0.0, 156.0),
    }
    check(ds, figures)
    # gammapy weights with the exposure before containment (test_background_differences.py).
    assert float(ds.edisp.sum()) / 33.49880826901082 - 1 == pytest.approx(0.00172, abs=2e-5)
    assert int(ds.mask_safe.sum()) == 14
    assert ds.sizes["obs"] == 4


# --- magic_rad_max ----------------------------------------------------------------------

MAGIC = {
    5029747: (795, 379, 1899456995.0380173, 23.139458117352696),
    5029748: (837, 421, 1693882011.2170215, 23.24002921746927),
}


def test_magic_rad_max(data):
    store = xg.open_store(data / "magic" / "rad_max" / "data")
    empty = xg.create_spectrum(
        "icrs;point(83.63308333, 22.0145)",
        xg.energy_axis("50 GeV", "50 TeV", 15),
        xg.energy_axis("10 GeV", "100 TeV", 28),
    )
    for obs_id, (on, off, exposure, edisp) in MAGIC.items():
        obs = store[obs_id]
        ds = empty.gamma.fill(obs, select=["counts", "exposure", "edisp"])
        ds = ds.gamma.reflected_background(obs, n_off_regions=1)
        assert (int(ds.counts.sum()), int(ds.counts_off.sum())) == (on, off)
        np.testing.assert_array_equal(ds.acceptance_off, 1.0)
        np.testing.assert_allclose(float(ds.exposure.sum()), exposure, rtol=1e-6)
        np.testing.assert_allclose(float(ds.edisp.sum()), edisp, rtol=1e-6)


# --- live, map by map -------------------------------------------------------------------


REGIONS = {
    "circle": "icrs;circle(83.63, 22.01, 0.11)",
    "ellipse": "icrs;ellipse(83.63, 22.01, 0.2, 0.1, 30)",
    "box": "icrs;box(83.63, 22.01, 0.3, 0.12, 20)",
    "galactic": "galactic;circle(184.56, -5.79, 0.15)",
}


@pytest.mark.parametrize("shape", REGIONS)
@pytest.mark.parametrize("pointing", [(83.63, 22.51), (84.9, 21.6)])
def test_reflected_regions_as_the_peer(gammapy, shape, pointing):
    from astropy.coordinates import SkyCoord
    from gammapy.makers import ReflectedRegionsFinder
    from gammapy.maps import WcsGeom

    region, center = parse_region(REGIONS[shape]), SkyCoord(*pointing, unit="deg")
    geom = WcsGeom.create(skydir=center, binsz=0.02, width=6, frame="galactic", proj="TAN")
    excluded = "icrs;circle(83.9, 22.9, 0.3)"
    mask = geom.region_mask([parse_region(excluded)], inside=False)
    theirs, _ = ReflectedRegionsFinder(min_distance="0.05 rad").run(region, center, mask)
    frame = xg.create_map(center, "6 deg", "0.02 deg", proj="TAN", frame="galactic")
    keep = frame.gamma.region_mask(excluded, inside=False)
    from xgamma.background.region_finder import reflected_regions

    ours = reflected_regions(region, center, keep, min_distance="0.05 rad")
    assert len(ours) == len(theirs) > 3
    for a, b in zip(ours, theirs, strict=True):
        assert type(a) is type(b)
        assert a.center.separation(b.center).arcsec < 0.01
        if hasattr(b, "angle"):
            np.testing.assert_allclose(a.angle.to_value("deg") % 360, b.angle.to_value("deg") % 360)


@pytest.mark.parametrize("number", [1, 3, 5, 40])
def test_wobble_regions_as_the_peer(gammapy, number):
    from astropy.coordinates import SkyCoord
    from gammapy.makers import WobbleRegionsFinder

    from xgamma.background.region_finder import reflected_regions

    region, center = parse_region(REGIONS["circle"]), SkyCoord(83.63, 22.51, unit="deg")
    theirs, _ = WobbleRegionsFinder(n_off_regions=number).run(region, center)
    ours = reflected_regions(region, center, n_off_regions=number)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.center.separation(b.center).arcsec < 0.01


@pytest.fixture(scope="module")
def peer_image(data, gammapy):
    """One run as an image of gammapy, and the same of ours."""
    import astropy.units as u
    from astropy.coordinates import SkyCoord
    from gammapy.data import DataStore
    from gammapy.datasets import MapDataset
    from gammapy.makers import MapDatasetMaker, SafeMaskMaker
    from gammapy.maps import MapAxis, WcsGeom

    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=1)
    geom = WcsGeom.create(skydir=SkyCoord(*CRAB, unit="deg"), axes=[energy], width=4, binsz=0.04)
    obs = DataStore.from_dir(data / "hess-dl3-dr1").obs(23523)
    maker = MapDatasetMaker(selection=["counts", "background"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = maker.run(MapDataset.create(geom), obs)
        theirs = SafeMaskMaker(methods=["offset-max"], offset_max=1.5 * u.deg).run(theirs, obs)
        theirs = theirs.to_image()
    run = xg.open_store(data / "hess-dl3-dr1")[23523]
    empty = xg.create_map(
        CRAB, "4 deg", "0.04 deg", xg.energy_axis("1 TeV", "10 TeV", 1), energy_true="reco"
    )
    ours = empty.gamma.fill(run, select=["counts", "background"])
    ours = ours.gamma.safe_mask(run, methods=["offset-max"], offset_max="1.5 deg")
    return theirs, ours


def compare_off(ours, theirs, names):
    safe = theirs.mask_safe.data
    np.testing.assert_array_equal(ours.mask_safe, safe)
    for name in names:
        expected = np.where(safe, getattr(theirs, name).data, 0.0)
        found = np.where(safe, ours[name], 0.0)
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-4, err_msg=name)


def test_ring_maps(peer_image):
    from gammapy.makers import RingBackgroundMaker

    theirs, ours = peer_image
    mask = theirs.counts.geom.region_mask([parse_region(REGIONS["circle"])], inside=False)
    ring = RingBackgroundMaker(r_in="0.5 deg", width="0.3 deg", exclusion_mask=mask).run(theirs)
    keep = ours.gamma.region_mask(REGIONS["circle"], inside=False)
    ours = ours.gamma.ring_background("0.5 deg", "0.3 deg", exclusion=keep)
    compare_off(ours, ring, ("counts_off", "acceptance", "acceptance_off"))


@pytest.mark.parametrize("method", ["fixed_width", "fixed_r_in"])
def test_adaptive_ring_maps_with_the_size_put_right(peer_image, method):
    # gammapy multiplies theta by the pixel scale: given theta / scale^2 it sums the disc meant.
    from gammapy.makers import AdaptiveRingBackgroundMaker

    theirs, ours = peer_image
    options = {
        "r_in": "0.5 deg",
        "width": "0.2 deg",
        "r_out_max": "1.3 deg",
        "stepsize": "0.1 deg",
        "method": method,
    }
    ring = AdaptiveRingBackgroundMaker(theta=f"{0.16 / 0.04**2} deg", **options).run(theirs)
    found = ours.gamma.adaptive_ring_background(theta="0.16 deg", **options)
    safe = found.mask_safe.values & ring.mask_safe.data & np.isfinite(ring.counts_off.data)
    assert safe.sum() > 1500
    for ours_name, name in (
        ("counts_off", "counts_off"),
        ("acceptance_off", "acceptance_off"),
        ("acceptance_region", "acceptance"),
    ):
        expected = getattr(ring, name).data[safe]
        np.testing.assert_allclose(found[ours_name].values[safe], expected, rtol=1e-4, atol=1e-3)
    assert np.unique(np.round(found.acceptance_off.values[safe], 3)).size > 100


def test_use_region_center_false_exposure_as_the_peer(data, gammapy, runs):
    from gammapy.data import DataStore
    from gammapy.datasets import SpectrumDataset
    from gammapy.makers import SpectrumDatasetMaker
    from gammapy.maps import MapAxis, RegionGeom

    text = "icrs;circle(83.63, 22.01, 0.4)"
    energy = MapAxis.from_energy_bounds("0.5 TeV", "40 TeV", nbin=8)
    true = MapAxis.from_energy_bounds("0.3 TeV", "100 TeV", nbin=12, name="energy_true")
    geom = RegionGeom.create(parse_region(text), axes=[energy])
    empty = SpectrumDataset.create(geom, energy_axis_true=true)
    maker = SpectrumDatasetMaker(
        selection=["counts", "exposure", "background"], use_region_center=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = maker.run(empty, DataStore.from_dir(data / "hess-dl3-dr1").obs(23523))
    axes = xg.energy_axis("0.5 TeV", "40 TeV", 8), xg.energy_axis("0.3 TeV", "100 TeV", 12)
    ds = xg.create_spectrum(text, *axes).gamma.fill(
        runs[0], select=["counts", "exposure", "background"], use_region_center=False
    )
    np.testing.assert_array_equal(ds.counts, theirs.counts.data[:, 0, 0])
    # gammapy lays its pixels a little differently over the rim of the region.
    np.testing.assert_allclose(ds.exposure, theirs.exposure.data[:, 0, 0], rtol=1e-3)
    np.testing.assert_allclose(ds.background, theirs.background.data[:, 0, 0], rtol=5e-3)


@pytest.fixture(scope="module")
def peer_cube(data, gammapy):
    """One run in five energy bins of gammapy, and the same of ours."""
    import astropy.units as u
    from astropy.coordinates import SkyCoord
    from gammapy.data import DataStore
    from gammapy.datasets import MapDataset
    from gammapy.makers import MapDatasetMaker, SafeMaskMaker
    from gammapy.maps import MapAxis, WcsGeom

    energy = MapAxis.from_energy_bounds("0.7 TeV", "20 TeV", nbin=5)
    geom = WcsGeom.create(skydir=SkyCoord(*CRAB, unit="deg"), axes=[energy], width=4, binsz=0.05)
    obs = DataStore.from_dir(data / "hess-dl3-dr1").obs(23526)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = MapDatasetMaker(selection=["counts", "background"]).run(
            MapDataset.create(geom), obs
        )
        theirs = SafeMaskMaker(methods=["offset-max"], offset_max=1.8 * u.deg).run(theirs, obs)
    run = xg.open_store(data / "hess-dl3-dr1")[23526]
    empty = xg.create_map(
        CRAB, "4 deg", "0.05 deg", xg.energy_axis("0.7 TeV", "20 TeV", 5), energy_true="reco"
    )
    ours = empty.gamma.fill(run, select=["counts", "background"])
    return theirs, ours.gamma.safe_mask(run, methods=["offset-max"], offset_max="1.8 deg")


@pytest.mark.parametrize("tilt", [False, True])
def test_fov_fit(peer_cube, tilt):
    from gammapy.makers import FoVBackgroundMaker
    from gammapy.modeling.models import PowerLawNormSpectralModel

    theirs, ours = peer_cube
    circle = "icrs;circle(83.63, 22.01, 0.4)"
    mask = theirs.counts.geom.region_mask([parse_region(circle)], inside=False)
    model = PowerLawNormSpectralModel()
    model.tilt.frozen = not tilt
    maker = FoVBackgroundMaker(method="fit", exclusion_mask=mask, spectral_model=model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = maker.run(theirs.copy(name="one"))
    parameters = fitted.background_model.spectral_model.parameters
    name = "norm+tilt" if tilt else "norm"
    keep = ours.gamma.region_mask(circle, inside=False)
    found = ours.gamma.fov_background(keep, method="fit", spectral_model=name)
    expected = fitted.npred_background().data
    np.testing.assert_allclose(found.background, expected, rtol=2e-3, atol=1e-9)
    error = parameters["norm"].error
    at_1_tev = found.background_norm_error[0, 0]
    if tilt:
        np.testing.assert_allclose(found.background_tilt[0], parameters["tilt"].value, atol=2e-3)
        np.testing.assert_allclose(
            found.background_tilt_error[0], parameters["tilt"].error, rtol=0.02
        )
    else:
        np.testing.assert_allclose(at_1_tev, error, rtol=0.02)


def test_significance_maps(peer_cube):
    from gammapy.estimators import ExcessMapEstimator

    theirs, ours = peer_cube
    estimator = ExcessMapEstimator("0.2 deg", energy_edges=None, sum_over_energy_groups=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from astropy import units as u

        estimator.energy_edges = theirs.counts.geom.axes["energy"].edges
        estimator.correlation_radius = 0.2 * u.deg
        expected = estimator.run(theirs)
    found = ours.gamma.significance("0.2 deg")
    inner = (ours.gamma.separation(CRAB) < 1.0).values
    for name, values in (
        ("counts", expected["npred"].data),
        ("excess", expected["npred_excess"].data),
        ("significance", expected["sqrt_ts"].data),
    ):
        if name == "counts":
            continue
        np.testing.assert_allclose(
            found[name].values[:, inner], values[:, inner], rtol=2e-3, atol=2e-3, err_msg=name
        )


def test_on_off_stack_of_spectra(gammapy):
    from gammapy.datasets import Datasets, SpectrumDatasetOnOff
    from gammapy.maps import MapAxis, RegionGeom, RegionNDMap

    edges = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=6)
    geom = RegionGeom.create(parse_region("icrs;circle(83.63, 22.01, 0.11)"), axes=[edges])
    rng = np.random.default_rng(3)
    theirs, ours = Datasets(), []
    empty = xg.create_spectrum(
        "icrs;circle(83.63, 22.01, 0.11)", xg.energy_axis("1 TeV", "10 TeV", 6), energy_true="reco"
    )
    for k in range(4):
        values = {
            "counts": rng.poisson(3, 6),
            "counts_off": rng.poisson(1.5, 6),
            "acceptance": np.ones(6),
            "acceptance_off": rng.integers(2, 20, 6).astype(float),
        }
        safe = rng.random(6) > 0.2
        maps = {n: RegionNDMap.from_geom(geom, data=v.astype(float)) for n, v in values.items()}
        maps["mask_safe"] = RegionNDMap.from_geom(geom, data=safe)
        theirs.append(SpectrumDatasetOnOff(name=f"d{k}", **maps))
        ds = empty.assign(counts=("energy", values.pop("counts")), mask_safe=("energy", safe))
        ours.append(ds.gamma.to_onoff(**values))
    expected, found = theirs.stack_reduce(name="stacked"), xg.stack(ours)
    for name in ("counts", "counts_off", "acceptance", "acceptance_off", "mask_safe"):
        np.testing.assert_allclose(
            found[name], getattr(expected, name).data[:, 0, 0], rtol=1e-5, err_msg=name
        )
    np.testing.assert_allclose(found.gamma.excess, expected.excess.data[:, 0, 0], atol=1e-5)


def test_observation_time(data, gammapy, runs):
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from gammapy.data import DataStore
    from gammapy.makers.utils import make_observation_time_map
    from gammapy.maps import WcsGeom

    geom = WcsGeom.create(skydir=SkyCoord(*CRAB, unit="deg"), width=5, binsz=0.1)
    observations = DataStore.from_dir(data / "hess-dl3-dr1").get_observations(RUNS)
    theirs = make_observation_time_map(observations, geom, offset_max=2 * u.deg)
    ours = xg.observation_time_map(runs, xg.create_map(CRAB, "5 deg", "0.1 deg"), "2 deg")
    np.testing.assert_allclose(ours, theirs.quantity.to_value("h"), rtol=1e-6, atol=1e-9)


def test_theta_squared(data, gammapy, runs):
    from astropy.coordinates import SkyCoord
    from gammapy.data import DataStore
    from gammapy.makers.utils import make_theta_squared_table
    from gammapy.maps import MapAxis

    axis = MapAxis.from_bounds(0, 0.2, nbin=20, interp="lin", unit="deg2")
    observations = DataStore.from_dir(data / "hess-dl3-dr1").get_observations(RUNS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = make_theta_squared_table(
            observations, theta_squared_axis=axis, position=SkyCoord(*CRAB, unit="deg")
        )
    ours = xg.theta2(runs, CRAB, max="0.2 deg2", nbin=20)
    np.testing.assert_array_equal(ours.counts, theirs["counts"])
    np.testing.assert_array_equal(ours.counts_off, theirs["counts_off"])
    np.testing.assert_allclose(ours.significance, theirs["sqrt_ts"], rtol=1e-3, atol=1e-3)


def test_phases(data, gammapy, runs):
    from gammapy.data import DataStore
    from gammapy.datasets import SpectrumDataset
    from gammapy.makers import PhaseBackgroundMaker, SpectrumDatasetMaker
    from gammapy.maps import MapAxis, RegionGeom
    from xarray import DataTree

    text = "icrs;circle(83.63, 22.01, 0.2)"
    obs = DataStore.from_dir(data / "hess-dl3-dr1").obs(23523)
    # gammapy reads events anew at each access, unless they are set.
    events = obs.events
    phase = np.random.default_rng(0).random(len(events.table))
    events.table["PHASE"] = phase
    obs._events = events
    axis = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=4)
    geom = RegionGeom.create(parse_region(text), axes=[axis])
    maker = PhaseBackgroundMaker(on_phase=(0.1, 0.3), off_phase=[(0.5, 0.9)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = SpectrumDatasetMaker(selection=["counts"]).run(SpectrumDataset.create(geom), obs)
        theirs = maker.run(theirs, obs)
    run = runs[0].copy()
    events = run["events"].to_dataset()
    run["events"] = DataTree(events.assign(phase=("event", phase)))
    empty = xg.create_spectrum(text, xg.energy_axis("0.5 TeV", "20 TeV", 4), energy_true="reco")
    ours = empty.gamma.fill(run, select=["counts"])
    ours = ours.gamma.phase_background(run, (0.1, 0.3), (0.5, 0.9))
    np.testing.assert_array_equal(ours.counts, theirs.counts.data[:, 0, 0])
    np.testing.assert_array_equal(ours.counts_off, theirs.counts_off.data[:, 0, 0])
    np.testing.assert_allclose(ours.gamma.alpha, theirs.alpha.data[:, 0, 0])


# --- joint_crab_hess: stacking on-off spectra from files ---------------------------------


def test_joint_crab_hess_stack(data, gammapy):
    from gammapy.datasets import SpectrumDatasetOnOff

    from xgamma.model.schema import variable_attrs

    ours = []
    for path in sorted((data / "joint-crab/spectra/hess").glob("pha_*.fits")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = SpectrumDatasetOnOff.read(path)
        reco, true = (theirs.counts.geom.axes["energy"], theirs.exposure.geom.axes["energy_true"])
        ds = xg.create_spectrum(
            "icrs;circle(83.63, 22.01, 0.11)",
            xg.energy_axis_from_edges(reco.edges.to_value("TeV")),
            xg.energy_axis_from_edges(true.edges.to_value("TeV"), name="energy_true"),
        )
        flat = {
            n: getattr(theirs, n).data[:, 0, 0]
            for n in ("counts", "counts_off", "acceptance", "acceptance_off", "mask_safe")
        }
        exposure = theirs.exposure.data[:, 0, 0], {"units": str(theirs.exposure.unit)}
        kernel = theirs.edisp.edisp_map.data[:, :, 0, 0]
        ds = ds.assign(
            counts=("energy", flat.pop("counts")),
            mask_safe=("energy", flat.pop("mask_safe")),
            exposure=("energy_true", *exposure),
            edisp=(("energy_true", "energy"), kernel, variable_attrs("edisp")),
        )
        ours.append(ds.gamma.to_onoff(**flat))
    figures = {
        "counts": (459.0, 0.0, 54.0),
        "background": (27.500000942498446, 0.0, 3.4083333015441895),
        "exposure": (83852216606.25, 0.0, 2625068032.0),
        "counts_off": (645.0, 0.0, 78.0),
        "acceptance": (168.0, 0.0, 4.0),
        "acceptance_off": (4496.566352844238, 0.0, 160.0),
    }
    stacked = xg.stack(ours)
    check(stacked, figures)
    assert int(stacked.mask_safe.sum()) == 43
    np.testing.assert_allclose(float(stacked.edisp.sum()), 42.76877661342552, rtol=1e-5)
    part = stacked.where((stacked.energy_lo >= 1) & (stacked.energy_hi <= 10), drop=True)
    assert float(part.counts.sum()) <= 459


SPECTRA = [
    ("cta-1dc/index/gps", 111140, "galactic;circle(0.2, 0.1, 0.3)", True),
    ("hess-dl3-dr1", 23559, "icrs;ellipse(83.63, 22.01, 0.4, 0.2, 30)", False),
]


@pytest.mark.parametrize(("folder", "run", "text", "contained"), SPECTRA)
def test_spectra_bin_by_bin(data, gammapy, monkeypatch, folder, run, text, contained):
    from gammapy.data import DataStore
    from gammapy.datasets import SpectrumDataset
    from gammapy.makers import ReflectedRegionsBackgroundMaker, SpectrumDatasetMaker
    from gammapy.maps import MapAxis, RegionGeom

    monkeypatch.setenv("CALDB", str(data / "cta-1dc" / "caldb"))
    energy = MapAxis.from_energy_bounds("0.3 TeV", "30 TeV", nbin=6)
    true = MapAxis.from_energy_bounds("0.2 TeV", "50 TeV", nbin=10, name="energy_true")
    geom = RegionGeom.create(parse_region(text), axes=[energy])
    maker = SpectrumDatasetMaker(
        selection=["counts", "exposure", "background", "edisp"], containment_correction=contained
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        obs = DataStore.from_dir(data / folder).obs(run)
        theirs = maker.run(SpectrumDataset.create(geom, energy_axis_true=true), obs)
        onoff = ReflectedRegionsBackgroundMaker().run(theirs, obs)
    axes = xg.energy_axis("0.3 TeV", "30 TeV", 6), xg.energy_axis("0.2 TeV", "50 TeV", 10)
    ours = xg.open_store(data / folder)[run]
    ds = xg.create_spectrum(text, *axes).gamma.fill(ours, containment_correction=contained)
    np.testing.assert_array_equal(ds.counts, theirs.counts.data[:, 0, 0])
    for name in ("exposure", "background"):
        expected = getattr(theirs, name).data[:, 0, 0]
        np.testing.assert_allclose(ds[name], expected, rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(ds.edisp, theirs.edisp.edisp_map.data[:, :, 0, 0], atol=1e-6)
    found = ds.gamma.reflected_background(ours, scheme="gammapy")
    np.testing.assert_array_equal(found.counts_off, onoff.counts_off.data[:, 0, 0])
    np.testing.assert_array_equal(found.acceptance_off, onoff.acceptance_off.data[:, 0, 0])
