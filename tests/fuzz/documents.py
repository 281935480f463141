"""Damage to documents in YAML and JSON: values of other types and sizes, fields lost or doubled."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.fuzz.mutant import Mutant

__all__ = ["json_mutants", "yaml_mutants"]

REMOVE = object()
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
    else:
        node[place[-1]] = copy.deepcopy(value)
    (folder / name).write_text(dump(data))


def _mutants(folder: Path, name: str, load: Any, dump: Any) -> Iterator[Mutant]:
    data = load((folder / name).read_text())
    for place in _places(data):
        old = data
        for key in place:
            old = old[key]
        for value in (REMOVE, *VALUES):
            shown = "removed" if value is REMOVE else repr(value)[:30]
            what = f"{name} {'.'.join(map(str, place))}={shown} (was {repr(old)[:40]})"
            # A number or a text for another, or a default, may be meant; NaN and other types not.
            kinds = (str,) if isinstance(old, str) else (int, float)
            meant = value is REMOVE or (isinstance(value, kinds) and value == value)
            meant = meant or value in (None, [], {}) or isinstance(old, (list, bool))
            meant = meant or place[-1] == "name"
            apply = partial(_change, name=name, place=place, value=value, load=load, dump=dump)
            yield Mutant("fields", what, apply, meant)


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


def json_mutants(folder: Path) -> Iterator[Mutant]:
    """Yield the damages of each JSON document of a Zarr store."""
    for path in sorted(folder.rglob("zarr.json")):
        yield from _mutants(folder, str(path.relative_to(folder)), json.loads, json.dumps)
