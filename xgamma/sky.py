"""The sky: pixel labels to positions and back, and the index that guards the frame.

``y`` and ``x`` are pixel numbers, counted from 0, in the frame of one parent WCS whose
FITS keywords are the attributes of the scalar coordinate ``wcs``. Everything about the
sky is computed from the labels, so cutouts and coarsened maps stay right.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from xarray.indexes import Index

from xgamma.axes import coord_variable
from xgamma.errors import FrameError
from xgamma.numerics import sphere
from xgamma.units import position as parse_position
from xgamma.units import to_value

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.wcs import WCS

__all__ = [
    "FrameIndex",
    "center",
    "drop_frame",
    "frame_of",
    "lonlat",
    "pixel_scale",
    "separation",
    "set_frame",
    "solid_angle",
    "wcs_of",
]

# Parent grids up to this many pixels have their geometry computed once and sliced.
PARENT_CACHE_PIXELS = 2_000_000
# Keywords that say how large the parent image is, not where its pixels lie.
SIZE_KEYWORDS = {"NAXIS1", "NAXIS2"}
_WCS_KEYWORDS = [
    "WCSAXES",
    "CTYPE1",
    "CTYPE2",
    "CRPIX1",
    "CRPIX2",
    "CRVAL1",
    "CRVAL2",
    "CDELT1",
    "CDELT2",
    "CUNIT1",
    "CUNIT2",
    "PC1_1",
    "PC1_2",
    "PC2_1",
    "PC2_2",
    "LONPOLE",
    "LATPOLE",
    "RADESYS",
    "EQUINOX",
]

# WCS objects are shared between threads, and wcslib keeps its state in them.
_WCS_LOCK = threading.Lock()

Grid = tuple[tuple[float, float, int], tuple[float, float, int]]


def _header_key(attrs: Mapping[Any, Any]) -> tuple[tuple[str, Any], ...]:
    """Return the WCS keywords of a mapping as a hashable key."""
    return tuple(
        (str(k), float(v) if isinstance(v, (int, float, np.number)) else str(v))
        for k, v in sorted(attrs.items(), key=lambda item: str(item[0]))
        if str(k) in _WCS_KEYWORDS or str(k).startswith("PV")
    )


@functools.lru_cache(maxsize=64)
def _wcs_from_key(key: tuple[tuple[str, Any], ...]) -> WCS:
    from astropy.io import fits
    from astropy.wcs import WCS

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
        if (key in _WCS_KEYWORDS or key.startswith("PV")) and key not in attrs:
            attrs[key] = header[key]
    if shape is not None:
        attrs["NAXIS1"], attrs["NAXIS2"] = int(shape[1]), int(shape[0])
    return attrs


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
    from astropy.wcs import WCS

    names = {"icrs": ("RA---", "DEC--"), "fk5": ("RA---", "DEC--"), "galactic": ("GLON-", "GLAT-")}
    if frame not in names:
        raise FrameError(f"frame={frame!r} is not known: use one of {', '.join(names)}.")
    at = center.transform_to(frame)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [prefix + proj.upper() for prefix in names[frame]]
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
            f"proj={proj!r} is not a FITS projection that works here ({str(error).splitlines()[-1]}): use for example CAR, TAN or AIT."
        ) from None
    return wcs_attrs(wcs, (npix[1], npix[0]))


class FrameIndex(Index):
    """Guard of the scalar coordinate ``wcs``: maps on different frames do not combine.

    xarray asks the index whenever two objects meet; it compares the keywords that place
    pixels on the sky. It lives at run time only: the attributes are the file form, and
    `set_frame` puts the index back after reading.
    """

    def __init__(self, attrs: Mapping[Any, Any]):
        self.attrs = dict(attrs)
        self._key = _header_key(attrs)

    @classmethod
    def from_variables(
        cls, variables: Mapping[Any, xr.Variable], *, options: Mapping[str, Any]
    ) -> FrameIndex:
        """Build from the one scalar variable."""
        (variable,) = variables.values()
        return cls(variable.attrs)

    @classmethod
    def concat(
        cls,
        indexes: Iterable[FrameIndex],  # type: ignore[override]
        dim: Hashable,
        positions: Iterable[Iterable[int]] | None = None,
    ) -> FrameIndex:
        """Keep the common frame, or refuse."""
        first, *rest = indexes
        for other in rest:
            first.join(other)
        return first

    def create_variables(
        self, variables: Mapping[Any, xr.Variable] | None = None
    ) -> dict[Hashable, xr.Variable]:
        """Return the scalar variable with the keywords of this frame."""
        names = list(variables) if variables else ["wcs"]
        return {name: xr.Variable((), 0, attrs=self.attrs) for name in names}

    def equals(self, other: Index, *, exclude: frozenset[Hashable] | None = None) -> bool:
        """Tell whether both place pixels alike (to a billionth of a degree)."""
        return isinstance(other, FrameIndex) and _same_key(self._key, other._key)

    def join(self, other: FrameIndex, how: str = "inner") -> FrameIndex:  # type: ignore[override]
        """Return the common frame.

        Raises
        ------
        FrameError
            If the frames differ.
        """
        if not self.equals(other):
            raise FrameError(
                f"Different sky frames ({_difference(self._key, other._key)}): reproject one of the maps first."
            )
        return self

    def reindex_like(self, other: FrameIndex, **_: Any) -> dict[Hashable, Any]:  # type: ignore[override]
        """Nothing moves: a frame has no positions."""
        self.join(other)
        return {}

    def isel(self, indexers: Mapping[Any, Any]) -> FrameIndex:
        """A cutout has the frame of its mosaic."""
        return self

    def sel(self, labels: dict[Any, Any], **_: Any) -> Any:
        """Refuse: the frame is not a label.

        Raises
        ------
        FrameError
            Always.
        """
        raise FrameError("The coordinate 'wcs' holds the sky frame and cannot be selected by.")

    def to_pandas_index(self) -> Any:
        """Return a one-element pandas index (xarray asks for it in some paths)."""
        import pandas as pd

        return pd.Index([0], name="wcs")

    def rename(
        self, name_dict: Mapping[Any, Hashable], dims_dict: Mapping[Any, Hashable]
    ) -> FrameIndex:
        """A new name changes nothing in the frame."""
        return self

    def copy(self, deep: bool = True) -> FrameIndex:
        """Return itself: it is never changed."""
        return self

    def __copy__(self) -> FrameIndex:
        return self

    def __deepcopy__(self, memo: Any = None) -> FrameIndex:
        return self

    def __repr__(self) -> str:
        values = dict(self._key)
        return f"FrameIndex({values.get('CTYPE1')}, {values.get('CTYPE2')})"

    def _repr_inline_(self, max_width: int) -> str:
        return repr(self)[:max_width]


def _same_key(a: tuple[tuple[str, Any], ...], b: tuple[tuple[str, Any], ...]) -> bool:
    if a == b:
        return True
    first, second = dict(a), dict(b)
    defaults = {"PC1_1": 1.0, "PC2_2": 1.0, "PC1_2": 0.0, "PC2_1": 0.0, "EQUINOX": 2000.0}
    for name in first.keys() | second.keys():
        x, y = (d.get(name, defaults.get(name)) for d in (first, second))
        if isinstance(x, float) and isinstance(y, float):
            if abs(x - y) > 1e-9 * max(1.0, abs(x)):
                return False
        elif x != y:
            return False
    return True


def _difference(a: tuple[tuple[str, Any], ...], b: tuple[tuple[str, Any], ...]) -> str:
    first, second = dict(a), dict(b)
    names = sorted(first.keys() | second.keys())
    texts = [
        f"{n} {first.get(n)} against {second.get(n)}"
        for n in names
        if first.get(n) != second.get(n)
    ]
    return ", ".join(texts[:3])


def set_frame(obj: Any) -> Any:
    """Attach the `FrameIndex` to the coordinate ``wcs``, after reading or building.

    Parameters
    ----------
    obj : Dataset, DataArray
        An object with the scalar coordinate (or, just read, variable) ``wcs``.

    Returns
    -------
    obj : Dataset or DataArray
        With the index; unchanged if there is no ``wcs``.
    """
    if isinstance(obj, xr.Dataset) and "wcs" in obj.data_vars:
        obj = obj.set_coords("wcs")
    if "wcs" not in obj.coords or "wcs" in obj.xindexes:
        return obj
    return obj.set_xindex("wcs", FrameIndex)


def drop_frame(obj: Any) -> Any:
    """Detach the `FrameIndex`, for writing; the attributes stay.

    Parameters
    ----------
    obj : Dataset or DataArray
        Any object.

    Returns
    -------
    obj : Dataset or DataArray
        Without the index.
    """
    return obj.drop_indexes("wcs") if "wcs" in obj.xindexes else obj


def _frame_attrs(obj: Any) -> dict[Hashable, Any]:
    if "wcs" not in obj.coords:
        raise FrameError(
            "There is no coordinate 'wcs', so no sky frame: make maps with xg.create_map."
        )
    return coord_variable(obj, "wcs").attrs


def wcs_of(obj: Any) -> WCS:
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
    """
    return _wcs_from_key(_header_key(_frame_attrs(obj)))


