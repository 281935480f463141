"""A factor on a background that is free at positions, against gammapy's."""

import numpy as np
import pytest
from astropy import units as u

import xgamma as xg
from xgamma.errors import UnitError, XGammaError
from xgamma.modeling.count_models import FoVBackground
from xgamma.modeling.models import Models
from xgamma.modeling.sky_model import SkyModel

LON, LAT = np.meshgrid([-1.0, 0.2, 1.0], [-1.2, 0.0, 1.1])
NORMS = [1.0, 0.8, 1.2, 1.1, 0.5, 0.9, 1.3, 1.4, 0.7]


def norm(middle=(83.63, 22.0), **changes):
    lon, lat = (LON + middle[0]).ravel() % 360, (LAT + middle[1]).ravel()
    return xg.PiecewiseNormSpatial(lon, lat, norms=NORMS, **changes)


def peer_of(shape):
    from gammapy.modeling.models import Models as PeerModels

    return PeerModels.from_yaml(Models(FoVBackground("d", spatial=shape)).to_yaml())


@pytest.mark.parametrize("middle", [(83.63, 22.0), (0.1, -0.2), (359.5, 60.0)])
@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_values_as_gammapy(gammapy, middle, frame):
    shape = norm(middle, frame=frame)
    peer = peer_of(shape)[0].spatial_model
    lon, lat = np.meshgrid(np.linspace(-0.9, 0.9, 17), np.linspace(-0.9, 0.9, 15))
    lon, lat = (lon + middle[0]) % 360, lat + middle[1]
    theirs = peer(lon * u.deg, lat * u.deg).to_value("")
    # The slopes at the nodes are found by iteration, gammapy's to 1e-6.
    np.testing.assert_allclose(shape(lon, lat).value, theirs, rtol=1e-6)
    assert shape(lon, lat).unit == ""


def test_yaml_both_ways(gammapy):
    shape = norm()
    shape.norm_3.frozen = True
    back = Models.from_yaml(peer_of(shape).to_yaml(full_output=True))[0].spatial
    np.testing.assert_allclose(back(83.5, 21.7), shape(83.5, 21.7), rtol=1e-9)
    assert [p.value for p in back.parameters] == NORMS
    assert back.norm_3.frozen
    logarithmic = norm(interp="log")
    again = Models.from_yaml(Models(FoVBackground("d", spatial=logarithmic)).to_yaml())[0].spatial
    assert again.interp == "log"
    np.testing.assert_allclose(again(83.5, 21.7), logarithmic(83.5, 21.7), rtol=1e-9)


def test_in_logarithms(gammapy):
    from gammapy.maps import MapCoord
    from gammapy.modeling.models import PiecewiseNormSpatialModel

    shape = norm(interp="log")
    nodes = MapCoord.create({"lon": shape.nodes[:, 0] * u.deg, "lat": shape.nodes[:, 1] * u.deg})
    peer = PiecewiseNormSpatialModel(nodes, norms=np.array(NORMS), interp="log", frame="icrs")
    lon, lat = np.array([83.0, 83.5, 84.2]), np.array([21.5, 22.1, 22.4])
    theirs = peer(lon * u.deg, lat * u.deg).to_value("")
    np.testing.assert_allclose(shape(lon, lat).value, theirs, rtol=1e-6)


def background_map():
    ds = xg.create_map((83.63, 22.01), "1.6 deg", "0.1 deg", xg.energy_axis(1, 10, 2), name="d")
    return ds.assign(background=(("energy", "y", "x"), np.full((2, 16, 16), 1e3)))


def test_a_background_takes_the_factor_and_a_fit_finds_it():
    ds = background_map()
    truth = FoVBackground("d", spatial=norm())
    lon, lat = ds.gamma.lonlat
    predicted = ds.gamma.npred(truth)
    np.testing.assert_allclose(predicted[0], 1e3 * norm()(lon, lat).values, rtol=1e-9)
    ds = ds.assign(counts=predicted)
    start = FoVBackground("d", spatial=norm())
    start.spectral.freeze()
    for parameter in start.spatial.parameters:
        parameter.value = 1.0
    result = xg.fit(ds, [start])
    found = [p.value for p in result.models[0].spatial.parameters]
    np.testing.assert_allclose(found, NORMS, rtol=2e-3)


def test_what_cannot_be_is_refused():
    with pytest.raises(XGammaError, match="four or more positions"):
        xg.PiecewiseNormSpatial([0, 1, 1], [0, 0, 1])
    with pytest.raises(XGammaError, match="are collinear"):
        xg.PiecewiseNormSpatial([0, 1, 2, 3], [0, 1, 2, 3])
    with pytest.raises(
        UnitError, match=r"is a dimensionless factor, not a surface brightness: use it for a back"
    ):
        SkyModel(xg.PowerLaw(), norm(), name="m")
    small = xg.PiecewiseNormSpatial([83.4, 83.8, 83.8, 83.4], [21.8, 21.8, 22.2, 22.2])
    with pytest.raises(XGammaError, match=r"do not enclose \d+ pixels, .* put nodes around"):
        background_map().gamma.npred(FoVBackground("d", spatial=small))
