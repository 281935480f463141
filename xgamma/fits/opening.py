"""FITS files as astropy opens them, or an error in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from astropy.io import fits

from xgamma.core.bounds import require_regular
from xgamma.core.reading import reading
from xgamma.errors import XGammaError
from xgamma.typing import PathLike

__all__ = ["fits_tables"]


@contextmanager
def fits_tables(path: PathLike) -> Iterator[Any]:
    """Open a FITS file with astropy, or raise an `XGammaError` if it cannot be read.

    Examples
    --------
    >>> with fits_tables(__file__) as hdus:  # doctest: +ELLIPSIS
    ...     len(hdus)
    Traceback (most recent call last):
    xgamma.errors.XGammaError: The file ... cannot be read as FITS: No SIMPLE card found...
    """
    require_regular(path)
    try:
        hdus = fits.open(path)
    except OSError as error:
        raise XGammaError(
            f"The file {str(path)!r} cannot be read as FITS: {str(error).partition(', ')[0]}."
        ) from None
    with hdus, reading(path):
        yield hdus
