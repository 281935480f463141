"""Background methods by name: everywhere the same ones, one's own among them."""

import pickle

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.registries import restore_after
from xgamma.background.collection import each_background
from xgamma.background.registry import REGISTRY, BackgroundCall, choose_background
from xgamma.dl3 import simulate_observation
from xgamma.errors import MissingDataError, XGammaError

OWN = ("adaptive_ring", "fov", "phase", "reflected", "ring")
REGION = "icrs;circle(83.63, 22.01, 0.2)"


@pytest.fixture(autouse=True)
def _registry_as_before(monkeypatch):
    restore_after(REGISTRY, monkeypatch)


@pytest.fixture(scope="module")
def runs():
    return [simulate_observation("83.63d 22.51d", seed=i, obs_id=i) for i in (1, 2)]


def grid():
    return xg.create_map("83.63d 22.01d", "5 deg", "0.2 deg", xg.energy_axis(1, 10, 2))


def flat(ds, obs=None, *, level: float = 1.0):
    """The same background everywhere."""
    return ds.assign(background=ds.background * 0.0 + level)


def register(function=flat, name="flat", **needs):
    return xg.register_background(xg.BackgroundRecord(name, "Flat.", function, **needs))


def test_every_method_is_known_with_its_options():
    assert set(OWN) <= set(xg.list_backgrounds())
    for name in OWN:
        record = xg.find_background(name)
        assert record.safe_only
        assert record.function.__name__ == f"{name}_background"
    assert list(xg.find_background("phase").options) == ["on_phase", "off_phase", "column"]
    assert {n for n in OWN if xg.find_background(n).needs_run} == {"phase", "reflected"}
    assert {n for n in OWN if "spectrum" in xg.find_background(n).kinds} == {"phase", "reflected"}


@pytest.mark.parametrize("name", OWN)
def test_a_method_refuses_what_it_is_not_for(name):
    record = xg.find_background(name)
    missing = {n: "0.3 deg" for n, p in record.options.items() if p.default is p.empty}
    call = BackgroundCall(record, missing)
    spectrum = xg.create_spectrum(REGION, xg.energy_axis(1, 10, 2))
    if "spectrum" not in record.kinds:
        with pytest.raises(
            XGammaError, match=f"'{name}' requires a map: for a spectrum use one of"
        ):
            call(spectrum)
    elif "map" not in record.kinds:
        with pytest.raises(
            XGammaError, match=f"'{name}' requires a spectrum: for a map use one of"
        ):
            call(grid())
    if record.needs_run:
        with pytest.raises(MissingDataError, match=f"'{name}' requires the run"):
            call(spectrum)


def test_a_method_of_ones_own_is_known_everywhere(runs):
    register()
    options = {"into": grid(), "offset_max": "2 deg", "stack": False}
    tree = xg.reduce(runs, background={"name": "flat", "level": 3.0}, **options)
    by_tree = xg.reduce(runs, **options).gamma.each_background("flat", level=3.0)
    for name in ("1", "2"):
        for made in (tree, by_tree):
            np.testing.assert_array_equal(made[name].background, 3.0)
    assert "flat" in xg.list_backgrounds()


@pytest.mark.parametrize("safe_only", [False, True])
def test_a_method_that_looks_anywhere_is_given_everything(runs, safe_only):
    """What `offset_max` hides is filled for a method, unless that says it does not look there."""

    def look(ds, obs):
        far = ~ds.mask_safe.isel(energy=0, drop=True)
        seen.append(float(ds.exposure.where(far).max()))
        return ds

    seen = []
    register(look, "look", safe_only=safe_only)
    xg.reduce(runs[:1], into=grid(), cutout_width="5 deg", offset_max="1 deg", background="look")
    assert (seen[0] > 0) is not safe_only


def test_the_name_may_be_apart_from_an_option_called_method(runs):
    """The fit of the field of view could not be asked for by `reduce`, nor on a collection."""
    options = {"into": grid(), "offset_max": "2 deg"}
    fitted = xg.reduce(runs, background={"name": "fov", "method": "fit"}, stack=False, **options)
    assert fitted["1"].background.attrs["method"] == "fov-fit"
    tree = xg.reduce(runs, stack=False, **options)
    again = tree.gamma.fov_background(method="fit")
    np.testing.assert_allclose(again["1"].background, fitted["1"].background)
    grown = tree.gamma.adaptive_ring_background("0.4 deg", "0.4 deg", "2 deg", method="fixed_r_in")
    assert grown["1"].dataset.gamma.kind == "map_onoff"
    # The shorter form, where no option is called so.
    assert choose_background({"method": "fov", "min_counts": 3}).options == {"min_counts": 3}


def test_options_are_checked_before_anything_is_read():
    for background, words in (
        ({"method": "ring", "r_in": "1 deg"}, "'ring' requires the option 'width'"),
        ({"method": "fov", "exclude": 1}, "'fov' has no option 'exclude': choose from exclusion"),
        ("flt", "The background method 'flt' is not recognised: choose from adaptive_ring, .*fov"),
        (3, "background=3 is not valid"),
    ):
        with pytest.raises(XGammaError, match=words):
            xg.reduce(iter([]), into=grid(), background=background)


def test_what_a_method_returns_is_checked(runs):
    register(lambda ds, obs: None, "nothing")
    with pytest.raises(XGammaError, match=r"Run 1: .* 'nothing' returned NoneType for run 1"):
        xg.reduce(runs[:1], into=grid(), background="nothing")
    register(lambda ds, obs: ds.isel(energy=[0, 0]), "twice")
    with pytest.raises(XGammaError, match="bins of the axis 'energy' do not increase"):
        xg.reduce(runs[:1], into=grid(), background="twice")


def test_a_method_gets_a_run_where_there_is_one(runs):
    given = []
    register(lambda ds, obs: given.append(obs) or ds, "seeing")
    tree = xg.reduce(runs, into=grid(), stack=False)
    each_background(tree, "seeing")
    each_background(tree, "seeing", runs)
    assert given[:2] == [None, None]
    assert [int(obs.attrs["OBS_ID"]) for obs in given[2:]] == [1, 2]


def test_records_that_say_nothing_usable_are_refused():
    with pytest.raises(XGammaError, match=r"kinds=\('cube',\) of 'flat' is not recognised"):
        register(kinds=("cube",))
    with pytest.raises(XGammaError, match=r"'ring' of .*flat has the same name as that of xgamma"):
        register(name="ring")


def test_a_registered_method_reaches_other_processes():
    """What a session registers travels with the job: workers know no more than the packages."""
    register()
    call = pickle.loads(pickle.dumps(choose_background({"name": "flat", "level": 2.0})))
    assert call.record.function.__name__ == "flat"
    assert call.options == {"level": 2.0}
