"""TS maps: responses of each place, masks, NaN, and norms of the whole source."""

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.small_datasets import crab, gaussian_rings, small_map
from xgamma.estimators.maps import ts_map
from xgamma.numerics.ts_map import ts_map as solve
from xgamma.numerics.ts_source import Source

AMPLITUDE = "1e-12 cm-2 s-1 TeV-1"


def varying_map(background=1.0):
    """A map of 4 deg whose PSF doubles in width over 2 deg, and whose exposure halves."""
    ds = small_map(width=4.0, background=background)
    lon, lat = ds.gamma.lonlat
    offset = np.hypot((lon - 83.6) * np.cos(np.radians(22)), lat - 22.0)
    ds["exposure"] = ds.exposure * (1 - 0.25 * offset)
    ds["exposure"].attrs["units"] = "m2 s"
    y, x = np.meshgrid(ds.y_irf, ds.x_irf, indexing="ij")
    middle = 0.5 * (ds.sizes["y"] - 1)
    away = 0.1 * np.hypot(y - middle, x - middle)
    rings = [gaussian_rings(s, ds.rad.values) for s in (0.1 * (1 + 0.5 * away)).ravel()]
    psf = np.stack(rings, axis=-1).reshape(ds.rad.size, *away.shape)
    ds["psf"] = ds.psf.copy(data=np.broadcast_to(psf, ds.psf.shape))
    return ds


@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (10, 10), (-14, 0), (3, -15)])
def test_the_psf_is_that_of_the_place(dy, dx):
    """A source of norm 3 is found as 3 anywhere. Before, 2.7 at 1.4 deg: PSF of the middle."""
    ds = varying_map()
    y, x = ds.sizes["y"] // 2 + dy, ds.sizes["x"] // 2 + dx
    lon, lat = ds.gamma.lonlat
    source = crab(amplitude="3e-12 cm-2 s-1 TeV-1")
    source.spatial.lon, source.spatial.lat = float(lon[y, x]), float(lat[y, x])
    data = ds.gamma.asimov(source)
    mask = (abs(ds.y - ds.y[y]) <= 1) & (abs(ds.x - ds.x[x]) <= 1)
    maps = ts_map(data, crab(amplitude=AMPLITUDE), mask=mask)
    # The PSF widens by up to 9 % from the middle of a tile of 0.25 deg to its corner.
    assert float(maps.norm[y, x]) == pytest.approx(3, rel=0.025)
    assert maps.attrs["kernel_spacing"] == pytest.approx(0.25, abs=0.06)
    best = maps.ts.argmax(("y", "x"))
    assert (int(best["y"]), int(best["x"])) == (y, x)


def test_errors_are_those_of_flux_points_anywhere():
    ds = varying_map()
    data = ds.gamma.fake(3, crab(amplitude=AMPLITUDE))
    maps = ts_map(data, crab(amplitude=AMPLITUDE))
    lon, lat = data.gamma.lonlat
    for y, x in ((20, 20), (31, 12), (6, 25)):
        here = crab(amplitude=AMPLITUDE)
        here.spatial.lon, here.spatial.lat = float(lon[y, x]), float(lat[y, x])
        point = xg.flux_points(data, "crab", [1, 10], models=here).squeeze("energy")
        assert float(maps.norm[y, x]) == pytest.approx(float(point.norm), rel=0.025, abs=0.01)
        assert float(maps.norm_err[y, x]) == pytest.approx(float(point.norm_err), rel=0.03)


@pytest.mark.parametrize("width", ["0.3 deg", "0.6 deg", None])
def test_norms_are_of_the_whole_source(width):
    """A narrow square sees a part of the source: before, its norm was that part (0.45)."""
    ds = small_map(background=1.0)
    lon, lat = ds.gamma.lonlat
    source = crab(amplitude=AMPLITUDE)
    source.spatial.lon, source.spatial.lat = float(lon[15, 15]), float(lat[15, 15])
    maps = ts_map(ds.gamma.asimov(source), source, kernel_width=width)
    assert float(maps.norm[15, 15]) == pytest.approx(1, rel=2e-3)


def test_nothing_is_said_outside_of_the_masks():
    """Tails of a source outside are in bins inside: norms of -2e4 before."""
    ds = small_map(background=1.0).gamma.fake(8, [])
    for name in ("mask_safe", "mask_fit"):
        masked = ds.assign({name: (ds.counts >= 0) & (np.hypot(ds.x - 15, ds.y - 15) < 9)})
        maps = ts_map(masked, crab(amplitude=AMPLITUDE))
        inside = masked[name].any("energy")
        for variable in ("norm", "ts", "sqrt_ts", "flux", "npred_excess"):
            np.testing.assert_array_equal(np.isfinite(maps[variable]), inside)
        # Beside the border half of the source is seen.
        assert float(abs(maps.norm).max()) < 1


@pytest.mark.parametrize("name", ["counts", "background", "exposure"])
def test_nan_in_nan_out(name):
    """A background of NaN was one of zero: 15 sigma. An exposure of NaN that counts is refused."""
    ds = small_map(background=1.0).gamma.fake(8, [])
    bad = ds.assign({name: ds[name].astype(float).copy(deep=True)})
    bad[name][1, 12, 9] = np.nan
    if name == "exposure":
        with pytest.raises(xg.XGammaError, match="'exposure' are NaN"):
            ts_map(bad, crab(amplitude=AMPLITUDE), kernel_width="0.6 deg")
    else:
        maps = ts_map(bad, crab(amplitude=AMPLITUDE), kernel_width="0.6 deg")
        whole = ts_map(ds, crab(amplitude=AMPLITUDE), kernel_width="0.6 deg")
        near = (abs(ds.y - 12) <= 3) & (abs(ds.x - 9) <= 3)
        for variable in ("ts", "norm"):
            np.testing.assert_array_equal(np.isnan(maps[variable]), near)
            xr.testing.assert_allclose(maps[variable], whole[variable].where(~near))
    hidden = bad.assign(mask_safe=np.isfinite(bad[name]) if name != "exposure" else ds.counts >= 0)
    if name == "exposure":
        hidden["mask_safe"] = (ds.counts >= 0) & np.isfinite(bad.exposure).all("energy_true")
    found = ts_map(hidden, crab(amplitude=AMPLITUDE), kernel_width="0.6 deg")
    assert int(np.isnan(found.ts).sum()) <= 1


