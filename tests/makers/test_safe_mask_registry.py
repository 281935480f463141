"""Safe-mask methods by name: everywhere the same ones, one's own among them."""

import pickle

import numpy as np
import pytest
import xarray as xr

import xgamma as xg
from tests.helpers.registries import restore_after
from xgamma.dl3 import simulate_observation
from xgamma.errors import MissingDataError, XGammaError
from xgamma.makers.safe_mask import choose_safe_masks
from xgamma.makers.safe_masks.registry import REGISTRY
from xgamma.tutorial import example_map

OWN = {"aeff-default", "aeff-max", "bkg-peak", "edisp-bias", "offset-max"}


@pytest.fixture(autouse=True)
def _registry_as_before(monkeypatch):
    restore_after(REGISTRY, monkeypatch)


@pytest.fixture(scope="module")
def obs():
    return simulate_observation("83.63d 22.51d", seed=1)


def grid():
    return xg.create_map("83.63d 22.01d", "5 deg", "0.2 deg", xg.energy_axis(1, 10, 4))


def enough(ds, obs=None, *, least: int = 5):
    return ds.counts.sum(["y", "x"]) >= least


def register(function=enough, name="enough", **more):
    return xg.register_safe_mask(xg.SafeMaskRecord(name, "Enough counts.", function, **more))


def test_every_method_is_known_with_its_options():
    assert set(xg.list_safe_masks()) >= OWN
    options = set(xg.find_safe_mask("aeff-max").options)
    assert options == {"aeff_percent", "position", "fixed_offset", "irfs", "fold"}
    # What a reduction relies on when it fills no more than is looked at.
    looks = {name: xg.find_safe_mask(name).looks_at for name in OWN}
    assert looks == {
        "aeff-default": "run",
        "offset-max": "run",
        "aeff-max": "position",
        "edisp-bias": "position",
        "bkg-peak": "maps",
    }


def test_a_method_of_ones_own_is_known_everywhere(obs):
    register()
    ds = grid().gamma.fill(obs)
    totals = ds.counts.sum(["y", "x"]).values
    level = int(np.sort(totals)[2])
    expected = totals >= level
    assert 0 < expected.sum() < 4
    methods = {"methods": ["enough"], "least": level}
    by_accessor = ds.gamma.safe_mask(obs, **methods)
    by_reduce = xg.reduce([obs], into=grid(), safe_mask=methods, stack=False).children.values()
    for made in (by_accessor, next(iter(by_reduce)).dataset):
        np.testing.assert_array_equal(made.mask_safe.isel(y=12, x=12), expected)
    both = ds.gamma.safe_mask(obs, ["enough", "offset-max"], least=level, offset_max="1 deg")
    near = ds.gamma.safe_mask(obs, ["offset-max"], offset_max="1 deg")
    xr.testing.assert_equal(both.mask_safe, near.mask_safe & by_accessor.mask_safe)


def test_lazy_maps_are_looked_at_when_they_are_computed(obs):
    pytest.importorskip("dask", reason="dask is not installed: pip install xgamma[dask]")
    register()
    ds = grid().gamma.fill(obs)
    lazy = xg.safe_mask(ds.chunk(energy=1), methods=["enough"], least=20)
    assert lazy.mask_safe.chunks is not None
    assert bool((lazy.mask_safe == xg.safe_mask(ds, methods=["enough"], least=20).mask_safe).all())


@pytest.mark.parametrize("looks_at", ["maps", "run"])
def test_a_method_that_looks_at_maps_is_given_all_of_them(obs, looks_at):
    """What `offset_max` hides is filled, unless the method says it does not look at maps."""
    seen = []

    def look(ds, obs):
        far = ds.gamma.separation(obs.gamma.pointing) > 1.5
        seen.append(float(ds.exposure.where(far).max()))
        return xr.ones_like(ds.counts, dtype=bool)

    register(look, "look", looks_at=looks_at)
    options = {"into": grid(), "cutout_width": "5 deg", "offset_max": "1 deg"}
    xg.reduce([obs], safe_mask=["look"], **options)
    assert (seen[0] > 0) is (looks_at == "maps")


def test_options_and_names_are_checked_before_anything_is_read():
    register(lambda ds, obs, *, floor: ds.counts > floor, "floor")
    for masks, words in (
        (["offset"], "safe-mask method 'offset' is not recognised: choose from .*offset-max"),
        ({"methods": ["aeff-max"], "percent": 3}, "safe_mask has no option 'percent': choose from"),
        ({"methods": ["enough"]}, "'enough' is not recognised"),
        ({"methods": ["floor"]}, "'floor' requires the option 'floor'"),
        (3, "safe_mask=3 is not valid"),
    ):
        with pytest.raises(XGammaError, match=words):
            xg.reduce(iter([]), into=grid(), safe_mask=masks)


def test_what_a_method_returns_is_checked():
    ds = example_map()
    for function, words in (
        (lambda ds, obs: None, "returned NoneType: it must return a boolean array"),
        (lambda ds, obs: ds.counts, "'own' returned int32: it must return a boolean array"),
        (lambda ds, obs: ds.counts.values > 0, "returned bool: it must return .* named dimensions"),
        (
            lambda ds, obs: (ds.counts > 0).isel(x=slice(3)),
            "'x': 3}, but the counts have {'energy'",
        ),
        (lambda ds, obs: (ds.counts > 0).rename(x="z"), "'z': "),
    ):
        record = xg.SafeMaskRecord("own", "One's own.", function)
        with pytest.raises(XGammaError, match=words):
            xg.safe_mask(ds, methods=[record])


def test_a_method_that_needs_the_run_says_so():
    register(needs_run=True)
    with pytest.raises(MissingDataError, match="pass the observation"):
        xg.safe_mask(example_map(), methods=["enough"])
    with pytest.raises(XGammaError, match="looks_at='sky' of 'enough' is not recognised"):
        register(looks_at="sky")


def test_a_registered_method_reaches_other_processes():
    """What a session registers travels with the job: workers know no more than the packages."""
    register()
    chosen = pickle.loads(pickle.dumps(choose_safe_masks({"methods": "enough", "least": 3})))
    assert chosen["least"] == 3
    assert [record.name for record in chosen["methods"]] == ["enough"]
