"""The sky frame of a map: WCS keywords as attributes.

The FITS keywords of one parent WCS are the attributes of the scalar coordinate ``wcs``.
`xgamma.model.frame_index` keeps maps of different frames from combining.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr
from astropy.io import fits
from astropy.wcs import WCS

from xgamma.errors import ArgumentTypeError, FrameError
from xgamma.model.axes import coord_variable
from xgamma.model.frame_index import FrameIndex
from xgamma.model.stamp import KEYWORDS, header_key, is_stamp, stamp_of
from xgamma.typing import Labelled, LabelledLike

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

__all__ = [
    "drop_frame",
    "frame_attrs",
    "frame_coords",
    "frame_of",
    "make_wcs_attrs",
    "require_frame",
    "set_frame",
    "wcs_attrs",
    "wcs_from_key",
    "wcs_of",
    "without_frame",
]

# Keywords that say how large the parent image is, not where its pixels lie.
SIZE_KEYWORDS = {"NAXIS1", "NAXIS2"}
AXIS_TYPES = {
    "icrs": ("RA---", "DEC--"),
    "fk5": ("RA---", "DEC--"),
    "galactic": ("GLON-", "GLAT-"),
}


@functools.lru_cache(maxsize=64)
def wcs_from_key(key: tuple[tuple[str, Any], ...]) -> WCS:
    """Return the WCS of a `header_key`; shared, so not to be changed."""
    header = fits.Header()
    for name, value in key:
        header[name] = int(value) if name == "WCSAXES" else value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WCS(header)


def wcs_attrs(wcs: WCS, shape: tuple[int, int] | None = None) -> dict[str, Any]:
    """Return the FITS keywords of a celestial WCS, all of them, as attributes.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A two-dimensional celestial WCS.
    shape : (ny, nx), optional
        Size of the parent image.

    Returns
    -------
    attrs : dict
        Keyword to value.
    """
    header = wcs.to_header()
    attrs: dict[str, Any] = {
        "WCSAXES": 2,
        **{f"CTYPE{i}": wcs.wcs.ctype[i - 1] for i in (1, 2)},
        **{f"CRPIX{i}": float(wcs.wcs.crpix[i - 1]) for i in (1, 2)},
        **{f"CRVAL{i}": float(wcs.wcs.crval[i - 1]) for i in (1, 2)},
        **{f"CDELT{i}": float(wcs.wcs.get_cdelt()[i - 1]) for i in (1, 2)},
        **{f"CUNIT{i}": "deg" for i in (1, 2)},
    }
    for key in header:
        if (key in KEYWORDS or key.startswith("PV")) and key not in attrs:
            attrs[key] = header[key]
    if shape is not None:
        attrs["NAXIS1"], attrs["NAXIS2"] = int(shape[1]), int(shape[0])
    return attrs


def require_frame(frame: str) -> None:
    """Raise a `FrameError` unless maps can be made in this celestial frame."""
    if frame not in AXIS_TYPES:
        raise FrameError(f"frame={frame!r} is not recognised: use one of {', '.join(AXIS_TYPES)}.")


def make_wcs_attrs(
    center: SkyCoord, npix: tuple[int, int], binsz: tuple[float, float], proj: str, frame: str
) -> dict[str, Any]:
    """Return the keywords of an image centred on a position.

    Parameters
    ----------
    center : SkyCoord
        Centre of the image and reference point of the projection.
    npix : (nx, ny)
        Number of pixels.
    binsz : (dx, dy)
        Pixel size in degrees.
    proj : str
        FITS projection code, for instance ``"CAR"``, ``"TAN"``, ``"AIT"``.
    frame : {"icrs", "galactic", "fk5"}
        Celestial frame.

    Returns
    -------
    attrs : dict
        Keyword to value.

    Raises
    ------
    FrameError
        If the projection or the frame is not known.
    """
    require_frame(frame)
    at = center.transform_to(frame)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [prefix + str(proj).upper() for prefix in AXIS_TYPES[frame]]
    wcs.wcs.crpix = [(npix[0] + 1) / 2.0, (npix[1] + 1) / 2.0]
    wcs.wcs.crval = [at.spherical.lon.deg, at.spherical.lat.deg]
    wcs.wcs.cdelt = [-binsz[0], binsz[1]]
    if frame != "galactic":
        wcs.wcs.radesys = frame.upper()
    if frame == "fk5":
        wcs.wcs.equinox = 2000.0
    try:
        wcs.wcs.set()
    except Exception as error:
        raise FrameError(
            f"proj={proj!r} is not a supported FITS projection ({str(error).splitlines()[-1]}): use for example CAR, TAN or AIT."
        ) from None
    return wcs_attrs(wcs, (npix[1], npix[0]))


def set_frame(obj: Labelled) -> Labelled:
    """Attach the `FrameIndex` to the coordinate ``wcs``, and the stamp of the frame, after reading or building.

    Parameters
    ----------
    obj : Dataset, DataArray
        An object with the scalar coordinate (or, just read, variable) ``wcs``.

    Returns
    -------
    obj : Dataset or DataArray
        With both; unchanged if there is no ``wcs``.
    """
    if isinstance(obj, xr.Dataset) and "wcs" in obj.data_vars:
        obj = obj.set_coords("wcs")
    if "wcs" not in obj.coords:
        return obj
    if "wcs" not in obj.xindexes:
        obj = obj.set_xindex("wcs", FrameIndex)
    if "x" not in obj.dims or "x" not in obj.coords or any(map(is_stamp, obj.coords)):
        return obj
    return obj.assign_coords(stamp_of(coord_variable(obj, "wcs").attrs, coord_variable(obj, "x")))


def drop_frame(obj: Labelled) -> Labelled:
    """Detach the `FrameIndex` and the stamp, for writing; the attributes stay.

    Parameters
    ----------
    obj : Dataset or DataArray
        Any object.

    Returns
    -------
    obj : Dataset or DataArray
        Without them.
    """
    obj = obj.drop_vars([name for name in obj.coords if is_stamp(name)])
    return obj.drop_indexes("wcs") if "wcs" in obj.xindexes else obj


def frame_coords(
    attrs: Mapping[Any, Any], labels: xr.Variable | xr.DataArray | None = None
) -> xr.Coordinates:
    """Return the coordinates that define the frame of a map: ``wcs`` with its index, and its stamp.

    Parameters
    ----------
    attrs : mapping
        Keywords of the frame.
    labels : Variable or DataArray, optional
        Pixel numbers along ``x``; without pixels there is no stamp.

    Returns
    -------
    coords : Coordinates
        Scalars.
    """
    stamp = {} if labels is None else stamp_of(attrs, labels)
    keywords = dict(attrs)
    return xr.Coordinates(
        {"wcs": xr.Variable((), 0, keywords), **stamp}, indexes={"wcs": FrameIndex(keywords)}
    )


def without_frame(coords: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return coordinates without those that define the frame of the map."""
    return {name: v for name, v in coords.items() if name != "wcs" and not is_stamp(name)}


