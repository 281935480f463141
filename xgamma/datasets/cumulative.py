"""Counts, background, excess and significance against livetime, run after run."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xgamma.datasets.onoff import background_values, is_onoff, ratio, safe, variable
from xgamma.datasets.rows import row_sums
from xgamma.errors import MissingDataError, XGammaError
from xgamma.model.livetime import livetime_of
from xgamma.model.operation import operation
from xgamma.model.regions import region_mask
from xgamma.model.schema import in_own_units
from xgamma.model.trees import datasets_in
from xgamma.numerics.statistics import cash_significance, li_ma
from xgamma.typing import RegionsLike

__all__ = ["cumulative"]

SUMS = ("counts_sum", "background_sum", "counts_off_sum")


def _rows(ds: xr.Dataset, region: RegionsLike) -> dict[str, np.ndarray]:
    """Return the per-run sums of a dataset, shape (n_obs,) each."""
    name, ds = ds.attrs.get("name", ""), in_own_units(ds)
    if region is not None:
        if "x" not in ds.dims or "counts" not in ds or ds.sizes.get("obs") != 1:
            raise XGammaError(
                f"region= requires maps of single runs, but {name!r} is not one: use xg.reduce(..., stack=False)."
            )
        mask = region_mask(ds, region)
        if "mask_safe" in ds:
            mask = mask & ds["mask_safe"]
        else:
            mask = mask.expand_dims(energy=ds.sizes["energy"]).assign_coords(energy=ds["energy"])
        ds = ds.assign(mask_safe=mask)
    found = row_sums(ds)
    arrays = {n: found[n][0] if n in found else ds[n].values for n in SUMS if n in found or n in ds}
    if "counts_sum" not in arrays or "background_sum" not in arrays or "obs_id" not in ds:
        raise MissingDataError(
            f"The dataset {name!r} has no record of the counts and background of its runs: stack it with xg.reduce or ds.gamma.stack, or pass the tree from xg.reduce(..., stack=False)."
        )
    rows = {n: np.asarray(v, dtype=float).sum(axis=1) for n, v in arrays.items()}
    _require_current(ds, rows)
    rows["obs_id"] = np.atleast_1d(ds["obs_id"].values)
    rows["livetime"] = _livetimes(ds, rows)
    rows["onoff"] = np.full(rows["livetime"].size, is_onoff(ds))
    return rows


def _livetimes(ds: xr.Dataset, rows: dict[str, np.ndarray]) -> np.ndarray:
    """Return the live time of each run, zero for those of which nothing is safe."""
    times = np.atleast_1d(ds["livetime"].values).astype(float)
    if not np.asarray(safe(ds).data).any():
        return np.zeros_like(times)
    # A stack knows no masks of its runs, but the live time of those that it saw anything of. A
    # run without counts is either hidden or was empty: that sum decides.
    known = livetime_of(ds)
    shown = np.any([rows[n] != 0 for n in rows if n in SUMS], axis=0)
    hidden = known is not None and np.isclose(times[shown].sum(), known, rtol=1e-9)
    return np.where(shown, times, 0.0) if hidden else times


def _require_current(ds: xr.Dataset, rows: dict[str, np.ndarray]) -> None:
    """Raise unless the sums of the runs are those of the counts and background that are there.

    A cutout, a spectrum, a new background or drawn counts change the dataset, but what each run
    would have in it is not known any more.
    """
    if "counts" not in ds:
        return
    used = np.asarray(safe(ds).data)
    have = {"counts_sum": variable(ds, "counts"), "background_sum": background_values(ds)}
    for name, values in have.items():
        total = float(np.where(used & np.isfinite(values), values, 0.0).sum())
        if not np.isclose(rows[name].sum(), total, rtol=1e-3, atol=1e-6):
            raise MissingDataError(
                f"The {name.removesuffix('_sum')} of the dataset {ds.attrs.get('name', '')!r} sum to {total:.6g}, but those of its runs to {rows[name].sum():.6g}, because it was cut or given a new background since: do that to each run of a tree from xg.reduce(..., stack=False), and pass the tree."
            )


@operation
def cumulative(obj: xr.Dataset | xr.DataTree, region: RegionsLike | None = None) -> xr.Dataset:
    """Return the per-run table, and its running sums with their significance.

    Parameters
    ----------
    obj : DataTree or Dataset
        Collection of datasets of single runs, or a stacked dataset, which keeps the sums of
        its runs.
    region : region, DS9 text or path of a .reg file, optional
        For a collection of maps, region in which to count.

    Returns
    -------
    table : Dataset
        Along ``obs``: ``obs_id``; ``livetime`` (s), ``counts``, ``background``, ``excess`` and
        ``significance`` of each run; ``livetime_sum``, ``counts_sum``, ``background_sum``,
        ``excess_sum`` and ``significance_sum`` of this and all earlier rows. Li & Ma with off
        counts, otherwise Cash. Only safe bins count.

    Raises
    ------
    MissingDataError
        If the sums of the runs are not known.
    XGammaError
        If on-off and plain datasets are mixed, or `region` does not fit.

    Examples
    --------
    >>> import xgamma as xg
    >>> from xgamma.dl3 import simulate_observation
    >>> runs = [simulate_observation("83.63d 22.51d", seed=i, obs_id=i) for i in (1, 2)]
    >>> empty = xg.create_map("83.63d 22.01d", "2 deg", "0.1 deg", xg.energy_axis(1, 10, 2))
    >>> table = cumulative(xg.reduce(runs, into=empty))
    >>> bool(table.counts_sum[1] == table.counts.sum())
    True
    """
    datasets = [obj] if isinstance(obj, xr.Dataset) else list(datasets_in(obj).values())
    if not datasets:
        raise MissingDataError("The collection is empty: there is nothing to sum.")
    parts = [_rows(ds, region) for ds in datasets]
    if len({bool(p["onoff"][0]) for p in parts}) > 1:
        raise XGammaError("On-off and other datasets cannot be combined in one table.")
    rows = {n: np.concatenate([p[n] for p in parts]) for n in parts[0]}
    onoff = bool(rows["onoff"][0]) and "counts_off_sum" in rows
    columns: dict[str, np.ndarray] = {"obs_id": rows["obs_id"]}
    for suffix, add in (("", np.asarray), ("_sum", np.cumsum)):
        n_on, expected = add(rows["counts_sum"]), add(rows["background_sum"])
        columns[f"livetime{suffix}"] = add(rows["livetime"])
        columns[f"counts{suffix}"], columns[f"background{suffix}"] = n_on, expected
        columns[f"excess{suffix}"] = n_on - expected
        if onoff:
            n_off = add(rows["counts_off_sum"])
            value = li_ma(n_on, n_off, ratio(expected, n_off))
        else:
            value = np.where(
                expected > 0, cash_significance(n_on, np.where(expected > 0, expected, 1.0)), np.nan
            )
        columns[f"significance{suffix}"] = np.asarray(value)
    return xr.Dataset(
        {name: xr.Variable("obs", values, _attrs(name)) for name, values in columns.items()}
    )


def _attrs(name: str) -> dict[str, str]:
    if name == "obs_id":
        return {"long_name": "observation"}
    base = name.removesuffix("_sum")
    text = f"summed {base}" if name != base else base
    return {"long_name": text, "units": "s" if base == "livetime" else ""}
