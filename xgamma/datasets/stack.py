"""Stack datasets: masked sums, exposure-weighted responses, metadata side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import xarray as xr

from xgamma.core.lazy import is_lazy
from xgamma.datasets.stack_lazy import added_up, stack_lazily
from xgamma.errors import XGammaError
from xgamma.model import sky
from xgamma.model.check import require_dataset
from xgamma.model.operation import operation
from xgamma.model.schema import SPATIAL, VARIABLES

__all__ = ["covering", "stack", "stack_all"]


def _holds_data(ds: xr.Dataset) -> bool:
    """Return whether a dataset is more than a template, which may have times and a fit range."""
    return any(
        name in VARIABLES and name != "mask_fit" and not {"obs", "gti"} & set(variable.dims)
        for name, variable in ds.data_vars.items()
    )


@operation
def stack(ds: xr.Dataset, *others: xr.Dataset, name: str | None = None) -> xr.Dataset:
    """Stack datasets into a new one on the grid of the first.

    Parameters
    ----------
    ds : Dataset
        A template, or a dataset; its labels and axes are those of the result.
    *others : Dataset
        Datasets on the same axes and frame, whole or cutouts, which are placed by their labels.
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
        give a dask-backed sum: counts, background, exposure and safe mask in the chunks of the
        largest, the rest (on-off maps, responses) as one task; its one number that depends on their values,
        ``exposure.attrs["livetime"]``, leaves out what is unsafe everywhere only if that mask is
        in memory (``ds.assign(mask_safe=ds.mask_safe.compute())``).

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
    for other in others:
        require_dataset(other, "others")
    parts = (ds, *others) if _holds_data(ds) else others
    return (stack_lazily if is_lazy(*parts) else added_up)(ds, parts, name)


def covering(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the smallest template that covers datasets of one frame: labels, no data.

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
    for dim in [d for d in SPATIAL if d in template.dims]:
        labels = [p.coords[dim].values for p in parts if dim in p.coords]
        step = sky.label_step(template, dim)
        low, high = min(v[0] for v in labels), max(v[-1] for v in labels)
        grid = low + step * np.arange(round((high - low) / step) + 1)
        if grid.size != template.sizes[dim]:
            template = template.reindex({dim: grid}, method="nearest", tolerance=1e-3 * step)
    return template


@operation
def stack_all(datasets: Iterable[xr.Dataset], name: str | None = None) -> xr.Dataset:
    """Stack datasets on the smallest grid that covers them all.

    Parameters
    ----------
    datasets : iterable of Dataset
        At least one; of one frame and one set of axes.
    name : str, optional
        Name of the result.

    Returns
    -------
    ds : Dataset
        The stacked dataset, as returned by `stack`.

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
    several = isinstance(datasets, Iterable) and not isinstance(datasets, (xr.Dataset, xr.DataTree))
    parts = [require_dataset(ds, "datasets") for ds in (datasets if several else [datasets])]
    if not parts:
        raise XGammaError("There is nothing to stack: the list of datasets is empty.")
    return (stack_lazily if is_lazy(*parts) else added_up)(covering(parts), parts, name)
