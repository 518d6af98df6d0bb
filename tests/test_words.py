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
    from pathlib import Path

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
LEFT = {
    "cli": 0,
    "facilitron": 0,
    "feeds": 0,
    "push": 0,
    "sandbox": 0,
    "settings": 0,
    "store": 0,
    "sync": 0,
    "web": 59,
    "": 1,
}
"""How many names each package still has to change; "" is the modules beside the packages."""
CLASSES_LEFT: set[str] = set()
"""Class names that are still defined more than once."""

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


def modules_of(package: str) -> list[Path]:
    return sorted((PACKAGE / package).rglob("*.py") if package else PACKAGE.glob("*.py"))


def _listed(package: str) -> set[str]:
    """Return `file:name` of every name that is still to change."""
    return {
        f"{path.relative_to(PACKAGE)}:{name}"
        for path in modules_of(package)
        for _, name in names_in(ast.parse(path.read_text()))
        if is_listed(name)
    }


def test_left_has_every_package() -> None:
    """A new package is checked too."""
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(LEFT) == packages | {""}


@pytest.mark.parametrize("package", LEFT)
def test_listed_words_are_in_no_name(package: str) -> None:
    """Fewer than `LEFT` says fails as well: write the new number there."""
    listed = _listed(package)
    assert len(listed) == LEFT[package], "\n".join(sorted(listed))


def test_class_names_are_unique() -> None:
    """In the whole of `icalbridge/`, the sandbox included."""
    defined = Counter(
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    assert {name for name, count in defined.items() if count > 1} == CLASSES_LEFT


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
