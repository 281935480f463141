"""The statistic is a smooth function of every parameter: a minimiser takes its second differences."""

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.small_datasets import crab, small_map
from xgamma.fitting.likelihood import likelihood_of


def second_differences(likelihood, parameter, values):
    """Differences of the statistic on a grid, the second ones."""
    found = []
    for value in values:
        parameter.value = value
        found.append(likelihood.stat_sum())
    return np.diff(found, 2)


def roughness(differences):
    """How far second differences are from their own running mean, over their size."""
    smooth = np.convolve(differences, np.ones(7) / 7, "valid")
    rough = np.abs(differences[3:-3] - smooth).max()
    # Where the statistic is all but flat, MIGRAD's own tolerance of 1e-4 counts.
    return float(rough / max(np.abs(differences).mean(), 0.01))


@pytest.mark.parametrize("psf", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("name", ["lon", "lat"])
def test_point_source(psf, name):
    """Across a border of pixels in small steps: curvature changes slowly, and nothing jumps.

    With straight pieces between rings the largest was 10, with a border of pixels 100.
    """
    ds = small_map(psf=psf, binsz=0.1, width=2.0)
    model = crab()
    ds = ds.assign(counts=ds.gamma.npred(model).round())
    model = model.copy()
    likelihood = likelihood_of(ds, xg.Models(model))
    parameter = getattr(model.spatial, name)
    step = min(0.001, psf / 100)
    grid = parameter.value + 0.04 + np.arange(-100, 101) * step
    assert roughness(second_differences(likelihood, parameter, grid)) < 0.2


AT = {"lon": 83.613, "lat": 21.979}
SHAPES = {
    "gauss": xg.Gaussian(sigma=0.12, **AT),
    "gauss-ellipse": xg.Gaussian(sigma=0.15, e=0.7, phi=30, **AT),
    "gauss-narrow": xg.Gaussian(sigma=0.02, **AT),
    "gauss-wide": xg.Gaussian(sigma=0.5, **AT),
    "disk": xg.Disk(r_0=0.2, **AT),
    "disk-small": xg.Disk(r_0=0.04, **AT),
    "disk-sharp": xg.Disk(r_0=0.3, edge_width=0, **AT),
    "disk-ellipse": xg.Disk(r_0=0.3, e=0.7, phi=-40, edge_width=0.3, **AT),
    "shell": xg.Shell(radius=0.25, width=0.05, **AT),
    "shell2": xg.Shell2(r_0=0.3, eta=0.3, **AT),
    "general": xg.GeneralizedGaussian(r_0=0.1, eta=0.7, e=0.4, phi=10, **AT),
    "general-sharp": xg.GeneralizedGaussian(r_0=0.2, eta=0.1, **AT),
}
# Steps far below the errors of such fits, in the units of the parameters.
STEPS = {"e": 0.002, "phi": 0.2, "eta": 0.001, "edge_width": 0.004}
CASES = [
    (name, parameter)
    for name, shape in SHAPES.items()
    for parameter in shape.specs
    if not (parameter in {"e", "phi"} and shape.e.value == 0)
    and not (name == "disk-sharp" and parameter == "edge_width")
]


def roughness_of(ds, shape, name):
    """Roughness of the statistic along one parameter of a shape, 1.5 steps a thousandth."""
    model = xg.SkyModel(xg.PowerLaw(amplitude="6e-11 cm-2 s-1 TeV-1"), shape.copy(), name="s")
    npred = ds.gamma.npred(model)
    counts = np.random.default_rng(1).poisson(npred.values)
    ds = ds.assign(counts=npred.copy(data=counts))
    likelihood = likelihood_of(ds, xg.Models(model))
    parameter = getattr(model.spatial, name)
    step = STEPS.get(name, 0.0005)
    grid = parameter.value + np.arange(-40, 41) * min(step, 0.02 * abs(parameter.value))
    return roughness(second_differences(likelihood, parameter, grid))


@pytest.mark.parametrize(("shape", "name"), CASES)
def test_shapes(shape, name):
    """All parameters of all shapes, small and large against pixel and PSF."""
    ds = small_map(psf=0.1, binsz=0.1, width=3.0)
    assert roughness_of(ds, SHAPES[shape], name) < 0.1