def frame_attrs(obj: LabelledLike) -> dict[Hashable, Any]:
    """Return the FITS keywords of an object's frame."""
    if not hasattr(obj, "coords"):
        raise ArgumentTypeError(
            f"Expected a map, got {type(obj).__name__}: create one with xg.create_map or open one with xg.open."
        )
    if "wcs" not in obj.coords:
        raise FrameError(
            "There is no coordinate 'wcs', and hence no sky frame: create maps with xg.create_map."
        )
    return coord_variable(obj, "wcs").attrs


def wcs_of(obj: LabelledLike) -> WCS:
    """Return the parent WCS of a map.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map with the coordinate ``wcs``.

    Returns
    -------
    wcs : `~astropy.wcs.WCS`
        In the parent's pixel numbers: pixel (0, 0) is the label ``x=0, y=0``. Shared; do not change it.

    Raises
    ------
    FrameError
        If there is no ``wcs``.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> list(wcs_of(example_map()).wcs.ctype)
    ['RA---CAR', 'DEC--CAR']
    """
    return wcs_from_key(header_key(frame_attrs(obj)))


def frame_of(obj: LabelledLike) -> str:
    """Return the name of the celestial frame: ``icrs``, ``fk5`` or ``galactic``.

    Examples
    --------
    >>> from xgamma.tutorial import example_map
    >>> frame_of(example_map())
    'icrs'
    """
    attrs = frame_attrs(obj)
    if str(attrs["CTYPE1"]).startswith("GLON"):
        return "galactic"
    return str(attrs.get("RADESYS", "ICRS")).strip().lower()
