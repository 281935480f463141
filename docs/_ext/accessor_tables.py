"""Directive ``accessor-table``: what ``.gamma`` can do, made from `xgamma.accessors`."""

import inspect
import re

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from xgamma import accessors

CLASSES = {"ds": "Dataset", "da": "DataArray", "tree": "DataTree"}


def rows(accessor: type, title: str) -> list[tuple[str, str, str]]:
    """Return (method, first sentence, function behind it), in the order of the source."""
    members = {}
    for cls in reversed(accessor.__mro__):
        members |= {k: v for k, v in vars(cls).items() if not k.startswith("_")}
    table = []
    for name, member in members.items():
        text = inspect.getdoc(member.fget if isinstance(member, property) else member) or ""
        sentence, _, behind = text.partition(" See `")
        behind = behind.partition("`")[0]
        call = "" if isinstance(member, property) else "()"
        written = f":py:obj:`{title}.gamma.{name}{call} <xarray.{CLASSES[title]}.gamma.{name}>`"
        table.append((written, sentence, f":py:obj:`~{behind}`"))
    return table


def functions() -> list[str]:
    """Return the names of all functions that accessors delegate to."""
    text = inspect.getsource(accessors)
    return sorted(set(re.findall(r"See `([\w.]+)`", text)))


class AccessorTable(Directive):
    """Insert the table of one accessor: ``GammaDataset ds``."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        accessor, title = self.arguments
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 35 40 25", ""]
        head = ("write", "to", "described in")
        for row in [head, *rows(getattr(accessors, accessor), title)]:
            lines += [f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(row)]
        parent = nodes.container()
        self.state.nested_parse(StringList(lines, "accessors"), self.content_offset, parent)
        return parent.children


def setup(app):
    """Register the directive."""
    app.add_directive("accessor-table", AccessorTable)
    return {"parallel_read_safe": True}
