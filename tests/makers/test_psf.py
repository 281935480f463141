"""The PSF map: profiles of each kind, of unit integral."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import xgamma as xg
from tests.helpers.runs import POINTING, responses, simulated, template
from xgamma.model import sky
from xgamma.model.axes import coords_from_edges
from xgamma.model.axes import edges as axis_edges
from xgamma.numerics.responses import SR_PER_DEG2
from xgamma.simulate.simulated_responses import psf_sigma

RAD_EDGES = np.linspace(0, 1.5, 301)


def filled(psf=None, center=POINTING, **options):
    irfs = responses()
    if psf is not None:
        irfs["psf"] = psf
    return template(center=center, rad=xg.rad_axis("1.5 deg", 150), **options).gamma.fill(
        simulated(irfs), select=["psf"]
    )


def ring(ds):
    """Solid angles of the bins of the rad axis."""
    edges = axis_edges(ds, "rad")
    return np.pi * np.diff(edges**2) * SR_PER_DEG2


def table(profile):
    """A PSF_TABLE from a function of energy, offset, rad (deg-2)."""
    irfs = responses()["psf"]
    names = ("energy_true", "offset")
    coords = {k: v for k, v in irfs.coords.items() if k.split("_lo")[0].split("_hi")[0] in names}
    ds = irfs[[]].assign_coords(coords)
    ds = ds.assign_coords(coords_from_edges(RAD_EDGES, "rad", "deg", "lin"))
    values = profile(ds.energy_true, ds.offset, ds.rad) / SR_PER_DEG2
    values = values.transpose("energy_true", "offset", "rad").astype("f4")
    return ds.assign(psf=values.assign_attrs(units="sr-1")).assign_attrs(HDUCLAS4="PSF_TABLE")


def test_three_gaussians():
    """Sigma is the simulation's formula, interpolated: to a percent (NB bins of 0.01 deg)."""
    ds = filled()
    assert ds.psf.dims == ("energy_true", "rad", "y_irf", "x_irf")
    assert ds.psf.attrs["units"] == "sr-1"
    at = ds.psf.isel(energy_true=5, y_irf=7, x_irf=6)
    sigma = psf_sigma(ds.energy_true.values[5], 0.2)
    shape = sum(
        h * np.exp(-0.5 * (ds.rad / (w * sigma)) ** 2) for h, w in ((1, 1), (0.2, 2.2), (0.01, 4.0))
    )
    total = 2 * np.pi * sigma**2 * (1 + 0.2 * 2.2**2 + 0.01 * 16) * SR_PER_DEG2
    assert_allclose(at, shape / total, rtol=0.02, atol=1e-4 / total)


@pytest.mark.parametrize("kind", ["gauss", "table", "king"])
def test_unit_integral(kind):
    """Over the solid angle of the rad axis, wherever the pixel is on the field."""
    psf = {"gauss": lambda: None, "table": gauss_table, "king": king}[kind]()
    ds = filled(psf, center=(83.63, 22.01))
    integral = ds.psf.transpose(..., "rad").values @ ring(ds)
    assert_allclose(integral, 1, rtol=1e-5)


def gauss_table(sigma=0.1):
    return table(
        lambda e, o, r: np.exp(-0.5 * (r / sigma) ** 2) / (2 * np.pi * sigma**2) + 0 * (e + o)
    )


def king(gamma=2.5, sigma=0.05):
    base = responses()["psf"]
    blank = base.scale * 0
    ds = base[[]].assign(
        gamma=(blank + gamma).assign_attrs(units=""),
        sigma=(blank + sigma).assign_attrs(units="deg"),
    )
    return ds.assign_attrs(HDUCLAS4="PSF_KING")


def test_table():
    ds = filled(gauss_table(0.1))
    truth = np.exp(-0.5 * (ds.rad / 0.1) ** 2) / (2 * np.pi * 0.01 * SR_PER_DEG2)
    assert_allclose(ds.psf[4, :, 7, 7], truth, rtol=5e-3, atol=1e-3 * truth.max())
    assert ds.psf.attrs["smallest_integral"] == pytest.approx(1, rel=1e-3)


def test_short_axis_is_reported():
    """Scaling to one hides what the axis cuts off: the smallest integral tells."""
    irfs = responses() | {"psf": gauss_table(0.3)}
    ds = template(rad=xg.rad_axis("0.3 deg", 30)).gamma.fill(simulated(irfs), select=["psf"])
    assert ds.psf.attrs["smallest_integral"] == pytest.approx(1 - np.exp(-0.5), rel=1e-2)


def test_king():
    ds = filled(king())
    shape = (1 + ds.rad**2 / (2 * 2.5 * 0.05**2)) ** -2.5
    got = ds.psf[4, :, 7, 7]
    assert_allclose(got / got[0], shape / shape[0], rtol=1e-5)


def test_width_follows_the_offset():
    """Table linear in offset: the profile at 0.9 deg is the mix of its neighbours."""
    psf = table(lambda e, o, r: np.exp(-0.5 * (r / 0.1) ** 2) * (1 + o) + np.exp(-r) * o + 0 * e)
    ds = filled(psf)
    offset = ds.gamma.separation(POINTING)
    at = {"y_irf": 2, "x_irf": 2}
    theta = float(offset.interp(x=ds.x_irf[2], y=ds.y_irf[2]))
    shape = np.exp(-0.5 * (ds.rad / 0.1) ** 2) * (1 + theta) + np.exp(-ds.rad) * theta
    want = shape / (shape.values @ ring(ds))
    assert_allclose(ds.psf.isel(energy_true=3, **at), want, rtol=2e-3)


def test_zero_beyond_the_field():
    ds = filled(gauss_table(), center=POINTING, width="9 deg")
    offset = sky.separation(ds, POINTING, irf=True).values
    near, far = offset < 2.99, offset > 3.01
    assert_array_equal(ds.psf.values[..., far], 0)
    assert (ds.psf.values[:, 0][..., near] > 0).all()
    assert not ds.psf_exposure.values[:, far].any()


def test_unknown_kind():
    psf = gauss_table().rename(psf="blob")
    with pytest.raises(xg.XGammaError, match="PSF_KING, PSF_3GAUSS or PSF_TABLE"):
        filled(psf)
