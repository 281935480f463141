"""Flux points as data: 19 of 24 are safe, their chi2 is gammapy's, and a fit of them."""

import numpy as np
import pytest
import xarray as xr
from astropy.table import Table

import xgamma as xg
from xgamma.errors import MissingDataError, XGammaError
from xgamma.fitting.flux_data import flux_pred, safe_points


@pytest.fixture(scope="module")
def points(data) -> xr.Dataset:
    table = Table.read(data / "flux_points/diff_flux_points.fits")
    columns = {
        name: (
            "energy",
            np.ma.filled(table[name].astype(float), np.nan),
            {"units": str(table[name].unit)},
        )
        for name in ("dnde", "dnde_err", "dnde_ul")
    }
    energy = ("energy", np.asarray(table["e_ref"], float), {"units": "MeV"})
    return xr.Dataset(columns, {"energy": energy}, {"name": "points"})


def source(index=2.3):
    return xg.SkyModel(xg.PowerLaw(index=index), name="source")


def test_figures_of_the_peer(points):
    assert points.sizes["energy"] == 24
    assert int(safe_points(points).sum()) == 19
    assert points.gamma.stat_sum(source()) == pytest.approx(1007682.9439124826, rel=1e-9)


def test_fit_against_peer(points, data, gammapy):
    from gammapy.datasets import FluxPointsDataset
    from gammapy.estimators import FluxPoints
    from gammapy.modeling import Fit
    from gammapy.modeling.models import Models

    start = source()
    start.spectral.amplitude = "1e-13 cm-2 s-1 TeV-1"
    start.spectral.reference = "0.01 TeV"
    result = xg.fit(points, start)
    peer = FluxPointsDataset(
        data=FluxPoints.read(data / "flux_points/diff_flux_points.fits"),
        models=Models.from_yaml(xg.Models(result.models).to_yaml()),
    )
    theirs = Fit().run([peer])
    assert result.total_stat == pytest.approx(theirs.total_stat, abs=1e-2)
    for ours, other in zip(
        result.models.free_parameters, peer.models.parameters.free_parameters, strict=True
    ):
        assert ours.value == pytest.approx(other.value, rel=1e-3)
        assert ours.error == pytest.approx(other.error, rel=1e-2)


def test_asymmetric_errors_norms_and_masks(points):
    norm = points.dnde / points.dnde
    relative = xr.Dataset(
        {
            "ref_dnde": points.dnde.fillna(1e-20),
            "norm": norm,
            "norm_errn": points.dnde_err / points.dnde,
            "norm_errp": points.dnde_err / points.dnde,
        },
        attrs={"name": "points"},
    )
    relative["ref_dnde"].attrs["units"] = points.dnde.attrs["units"]
    assert relative.gamma.stat_sum(source()) == pytest.approx(points.gamma.stat_sum(source()))
    part = points.assign(mask_fit=points.energy > 1e4)
    assert int(safe_points(part).sum()) < 19
    assert flux_pred(points, source()).attrs["units"] == "TeV-1 s-1 cm-2"


def test_errors(points):
    with pytest.raises(MissingDataError, match="contains flux points"):
        points.gamma.stat_sum(xg.FoVBackground("points"))
    with pytest.raises(MissingDataError, match="is it another SED type"):
        points.drop_vars("dnde_err").gamma.stat_sum(source())
    broken = source()
    broken.spectral.index._value = np.nan
    with pytest.raises(XGammaError, match="NaN or infinite"):
        xg.fit(points, broken)


def test_plot(points):
    import matplotlib as mpl

    mpl.use("Agg")
    model = source()
    model.spectral.index.error = 0.1
    top, bottom = points.gamma.plot_spectrum(model)
    assert top.get_yscale() == "log"
    assert bottom.get_ylabel() == "residual / error"
