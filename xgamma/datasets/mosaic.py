"""Running sums on a grid: masked counts, exposure-weighted responses, metadata side by side."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.units import conversion
from xgamma.datasets.alike import RESPONSES, require_alike, require_same_grid, require_sound
from xgamma.datasets.masks import safe, warn_of_lost_weights
from xgamma.datasets.mosaic_state import MosaicState
from xgamma.datasets.onoff import is_onoff
from xgamma.datasets.onoff_sum import OnOffSum
from xgamma.datasets.placing import (
    COARSE,
    FINE,
    coarse_pixels,
    migration_mask,
    place,
    row_blocks,
    rows_first,
    safe_bins,
    shown_blocks,
    spatial_dims,
    zeros_in_order_of,
)
from xgamma.datasets.rows import join_gtis, join_rows, sum_of_pixels
from xgamma.errors import XGammaError
from xgamma.model import sky
from xgamma.model.assembly import labels_alone, named, with_data
from xgamma.model.sanity import issue_of_values
from xgamma.model.schema import ONOFF, VARIABLES, in_own_units, variable_attrs
from xgamma.numerics.masked import under
from xgamma.typing import DTypeLike

__all__ = ["Mosaic"]

SUMMED = ("counts", "background")
COUNTS = ("counts", "counts_off")


# What every dataset of a sum must have if one has it.
WHOLE = ("counts", "background", "exposure", "counts_off")
MASKS = ("mask_safe", "mask_fit")


class Mosaic(MosaicState):
    """A running sum of datasets on one template; memory does not grow with their number.

    Arrays are kept with the spatial dimensions first and in double precision (integers for
    counts), and become a dataset only in `to_dataset`.

    Parameters
    ----------
    template : Dataset
        Gives axes, frame and labels; its data variables are not looked at.
    """

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
        require_same_grid(self.template, ds)
        name = f"The dataset {ds.attrs.get('name', '')!r}"
        ds = in_own_units(ds)
        fine, coarse = (place(self.template, ds, dims) for dims in (FINE, COARSE))
        mask = safe_bins(ds)
        image = np.asarray(mask.any(axis=-1))
        if not self._of_one_kind(ds, is_onoff(ds), bool(image.any()), name):
            # It adds nothing but its time, whatever it has and lacks.
            self._add_mask("mask_safe", mask, fine)
            self._add_metadata(ds, False)
            self.count += 1
            return
        self._add_mask("mask_safe", mask, fine)
        sums = {name: self._add_sum(ds, name, mask, image, fine) for name in SUMMED if name in ds}
        if is_onoff(ds):
            self._add_onoff(ds, mask, image, fine)
        if "exposure" in ds:
            self._add_exposure(ds, image, fine)
        if "psf" in ds or "edisp" in ds:
            self._add_responses(ds, coarse_pixels(ds, mask), coarse)
        if "mask_fit" in ds or "mask_fit" in self.sums:
            self._add_fit_mask(ds, mask, fine)
        # Of an on-off dataset the background is not a variable.
        self._add_metadata(ds, bool(image.any()), None if is_onoff(ds) else sums)
        self.count += 1

    def _of_one_kind(self, content: Container[Any], onoff: bool, shown: bool, name: str) -> bool:
        """Return whether maps can be added, or hold nothing safe and differ from those before.

        `content` names what a dataset or a sum holds, `shown` says whether any of it is safe,
        `name` is for the message of `require_alike`.
        """
        have, before = ({n for n in (*WHOLE, *RESPONSES) if n in c} for c in (content, self.sums))
        if have == before and onoff == self.onoff.used:
            return True
        if not before:
            return True
        if not shown:
            return False
        if "mask_safe" in self.sums and not self.sums["mask_safe"].any():
            # So far nothing was safe: the sums are zeros, and this says what there is to sum up.
            self.sums = {n: v for n, v in self.sums.items() if n in MASKS}
            self.onoff = OnOffSum()
            return True
        if have:
            require_alike(have, before, onoff, self.onoff.used, name)
        return True

    def _sum(
        self,
        name: str,
        dims: tuple[str, ...],
        dtype: DTypeLike,
        attrs: dict[str, Any],
        like: np.ndarray,
    ) -> np.ndarray:
        """Return the running sum of a variable, made at first use in the memory order of `like`."""
        if name not in self.sums:
            shape = tuple(self.template.sizes[d] for d in dims)
            self.sums[name] = zeros_in_order_of(like, shape, dtype)
            self.dims[name] = dims
            self.attrs[name] = {**variable_attrs(name), **attrs}
        return self.sums[name]

    def _add_mask(self, name: str, mask: np.ndarray, where: tuple[slice, ...]) -> None:
        dims = (*spatial_dims(self.template, FINE), "energy")
        self._sum(name, dims, bool, {}, mask)[where] |= mask

    def _add_fit_mask(self, ds: xr.Dataset, mask: np.ndarray, where: tuple[slice, ...]) -> None:
        dims = (*spatial_dims(ds, FINE), "energy")
        warn_of_lost_weights(ds)
        own = safe(ds, "mask_fit")
        fit = np.ones_like(mask) if own is None else np.asarray(own.transpose(*dims).data)
        if "mask_fit" not in self.sums and self.count:
            self._add_mask("mask_fit", self.sums["mask_safe"], (slice(None),) * len(where))
        self._add_mask("mask_fit", fit, where)

    def _add_sum(
        self,
        ds: xr.Dataset,
        name: str,
        mask: np.ndarray,
        image: np.ndarray,
        where: tuple[slice, ...],
    ) -> np.ndarray:
        """Add a variable under the mask, and return what was added at each energy."""
        dims = (*spatial_dims(ds, FINE), "energy")
        values = rows_first(ds, name, dims)
        whole = values.dtype.kind in "iu"
        total = self._sum(
            name, dims, np.int64 if whole else np.float64, ds.variables[name].attrs, values
        )
        if not whole and total.dtype.kind == "i":
            total = self.sums[name] = total.astype(np.float64)
        place = total[where]
        added = np.zeros(mask.shape[-1])
        for block in shown_blocks(values, image):
            kept = under(values[block], mask[block])
            if not whole and issue_of_values(name, kept) is not None:
                require_sound(ds, name, under(values, mask))
            place[block] += kept
            added[block if kept.ndim < 2 else ...] += sum_of_pixels(kept)
        return added

    def _add_onoff(
        self, ds: xr.Dataset, mask: np.ndarray, image: np.ndarray, where: tuple[slice, ...]
    ) -> None:
        if "counts_off" in ds:
            self._add_sum(ds, "counts_off", mask, image, where)
        dims = (*spatial_dims(ds, FINE), "energy")
        shape = tuple(self.template.sizes[d] for d in dims)
        parts = {n: rows_first(ds, n, dims) if n in ds else None for n in ONOFF}
        for name, values in parts.items():
            if values is not None:
                require_sound(ds, name, values, mask)
        self.onoff.add(parts, mask, where, shape)

    def _add_exposure(self, ds: xr.Dataset, image: np.ndarray, where: tuple[slice, ...]) -> None:
        dims = (*spatial_dims(ds, FINE), "energy_true")
        values = rows_first(ds, "exposure", dims)
        factor = conversion(str(ds.variables["exposure"].attrs.get("units", "")), "m2 s")
        attrs = {k: v for k, v in ds.variables["exposure"].attrs.items() if k != "livetime"}
        total = self._sum("exposure", dims, np.float64, attrs | {"units": "m2 s"}, values)
        place = total[where]
        for block in shown_blocks(values, image):
            part, shown = values[block], image[block[: image.ndim]]
            if issue_of_values("exposure", part) is not None:
                on_sky = np.isfinite(sky.pixel_solid_angle(ds)) if image.ndim else np.array(True)
                require_sound(ds, "exposure", values, (image & on_sky)[..., np.newaxis])
                part = np.nan_to_num(part, nan=0.0, posinf=0.0, neginf=0.0)
            if factor != 1.0:
                part = part * factor
            place[block] += part if shown.all() else part * shown[..., np.newaxis]

    def _add_response(
        self,
        ds: xr.Dataset,
        name: str,
        image: np.ndarray,
        columns: np.ndarray | None,
        where: tuple[slice, ...],
    ) -> None:
        """Add a response times its exposure; `columns` masks its second axis (threshold)."""
        spatial = spatial_dims(ds, COARSE)
        second = next(d for d in ds.variables[name].dims if d not in (*spatial, "energy_true"))
        dims = (*spatial, "energy_true", str(second))
        weight_name = f"{name}_exposure"
        if not spatial and "exposure" in ds:
            # What a prediction multiplies the response with, whatever was done to it since.
            exposure = rows_first(ds, "exposure", dims[:-1])
        elif weight_name in ds:
            exposure = rows_first(ds, weight_name, dims[:-1])
        else:
            raise XGammaError(
                f"The dataset {ds.attrs.get('name', '')!r} has {name} but no {weight_name}, the weight it is stacked with: fill it again."
            )
        weight = np.where(image[..., np.newaxis], np.nan_to_num(exposure), exposure.dtype.type(0))
        require_sound(ds, weight_name, weight)
        values = rows_first(ds, name, dims)
        if issue_of_values(name, values) is not None:
            require_sound(ds, name, values, (weight > 0)[..., np.newaxis])
            values = np.nan_to_num(values)
        place = self._sum(name, dims, np.float64, ds.variables[name].attrs, values)[where]
        if columns is not None:
            columns = np.broadcast_to(columns, values.shape)
        for rows in row_blocks(values):
            product = values[rows] * weight[rows][..., np.newaxis]
            if columns is not None:
                product *= columns[rows]
            place[rows] += product
        self._sum(weight_name, dims[:-1], np.float64, {}, weight)[where] += weight

    def _add_responses(self, ds: xr.Dataset, mask: np.ndarray, where: tuple[slice, ...]) -> None:
        """Add PSF and dispersion under the mask of the coarse grid."""
        image = np.asarray(mask.any(axis=-1))
        if "psf" in ds:
            self._add_response(ds, "psf", image, None, where)
        if "edisp" not in ds:
            return
        columns = mask[..., np.newaxis, :]
        if "migra" in ds.variables["edisp"].dims:
            columns = migration_mask(ds, mask)
        self._add_response(ds, "edisp", image, columns, where)

    def merge(self, other: Mosaic) -> None:
        """Add another running sum of the same template (as a parallel reduction does).

        Parameters
        ----------
        other : Mosaic
            On an equal template; it is left as it was.
        """
        shown = "mask_safe" not in other.sums or bool(other.sums["mask_safe"].any())
        same = self._of_one_kind(other.sums, other.onoff.used, shown, "A part of the sum")
        for name, values in other.sums.items():
            if not same and name not in MASKS:
                continue
            if name not in self.sums:
                self.sums[name] = values.copy()
                self.dims[name], self.attrs[name] = other.dims[name], other.attrs[name]
            elif values.dtype == bool:
                self.sums[name] |= values
            elif np.can_cast(values.dtype, self.sums[name].dtype, "same_kind"):
                self.sums[name] += values
            else:
                self.sums[name] = self.sums[name] + values
        if same:
            self.onoff.merge(other.onoff)
        self.add_runs(other)

    # --- result -----------------------------------------------------------------------

    def to_dataset(self, name: str | None = None, release: bool = False) -> xr.Dataset:
        """Return the stacked dataset.

        Parameters
        ----------
        name : str, optional
            Its name. By default, that of the template.
        release : bool
            Whether each sum is given up as soon as its variable is made: nothing can be added
            afterwards.

        Returns
        -------
        ds : Dataset
            Maps in single precision (counts as integers), one row along ``obs`` per input.
        """
        variables: dict[str, xr.Variable] = dict.fromkeys(self.sums, xr.Variable((), 0))
        # Counts, which do not shrink, come last: the room of the others is free by then.
        for key in sorted(self.sums, key=COUNTS.count):
            variables[key] = self._variable(key)
            # Off counts and the weights of responses are needed once more.
            if release and key != "counts_off" and not key.endswith("_exposure"):
                del self.sums[key]
        if self.onoff.used:
            variables |= self._onoff_variables()
        if "exposure" in variables:
            variables["exposure"].attrs["livetime"] = self.livetime
        variables |= join_rows(self.rows)
        variables |= join_gtis(self.gtis, self._reference())
        return named(with_data(labels_alone(self.template), variables), name)

    def _variable(self, key: str) -> xr.Variable:
        """Return a sum, or a mean, with the dims and in the precision of a dataset."""
        values, dims = self.sums[key], self.dims[key]
        weight = self.sums.get(f"{key}_exposure") if key in RESPONSES else None
        scale = None
        if weight is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                scale = np.where(weight > 0, 1.0 / weight, 0.0)[..., np.newaxis]
            scale = np.broadcast_to(scale, values.shape)
        single = key not in COUNTS and values.dtype == np.float64
        single = single and bool(spatial_dims(self.template, FINE))
        order = VARIABLES[key].dims
        dims_out = tuple(dict.fromkeys(d for d in (*order[:1], *dims[-1:], *order) if d in dims))
        shape = [values.shape[dims.index(d)] for d in dims_out]
        out = np.empty(shape, np.float32 if single else values.dtype)
        place = out.transpose([dims_out.index(d) for d in dims])
        for rows in row_blocks(values):
            place[rows] = values[rows] if scale is None else values[rows] * scale[rows]
        return xr.Variable(dims_out, out, self.attrs[key])

    def _onoff_variables(self) -> dict[str, xr.Variable]:
        dims = (*spatial_dims(self.template, FINE), "energy")
        total_off = self.sums.get("counts_off")
        if total_off is None:
            total_off = np.zeros(self.onoff.acceptance.shape)
        values = dict(zip(ONOFF[1:], self.onoff.acceptances(total_off), strict=True))
        return {
            name: xr.Variable(dims, array, variable_attrs(name)).transpose("energy", ...)
            for name, array in values.items()
        }
