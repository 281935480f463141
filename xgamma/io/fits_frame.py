"""Sky frames of FITS images: header keywords to labels in one parent frame, and back."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from astropy.io import fits
from astropy.wcs import WCS

from xgamma.core.reading import OF_CODE
from xgamma.errors import FrameError, shown
from xgamma.model import sky
from xgamma.model.axes import coord_variable
from xgamma.model.frame import SIZE_KEYWORDS, wcs_attrs
from xgamma.model.frame import frame_attrs as parent_attrs
from xgamma.model.stamp import FRAME_KEYWORDS, KEYWORDS, MATRIX, same_value

__all__ = ["frame_attrs", "image_keywords", "labels_in"]

# How far, in parent pixels, labels may lie from where rounding alone would put them.
SNAP = 1e-7
# Keywords of the first two axes, and of the sky, that are numbers.
NUMBERS = re.compile(r"(CRPIX|CRVAL|CDELT|CROTA)[12]|(PC|CD|PV)[12]_\d+|LONPOLE|LATPOLE")


def _from_cd(header: dict[str, Any]) -> dict[str, Any]:
    """Replace a CD matrix by CDELT and PC."""
    cd = np.array([[float(header.get(f"CD{i}_{j}", 0.0)) for j in (1, 2)] for i in (1, 2)])
    out = {k: v for k, v in header.items() if not k.startswith(("CD1_", "CD2_", "CDELT"))}
    if not cd.any():
        return header
    scale = np.hypot(cd[:, 0], cd[:, 1])
    # Longitude grows to the east, which is to the left: keep the sign that maps have.
    scale = scale * np.where(np.diag(cd) < 0, -1, 1)
    matrix = cd / scale[:, None]
    for i in (1, 2):
        out[f"CDELT{i}"] = float(scale[i - 1])
        for j in (1, 2):
            if matrix[i - 1, j - 1] != float(i == j):
                out[f"PC{i}_{j}"] = float(matrix[i - 1, j - 1])
    return out


def frame_attrs(header: Mapping[str, Any], shape: tuple[int, int]) -> dict[str, Any]:
    """Return the attributes of the coordinate ``wcs`` for an image.

    Parameters
    ----------
    header : mapping
        Header of the image.
    shape : (ny, nx)
        Size of the image.

    Returns
    -------
    attrs : dict
        FITS keywords as `xgamma.model.frame.make_wcs_attrs` gives them.

    Raises
    ------
    FrameError
        If the header has no celestial frame on its first two axes.
    """
    if "CTYPE1" not in header or "CTYPE2" not in header:
        raise FrameError(
            f"The HDU {header.get('EXTNAME', 'PRIMARY')!r} has no celestial frame (no CTYPE1): it is not a sky map."
        )
    _require_numbers(header)
    pairs = _from_cd(dict(header))
    key = tuple(
        (k, v)
        for k, v in pairs.items()
        if v is not None and (k in KEYWORDS - {"WCSAXES"} or k.startswith(("PV1_", "PV2_")))
    )
    return dict(_frame_attrs(key, shape))


def _require_numbers(header: Mapping[str, Any]) -> None:
    """Raise if a keyword of the frame that must be a number is a text: it would be ignored."""
    for key in header:
        if NUMBERS.fullmatch(key) and not isinstance(header[key], (int, float, type(None))):
            raise FrameError(
                f"{key}={header[key]!r} of the HDU {header.get('EXTNAME', 'PRIMARY')!r} is not a number, so the "
                "frame of the map is unknown: correct the header."
            )


@functools.lru_cache(maxsize=256)
def _frame_attrs(key: tuple[tuple[str, Any], ...], shape: tuple[int, int]) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = fits.Header()
        header["WCSAXES"] = 2
        try:
            for name, value in key:
                header[name] = _card(name, value)
            wcs = WCS(header)
            wcs.wcs.set()
            celestial = wcs.has_celestial
        except FrameError:
            raise
        except Exception as error:
            said = (
                "" if isinstance(error, OF_CODE) else f" ({(str(error).splitlines() or [''])[-1]})"
            )
            raise FrameError(
                f"The sky frame of an image cannot be used{said}: correct CTYPE, CRVAL, CRPIX and CDELT in its header."
            ) from None
    if not celestial or not str(wcs.wcs.ctype[0]).startswith(("RA", "GLON")):
        raise FrameError(
            f"The first two axes of an image are {wcs.wcs.ctype[0]!r} and {wcs.wcs.ctype[1]!r}: "
            "a sky map must have longitude, then latitude, equatorial or galactic."
        )
    attrs = wcs_attrs(wcs, shape)
    return attrs | {k: float(v) for k, v in key if k in MATRIX}


def _card(name: str, value: Any) -> Any:
    """Return the value of a keyword of a frame, which must be a finite number or plain text."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    wants_text = name.startswith(("CTYPE", "CUNIT", "RADE"))
    text = isinstance(value, str) and value.isascii() and value.isprintable()
    zero = number and name.startswith("CDELT") and not value
    if (wants_text and not text) or (number and not np.isfinite(value)) or zero:
        raise FrameError(
            f"The sky frame of an image cannot be used ({name} is {shown(value)}): correct its header."
        )
    if not (number or text):
        raise FrameError(
            f"The sky frame of an image cannot be used ({name} is neither a number nor plain text): correct its header."
        )
    return value


