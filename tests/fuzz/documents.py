"""Damage to documents in YAML and JSON: values of other types and sizes, fields lost or doubled."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.io import fits

from tests.fuzz.mutant import ABSENT, FRAME, VALUE, Mutant

__all__ = ["json_mutants", "sidecar_mutants", "text_mutants", "yaml_mutants"]


class Special(Enum):
    """What is done to a field instead of another value; an enumeration survives pickling."""

    REMOVE = "removed"
    RENAME = "renamed"


REMOVE, RENAME = Special.REMOVE, Special.RENAME
VALUES: tuple[Any, ...] = (
    None, -1, 0, 2**40, 1.5, float("nan"), float("inf"), "nonsense", "", "10 kg", "../..", [], {},
    [1, 2], {"a": 1}, True, [None], "é" * 300,
)  # fmt: skip
BROKEN = (
    "a: [1, 2",
    "\t- x: {",
    "&a [*a]",
    "!!python/object:os.system {}",
    "",
    "- " * 200,
    "[" * 20000,
    "a: &a [x, x]\n"
    + "".join(f"b{i}: &b{i} [*{'a' if not i else f'b{i - 1}'}, *a]\n" for i in range(40)),
    "a: 1\na: 2",
    "a: !!binary x",
    "? [1, 2]\n: 3",
    "%YAML 9.9\n---\na: 1",
    "\ufeff",
    "a: 0x" + "f" * 5000,
    "a: 1\n---\nb: 2",
    "a: 2020-13-45",
    "\x00",
)


def _places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*at, key)
        if isinstance(value, (dict, list)):
            yield from _places(value, (*at, key))


def _change(
    folder: Path,
    name: str,
    place: tuple[Any, ...],
    value: Any,
    load: Any,
    dump: Callable[[Any], str],
) -> None:
    data = load((folder / name).read_text())
    node = data
    for key in place[:-1]:
        node = node[key]
    if value is REMOVE:
        del node[place[-1]]
    elif value is RENAME:
        node[f"{place[-1]}x"] = node.pop(place[-1])
    else:
        node[place[-1]] = copy.deepcopy(value)
    (folder / name).write_text(dump(data))


def _damages(data: Any) -> Iterator[tuple[str, tuple[Any, ...], Any, str]]:
    """Yield what is changed, where, to what, and why that may be meant."""
    for place in _places(data):
        old = data
        for key in place:
            old = old[key]
        named = (RENAME,) if isinstance(place[-1], str) else ()
        more = (3 * old + 1,) if type(old) in (int, float) else ()
        for value in (REMOVE, *named, *VALUES, *more):
            shown = "removed" if value is REMOVE else repr(value)[:30]
            shown = "renamed" if value is RENAME else shown
            what = f"{'.'.join(map(str, place))}={shown} (was {repr(old)[:40]})"
            yield what, place, value, _meaning(old, value)


def _meaning(old: Any, value: Any) -> str:
    """Return why another value may be meant: one of the same type, or none at all."""
    if value is REMOVE or value is None or (isinstance(old, (list, dict)) and not value):
        return ABSENT
    if value is RENAME:
        return ""
    number = type(value) in (int, float) and np.isfinite(value)
    if type(old) in (int, float):
        return VALUE * bool(number)
    return VALUE * (type(old) is type(value))


def _mutants(folder: Path, name: str, load: Any, dump: Any) -> Iterator[Mutant]:
    data = load((folder / name).read_text())
    for what, place, value, meant in _damages(data):
        apply = partial(_change, name=name, place=place, value=value, load=load, dump=dump)
        yield Mutant("fields", f"{name} {what}", apply, meant)


def yaml_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield the damages of each YAML document of a product."""
    dump = partial(yaml.safe_dump, sort_keys=False)
    for path in sorted(folder.rglob("*.yaml")):
        name = str(path.relative_to(folder))
        yield from _mutants(folder, name, yaml.safe_load, dump)
        for text in BROKEN:
            apply = partial(_overwrite, name=name, text=text)
            yield Mutant("syntax", f"{name}: {text[:20]!r}", apply)


def _overwrite(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


def json_mutants(folder: Path, sealed: bool = True) -> Iterator[Mutant]:
    """Yield the damages of each JSON document of a Zarr store, or of a folder of partial results."""
    for path in sorted(folder.rglob("*.json")):
        for one in _mutants(folder, str(path.relative_to(folder)), json.loads, json.dumps):
            yield one if not sealed else Mutant(one.intent, one.what, one.apply)


def text_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield the damages of each table in text: lines lost, doubled, exchanged, and their words."""
    for path in sorted(folder.rglob("*.ecsv")):
        name = str(path.relative_to(folder))
        lines = path.read_text().splitlines()
        for k, line in enumerate(lines):
            head = line.startswith("#")
            meant = VALUE * (not head and k > 0 and not lines[k - 1].startswith("#"))
            changes = {"lost": [], "twice": [line, line], "of others": [line.replace(" ", ",")]}
            changes |= {"nonsense": ["nonsense"], "a word more": [f"{line} 1.0"]}
            for old, new in (
                ("float64", "int64"),
                ("float64", "string"),
                ("TeV", "kg"),
                ("e-", "e+"),
            ):
                if old in line:
                    changes[f"{old} to {new}"] = [line.replace(old, new)]
            for how, new_lines in changes.items():
                apply = partial(_lines, name=name, at=k, new=new_lines)
                value = meant * (how in ("lost", "twice") or "e+" in how)
                yield Mutant("lines", f"{name} line {k + 1} {how}: {line[:40]}", apply, value)


def _lines(folder: Path, name: str, at: int, new: list[str]) -> None:
    lines = (folder / name).read_text().splitlines()
    lines[at : at + 1] = new
    (folder / name).write_text("\n".join(lines) + "\n")


def sidecar_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield the damages of what goes with the maps of each FITS file, the HDU XGAMMA."""
    for path in sorted(folder.rglob("*.fits")):
        name = str(path.relative_to(folder))
        with fits.open(path) as hdus:
            if "XGAMMA" not in hdus:
                continue
            data = json.loads(bytes(hdus["XGAMMA"].data["JSON"][0]))
        for what, place, value, meant in _damages(data):
            apply = partial(_sidecar, name=name, place=place, value=value)
            # Attributes are the user's; the rest says what the arrays are.
            free = meant if "attrs" in place and "units" not in place else ""
            # Of images that were moved or cut since, the headers hold.
            free = FRAME if "labels" in place else free
            yield Mutant("sidecar", f"{name} {what}", apply, free)


def _sidecar(folder: Path, name: str, place: tuple[Any, ...], value: Any) -> None:
    with fits.open(folder / name, memmap=False) as hdus:
        parts = [h.copy() for h in hdus]
    text = bytes(parts[-1].data["JSON"][0]).decode()
    (folder / "sidecar.json").write_text(text)
    _change(folder, "sidecar.json", place, value, json.loads, json.dumps)
    cell = np.frombuffer((folder / "sidecar.json").read_bytes(), "u1")
    (folder / "sidecar.json").unlink()
    column = fits.Column("JSON", f"{cell.size}B", array=cell[np.newaxis])
    parts[-1] = fits.BinTableHDU.from_columns([column], name="XGAMMA")
    fits.HDUList(parts).writeto(folder / name, overwrite=True)
