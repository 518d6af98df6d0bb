"""A feed's query: one table of the parameters of its address, and their parser.

A field of `FeedQuery` with its `QueryParameter` is all there is of a parameter: feeds, pages,
embeds, displays, API, OpenAPI document and forms take their lists from here. Addresses of the same
meaning give equal queries, so that their feed is rendered and cached once. Unknown parameters and
values are refused with a sentence: a filter that is silently ignored would show too much.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import Flag, StrEnum, auto
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from icalbridge.feeds.query_values import (
    IDS,
    STATUSES,
    TEXTS,
    TITLE,
    WORDS,
    BadQuery,
    ValueType,
    choice,
    join_query,
    quoted,
    read_value,
    read_whole,
    split_query,
)
from icalbridge.store.texts import TextCriteria
from icalbridge.text import marked, name_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from icalbridge.models import Entry

    Matches = Callable[[Any, Entry, str], bool]

MOST_DAYS = 3660
MOST_MINUTES = 24 * 60
"""How far a block of the occupancy feed may be widened on either side."""


class Cancelled(StrEnum):
    """What becomes of an entry that is called off."""

    DROP = "drop"
    """It is no longer there."""
    MARK = "mark"
    """It stays, CONFIRMED, with "CANCELLED: " before its title."""
    TOMBSTONE = "tombstone"
    """It stays for some weeks as STATUS:CANCELLED."""


class Surface(Flag):
    """Where a parameter is taken; addresses of feeds and embeds, and `/build`, take all."""

    PAGE = auto()
    """As a filter; pages ignore the other parameters."""
    DISPLAY = auto()
    API = auto()
    EMBED_FORM = auto()
    """`/embed` has a field for it; it hands the other parameters on."""
    SAVED = auto()
    """Saved feeds have it."""


NOWHERE = Surface(0)
FILTERS = Surface.PAGE | Surface.DISPLAY | Surface.API
EVERYWHERE = FILTERS | Surface.EMBED_FORM


class TextField(NamedTuple):
    """The text field of a parameter in forms; label and hint are translated there."""

    label: str
    hint: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """One parameter of an address."""

    name: str
    values: ValueType
    surfaces: Surface = NOWHERE
    about: str = ""
    """Its description in the API."""
    matches: Matches | None = None
    """Whether a value selects an entry of a rate category; None for parameters that select by
    texts, which `TextCriteria` matches, and for those that select otherwise.
    """
    in_sql: bool = False
    """Whether `EntryCriteria` selects the same, so that less is read."""
    form: TextField | None = None
    setting: str = ""
    """The setting without which it is refused, with the sentence `refusal`; empty for none."""
    refusal: str = ""
    attribute: str = ""
    """The field of `FeedQuery` that it sets."""
    default: object = ()


def _row(*row: Any, default: Any = (), **columns: Any) -> Any:
    """Return a field of `FeedQuery` with its `QueryParameter`."""
    parameter = replace(QueryParameter(*row, **columns), default=default)
    return field(default=default, metadata={"parameter": parameter})


DAYS, MINUTES = ValueType(read_whole(MOST_DAYS)), ValueType(read_whole(MOST_MINUTES))
WHOLE_NAMES = marked("Their whole names, with commas between them.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedQuery(TextCriteria):
    """Checked parameters, in the order in which addresses have them; the default is an unfiltered
    feed.
    """

    occupancy: bool = _row("view", choice(occupancy=True), default=False)
    facility: tuple[str, ...] = _row(
        "facility",
        IDS,
        EVERYWHERE,
        "Ids of facilities",
        matches=lambda ids, entry, _: entry.facility_id in ids,
        in_sql=True,
    )
    type: tuple[str, ...] = _row(
        "type", TEXTS, EVERYWHERE, "Types of facilities or events, whatever their case and accents"
    )
    category: tuple[str, ...] = _row(
        "category",
        TEXTS,
        Surface.DISPLAY | Surface.API,
        "Rate categories to choose by, where the operator allows it; they are not shown",
        matches=lambda names, _, category: name_key(category) in names,
        form=TextField(marked("Only these rate categories"), WHOLE_NAMES),
        setting="public_category",
        refusal="Calendars cannot be narrowed by rate category here",
    )
    activity: tuple[str, ...] = _row(
        "activity",
        TEXTS,
        FILTERS,
        "What goes on, whatever its case and accents",
        form=TextField(marked("Only these activities"), WHOLE_NAMES, "Varsity, Open gym"),
    )
    name: tuple[str, ...] = _row(
        "name", TEXTS, FILTERS, "Whole names, whatever their case and accents"
    )
    words: tuple[str, ...] = _row(
        "q",
        WORDS,
        EVERYWHERE,
        "Words, their beginnings, or phrases in quotes that an entry has, all of them",
        form=TextField(
            marked("With all of these words"),
            marked("Searched in name, activity, facility and kind."),
            "basketball",
        ),
    )
    unwanted: tuple[str, ...] = _row(
        "not",
        WORDS,
        EVERYWHERE,
        "Words, their beginnings, or phrases in quotes that an entry has none of",
        form=TextField(marked("Without any of these words"), example="practice"),
    )
    past: int | None = _row("past", DAYS, Surface.SAVED, default=None)
    """Days; None: as far as the operator lets feeds reach."""
    ahead: int | None = _row("ahead", DAYS, Surface.SAVED, default=None)
    status: tuple[str, ...] = _row(
        "status",
        STATUSES,
        Surface.API | Surface.SAVED,
        "Pending ones are shown as tentative, where the operator allows it",
        default=("approved",),
    )
    cancelled: Cancelled = _row(  # noqa: RUF009  # a field
        "cancelled",
        choice(**{item.value: item for item in Cancelled}),
        Surface.API | Surface.SAVED,
        "What happens to canceled bookings: left out, marked in the title, or shown as canceled"
        " for 30 days",
        default=Cancelled.DROP,
    )
    busy: bool = _row(
        "detail",
        choice(name=False, busy=True),
        Surface.DISPLAY | Surface.API | Surface.EMBED_FORM | Surface.SAVED,
        "With `busy` no names: every entry is called Reserved",
        default=False,
    )
    grouped: bool = _row("group", choice(event=True), Surface.SAVED, default=False)
    utc: bool = _row("tz", choice(utc=True), Surface.SAVED, default=False)
    title: str = _row("title", TITLE, Surface.SAVED, default="")
    before: int = _row("before", MINUTES, default=0)
    """Minutes that a block of the occupancy feed begins early."""
    after: int = _row("after", MINUTES, default=0)

    @property
    def pending(self) -> bool:
        return "pending" in self.status

    @property
    def given(self) -> list[tuple[QueryParameter, Any]]:
        """Return the parameters that are not as by default, with their values."""
        values = [(item, getattr(self, item.attribute)) for item in PARAMETERS.values()]
        return [(item, value) for item, value in values if value != item.default]

    @property
    def conditions_beside_texts(self) -> list[tuple[Matches, Any]]:
        """Return what entries are selected by, beside their texts, with its values."""
        return [(item.matches, value) for item, value in self.given if item.matches]

    @property
    def is_beyond_sql(self) -> bool:
        """Whether anything but texts selects entries that SQL does not select by."""
        return any(item.matches and not item.in_sql for item, _ in self.given)

    @property
    def query_string(self) -> str:
        """Return the parameters as one address has them, in one order; empty for a feed as it is by
        itself.
        """
        written = ((item.name, item.values.write(value)) for item, value in self.given)
        return "&".join(f"{name}={quote(text, safe=',:')}" for name, text in written)

    def clamped(self, history: int, horizon: int) -> FeedQuery:
        """Return the query within what the operator lets feeds reach, in days."""
        past = None if self.past is None or self.past >= history else self.past
        ahead = None if self.ahead is None or self.ahead >= horizon else self.ahead
        return replace(self, past=past, ahead=ahead)


def _table() -> dict[str, QueryParameter]:
    by_attribute = {item.name: item for item in fields(FeedQuery)}
    rows: list[QueryParameter] = [
        replace(by_attribute[name].metadata["parameter"], attribute=name)
        for name in FeedQuery.__annotations__
    ]
    return {row.name: row for row in rows}


PARAMETERS: Mapping[str, QueryParameter] = _table()
"""Every parameter of a feed's address by name, in the order in which addresses have them."""
PLAIN = FeedQuery()
"""An unfiltered feed."""


def parameters_of(surface: Surface) -> list[QueryParameter]:
    """Return the parameters that are taken somewhere."""
    return [item for item in PARAMETERS.values() if item.surfaces & surface]


def names_of(surface: Surface) -> tuple[str, ...]:
    return tuple(item.name for item in parameters_of(surface))


def filter_query(parameters: Mapping[str, Sequence[str]], surface: Surface) -> str:
    """Return those parameters of an address that are a feed's as the query of its address."""
    names = names_of(surface)
    return join_query({name: parameters[name] for name in parameters if name in names})


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
            requested[parameter.attribute] = read_value(name, values, parameter.values.read)
    return _settled(FeedQuery(**requested))


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
