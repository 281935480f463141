"""YAML from anywhere: no objects, no depth without end, no aliases that grow."""

from __future__ import annotations

from typing import Any

import yaml

from xgamma.core.options import options
from xgamma.errors import XGammaError

__all__ = ["compose_yaml", "load_yaml"]

DEPTH = 100
# What aliases may make of a text: so many values a character, and so many whatever its length.
PER_CHARACTER, FREE = 10, 100_000


class _Loader(yaml.SafeLoader):
    """Makes plain data, and keeps count of how deep it is."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> Any:
        """Compose a node with all that is in it."""
        self.depth += 1
        if self.depth > DEPTH:
            mark = self.get_mark()
            raise yaml.MarkedYAMLError(
                problem=f"lists or fields are nested more than {DEPTH} levels deep",
                problem_mark=mark,
            )
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def compose_yaml(text: str, what: str) -> tuple[Any, Any]:
    """Return the data in a YAML text, and its nodes, which know their lines.

    Parameters
    ----------
    text : str
        One document.
    what : str
        How an error begins: a file, ``"The models are not valid YAML:"``.

    Returns
    -------
    data : object
        Of dicts, lists, texts, numbers and dates.
    node : `~yaml.Node` or None
        The root.

    Raises
    ------
    XGammaError
        If it is not YAML, longer than the option ``max_text_bytes``, deeper than 100, or made of
        aliases that hold each other or expand to much more than the text.
    """
    if len(text) > options["max_text_bytes"]:
        raise XGammaError(
            f"{what} {len(text) / 1e6:.0f} MB exceed the limit for text; raise it with xg.set_options(max_text_bytes={len(text):.2g})."
        )
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, None
        if _expanded(node) > FREE + PER_CHARACTER * len(text):
            raise yaml.MarkedYAMLError(
                problem="its aliases (*) expand to far more than the text itself",
                problem_mark=node.start_mark,
            )
        return loader.construct_document(node), node
    except yaml.YAMLError as error:
        raise XGammaError(f"{what} {_reason(error)}.") from None
    except (ValueError, OverflowError, RecursionError, TypeError) as error:
        # Dates of a 13th month, numbers of thousands of digits.
        raise XGammaError(f"{what} {' '.join(str(error).split())}.") from None
    finally:
        if loader is not None:
            loader.dispose()


def load_yaml(text: str, what: str) -> Any:
    """Return the data in a YAML text; see `compose_yaml`.

    Examples
    --------
    >>> load_yaml("a: [1, 2]", "a.yaml")
    {'a': [1, 2]}
    >>> load_yaml("a: [1, 2", "a.yaml")
    Traceback (most recent call last):
    xgamma.errors.XGammaError: a.yaml line 1: expected ',' or ']', but got '<stream end>'.
    """
    return compose_yaml(text, what)[0]


def _reason(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    if "unhashable" in str(problem):
        problem = "a key is a list or a mapping, where a name is needed"
    line = f"line {mark.line + 1}: " if mark else ""
    return line + " ".join(str(problem).split())


def _expanded(root: Any) -> int:
    """Return how many values a document has when each alias is written out."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: Any) -> int:
        key = id(node)
        if key in open_nodes:
            raise yaml.MarkedYAMLError(
                problem="an alias (*) refers to itself", problem_mark=node.start_mark
            )
        if key not in sizes:
            open_nodes.add(key)
            parts: Any = ()
            if isinstance(node, yaml.MappingNode):
                parts = (part for pair in node.value for part in pair)
            elif isinstance(node, yaml.SequenceNode):
                parts = node.value
            sizes[key] = 1 + sum(map(size, parts))
            open_nodes.remove(key)
        return sizes[key]

    return size(root)
