"""The HDUs of one map: an image or, over a region, a table, with its bands and its region."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from astropy.io import fits

from xgamma._version import __version__
from xgamma.fits.bintable import BinTable, Column, bin_table, fits_unit
from xgamma.fits.bytes import BLOCK
from xgamma.fits.codes import BITPIX
from xgamma.io.fits_axes import Axis, axis_of, band_columns, band_keywords
from xgamma.io.fits_frame import image_keywords
from xgamma.io.fits_regions import region_table
from xgamma.model.schema import SPATIAL, VARIABLES

__all__ = ["creator", "header_bytes", "map_hdus"]

# Integers up to this size are exact in four bytes.
EXACT_FLOAT32 = 2**24
SKY_DIMS = frozenset(SPATIAL)
# The axis that the exposure of a response is summed over, as one bin.
SUMMED = {"psf_exposure": ("rad",), "edisp_exposure": ("energy", "migra")}


def header_bytes(cards: list[tuple[str, Any]]) -> bytes:
    """Return cards as the bytes of a header."""
    return bytes(fits.Header(cards).tostring().encode("ascii"))


def creator() -> list[tuple[str, Any]]:
    """Return the card that says what wrote a file."""
    return [("CREATOR", f"xgamma {__version__}")]


def _order(ds: xr.Dataset, name: str) -> list[str]:
    """Return the axes of a map, fastest first, as the data model orders them."""
    spec = VARIABLES.get(name)
    dims = [str(d) for d in ds[name].dims if d not in SKY_DIMS]
    if spec is not None:
        # The energy of a PSF, true or reconstructed, is the slowest.
        optional = spec.optional_dims
        canonical = [*optional, *spec.dims] if name == "psf" else [*spec.dims, *optional]
        dims.sort(key=canonical.index)
    return dims[::-1]


def _values(variable: xr.Variable) -> np.ndarray:
    """Return values as FITS and gammapy take them: masks as bytes, integers as floats."""
    values = np.asarray(variable.values)
    if values.dtype.kind == "b":
        return values.astype("u1")
    if values.dtype.kind in "iu":
        largest = int(np.abs(values).max(initial=0))
        return values.astype("f4" if largest <= EXACT_FLOAT32 else "f8")
    if values.dtype.itemsize not in (4, 8):
        values = values.astype("f4" if values.dtype.itemsize < 4 else "f8")
    return values


def _meta(ds: xr.Dataset, name: str) -> str:
    """Return the keyword META, where gammapy keeps the live time of an exposure."""
    attrs = ds[name].attrs
    meta: dict[str, Any] = {}
    if "livetime" in attrs:
        meta["livetime"] = f"{float(attrs['livetime'])!r} s"
    pointlike = attrs.get("pointlike", ds.attrs.get("pointlike") if name == "exposure" else None)
    if pointlike:
        meta["is_pointlike"] = True
    return json.dumps(meta)


def map_hdus(ds: xr.Dataset, name: str, hdu: str, primary: bool = False) -> Iterator[bytes]:
    """Yield an image (or a table over a region), its bands and its region."""
    order = _order(ds, name)
    irf = "y_irf" in ds[name].dims
    plane = (["y_irf", "x_irf"] if irf else ["y", "x"]) if _on_sky(ds, name) else []
    variable = ds.variables[name].transpose(*order[::-1], *plane)
    axes = [axis_of(ds, d) for d in order]
    summed = _summed(ds, name)
    values = _values(variable)
    if summed is not None:
        axes = [summed, *axes]
        values = np.expand_dims(values, values.ndim - len(plane))
    bands = f"{hdu}_BANDS"
    cards = band_keywords(axes)
    unit = str(variable.attrs.get("units", ""))
    extra = [("META", _meta(ds, name)), *creator()]
    if plane:
        named = [("BANDSHDU", bands)] if axes else []
        keywords = [*image_keywords(ds[name], irf).items(), *cards, *_wcsshape(values), *named]
        yield _image(values, hdu, unit, [*keywords, *extra], primary)
    else:
        yield _region_map(values, hdu, unit, [*cards, *extra]).tobytes()
    if axes:
        columns = [Column(*c) for c in band_columns(axes)]
        yield bin_table(columns, fits.Header([*cards, *creator()]), bands).tobytes()
    if not plane:
        table = region_table(ds, f"{hdu}_REGION")
        if table is not None:
            yield table.tobytes()


def _on_sky(ds: xr.Dataset, name: str) -> bool:
    return bool(SKY_DIMS & set(ds[name].dims))


def _wcsshape(values: np.ndarray) -> list[tuple[str, Any]]:
    return [("WCSSHAPE", "(" + ",".join(str(n) for n in values.shape[::-1]) + ")")]


def _summed(ds: xr.Dataset, name: str) -> Axis | None:
    if name not in SUMMED:
        return None
    response = name.removesuffix("_exposure")
    for dim in SUMMED[name]:
        if response in ds and dim in ds[response].dims:
            return axis_of(ds, dim).squashed()
    return axis_of(ds, SUMMED[name][0]).squashed() if SUMMED[name][0] in ds.coords else None


def _image(
    values: np.ndarray, hdu: str, unit: str, keywords: list[tuple[str, Any]], primary: bool
) -> bytes:
    kind = ("SIMPLE", True) if primary else ("XTENSION", "IMAGE")
    naxis = [(f"NAXIS{i}", n) for i, n in enumerate(reversed(values.shape), start=1)]
    code = values.dtype.str[1:]
    cards = [kind, ("BITPIX", BITPIX[code]), ("NAXIS", values.ndim), *naxis]
    cards += [("EXTEND", True)] if primary else [("PCOUNT", 0), ("GCOUNT", 1)]
    cards += keywords
    if not primary:
        cards.append(("EXTNAME", hdu))
    cards.append(("BUNIT", fits_unit(unit) if unit else ""))
    big = values.astype(values.dtype.newbyteorder(">"), order="C", copy=False)
    data = big.tobytes()
    return header_bytes(cards) + data + bytes(-len(data) % BLOCK)


def _region_map(
    values: np.ndarray, hdu: str, unit: str, keywords: list[tuple[str, Any]]
) -> BinTable:
    """Return the table of a map over a region: a row a bin of the slowest axis."""
    rows = values.shape[0] if values.ndim else 1
    cells = values.reshape(*(values.shape or (1,)), 1, 1)
    columns = [Column("CHANNEL", np.arange(rows, dtype="i2")), Column("DATA", cells, unit)]
    return bin_table(columns, fits.Header(keywords), hdu)
