"""The stamp of a frame: a scalar coordinate that assignment does not drop, to find foreign maps.

``ds["mask_fit"] = mask`` drops the coordinates of the mask that the dataset has too, ``wcs`` among
them, before any index is asked, and then aligns the pixels by number. So each map carries a second
scalar coordinate, whose *name* is made from its frame and pixel size, for instance ``wcs_1c9f03aa``.
The dataset has no such name, so it stays, and the next operation finds two frames on one map.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["difference", "header_key", "is_stamp", "issue_of_stamps", "same_key", "stamp_of"]

PREFIX = "wcs_"
# The keyword of a stamp that is not of the frame: pixels of the parent image in one of the map.
STEP = "STEP"
# What the frame of an image is: the same for all grids of one parent.
FRAME_KEYWORDS = (
    "CTYPE1",
    "CTYPE2",
    "CRVAL1",
    "CRVAL2",
    "LONPOLE",
    "LATPOLE",
    "RADESYS",
    "EQUINOX",
)
MATRIX = ("PC1_1", "PC1_2", "PC2_1", "PC2_2")
# Where its pixels lie in that frame.
GRID_KEYWORDS = ("CRPIX1", "CRPIX2", "CDELT1", "CDELT2", "CUNIT1", "CUNIT2")
KEYWORDS = frozenset({"WCSAXES", *FRAME_KEYWORDS, *MATRIX, *GRID_KEYWORDS})
DEFAULTS = {"PC1_1": 1.0, "PC2_2": 1.0, "PC1_2": 0.0, "PC2_1": 0.0, "EQUINOX": 2000.0}
Key = tuple[tuple[str, Any], ...]


def header_key(attrs: Mapping[Any, Any]) -> Key:
    """Return the WCS keywords of a mapping as a hashable key."""
    return tuple(
        (str(k), float(v) if isinstance(v, (int, float, np.number)) else str(v))
        for k, v in sorted(attrs.items(), key=lambda item: str(item[0]))
        if str(k) in KEYWORDS or str(k).startswith("PV")
    )


def same_key(a: Key, b: Key) -> bool:
    """Return whether two keys place pixels alike, to a billionth of a degree."""
    if a == b:
        return True
    first, second = dict(a), dict(b)
    for name in first.keys() | second.keys():
        x, y = (d.get(name, DEFAULTS.get(name)) for d in (first, second))
        if not same_value(x, y):
            return False
    return True


def same_value(a: object, b: object) -> bool:
    """Return whether two values of a keyword place pixels alike, to a billionth."""
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return abs(a - b) <= 1e-9 * max(1.0, abs(a))
    return a == b


def difference(a: Key, b: Key) -> str:
    """Return the first keywords in which two keys differ."""
    first, second = dict(a), dict(b)
    names = sorted(first.keys() | second.keys())
    texts = [
        f"{n} {first.get(n)} versus {second.get(n)}" for n in names if first.get(n) != second.get(n)
    ]
    return ", ".join(texts[:3])


def is_stamp(name: Hashable) -> bool:
    """Return whether a coordinate is a stamp.

    Examples
    --------
    >>> is_stamp("wcs_1c9f03aa"), is_stamp("wcs")
    (True, False)
    """
    return str(name).startswith(PREFIX)


def stamp_of(
    attrs: Mapping[Any, Any], labels: xr.Variable | xr.DataArray
) -> dict[Hashable, xr.Variable]:
    """Return the stamp of a map, by its name.

    Parameters
    ----------
    attrs : mapping
        Keywords of the frame.
    labels : Variable or DataArray
        Pixel numbers along ``x``.

    Returns
    -------
    coords : dict
        One scalar variable, whose attributes are the keywords and the step of the labels.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> ds = example_map()
    >>> [is_stamp(name) for name in stamp_of(ds.wcs.attrs, ds.x)]
    [True]
    """
    step = labels.attrs.get("step", 1.0)
    if labels.size > 1:
        first, second = labels.values[:2]
        step = second - first
    name, keywords = _stamp(header_key(attrs), float(step))
    return {name: xr.Variable((), 0, keywords)}


@functools.lru_cache(maxsize=256)
def _stamp(key: Key, step: float) -> tuple[str, dict[str, Any]]:
    numbers = [(n, round(v, 6) if isinstance(v, float) else v) for n, v in key]
    text = repr((numbers, round(step, 6))).encode()
    name = PREFIX + hashlib.blake2b(text, digest_size=4).hexdigest()
    return name, {**dict(key), STEP: step}


def issue_of_stamps(obj: xr.Dataset | xr.DataArray) -> str | None:
    """Return a description of the problem with the frames of the maps in a dataset, if any.

    Parameters
    ----------
    obj : Dataset or DataArray
        With or without pixels.

    Returns
    -------
    issue : str or None
        A sentence that says how a map that was put on differs from the others.
    """
    if "y" not in obj.dims and "x" not in obj.dims:
        return None
    known = obj.variables if isinstance(obj, xr.Dataset) else obj.coords.variables
    stamps = [known[name].attrs for name in known if is_stamp(name)]
    if not stamps or "wcs" not in known:
        return None
    frame = known["wcs"].attrs
    for attrs in stamps:
        # As a rule they are the same, which is quickly seen.
        if any(frame.get(name) != value for name, value in attrs.items() if name != STEP):
            own, other = header_key(frame), header_key(attrs)
            if not same_key(own, other):
                return _sentence(f"two frames ({difference(own, other)})")
    steps = [attrs.get(STEP, 1.0) for attrs in stamps]
    if max(steps) - min(steps) > 1e-6 * max(steps):
        return _sentence(f"pixels of two sizes ({min(steps):g} and {max(steps):g})")
    return None


def _sentence(what: str) -> str:
    return f"The dataset mixes maps of {what}: one was added with assign or ds[...] =, which match by pixel number only. Start again from the dataset before that, bring the map to its pixels with da.gamma.reproject_to(ds) or interp_to(ds), and then add it."
