"""Names in docstrings: short ones find their page, those of parameters stay text.

Under ``nitpicky`` a name that finds nothing is a warning. In docstrings `ds` is a parameter, and
`write_observation` a function whose full name is long.
"""

import re

from sphinx.util.nodes import make_refnode

# Linked only where intersphinx is on.
OTHERS = re.compile(
    r"(astropy|concurrent|iminuit|matplotlib|numpy|pandas|pathlib|regions|scipy|xarray)\."
)


def page_of(objects: dict, target: str):
    """Return the one object of xgamma whose name ends with the target, or None."""
    last = target.rpartition(".")[2]
    ends = [f".{target}"] + ([f".{last}"] if target.startswith("xgamma.") else [])
    for end in ends:
        found = {
            entry.node_id: entry
            for name, entry in objects.items()
            if name.startswith("xgamma.") and name.endswith(end)
        }
        if len(found) == 1:
            return next(iter(found.values()))
    return None


def resolve(app, env, node, content):
    """Link a short name; leave parameters and the names of other projects as they are."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    if "." in target or "_" in target or target[:1].isupper():
        entry = page_of(env.domaindata["py"]["objects"], target)
        if entry is not None:
            name = target.removeprefix("~")
            args = (app.builder, node["refdoc"], entry.docname, entry.node_id, content, name)
            return make_refnode(*args)
    return content if target.isidentifier() or OTHERS.match(target) else None


def setup(app):
    """Register the resolver after those of Sphinx."""
    app.connect("missing-reference", resolve, priority=900)
    return {"parallel_read_safe": True}