def frame_of(obj: Any) -> str:
    """Return the name of the celestial frame: ``icrs``, ``fk5`` or ``galactic``."""
    attrs = _frame_attrs(obj)
    if str(attrs["CTYPE1"]).startswith("GLON"):
        return "galactic"
    return str(attrs.get("RADESYS", "ICRS")).strip().lower()


def _labels(obj: Any, irf: bool = False) -> tuple[np.ndarray, np.ndarray]:
    names = ("x_irf", "y_irf") if irf else ("x", "y")
    if names[0] not in obj.coords or names[1] not in obj.coords:
        raise FrameError(
            f"There are no coordinates {names[1]!r} and {names[0]!r}: this is not a map."
        )
    x, y = (np.atleast_1d(np.asarray(coord_variable(obj, n).values, dtype=float)) for n in names)
    return x, y


def label_step(obj: Any, dim: str) -> float:
    """Return the distance between neighbouring labels, in parent pixels."""
    variable = coord_variable(obj, dim)
    labels = np.atleast_1d(variable.values)
    if labels.size > 1:
        return float(labels[1] - labels[0])
    return float(variable.attrs.get("step", 1.0))


@functools.lru_cache(maxsize=8)
def _grid_vectors(key: tuple[tuple[str, Any], ...], grid: Grid) -> np.ndarray:
    """Return read-only unit vectors (3, ny, nx) of a regular grid of labels; NaN off the sky."""
    (x0, dx, nx), (y0, dy, ny) = grid
    x, y = np.meshgrid(x0 + dx * np.arange(nx), y0 + dy * np.arange(ny))
    lon, lat = _pix_to_world(_wcs_from_key(key), x, y)
    vectors = sphere.lonlat_to_vector(lon, lat)
    vectors.setflags(write=False)
    return vectors


