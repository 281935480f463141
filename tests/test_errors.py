"""Every error of xgamma is one of Python's own kinds too, and says only its sentence."""

import copy
import inspect
import pickle

import pytest

import xgamma as xg
from xgamma import errors
from xgamma.core.extras import require_package
from xgamma.tutorial import example_map, example_model

# What a caller would catch who does not know xgamma.
KINDS = {
    "XGammaError": ValueError,
    "ArgumentTypeError": TypeError,
    "MissingDataError": KeyError,
    "MissingFileError": FileNotFoundError,
    "MissingPackageError": ImportError,
    "AccessorError": AttributeError,
    "UnitError": ValueError,
    "AxisError": ValueError,
    "FrameError": ValueError,
    "OutsideError": ValueError,
    "WriteError": OSError,
}
CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, Exception) and not issubclass(kind, Warning)
}


def test_every_class_has_a_kind():
    """A new class of errors needs a row in `KINDS`."""
    assert set(CLASSES) == set(KINDS)


@pytest.mark.parametrize("name", CLASSES)
def test_an_error_is_one_of_pythons_kinds_too(name):
    kind = CLASSES[name]
    assert issubclass(kind, KINDS[name])
    assert issubclass(kind, errors.XGammaError)
    assert getattr(xg, name) is kind


@pytest.mark.parametrize("name", CLASSES)
def test_an_error_prints_its_sentence_and_crosses_processes(name):
    """KeyError would print quotes; OSError keeps arguments of its own."""
    error = CLASSES[name]("There is no 'a': give b.")
    for one in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(one) is CLASSES[name]
        assert str(one) == "There is no 'a': give b."


RAISED = {
    "a bad value": (lambda: xg.energy_axis(10, 1, 3), ValueError),
    "a folder that is not there": (lambda: xg.open_store("nowhere"), FileNotFoundError),
    "a file that is not there": (lambda: xg.open("nowhere.nc"), FileNotFoundError),
    "an image that is not there": (lambda: xg.read_map("nowhere.fits"), FileNotFoundError),
    "flux points that are not there": (
        lambda: xg.read_flux_points("nowhere.fits"),
        FileNotFoundError,
    ),
    "models that are not there": (lambda: xg.Models.read("nowhere.yaml"), FileNotFoundError),
    "a package that is not there": (lambda: require_package("nothing", "It", "all"), ImportError),
    "a model that is not there": (lambda: xg.Models(example_model())["vela"], KeyError),
    "a variable that is not there": (
        lambda: example_map().drop_vars("counts").gamma.excess,
        KeyError,
    ),
    "a text for a dataset": (lambda: xg.stat_sum("crab.nc"), TypeError),
    "a number for a dataset": (lambda: xg.excess_map(3), TypeError),
    "a number for an observation": (lambda: xg.fill(example_map(), 3), TypeError),
    "a list for an axis": (lambda: xg.create_map((0, 0), npix=3, energy=[1, 2]), TypeError),
    "a number for a region": (lambda: example_map().gamma.region_mask(3), TypeError),
    "a number for a path": (lambda: xg.open(3), TypeError),
    "a number for a model": (lambda: xg.Models([3]), TypeError),
}


@pytest.mark.parametrize("case", RAISED)
def test_what_is_raised_is_what_python_would_raise(case):
    call, kind = RAISED[case]
    with pytest.raises(errors.XGammaError) as caught:
        call()
    assert isinstance(caught.value, kind), type(caught.value)
    assert not str(caught.value).startswith(("'", '"'))
