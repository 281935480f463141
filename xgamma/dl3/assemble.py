"""Observations put together from the HDUs of a file, or from groups."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xgamma.core.reading import reader
from xgamma.dl3.gadf import read_hdu
from xgamma.dl3.row_tables import ROW_TABLES, all_groups, group_of
from xgamma.errors import MissingDataError, XGammaError
from xgamma.fits.files import FitsFile, open_fits
from xgamma.fits.keywords import number, run_id
from xgamma.model.assembly import with_data
from xgamma.typing import PathLike

__all__ = ["build_observation", "read_events", "read_observation"]


@reader
def read_observation(path: PathLike) -> xr.DataTree:
    """Read a DL3 file as an observation.

    Parameters
    ----------
    path : path-like
        FITS file, gzipped or not, with events and responses, or with either.

    Returns
    -------
    obs : DataTree
        Groups for the HDUs that there are; of several of one kind the first.

    Raises
    ------
    MissingDataError
        If there is no such file or it holds no DL3 table.
    XGammaError
        If the file is truncated or damaged.
    """
    file = open_fits(path)
    groups = read_groups(file)
    if not groups:
        names = ", ".join(repr(t.name) for t in file.tables) or "none"
        raise MissingDataError(
            f"The file {path} contains no DL3 table (events, GTIs, responses): its tables are {names}."
        )
    return build_observation(groups, name=str(file.path.name).partition(".fits")[0])


@reader
def read_events(path: PathLike) -> xr.DataTree:
    """Read an event list: of Fermi-LAT (FT1), or the EVENTS of any DL3 file.

    Parameters
    ----------
    path : path-like
        FITS file, gzipped or not.

    Returns
    -------
    obs : DataTree
        An observation with the groups ``events`` and, where the file has them, ``gti`` and
        responses. It need not have a pointing: ``ds.gamma.fill_counts(obs)`` bins its events,
        ``obs.gamma.select_events`` cuts them. Bit masks (EVENT_CLASS, EVENT_TYPE) are arrays of
        bools, the highest bit first.

    Raises
    ------
    MissingDataError
        If there is no such file, or it holds no events.
    XGammaError
        If the file is truncated or damaged, or a column is not what it should be.

    Examples
    --------
    >>> import xgamma as xg
    >>> obs = xg.read_events("ft1.fits")  # doctest: +SKIP
    >>> obs.gamma.select_events(event_class=128, zenith_angle=(0, 90))  # doctest: +SKIP
    """
    obs = read_observation(path)
    if "events" not in obs.children:
        raise MissingDataError(
            f"The file {path} contains no events: its groups are {', '.join(obs.children)}."
        )
    return obs


def read_groups(file: FitsFile) -> dict[str, xr.Dataset]:
    """Return the first HDU of each kind in a file, by group."""
    groups: dict[str, xr.Dataset] = {}
    for table in file.tables:
        group = group_of(table)
        if group is not None and group not in groups:
            groups[group] = read_hdu(table, group)
    return groups


def build_observation(groups: dict[str, xr.Dataset], name: str | None = None) -> xr.DataTree:
    """Join groups to one observation.

    Parameters
    ----------
    groups : dict of Dataset
        Any of ``events``, ``gti``, ``pointing`` and the responses.
    name : str, optional
        Name of the tree when the events carry no OBS_ID.

    Returns
    -------
    obs : DataTree
        Root attributes are the keywords of the EVENTS HDU; ``pointing`` is made
        from them where the file has no such HDU.
    """
    check_run(groups)
    attrs = dict(groups["events"].attrs) if "events" in groups else {}
    for key in ("EXTNAME", "EXTVER", "HDUCLASS", "HDUCLAS1", "HDUDOC", "HDUVERS"):
        attrs.pop(key, None)
    if "events" not in groups and groups:
        first = next(iter(groups.values())).attrs
        attrs = {k: first[k] for k in ("TELESCOP", "INSTRUME", "OBS_ID") if k in first}
    nodes = dict(groups)
    if "pointing" in nodes or "RA_PNT" in attrs or "ALT_PNT" in attrs:
        nodes["pointing"] = _pointing_group(nodes.get("pointing"), attrs)
    children = {group: xr.DataTree(nodes[group]) for group in all_groups() if group in nodes}
    title = str(attrs.get("OBS_ID", name or "")) or None
    obs = xr.DataTree(xr.Dataset(attrs=attrs), name=title)
    # Passed to the constructor, each child would be copied.
    obs.children = children
    return obs


def check_run(groups: dict[str, xr.Dataset], expected: int | str | None = None) -> None:
    """Raise if events, good time and pointings say that they are of different runs.

    Parameters
    ----------
    groups : dict of Dataset
        Groups of an observation; those without OBS_ID, or with text that is no number, pass.
    expected : int or str, optional
        Number of the run in an index.

    Raises
    ------
    XGammaError
        If two numbers differ.
    """
    known = {"the index": expected} if isinstance(expected, int) else {}
    for name in ROW_TABLES:
        found = run_id(groups[name].attrs.get("OBS_ID", "")) if name in groups else ""
        if isinstance(found, int):
            known[f"the header of {name.upper()}"] = found
    if len(set(known.values())) > 1:
        said = ", ".join(f"{number} in {where}" for where, number in known.items())
        source = next((ds.encoding.get("source") for ds in groups.values()), "")
        raise XGammaError(
            f"OBS_ID is {said} ({source}): correct the wrong one, or the file name in the index."
        )


def _pointing_group(series: xr.Dataset | None, attrs: dict[str, Any]) -> xr.Dataset:
    """Return scalars ra, dec, alt, az (deg, NaN where unknown), beside the series if there is one."""
    scalars = {}
    for name, key in (("ra", "RA_PNT"), ("dec", "DEC_PNT"), ("alt", "ALT_PNT"), ("az", "AZ_PNT")):
        scalars[name] = xr.Variable((), number(attrs.get(key)), {"units": "deg"})
    if series is None:
        return with_data(xr.Dataset(), scalars)
    return series.assign(scalars)