@functools.lru_cache(maxsize=8)
def _grid_solid_angle(key: tuple[tuple[str, Any], ...], grid: Grid) -> np.ndarray:
    (x0, dx, nx), (y0, dy, ny) = grid
    corners = _grid_vectors(key, ((x0 - dx / 2, dx, nx + 1), (y0 - dy / 2, dy, ny + 1)))
    omega = sphere.quad_solid_angle(corners)
    omega.setflags(write=False)
    return omega


def _pix_to_world(wcs: WCS, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with _WCS_LOCK:
        lon, lat = wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
    lon, lat = lon.reshape(x.shape), lat.reshape(x.shape)
    # A cylindrical projection goes round and round: beyond half a turn from its centre a
    # pixel would be a copy of one on the other side.
    cylindrical = wcs.wcs.ctype[0][-3:] in {"CAR", "CEA", "MER", "CYP"}
    if cylindrical:
        turn = 360.0 / abs(wcs.wcs.get_cdelt()[0])
        lon = np.where(np.abs(x + 1 - wcs.wcs.crpix[0]) <= turn / 2 + 1e-6, lon, np.nan)
    return lon, np.where(np.isnan(lon), np.nan, lat)


def _regular(labels: np.ndarray, step: float) -> tuple[float, float, int]:
    return float(labels[0]), step, labels.size


def _geometry(obj: Any, irf: bool, function: Any) -> np.ndarray:
    """Evaluate a cached grid function on the labels of a map, by slicing its parent if small."""
    attrs = _frame_attrs(obj)
    key = _header_key(attrs)
    x, y = _labels(obj, irf)
    dims = ("x_irf", "y_irf") if irf else ("x", "y")
    dx, dy = (label_step(obj, d) for d in dims)
    nx, ny = int(attrs.get("NAXIS1", 0)), int(attrs.get("NAXIS2", 0))
    inside = dx == dy == 1.0 and x[0] >= 0 and y[0] >= 0 and x[-1] < nx and y[-1] < ny
    whole = inside and float(x[0]).is_integer() and float(y[0]).is_integer()
    if whole and nx * ny <= PARENT_CACHE_PIXELS:
        parent = function(key, ((0.0, 1.0, nx), (0.0, 1.0, ny)))
        return parent[..., int(y[0]) : int(y[-1]) + 1, int(x[0]) : int(x[-1]) + 1]
    return function(key, (_regular(x, dx), _regular(y, dy)))


def pixel_vectors(obj: Any, irf: bool = False) -> np.ndarray:
    """Return unit vectors of the pixel centres, in the map's own frame.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map.
    irf : bool
        Whether the coarse grid of the responses is meant.

    Returns
    -------
    vectors : ndarray
        Shape (3, ny, nx), read-only; NaN where a pixel is not on the sky.
    """
    return _geometry(obj, irf, _grid_vectors)


def lonlat(obj: Any, irf: bool = False) -> tuple[xr.DataArray, xr.DataArray]:
    """Return longitude and latitude of the pixel centres.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map.
    irf : bool
        Whether the coarse grid of the responses is meant.

    Returns
    -------
    lon, lat : DataArray
        Dims ``(y, x)``, degrees in the frame of the map; NaN off the sky.

    Examples
    --------
    >>> from xgamma.model import create_map
    >>> lon, lat = lonlat(create_map((83.5, 22), "1 deg", "0.5 deg"))
    >>> lat.values.round(2)[:, 0]
    array([21.75, 22.25])
    """
    lon, lat = sphere.vector_to_lonlat(pixel_vectors(obj, irf))
    return _label(obj, lon, irf, "longitude", "deg"), _label(obj, lat, irf, "latitude", "deg")


def _label(obj: Any, values: np.ndarray, irf: bool, long_name: str, units: str) -> xr.DataArray:
    dims = ("y_irf", "x_irf") if irf else ("y", "x")
    coords = {d: obj.coords[d].variable for d in dims}
    array = xr.DataArray(
        values, dims=dims, coords=coords, attrs={"units": units, "long_name": long_name}
    )
    return array.assign_coords(
        xr.Coordinates(
            {"wcs": obj.coords["wcs"].variable}, indexes={"wcs": FrameIndex(_frame_attrs(obj))}
        )
    )


def solid_angle(obj: Any, irf: bool = False) -> xr.DataArray:
    """Return the solid angle of each pixel.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map.
    irf : bool
        Whether the coarse grid of the responses is meant.

    Returns
    -------
    solid_angle : DataArray
        Dims ``(y, x)``, sr: each pixel as two spherical triangles (Van Oosterom & Strackee 1983).

    Examples
    --------
    >>> from xgamma.model import create_map
    >>> omega = solid_angle(create_map((0, 0), "1 deg", "1 deg"))
    >>> float(omega.sum().round(7))
    0.0003046
    """
    return _label(obj, _geometry(obj, irf, _grid_solid_angle), irf, "solid angle", "sr")


def position_vector(obj: Any, position: Any) -> np.ndarray:
    """Return the unit vectors (3, ...) of positions in the map's frame."""
    frame = frame_of(obj)
    at = parse_position(position, frame)
    if at.frame.name not in {frame, "icrs"}:
        at = at.transform_to(frame)
    vector = sphere.lonlat_to_vector(at.spherical.lon.deg, at.spherical.lat.deg)
    # astropy's way from ICRS to another fixed frame is this rotation too, in a hundred times
    # the time.
    return vector if at.frame.name == frame else rotation_from_icrs(frame) @ vector


def separation(obj: Any, position: Any, irf: bool = False) -> xr.DataArray:
    """Return the angle between each pixel centre and a position.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map.
    position : SkyCoord, str or (lon, lat)
        Position; strings and pairs are in the frame of the map.
    irf : bool
        Whether the coarse grid of the responses is meant.

    Returns
    -------
    separation : DataArray
        Dims ``(y, x)``, degrees.

    Examples
    --------
    >>> from xgamma.model import create_map
    >>> float(separation(create_map((0, 0), "1 deg", "1 deg"), (1, 0))[0, 0].round(3))
    1.0
    """
    values = sphere.separation(pixel_vectors(obj, irf), position_vector(obj, position))
    return _label(obj, values, irf, "separation", "deg")


def pixel_scale(obj: Any, irf: bool = False) -> tuple[float, float]:
    """Return the pixel size (x, y) in degrees at the reference point of the projection."""
    scale = np.abs(wcs_of(obj).wcs.get_cdelt())
    dims = ("x_irf", "y_irf") if irf else ("x", "y")
    return float(scale[0] * label_step(obj, dims[0])), float(scale[1] * label_step(obj, dims[1]))


def center(obj: Any, irf: bool = False) -> SkyCoord:
    """Return the position of the middle of the map, in its frame.

    Examples
    --------
    >>> from xgamma.model import create_map
    >>> center(create_map((83.5, 22), "1 deg", "0.5 deg")).to_string(precision=2)
    '83.50 22.00'
    """
    x, y = _labels(obj, irf)
    return pix_to_world(obj, np.array(0.5 * (x[0] + x[-1])), np.array(0.5 * (y[0] + y[-1])))


def pix_to_world(obj: Any, x: Any, y: Any) -> SkyCoord:
    """Return positions of labels ``x``, ``y`` (parent pixel numbers) as a SkyCoord."""
    from astropy.coordinates import SkyCoord

    lon, lat = _pix_to_world(wcs_of(obj), np.asarray(x, dtype=float), np.asarray(y, dtype=float))
    return SkyCoord(lon, lat, unit="deg", frame=frame_of(obj))


def world_to_pix(obj: Any, position: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (parent pixel numbers) of positions; NaN where they cannot be projected.

    Parameters
    ----------
    obj : Dataset or DataArray
        A map.
    position : SkyCoord, str or (lon, lat)
        One or many positions.

    Returns
    -------
    x, y : ndarray
        Labels, not limited to the map.
    """
    vectors = position_vector(obj, position)
    return lonlat_to_pix(obj, *sphere.vector_to_lonlat(vectors))


def lonlat_to_pix(obj: Any, lon: Any, lat: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return labels of longitudes and latitudes in degrees in the map's own frame."""
    lon, lat = np.broadcast_arrays(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
    wcs = wcs_of(obj)
    with _WCS_LOCK:
        x, y = wcs.wcs_world2pix(lon.ravel(), lat.ravel(), 0)
    return x.reshape(lon.shape), y.reshape(lon.shape)


@functools.lru_cache(maxsize=8)
def rotation_from_icrs(frame: str) -> np.ndarray:
    """Return the matrix (3, 3) that turns ICRS vectors into a frame's (bit for bit astropy's)."""
    if frame == "icrs":
        return np.eye(3)
    from astropy.coordinates import ICRS, SkyCoord

    axes = SkyCoord([0, 90, 0], [0, 0, 90], unit="deg", frame=ICRS()).transform_to(frame)
    return np.asarray(axes.cartesian.xyz.value)


def parse_width(width: Any, name: str = "width") -> tuple[float, float]:
    """Return (x, y) angular sizes in degrees from one value or a pair."""
    value = to_value(width, "deg", name)
    pair = np.broadcast_to(np.atleast_1d(value), (2,)) if np.size(value) in (1, 2) else None
    if pair is None:
        raise FrameError(f"{name}={width!r} must be one angle or a pair (longitude, latitude).")
    return float(pair[0]), float(pair[1])
