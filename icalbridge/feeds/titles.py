"""How a feed's titles are put together: a template out of a fixed list of fields, such as
`{facility}: {name}`.

Between the fields stand punctuation and spaces only. An address with words of its own would be a
notice board: anybody could hand round a link that makes a school's calendar say anything. So
symbols are out too, which have whole alphabets.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from string import punctuation
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class TitleTexts(NamedTuple):
    """What a title is made from."""

    name: str = ""
    activity: str = ""
    facility: str = ""
    school: str = ""
    type: str = ""


FIELDS = TitleTexts._fields
DEFAULT = "{name}: {activity}"
UNNAMED = "Reserved"
"""Stands in for a name that is missing, or that the audience may not see."""
LONGEST = 100

_FIELD = re.compile(r"\{([a-z]+)\}")
_BRACKETS = {")": "(", "]": "[", ">": "<", "»": "«", "”": "“", "’": "‘"}


def check(template: str) -> None:
    """Raise ValueError, whose text ends a sentence that begins "must be", for a template that is
    none.
    """
    parts = _FIELD.split(template)
    fields, between = parts[1::2], "".join(parts[::2])
    if (
        len(template) > LONGEST
        or not fields
        or not set(fields).issubset(FIELDS)
        or not all(map(_is_plain, between))
    ):
        raise ValueError(_MUST)


_MUST = (
    f"made of {', '.join(f'{{{field}}}' for field in FIELDS)}, with nothing but punctuation and"
    f" spaces between them, and at most {LONGEST} characters long"
)


def _is_plain(character: str) -> bool:
    if character in punctuation:
        return character not in "{}"
    return unicodedata.category(character) in {"Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Zs"}


@lru_cache(maxsize=4096)  # a weekly practice has the same title all year
def fill(template: str, texts: TitleTexts) -> str:
    """Return a title; a field that is empty takes the text before it along, and the brackets around
    it. Never empty.
    """
    requested = (texts if texts.name else texts._replace(name=UNNAMED))._asdict()
    filled = frozenset(field for field in FIELDS if requested[field])
    # What is between fields has no braces, so that a template is a format string.
    return _without_gaps(template or DEFAULT, filled).format_map(requested).strip() or UNNAMED


@lru_cache(maxsize=1024)
def _without_gaps(template: str, filled: frozenset[str]) -> str:
    """Return a template without the fields that have nothing to say, and without what then stands
    between nothing.
    """
    parts = _FIELD.split(template)
    around = _around(parts, filled)
    result = ""
    for index in range(0, len(parts), 2):
        before, after = parts[max(index - 1, 0) : index : 2], parts[index + 1 : index + 2]
        keeps = (
            after[0] in filled and (not before or "{" in result) if after else before[0] in filled
        )
        result += "".join(
            character
            for place, character in enumerate(parts[index])
            if around.get((index, place), keeps)
        )
        result += "".join(f"{{{field}}}" for field in after if field in filled)
    return result


def _around(parts: Sequence[str], filled: frozenset[str]) -> dict[tuple[int, int], bool]:
    """Say of each bracket around fields, by its part and its place there, whether any of them has
    something to say.

    A bracket without its counterpart is punctuation like any other.
    """
    result: dict[tuple[int, int], bool] = {}
    opened: list[tuple[str, tuple[int, int]]] = []
    for at, character in _between(parts):
        if character in _BRACKETS.values():
            opened.append((character, at))
        elif opened and opened[-1][0] == _BRACKETS.get(character):
            begun = opened.pop()[1]
            if inside := parts[begun[0] + 1 : at[0] : 2]:
                result[begun] = result[at] = not filled.isdisjoint(inside)
    return result


def _between(parts: Sequence[str]) -> Iterator[tuple[tuple[int, int], str]]:
    for index in range(0, len(parts), 2):
        for place, character in enumerate(parts[index]):
            yield (index, place), character
