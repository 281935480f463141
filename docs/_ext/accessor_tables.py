"""What ``.gamma`` can do, made from `xgamma.accessors`.

Directive ``accessor-table`` lists the methods; on the page of a method stand the parameters and
examples of the function that it delegates to.
"""

import importlib
import inspect
import re

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from xgamma import accessors

CLASSES = {"ds": "Dataset", "da": "DataArray", "tree": "DataTree"}
ACCESSORS = {
    "Dataset": accessors.GammaDataset,
    "DataArray": accessors.GammaDataArray,
    "DataTree": accessors.GammaDataTree,
}
PAGE = re.compile(r"xarray\.(\w+)\.gamma\.(\w+)")
BEHIND = re.compile(r"See `([\w.]+)\.(\w+)`\.")


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
    classes = {base for cls in ACCESSORS.values() for base in cls.__mro__[:-1]}
    texts = [inspect.getsource(cls) for cls in classes]
    return sorted({name for text in texts for name in re.findall(r"See `([\w.]+)`", text)})


def behind(name: str):
    """Return the method of the accessor and the function that does its work."""
    found = PAGE.fullmatch(name)
    if not found or not hasattr(ACCESSORS[found[1]], found[2]):
        return None, None
    method = inspect.getattr_static(ACCESSORS[found[1]], found[2])
    method = method.fget if isinstance(method, property) else method
    see = BEHIND.search(inspect.getdoc(method) or "")
    return method, getattr(importlib.import_module(see[1]), see[2]) if see else None


def add_description(app, what, name, obj, options, lines):
    """Put the function's sections under the sentence of the method."""
    _, function = behind(name)
    if function is not None:
        text = inspect.getdoc(function)
        sections = re.search(r"^\w[\w ]*\n-+\n", text, re.M)
        # The first parameter is what the accessor hangs on.
        rest = text[sections.start() :] if sections else ""
        rest = re.sub(r"(Parameters\n-+\n)\S.*\n(?:    .*\n|\n(?=    ))*", r"\1", rest, count=1)
        rest = re.sub(r"Parameters\n-+\n\n", "", rest)
        lines += ["", *rest.splitlines()]


def add_signature(app, what, name, obj, options, signature, returns):
    """Name the keywords that the method hands on."""
    method, function = behind(name)
    if function is None or signature is None:
        return None
    own = [p for p in inspect.signature(method).parameters.values() if p.name != "self"]
    if any(p.kind is p.VAR_KEYWORD for p in own):
        own = [p for p in own if p.kind is not p.VAR_KEYWORD]
        known = {p.name for p in own}
        handed = list(inspect.signature(function).parameters.values())[1:]
        own += [p.replace(kind=p.KEYWORD_ONLY) for p in handed if p.name not in known]
        own = [p for p in own if p.name not in ("args", "kwargs", "options")]
    own = [p.replace(annotation=p.empty) for p in own]
    own.sort(key=lambda p: p.kind)
    return str(inspect.Signature(own)), returns


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
    """Register the directive, and the two hooks before those of numpydoc."""
    app.add_directive("accessor-table", AccessorTable)
    app.connect("autodoc-process-docstring", add_description, priority=400)
    app.connect("autodoc-process-signature", add_signature, priority=600)
    return {"parallel_read_safe": True}
