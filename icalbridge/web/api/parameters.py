"""Parameters of the API's addresses: each described once, for the OpenAPI document, and checked.

Filters mean the same as in a feed's address (`feeds.query`) and are read there. Unlike there, a
blank value is refused. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from msgspec import Meta, ValidationError, convert

from icalbridge import timezones
from icalbridge.feeds import BadQuery
from icalbridge.feeds.query import Surface, parameters_of
from icalbridge.feeds.query_values import (
    TEXT_SCHEMA,
    only_value,
    quoted,
    read_value,
    read_whole,
    split_query,
)
from icalbridge.web.parameters import Key
from icalbridge.web.routes.feeds import query_of
from icalbridge.web.views.free_spaces import LONGEST, MOST_PAGES, MOST_PEOPLE, SHORTEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icalbridge.web.views.filters import DateRange

Value = TypeVar("Value")
Default = TypeVar("Default")

MOST_ENTRIES = 500
USUAL_ENTRIES = 100
USUAL_DAYS = 7
MOST_DAYS = 92
"""How many days one question about entries may span: the longest quarter."""
MOST_OPEN_DAYS = 31


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an address."""

    name: str
    about: str
    schema: Mapping[str, Any]
    listed: bool = False
    """Whether it takes several values with commas between them."""


def _list(name: str, about: str) -> Parameter:
    return Parameter(name, about, TEXT_SCHEMA, listed=True)


_DATE = {"type": "string", "format": "date"}
_WHEN = {"anyOf": [_DATE, {"type": "string", "format": "date-time"}]}

FROM = Parameter(
    "from", "The first day there, or a moment (RFC 3339) to begin with; today without it", _WHEN
)
TO = Parameter(
    "to",
    f"The last day there, or a moment (RFC 3339) to end with; {USUAL_DAYS} days in all without it,"
    f" at most {MOST_DAYS}",
    _WHEN,
)
LIMIT = Parameter(
    "limit",
    "How many entries a page has",
    {"type": "integer", "minimum": 1, "maximum": MOST_ENTRIES, "default": USUAL_ENTRIES},
)
AFTER = Parameter(
    "after",
    "Where the page before left off; `next` has it",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": 1500},
)
ON = Parameter("date", "The day there; today without it", _DATE)
FIRST = Parameter("from", "The first of several days, in place of `date`", _DATE)
LAST = Parameter("to", f"The last of several days, at most {MOST_OPEN_DAYS}", _DATE)
PROPERTIES = _list("property", "Ids of properties; a district stands for its schools too")
FACILITY_TYPES = _list("type", "Types of facilities, whatever their case and accents")
_TIME = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}
FREE = (
    Parameter("date", "The day; today without it", _DATE),
    Parameter("from", "The time of day, by each school's clock, such as 10:00", _TIME),
    Parameter("to", "Until when all of the time is to be free, such as 12:00", _TIME),
    Parameter(
        "length",
        "How many minutes are to be free, from `from` on; at any time of the day without `from`, at"
        " any time between `from` and `to` with both",
        {"type": "integer", "minimum": SHORTEST, "maximum": LONGEST},
    ),
    Parameter(
        "capacity",
        "How many people fit in at least",
        {"type": "integer", "minimum": 1, "maximum": MOST_PEOPLE},
    ),
    _list("type", "Words of a facility's type or name, whatever their case and accents"),
    PROPERTIES,
    Parameter(
        "page", "Which page of the answer", {"type": "integer", "minimum": 1, "maximum": MOST_PAGES}
    ),
)
FILTERS = tuple(
    Parameter(item.name, item.about, item.values.schema, item.values.is_list)
    for item in parameters_of(Surface.API)
)
"""What calendars take too, and in the same words."""

RequestParameters = dict[str, list[str]]
Read = Callable[[Sequence[str]], Value]


def parse_parameters(query_string: str, takes: Sequence[Parameter]) -> RequestParameters:
    """Return the values of an address's parameters, by name. Raises `BadQuery` with a sentence."""
    parameters = split_query(query_of(query_string))
    names = [row.name for row in takes]
    for name, values in parameters.items():
        if name not in names:
            raise BadQuery(
                f"There is no parameter {quoted(name)}; this address takes"
                f" {', '.join(names) or 'none'}."
            )
        if not values:
            raise BadQuery(f"{name} has no value; give it one, or leave it out.")
    return parameters


