"""Region tables of FITS maps over a region: pixel regions and their frame, and DS9 text."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import xarray as xr
from astropy.io import fits
from astropy.table import QTable

from xgamma.core.heavy import regions as rg
from xgamma.core.reading import reading
from xgamma.errors import XGammaError
from xgamma.fits.bintable import BinTable
from xgamma.fits.checks import require_once
from xgamma.io.fits_frame import frame_attrs
from xgamma.model.axes import coord_variable
from xgamma.model.frame import SIZE_KEYWORDS, wcs_from_key, wcs_of
from xgamma.model.regions import parse_regions, region_text
from xgamma.model.stamp import header_key

if TYPE_CHECKING:
    from xgamma.fits.files import HDU

__all__ = ["read_region", "region_table"]


def read_region(hdu: HDU) -> tuple[str, dict[str, Any]]:
    """Return the DS9 text and the frame attributes of a region table.

    Parameters
    ----------
    hdu : HDU
        A table of pixel regions whose header holds the WCS.

    Returns
    -------
    text : str
        DS9 text.
    frame : dict
        Attributes of the coordinate ``wcs``.

    Raises
    ------
    XGammaError
        If a shape is not known.
    """
    where = f"HDU {hdu.name} of {hdu.file.path}"
    _ = hdu.table  # Its layout and its sum.
    for name in hdu.table.columns:
        require_once(hdu.table, name, where)
    with fits.open(hdu.file.path) as hdus, reading(where):
        table = QTable.read(hdus[hdu.index])
    shape = str(hdu.header.get("WCSSHAPE", "(1,1)")).strip("()").split(",")
    frame = frame_attrs(hdu.header, (int(shape[1]), int(shape[0])))
    wcs = wcs_from_key(header_key(frame))
    with reading(where):
        pixels = rg.Regions.parse(table, format="fits")
        for region in pixels:
            region.meta["include"] = True
        text = region_text([region.to_sky(wcs) for region in pixels])
        # What cannot be a region, a radius of 1e30 pixels say, is found now.
        parse_regions(text)
    if not pixels:
        raise XGammaError(f"The {where} contains no region: download the file again.")
    return text, frame


def region_table(ds: xr.Dataset | xr.DataArray, name: str) -> BinTable | None:
    """Return the region of a spectrum as a table HDU, or None where it has none.

    Parameters
    ----------
    ds : Dataset or DataArray
        With the coordinates ``region`` and ``wcs``.
    name : str
        Name of the HDU.

    Returns
    -------
    table : BinTable or None
        Pixel regions, and their frame in the header.
    """
    if "region" not in ds.coords or "wcs" not in ds.coords:
        return None
    text = str(ds.coords["region"].values)
    wcs = wcs_of(ds)
    pixels = [region.to_pixel(wcs) for region in parse_regions(text)]
    table = rg.Regions(pixels).serialize(format="fits")
    header = fits.Header()
    attrs = coord_variable(ds, "wcs").attrs
    for key, value in attrs.items():
        if key not in SIZE_KEYWORDS:
            header[str(key)] = value
    shape = (int(attrs.get("NAXIS1", 1)), int(attrs.get("NAXIS2", 1)))
    header["WCSSHAPE"] = f"({shape[0]},{shape[1]})"
    hdu = fits.BinTableHDU(table, header=header, name=name)
    buffer = io.BytesIO()
    hdu.writeto(buffer)
    raw = buffer.getvalue()
    start = raw.index(b"XTENSION=") + len(hdu.header.tostring())
    size = hdu.header["NAXIS1"] * hdu.header["NAXIS2"]
    return BinTable(hdu.header.copy(), raw[start : start + size])
