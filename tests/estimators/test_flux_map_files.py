"""Flux maps in the layout of gammapy, both ways, map by map."""

import shutil
import warnings

import numpy as np
import pytest
from astropy.io import fits

import xgamma as xg
from xgamma.tutorial import example_map, example_model

EDGES = [1.0, 3.1622776601683795, 10.0]


@pytest.fixture(scope="module")
def ours():
    maps = xg.ts_map(example_map(), example_model(), kernel_width="0.5 deg", errors=True)
    return maps.assign_attrs(remark="kept", numbers=[1, 2])


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """Maps of gammapy's TS map and excess map estimators, and the files that it writes."""
    estimators = pytest.importorskip("gammapy.estimators")
    models = pytest.importorskip("gammapy.modeling.models")
    import astropy.units as u
    from gammapy.datasets import MapDataset

    folder = tmp_path_factory.mktemp("theirs")
    example_map().gamma.to_fits(folder / "map.fits")
    source = models.SkyModel(
        models.PowerLawSpectralModel(index=2.5), models.PointSpatialModel(), name="test"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = MapDataset.read(folder / "map.fits")
        settings = {"energy_edges": EDGES * u.TeV}
        found = {
            "ts": estimators.TSMapEstimator(
                source, kernel_width="0.5 deg", selection_optional=["errn-errp", "ul"], **settings
            ).run(ds),
            "excess": estimators.ExcessMapEstimator("0.2 deg", **settings).run(ds),
        }
        for name, maps in found.items():
            maps.write(folder / f"{name}.fits")
            maps.write(folder / f"{name}_flux.fits.gz", sed_type="flux")
            maps.write(folder / f"{name}_dnde.fits", sed_type="dnde")
    return folder, found


@pytest.mark.parametrize("kind", ["ts", "excess"])
@pytest.mark.parametrize("suffix", [".fits", "_flux.fits.gz", "_dnde.fits"])
def test_all_maps_of_gammapy_are_read(theirs, kind, suffix):
    folder, found = theirs
    maps = xg.open(folder / f"{kind}{suffix}")
    expected = found[kind]
    assert maps.norm.dims == ("energy", "y", "x")
    np.testing.assert_allclose(maps.energy_lo.values, EDGES[:-1])
    sed_type = {".fits": "likelihood", "_flux.fits.gz": "flux", "_dnde.fits": "dnde"}[suffix]
    assert maps.attrs["sed_type"] == sed_type
    # Units of the file are decimal, and single precision that of the excess maps.
    quantities = [n for n in expected.available_quantities if n != "sqrt_ts"]
    for name in quantities:
        np.testing.assert_allclose(
            maps[name].values, getattr(expected, name).data, rtol=2e-6, err_msg=name
        )
    np.testing.assert_allclose(maps.sqrt_ts, expected.sqrt_ts.data, rtol=2e-6)
    if suffix != "_dnde.fits":
        flux = expected.flux.quantity.to_value("s-1 cm-2")
        np.testing.assert_allclose(maps.flux, flux, rtol=2e-6)
        np.testing.assert_allclose(
            maps.flux_err, expected.flux_err.quantity.to_value("s-1 cm-2"), rtol=2e-6
        )
    if kind == "ts":
        assert maps.success.dtype == bool
        model = xg.Models.from_yaml(maps.attrs["reference_model"])["test"]
        assert model.spectral.index.value == 2.5


def test_maps_are_as_they_were(ours, tmp_path):
    xg.write_flux_maps(ours, tmp_path / "ts.fits.gz")
    assert xg.open(tmp_path / "ts.fits.gz").identical(ours)
    assert xg.read_flux_maps(tmp_path / "ts.fits.gz").identical(ours)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ts.fits.gz", "ts_model.yaml"]
    with pytest.raises(xg.XGammaError, match="overwrite=True"):
        xg.write_flux_maps(ours, tmp_path / "ts.fits.gz")
    xg.write_flux_maps(ours, tmp_path / "ts.fits.gz", overwrite=True)


def test_maps_of_gammapy_written_and_read_again_are_as_they_were(theirs, tmp_path):
    folder, _ = theirs
    for kind in ("ts", "excess"):
        maps = xg.read_flux_maps(folder / f"{kind}.fits")
        xg.write_flux_maps(maps, tmp_path / f"{kind}.fits")
        assert xg.open(tmp_path / f"{kind}.fits").identical(maps)


def test_gammapy_reads_what_is_written(ours, theirs, tmp_path):
    estimators = pytest.importorskip("gammapy.estimators")
    folder, found = theirs
    xg.write_flux_maps(ours, tmp_path / "ours.fits")
    xg.write_flux_maps(xg.open(folder / "ts.fits"), tmp_path / "again.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = estimators.FluxMaps.read(tmp_path / "ours.fits")
        again = estimators.FluxMaps.read(tmp_path / "again.fits")
    for name in ("norm", "norm_err", "norm_errn", "norm_errp", "norm_ul", "ts", "npred_excess"):
        np.testing.assert_array_equal(getattr(back, name).data[0], ours[name], err_msg=name)
        np.testing.assert_array_equal(
            getattr(again, name).data, getattr(found["ts"], name).data, err_msg=name
        )
    np.testing.assert_array_equal(again.success.data, found["ts"].success.data)
    # The integral of the same power law, in two ways.
    np.testing.assert_allclose(back.flux.quantity.to_value("s-1 cm-2")[0], ours.flux, rtol=1e-6)
    np.testing.assert_allclose(
        again.flux.quantity.to_value("s-1 cm-2"), found["ts"].flux.quantity.to_value("s-1 cm-2")
    )
    assert again.reference_model.spectral_model.index.value == 2.5


def test_excess_maps_keep_their_name(theirs, tmp_path):
    folder, _ = theirs
    maps = xg.read_flux_maps(folder / "excess.fits").rename(npred_excess="excess")
    xg.write_flux_maps(maps, tmp_path / "excess.fits")
    assert "NPRED_EXCESS" in [hdu.name for hdu in fits.open(tmp_path / "excess.fits")]
    assert xg.open(tmp_path / "excess.fits").identical(maps)


def test_maps_without_their_model_say_so(theirs, tmp_path):
    folder, found = theirs
    with fits.open(folder / "ts.fits") as hdus:
        hdus[0].header["MODEL"] = "moved/elsewhere.yaml"
        hdus.writeto(tmp_path / "ts.fits")
    with pytest.warns(xg.XGammaWarning, match="'elsewhere.yaml' is not in the same folder"):
        maps = xg.open(tmp_path / "ts.fits")
    assert "flux" not in maps
    spectrum = xg.PowerLaw(index=2.5)
    maps = xg.open(tmp_path / "ts.fits", reference=spectrum)
    expected = found["ts"].flux.quantity.to_value("s-1 cm-2")
    np.testing.assert_allclose(maps.flux, expected, rtol=2e-6)
    # Beside the maps it is found, wherever these were when they were written.
    shutil.copy(folder / "ts.fits_model.yaml", tmp_path / "elsewhere.yaml")
    np.testing.assert_allclose(xg.open(tmp_path / "ts.fits").flux, expected, rtol=2e-6)


def damaged(path, target, change):
    with fits.open(path) as hdus:
        hdus = fits.HDUList([hdu.copy() for hdu in hdus])
        change(hdus)
        hdus.writeto(target)
    return target


def wrong_unit(hdus):
    hdus["DNDE"].header["BUNIT"] = "m"


def no_unit(hdus):
    hdus["DNDE"].header["BUNIT"] = ""


def no_norm(hdus):
    del hdus["DNDE"]


def no_bands(hdus):
    del hdus["DNDE_ERR_BANDS"]


def other_planes(hdus):
    hdus["DNDE_ERR"].data = hdus["DNDE_ERR"].data[:1]


def other_pixels(hdus):
    hdus["DNDE_ERR"].header["CRPIX1"] += 3


def other_sed_type(hdus):
    hdus[0].header["SED_TYPE"] = "counts"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (wrong_unit, "The map dnde of .* is in 'm', but must be in 'TeV-1 s-1 cm-2'"),
        (no_unit, "The map 'DNDE' of .* has no unit: add BUNIT"),
        (no_norm, "has no map 'DNDE', which flux maps of SED type 'dnde' require"),
        (no_bands, "has no HDU 'DNDE_ERR_BANDS'"),
        (other_planes, "DNDE_ERR_BANDS of .* has 2 rows, which does not match planes of"),
        (other_pixels, "DNDE_ERR is on different pixels"),
        (other_sed_type, "has no map 'COUNTS', which flux maps of SED type 'counts' require"),
    ],
)
def test_damaged_maps_are_refused(theirs, tmp_path, change, says):
    folder, _ = theirs
    path = damaged(folder / "ts_dnde.fits", tmp_path / "ts_dnde.fits", change)
    with pytest.raises(xg.XGammaError, match=says):
        xg.open(path)


def test_maps_that_gammapy_cannot_hold_are_refused(ours, tmp_path):
    path = tmp_path / "maps.fits"
    with pytest.raises(xg.MissingDataError, match="require the map 'norm'"):
        xg.write_flux_maps(example_map().gamma.excess_map(), path)
    bare = ours.assign_attrs()
    del bare.attrs["reference_model"]
    with pytest.raises(xg.MissingDataError, match="do not say what their norms are of"):
        xg.write_flux_maps(bare, path)
    xg.write_flux_maps(bare, path, example_model())
    assert xg.open(path).identical(bare)
    del bare.attrs["energy_min"]
    with pytest.raises(xg.AxisError, match="energy_min and energy_max"):
        xg.write_flux_maps(bare, path, example_model(), overwrite=True)
    with pytest.raises(xg.ArgumentTypeError, match="must be a SkyModel or a spectrum"):
        xg.write_flux_maps(ours, path, "crab")
