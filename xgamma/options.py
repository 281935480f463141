"""Options of the library: bounds that a user can lift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import xarray as xr

from xgamma.errors import XGammaError

__all__ = ["options", "set_options"]

options: dict[str, Any] = {"max_bytes": 8e9}

_DIMS = {
    "counts": ("energy", "y", "x"),
    "background": ("energy", "y", "x"),
    "exposure": ("energy_true", "y", "x"),
    "psf": ("energy_true", "rad", "y_irf", "x_irf"),
    "edisp": ("energy_true", "energy", "y_irf", "x_irf"),
}


@contextmanager
def set_options(**values: Any) -> Iterator[None]:
    """Set options for the length of a ``with`` block.

    Parameters
    ----------
    **values
        ``max_bytes``: largest dataset, in bytes, that a maker allocates.

    Raises
    ------
    XGammaError
        If an option is not known.

    Examples
    --------
    >>> with set_options(max_bytes=1e10):
    ...     options["max_bytes"]
    10000000000.0
    """
    unknown = set(values) - set(options)
    if unknown:
        raise XGammaError(
            f"There is no option {sorted(unknown)[0]!r}: choose from {', '.join(options)}."
        )
    before = dict(options)
    options.update(values)
    try:
        yield
    finally:
        options.update(before)


def check_size(ds: xr.Dataset, select: Iterable[str]) -> None:
    """Raise if filling a map would take more memory than allowed, with the size in the message."""
    total = 0
    for name in select:
        size = 4
        for dim in _DIMS[name]:
            size *= ds.sizes.get(dim, ds.sizes.get("migra", 1) if dim == "energy" else 1)
        total += size
    if total > options["max_bytes"]:
        raise XGammaError(
            f"Filling {', '.join(select)} would take {total / 1e9:.1f} GB: cut the map out first (ds.gamma.cutout), "
            f"use larger pixels, or allow it with xgamma.options.set_options(max_bytes={total:.2g})."
        )
