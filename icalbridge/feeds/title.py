"""How a feed's titles are put together: a template out of a fixed list of fields, such as `{facility}: {name}`.

Between the fields stand punctuation and spaces only. An address with words of its own would be a notice board: anybody
could hand round a link that makes a school's calendar say anything.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = ("name", "activity", "facility", "school", "type")
DEFAULT = "{name}: {activity}"
UNNAMED = "Reserved"
"""Stands in for a name that is missing, or that the audience may not see."""
LONGEST = 100

_FIELD = re.compile(r"\{([a-z]+)\}")


@lru_cache(maxsize=256)
def parsed(template: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """Return each field with the text before it, and the text after the last one.

    Raises ValueError, whose text ends a sentence that begins "must be", for a template that is none.
    """
    *pairs, tail = _FIELD.split(template)
    pieces = tuple(zip(pairs[::2], pairs[1::2], strict=True))
    if len(template) > LONGEST or not pieces or any(field not in FIELDS for _, field in pieces):
        raise ValueError(_MUST)
    if not all(_is_plain(text) for text in (*(before for before, _ in pieces), tail)):
        raise ValueError(_MUST)
    return pieces, tail


_MUST = (
    f"made of {', '.join(f'{{{field}}}' for field in FIELDS)}, with nothing but punctuation and spaces between them, "
    f"and at most {LONGEST} characters long"
)


def _is_plain(text: str) -> bool:
    return all(unicodedata.category(each)[0] in "PSZ" and each not in "{}\u2028\u2029" for each in text)


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return a title; a field that is empty takes the text before it along. Never empty."""
    pieces, tail = parsed(template or DEFAULT)
    title, said = "", False
    for index, (before, field) in enumerate(pieces):
        value = values[field] or (UNNAMED if field == "name" else "")
        said = bool(value)
        if value:
            title += (before if title or index == 0 else "") + value
    return (title + (tail if said else "")).strip() or UNNAMED
