"""A small simulated store, and how to compare two reductions."""

import numpy as np
import pytest

import xgamma as xg
from tests.helpers.runs import template
from tests.helpers.small_maps import flat_map, wobble_run
from xgamma.dl3 import simulate_store

__all__ = ["flat_map", "wobble_run"]


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale")
    pointings = [(83.63 + 0.2 * k, 22.01) for k in range(-3, 3)]
    return xg.open_store(simulate_store(folder / "store", pointings=pointings, livetime="2 min"))


@pytest.fixture(scope="session")
def job():
    return {
        "into": template("4 deg", "0.1 deg"),
        "offset_max": "1.5 deg",
        "safe_mask": ["aeff-default"],
        "progress": False,
    }


@pytest.fixture(scope="session")
def serial(store, job):
    return xg.reduce(store, workers=1, **job)


@pytest.fixture(scope="session")
def same():
    def same(a, b):
        """Counts, masks and metadata are equal, other maps to rounding."""
        assert set(a.variables) == set(b.variables)
        assert a.attrs == b.attrs
        for name in a.variables:
            assert a[name].dims == b[name].dims
            lists = [dict(v.attrs) for v in (a[name], b[name])]
            livetime, other = (attrs.pop("livetime", 0.0) for attrs in lists)
            assert lists[0] == lists[1]
            assert livetime == pytest.approx(other, rel=1e-12)
            x, y = a[name].values, b[name].values
            assert x.dtype == y.dtype
            if x.dtype.kind == "f" and "obs" not in a[name].dims:
                np.testing.assert_allclose(x, y, rtol=1e-6, err_msg=name)
            else:
                np.testing.assert_array_equal(x, y, err_msg=name)

    return same
