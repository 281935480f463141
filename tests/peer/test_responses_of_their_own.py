"""Files whose responses have axes and grids of their own, against live gammapy.

gammapy convolves in single precision: pixels agree to 1e-5 of the largest, sums to 1e-5. The
issue asks for 1e-4.
"""

import warnings

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.gammapy_predictions import (
    SHAPES,
    SPECTRUM,
    assert_predicts_as_gammapy,
    gammapy_dataset,
)

FILES = {
    "galactic centre": (
        "fermi-3fhl-gc/fermi-3fhl-gc.fits.gz",
        {"lon": 0.03, "lat": -0.02, "frame": "galactic"},
    ),
    "crab": (
        "fermi-3fhl-crab/Fermi-LAT-3FHL_data_Fermi-LAT.fits",
        {"lon": 83.63, "lat": 22.01},
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("file", FILES)
def test_fermi_predicts_as_gammapy(data, gammapy, file, shape):
    path, at = FILES[file]
    model = xg.SkyModel(xg.PowerLaw(**SPECTRUM), SHAPES[shape](at), name="m")
    ds = xg.open(data / path).load()
    assert "energy_true" in ds.psf.dims
    assert ds.sizes["energy_true"] == ds.exposure.sizes["energy_true"]
    assert_predicts_as_gammapy(gammapy_dataset(data / path, model), ds, model)


def test_an_exact_prediction_keeps_the_last_energies(data, gammapy):
    """gammapy makes kernels for as many energies as the PSF has, 11 of 12: it loses a third there."""
    path, at = FILES["galactic centre"]
    model = xg.SkyModel(xg.PowerLaw(**SPECTRUM), xg.PointSource(**at), name="m")
    ds = xg.open(data / path).load()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", xg.XGammaWarning)
        exact = ds.gamma.npred_signal(model).sum(("y", "x")).values
        as_gammapy = ds.gamma.npred_signal(model, scheme="gammapy").sum(("y", "x")).values
    np.testing.assert_allclose(exact[:-1], as_gammapy[:-1], rtol=3e-3)
    assert exact[-1] / as_gammapy[-1] == pytest.approx(1.54, abs=0.01)


def small(gammapy, psf=None, edisp=None):
    """A dataset of gammapy with 4 true energies and responses of the caller's."""
    import astropy.units as u
    from gammapy.datasets import MapDataset
    from gammapy.irf import EDispKernelMap
    from gammapy.maps import Map, MapAxis, WcsGeom

    reco = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    true = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=4, name="energy_true")
    geom = WcsGeom.create(skydir=(83.63, 22.01), width="3 deg", binsz=0.1, axes=[reco])
    exposure = Map.from_geom(geom.to_image().to_cube([true]), unit="m2 s")
    exposure.data += 1e10
    counts, background = Map.from_geom(geom), Map.from_geom(geom)
    counts.data += 1
    background.data += 0.5
    mask = Map.from_geom(geom, data=np.ones(geom.data_shape, dtype=bool))
    edisp = edisp or EDispKernelMap.from_diagonal_response(reco, true)
    return MapDataset(
        counts=counts,
        background=background,
        exposure=exposure,
        psf=psf(u, true) if psf else None,
        edisp=edisp(reco, true) if callable(edisp) else edisp,
        mask_safe=mask,
        name="d",
    )


def other_energies(u, true):
    from gammapy.irf import PSFMap
    from gammapy.maps import MapAxis

    axis = MapAxis.from_energy_bounds("0.1 TeV", "100 TeV", nbin=7, name="energy_true")
    rad = MapAxis.from_bounds(0, 1.5, nbin=150, unit="deg", name="rad")
    return PSFMap.from_gauss(axis, rad, sigma=np.linspace(0.25, 0.1, 7) * u.deg)


def own_energies(u, true):
    from gammapy.irf import PSFMap
    from gammapy.maps import MapAxis

    rad = MapAxis.from_bounds(0, 1.5, nbin=150, unit="deg", name="rad")
    return PSFMap.from_gauss(true, rad, sigma=0.2 * u.deg)


@pytest.mark.parametrize("psf", [other_energies, own_energies, None])
@pytest.mark.parametrize("shape", SHAPES)
def test_from_gauss_and_diagonal_responses(gammapy, tmp_path, psf, shape):
    """One node or two for the whole sky: what gammapy makes without a geometry."""
    small(gammapy, psf).write(tmp_path / "d.fits")
    at = {"lon": 83.7, "lat": 22.1}
    model = xg.SkyModel(xg.PowerLaw(**SPECTRUM), SHAPES[shape](at), name="m")
    ds = xg.open(tmp_path / "d.fits").load()
    assert_predicts_as_gammapy(gammapy_dataset(tmp_path / "d.fits", model), ds, model)


def test_what_was_interpolated_is_recorded_and_written(gammapy, tmp_path):
    small(gammapy, other_energies).write(tmp_path / "d.fits")
    ds = xg.open(tmp_path / "d.fits").load()
    assert ds.psf.attrs["interpolated"].startswith("from 7 true energies")
    assert ds.psf.attrs["same_everywhere"] == 1
    for ending in ("fits", "nc", "zarr"):
        getattr(ds.gamma, f"to_{'netcdf' if ending == 'nc' else ending}")(tmp_path / f"a.{ending}")
        back = xg.open(tmp_path / f"a.{ending}").load()
        assert back.psf.attrs["interpolated"] == ds.psf.attrs["interpolated"]
        np.testing.assert_array_equal(
            back.psf.attrs["gammapy_radii"], ds.psf.attrs["gammapy_radii"]
        )
        np.testing.assert_array_equal(back.psf, ds.psf)
    from gammapy.datasets import MapDataset

    assert MapDataset.read(tmp_path / "a.fits").psf.psf_map.data.shape[0] == 4


def test_energies_beyond_those_of_the_psf_are_told(gammapy, tmp_path):
    def narrow(u, true):
        from gammapy.irf import PSFMap
        from gammapy.maps import MapAxis

        axis = MapAxis.from_energy_bounds("1 TeV", "3 TeV", nbin=3, name="energy_true")
        return PSFMap.from_gauss(axis, sigma=0.1 * u.deg)

    small(gammapy, narrow).write(tmp_path / "d.fits")
    with pytest.warns(xg.XGammaWarning, match="does not cover all true energies"):
        xg.read_fits(tmp_path / "d.fits")


def varying(geom_of):
    def make(u, true):
        from gammapy.irf import PSFMap
        from gammapy.maps import MapAxis, WcsGeom

        rad = MapAxis.from_bounds(0, 1, nbin=50, unit="deg", name="rad")
        geom = WcsGeom.create(**{"skydir": (83.63, 22.01), "width": 4, **geom_of})
        psf = PSFMap.from_gauss(true, rad, sigma=0.2 * u.deg, geom=geom)
        psf.psf_map.data[..., 0] *= 0.9
        return psf

    return make


@pytest.mark.parametrize(
    "geom", [{"binsz": 0.5, "frame": "galactic"}, {"binsz": 0.5, "proj": "TAN"}]
)
def test_resample_works_where_it_is_named(gammapy, tmp_path, geom):
    """On a grid that is turned: refused with the cure, which `open` and `read_fits` take."""
    skydir = {} if geom.get("frame") is None else {"skydir": (184.55, -5.79)}
    small(gammapy, varying({**geom, **skydir})).write(tmp_path / "d.fits")
    for read in (xg.read_fits, xg.open):
        with pytest.raises(xg.XGammaError, match="resample=True"):
            read(tmp_path / "d.fits")
        ds = read(tmp_path / "d.fits", resample=True).load()
        assert ds.psf.attrs["resampled"] == 1
        assert ds.psf.dims == ("energy_true", "rad", "y_irf", "x_irf")


def test_resample_brings_a_second_grid_to_the_first(gammapy, tmp_path):
    """PSF and dispersion on grids that both fit, but differ."""
    from gammapy.irf import EDispKernelMap
    from gammapy.maps import WcsGeom

    def edisp(reco, true):
        geom = WcsGeom.create(skydir=(83.63, 22.01), width=3, binsz=1.0)
        made = EDispKernelMap.from_diagonal_response(reco, true, geom=geom)
        made.edisp_map.data[..., 1] *= 0.5
        return made

    dataset = small(gammapy, varying({"binsz": 0.5}), edisp)
    dataset.write(tmp_path / "d.fits")
    with pytest.raises(xg.XGammaError, match=r"another grid than .*resample=True"):
        xg.open(tmp_path / "d.fits")
    ds = xg.open(tmp_path / "d.fits", resample=True).load()
    assert ds.edisp.sizes["y_irf"] == ds.psf.sizes["y_irf"]


def test_resample_interpolates_the_energies_of_a_dispersion(gammapy, tmp_path):
    from gammapy.irf import EDispKernelMap
    from gammapy.maps import MapAxis

    def edisp(reco, true):
        axis = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=8, name="energy_true")
        return EDispKernelMap.from_diagonal_response(reco, axis)

    small(gammapy, None, edisp).write(tmp_path / "d.fits")
    with pytest.raises(xg.XGammaError, match="pass resample=True"):
        xg.open(tmp_path / "d.fits")
    ds = xg.open(tmp_path / "d.fits", resample=True).load()
    assert ds.edisp.sizes["energy_true"] == 4
    assert ds.edisp.attrs["interpolated"].startswith("from 8 ")


