"""Stack datasets: masked sums, exposure-weighted responses, metadata side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xgamma import sky
from xgamma.axes import centers_in, edges_in, require_same_axis
from xgamma.datasets.masks import corner_pixels
from xgamma.datasets.onoff import background_values, is_onoff, safe
from xgamma.datasets.onoff_sum import OnOffSum
from xgamma.deferred import is_lazy
from xgamma.errors import AxisError, FrameError, XGammaError
from xgamma.model import AXES, ONOFF, VARIABLES, variable_attrs
from xgamma.units import conversion, time_value

__all__ = ["Mosaic", "covering", "place", "stack", "stack_all"]

FINE = ("y", "x")
COARSE = ("y_irf", "x_irf")
SUMMED = ("counts", "background")
COUNTS = ("counts", "counts_off")
OBS_VARIABLES = tuple(v.name for v in VARIABLES.values() if v.dims[:1] == ("obs",))


def _spatial(obj: Any, dims: tuple[str, str]) -> tuple[str, ...]:
    return tuple(d for d in dims if d in obj.dims)


def _values(ds: xr.Dataset, name: str, dims: tuple[str, ...]) -> np.ndarray:
    """Return values with the spatial dims first, where the makers leave them contiguous."""
    return np.asarray(ds[name].variable.transpose(*dims).data)


def place(template: xr.Dataset, ds: xr.Dataset, dims: tuple[str, str]) -> tuple[slice, ...]:
    """Return where the labels of a dataset lie in a template.

    Parameters
    ----------
    template, ds : Dataset
        On one frame.
    dims : tuple of str
        Spatial dimensions, of one grid.

    Returns
    -------
    where : tuple of slice
        One for each of the dimensions that the dataset has.

    Raises
    ------
    FrameError
        If the pixels do not agree, or the dataset reaches beyond the template.
    """
    slices = []
    for dim in _spatial(ds, dims):
        step = sky.label_step(template, dim)
        labels, mine = ds.coords[dim].values, template.coords[dim].values
        start = (labels[0] - mine[0]) / step
        first = round(start)
        if abs(start - first) > 1e-3 or abs(sky.label_step(ds, dim) - step) > 1e-6 * step:
            raise FrameError(
                f"The pixels along {dim!r} do not fall on those of the mosaic: cut both from one template, or reproject."
            )
        if first < 0 or first + labels.size > mine.size:
            raise FrameError(
                f"The dataset {ds.attrs.get('name', '')!r} reaches beyond the mosaic along {dim!r}: cut it out first (ds.gamma.cutout), or use a larger template."
            )
        slices.append(slice(first, first + labels.size))
    return tuple(slices)


class Mosaic:
    """A running sum of datasets on one template; memory does not grow with their number.

    Arrays are kept with the spatial dimensions first and in double precision (integers for
    counts), and become a dataset only in `to_dataset`.

    Parameters
    ----------
    template : Dataset
        Gives axes, frame and labels; its data variables are not looked at.
    """

    def __init__(self, template: xr.Dataset):
        self.template = template
        self.sums: dict[str, np.ndarray] = {}
        self.dims: dict[str, tuple[str, ...]] = {}
        self.attrs: dict[str, dict[str, Any]] = {}
        self.rows: list[dict[str, tuple[np.ndarray, dict[str, Any]]]] = []
        self.gtis: list[tuple[np.ndarray, np.ndarray]] = []
        self.onoff = OnOffSum()
        self.livetime = 0.0
        self.count = 0

    # --- adding -----------------------------------------------------------------------

    def add(self, ds: xr.Dataset) -> None:
        """Add one dataset under its safe mask.

        Parameters
        ----------
        ds : Dataset
            On the template's axes and frame; its labels say where it lies.

        Raises
        ------
        AxisError, FrameError
            If axes or frames differ, or the dataset reaches beyond the template.
        """
        self._check(ds)
        fine, coarse = (place(self.template, ds, dims) for dims in (FINE, COARSE))
        mask = self._mask(ds)
        image = np.asarray(mask.any(axis=-1))
        self._add_mask("mask_safe", mask, fine)
        for name in SUMMED:
            if name in ds:
                self._add_sum(ds, name, mask, fine)
        if is_onoff(ds):
            self._add_onoff(ds, mask, fine)
        if "exposure" in ds:
            self._add_exposure(ds, image, fine)
        if "psf" in ds or "edisp" in ds:
            self._add_responses(ds, self._irf_mask(ds, mask), coarse)
        if "mask_fit" in ds or "mask_fit" in self.sums:
            self._add_fit_mask(ds, mask, fine)
        self._add_metadata(ds, bool(image.any()))
        self.count += 1

    def _check(self, ds: xr.Dataset) -> None:
        if "wcs" in ds.coords and "wcs" in self.template.coords:
            sky.FrameIndex(self.template.coords["wcs"].attrs).join(
                sky.FrameIndex(ds.coords["wcs"].attrs)
            )
        if set(_spatial(ds, FINE)) != set(_spatial(self.template, FINE)):
            raise FrameError(
                "A map and a spectrum cannot be stacked: collapse the map first with to_spectrum."
            )
        for dim in AXES:
            if (dim in ds.dims) and (dim in self.template.dims):
                require_same_axis(self.template, ds, dim)
            elif dim in ds.dims and dim != "rad":
                raise AxisError(
                    f"The dataset {ds.attrs.get('name', '')!r} has the axis {dim!r}, but the mosaic has not: make both from one template."
                )

    def _mask(self, ds: xr.Dataset) -> np.ndarray:
        dims = (*_spatial(ds, FINE), "energy")
        if "mask_safe" in ds:
            return _values(ds, "mask_safe", dims)
        return np.ones([ds.sizes[d] for d in dims], dtype=bool)

    def _sum(
        self,
        name: str,
        dims: tuple[str, ...],
        dtype: Any,
        attrs: dict[str, Any],
        like: np.ndarray,
    ) -> np.ndarray:
        """Return the running sum of a variable, made at first use in the memory order of `like`."""
        if name not in self.sums:
            shape = tuple(self.template.sizes[d] for d in dims)
            self.sums[name] = np.zeros_like(like, dtype=dtype, shape=shape, subok=False)
            self.dims[name] = dims
            self.attrs[name] = {**variable_attrs(name), **attrs}
        return self.sums[name]

    def _add_mask(self, name: str, mask: np.ndarray, where: tuple[slice, ...]) -> None:
        dims = (*_spatial(self.template, FINE), "energy")
        self._sum(name, dims, bool, {}, mask)[where] |= mask

    def _add_fit_mask(self, ds: xr.Dataset, mask: np.ndarray, where: tuple[slice, ...]) -> None:
        dims = (*_spatial(ds, FINE), "energy")
        fit = _values(ds, "mask_fit", dims) if "mask_fit" in ds else np.ones_like(mask)
        if "mask_fit" not in self.sums and self.count:
            self._add_mask("mask_fit", self.sums["mask_safe"], (slice(None),) * len(where))
        self._add_mask("mask_fit", fit, where)

    def _add_sum(
        self, ds: xr.Dataset, name: str, mask: np.ndarray, where: tuple[slice, ...]
    ) -> None:
        dims = (*_spatial(ds, FINE), "energy")
        values = _values(ds, name, dims)
        whole = values.dtype.kind in "iu"
        total = self._sum(name, dims, np.int64 if whole else np.float64, ds[name].attrs, values)
        if not whole and total.dtype.kind == "i":
            total = self.sums[name] = total.astype(np.float64)
        # Chosen, not multiplied: NaN times False is NaN.
        good = mask if whole else mask & np.isfinite(values)
        np.add(total[where], values, out=total[where], where=good)

    def _add_onoff(self, ds: xr.Dataset, mask: np.ndarray, where: tuple[slice, ...]) -> None:
        if "counts_off" in ds:
            self._add_sum(ds, "counts_off", mask, where)
        dims = (*_spatial(ds, FINE), "energy")
        shape = tuple(self.template.sizes[d] for d in dims)
        parts = {n: _values(ds, n, dims) if n in ds else None for n in ONOFF}
        self.onoff.add(parts, mask, where, shape)

    def _add_exposure(self, ds: xr.Dataset, image: np.ndarray, where: tuple[slice, ...]) -> None:
        dims = (*_spatial(ds, FINE), "energy_true")
        values = _values(ds, "exposure", dims)
        factor = conversion(str(ds["exposure"].attrs.get("units", "")), "m2 s")
        attrs = {k: v for k, v in ds["exposure"].attrs.items() if k != "livetime"}
        total = self._sum("exposure", dims, np.float64, attrs | {"units": "m2 s"}, values)
        if not np.isfinite(values).all():
            values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        if factor != 1.0:
            values = values * factor
        np.add(total[where], values, out=total[where], where=image[..., np.newaxis])

    def _irf_mask(self, ds: xr.Dataset, mask: np.ndarray) -> np.ndarray:
        """Return the mask on the coarse grid; see `xgamma.datasets.masks.coarse_mask`."""
        if not _spatial(ds, COARSE):
            return mask
        (y0, y1), (x0, x1) = (corner_pixels(ds, dim) for dim in FINE)
        out = mask[np.ix_(y0, x0)]
        for y, x in ((y0, x1), (y1, x0), (y1, x1)):
            out = out | mask[np.ix_(y, x)]
        return out

    def _add_response(
        self,
        ds: xr.Dataset,
        name: str,
        image: np.ndarray,
        columns: np.ndarray | None,
        where: tuple[slice, ...],
    ) -> None:
        """Add a response times its exposure; `columns` masks its second axis (threshold)."""
        spatial = _spatial(ds, COARSE)
        second = next(d for d in ds[name].dims if d not in (*spatial, "energy_true"))
        dims = (*spatial, "energy_true", str(second))
        weight_name = f"{name}_exposure"
        if weight_name in ds:
            exposure = _values(ds, weight_name, dims[:-1])
        elif not spatial and "exposure" in ds:
            exposure = _values(ds, "exposure", dims[:-1])
        else:
            raise XGammaError(
                f"The dataset {ds.attrs.get('name', '')!r} has {name} but no {weight_name}, the weight it is stacked with: fill it again."
            )
        weight = np.where(image[..., np.newaxis], np.nan_to_num(exposure), exposure.dtype.type(0))
        values = _values(ds, name, dims)
        if not np.isfinite(values).all():
            values = np.nan_to_num(values)
        product = values * weight[..., np.newaxis]
        if columns is not None:
            product *= columns
        self._sum(name, dims, np.float64, ds[name].attrs, product)[where] += product
        self._sum(weight_name, dims[:-1], np.float64, {}, weight)[where] += weight

    def _add_responses(self, ds: xr.Dataset, mask: np.ndarray, where: tuple[slice, ...]) -> None:
        """Add PSF and dispersion under the mask of the coarse grid."""
        image = np.asarray(mask.any(axis=-1))
        if "psf" in ds:
            self._add_response(ds, "psf", image, None, where)
        if "edisp" not in ds:
            return
        columns = mask[..., np.newaxis, :]
        if "migra" in ds["edisp"].dims:
            columns = self._migration_mask(ds, mask)
        self._add_response(ds, "edisp", image, columns, where)

    def _migration_mask(self, ds: xr.Dataset, mask: np.ndarray) -> np.ndarray:
        """Return the mask over true energy and migration: reconstructed energy is their product."""
        energy = np.multiply.outer(centers_in(ds, "energy_true", "TeV"), ds["migra"].values)
        edges = edges_in(ds, "energy", "TeV")
        bins = np.clip(np.searchsorted(edges, energy, side="right") - 1, 0, edges.size - 2)
        outside = (energy < edges[0]) | (energy >= edges[-1])
        return mask[..., bins] | outside

    def _add_metadata(self, ds: xr.Dataset, any_safe: bool) -> None:
        reference = self._reference()
        row = row_sums(ds)
        # Files bring rows of their own (obs_mode, …) beside those of the data model.
        extra = [str(v) for v in ds.data_vars if "obs" in ds[v].dims and v not in OBS_VARIABLES]
        for name in (*OBS_VARIABLES, *extra):
            if name in ds and "obs" in ds[name].dims:
                attrs = dict(ds[name].attrs)
                values = np.asarray(ds[name].variable.transpose("obs", ...).values)
                if name.startswith("time"):
                    values = values + _shift(attrs.get("reference_time"), reference)
                    attrs["reference_time"] = reference
                row[name] = (values, attrs)
        if row:
            self.rows.append(row)
        if "gti_start" in ds:
            shift = _shift(ds["gti_start"].attrs.get("reference_time"), reference)
            self.gtis.append((ds["gti_start"].values + shift, ds["gti_stop"].values + shift))
        if any_safe and "exposure" in ds:
            self.livetime += float(ds["exposure"].attrs.get("livetime", 0.0))

    def _reference(self) -> str:
        if "gti_start" in self.template:
            return str(self.template["gti_start"].attrs.get("reference_time", "2000-01-01"))
        return "2000-01-01"

    def merge(self, other: Mosaic) -> None:
        """Add another running sum of the same template (as a parallel reduction does).

        Parameters
        ----------
        other : Mosaic
            On an equal template; it is left as it was.
        """
        for name, values in other.sums.items():
            if name not in self.sums:
                self.sums[name] = values.copy()
                self.dims[name], self.attrs[name] = other.dims[name], other.attrs[name]
            elif values.dtype == bool:
                self.sums[name] |= values
            elif np.can_cast(values.dtype, self.sums[name].dtype, "same_kind"):
                self.sums[name] += values
            else:
                self.sums[name] = self.sums[name] + values
        self.onoff.merge(other.onoff)
        self.rows += other.rows
        self.gtis += other.gtis
        self.livetime += other.livetime
        self.count += other.count

    # --- result -----------------------------------------------------------------------

    def to_dataset(self, name: str | None = None) -> xr.Dataset:
        """Return the stacked dataset.

        Parameters
        ----------
        name : str, optional
            Its name; that of the template when absent.

        Returns
        -------
        ds : Dataset
            Maps in single precision (counts as integers), one row along ``obs`` per input.
        """
        variables: dict[str, xr.Variable] = {}
        for key, values in self.sums.items():
            dims = self.dims[key]
            weight = self.sums.get(f"{key}_exposure") if key in {"psf", "edisp"} else None
            if weight is not None:
                with np.errstate(divide="ignore", invalid="ignore"):
                    scale = np.where(weight > 0, 1.0 / weight, 0.0)
                values = values * scale[..., np.newaxis]
            single = key not in COUNTS and values.dtype == np.float64
            if single and _spatial(self.template, FINE):
                values = values.astype(np.float32)
            order = VARIABLES[key].dims
            dims_out = tuple(d for d in (*order[:1], *dims[-1:], *order) if d in dims)
            variable = xr.Variable(dims, values, self.attrs[key]).transpose(
                *dict.fromkeys(dims_out)
            )
            variables[key] = variable.copy(data=np.ascontiguousarray(variable.data))
        if self.onoff.used:
            variables |= self._onoff_variables()
        if "exposure" in variables:
            variables["exposure"].attrs["livetime"] = self.livetime
        variables |= _join_rows(self.rows)
        variables |= _join_gtis(self.gtis, self._reference())
        stale = [
            v
            for v, array in self.template.data_vars.items()
            if v in VARIABLES or {"obs", "gti"} & set(array.dims)
        ]
        ds = self.template.drop_vars(stale).assign(variables)
        if name is not None:
            ds.attrs = {**ds.attrs, "name": name}
        return ds

    def _onoff_variables(self) -> dict[str, xr.Variable]:
        dims = (*_spatial(self.template, FINE), "energy")
        total_off = self.sums.get("counts_off")
        if total_off is None:
            total_off = np.zeros(self.onoff.acceptance.shape)
        values = dict(zip(ONOFF[1:], self.onoff.acceptances(total_off), strict=True))
        return {
            name: xr.Variable(dims, array, variable_attrs(name)).transpose("energy", ...)
            for name, array in values.items()
        }


def row_sums(ds: xr.Dataset) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    """Return counts and background of one run, summed over its safe pixels, as a row of `obs`."""
    if ds.sizes.get("obs") != 1 or "counts" not in ds or "counts_sum" in ds:
        return {}
    names = {"counts_sum": "counts"}
    if not is_onoff(ds):
        names["background_sum"] = "background"
    elif "counts_off" in ds:
        names["counts_off_sum"] = "counts_off"
    dims = (*_spatial(ds, FINE), "energy")
    mask = np.asarray(safe(ds).transpose(*dims).data)
    arrays = {key: _values(ds, name, dims) for key, name in names.items() if name in ds}
    if all(name in ds for name in ONOFF):
        arrays["background_sum"] = np.moveaxis(background_values(ds), 0, -1)
    return {
        key: (_sum_under(values, mask)[np.newaxis], variable_attrs(key))
        for key, values in arrays.items()
    }


def _sum_under(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the sum of values under a mask over all axes but the last, float64."""
    finite = values.dtype.kind in "iub" or np.isfinite(values).all()
    masked = values * mask if finite else np.where(mask & np.isfinite(values), values, 0)
    # One axis after the other: numpy sums long rows several times faster than short ones.
    while masked.ndim > 1:
        masked = (
            masked.reshape(masked.shape[0], -1).sum(axis=0, dtype=float).reshape(masked.shape[1:])
        )
    return masked.astype(float, copy=False)


