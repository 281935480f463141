"""The errors and warnings of xgamma.

Each message is one sentence that names the thing, the problem and the cure.
"""

import functools
import os
import sys
import warnings
from pathlib import Path

# Frames of these files are never where a user called: the package, and `cached_property`.
_INNER = (str(Path(__file__).parent) + os.sep, functools.__file__)


class XGammaError(ValueError):
    """Base class of the errors raised by xgamma.

    Each error also inherits from the matching built-in exception: `ValueError` for a bad value,
    `KeyError` for something missing, `FileNotFoundError` for a missing file, `ImportError` for a
    missing package and `TypeError` for an argument of the wrong type.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.energy_axis("10 TeV", "1 TeV", 5)
    Traceback (most recent call last):
    xgamma.errors.AxisError: The axis 'energy' needs 0 < min < max, not 10 TeV to 1 TeV.
    """

    # KeyError would print the message as a literal, within quotes.
    __str__ = Exception.__str__


class ArgumentTypeError(XGammaError, TypeError):
    """An argument has the wrong type.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.stat_sum("crab.nc")
    Traceback (most recent call last):
    xgamma.errors.ArgumentTypeError: ...
    """


class MissingDataError(XGammaError, KeyError):
    """A required HDU, column, run, model or variable is missing.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.create_map((0, 0), "1 deg", "0.1 deg").gamma.excess
    Traceback (most recent call last):
    xgamma.errors.MissingDataError: ...
    """


class MissingFileError(MissingDataError, FileNotFoundError):
    """The file or folder does not exist.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.open_store("no-such-folder")
    Traceback (most recent call last):
    xgamma.errors.MissingFileError: The file or folder no-such-folder does not exist: check the path of the store.
    """

    # tblib, by which distributed pickles errors, calls `cls.__new__`: ValueError's comes first.
    __new__ = OSError.__new__  # type: ignore[assignment]


class MissingPackageError(MissingDataError, ImportError):
    """An optional package is not installed.

    Examples
    --------
    >>> from xgamma.core.extras import require_package
    >>> require_package("no_such_package", "The job", "all")
    Traceback (most recent call last):
    xgamma.errors.MissingPackageError: The job needs no_such_package: install it with pip install 'xgamma[all]'.
    """


class AccessorError(XGammaError, AttributeError):
    """An accessor has no such member, or the member belongs to another kind of object.

    Examples
    --------
    >>> import xarray as xr
    >>> import xgamma as xg
    >>> xr.DataTree().gamma.livetime
    Traceback (most recent call last):
    xgamma.errors.AccessorError: This tree is a collection of datasets, but tree.gamma.livetime ...
    """


class UnitError(XGammaError):
    """A unit is missing, unknown or of the wrong kind.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.energy_axis("1 deg", "10 deg", 5)
    Traceback (most recent call last):
    xgamma.errors.UnitError: The unit 'deg' cannot be converted to 'TeV': give a value in a compatible unit.
    """


class AxisError(XGammaError):
    """An axis is missing, malformed or does not match another.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.energy_axis_from_edges([1, 3, 2])
    Traceback (most recent call last):
    xgamma.errors.AxisError: The edges of the axis 'energy' must be finite and strictly increasing.
    """


class FrameError(XGammaError):
    """Two sky frames differ, or a position is not inside the map.

    Examples
    --------
    >>> import xgamma as xg
    >>> a = xg.create_map((0, 0), "1 deg", "0.1 deg").gamma.separation((0, 0))
    >>> a + xg.create_map((0, 0), "1 deg", "0.2 deg").gamma.separation((0, 0))
    Traceback (most recent call last):
    xgamma.errors.FrameError: Different sky frames (CDELT1 -0.1 versus -0.2, CDELT2 0.1 versus 0.2, CRPIX1 5.5 versus 3.0): reproject one of the maps first.
    """


class OutsideError(FrameError):
    """A position or a field of view lies outside the map.

    Examples
    --------
    >>> import xgamma as xg
    >>> xg.create_map((0, 0), "1 deg", "0.1 deg").gamma.cutout((90, 0), "1 deg")
    Traceback (most recent call last):
    xgamma.errors.OutsideError: The cutout lies outside the map along 'x': choose a position inside, or a larger width.
    """


class WriteError(XGammaError, OSError):
    """A file or folder cannot be written, because the disk is full or permission is denied.

    No partial file is left behind, and a file that existed before is unchanged.

    Examples
    --------
    >>> import xgamma as xg
    >>> try:
    ...     xg.create_map((0, 0), "1 deg", "0.1 deg").gamma.to_fits("/proc/a.fits")
    ... except OSError as error:
    ...     print(type(error).__name__)
    WriteError
    """

    # tblib, by which distributed pickles errors, calls `cls.__new__`: ValueError's comes first.
    __new__ = OSError.__new__  # type: ignore[assignment]


class XGammaWarning(UserWarning):
    """Warning about a problem that does not stop the computation.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", XGammaWarning)
    """


def warn(message: str, category: type[Warning] = XGammaWarning) -> None:
    """Warn, naming the line outside the package that led here, however many calls lie between.

    Parameters
    ----------
    message : str
        One sentence that names the thing, the problem and the cure.
    category : type
        Class of the warning.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("The map is empty: fill it.")
    >>> print(caught[0].message)
    The map is empty: fill it.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INNER):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def shown(value: object) -> str:
    """Return a value as a message can show it: whole if it is short, else what it is.

    Examples
    --------
    >>> shown("scal"), shown([1, 2]), shown(list(range(100)))
    ("'scal'", '[1, 2]', 'a list')
    """
    text = repr(value)
    return text if len(text) <= 40 and "\n" not in text else f"a {type(value).__name__}"