def test_region_maps_with_one_number_a_row(data, gammapy):
    """EDISP and PSF of the Galactic Centre: rows of numbers whose shape stands in the bands."""
    from gammapy.datasets import MapDataset

    path = data / FILES["galactic centre"][0]
    theirs, ours = MapDataset.read(path), xg.read_fits(path)
    for name, map_of in (("edisp", theirs.edisp.edisp_map),):
        mine = ours[name].isel(y_irf=1, x_irf=1).values
        np.testing.assert_array_equal(mine, map_of.data[..., 0, 0])
    np.testing.assert_allclose(ours.energy_true, theirs.exposure.geom.axes[0].center.value)


@pytest.mark.parametrize("interp", ["log", "lin"])
def test_axes_at_nodes_keep_their_centres(gammapy, tmp_path, interp):
    from gammapy.maps import Map, MapAxis

    axis = MapAxis.from_nodes([1, 2, 4, 10], unit="TeV", name="energy_true", interp=interp)
    Map.create(npix=5, axes=[axis], unit="cm2 s").write(tmp_path / "a.fits")
    ours = xg.read_map(tmp_path / "a.fits")
    np.testing.assert_allclose(ours.energy_true, [1, 2, 4, 10], rtol=1e-14)
    ours.gamma.to_fits(tmp_path / "b.fits")
    assert Map.read(tmp_path / "b.fits").geom.axes[0].node_type == "center"
    np.testing.assert_array_equal(xg.read_map(tmp_path / "b.fits").energy_true, ours.energy_true)
