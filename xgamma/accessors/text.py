"""The docstring of a function, as the method of an accessor shows it."""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["adapted"]

SECTIONS = (
    *("Parameters", "Other Parameters", "Returns", "Yields", "Raises", "Warns", "Warnings"),
    *("See Also", "Notes", "References", "Examples"),
)
# What an example prints may look like a heading: only those of numpydoc count.
HEADING = re.compile(rf"^({'|'.join(SECTIONS)})\n-{{3,}}\n", re.M)
# The order of numpydoc, as far as "See Also" stands before it.
BEHIND = ("Notes", "References", "Examples")


def adapted(text: str, hidden: Collection[str], says: str | None, path: str, *options: str) -> str:
    """Return a function's docstring for a method: without what the method does not offer.

    Parameters
    ----------
    text : str
        Docstring of the function, in the format of numpydoc.
    hidden : collection of str
        Parameters that are left out.
    says : str or None
        What stands in the place of the first paragraph.
    path : str
        Where the function is, for "See Also".
    *options : str
        Docstrings whose parameters stand in the place of the entry ``**options``.

    Returns
    -------
    text : str
        Docstring of the method.

    Examples
    --------
    >>> text = adapted("Do it.", hidden={"ds"}, says="Do this.", path="a.do")
    >>> text.splitlines()[0], text.splitlines()[-1]
    ('Do this.', 'a.do : the function behind it.')
    """
    intro, sections = _split(text)
    if says is not None:
        rest = intro.partition("\n\n")[2]
        intro = f"{says}\n\n{rest}".strip()
    entries = _entries(sections.get("Parameters", ""), hidden)
    if options:
        entries = [entry for entry in entries if not entry.startswith("*")]
        for other in options:
            entries += _entries(_split(other)[1].get("Parameters", ""), hidden)
    sections["Parameters"] = "\n".join(entries)
    also = f"{path} : the function behind it."
    sections["See Also"] = "\n".join(filter(None, [sections.pop("See Also", ""), also]))
    early = {k: v for k, v in sections.items() if k not in BEHIND and k != "See Also"}
    late = {k: v for k, v in sections.items() if k in BEHIND}
    ordered = {**early, "See Also": sections["See Also"], **late}
    parts = [f"{head}\n{'-' * len(head)}\n{body}" for head, body in ordered.items() if body]
    return "\n\n".join([intro, *parts])


def _split(text: str) -> tuple[str, dict[str, str]]:
    """Return the paragraphs before the first section, and the sections by heading."""
    intro, *rest = HEADING.split(text)
    bodies = dict(zip(rest[::2], (body.strip("\n") for body in rest[1::2]), strict=True))
    return intro.strip(), bodies


def _entries(body: str, hidden: Collection[str]) -> list[str]:
    """Return the entries of a list of parameters, without those that are hidden."""
    kept = []
    for entry in re.split(r"^(?=\S)", body, flags=re.M):
        head, *description = entry.rstrip().split("\n")
        names, colon, kind = head.partition(" : ")
        shown = [name for name in names.split(", ") if name not in hidden]
        if head and shown:
            kept.append("\n".join([", ".join(shown) + colon + kind, *description]))
    return kept