@dataclass(frozen=True, slots=True)
class Span:
    """The requested part of a calendar, in UTC."""

    since: datetime
    until: datetime
    limit: int
    after: Key | None
    fixed: bool
    """Whether the address has `from`, so that tomorrow it means the same."""
    requested: tuple[tuple[str, str], ...]
    """`from`, `to` and `limit` as another page of the same span has them."""


def read_span(parameters: RequestParameters, reach: DateRange, zone: str) -> Span:
    """Return the span of entries. Raises `BadQuery`."""
    after = _read(parameters, "after", _key, None)
    # Who turns pages at midnight must not be refused because the first day is gone.
    first = reach.first if after is None else reach.first - timedelta(days=1)
    since = _read(parameters, "from", _moment(first, reach.last, zone), None)
    since = since or timezones.midnight(reach.today, zone)
    default = min(timezones.local_date(since, zone) + timedelta(days=USUAL_DAYS - 1), reach.last)
    until = _read(parameters, "to", _moment(first, reach.last, zone, ends=True), None)
    until = until or timezones.midnight(default + timedelta(days=1), zone)
    if since >= until:
        raise BadQuery("from must be before to.")
    last = until - timedelta(microseconds=1)
    days = timezones.local_date(last, zone) - timezones.local_date(since, zone)
    if days >= timedelta(days=MOST_DAYS):
        raise BadQuery(_too_far(MOST_DAYS))
    limit = _read(parameters, "limit", read_whole(MOST_ENTRIES, least=1), USUAL_ENTRIES)
    requested = (
        ("from", parameters.get("from", [reach.today.isoformat()])[0]),
        ("to", parameters.get("to", [default.isoformat()])[0]),
        ("limit", str(limit)),
    )
    return Span(since, until, limit, after, "from" in parameters, requested)


def read_days(parameters: RequestParameters, reach: DateRange) -> list[date]:
    """Return the days of open times. Raises `BadQuery`."""
    if "date" in parameters and ("from" in parameters or "to" in parameters):
        raise BadQuery("date is one day, from and to are several; ask for one or the other.")
    read = _day(reach.first, reach.last)
    first = _read(parameters, "from", read, _read(parameters, "date", read, reach.today))
    last = _read(parameters, "to", read, first)
    if last < first:
        raise BadQuery("from must not be after to.")
    count = (last - first).days + 1
    if count > MOST_OPEN_DAYS:
        raise BadQuery(_too_far(MOST_OPEN_DAYS))
    return [first + timedelta(days=number) for number in range(count)]


def _too_far(most: int) -> str:
    return f"from and to are too far apart; ask for at most {most} days at once."


def _read(
    parameters: RequestParameters, name: str, read: Read[Value], default: Default
) -> Value | Default:
    return read_value(name, parameters[name], read) if name in parameters else default


def _day(first: date, last: date) -> Read[date]:
    def read(values: Sequence[str]) -> date:
        day = _convert(only_value(values), date)
        if day is None or not first <= day <= last:
            raise ValueError(f"a day from {first} to {last}, written as YYYY-MM-DD")
        return day

    return read


def _moment(first: date, last: date, zone: str, *, ends: bool = False) -> Read[datetime]:
    """Return a reader of a whole day, or of a moment (RFC 3339); in UTC."""

    def read(values: Sequence[str]) -> datetime:
        text = only_value(values)
        day = _convert(text, date)
        if day is not None and first <= day <= last:
            return timezones.day_bounds(day, zone)[ends]
        # A space is a plus that nobody escaped.
        moment = _convert(text.replace(" ", "+"), _Moment)
        earliest = timezones.midnight(first, zone)
        if moment is None or not earliest <= moment <= timezones.day_bounds(last, zone)[1]:
            raise ValueError(
                f"a day from {first} to {last}, written as YYYY-MM-DD, or a moment within them,"
                " written as 2026-11-21T18:30:00Z"
            )
        return moment.astimezone(UTC)

    return read


_Moment = Annotated[datetime, Meta(tz=True)]


def _convert(text: str, into: type[Value]) -> Value | None:
    try:
        return convert(text, into)
    except ValidationError:
        return None


def _key(values: Sequence[str]) -> Key:
    key = Key.read(only_value(values))
    if key is None:
        raise ValueError("what the page before has in its next")
    return key
