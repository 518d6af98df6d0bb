"""Readers of parameters, from texts of an address to checked values, and sentences for what they
refuse. A reader raises ValueError with the end of a sentence that begins "must be".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from icalbridge.feeds import titles
from icalbridge.text import search_key
from icalbridge.words import parse_words, write_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

Value = TypeVar("Value")

LONGEST_QUERY = 2000
MOST_VALUES = 50
"""How many values one parameter takes."""


class BadQuery(ValueError):
    """Raised for parameters that cannot be understood; its text is a sentence for the reader."""


def read_value(name: str, values: Sequence[str], read: Callable[[Sequence[str]], Value]) -> Value:
    """Return what a parameter's reader makes of its values. Raises `BadQuery` with the end of the
    sentence from the reader's ValueError.
    """
    try:
        return read(values)
    except ValueError as error:
        raise BadQuery(f"{name} is {quoted(','.join(values))} and must be {error}.") from None


def only_value(given: Sequence[str]) -> str:
    if len(set(given)) > 1:
        raise ValueError("given once")
    return given[0]


def split_list(given: Sequence[str]) -> list[str]:
    r"""Split at commas; a backslash takes a comma's meaning from it."""
    parts = [
        re.sub(r"\\([\\,])", r"\1", part).strip()
        for text in given
        for part in re.findall(_PART, text)
    ]
    return sorted({part for part in parts if part})


_PART = r"(?:\\.|[^,\\]|\\$)+"


def read_ids(given: Sequence[str]) -> tuple[str, ...]:
    return _not_empty(split_list(given))


def read_texts(given: Sequence[str]) -> tuple[str, ...]:
    return _not_empty({text for item in split_list(given) if (text := search_key(item))})


def read_words(given: Sequence[str]) -> tuple[str, ...]:
    return _not_empty({term for text in given for term in parse_words(text)})


def _not_empty(result: Collection[str]) -> tuple[str, ...]:
    """Refuse what comes to nothing: it would filter nothing, and show too much."""
    if not 0 < len(result) <= MOST_VALUES:
        raise ValueError(f"at least one value, and at most {MOST_VALUES}")
    return tuple(sorted(result))


def read_whole(most: int, *, least: int = 0) -> Callable[[Sequence[str]], int]:
    """Return a reader of whole numbers."""

    def read(given: Sequence[str]) -> int:
        text = only_value(given)
        if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return read


def read_statuses(given: Sequence[str]) -> tuple[str, ...]:
    result = tuple(sorted({item.lower() for item in split_list(given)}))
    if not result or not {"approved", "pending"}.issuperset(result):
        raise ValueError("approved, pending, or both with a comma between them")
    return result


def read_title(given: Sequence[str]) -> str:
    text = only_value(given)
    titles.check(text)
    return "" if text == titles.DEFAULT else text


def write_list(value: Any) -> str:
    return ",".join(item.replace("\\", "\\\\").replace(",", "\\,") for item in value)


TEXT_SCHEMA: Mapping[str, Any] = {"type": "string", "minLength": 1, "pattern": r"\S"}


@dataclass(frozen=True, slots=True)
class ValueType:
    """How a parameter's values are read and checked, written again, and described."""

    read: Callable[[Sequence[str]], Any]
    write: Callable[[Any], str] = str
    schema: Mapping[str, Any] = field(default_factory=lambda: TEXT_SCHEMA)
    """JSON Schema, for OpenAPI."""
    is_list: bool = False
    """Whether there may be several values with commas between them."""


IDS = ValueType(read_ids, write_list, is_list=True)
TEXTS = ValueType(read_texts, write_list, is_list=True)
WORDS = ValueType(read_words, write_words)
STATUSES = ValueType(
    read_statuses,
    write_list,
    {
        "type": "array",
        "items": {"enum": ["approved", "pending"]},
        "minItems": 1,
        "default": ["approved"],
    },
    is_list=True,
)
TITLE = ValueType(read_title)


def choice(**choices: object) -> ValueType:
    """Return the type of a value that is one of some; the first is the default."""
    *others, last = choices
    names = {value: name for name, value in choices.items()}

    def read(given: Sequence[str]) -> object:
        text = only_value(given)
        if text not in choices:
            raise ValueError(" or ".join(filter(None, (", ".join(others), last))))
        return choices[text]

    schema = {"enum": list(choices), "default": next(iter(choices))}
    return ValueType(read, names.__getitem__, schema)


def split_query(
    query: str, longest: int = LONGEST_QUERY, most: int = MOST_VALUES
) -> dict[str, list[str]]:
    """Split a query, as WSGI has it, into its parameters with their values; blank values are left
    out.

    Raises `BadQuery`.
    """
    if len(query) > longest:
        raise BadQuery(f"This address is too long; its parameters may have {longest} characters.")
    result: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(
            query, keep_blank_values=True, errors="strict", max_num_fields=most
        ):
            if _CONTROL.search(name + value):
                raise BadQuery(
                    "This address has control characters in its parameters; leave them out."
                )
            result.setdefault(name, [])
            if value.strip():
                result[name].append(value.strip())
    except (UnicodeError, ValueError) as error:
        raise error if isinstance(error, BadQuery) else BadQuery(UNREADABLE) from None
    return result


def join_query(parameters: Mapping[str, Sequence[str]]) -> str:
    """Return parameters as the query of an address."""
    pairs = [(name, value) for name, values in parameters.items() for value in values or ("",)]
    return urlencode(pairs)


UNREADABLE = (
    f"The parameters of this address cannot be read; write at most {MOST_VALUES} of them as"
    " NAME=VALUE with & between them, in UTF-8."
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def quoted(text: str) -> str:
    """Return what was given as a sentence quotes it: not too long, and nothing in it that cannot be
    seen.
    """
    seen = "".join(item if item.isprintable() else "\ufffd" for item in text[:61])
    return f"'{seen}'" if len(seen) <= 60 else f"'{seen[:59]}…'"


def read_list(
    name: str, parameters: Mapping[str, Sequence[str]], values: ValueType
) -> tuple[str, ...]:
    """Return the values of a parameter that an address may have. Raises `BadQuery`."""
    given = parameters.get(name)
    return read_value(name, given, values.read) if given else ()
