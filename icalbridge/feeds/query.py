"""Parser of a feed's query: the parameters of its address, checked and put into one order.

Addresses of the same meaning give equal queries, so that their feed is rendered and cached once.
Unknown parameters and values are refused with a sentence: a filter that is silently ignored would
show too much.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from icalbridge.feeds import titles
from icalbridge.store.texts import TextCriteria
from icalbridge.text import search_key
from icalbridge.words import parse_words, write_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

Value = TypeVar("Value")

LONGEST_QUERY = 2000
MOST_VALUES = 50
"""How many values one parameter takes."""
MOST_DAYS = 3660
MOST_MINUTES = 24 * 60
"""How far a block of the occupancy feed may be widened on either side."""


class BadQuery(ValueError):
    """Raised for parameters that cannot be understood; its text is a sentence for the reader."""


class Cancelled(StrEnum):
    """What becomes of an entry that is called off."""

    DROP = "drop"
    """It is no longer there."""
    MARK = "mark"
    """It stays, CONFIRMED, with "CANCELLED: " before its title."""
    TOMBSTONE = "tombstone"
    """It stays for some weeks as STATUS:CANCELLED."""


@dataclass(frozen=True, slots=True)
class FeedQuery(TextCriteria):
    """Checked parameters; the default is an unfiltered feed."""

    facility: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    """Rate categories; folded."""
    past: int | None = None
    """Days; None: as far as the operator lets feeds reach."""
    ahead: int | None = None
    status: tuple[str, ...] = ("approved",)
    cancelled: Cancelled = Cancelled.DROP
    busy: bool = False
    grouped: bool = False
    utc: bool = False
    title: str = ""
    occupancy: bool = False
    before: int = 0
    """Minutes that a block of the occupancy feed begins early."""
    after: int = 0

    @property
    def pending(self) -> bool:
        return "pending" in self.status

    @property
    def filters_by_text(self) -> bool:
        """Whether entries are chosen by their texts."""
        return bool(self.category) or self.limits_texts

    @property
    def query_string(self) -> str:
        """Return the parameters as one address has them, in one order; empty for a feed as it is by
        itself.
        """
        requested = [(name, item, getattr(self, item.field)) for name, item in PARAMETERS.items()]
        chosen = [
            (name, item.write(value))
            for name, item, value in requested
            if value != getattr(PLAIN, item.field)
        ]
        return "&".join(f"{name}={quote(text, safe=',:')}" for name, text in chosen)

    def clamped(self, history: int, horizon: int) -> FeedQuery:
        """Return the query within what the operator lets feeds reach, in days."""
        past = None if self.past is None or self.past >= history else self.past
        ahead = None if self.ahead is None or self.ahead >= horizon else self.ahead
        return (
            self
            if (past, ahead) == (self.past, self.ahead)
            else replace(self, past=past, ahead=ahead)
        )


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


def _several(given: Sequence[str]) -> list[str]:
    r"""Split at commas; a backslash takes a comma's meaning from it."""
    parts = [
        re.sub(r"\\([\\,])", r"\1", part).strip()
        for text in given
        for part in re.findall(_PART, text)
    ]
    return sorted({part for part in parts if part})


_PART = r"(?:\\.|[^,\\]|\\$)+"


def _ids(given: Sequence[str]) -> tuple[str, ...]:
    return _not_empty(_several(given))


def _texts(given: Sequence[str]) -> tuple[str, ...]:
    return _not_empty({text for item in _several(given) if (text := search_key(item))})


def _words(given: Sequence[str]) -> tuple[str, ...]:
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


def _statuses(given: Sequence[str]) -> tuple[str, ...]:
    result = tuple(sorted({item.lower() for item in _several(given)}))
    if not result or not {"approved", "pending"}.issuperset(result):
        raise ValueError("approved, pending, or both with a comma between them")
    return result


def _choice(**choices: object) -> Callable[[Sequence[str]], object]:
    def read(given: Sequence[str]) -> object:
        text = only_value(given)
        if text not in choices:
            raise ValueError(
                " or ".join(filter(None, (", ".join(list(choices)[:-1]), list(choices)[-1])))
            )
        return choices[text]

    return read


def _title(given: Sequence[str]) -> str:
    text = only_value(given)
    titles.check(text)
    return "" if text == titles.DEFAULT else text


def _listed(value: Any) -> str:
    return ",".join(item.replace("\\", "\\\\").replace(",", "\\,") for item in value)


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """One parameter: the field of `FeedQuery` that it sets, how it is read, and written again."""

    field: str
    read: Callable[[Sequence[str]], object]
    """Raises ValueError, whose text ends a sentence that begins "must be"."""
    write: Callable[[Any], str] = str


PARAMETERS: Mapping[str, QueryParameter] = {
    "view": QueryParameter("occupancy", _choice(occupancy=True), lambda _: "occupancy"),
    "facility": QueryParameter("facility", _ids, _listed),
    "type": QueryParameter("type", _texts, _listed),
    "category": QueryParameter("category", _texts, _listed),
    "activity": QueryParameter("activity", _texts, _listed),
    "name": QueryParameter("name", _texts, _listed),
    "q": QueryParameter("words", _words, write_words),
    "not": QueryParameter("unwanted", _words, write_words),
    "past": QueryParameter("past", read_whole(MOST_DAYS)),
    "ahead": QueryParameter("ahead", read_whole(MOST_DAYS)),
    "status": QueryParameter("status", _statuses, _listed),
    "cancelled": QueryParameter("cancelled", _choice(**{item.value: item for item in Cancelled})),
    "detail": QueryParameter("busy", _choice(name=False, busy=True), lambda _: "busy"),
    "group": QueryParameter("grouped", _choice(event=True), lambda _: "event"),
    "tz": QueryParameter("utc", _choice(utc=True), lambda _: "utc"),
    "title": QueryParameter("title", _title),
    "before": QueryParameter("before", read_whole(MOST_MINUTES)),
    "after": QueryParameter("after", read_whole(MOST_MINUTES)),
}
"""Every parameter of a feed's address, in the order in which addresses have them."""
PLAIN = FeedQuery()
"""An unfiltered feed."""


def parse(query: str) -> FeedQuery:
    """Parse the query of an address; a parameter without a value is ignored.

    Raises `BadQuery`.
    """
    if not query:
        return PLAIN
    requested = {}
    for name, values in split_query(query).items():
        parameter = PARAMETERS.get(name)
        if parameter is None:
            raise BadQuery(
                f"There is no parameter {quoted(name)}; a feed takes {', '.join(PARAMETERS)}."
            )
        if values:
            requested[parameter.field] = read_value(name, values, parameter.read)
    return _settled(FeedQuery(**requested))  # type: ignore[arg-type]  # each reader gives what its field takes


def _settled(query: FeedQuery) -> FeedQuery:
    """Leave out what changes nothing beside the rest, so that equal feeds are one."""
    if not query.occupancy:
        if query.before or query.after:
            raise BadQuery(
                "before and after widen the blocks of view=occupancy; ask for that too, or leave"
                " them out."
            )
        return query
    return replace(query, cancelled=Cancelled.DROP, busy=False, grouped=False, title="")


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
