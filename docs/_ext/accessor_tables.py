"""What ``.gamma`` can do, made from `xgamma.accessors`.

Directive ``accessor-table`` lists the methods and the functions behind them.
"""

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from xgamma import accessors
from xgamma.accessors.members import members

CLASSES = {"ds": "Dataset", "da": "DataArray", "tree": "DataTree"}
ACCESSORS = {
    "Dataset": accessors.GammaDataset,
    "DataArray": accessors.GammaDataArray,
    "DataTree": accessors.GammaDataTree,
}


def rows(accessor: type, title: str) -> list[tuple[str, str, str]]:
    """Return (method, first sentence, function behind it), in the order of the source."""
    table = []
    for name, member in members(accessor).items():
        call = "" if isinstance(member, property) else "()"
        written = f":py:obj:`{title}.gamma.{name}{call} <xarray.{CLASSES[title]}.gamma.{name}>`"
        table.append((written, member.sentence, f":py:obj:`~{member.path}`"))
    return table


def functions() -> list[str]:
    """Return the names of all functions that accessors delegate to."""
    return sorted({m.path for cls in ACCESSORS.values() for m in members(cls).values()})


class AccessorTable(Directive):
    """Insert the table of one accessor: ``GammaDataset ds``."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        accessor, title = self.arguments
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 38 40 22", ""]
        head = ("write", "to", "described in")
        for row in [head, *rows(getattr(accessors, accessor), title)]:
            lines += [f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(row)]
        parent = nodes.container()
        self.state.nested_parse(StringList(lines, "accessors"), self.content_offset, parent)
        if not list(parent.findall(nodes.table)):
            raise self.error("accessor-table is reStructuredText: put it into eval-rst.")
        return parent.children


def setup(app):
    """Register the directive."""
    app.add_directive("accessor-table", AccessorTable)
    return {"parallel_read_safe": True}
