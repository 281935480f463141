"""Summaries: a dataset in the form that people know, and collections as a table."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from xgamma.datasets.collection import datasets
from xgamma.datasets.masks import mask, safe
from xgamma.datasets.onoff import background_values, is_onoff
from xgamma.datasets.rows import good_times
from xgamma.datasets.stack import stack
from xgamma.fitting import compare, predict
from xgamma.fitting.attached import models_of
from xgamma.fitting.flux_data import point_info
from xgamma.model.livetime import livetime_of
from xgamma.model.operation import operation
from xgamma.model.schema import ONOFF, in_own_units, kind
from xgamma.numerics import statistics

__all__ = ["Info", "info", "info_dict", "info_table"]

TITLES = {
    "flux_points": "Flux points",
    "map": "Map dataset",
    "map_onoff": "On-off map dataset",
    "spectrum": "Spectrum dataset",
    "spectrum_onoff": "On-off spectrum dataset",
}


def _total(ds: xr.Dataset, name: str, under: np.ndarray | None = None) -> float:
    """Return the sum of a variable, zero where it is absent; under a mask if one is given."""
    if name not in ds:
        return 0.0
    values = np.asarray(ds[name].variable.transpose(*_dims(ds)).values, dtype=float)
    good = np.isfinite(values) if under is None else np.isfinite(values) & under
    return float(values[good].sum())


def _dims(ds: xr.Dataset) -> tuple[str, ...]:
    return tuple(d for d in ("energy", "y", "x") if d in ds.dims)


def _background(ds: xr.Dataset, under: np.ndarray | None) -> float:
    if is_onoff(ds) and all(name in ds for name in ONOFF):
        values = background_values(ds)
        return float(values.sum() if under is None else values[under].sum())
    return _total(ds, "background", under)


def _exposure_range(ds: xr.Dataset) -> tuple[float, float]:
    """Return the smallest positive and the largest exposure, of pixels with any safe energy."""
    if "exposure" not in ds:
        return float("nan"), float("nan")
    exposure, under = ds.variables["exposure"], safe(ds)
    if under is not None:
        exposure = exposure.where(under.any("energy"), 0)
    values = np.asarray(exposure.values)
    positive = values[values > 0]
    if not positive.size:
        return 0.0, 0.0
    return float(positive.min()), float(positive.max())


def _predicted(ds: xr.Dataset, under: np.ndarray | None) -> dict[str, float]:
    """Return predicted counts, under a mask if one is given, and the statistic of the fit."""

    def total(predicted: xr.DataArray) -> float:
        values = predicted.variable.transpose(*_dims(ds)).values
        return float((values if under is None else values[under]).sum())

    out = {"npred": np.nan, "npred_background": np.nan, "npred_signal": np.nan, "stat_sum": np.nan}
    measured = "counts" in ds and all(name in ds for name in ONOFF)
    if not ds.attrs.get("models") and not measured:
        out["npred"] = out["npred_background"] = _background(ds, under)
        return out
    if not ds.attrs.get("models"):
        # Off counts say something without a model: the background that fits both best.
        out["npred"] = out["npred_background"] = total(predict.npred_background(ds))
        out["stat_sum"] = float(compare.stat_sum(ds))
        return out

    out["npred_signal"] = total(predict.npred_signal(ds))
    out["npred_background"] = total(predict.npred_background(ds))
    out["npred"] = out["npred_signal"] + out["npred_background"]
    if "counts" in ds:
        out["stat_sum"] = float(compare.stat_sum(ds))
    return out


def _livetime(ds: xr.Dataset, in_safe_range: bool) -> float:
    """Return the live time of what is counted, NaN where it is not known."""
    under = safe(ds)
    if in_safe_range and under is not None and not bool(under.any()):
        return 0.0
    if not in_safe_range and "livetime" in ds:
        return float(ds["livetime"].sum())
    known = livetime_of(ds)
    return float("nan") if known is None else known


def _models(ds: xr.Dataset) -> Any:
    if not ds.attrs.get("models"):
        return None
    return models_of(ds)


@operation
def info_dict(ds: xr.Dataset, in_safe_range: bool = True) -> dict[str, Any]:
    """Summarise a dataset as a dictionary.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum, on-off or not.
    in_safe_range : bool
        Whether counts, background and predicted counts are summed under the safe mask only.

    Returns
    -------
    info : dict
        Sums, exposure (m2 s), times (s), rates (s-1), bins, statistic. Excess significance is
        that of Li & Ma (on-off) or of the Cash statistic. In the safe range the live time leaves
        out the runs of a stack of which nothing is safe; ``ontime`` is of all of them.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(1, 10, 2), name="empty")
    >>> info_dict(ds)["n_bins"]
    2
    """
    if kind(ds) == "flux_points":
        return point_info(ds)
    ds = in_own_units(ds)
    under = safe(ds)
    used = None if under is None or not in_safe_range else np.asarray(under.values)
    counts, background = _total(ds, "counts", used), _background(ds, used)
    low, high = _exposure_range(ds)
    fit = mask(ds)
    bins = int(np.prod([ds.sizes[d] for d in _dims(ds)]))
    livetime = _livetime(ds, in_safe_range)
    ontime = float(np.subtract(*good_times(ds)[::-1]).sum()) if "gti_start" in ds else np.nan
    out: dict[str, Any] = {
        "name": ds.attrs.get("name", ""),
        "kind": kind(ds),
        "counts": int(counts) if float(counts).is_integer() else counts,
        "background": background,
        "excess": counts - background,
        "sqrt_ts": _sqrt_ts(ds, counts, background, used),
        "exposure_min": low,
        "exposure_max": high,
        "livetime": livetime,
        "ontime": ontime,
        "n_obs": int(ds.sizes.get("obs", 0)),
        "n_bins": bins,
        "n_fit_bins": bins if fit is None else int(fit.sum()),
        "stat_type": "wstat" if is_onoff(ds) else "cash",
    }
    with np.errstate(divide="ignore", invalid="ignore"):
        for rate in ("counts", "background", "excess"):
            out[f"{rate}_rate"] = float(np.divide(out[rate], livetime))
    out |= _predicted(ds, used)
    if is_onoff(ds):
        out["counts_off"] = _total(ds, "counts_off", used)
        out["acceptance"] = _total(ds, "acceptance", used)
        out["acceptance_off"] = _total(ds, "acceptance_off", used)
        with np.errstate(divide="ignore", invalid="ignore"):
            # That of the sums, which turns all off counts into the whole background.
            out["alpha"] = float(np.divide(background, out["counts_off"]))
    return out


def _sqrt_ts(ds: xr.Dataset, counts: float, background: float, used: np.ndarray | None) -> float:
    if is_onoff(ds):
        off = _total(ds, "counts_off", used)
        if off <= 0:
            return float("nan")
        return float(statistics.li_ma(*np.array([counts, off, background / off])))
    if background <= 0:
        return float("nan")
    return float(statistics.cash_significance(*np.array([counts, background])))


class Info:
    """A summary that prints in a terminal and shows in a notebook.

    Parameters
    ----------
    ds : Dataset
        The dataset to summarise; sums are those of its safe bins.
    """

    def __init__(self, ds: xr.Dataset):
        self.values = info_dict(ds)
        self.models = _models(ds)

    def _point_rows(self) -> list[tuple[str, str]]:
        """Return the pairs of flux points."""
        v = self.values
        return [
            ("Name", str(v["name"])),
            ("", ""),
            ("Energy range", f"{v['energy_min']:.3g} to {v['energy_max']:.3g} TeV"),
            ("Number of points", str(v["n_bins"])),
            ("Number of upper limits", str(v["n_ul"])),
            ("Number of fit points", str(v["n_fit_bins"])),
            ("", ""),
            ("Fit statistic type", str(v["stat_type"])),
            ("Fit statistic value (-2 log(L))", f"{v['stat_sum']:.2f}"),
        ]

    def rows(self) -> list[tuple[str, str]]:
        """Return (title, value) pairs; a pair of empty strings is a gap."""
        v = self.values
        if v["kind"] == "flux_points":
            return self._point_rows()
        number = f"{v['counts']}" if isinstance(v["counts"], int) else f"{v['counts']:.2f}"
        excess = np.nan if self.models is None else v["npred_signal"]
        rows = [
            ("Name", str(v["name"])),
            ("", ""),
            ("Total counts", number),
            ("Total background counts", f"{v['background']:.2f}"),
            ("Total excess counts", f"{v['excess']:.2f}"),
            ("", ""),
            ("Predicted counts", f"{v['npred']:.2f}"),
            ("Predicted background counts", f"{v['npred_background']:.2f}"),
            ("Predicted excess counts", f"{excess:.2f}"),
            ("", ""),
            ("Exposure min", f"{v['exposure_min']:.2e} m2 s"),
            ("Exposure max", f"{v['exposure_max']:.2e} m2 s"),
            ("", ""),
            ("Number of total bins", f"{v['n_bins']}"),
            ("Number of fit bins", f"{v['n_fit_bins']}"),
            ("", ""),
            ("Fit statistic type", v["stat_type"]),
            ("Fit statistic value (-2 log(L))", f"{v['stat_sum']:.2f}"),
            ("", ""),
            *self._model_rows(),
        ]
        if "counts_off" in v:
            rows += [
                ("", ""),
                ("Total counts_off", f"{v['counts_off']:.0f}"),
                ("Acceptance", f"{v['acceptance']:.0f}"),
                ("Acceptance off", f"{v['acceptance_off']:.0f}"),
            ]
        return rows

    def _model_rows(self) -> list[tuple[str, str]]:
        models = [] if self.models is None else list(self.models)
        parameters = [] if self.models is None else list(self.models.parameters)
        free = [p for p in parameters if not p.frozen]
        return [
            ("Number of models", f"{len(models)}"),
            ("Number of parameters", f"{len(parameters)}"),
            ("Number of free parameters", f"{len(free)}"),
        ]

    def __str__(self) -> str:
        title = TITLES[self.values["kind"]]
        lines = [title, "-" * len(title), ""]
        lines += ["" if not name else f"  {name:<32}: {value}" for name, value in self.rows()]
        if self.models is not None:
            lines += ["", str(self.models)]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th style='text-align:left'>{html.escape(n)}</th><td>{html.escape(v)}</td></tr>"
            for n, v in self.rows()
            if n
        )
        title = html.escape(TITLES[self.values["kind"]])
        return f"<table><caption>{title}</caption>{cells}</table>"


@operation
def info(ds: xr.Dataset) -> Info:
    """Summarise a dataset: counts, background, exposure, bins, statistic, models.

    Sums are those of the safe bins, as in `info_dict`.

    Parameters
    ----------
    ds : Dataset
        Map or spectrum.

    Returns
    -------
    info : Info
        A printable summary, shown as a table in a notebook.

    Examples
    --------
    >>> import xgamma as xg
    >>> ds = xg.create_map((0, 0), "1 deg", "0.5 deg", xg.energy_axis(1, 10, 2), name="empty")
    >>> print(info(ds))
    Map dataset
    -----------
    <BLANKLINE>
      Name                            : empty
    <BLANKLINE>
      Total counts                    : 0
      ...
    """
    return Info(ds)


@operation
def info_table(tree: xr.DataTree, cumulative: bool = False) -> Any:
    """Summarise a collection as a table, with one row per dataset.

    Parameters
    ----------
    tree : DataTree
        Datasets as children.
    cumulative : bool
        Whether each row describes the stack of all datasets up to it.

    Returns
    -------
    table : pandas.DataFrame
        Columns as the keys of `info_dict`.

    Examples
    --------
    >>> import xarray as xr
    >>> import xgamma as xg
    >>> ds = xg.create_spectrum("icrs;circle(0, 0, 0.1)", xg.energy_axis(1, 10, 2), name="a")
    >>> info_table(xr.DataTree.from_dict({"a": ds})).name.tolist()
    ['a']
    """
    rows, so_far = [], None
    for name, ds in datasets(tree).items():
        if cumulative:
            so_far = ds if so_far is None else stack(so_far, ds, name=name)
            ds = so_far
        rows.append(info_dict(ds))
    return pd.DataFrame(rows)
