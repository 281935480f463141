"""Bounds, priors, linked and frozen parameters in one matrix: a result at a border is a result."""

import itertools

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.small_datasets import small_map, small_spectrum

TRUTH = 2.6


def spectrum(name, model):
    """Counts as expected."""
    ds = small_spectrum(name)
    return ds.assign(counts=ds.gamma.npred(model))


def source(name, index):
    return xg.SkyModel(
        xg.PowerLaw(index=index, amplitude="2e-11 cm-2 s-1 TeV-1"), name=name, datasets=f"d-{name}"
    )


BOUNDS = {"free": None, "inside": (2.0, 3.0), "border": (1.5, 2.3)}
PRIORS = {
    "none": None,
    "flat": xg.uniform_prior(1.0, 4.0),
    "flat-border": xg.uniform_prior(1.0, 2.4),
    "gauss": xg.gaussian_prior(TRUTH, 0.5),
}


@pytest.mark.filterwarnings("ignore:The fit converged")
@pytest.mark.parametrize(
    ("bounds", "prior", "linked", "frozen"),
    list(itertools.product(BOUNDS, PRIORS, [False, True], [False, True])),
)
def test_matrix(bounds, prior, linked, frozen):
    """The index ends at its truth, or where bounds and priors hold it; frozen ones stay."""
    true = [source(n, TRUTH) for n in "ab"]
    data = [spectrum(f"d-{m.name}", m) for m in true]
    start = [source(n, 2.2) for n in "ab"]
    index = start[0].spectral.index
    if BOUNDS[bounds]:
        index.min, index.max = BOUNDS[bounds]
    index.prior = PRIORS[prior]
    if linked:
        start[1].spectral.index = index
    start[0].spectral.amplitude.frozen = frozen
    result = xg.fit(data, start)
    assert result.success
    assert np.isfinite(result.total_stat)
    limit = min(
        BOUNDS[bounds][1] if BOUNDS[bounds] else np.inf,
        PRIORS[prior].b if prior.startswith("flat") else np.inf,
    )
    found = result.models["a"].spectral
    if limit < TRUTH:
        assert found.index.value == pytest.approx(limit, abs=2e-3)
        assert "ended at its bound" in result.message
    elif not frozen:
        assert found.index.value == pytest.approx(TRUTH, abs=2e-3)
    if linked:
        assert result.models["b"].spectral.index.value == found.index.value
    else:
        assert result.models["b"].spectral.index.value == pytest.approx(TRUTH, abs=2e-3)
    if frozen:
        assert found.amplitude.value == pytest.approx(2e-11)


AT = (83.613, 21.979)
PLACES = {
    "free": None,
    "inside": (AT[0] - 0.3, AT[0] + 0.3),
    "border": (AT[0] - 0.3, AT[0] - 0.04),
    "prior-border": xg.uniform_prior(AT[0] - 0.3, AT[0] - 0.04),
    "prior": xg.gaussian_prior(AT[0], 0.1),
}


def on_map(background=0.5):
    """A point source on a map, counts as expected, and the same to start from."""
    ds = small_map(psf=0.1, binsz=0.1, width=1.6, nbin=2, background=background)
    true = source("s", TRUTH)
    true.spatial = xg.PointSource(lon=AT[0], lat=AT[1])
    true.datasets = None
    true.spectral.index.frozen = True
    return ds.assign(counts=ds.gamma.npred(true)), true


@pytest.mark.filterwarnings("ignore:The fit converged")
@pytest.mark.parametrize("backend", ["minuit", "scipy"])
@pytest.mark.parametrize(("place", "frozen"), list(itertools.product(PLACES, [False, True])))
def test_matrix_of_a_position(place, frozen, backend):
    """The longitude ends at its truth, or where bounds and priors hold it, with both minimisers."""
    ds, true = on_map()
    start = true.copy()
    lon = start.spatial.lon
    lon.value, start.spatial.lat.value = AT[0] - 0.06, AT[1] + 0.05
    if isinstance(PLACES[place], tuple):
        lon.min, lon.max = PLACES[place]
    else:
        lon.prior = PLACES[place]
    start.spatial.lat.frozen = frozen
    result = xg.fit(ds, start, backend=backend)
    assert result.success
    found = result.models["s"].spatial
    held = place.endswith("border")
    assert found.lon.value == pytest.approx(AT[0] - 0.04 * held, abs=1e-4)
    assert ("ended at its bound" in result.message) == held
    assert found.lat.value == pytest.approx(AT[1] + 0.05 * frozen, abs=5e-4)


@pytest.mark.filterwarnings("ignore:The fit converged")
@pytest.mark.parametrize(("bounds", "prior"), list(itertools.product(BOUNDS, PRIORS)))
def test_matrix_with_scipy(bounds, prior):
    """The same of the index, by the other minimiser."""
    true = source("a", TRUTH)
    start = source("a", 2.2)
    index = start.spectral.index
    if BOUNDS[bounds]:
        index.min, index.max = BOUNDS[bounds]
    index.prior = PRIORS[prior]
    result = xg.fit(spectrum("d-a", true), start, backend="scipy")
    assert result.success
    held = [2.3] * (bounds == "border") + [2.4] * (prior == "flat-border")
    expected = min([TRUTH, *held])
    assert result.models["a"].spectral.index.value == pytest.approx(expected, abs=2e-3)
    assert ("ended at its bound" in result.message) == bool(held)


def test_covariance_file_of_gammapy(tmp_path, gammapy):
    from gammapy.modeling.models import FoVBackgroundModel, Models, PowerLawSpectralModel, SkyModel

    theirs = Models(
        [SkyModel(PowerLawSpectralModel(), name="a"), FoVBackgroundModel(dataset_name="d")]
    )
    matrix = 0.01 * np.eye(len(theirs.parameters))
    matrix[0, 1] = matrix[1, 0] = 0.002
    theirs.covariance = matrix
    path = tmp_path / "models.yaml"
    theirs.write(path, write_covariance=True)
    ours = xg.Models.read(path)
    np.testing.assert_allclose(ours["a"].spectral.covariance, matrix[:3, :3])
    assert ours["a"].spectral.index.error == pytest.approx(0.1)
    (tmp_path / "models_covariance.dat").unlink()
    with pytest.raises(xg.errors.MissingDataError, match="covariance"):
        xg.Models.read(path)
