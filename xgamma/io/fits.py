"""Datasets in FITS, in the layout that gammapy reads and writes: reading."""

from __future__ import annotations

import os
from typing import Any

import xarray as xr

from xgamma.core.reading import reader
from xgamma.errors import AxisError, FrameError, MissingDataError
from xgamma.fits.files import FitsFile, map_fits
from xgamma.fits.images import FractionsError
from xgamma.io.fits_axes import Axis
from xgamma.io.fits_frame import labels_in
from xgamma.io.fits_maps import FitsMap, is_map, read_map_hdu
from xgamma.io.fits_regions import read_region
from xgamma.io.fits_responses import RESPONSE_MAPS, match_energies, place_responses
from xgamma.io.fits_tables import read_gti, read_obs
from xgamma.io.sidecar import Sidecar, sidecar_of
from xgamma.model.assembly import assemble
from xgamma.model.create import label_variables
from xgamma.model.schema import VARIABLES

__all__ = ["open_dataset", "read_fits"]

# Which map defines the frame: the first of these that a file has.
FRAME_ORDER = ("counts", "exposure", "background", "mask_safe", "mask_fit")


@reader
def read_fits(
    path: str | os.PathLike[str], name: str | None = None, resample: bool = False
) -> xr.Dataset:
    """Read a map or spectrum dataset from a FITS file.

    Parameters
    ----------
    path : path-like
        File in the layout of GADF sky maps, as ``ds.gamma.to_fits`` and gammapy write it
        (HDUs COUNTS, EXPOSURE, BACKGROUND, PSF, EDISP, MASK_SAFE, GTI, …), also gzipped.
    name : str, optional
        Name of the dataset; by default, the name in the file.
    resample : bool
        Whether to interpolate responses whose grid cannot be described by pixel labels in the frame
        of the counts (rotated, or in another projection) onto a grid that can.

    Returns
    -------
    ds : Dataset
        In memory. ``xr.open_dataset(path, engine="xgamma-fits")`` gives the same, lazily.

    Raises
    ------
    MissingDataError
        If there is no such file, or it holds no dataset.
    AxisError
        If two maps have different bins on one axis, or there are gaps between bins.
    FrameError
        If two maps have different grids.
    XGammaError
        If the file is truncated or damaged.

    Examples
    --------
    >>> import tempfile, xgamma as xg
    >>> template = xg.create_map((0, 0), "2 deg", "0.1 deg", xg.energy_axis(1, 10, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     template.gamma.to_fits(folder + "/template.fits")
    ...     ds = read_fits(folder + "/template.fits")
    >>> ds.identical(template)
    True
    """
    try:
        return open_dataset(path, name, resample).load()
    except FractionsError:
        return open_dataset(path, name, resample, own_types=False).load()


@reader
def open_dataset(
    path: str | os.PathLike[str],
    name: str | None = None,
    resample: bool = False,
    own_types: bool = True,
    every: bool = False,
) -> xr.Dataset:
    """Open a dataset; variables are read on first use. See `read_fits`.

    With `own_types` a variable has the type it had before it was written, else that of the file.
    With `every` all maps of the file belong to it, not those of the data model alone.
    """
    file = map_fits(path)
    side = sidecar_of(file)
    maps = _maps(file, side, own_types, every)
    if not maps and not side:
        names = ", ".join(h.name for h in file.hdus)
        raise MissingDataError(
            f"The file {file.path} contains no dataset in a supported layout (its HDUs are "
            f"{names}): read single maps with xg.read_map, spectra with xg.read_ogip, events "
            "with xg.read_events."
        )
    match_energies(maps, file, resample)
    coords: dict[str, Any] = _axis_coords(maps, file)
    frame, labels = _sky(maps, file, resample)
    coords |= labels
    region = next((m.region for m in maps.values() if m.region is not None), None)
    if frame is None and region is not None and not side:
        text, frame = read_region(region)
        coords["region"] = xr.Variable((), text, {"long_name": "on region", "format": "ds9"})
    data = {n: m.variable for n, m in maps.items()} | read_gti(file)
    data |= read_obs(file, side.variables)
    exposure = data.get("exposure")
    attrs = {}
    if exposure is not None and "pointlike" in exposure.attrs:
        attrs["pointlike"] = exposure.attrs["pointlike"]
    found = str(file.hdus[0].header.get("NAME") or "") or None
    ds = side.restore(assemble(coords, data, frame, found, attrs), file.path)
    name = found if name is None else name
    return ds if name is None else ds.assign_attrs(name=name)


def _maps(file: FitsFile, side: Sidecar, own_types: bool, every: bool) -> dict[str, FitsMap]:
    """Return the maps of a file; an unknown one belongs if we wrote it, or every one does."""
    maps = {}
    for hdu in file.hdus[1:]:
        name = hdu.name.lower()
        known = {n.lower(): n for n in side.variables}.get(name, name)
        if (every or known in VARIABLES or known in side.variables) and is_map(file, hdu):
            maps[known] = read_map_hdu(file, hdu, known, side.variables.get(known), own_types)
    return maps


def _axis_coords(maps: dict[str, FitsMap], file: FitsFile) -> dict[str, Any]:
    """Return the coordinates of all axes; those of one name must agree."""
    found: dict[str, Axis] = {}
    for name, one in maps.items():
        for dim, axis in one.axes.items():
            if not found.setdefault(dim, axis).same(axis):
                raise AxisError(
                    f"The axis {dim!r} of {name.upper()} differs from that of other maps in "
                    f"{file.path}: a dataset can have only one axis of each name; read the maps "
                    "individually with xg.read_map."
                )
    coords: dict[str, Any] = {}
    for axis in found.values():
        coords |= axis.coords()
    return coords


def _sky(
    maps: dict[str, FitsMap], file: FitsFile, resample: bool
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return the common frame, and labels of the maps in it; names dims of responses."""
    images = {n: m for n, m in maps.items() if m.frame is not None}
    if not images:
        return None, {}
    first = next(n for n in (*FRAME_ORDER, *images) if n in images)
    parent = images[first].frame
    assert parent is not None
    labels: dict[str, Any] = {}
    for name, one in images.items():
        if name in RESPONSE_MAPS:
            continue
        assert one.frame is not None
        try:
            x, y, step = labels_in(parent, one.frame, one.shape)
        except FrameError as error:
            raise FrameError(
                f"{name.upper()} and {first.upper()} of {file.path} do not match: {error}; reproject one of them first."
            ) from None
        found = label_variables(x, y, "", step[0])
        found["y"].attrs["step"] = step[1]
        for key, variable in found.items():
            if key in labels and not labels[key].equals(variable):
                raise FrameError(
                    f"{name.upper()} is on different pixels than the preceding maps in "
                    f"{file.path}, but the maps of a dataset share one grid: read them "
                    "individually with xg.read_map."
                )
            labels.setdefault(key, variable)
    responses = {n: m for n, m in maps.items() if n in RESPONSE_MAPS}
    return parent, labels | place_responses(responses, parent, file, resample)
