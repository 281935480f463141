"""Shapes in bands of energy: a source that changes, one that does not, and gammapy."""

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.from_gammapy import map_from_gammapy
from tests.helpers.small_datasets import small_map


def nebula(sigma=0.2, amplitude="2e-11 cm-2 s-1 TeV-1"):
    """A Gaussian of which amplitude and size are free."""
    shape = xg.Gaussian(lon="83.6 deg", lat="22 deg", sigma=f"{sigma} deg")
    shape.lon_0.frozen = shape.lat_0.frozen = True
    spectrum = xg.PowerLaw(index=2.0, amplitude=amplitude)
    spectrum.index.frozen = True
    return xg.SkyModel(spectrum, shape, name="nebula")


@pytest.fixture(scope="module")
def sets():
    """A source of one size, and one that is smaller at high energies."""
    ds = small_map(width=2.0)
    edges = ds.gamma.edges("energy")[::2]
    same = ds.gamma.fake(1, nebula())
    small = ds.gamma.fake(1, nebula(0.12))
    changing = same.assign(counts=same.counts.where(same.energy < edges[1].value, small.counts))
    return same, changing, edges


def test_a_source_of_one_size(sets):
    same, _, edges = sets
    found = xg.energy_morphology(same, "nebula", edges, [nebula(0.15), xg.FoVBackground("d")])
    assert int(found.dof) == 1
    assert -1e-3 < float(found.ts) < 9
    np.testing.assert_allclose((found.sigma - 0.2) / found.sigma_err, 0, atol=3)
    assert float(found.sigma_joint) == pytest.approx(0.2, abs=3 * float(found.sigma_joint_err))
    weights = 1 / found.sigma_err**2
    mean = float((weights * found.sigma).sum() / weights.sum())
    assert float(found.sigma_joint) == pytest.approx(mean, abs=0.2 * float(found.sigma_joint_err))
    # Nearly a parabola: the statistic is that of the weighted mean.
    chi2 = float((weights * (found.sigma - mean) ** 2).sum())
    assert float(found.ts) == pytest.approx(chi2, abs=0.3)
    assert bool(found.success)
    assert found.source_dof.values.tolist() == [2, 2]


def test_a_source_that_shrinks(sets):
    _, changing, edges = sets
    found = changing.gamma.energy_morphology("nebula", edges, nebula())
    np.testing.assert_allclose(found.sigma, [0.2, 0.12], atol=3 * float(found.sigma_err.max()))
    assert float(found.significance) > 5
    assert (found.source_significance > 20).all()
    tree = xg.collect([changing]).gamma.with_models(nebula())
    again = tree.gamma.energy_morphology("nebula", edges)
    assert float(again.ts) == pytest.approx(float(found.ts), abs=1e-3)


def test_gammapy_finds_the_same(data):
    """Galactic Centre, two bands: ts to 0.02, sizes to a hundredth of their error.

    In pixels of 0.04 deg gammapy sticks at a size of 0.003 deg.
    """
    pytest.importorskip("gammapy.estimators", reason="gammapy is not installed")
    import astropy.units as u
    from gammapy.datasets import Datasets, MapDataset
    from gammapy.estimators import EnergyDependentMorphologyEstimator
    from gammapy.modeling import models as m

    peer = MapDataset.read(data / "dl4/cta-1dc-gc.fits.gz", name="gc")
    peer = peer.cutout(peer.counts.geom.center_skydir, "1 deg")
    edges = peer.counts.geom.axes["energy"].edges[[2, 4, 7]]
    amplitude = 2e-12 * u.Unit("cm-2 s-1 TeV-1")
    spectrum = m.PowerLawSpectralModel(index=2.3, amplitude=amplitude)
    shape = m.GaussianSpatialModel(
        lon_0="0 deg", lat_0="-0.05 deg", sigma="0.1 deg", frame="galactic"
    )
    spectrum.index.frozen = shape.lon_0.frozen = shape.lat_0.frozen = True
    shape.e.frozen = shape.phi.frozen = True
    peer.models = [m.SkyModel(spectrum, shape, name="s")]
    estimator = EnergyDependentMorphologyEstimator(energy_edges=edges, source="s")
    expected = estimator.estimate_energy_dependence(Datasets([peer]))
    ours = xg.SkyModel(
        xg.PowerLaw(index=2.3, amplitude=amplitude),
        xg.Gaussian(lon="0 deg", lat="-0.05 deg", sigma="0.1 deg", frame="galactic"),
        name="s",
    )
    ours.spectral.index.frozen = ours.spatial.lon_0.frozen = ours.spatial.lat_0.frozen = True
    ds = map_from_gammapy(peer)
    models = [ours, xg.FoVBackground(ds.attrs["name"])]
    found = xg.energy_morphology(ds, "s", edges, models, scheme="gammapy")
    assert float(found.ts) == pytest.approx(expected["delta_ts"], abs=0.02)
    assert int(found.dof) == expected["df"]
    sizes = u.Quantity(expected["result"]["sigma"]).to_value("deg")
    np.testing.assert_allclose((found.sigma - sizes[1:]) / found.sigma_err, 0, atol=0.01)
    assert float(found.sigma_joint) == pytest.approx(sizes[0], abs=0.01 * float(found.sigma_err[0]))


def test_what_has_no_bands_is_refused(sets):
    same, _, edges = sets
    with pytest.raises(xg.AxisError, match="single band"):
        xg.energy_morphology(same, "nebula", edges[[0, -1]], nebula())
    with pytest.raises(xg.MissingDataError, match="choose from nebula"):
        xg.energy_morphology(same, "crab", edges, nebula())
    still = nebula()
    still.spatial.sigma.frozen = True
    with pytest.raises(xg.XGammaError, match="no free spatial parameter"):
        xg.energy_morphology(same, "nebula", edges, still)
    fixed = nebula()
    fixed.spectral.amplitude.frozen = True
    with pytest.raises(xg.XGammaError, match="no free amplitude"):
        xg.energy_morphology(same, "nebula", edges, fixed)
    hidden = same.assign(mask_fit=(same.energy > edges[1].value) & (same.counts >= 0))
    with pytest.raises(xg.AxisError, match="inside the masks"):
        xg.energy_morphology(hidden, "nebula", edges, nebula())