def _shift(source: Any, target: str) -> float:
    """Return what to add to seconds since one reference to have them since another."""
    if source is None or str(source) == target:
        return 0.0
    return float((time_value(str(source)).tt - time_value(target).tt).sec)


def _join_rows(rows: list[dict[str, tuple[np.ndarray, dict[str, Any]]]]) -> dict[str, xr.Variable]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    sizes = [next(iter(row.values()))[0].shape[0] for row in rows]
    out = {}
    for name in names:
        attrs = next(row[name][1] for row in rows if name in row)
        some = next(row[name][0] for row in rows if name in row)
        blank: Any = "" if some.dtype.kind in "UO" else np.nan
        parts = [
            row[name][0] if name in row else np.full((size, *some.shape[1:]), blank)
            for row, size in zip(rows, sizes, strict=True)
        ]
        dims = VARIABLES[name].dims if name in VARIABLES else ("obs",)
        dims = (*dims, *(f"{name}_{i}" for i in range(len(dims), some.ndim)))[: some.ndim]
        out[name] = xr.Variable(dims, np.concatenate(parts), attrs)
    return out


def union_of_intervals(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the union of time intervals, sorted, those that overlap or touch joined.

    Parameters
    ----------
    start, stop : ndarray
        Shape (n,).

    Returns
    -------
    start, stop : ndarray
        Of the union.
    """
    if start.size == 0:
        return start, stop
    order = np.argsort(start, kind="stable")
    start, stop = start[order], np.maximum.accumulate(stop[order])
    new = np.append(True, start[1:] > stop[:-1])
    last = np.append(np.flatnonzero(new)[1:] - 1, start.size - 1)
    return start[new], stop[last]


def _join_gtis(gtis: list[tuple[np.ndarray, np.ndarray]], reference: str) -> dict[str, xr.Variable]:
    start = np.concatenate([g[0] for g in gtis]) if gtis else np.empty(0)
    stop = np.concatenate([g[1] for g in gtis]) if gtis else np.empty(0)
    start, stop = union_of_intervals(start, stop)
    attrs = {"reference_time": reference}
    return {
        "gti_start": xr.Variable("gti", start, variable_attrs("gti_start", **attrs)),
        "gti_stop": xr.Variable("gti", stop, variable_attrs("gti_stop", **attrs)),
    }


def _holds_data(ds: xr.Dataset) -> bool:
    return any(name in ds for name in ("counts", "background", "exposure", "mask_safe", *ONOFF))


def stack(ds: xr.Dataset, *others: xr.Dataset, name: str | None = None) -> xr.Dataset:
    """Stack datasets into a new one on the grid of the first.

    Parameters
    ----------
    ds : Dataset
        A template, or a dataset; its labels and axes are those of the result.
    *others : Dataset
        Datasets on the same axes and frame, whole or cutouts: they land at their labels.
    name : str, optional
        Name of the result.

    Returns
    -------
    ds : Dataset
        Counts and background are sums under each safe mask (so what a mask hides is lost),
        exposure a sum under the image of each mask, PSF and energy dispersion means weighted
        by their exposures (the dispersion also under the mask: it carries the energy
        threshold), masks joined with OR, good time intervals their union, one row along
        ``obs`` for each run. The order of the datasets does not matter. Dask-backed datasets
        give a dask-backed sum, which is one task.

    Raises
    ------
    AxisError
        If axes differ.
    FrameError
        If the frames differ, or a dataset reaches beyond the first.

    Notes
    -----
    The safe mask of *every* dataset is applied, that of the first too (gammapy leaves the
    first unmasked, so that bins hidden in it leak into bins that another makes safe).

    Examples
    --------
    >>> import numpy as np
    >>> import xgamma as xg
    >>> empty = xg.create_map((0, 0), "1 deg", "0.5 deg", xg.energy_axis(1, 10, 1))
    >>> one = empty.assign(counts=(("energy", "y", "x"), np.ones((1, 2, 2), dtype=int)))
    >>> int(stack(empty, one, one).counts.sum())
    8
    """
    from xgamma.datasets.stack_lazy import added_up, stack_lazily

    parts = (ds, *others) if _holds_data(ds) else others
    return (stack_lazily if is_lazy(*parts) else added_up)(ds, parts, name)


def covering(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the smallest template that holds datasets of one frame: labels, no data.

    Parameters
    ----------
    parts : sequence of Dataset
        At least one.

    Returns
    -------
    template : Dataset
        With the axes of the first.
    """
    first = parts[0]
    template = first.drop_vars([v for v in first.data_vars if not str(v).startswith("gti")])
    for dim in (*_spatial(template, FINE), *_spatial(template, COARSE)):
        labels = [p.coords[dim].values for p in parts if dim in p.coords]
        step = sky.label_step(template, dim)
        low, high = min(v[0] for v in labels), max(v[-1] for v in labels)
        grid = low + step * np.arange(round((high - low) / step) + 1)
        if grid.size != template.sizes[dim]:
            template = template.reindex({dim: grid}, method="nearest", tolerance=1e-3 * step)
    return template


def stack_all(datasets: Iterable[xr.Dataset], name: str | None = None) -> xr.Dataset:
    """Stack datasets on the smallest grid that holds them all.

    Parameters
    ----------
    datasets : iterable of Dataset
        At least one; of one frame and one set of axes.
    name : str, optional
        Name of the result.

    Returns
    -------
    ds : Dataset
        As `stack`.

    Raises
    ------
    XGammaError
        If there is none.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> one = example_map()
    >>> total = stack_all([one, one])
    >>> int(total.counts.sum()) == 2 * int(one.counts.sum()), total.sizes["obs"]
    (True, 2)
    """
    parts = list(datasets)
    if not parts:
        raise XGammaError("There is nothing to stack: the list of datasets is empty.")
    from xgamma.datasets.stack_lazy import added_up, stack_lazily

    return (stack_lazily if is_lazy(*parts) else added_up)(covering(parts), parts, name)
