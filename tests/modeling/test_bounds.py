"""Bounds, priors, linked and frozen parameters in one matrix: a result at a border is a result."""

import itertools

import numpy as np
import pytest

import xgamma as xg
from tests.modeling.sample import small_spectrum

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
