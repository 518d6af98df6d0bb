"""What an address of the API may ask for: every parameter, described once, and how its value is
read.

The narrowing ones mean what they mean in a calendar's address (`feeds.shape`) and are read there.
Unlike a calendar's address, one of the API has no blank values: they would not say what is wanted.
Pure.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from icalbridge import timezones
from icalbridge.feeds import BadQuery
from icalbridge.feeds.query import given, quoted
from icalbridge.web.routes.feeds import query_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icalbridge.feeds.audience import Item
    from icalbridge.web.views.filters import DateRange

MOST_ENTRIES = 500
USUAL_ENTRIES = 100
USUAL_DAYS = 7
MOST_DAYS = 92
"""How many days one question about entries may span: the longest quarter."""
MOST_OPEN_DAYS = 31

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d{1,6})?([Zz]|[ +-]\d\d:\d\d)", re.ASCII
)
"""RFC 3339, section 5.6. The space is a plus that nobody escaped."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an address."""

    name: str
    about: str
    schema: Mapping[str, Any]
    listed: bool = False
    """Whether it takes several values with commas between them."""


def _text(name: str, about: str, *, listed: bool = False) -> Parameter:
    return Parameter(name, about, {"type": "string", "minLength": 1, "pattern": r"\S"}, listed)


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
PROPERTIES = _text(
    "property", "Ids of properties; a district stands for its schools too", listed=True
)
FACILITY_TYPES = _text("type", "Types of facilities, whatever their case and accents", listed=True)
FILTERS = (
    _text("facility", "Ids of facilities", listed=True),
    _text("type", "Types of facilities or events, whatever their case and accents", listed=True),
    _text(
        "category",
        "Rate categories to choose by, where the operator allows it; they are not told",
        listed=True,
    ),
    _text("activity", "What goes on, whatever its case and accents", listed=True),
    _text("q", "Words that an entry has, all of them"),
    _text("not", "Words that an entry has none of"),
    Parameter(
        "status",
        "Pending ones are told as tentative, where the operator allows it",
        {
            "type": "array",
            "items": {"enum": ["approved", "pending"]},
            "minItems": 1,
            "default": ["approved"],
        },
        listed=True,
    ),
    Parameter(
        "cancelled",
        "What becomes of what is called off: left out, marked in the title, or told as cancelled"
        " for 30 days",
        {"enum": ["drop", "mark", "tombstone"], "default": "drop"},
    ),
    Parameter(
        "detail",
        "With `busy` no names: every entry is called Reserved",
        {"enum": ["name", "busy"], "default": "name"},
    ),
)
"""What calendars take too, and in the same words."""
FILTER_NAMES = frozenset(row.name for row in FILTERS)

RequestParameters = dict[str, list[str]]


def parsed(query_string: str, takes: Sequence[Parameter]) -> RequestParameters:
    """Return the values of an address's parameters, by name. Raises `BadQuery` with a sentence."""
    parameters = given(query_of(query_string))
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


def filters(parameters: RequestParameters) -> str:
    """Return the narrowing parameters as a calendar's address has them."""
    return urlencode(
        [
            (name, value)
            for name, values in parameters.items()
            if name in FILTER_NAMES
            for value in values
        ]
    )


