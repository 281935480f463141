"""What a new user types first, and what the answer says."""

import copy
import pickle

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from xgamma.tutorial import example_map, example_model


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("counts", "use ds.counts"),
        ("sel", "use ds.sel"),
        ("plot", "use ds.plot"),
        ("containment_radius", "psf_containment_radius"),
        ("fov_backgroud", "fov_background"),
        ("qwertz", "see dir"),
    ],
)
def test_what_is_not_there(name, answer):
    with pytest.raises(AttributeError, match=answer):
        getattr(example_map().gamma, name)


def test_arrays_and_trees():
    with pytest.raises(AttributeError, match=r"use da\.mean"):
        _ = example_map().counts.gamma.mean
    with pytest.raises(AttributeError, match=r"use tree\.children"):
        _ = xg.collect([example_map()]).gamma.children


def test_printed():
    assert repr(example_map().counts.gamma).startswith("<da.gamma of xgamma: ")
    assert repr(xr.DataTree().gamma).startswith("<tree.gamma of xgamma: ")


def test_an_error_inside_a_property_stays():
    with pytest.raises(xg.XGammaError):
        _ = xr.Dataset({"counts": ("energy", np.ones(2))}).gamma.lonlat


def test_protocols():
    accessor = example_map().gamma
    assert not hasattr(accessor, "__array__")
    assert copy.copy(accessor).kind == pickle.loads(pickle.dumps(accessor)).kind == "map"


def test_a_spectrum_is_no_model():
    with pytest.raises(xg.XGammaError, match="SkyModel"):
        xg.fit(example_map(), xg.PowerLaw())


def test_numbers_in_the_place_of_a_frame():
    with pytest.raises(xg.XGammaError, match="by name"):
        xg.PointSource(83.63, 22.01)
    assert example_model().spatial.frame == "icrs"
