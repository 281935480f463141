"""Options of the library: bounds that a user can lift."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import xarray as xr

from xgamma.core.arguments import positive
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


class set_options:  # noqa: N801 - reads as the function that xarray has
    """Set options from here on, or for the length of a ``with`` block, as in xarray.

    Parameters
    ----------
    **values
        ``max_bytes``: largest dataset, in bytes, that a maker allocates.

    Raises
    ------
    XGammaError
        If an option is not known, or its value is not positive.

    Examples
    --------
    >>> with set_options(max_bytes=1e10):
    ...     options["max_bytes"]
    10000000000.0
    """

    def __init__(self, **values: Any) -> None:
        unknown = set(values) - set(options)
        if unknown:
            raise XGammaError(
                f"There is no option {sorted(unknown)[0]!r}: choose from {', '.join(options)}."
            )
        new = {name: positive(value, name) for name, value in values.items()}
        self._before = dict(options)
        options.update(new)

    def __enter__(self) -> None:
        """Nothing more to do: the options are set."""

    def __exit__(self, *error: object) -> None:
        """Put the options back that were there before."""
        options.update(self._before)


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
            f"use larger pixels, or allow it with xgamma.core.options.set_options(max_bytes={total:.2g})."
        )