def _same(a: Mapping[str, Any], b: Mapping[str, Any], key: str) -> bool:
    first, second = a.get(key), b.get(key)
    return None in (first, second) or same_value(first, second)


def labels_in(
    parent: Mapping[str, Any], child: Mapping[str, Any], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Return the positions of the pixels of one image in pixel numbers of another.

    Parameters
    ----------
    parent, child : mapping
        Frame attributes.
    shape : (ny, nx)
        Size of the child image.

    Returns
    -------
    x, y : ndarray
        Labels, ``(i + 1 - CRPIX) * CDELT / CDELT_parent + CRPIX_parent - 1``.
    step : (dx, dy)
        Distance between labels.

    Raises
    ------
    FrameError
        If one grid is not an affine image of the other.
    """
    keys = {*FRAME_KEYWORDS, *(k for k in (*parent, *child) if k.startswith("PV"))}
    different = sorted(k for k in keys if not _same(parent, child, k))
    identity = {"PC1_1": 1.0, "PC2_2": 1.0}
    turned = [k for k in MATRIX if not _same({**identity, **parent}, {**identity, **child}, k)]
    ratio = tuple(float(child[f"CDELT{i}"]) / float(parent[f"CDELT{i}"]) for i in (1, 2))
    skewed = any(parent.get(k) for k in ("PC1_2", "PC2_1")) and abs(ratio[0] - ratio[1]) > 1e-9
    if different or turned or skewed or min(ratio) <= 0:
        names = different or turned or ["CDELT1"]
        raise FrameError(
            f"two grids of the file do not match ({names[0]} is {parent.get(names[0])} and "
            f"{child.get(names[0])})"
        )
    labels = []
    for i, n in ((1, shape[1]), (2, shape[0])):
        first = (1 - float(child[f"CRPIX{i}"])) * ratio[i - 1] + float(parent[f"CRPIX{i}"]) - 1
        step = _snap(ratio[i - 1])
        labels.append(_snap(first) + step * np.arange(n))
    return labels[0], labels[1], (_snap(ratio[0]), _snap(ratio[1]))


def _snap(value: float) -> float:
    """Return the nearest half if a value differs from it by rounding only."""
    nearest = round(2 * value) / 2
    return nearest if abs(value - nearest) < SNAP else value


def image_keywords(obj: xr.Dataset | xr.DataArray, irf: bool = False) -> dict[str, Any]:
    """Return the FITS keywords of the image that a map's labels describe.

    A cutout gets its own CRPIX, a coarser grid its own CDELT; the parent's size is left out.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map.
    irf : bool
        Whether of the coarse grid.

    Returns
    -------
    keywords : dict
        Keyword to value.

    Raises
    ------
    FrameError
        If labels are uneven, or stretched in a turned frame.
    """
    attrs = {str(k): v for k, v in parent_attrs(obj).items() if k not in SIZE_KEYWORDS}
    suffix = "_irf" if irf else ""
    steps = []
    for i, dim in ((1, f"x{suffix}"), (2, f"y{suffix}")):
        labels = np.atleast_1d(coord_variable(obj, dim).values)
        if not labels.size:
            raise FrameError(
                f"The map has no pixels along {dim!r}: an earlier selection left none."
            )
        step = sky.label_step(obj, dim)
        if step <= 0 or not np.allclose(np.diff(labels), step, rtol=1e-6):
            raise FrameError(
                f"The pixel labels {dim!r} are not evenly spaced, as a FITS image requires: reindex the map."
            )
        attrs[f"CRPIX{i}"] = (float(attrs[f"CRPIX{i}"]) - 1 - float(labels[0])) / step + 1
        attrs[f"CDELT{i}"] = float(attrs[f"CDELT{i}"]) * step
        steps.append(step)
    if steps[0] != steps[1] and any(float(attrs.get(k, 0)) for k in ("PC1_2", "PC2_1")):
        raise FrameError(
            "A rotated map is stretched in one direction, which FITS keywords cannot express."
        )
    return attrs
