"""Sky regions as figures on a tangential plane, and turned back into sky regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.wcs import WCS

from xgamma.core.heavy import regions as rg
from xgamma.errors import XGammaError
from xgamma.model import sky
from xgamma.model.regions import parse_regions, region_center, region_text
from xgamma.numerics import sphere
from xgamma.numerics.tangent import Figure, Plane
from xgamma.typing import RegionsLike

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from regions import SkyRegion

__all__ = ["figure_of", "frame_name", "plane_of", "region_solid_angle", "turned_regions"]

BINSZ = 0.01


def one_region(region: RegionsLike) -> Any:
    """Return the single region given by a user.

    Raises
    ------
    XGammaError
        If there are several, or it is not on the sky.
    """
    parsed = parse_regions(region)
    if len(parsed) != 1:
        raise XGammaError(
            f"The on region consists of {len(parsed)} regions: give one (a circle, ellipse, rectangle, polygon or point)."
        )
    if not hasattr(parsed[0], "to_pixel"):
        raise XGammaError("The on region is given in pixels: give a region on the sky.")
    return parsed[0]


def frame_name(region: SkyRegion) -> str:
    """Return the frame of a region: ``icrs``, ``fk5`` or ``galactic``."""
    text: str = region_center(region).frame.name
    return text


def lonlat_of(position: SkyCoord) -> tuple[float, float]:
    """Return longitude and latitude of a SkyCoord in its own frame, degrees."""
    return float(position.spherical.lon.deg), float(position.spherical.lat.deg)


def plane_of(region: SkyRegion, step: float = BINSZ) -> Plane:
    """Return the plane that touches the sky at the centre of a region."""
    return Plane(*lonlat_of(region_center(region)), step)


def is_point(region: SkyRegion) -> bool:
    """Return whether a region is a point."""
    return type(region).__name__ == "PointSkyRegion"


def is_circle(region: SkyRegion) -> bool:
    """Return whether a region is a circle."""
    return type(region).__name__ == "CircleSkyRegion"


def wcs_of_plane(plane: Plane, frame: str) -> Any:
    """Return a plane as an astropy WCS whose pixel (0, 0) is its centre."""
    wcs = WCS(naxis=2)
    names = ("GLON-TAN", "GLAT-TAN") if frame == "galactic" else ("RA---TAN", "DEC--TAN")
    wcs.wcs.ctype = names
    wcs.wcs.crval = (plane.lon, plane.lat)
    wcs.wcs.crpix = (1.0, 1.0)
    wcs.wcs.cdelt = (-plane.step, plane.step)
    wcs.wcs.cunit = ("deg", "deg")
    if frame != "galactic":
        wcs.wcs.radesys = frame.upper()
    wcs.wcs.set()
    return wcs


def figure_of(region: SkyRegion, plane: Plane) -> Figure:
    """Return a region as a figure on a plane.

    Parameters
    ----------
    region : SkyRegion
        Circle, ellipse, rectangle, polygon, annulus or point.
    plane : Plane
        In the frame of the region.

    Returns
    -------
    figure : Figure
        As DS9 draws it: lengths are scaled once, at the centre of the region.
    """
    lon, lat = lonlat_of(region_center(region))
    center = complex(plane.project_lonlat(np.array([lon]), np.array([lat]))[0])
    if is_point(region):
        return Figure(lambda z: np.zeros(np.shape(z), dtype=bool), center, 0.0, 0.0)
    if is_circle(region):
        return Figure.circle(
            center, float(region.radius.to_value("deg")) * plane.scale_at(lon, lat)
        )
    return _general_figure(region, plane, center)


def _general_figure(region: SkyRegion, plane: Plane, center: complex) -> Figure:
    pixels = region.to_pixel(wcs_of_plane(plane, frame_name(region)))
    box = pixels.bounding_box
    corners = [complex(x, y) for x in (box.ixmin, box.ixmax) for y in (box.iymin, box.iymax)]

    def contains(z: np.ndarray) -> np.ndarray:
        return np.asarray(pixels.contains(rg.PixCoord(np.real(z), np.imag(z))), dtype=bool)

    return Figure(contains, center, max(abs(c - center) for c in corners) + 1.0)


def turned_regions(region: SkyRegion, plane: Plane, angles: list[float]) -> list[str]:
    """Return a region turned around the centre of a plane, as DS9 text, one each.

    Parameters
    ----------
    region : SkyRegion
        On region.
    plane : Plane
        Around the centre of rotation, in the frame of the region.
    angles : list of float
        Radians, counter-clockwise on the image (east to the left).

    Returns
    -------
    texts : list of str
        DS9 text.
    """
    frame = frame_name(region)
    if not (is_circle(region) or is_point(region)):
        return _turned_general(region, plane, angles, frame)
    if not angles:
        return []
    lon, lat = lonlat_of(region_center(region))
    middle = plane.project_lonlat(np.array([lon]), np.array([lat]))[0]
    vectors = plane.deproject(middle * np.exp(1j * np.asarray(angles)))
    lons, lats = sphere.vector_to_lonlat(vectors)
    if is_point(region):
        return [f"{frame};point({a:.8f},{b:.8f})" for a, b in zip(lons, lats, strict=True)]
    radius = float(region.radius.to_value("deg"))
    return [
        f"{frame};circle({a:.8f},{b:.8f},{radius:.8f})" for a, b in zip(lons, lats, strict=True)
    ]


def _turned_general(region: SkyRegion, plane: Plane, angles: list[float], frame: str) -> list[str]:
    wcs = wcs_of_plane(plane, frame)
    pixels = region.to_pixel(wcs)
    origin = rg.PixCoord(0.0, 0.0)
    return [region_text(pixels.rotate(origin, angle * u.rad).to_sky(wcs)) for angle in angles]


def region_points(
    region: SkyRegion, step: float = BINSZ, factor: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Return positions that cover a region, and the part of each cell that lies inside.

    Parameters
    ----------
    region : SkyRegion
        A region with an area.
    step : float
        Side of the cells on the tangential plane, degrees.
    factor : int
        Each cell is probed at so many points along a side.

    Returns
    -------
    vectors : ndarray
        Unit vectors in the frame of the region, shape (3, n).
    weights : ndarray
        Between 0 and 1, shape (n,).
    """
    plane = plane_of(region, step)
    figure = figure_of(region, plane)
    half = int(np.ceil(figure.reach + 0.5))
    fine = (np.arange((2 * half + 1) * factor) + 0.5) / factor - half - 0.5
    z = figure.center + fine[np.newaxis, :] + 1j * fine[:, np.newaxis]
    size = 2 * half + 1
    share = figure.contains(z).reshape(size, factor, size, factor).mean(axis=(1, 3))
    iy, ix = np.nonzero(share)
    cells = figure.center + (ix - half) + 1j * (iy - half)
    return plane.deproject(cells), share[iy, ix]


