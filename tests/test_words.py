"""Names in `icalbridge/`: class names are unique, and words of the old private vocabulary are gone."""

from __future__ import annotations

import ast
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.commands import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = ROOT / "icalbridge"
WORDS = re.compile(
    "told|said|heard|asked|wanted|wished|meant|found|held|kept|some|each|room|house|door|desk"
)
"""In no name, whole or as a part of it; what to write instead is in the glossary."""
CLASS_NAMES = re.compile(
    "_*(Shape|Cover|Held|Made|Telling|Wish|Situation|Subject|Standing|Reach|Particulars|Demand"
    "|Doorkeeper)"
)
NAME_FIELDS = ("name", "id", "attr", "arg", "rest", "asname")
"""Fields of syntax nodes that hold a name."""

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_STANDARD = re.compile(r"NotFound|not_found|NOT_FOUND")
"""A term of HTTP."""


def names_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name of each class, function, argument, variable and attribute defined."""
    for node in ast.walk(tree):
        if isinstance(getattr(node, "ctx", None), ast.Load):
            continue
        for field in NAME_FIELDS:
            name = getattr(node, field, None)
            if isinstance(name, str) and not isinstance(node, ast.keyword):
                yield getattr(node, "lineno", 0), name


def is_listed(name: str) -> bool:
    """Return whether a name holds one of `WORDS`, or is one of `CLASS_NAMES`."""
    parts = _PARTS.findall(_STANDARD.sub("", name))
    return any(WORDS.fullmatch(part.lower()) for part in parts) or bool(CLASS_NAMES.fullmatch(name))


def test_listed_words_are_in_no_name() -> None:
    """Of any class, function, argument, variable or attribute in the package."""
    assert [
        f"{path.relative_to(PACKAGE)}:{line}: {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, name in names_in(ast.parse(path.read_text()))
        if is_listed(name)
    ] == []


def test_class_names_are_unique() -> None:
    """In the whole of `icalbridge/`, the sandbox included."""
    defined = Counter(
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r"^ *class (\w+)[(:\[]", path.read_text(), re.MULTILINE)
    )
    assert len(defined) > 100
    assert {name for name, count in defined.items() if count > 1} == set()


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("told", True),
        ("_told_left_out", True),
        ("LeftTold", True),
        ("HELD_BACK", True),
        ("each", True),
        ("Wish", True),
        ("_Shape", True),
        ("HTTPDoor", True),
        ("NotFound", False),
        ("facility_not_found", False),
        ("FoundNotFound", True),
        ("teach", False),
        ("something", False),
        ("shape", False),
        ("Shapes", False),
        ("withheld", False),
    ],
)
def test_words_are_parts_of_a_name(name: str, listed: bool) -> None:
    """Between underscores and capitals, not within a word."""
    assert is_listed(name) is listed
