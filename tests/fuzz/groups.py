"""Damage to NetCDF files and Zarr stores: chunks, variables, attributes and names."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from tests.fuzz.mutant import (
    ABSENT,
    EXCHANGED,
    FRAME,
    IMPOSSIBLE,
    OBSERVATION,
    SHOWN,
    VALUE,
    Mutant,
    damaged_values,
)

__all__ = ["chunk_mutants", "netcdf_mutants"]

ATTRS: tuple[Any, ...] = (None, "nonsense", "", -1, 0, np.nan, 2**40, [1, 2, 3])
UNITS = ("kg", "TeV", "deg", "furlong", "(", "10**3 TeV")


def netcdf_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield the damages by intent of each NetCDF file of a product."""
    for path in sorted(folder.rglob("*.nc")):
        name = str(path.relative_to(folder))
        with netCDF4.Dataset(path) as file:
            for group in _walk(file):
                yield from _group_mutants(name, group)


def _walk(group: Any) -> Iterator[Any]:
    yield group
    for child in group.groups.values():
        yield from _walk(child)


def _group_mutants(name: str, group: Any) -> Iterator[Mutant]:
    at = group.path
    for attr in group.ncattrs():
        old = group.getncattr(attr)
        for value in ATTRS:
            apply = partial(_set_attr, name=name, group=at, variable=None, attr=attr, value=value)
            yield Mutant("headers", f"{name}{at} {attr}={value!r}", apply, _other(old, value))
    for key, variable in group.variables.items():
        for attr in variable.ncattrs():
            old = variable.getncattr(attr)
            for value in (*ATTRS, *(UNITS if attr == "units" else ())):
                apply = partial(
                    _set_attr, name=name, group=at, variable=key, attr=attr, value=value
                )
                what = f"{name}{at} {key}.{attr}={value!r} (was {old!r})"
                meant = _other(old, value, FRAME if key == "wcs" else OBSERVATION)
                units = attr == "units"
                yield Mutant("units" if units else "headers", what, apply, meant * (not units))
        if variable.dtype != str and variable.dtype.kind in "if":
            axis = key.endswith(("_lo", "_hi"))
            for damage, new in damaged_values(np.asarray(variable[...])).items():
                apply = partial(_set_values, name=name, group=at, variable=key, values=new)
                meant = "" if axis else SHOWN if damage in IMPOSSIBLE else VALUE
                yield Mutant(
                    "axes" if axis else "columns", f"{name}{at} {key}: {damage}", apply, meant
                )
        apply = partial(_rename, name=name, group=at, variable=key)
        yield Mutant("columns", f"{name}{at} {key} renamed", apply, ABSENT)


def _other(old: Any, value: Any, reason: str = OBSERVATION) -> str:
    """Return why another attribute may be right: one of the same type, or none."""
    if value is None:
        return ABSENT
    if isinstance(old, str):
        return reason if isinstance(value, str) else ""
    return reason if isinstance(value, (int, float)) and np.isfinite(value) else ""


def _set_attr(
    folder: Path, name: str, group: str, variable: str | None, attr: str, value: Any
) -> None:
    with netCDF4.Dataset(folder / name, "a") as file:
        node = file if group == "/" else file[group]
        owner = node if variable is None else node.variables[variable]
        owner.delncattr(attr)
        if value is not None:
            owner.setncattr(attr, value)


def _set_values(folder: Path, name: str, group: str, variable: str, values: np.ndarray) -> None:
    with netCDF4.Dataset(folder / name, "a") as file:
        node = file if group == "/" else file[group]
        node.variables[variable].set_auto_mask(False)
        node.variables[variable][...] = values


def _rename(folder: Path, name: str, group: str, variable: str) -> None:
    with netCDF4.Dataset(folder / name, "a") as file:
        (file if group == "/" else file[group]).renameVariable(variable, "other")


def chunk_mutants(folder: Path, sealed: bool = True) -> Iterator[Mutant]:
    """Yield losses and exchanges of the chunks and arrays of each Zarr store of a product."""
    chunks = [
        p for p in sorted(folder.rglob("*")) if p.is_file() and "c" in p.parts and p.suffix == ""
    ]
    names = [str(p.relative_to(folder)) for p in chunks]
    for name in names:
        # Without a list, a chunk that is not there holds the fill value.
        lost = partial(_unlink, name=name)
        yield Mutant("chunks", f"{name} lost", lost, ABSENT * (not sealed))
        yield Mutant("chunks", f"{name} empty", partial(_empty, name=name))
    for one, two in pairwise(names):
        yield Mutant(
            "chunks", f"{one} and {two} exchanged", partial(_swap, one=one, two=two), EXCHANGED
        )
    for path in sorted(folder.rglob("zarr.json")):
        name = str(path.relative_to(folder))
        yield Mutant("chunks", f"{name} lost", partial(_unlink, name=name), ABSENT * (not sealed))
        if path.parent != folder:
            place = str(path.parent.relative_to(folder))
            lost = partial(_rmtree, name=place)
            yield Mutant("chunks", f"{place}/ lost", lost, ABSENT * (not sealed))


def _unlink(folder: Path, name: str) -> None:
    (folder / name).unlink()


def _empty(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")


def _swap(folder: Path, one: str, two: str) -> None:
    a, b = (folder / one).read_bytes(), (folder / two).read_bytes()
    (folder / one).write_bytes(b)
    (folder / two).write_bytes(a)


def _rmtree(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name)
