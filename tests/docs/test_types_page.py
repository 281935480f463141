"""The page of types says of each alias of `xgamma.typing` what its module says."""

import re
from pathlib import Path

from xgamma import typing

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "types.md"
ALIAS = re.compile(r"((?:#: .*\n)+)(\w+)(?:: TypeAlias)? = (.*)\n")


def table():
    """Return the rows of the page: name, what it is for, what it accepts."""
    rows = ["| alias | what it is for | what it accepts |", "|---|---|---|"]
    for comment, name, value in ALIAS.findall(Path(typing.__file__).read_text()):
        words = " ".join(line.removeprefix("#: ") for line in comment.splitlines())
        accepts = re.sub(r'TypeVar\("\w+", |[")]', "", value).replace("|", "\\|")
        rows.append(f"| `{name}` | {words} | `{accepts}` |")
    return rows


def test_every_alias_is_commented():
    assert {row.split("`")[1] for row in table()[2:]} == set(typing.__all__)


def test_page_is_as_the_module_says():
    """If not: put the rows that ``python -m tests.docs.test_types_page`` prints on the page."""
    text = PAGE.read_text(encoding="utf8")
    assert [line for line in text.splitlines() if line.startswith("|")] == table()


if __name__ == "__main__":
    print("\n".join(table()))
