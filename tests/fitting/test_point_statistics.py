"""Flux points as data: statistics beside gammapy's, summaries, checks and residuals."""

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.small_datasets import small_spectrum
from xgamma.errors import MissingDataError, XGammaError
from xgamma.fitting.flux_data import safe_points


def source(scale=1.0, index=2.0):
    return xg.SkyModel(
        xg.PowerLaw(index=index, amplitude=f"{scale * 1.5e-11} cm-2 s-1 TeV-1"), name="s"
    )


@pytest.fixture(scope="module")
def points():
    ds = small_spectrum(background=20.0).gamma.fake(4, source(0.3))
    return ds.gamma.flux_points("s", models=source(0.3), norm_values=np.linspace(-1, 4, 41))


@pytest.fixture(scope="module")
def peer(points, tmp_path_factory):
    pytest.importorskip("gammapy")
    from gammapy.estimators import FluxPoints

    path = tmp_path_factory.mktemp("points") / "points.fits"
    xg.write_flux_points(points, path)
    return FluxPoints.read(path)


@pytest.mark.parametrize(("kind", "rtol"), [("chi2", 1e-6), ("distrib", 1e-6)])
@pytest.mark.parametrize("scale", [0.1, 0.3, 1.0])
def test_statistics_of_gammapy(points, peer, kind, rtol, scale):
    from gammapy.datasets import FluxPointsDataset
    from gammapy.modeling.models import Models

    model = source(scale, 2.3)
    theirs = FluxPointsDataset(
        data=peer, models=Models.from_yaml(xg.Models([model]).to_yaml()), stat_type=kind
    )
    ours = points.assign_attrs(stat_type=kind)
    safe = safe_points(ours).values
    assert int(points.is_ul.sum()) > 0
    expected = np.asarray(theirs.stat_array()).ravel()
    got = _stat(ours, model)
    np.testing.assert_allclose(got[safe], expected[safe], rtol=rtol)
    assert ours.gamma.stat_sum(model) == pytest.approx(got[safe].sum())


def _stat(ds, model):
    from xgamma.fitting.likelihood import likelihood_of

    return likelihood_of(ds, xg.Models([model])).stat_array()


def test_profiles_are_the_statistic_of_the_counts(points):
    """A profile is what the counts say: a scaled source has the statistic of its counts."""
    profiled = points.assign_attrs(stat_type="profile")
    assert safe_points(profiled).all()
    ds = small_spectrum(background=20.0).gamma.fake(4, source(0.3))
    for factor in (0.0, 0.5, 1.3, 2.7):
        model = source(0.3)
        model.spectral.amplitude.value = factor * model.spectral.amplitude.value
        expected = ds.gamma.stat_sum(model) - float(points.stat.sum())
        assert profiled.gamma.stat_sum(model) == pytest.approx(expected, rel=0.01, abs=0.02)
    fitted = xg.fit(profiled, source(0.5, 2.3))
    direct = xg.fit(ds, source(0.5, 2.3))
    for name in ("index", "amplitude"):
        one, two = (getattr(f.models["s"].spectral, name) for f in (fitted, direct))
        assert abs(one.value - two.value) < 0.15 * two.error
        assert one.error == pytest.approx(two.error, rel=0.1)
    with pytest.raises(MissingDataError, match="no 'stat_scan'"):
        profiled.drop_vars("stat_scan").gamma.stat_sum(model)
    with pytest.raises(XGammaError, match="stat_type"):
        points.assign_attrs(stat_type="cash").gamma.stat_sum(model)


def test_summary_checks_and_residuals(points):
    ds = points.gamma.with_models(source(0.3))
    assert ds.gamma.kind == "flux_points"
    assert ds.gamma.validate() == []
    info = ds.gamma.info_dict()
    assert info["n_bins"] == 8
    assert info["n_ul"] == int(points.is_ul.sum())
    assert info["n_fit_bins"] == 8 - info["n_ul"]
    assert info["stat_sum"] == pytest.approx(ds.gamma.stat_sum())
    assert "Number of upper limits" in str(ds.gamma.info())
    pulls = ds.gamma.residuals(method="diff/sqrt(model)")
    assert float((pulls**2).sum()) == pytest.approx(ds.gamma.stat_sum())
    assert bool(np.isnan(pulls.values[points.is_ul.values]).all())
    assert ds.gamma.residuals().attrs["units"] == "TeV-1 s-1 cm-2"
    ax = ds.gamma.plot_residuals()
    assert ax.get_xlabel() == "Energy [TeV]"
    assert len(ds.gamma.plot_fit()) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.assign(dnde=p.dnde.assign_attrs(units="TeV")), "is a differential flux"),
        (lambda p: p.assign(is_ul=p.is_ul.astype(int)), "is_ul has dtype"),
        (
            lambda p: p.assign(dnde_err=-p.dnde_err.assign_attrs(units="m")),
            "dnde_err has negative values",
        ),
        (lambda p: p.drop_vars(["dnde_ul", "norm_ul"]), "add it"),
    ],
)
def test_points_that_are_none(points, change, message):
    assert any(message in issue for issue in change(points).gamma.validate("return"))