class Key(NamedTuple):
    """Where an entry stands in the order of all: by start and end, in seconds since 1970, and by
    uid.
    """

    start: int
    end: int
    uid: str

    @classmethod
    def of(cls, item: Item) -> Key:
        return cls(int(item.start.timestamp()), int(item.end.timestamp()), item.uid)

    def __str__(self) -> str:
        text = f"{self.start}.{self.end}.{self.uid}"
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of a calendar is asked for."""

    since: datetime
    until: datetime
    limit: int
    after: Key | None
    fixed: bool
    """Whether the address says when it begins, so that tomorrow it means the same."""
    requested: tuple[tuple[str, str], ...]
    """`from`, `to` and `limit` as another page of the same span has them."""


def span(parameters: RequestParameters, reach: DateRange, zone: str) -> Span:
    """Read which entries are asked for. Raises `BadQuery`."""
    after = _key(_one(parameters, "after")) if "after" in parameters else None
    begins = _one(parameters, "from") or reach.today.isoformat()
    # Who walks on at midnight shall not be told that the first day is gone.
    first = reach.first if after is None else reach.first - timedelta(days=1)
    since = _moment("from", begins, first, reach.last, zone)
    usual = timezones.local_date(since, zone) + timedelta(days=USUAL_DAYS - 1)
    ends = _one(parameters, "to") or min(usual, reach.last).isoformat()
    until = _moment("to", ends, first, reach.last, zone, ends=True)
    if since >= until:
        raise BadQuery("from must be before to.")
    last = until - timedelta(microseconds=1)
    if (timezones.local_date(last, zone) - timezones.local_date(since, zone)).days >= MOST_DAYS:
        raise BadQuery(f"from and to are too far apart; ask for at most {MOST_DAYS} days at once.")
    limit = _limit(_one(parameters, "limit") or str(USUAL_ENTRIES))
    requested = (("from", begins), ("to", ends), ("limit", str(limit)))
    return Span(since, until, limit, after, "from" in parameters, requested)


def open_days(parameters: RequestParameters, reach: DateRange) -> list[date]:
    """Read of which days the open times are asked for. Raises `BadQuery`."""
    if "date" in parameters and ("from" in parameters or "to" in parameters):
        raise BadQuery("date is one day, from and to are several; ask for one or the other.")
    if "date" in parameters:
        return [_day("date", _one(parameters, "date"), reach.first, reach.last)]
    first = (
        _day("from", _one(parameters, "from"), reach.first, reach.last)
        if "from" in parameters
        else reach.today
    )
    last = (
        _day("to", _one(parameters, "to"), reach.first, reach.last) if "to" in parameters else first
    )
    if last < first:
        raise BadQuery("from must not be after to.")
    count = (last - first).days + 1
    if count > MOST_OPEN_DAYS:
        raise BadQuery(
            f"from and to are too far apart; ask for at most {MOST_OPEN_DAYS} days at once."
        )
    return [first + timedelta(days=number) for number in range(count)]


def midnight(day: date, zone: str) -> datetime:
    """Return in UTC when a local day begins."""
    return timezones.midnight(day, zone)


def tomorrow(now: datetime, zone: str) -> date:
    return timezones.local_date(now, zone) + timedelta(days=1)


def _one(parameters: RequestParameters, name: str) -> str:
    values = parameters.get(name, [])
    if len(set(values)) > 1:
        raise BadQuery(f"{name} is {quoted(','.join(values))} and must be given once.")
    return values[0] if values else ""


def _limit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= MOST_ENTRIES:
        raise BadQuery(
            f"limit is {quoted(text)} and must be a whole number from 1 to {MOST_ENTRIES}."
        )
    return int(text)


def _day(name: str, text: str, first: date, last: date) -> date:
    result = _date(text) if _DAY.fullmatch(text) else None
    if result is None or not first <= result <= last:
        raise BadQuery(
            f"{name} is {quoted(text)} and must be a day from {first} to {last}, written as"
            " YYYY-MM-DD."
        )
    return result


def _moment(
    name: str, text: str, first: date, last: date, zone: str, *, ends: bool = False
) -> datetime:
    """Read a day, which is whole, or a moment; in UTC."""
    earliest, latest = midnight(first, zone), midnight(last + timedelta(days=1), zone)
    result = _day_or_moment(text, zone, ends=ends)
    if result is None or not earliest <= result <= latest:
        raise BadQuery(
            f"{name} is {quoted(text)} and must be a day from {first} to {last}, written as"
            " YYYY-MM-DD, or a moment within them, written as 2026-11-21T18:30:00Z."
        )
    return result


def _day_or_moment(text: str, zone: str, *, ends: bool) -> datetime | None:
    if _DAY.fullmatch(text):
        day = _date(text)
        return None if day is None else midnight(day + timedelta(days=1) if ends else day, zone)
    parts = _MOMENT.fullmatch(text)
    if parts is None or _date(parts[1]) is None:
        return None
    offset = "+00:00" if parts[4] in "Zz" else parts[4].replace(" ", "+")
    try:
        return datetime.fromisoformat(f"{parts[1]}T{parts[2]}{parts[3] or ''}{offset}").astimezone(
            UTC
        )
    except ValueError:
        return None


def _date(text: str) -> date | None:
    """Read a day; those at either end of time, where reckoning with zones fails, are none."""
    try:
        result = date.fromisoformat(text)
    except ValueError:
        return None
    return result if 1 < result.year < 9999 else None


def _key(text: str) -> Key:
    try:
        start, end, uid = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(".", 2)
        result = Key(int(start), int(end), uid)
    except ValueError:
        result = None
    if result is None or str(result) != text:
        raise BadQuery(f"after is {quoted(text)} and must be what the page before has in its next.")
    return result
