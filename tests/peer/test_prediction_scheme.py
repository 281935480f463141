"""``scheme="gammapy"`` against live gammapy: every shape, at borders, every kind of spectrum.

gammapy convolves in single precision: pixels agree to 1e-6 of the largest, sums to 1e-6. On a
line halfway between two nodes of the dispersion gammapy takes either, by rounding: no test
puts a source there.
"""

import warnings

import numpy as np
import pytest

import xgamma as xg
from xgamma.modeling.parameter import Component
from xgamma.modeling.spatial_base import Shape
from xgamma.modeling.spatial_norms import PiecewiseNormSpatial
from xgamma.modeling.template_map import TemplateMap

INSIDE = {"lon": 0.713, "lat": -0.421, "frame": "galactic"}
BORDER = {"lon": 3.97, "lat": 0.1, "frame": "galactic"}
OUTSIDE = {"lon": 4.2, "lat": 0.1, "frame": "galactic"}
SHAPES = {
    "point": xg.PointSource(**INSIDE),
    "point at the border": xg.PointSource(**BORDER),
    "point in the corner": xg.PointSource(lon=3.999, lat=2.999, frame="galactic"),
    "point just outside": xg.PointSource(lon=4.005, lat=0.1, frame="galactic"),
    "tiny gaussian": xg.Gaussian(sigma="0.003 deg", **INSIDE),
    "gaussian": xg.Gaussian(sigma="0.2 deg", **INSIDE),
    "wide gaussian": xg.Gaussian(sigma="1 deg", **INSIDE),
    "ellipse": xg.Gaussian(sigma="0.3 deg", e=0.7, phi="40 deg", **INSIDE),
    "gaussian at the border": xg.Gaussian(sigma="0.2 deg", **BORDER),
    "gaussian outside": xg.Gaussian(sigma="0.2 deg", **OUTSIDE),
    "disk": xg.Disk(r_0="0.1 deg", **INSIDE),
    "disk at the border": xg.Disk(r_0="0.5 deg", e=0.5, phi="30 deg", **BORDER),
    "shell": xg.Shell(radius="0.3 deg", width="0.1 deg", **INSIDE),
    "shell2": xg.Shell2(r_0="0.3 deg", eta=0.2, **INSIDE),
    "general": xg.GeneralizedGaussian(r_0="0.2 deg", eta=0.6, **INSIDE),
    "small laplace": xg.GeneralizedGaussian(r_0="0.02 deg", eta=1.0, **INSIDE),
}
SPECTRA = {
    "cutoff": xg.ExpCutoffPowerLaw(lambda_="0.1 TeV-1"),
    "super cutoff": xg.ExpCutoffPowerLaw(lambda_="2 TeV-1", alpha=2),
    "parabola": xg.LogParabola(alpha=2.3, beta=0.3, reference="1 TeV"),
    "compound": xg.PowerLaw() * xg.PowerLawNorm(tilt=0.3),
    "broken": xg.BrokenPowerLaw(),
    "integral": xg.PowerLaw2(),
    "line": xg.LineSpectrum(mean="3 TeV", sigma="1 TeV"),
}


def predictions(peer, ours, model):
    """The same model by gammapy and by us in gammapy's way."""
    from gammapy.modeling.models import Models

    copy = peer.copy(name="gc")
    copy.models = Models.from_yaml(xg.Models(model).to_yaml())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = copy.npred_signal().data
    return theirs, ours.gamma.npred_signal(model, scheme="gammapy").values


def check(theirs, mine):
    assert theirs.sum() > 0
    np.testing.assert_allclose(mine, theirs, atol=1e-6 * theirs.max())
    np.testing.assert_allclose(mine.sum((1, 2)), theirs.sum((1, 2)), rtol=1e-5)
    assert mine.sum() == pytest.approx(theirs.sum(), rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_also_at_the_border(peer, ours, shape):
    check(*predictions(peer, ours, xg.SkyModel(xg.PowerLaw(), SHAPES[shape], name="m")))


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_every_kind_of_spectrum(peer, ours, spectrum):
    check(*predictions(peer, ours, xg.SkyModel(SPECTRA[spectrum], SHAPES["point"], name="m")))


@pytest.mark.parametrize("off", ["psf", "edisp"])
def test_without_one_of_the_responses(peer, ours, off):
    for shape in ("point", "disk"):
        model = xg.SkyModel(xg.PowerLaw(), SHAPES[shape], name="m", apply_irf={off: False})
        check(*predictions(peer, ours, model))


def test_every_shape_is_listed():
    """A new shape must be compared too."""
    # A factor on a background has no position to be compared at: see modeling/test_spatial_norms.py.
    # A template with further axes: see modeling/test_template_nd.py.
    others = {xg.ConstantSpatial, TemplateMap, xg.TemplateMapND, PiecewiseNormSpatial}
    known = {type(shape) for shape in SHAPES.values()} | others
    assert issubclass(Shape, Component)
    # Pages and tests register kinds of their own, from records.
    own = {kind for kind in Shape.registry.values() if not hasattr(kind, "record")}
    assert len(own) > 5
    assert own <= known


def test_nothing_from_beyond_the_border(peer, ours):
    """A point a pixel outside: gammapy predicts nothing, the PSF brings in 7.9 counts."""
    from xgamma.errors import XGammaWarning

    model = xg.SkyModel(
        xg.PowerLaw(), xg.PointSource(lon=4.05, lat=0.1, frame="galactic"), name="m"
    )
    with pytest.warns(XGammaWarning, match="lies outside"):
        assert float(ours.gamma.npred_signal(model, scheme="gammapy").sum()) == 0
    assert float(ours.gamma.npred_signal(model).sum()) == pytest.approx(7.85, abs=0.1)


def test_light_curves_are_summed_over_a_hundred_times(gammapy, tmp_path):
    from astropy.table import Table
    from astropy.time import Time
    from gammapy.modeling.models import LightCurveTemplateTemporalModel

    from xgamma.fitting.gammapy_scheme import mean_factor

    table = Table({"TIME": [0.0, 0.5, 1.0, 2.0], "NORM": [1.0, 3.0, 0.5, 2.0]})
    table["TIME"].unit = "d"
    table.meta = {"MJDREFI": 59000, "MJDREFF": 0.0, "TIMESYS": "utc", "TIMEUNIT": "d"}
    path = tmp_path / "lc.fits"
    table.write(path)
    theirs = LightCurveTemplateTemporalModel.read(path)
    mine = xg.LightCurve([0, 0.5, 1, 2], [1, 3, 0.5, 2], t_ref=59000)
    start, stop = np.array([59000.1, 59000.9]), np.array([59000.7, 59001.4])
    times = [Time(t, format="mjd", scale="utc") for t in (start, stop)]
    expected = float(np.sum(theirs.integral(*times)))
    assert mean_factor(mine, start, stop) == pytest.approx(expected, rel=1e-9)
    assert mine.kernel_mean(start, stop) == pytest.approx(expected, rel=2e-2)
    assert mine.kernel_mean(start, stop) != pytest.approx(expected, rel=1e-4)
