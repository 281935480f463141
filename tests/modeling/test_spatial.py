"""Shapes: they integrate to one, agree with gammapy, and know their frames."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

import xgamma as xg
from xgamma.errors import FrameError, XGammaError
from xgamma.model import sky
from xgamma.modeling import spatial as sp
from xgamma.modeling.spatial_base import rotation
from xgamma.modeling.template_map import TemplateMap
from xgamma.numerics import shapes as kernels

SHAPES = [
    sp.Gaussian(sigma="0.2 deg"),
    sp.Gaussian(sigma="0.2 deg", e=0.8, phi="30 deg"),
    sp.Disk(r_0="0.5 deg"),
    sp.Disk(r_0="0.5 deg", e=0.7, phi="-40 deg"),
    sp.Disk(r_0="0.5 deg", edge_width=0),
    sp.Shell(radius="0.4 deg", width="0.2 deg"),
    sp.Shell2(r_0="0.6 deg", eta=0.4),
    sp.GeneralizedGaussian(r_0="0.2 deg", eta=0.5),
    sp.GeneralizedGaussian(r_0="0.2 deg", eta=0.3, e=0.5, phi="80 deg"),
]


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_integrates_to_one(shape):
    shape = shape.copy()
    shape.lon, shape.lat = 83.6, 22.0
    grid = xg.create_map(shape.position, 4.0, 0.01)
    lon, lat = sky.lonlat(grid)
    total = float((shape(lon, lat) * sky.solid_angle(grid)).sum())
    assert total == pytest.approx(1, abs=4e-3)


@pytest.mark.parametrize("shape", SHAPES[:4] + SHAPES[5:], ids=repr)
def test_against_peer(gammapy, shape):
    from gammapy.modeling.models import SPATIAL_MODEL_REGISTRY

    peer = SPATIAL_MODEL_REGISTRY.get_cls(shape.tag)(
        **{p.name: p.quantity for p in shape.parameters}
    )
    lon, lat = np.meshgrid(np.linspace(-1, 1, 31), np.linspace(-1, 1, 33))
    theirs = peer(lon * u.deg, lat * u.deg).to_value("sr-1")
    if isinstance(shape, sp.Disk):
        # An edge adds to gammapy's disk: 9e-6 at this width.
        theirs /= kernels.edge_area(shape.edge_width.value)
    np.testing.assert_allclose(shape(lon, lat).value, theirs, atol=1e-7 * theirs.max())
    assert shape.extent == pytest.approx(peer.evaluation_radius.to_value("deg"))
    assert shape.bin_size == pytest.approx(peer.evaluation_bin_size_min.to_value("deg"))


@pytest.mark.parametrize("width", [0.0, 0.01, 0.3, 1.0])
def test_disks_hold_one_whatever_their_edge(gammapy, width):
    """gammapy's disk of the widest edge holds 1.09."""
    from gammapy.modeling.models import DiskSpatialModel

    radius = (np.arange(40_000) + 0.5) * 1e-4
    area = 2 * np.pi * np.sin(np.radians(radius)) * np.radians(1e-4)
    total = np.sum(sp.Disk(r_0="1 deg", edge_width=width)(0.0, radius).value * area)
    assert total == pytest.approx(1, abs=2e-4)
    if width == 0:
        return
    theirs = DiskSpatialModel(r_0="1 deg", edge_width=width)
    held = np.sum(theirs(0 * u.deg, radius * u.deg).to_value("sr-1") * area)
    assert held / total == pytest.approx(1 + 0.5 * (width / kernels.EDGE_95) ** 2, abs=2e-4)


def test_frames():
    at = SkyCoord(10, 3, unit="deg", frame="galactic")
    first = sp.Gaussian(sigma="0.3 deg", position=at, frame="galactic", e=0.6, phi="20 deg")
    points = sp.kernels.unit_vectors(np.radians([9.9, 10.2]), np.radians([3.1, 3.0]))
    inside = first.on_points(points, "galactic")
    turned = rotation("galactic", "icrs") @ points
    np.testing.assert_allclose(first.on_points(turned, "icrs"), inside, rtol=1e-9)
    moved = sp.PointSource(position=at)
    assert moved.position.separation(at).arcsec < 1e-6
    with pytest.raises(FrameError, match="not recognised"):
        sp.PointSource(frame="altaz")
    with pytest.raises(XGammaError, match="outside its range -90 to 90"):
        sp.PointSource(lat="91 deg")


def test_regions():
    assert sp.PointSource().to_region() is not None
    assert sp.Disk(r_0="0.5 deg").to_region().height.to_value("deg") == 1.0
    assert sp.Shell().to_region().radius.to_value("deg") == pytest.approx(1.2)


def test_template_map():
    grid = xg.create_map((83.6, 22.0), 2.0, 0.05)
    source = sp.Gaussian(sigma="0.2 deg", lon=83.6, lat=22.0)
    image = 7 * source(*sky.lonlat(grid))
    template = TemplateMap(image)
    lon, lat = np.meshgrid(np.linspace(83.4, 83.8, 21), np.linspace(21.8, 22.2, 21))
    expected = source(lon, lat).value
    np.testing.assert_allclose(template(lon, lat).value, expected, atol=0.02 * expected.max())
    assert float(template(80, 22).value) == 0
    shifted = template.copy()
    shifted.lat = template.lat.value + 0.1
    assert float(shifted(83.6, 22.1).value) == pytest.approx(float(template(83.6, 22.0).value))
    with pytest.raises(XGammaError, match="NaN or negative"):
        TemplateMap(-image)
    with pytest.raises(XGammaError, match="empty"):
        TemplateMap(image * 0)
    assert TemplateMap.from_extra(template.extra()).map.equals(template.map)


def test_diffuse_template_holds_the_flux_itself():
    from tests.helpers.small_datasets import small_map

    ds = small_map(psf=0)
    flux = ds.exposure * 0 + 1e-10
    flux.attrs["units"] = "TeV-1 s-1 cm-2 sr-1"
    flux.attrs.pop("long_name", None)
    diffuse = TemplateMap(flux, normalize=False)
    model = xg.SkyModel(xg.PowerLawNorm(), diffuse, name="diffuse")
    flat = xg.SkyModel(xg.Constant(const="1e-10 TeV-1 s-1 cm-2"), xg.ConstantSpatial(), name="flat")
    np.testing.assert_allclose(ds.gamma.npred_signal(model), ds.gamma.npred_signal(flat))
    with pytest.raises(XGammaError, match="is already a flux per sr"):
        xg.SkyModel(xg.PowerLaw(), diffuse, name="m")
    flux.attrs["units"] = "TeV"
    with pytest.raises(XGammaError, match="neither a surface brightness per sr nor a flux"):
        TemplateMap(flux, normalize=False)
