"""Datasets put together without merging: the same as `assign` makes."""

import numpy as np
import pytest
import xarray as xr

from xgamma.model.assembly import with_data
from xgamma.tutorial import example_map

ROW = xr.Variable("fresh", [1.0, 2.0, 3.0], {"units": "s"})


@pytest.mark.parametrize(
    "variables",
    [
        {"mine": xr.Variable((), 3)},
        {"mine": ROW, "more": xr.Variable("fresh", [1, 2, 3])},
        {"counts": xr.Variable(("y", "x"), np.zeros((40, 50)))},
        {"wcs": xr.Variable((), 1)},
        {"fresh": ROW},
    ],
    ids=["new", "new dim", "replaced", "coordinate", "name of a dim"],
)
def test_data_are_added_as_assign_adds_them(variables):
    ds = example_map()
    variables = {
        n: v if "y" not in v.dims else xr.Variable(v.dims, np.zeros([ds.sizes[d] for d in v.dims]))
        for n, v in variables.items()
    }
    before = ds.copy(deep=True)
    made = with_data(ds, variables, {"name": "other"})
    expected = ds.assign(variables)
    expected.attrs = {"name": "other"}
    xr.testing.assert_identical(made, expected)
    assert dict(made.sizes) == dict(expected.sizes)
    assert list(made.variables) == list(expected.variables)
    assert set(made.xindexes) == set(expected.xindexes)
    for variable in made.variables.values():
        variable.attrs["changed"] = True
    xr.testing.assert_identical(ds, before)
    assert not any("changed" in v.attrs for v in variables.values())


def test_a_dim_that_only_what_is_replaced_had_is_gone():
    ds = example_map().drop_vars("obs_id", errors="ignore")
    ds = ds.drop_vars([n for n, v in ds.variables.items() if "gti" in v.dims])
    ds = ds.assign(own=("spare", [1, 2]))
    assert "spare" not in with_data(ds, {"own": xr.Variable((), 1)}).sizes


def test_sizes_that_disagree_are_refused_by_xarray():
    ds = example_map()
    with pytest.raises(ValueError, match="size"):
        with_data(ds, {"mine": xr.Variable("x", np.zeros(ds.sizes["x"] + 1))})
