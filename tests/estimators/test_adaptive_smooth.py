"""Adaptive smoothing: brute force, gammapy, borders."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.from_gammapy import map_from_gammapy
from tests.helpers.small_datasets import crab, small_map

SCALES = [0.1, 0.2, 0.4]


@pytest.fixture(scope="module")
def ds():
    return small_map(nbin=2).gamma.fake(1, crab(amplitude="3e-12 cm-2 s-1 TeV-1"))


def test_disc_by_brute_force(ds):
    """The first disc around each pixel in which (S - B) / sqrt(S + B) exceeds 2."""
    maps = xg.adaptive_smooth(ds, SCALES, 2, kernel="disk", method="asmooth")
    counts, back = (ds[n].sum("energy").values for n in ("counts", "background"))
    y, x = np.mgrid[:30, :30]
    wanted = np.full((30, 30), np.nan)
    mean = np.full((30, 30), np.nan)
    for scale in SCALES[::-1]:
        for j, i in np.ndindex(30, 30):
            near = np.hypot(y - j, x - i) <= scale / 0.1 + 1e-6
            s, b = counts[near].sum(), back[near].sum()
            if (s - b) / np.sqrt(s + b) > 2:
                wanted[j, i], mean[j, i] = scale, counts[near].mean()
    np.testing.assert_array_equal(maps.scale, wanted)
    mean[np.isnan(wanted)] = counts[np.isnan(wanted)].mean()
    np.testing.assert_allclose(maps.counts, mean)
    assert 0 < np.isfinite(wanted).mean() < 1
    assert (maps.significance.values[np.isfinite(wanted)] > 2).all()


def test_gammapy_smooths_alike(data):
    """Galactic Centre: scales equal in 99 % of the pixels, counts and flux there to 2 %.

    Kernels of gammapy are sampled ten times a pixel; exposure is that of the middle's dispersion.
    """
    pytest.importorskip("gammapy.estimators", reason="gammapy is not installed")
    import astropy.units as u
    from gammapy.datasets import MapDataset
    from gammapy.estimators import ASmoothMapEstimator

    peer = MapDataset.read(data / "dl4/cta-1dc-gc.fits.gz", name="gc")
    peer = peer.cutout(peer.counts.geom.center_skydir, "3 deg").downsample(2)
    scales = [0.1, 0.2, 0.4]
    expected = ASmoothMapEstimator(
        scales=scales * u.deg,
        threshold=4,
        energy_edges=peer.counts.geom.axes["energy"].edges[[0, -1]],
    ).run(peer)
    maps = map_from_gammapy(peer).gamma.adaptive_smooth(scales, 4)
    inner = (slice(18, -18),) * 2
    theirs = {n: expected[n].data[0][inner] for n in ("scale", "counts", "background", "flux")}
    same = np.nan_to_num(theirs["scale"]) == np.nan_to_num(maps.scale.values[inner])
    assert same.mean() > 0.99
    seen = same & np.isfinite(theirs["scale"])
    assert seen.mean() > 0.2
    for name in ("counts", "background"):
        np.testing.assert_allclose(maps[name].values[inner][seen], theirs[name][seen], rtol=0.02)
    flux = expected["flux"].quantity[0].to_value("s-1 cm-2")[inner][seen]
    np.testing.assert_allclose(
        maps.flux.values[inner][seen], flux, rtol=0.02, atol=0.01 * flux.max()
    )


def test_nothing_fades_at_the_border(ds):
    """A flat map of 9 counts over 1 stays flat, at corners and beside what is not safe."""
    flat = ds.assign(counts=xr.full_like(ds.counts, 9), background=xr.full_like(ds.background, 1.0))
    hole = ds.gamma.separation("83.6d 22d") > 0.3
    flat["mask_safe"] = hole & (flat.counts > 0)
    maps = xg.adaptive_smooth(flat, [0.3], 3)
    np.testing.assert_allclose(maps.counts.where(hole, 18), 18, rtol=1e-9)
    np.testing.assert_array_equal(maps.counts.isnull(), ~hole)
    flux = maps.flux.values[np.asarray(hole)]
    np.testing.assert_allclose(flux, flux[0], rtol=1e-9)


def test_flux_is_that_of_the_sky():
    """Counts predicted of a flat sky give its flux back, with energies hidden too (1 %)."""
    ds = small_map(nbin=4, edisp=None)
    sky = xg.SkyModel(xg.PowerLaw(index=2.0, amplitude="1e-8 cm-2 s-1 TeV-1"), name="flat")
    exposure = float(ds.exposure[0, 0, 0]) * 1e4
    flux = sky.spectral.integral(ds.gamma.edges("energy")[:-1], ds.gamma.edges("energy")[1:])
    counts = flux.to_value("s-1 cm-2") * exposure + 0.5
    ds["counts"] = ds.counts + xr.DataArray(counts, dims="energy")
    total = float(sky.spectral.integral("1 TeV", "10 TeV").to_value("s-1 cm-2"))
    for mask in (ds.energy > 0, ds.energy > 2):
        maps = xg.adaptive_smooth(ds.assign(mask_safe=mask), [0.2], 1)
        np.testing.assert_allclose(maps.flux, total, rtol=0.01)


def test_on_off_maps_count_the_noise_of_their_off_counts(ds):
    few = ds.gamma.to_onoff(counts_off=ds.background, acceptance=1.0, acceptance_off=1.0)
    many = ds.gamma.to_onoff(counts_off=1e4 * ds.background, acceptance=1.0, acceptance_off=1e4)
    known = xg.adaptive_smooth(ds, SCALES, 2)
    np.testing.assert_allclose(
        xg.adaptive_smooth(many, SCALES, 2).significance, known.significance, rtol=1e-3
    )
    noisy = xg.adaptive_smooth(few, SCALES, 2)
    assert int(noisy.scale.isnull().sum()) > int(known.scale.isnull().sum())


def test_lazy_maps_stay_lazy(ds):
    eager, lazy = (d.gamma.adaptive_smooth(SCALES, 2) for d in (ds, ds.chunk()))
    assert lazy.counts.chunks is not None
    xr.testing.assert_allclose(lazy.compute(), eager)


WRONG = {
    "scales": ({"scales": [0.2, 0.1]}, "increasing"),
    "no scale": ({"scales": [0.0, 0.1]}, "above 0"),
    "kernel": ({"kernel": "box"}, "kernel"),
    "method": ({"method": "ts"}, "method"),
    "threshold": ({"threshold": "5 sigma"}, "threshold"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_smoothed_is_refused(what, ds):
    arguments, sentence = WRONG[what]
    with pytest.raises(xg.XGammaError, match=sentence):
        xg.adaptive_smooth(ds, **arguments)
    with pytest.raises(xg.AxisError, match="no pixels"):
        xg.adaptive_smooth(ds.gamma.to_spectrum("icrs;circle(83.6, 22, 0.3)"))
    with pytest.raises(xg.MissingDataError):
        xg.adaptive_smooth(ds.drop_vars("background"))