def test_tiles_against_a_map_of_each_kernel():
    """In the numbers alone: with tiles, each pixel is as in a map of its own kernel."""
    rng = np.random.default_rng(2)
    shape, axis = (2, 12, 14), np.arange(-2, 3)
    background = rng.uniform(0.5, 2, shape)
    counts = rng.poisson(background)
    exposure, mask = rng.uniform(5, 9, shape), rng.random(shape) > 0.1
    pixels = np.ones(shape[1:], dtype=bool)
    kernels = np.array(
        [
            [np.exp(-0.5 * (axis[:, None] ** 2 + axis**2) / s**2) for s in pair]
            for pair in ((0.8, 1.1), (1.3, 0.9), (1.0, 1.0))
        ]
    )
    kernels /= kernels.sum((2, 3), keepdims=True)
    tiles = rng.integers(0, 3, shape[1:])
    for at_source in (False, True):
        together = solve(
            counts, background, Source(kernels, exposure, tiles, at_source), mask, pixels
        )
        for tile in range(3):
            alone = Source.of(kernels[tile], exposure, at_source)
            each = solve(counts, background, alone, mask, pixels, 1e-6)
            inside = tiles == tile
            for name in ("norm", "norm_err", "ts", "counts"):
                np.testing.assert_allclose(
                    together[name][inside],
                    each[name][inside],
                    rtol=2e-2 if name == "norm_err" else 2e-3,
                    atol=1e-4,
                )


def test_exposure_of_the_source_is_a_factor():
    """With the exposure of the place, a map of half the exposure has twice the norms."""
    rng = np.random.default_rng(2)
    shape = (2, 9, 9)
    background = rng.uniform(0.5, 2, shape)
    counts, mask = rng.poisson(background), np.ones(shape, dtype=bool)
    kernel = rng.dirichlet(np.ones(9), 2).reshape(2, 3, 3)
    one = solve(counts, background, Source.of(kernel, np.ones(shape), True), mask, mask[0], 1e-6)
    place = rng.uniform(1, 3, shape[1:])
    scaled = Source.of(kernel, np.broadcast_to(place, shape), True)
    two = solve(counts, background, scaled, mask, mask[0], 1e-6)
    np.testing.assert_allclose(two["norm"] * place, one["norm"], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(two["ts"], one["ts"], rtol=1e-3, atol=1e-5)


def test_errors_and_limits_from_the_statistic():
    """With few counts limits from ``norm_err`` hold 92.9 % for 95: these are those of flux points."""
    ds = small_map(background=0.02)
    model = crab(amplitude="2e-13 cm-2 s-1 TeV-1")
    lon, lat = ds.gamma.lonlat
    data = ds.gamma.fake(1, model)
    maps = ts_map(data, model, models=[], errors=True, n_sigma_ul=1.645)
    deficits = 0
    lowest = maps.norm.isel(y=slice(5, 25), x=slice(5, 25)).argmin(("y", "x"))
    for y, x in ((15, 15), (4, 22), (5 + int(lowest["y"]), 5 + int(lowest["x"]))):
        here = model.copy()
        here.spatial.lon, here.spatial.lat = float(lon[y, x]), float(lat[y, x])
        point = xg.flux_points(data, "crab", [1, 10], models=here, n_sigma_ul=1.645)
        point = point.squeeze("energy")
        for name in ("norm", "norm_errp", "norm_ul"):
            got, expected = float(maps[name][y, x]), float(point[name])
            assert got == pytest.approx(expected, rel=0.02, abs=1e-3), (name, y, x)
        deficits += float(maps.norm[y, x]) < 0
    assert deficits
    assert float(maps.norm_errn[15, 15]) < float(maps.norm_errp[15, 15])
    assert float(maps.flux_ul[15, 15] / maps.flux[15, 15]) == pytest.approx(
        float(maps.norm_ul[15, 15] / maps.norm[15, 15])
    )


@pytest.mark.parametrize("counts", [0, 1, 30])
def test_where_the_statistic_has_risen_of_one_bin(counts):
    """Of one bin, -2 ln L = 2 (k g - n ln(b + k g)) is known."""
    source = Source.of(np.full((1, 1, 1), 1.0), np.full((1, 1, 1), 2.0))
    one = np.ones((1, 1, 1))
    found = solve(counts * one, 3 * one, source, one > 0, one[0] > 0, rises=(1.0, 4.0))
    norm, errn, errp, limit = (
        float(found[k][0, 0]) for k in ("norm", "norm_errn", "norm_errp", "norm_ul")
    )

    def stat(k):
        return 2 * (2 * k - counts * np.log(3 + 2 * k)) if counts else 4 * k

    assert stat(norm + errp) - stat(norm) == pytest.approx(1, rel=1e-4)
    assert stat(limit) - stat(max(norm, 0)) == pytest.approx(4, rel=1e-4)
    if counts > 1:
        assert stat(norm - errn) - stat(norm) == pytest.approx(1, rel=1e-4)
    else:
        assert np.isnan(errn) or stat(norm - errn) - stat(norm) == pytest.approx(1, rel=1e-4)
