"""Arrays under masks."""

from __future__ import annotations

import numpy as np

__all__ = ["under"]


def under(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return values where a mask is True and zero elsewhere, whatever they are there.

    Parameters
    ----------
    values, mask : ndarray
        Of shapes that broadcast; the mask is boolean.

    Returns
    -------
    values : ndarray
        A new array of the same dtype.

    Notes
    -----
    A product is three times faster than a choice, but NaN times False is NaN: then it is made
    again by choosing.

    Examples
    --------
    >>> under(np.array([1.0, np.nan]), np.array([True, False]))
    array([1., 0.])
    """
    with np.errstate(invalid="ignore", over="ignore"):
        product = values * mask
        whole = values.dtype.kind != "f" or np.isfinite(product.sum())
    return product if whole else np.where(mask, values, values.dtype.type(0))
