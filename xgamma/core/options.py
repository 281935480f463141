"""Options of the library: bounds that a user can lift."""

from __future__ import annotations

from typing import Any

from xgamma.core.arguments import positive
from xgamma.errors import XGammaError

__all__ = ["options", "set_options"]

options: dict[str, Any] = {"max_bytes": 8e9, "max_text_bytes": 5e7}


class set_options:  # noqa: N801 - reads as the function that xarray has
    """Set options globally, or within a ``with`` block, as in xarray.

    Parameters
    ----------
    **values
        ``max_bytes``: maximum size in bytes (by default 8e9) of filled maps, of an axis or the
        labels of a map, and of a decompressed file or an array in a file. ``max_text_bytes``:
        maximum size (by default 5e7) of a text file, such as a configuration or models.

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

    def __init__(self, **values: object) -> None:
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
