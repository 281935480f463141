"""Read a configuration file; say what is wrong in it, with line and field."""

from __future__ import annotations

import os
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from xgamma.core.bounds import read_text, require_regular
from xgamma.core.extras import require_package
from xgamma.core.paths import file_path
from xgamma.core.reading import reader
from xgamma.core.safe_yaml import compose_yaml
from xgamma.errors import MissingFileError, XGammaError

if TYPE_CHECKING:
    from xgamma.config.schema import Config

__all__ = ["example", "load_config"]

# What pydantic calls an error, and what we say instead.
SENTENCES = {
    "missing": "the field is missing",
    "int_parsing": "a whole number is required",
    "int_type": "a whole number is required",
    "int_from_float": "a whole number is required",
    "bool_parsing": "true or false is required",
    "too_short": "at least one is required",
    "path_type": "a path is required",
    "list_type": "a list is required",
    "string_type": "text is required",
    "model_type": "indented fields are required here",
    "model_attributes_type": "indented fields are required here",
}


@reader
def load_config(path: str | os.PathLike[str]) -> Config:
    """Read and check a configuration file.

    Parameters
    ----------
    path : path-like
        YAML file; see `example`.

    Returns
    -------
    config : Config
        Paths in it are relative to the folder of the file, and are made absolute.

    Raises
    ------
    MissingDataError
        If there is no such file, or pydantic is not installed.
    XGammaError
        If the file is not as it should be: a line for each fault, with line and field.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "a.yaml"
    ...     _ = file.write_text(example())
    ...     load_config(file).template.energy.nbin
    12
    """
    pydantic = require_package("pydantic", "A configuration file", "config")
    from xgamma.config.schema import Config

    place = file_path(path)
    require_regular(place)
    if not place.is_file():
        raise MissingFileError(
            f"The file '{place}' does not exist: create one with xgamma config --example."
        )
    data, lines = _parsed(read_text(place), place)
    if not isinstance(data, dict):
        raise XGammaError(f"{place} line 1: fields are required, see xgamma config --example.")
    try:
        config = Config.model_validate(data)
    except pydantic.ValidationError as error:
        faults = sorted({_fault(e, lines) for e in error.errors()})
        texts = [f"{place} line {line}: {text}" for line, text in faults]
        raise XGammaError("\n".join(texts)) from None
    return _absolute(config, place.absolute().parent)


def _parsed(text: str, file: Path) -> tuple[Any, dict[tuple[Any, ...], int]]:
    """Return the data, and the line of each field by its place."""
    lines: dict[tuple[Any, ...], int] = {}

    def walk(node: yaml.Node, place: tuple[Any, ...]) -> None:
        lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            for k, (key, value) in enumerate(node.value):
                if key.value in [other.value for other, _ in node.value[:k]]:
                    raise XGammaError(
                        f"{file} line {key.start_mark.line + 1}: the field {key.value!r} is given twice."
                    )
                lines[(*place, key.value)] = key.start_mark.line + 1
                walk(value, (*place, key.value))
        elif isinstance(node, yaml.SequenceNode):
            for k, value in enumerate(node.value):
                walk(value, (*place, k))

    data, node = compose_yaml(text, f"{file}")
    if node is not None:
        walk(node, ())
    return data, lines


def _fault(error: Any, lines: dict[tuple[Any, ...], int]) -> tuple[int, str]:
    """Return the line, and the field with what is wrong with it."""
    # Names of the alternatives of a union are not fields of the file.
    place: tuple[Any, ...] = ()
    for part in error["loc"]:
        if (*place, part) in lines or part is error["loc"][-1]:
            place = (*place, part)
    while place and place not in lines and error["type"] != "missing":
        place = place[:-1]
    known = place
    while known not in lines and known:
        known = known[:-1]
    field = ".".join(str(part) for part in place) or "the file"
    return lines.get(known, 1), f"{field}: {_reason(error, place)}."


def _reason(error: Any, place: tuple[Any, ...]) -> str:
    from xgamma.config import schema

    if error["type"] == "extra_forbidden":
        section: Any = schema.Config
        for part in place[:-1]:
            section = _section(section, part)
        names = ", ".join(section.model_fields)
        return f"there is no such field: choose from {names}"
    text = SENTENCES.get(error["type"], str(error["msg"]))
    return text.removeprefix("Value error, ").removesuffix(".")


def _section(section: Any, part: object) -> Any:
    """Return the model of a field, through lists and alternatives."""
    if isinstance(part, int):
        return section
    kind: Any = section.model_fields[part].annotation
    while typing.get_args(kind):
        kind = typing.get_args(kind)[0]
    return kind


def _absolute(config: Config, folder: Path) -> Config:
    """Return the configuration with paths that hold in any working directory."""

    def at(path: Path | str) -> Path | str:
        return os.path.expandvars(path) if isinstance(path, str) else folder / file_path(path)

    observations = config.observations.model_copy(update={"store": at(config.observations.store)})
    run = config.run
    if run.resume is not None:
        run = run.model_copy(update={"resume": at(run.resume)})
    outputs = [o.model_copy(update={"path": at(o.path)}) for o in config.outputs]
    return config.model_copy(update={"observations": observations, "run": run, "outputs": outputs})


def example() -> str:
    """Return a commented example, which holds every section.

    Examples
    --------
    >>> print(example().splitlines()[1])
    observations:
    """
    return Path(__file__).with_name("example.yaml").read_text()
