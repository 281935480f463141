"""Directive ``schema-table``: the tables of the data model, made from `xgamma.model.schema`."""

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from xgamma.model.schema import VARIABLES


def rows(kind: str) -> list[tuple[str, str, str, str]]:
    """Return (name, dims, units, meaning) of the variables of one kind."""
    chosen = {
        "maps": lambda v: v.dims[0] not in ("obs", "gti"),
        "runs": lambda v: v.dims[0] in ("obs", "gti"),
    }[kind]
    table = []
    for variable in VARIABLES.values():
        if chosen(variable):
            dims = ", ".join(variable.dims)
            if variable.optional_dims:
                dims += f" (or {', '.join(variable.optional_dims)})"
            units = {None: "", "": "1"}.get(variable.units, variable.units)
            units = "bool" if variable.dtype == "bool" else units
            table.append((f"``{variable.name}``", dims, str(units), variable.long_name))
    return table


class SchemaTable(Directive):
    """Insert one of the tables."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        lines = [".. list-table::", "   :header-rows: 1", ""]
        for row in [("name", "dimensions", "units", "meaning"), *rows(self.arguments[0])]:
            lines += [f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(row)]
        parent = nodes.container()
        self.state.nested_parse(StringList(lines, "schema"), self.content_offset, parent)
        if not list(parent.findall(nodes.table)):
            raise self.error("schema-table is reStructuredText: put it into eval-rst.")
        return parent.children


def setup(app):
    """Register the directive."""
    app.add_directive("schema-table", SchemaTable)
    return {"parallel_read_safe": True}
