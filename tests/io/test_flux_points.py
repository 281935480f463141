"""Flux points in every SED type, FITS and ECSV."""

import numpy as np
import pytest
import xarray as xr
from astropy.table import Table

import xgamma as xg

TYPES = ("dnde", "e2dnde", "flux", "eflux", "likelihood")


@pytest.fixture
def points():
    ds = xg.create_spectrum(
        "icrs;circle(83.6, 22, 0.1)", xg.energy_axis(1, 10, 3), name="d", energy_true="reco"
    )
    ds["exposure"] = ("energy_true", np.full(3, 1e10), {"units": "m2 s"})
    ds["background"] = ("energy", np.full(3, 10.0), {"units": ""})
    model = xg.SkyModel(xg.PowerLaw(index=2.0), name="s")
    return xg.flux_points(ds.gamma.asimov(model), "s", models=model)


@pytest.mark.parametrize("suffix", ["fits", "ecsv"])
@pytest.mark.parametrize("sed_type", TYPES)
def test_round_trip(points, sed_type, suffix, tmp_path):
    path = tmp_path / f"points.{suffix}"
    xg.write_flux_points(points, path, sed_type)
    back = xg.read_flux_points(path)
    assert back.attrs["sed_type"] == sed_type
    for name in ("dnde", "dnde_err", "dnde_errn", "dnde_errp", "dnde_ul"):
        np.testing.assert_allclose(back[name], points[name], rtol=1e-10)
        assert back[name].attrs["units"].count("TeV") == 1
    for name in ("energy", "energy_lo", "energy_hi"):
        np.testing.assert_array_equal(back[name], points[name])
    np.testing.assert_array_equal(back.is_ul, points.is_ul)
    np.testing.assert_array_equal(back.ts, points.ts)
    assert back.attrs["n_sigma_ul"] == 2
    if sed_type == "likelihood":
        np.testing.assert_array_equal(back.stat_scan, points.stat_scan)
        np.testing.assert_array_equal(back.norm_scan, points.norm_scan)
        np.testing.assert_allclose(back.eflux, points.eflux)
    with pytest.raises(xg.XGammaError, match="overwrite"):
        xg.write_flux_points(points, path)


def test_the_reference_form_turns_fluxes_into_differential_ones(points, tmp_path):
    steep = xg.PowerLaw(index=3.0)
    ds = points.assign(flux=points.ref_flux * 0 + 1e-12)
    ds.flux.attrs["units"] = "s-1 cm-2"
    xg.write_flux_points(ds, tmp_path / "a.ecsv", "flux")
    back = xg.read_flux_points(tmp_path / "a.ecsv", reference=steep)
    low, high = back.energy_lo, back.energy_hi
    expected = 1e-12 * 2 * back.energy**-3 / (low**-2 - high**-2)
    np.testing.assert_allclose(back.dnde, expected)


def test_fermi_points(data):
    ds = xg.read_flux_points(data / "flux_points" / "diff_flux_points.fits")
    assert ds.sizes["energy"] == 24
    assert ds.attrs["sed_type"] == "dnde"
    assert int(np.isfinite(ds.dnde).sum()) == 19
    assert ds.gamma.quantity("dnde").unit == "MeV-1 s-1 cm-2"
    model = xg.SkyModel(xg.PowerLaw(index=2.3))
    np.testing.assert_allclose(xg.stat_sum(ds, model), 1007682.9439124826, rtol=1e-9)


def test_what_is_missing_is_named(points, tmp_path):
    with pytest.raises(xg.MissingDataError, match="does not exist"):
        xg.read_flux_points(tmp_path / "none.fits")
    (tmp_path / "bad.ecsv").write_text("nothing")
    with pytest.raises(xg.XGammaError, match="not a table of flux points"):
        xg.read_flux_points(tmp_path / "bad.ecsv")
    Table({"e_ref": [1.0], "thing": [2.0]}).write(tmp_path / "odd.ecsv")
    with pytest.raises(xg.XGammaError, match="SED type"):
        xg.read_flux_points(tmp_path / "odd.ecsv")
    Table({"dnde": [2.0]}).write(tmp_path / "noe.ecsv")
    with pytest.raises(xg.MissingDataError, match="neither e_ref"):
        xg.read_flux_points(tmp_path / "noe.ecsv")
    Table({"e_ref": [1.0], "flux": [2.0]}).write(tmp_path / "nobins.ecsv")
    with pytest.raises(xg.MissingDataError, match="require energy bins"):
        xg.read_flux_points(tmp_path / "nobins.ecsv")
    with pytest.raises(xg.XGammaError, match="sed_type='x'"):
        xg.write_flux_points(points, tmp_path / "x.fits", "x")
    with pytest.raises(xg.MissingDataError, match="no 'norm'"):
        xg.write_flux_points(points.drop_vars("norm"), tmp_path / "x.fits", "likelihood")
    assert isinstance(points, xr.Dataset)