def region_solid_angle(region: SkyRegion) -> float:
    """Return the solid angle of a region in steradian (0 for a point).

    Examples
    --------
    >>> from xgamma.model.regions import parse_regions
    >>> omega = region_solid_angle(parse_regions("icrs;circle(0, 0, 1)")[0])
    >>> round(omega * 1e4, 3)
    9.57
    """
    if is_point(region):
        return 0.0
    if is_circle(region):
        half = 0.5 * float(region.radius.to_value("rad"))
        return float(4.0 * np.pi * np.sin(half) ** 2)
    wcs = wcs_of_plane(plane_of(region), frame_name(region))
    value: float = float(region.to_pixel(wcs).area) * np.deg2rad(BINSZ) ** 2
    return value


def center_vector(region: SkyRegion) -> np.ndarray:
    """Return the unit vector of the centre of a region in its own frame, shape (3,)."""
    lon, lat = lonlat_of(region_center(region))
    return sphere.lonlat_to_vector(np.array(lon), np.array(lat))


def vectors_in_frame(lon: np.ndarray, lat: np.ndarray, frame: str) -> np.ndarray:
    """Return unit vectors in a frame of ICRS positions in degrees, shape (3, n)."""
    vectors = sphere.lonlat_to_vector(lon, lat)
    return vectors if frame == "icrs" else sky.rotation_from_icrs(frame) @ vectors
