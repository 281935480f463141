"""State of a running stack of datasets, and how to save and restore it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
import xarray as xr

from xgamma.datasets.onoff_sum import OnOffSum
from xgamma.datasets.placing import FINE, spatial_dims
from xgamma.datasets.rows import Row, gti_variables, row_of, seconds_between
from xgamma.model.livetime import livetime_of, reference_time_of

__all__ = ["MosaicState"]

# Marks the parts of the sums of acceptances.
ONOFF_PART = "onoff_"


class MosaicState:
    """The sums of a `Mosaic`, and what it says of its runs.

    Both can be had in a form that is easily stored, and be put back: the sums are equal then, bit
    for bit, and adding goes on as if nothing had happened.

    Parameters
    ----------
    template : Dataset
        Gives axes, frame and labels; its data variables are not looked at.
    """

    def __init__(self, template: xr.Dataset) -> None:
        self.template = template
        self.sums: dict[str, np.ndarray] = {}
        self.dims: dict[str, tuple[str, ...]] = {}
        self.attrs: dict[str, dict[str, Any]] = {}
        self.rows: list[Row] = []
        self.gtis: list[tuple[np.ndarray, np.ndarray]] = []
        self.onoff = OnOffSum()
        self.livetime = 0.0
        self.count = 0

    # --- sums -------------------------------------------------------------------------

    def parts(self) -> dict[str, xr.Variable]:
        """Return the sums, spatial dimensions first, in double precision; they are not copied.

        Returns
        -------
        parts : dict of str to Variable
            By variable; those of acceptances, which are not variables, by ``"onoff_..."``.
        """
        parts = {
            name: xr.Variable(self.dims[name], values, self.attrs[name])
            for name, values in self.sums.items()
        }
        if self.onoff.used:
            dims = (*spatial_dims(self.template, FINE), "energy")
            sums = self.onoff.parts()
            parts |= {ONOFF_PART + name: xr.Variable(dims, v) for name, v in sums.items()}
        return parts

    def put_parts(
        self, parts: Mapping[str, xr.Variable], off_per_alpha_off: float | None = None
    ) -> Self:
        """Take sums that `parts` returned in the place of one's own.

        Parameters
        ----------
        parts : mapping of str to Variable
            Sums, which may be changed from now on.
        off_per_alpha_off : float, optional
            If they are a part of a larger whole: its off counts over those times alpha.

        Returns
        -------
        mosaic : Mosaic
            This one.
        """
        own = {n: v for n, v in parts.items() if not n.startswith(ONOFF_PART)}
        self.sums = {name: np.asarray(v.data) for name, v in own.items()}
        self.dims = {name: tuple(map(str, v.dims)) for name, v in own.items()}
        self.attrs = {name: {str(k): a for k, a in v.attrs.items()} for name, v in own.items()}
        rest = {n.removeprefix(ONOFF_PART): v for n, v in parts.items() if n not in own}
        self.onoff = OnOffSum()
        if rest:
            self.onoff.put_parts({name: np.asarray(v.data) for name, v in rest.items()})
            self.onoff.mean_ratio = off_per_alpha_off
        return self

    # --- runs -------------------------------------------------------------------------

    def runs(self) -> dict[str, Any]:
        """Return the records of the stacked runs, for JSON."""
        return {
            "rows": [
                {name: [*_packed(v), attrs] for name, (v, attrs) in row.items()}
                for row in self.rows
            ],
            "gtis": [[a.tolist(), b.tolist()] for a, b in self.gtis],
            "livetime": self.livetime,
            "count": self.count,
        }

    def put_runs(self, runs: Mapping[str, Any]) -> Self:
        """Replace the records of runs by those that `runs` returned."""
        self.rows = [
            {name: (np.array(v, dtype=dtype), attrs) for name, (v, dtype, attrs) in row.items()}
            for row in runs["rows"]
        ]
        self.gtis = [(np.array(a, dtype=float), np.array(b, dtype=float)) for a, b in runs["gtis"]]
        self.livetime, self.count = float(runs["livetime"]), int(runs["count"])
        return self

    def add_runs(self, other: MosaicState) -> None:
        """Add the records of the runs of another stack: rows, good time, livetime."""
        self.rows += other.rows
        self.gtis += other.gtis
        self.livetime += other.livetime
        self.count += other.count

    def sort_runs(self, places: Iterable[int]) -> None:
        """Sort the rows, one for each run, by the places of the runs in the whole list."""
        if self.rows:
            order = np.argsort(list(places), kind="stable")
            self.rows = [self.rows[k] for k in order]

    def _add_metadata(
        self, ds: xr.Dataset, any_safe: bool, sums: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Note the runs of a dataset; `sums` are those of its counts and background, if known."""
        reference = self._reference()
        row = row_of(ds, reference, sums)
        if row:
            self.rows.append(row)
        ends = gti_variables(ds)
        if ends is not None:
            start, stop = ends
            shift = seconds_between(start.attrs.get("reference_time"), reference)
            self.gtis.append((start.values + shift, stop.values + shift))
        if any_safe and "exposure" in ds:
            self.livetime += livetime_of(ds) or 0.0

    def _reference(self) -> str:
        return reference_time_of(self.template)


def _packed(values: np.ndarray) -> tuple[list[Any], str]:
    return values.tolist(), "object" if values.dtype.kind == "O" else values.dtype.str
