"""Templates: datasets that define frame and axes, without allocating memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from xgamma.core.bounds import require_room
from xgamma.core.defaults import FRAME, REFERENCE_TIME
from xgamma.core.units import parse_unit, time_value, to_value
from xgamma.core.units import position as parse_position
from xgamma.errors import ArgumentTypeError, AxisError, FrameError, XGammaError
from xgamma.model import sky
from xgamma.model.assembly import assemble
from xgamma.model.axes import axis_coords
from xgamma.model.frame import make_wcs_attrs, require_frame
from xgamma.model.make_axes import rad_axis, rename_axis
from xgamma.model.regions import region_center, region_text
from xgamma.model.schema import (
    variable_attrs,
)
from xgamma.model.true_energy import TrueEnergyLike, true_axis
from xgamma.typing import AngleLike, IntervalsLike, PositionLike, RegionLike, SizeLike, TimeLike

__all__ = [
    "create_map",
    "create_spectrum",
]


# Default size in degrees of the pixels of PSF and dispersion, which vary slowly over the sky.
COARSE = 0.2


def _check_axis(axis: object, name: str) -> xr.DataArray:
    if not isinstance(axis, xr.DataArray) or f"{axis.name}_lo" not in axis.coords:
        raise ArgumentTypeError(
            f"{name}= must be an axis, not {type(axis).__name__}: create one with xg.energy_axis, xg.rad_axis or xg.migra_axis."
        )
    have, unit = axis.attrs.get("units", ""), {"rad": "deg", "migra": ""}.get(name, "TeV")
    if not parse_unit(have).is_equivalent(parse_unit(unit)):
        raise AxisError(
            f"{name}= must be an axis in units compatible with {unit!r}, not the axis {axis.name!r} in {have!r}."
        )
    return axis if axis.name == name else rename_axis(axis, name)


def _axis_variables(
    energy: xr.DataArray | None,
    energy_true: TrueEnergyLike,
    rad: xr.DataArray | None,
    migra: xr.DataArray | None,
) -> dict[str, xr.Variable]:
    coords: dict[str, xr.Variable] = {}
    if energy is None:
        if energy_true is not None:
            raise AxisError("energy_true= requires energy=, the axis of reconstructed energy.")
        return coords
    energy = _check_axis(energy, "energy")
    coords.update(axis_coords(energy))
    coords.update(axis_coords(_check_axis(true_axis(energy, energy_true), "energy_true")))
    coords.update(axis_coords(rad_axis() if rad is None else _check_axis(rad, "rad")))
    if migra is not None:
        coords.update(axis_coords(_check_axis(migra, "migra")))
    return coords


def _gti_variables(gti: IntervalsLike | None, reference_time: TimeLike) -> dict[str, xr.Variable]:
    reference = time_value(reference_time).tt.isot
    attrs = {"reference_time": reference}
    start, stop = np.empty(0), np.empty(0)
    if gti is not None:
        if not isinstance(gti, str) and len(gti) != 2:
            raise XGammaError(f"gti has {len(gti)} entries: give a pair (starts, stops).")
        start, stop = (np.atleast_1d(to_value(v, "s", "gti")) for v in gti)
        if start.shape != stop.shape or np.any(stop < start):
            raise XGammaError("gti= must be (start, stop) with stop >= start for each interval.")
    return {
        "gti_start": xr.Variable("gti", start, variable_attrs("gti_start", **attrs)),
        "gti_stop": xr.Variable("gti", stop, variable_attrs("gti_stop", **attrs)),
    }


def label_variables(
    x: np.ndarray, y: np.ndarray, suffix: str = "", step: float = 1.0
) -> dict[str, xr.Variable]:
    """Return the pixel-label coordinates ``y`` and ``x`` (or ``y_irf``, ``x_irf``)."""
    attrs = {"long_name": "pixel", "step": float(step)}
    return {
        f"y{suffix}": xr.Variable(f"y{suffix}", np.asarray(y, dtype=float), {**attrs, "axis": "Y"}),
        f"x{suffix}": xr.Variable(f"x{suffix}", np.asarray(x, dtype=float), {**attrs, "axis": "X"}),
    }


def irf_labels(n: int, binsz: float, binsz_irf: float) -> np.ndarray:
    """Return labels, in parent pixels, of a coarse grid centred on the same point.

    The coarse grid has ``round(n * binsz / binsz_irf)`` pixels, at least one.
    """
    count = max(int(np.rint(n * binsz / binsz_irf)), 1)
    return (n - 1) / 2.0 + (np.arange(count) - (count - 1) / 2.0) * (binsz_irf / binsz)


def _pixels(count: float, name: str) -> int:
    """Return a whole number of pixels, or raise if their labels alone would fill the memory."""
    what = f"A map of {count:.3g} pixels along one side ({name}=)"
    require_room(2 * 8 * count, what, "use larger pixels, or a smaller width")
    return int(np.rint(count))


def create_map(
    center: PositionLike = (0.0, 0.0),
    width: SizeLike | None = None,
    binsz: SizeLike = "1 deg",
    energy: xr.DataArray | None = None,
    energy_true: TrueEnergyLike = None,
    rad: xr.DataArray | None = None,
    migra: xr.DataArray | None = None,
    binsz_irf: SizeLike | None = None,
    proj: str = "CAR",
    frame: str = FRAME,
    gti: IntervalsLike | None = None,
    reference_time: TimeLike = REFERENCE_TIME,
    name: str | None = None,
    npix: int | Sequence[int] | None = None,
    attrs: dict[str, Any] | None = None,
) -> xr.Dataset:
    """Create an empty map dataset from its axes and sky geometry.

    No variable is allocated: counts, exposure and the rest are added when they are filled. Without
    a safe mask, everything is safe.

    Parameters
    ----------
    center : SkyCoord, str or (lon, lat)
        Centre of the map and reference point of the projection.
    width : Quantity, str, float or pair, optional
        Angular size (longitude, latitude), as Quantity or number in degrees. By default, the whole sky,
        unless `npix` is given.
    binsz : Quantity, str, float or pair
        Pixel size, as Quantity or number in degrees.
    energy : DataArray, optional
        Axis of reconstructed energy, dim ``energy``, from `energy_axis`. Without it, the dataset is
        a grid for images and cannot be filled.
    energy_true : DataArray, "reco", DataTree or Store, optional
        Axis of true energy, dim ``energy_true``. By default, from a third of the lowest to three
        times the highest edge of `energy` with at least 16 bins per decade, so that events from all
        relevant true energies are predicted (``docs/science/prediction.md``). ``"reco"`` uses the
        edges of `energy`, as gammapy does. An observation, a store or a list of observations
        selects the axis of their effective areas, with bins split where they are wider than that.
    rad : DataArray, optional
        Axis of the PSF; by default, 66 bins from 0 to 0.66 deg.
    migra : DataArray, optional
        Axis of energy migration, dim ``migra``. If given, the energy dispersion is stored as a
        function of migration, otherwise as a kernel over reconstructed energy.
    binsz_irf : Quantity, str or float, optional
        Pixel size of the coarse grid of PSF and energy dispersion; by default, 0.2 deg, or `binsz`
        if that is larger.
    proj : str
        FITS projection code.
    frame : {"icrs", "galactic", "fk5"}
        Celestial frame.
    gti : (start, stop), optional
        Good time intervals in seconds after `reference_time`.
    reference_time : Time or str
        Zero of the good time intervals (TT).
    name : str, optional
        Name of the dataset.
    npix : int or pair, optional
        Number of pixels, instead of `width`.
    attrs : dict, optional
        Further attributes.

    Returns
    -------
    ds : Dataset
        Coordinates ``energy``, ``energy_true``, ``rad``, ``y``, ``x``, ``y_irf``, ``x_irf``
        (and ``migra``) and ``wcs``; good time intervals.

    Raises
    ------
    ArgumentTypeError
        If an argument for an axis is not an axis.
    FrameError
        If the frame, projection or pixel size is invalid.
    UnitError
        If an angle has a wrong unit.

    Examples
    --------
    >>> from xgamma.model.make_axes import energy_axis
    >>> ds = create_map("83.63d 22.01d", "5 deg", "0.02 deg", energy_axis(1, 10, 11))
    >>> dict(ds.sizes)["x"], ds.nbytes < 20_000
    (250, True)
    """
    scale = sky.parse_width(binsz, "binsz")
    coarse = (
        (max(COARSE, scale[0]), max(COARSE, scale[1]))
        if binsz_irf is None
        else sky.parse_width(binsz_irf, "binsz_irf")
    )
    if min(scale) <= 0 or min(coarse) <= 0:
        raise FrameError("binsz and binsz_irf must be positive angles.")
    if npix is not None:
        pair = np.broadcast_to(np.atleast_1d(npix), (2,))
        nx, ny = (_pixels(float(n), "npix") for n in pair)
    else:
        size = (360.0, 180.0) if width is None else sky.parse_width(width)
        nx, ny = (_pixels(w / b, "binsz") for w, b in zip(size, scale, strict=True))
    for n, fine, step in zip((nx, ny), scale, coarse, strict=True):
        _pixels(n * fine / step, "binsz_irf")
    if nx < 1 or ny < 1:
        raise FrameError(
            f"width={width!r} is smaller than a pixel of {binsz!r}: give a larger width."
        )
    require_frame(frame)
    at = parse_position(center, frame)
    header = make_wcs_attrs(at, (nx, ny), scale, proj, frame)
    variables = _axis_variables(energy, energy_true, rad, migra)
    variables |= label_variables(np.arange(nx), np.arange(ny))
    if energy is not None:
        variables |= label_variables(
            irf_labels(nx, scale[0], coarse[0]),
            irf_labels(ny, scale[1], coarse[1]),
            "_irf",
            coarse[0] / scale[0],
        )
    return assemble(variables, _gti_variables(gti, reference_time), header, name, attrs)


def create_spectrum(
    region: RegionLike,
    energy: xr.DataArray,
    energy_true: TrueEnergyLike = None,
    rad: xr.DataArray | None = None,
    binsz: AngleLike = "0.01 deg",
    gti: IntervalsLike | None = None,
    reference_time: TimeLike = REFERENCE_TIME,
    name: str | None = None,
    attrs: dict[str, Any] | None = None,
) -> xr.Dataset:
    """Create an empty spectrum dataset for a region of the sky.

    Parameters
    ----------
    region : SkyRegion or str
        On region; a string is DS9 text such as ``"icrs;circle(83.63, 22.01, 0.11)"``.
    energy, energy_true, rad : DataArray, optional
        Axes with these dims, as in `create_map`, where `energy_true` may be other things too;
        without `rad` no PSF axis is kept.
    binsz : Quantity, str or float
        Pixel size of the tangential frame around the region (used to decide which pixels
        of a map, or which points, lie in it).
    gti, reference_time, name, attrs
        As in `create_map`.

    Returns
    -------
    ds : Dataset
        Coordinates ``energy``, ``energy_true``, ``region`` (a DS9 string) and ``wcs``.

    Raises
    ------
    XGammaError
        If the region cannot be parsed.

    Examples
    --------
    >>> from xgamma.model.make_axes import energy_axis
    >>> ds = create_spectrum("icrs;circle(83.63, 22.01, 0.11)", energy_axis(1, 10, 5))
    >>> ds.gamma.kind
    'spectrum'
    """
    text = region_text(region)
    at = region_center(text)
    frame = "galactic" if at.frame.name == "galactic" else "icrs"
    variables = _axis_variables(energy, energy_true, rad, None)
    if rad is None:
        variables = {k: v for k, v in variables.items() if not k.startswith("rad")}
    header = make_wcs_attrs(at, (1, 1), sky.parse_width(binsz, "binsz"), "TAN", frame)
    variables["region"] = xr.Variable((), text, {"long_name": "on region", "format": "ds9"})
    return assemble(variables, _gti_variables(gti, reference_time), header, name, attrs)
