"""Which facilities are free at a time: the parameters of `/free`, and the answer. Pure.

A day and times of day are those of each school's own clock. Free is what `open_times` calls free: a
place to ask for, no promise.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from datetime import time, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from msgspec import Meta, Struct, field

from icalbridge import timezones
from icalbridge.feeds.query_values import IDS, TEXTS, quoted, read_list
from icalbridge.text import name_key
from icalbridge.web.i18n import gettext
from icalbridge.web.parameters import Refused, convert_parameters
from icalbridge.web.views.open_times import free_spans, local_moment, open_hours
from icalbridge.words import has_words, parse_words, word_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from icalbridge.models import Facility, Property
    from icalbridge.web.views.filters import DateRange
    from icalbridge.web.views.open_times import BookedTime

OWN = ("date", "from", "to", "length", "capacity", "page")
TAKES = (*OWN, "type", "property")
SHORTEST, LONGEST = 30, 960
"""Minutes that may be asked for."""
USUAL = 60
"""Minutes from a time without an end."""
MOST_PEOPLE = MOST_PAGES = 9999

Clock = Annotated[str, Meta(pattern="^(?:[01][0-9]|2[0-3]):[0-5][0-9]$")]


class FreeParameters(Struct, frozen=True):
    date: dt.date | None = None
    from_: Clock | None = field(name="from", default=None)
    to: Clock | None = None
    length: Annotated[int, Meta(ge=SHORTEST, le=LONGEST)] | None = None
    capacity: Annotated[int, Meta(ge=1, le=MOST_PEOPLE)] | None = None
    page: Annotated[int, Meta(ge=1, le=MOST_PAGES)] = 1


@dataclass(frozen=True, slots=True)
class FreeQuery:
    """What is looked for."""

    day: dt.date
    start: time | None = None
    end: time | None = None
    length: int | None = None
    """Minutes."""
    capacity: int | None = None
    kinds: tuple[str, ...] = ()
    """Folded; a facility has the words of one in its type or name."""
    property_ids: tuple[str, ...] = ()
    """Any school where there are none; a district stands for its schools."""
    page: int = 1

    def window(self, zone: str, now: dt.datetime) -> tuple[dt.datetime, dt.datetime, timedelta]:
        """Return within which moments a facility must be free for how long.

        From a time to another, all of it; for a length from a time on; else for the length at any
        time between what is given of both.
        """
        midnight, next_midnight = timezones.day_bounds(self.day, zone)
        since = max(midnight, now) if self.start is None else self._at(self.start, zone)
        length = timedelta(minutes=self.length or (SHORTEST if self.start is None else USUAL))
        if self.end is not None:
            until = self._at(self.end, zone)
            whole = self.start is not None and self.length is None
            return since, until, until - since if whole else length
        return since, next_midnight if self.start is None else since + length, length

    def _at(self, clock: time, zone: str) -> dt.datetime:
        return local_moment(self.day, clock, zone)

    @property
    def parameters(self) -> dict[str, Any]:
        """Return the parameters as an address has them; None for what is not given."""
        return {
            "date": self.day.isoformat(),
            "from": self.start and f"{self.start:%H:%M}",
            "to": self.end and f"{self.end:%H:%M}",
            "length": self.length,
            "capacity": self.capacity,
            "type": [TEXTS.write(self.kinds)] if self.kinds else None,
            "property": [IDS.write(self.property_ids)] if self.property_ids else None,
            "page": self.page if self.page > 1 else None,
        }

    @property
    def first_page(self) -> str:
        """Return the query of the first page."""
        return self._of_page(1)

    @property
    def next_page(self) -> str:
        """Return the query of the page after this one."""
        return self._of_page(self.page + 1)

    def _of_page(self, page: int) -> str:
        parameters = replace(self, page=page).parameters
        return urlencode({name: value for name, value in parameters.items() if value}, doseq=True)


@dataclass(frozen=True, slots=True)
class FreeSpace:
    """A facility, and the span around the time that is looked for in which it is free."""

    facility: Facility
    school: Property
    start: dt.datetime
    end: dt.datetime

    @property
    def zone(self) -> str:
        return zone_of(self.school)


def read_free_query(parameters: Mapping[str, Sequence[str]], reach: DateRange) -> FreeQuery:
    """Return what an address asks for. Raises `Refused`, and `BadQuery` for a list of values."""

    def refusal(name: str, value: str) -> str:
        return gettext("%(name)s is %(given)s and must be %(expected)s.") % {
            "name": name,
            "given": value,
            "expected": _expected(name, reach),
        }

    own = convert_parameters(
        parameters, FreeParameters, refusal, numbers=("length", "capacity", "page")
    )
    if own.date and not reach.today <= own.date <= reach.last:
        raise Refused(refusal("date", quoted(parameters["date"][-1])))
    start, end = (text and time.fromisoformat(text) for text in (own.from_, own.to))
    if end and end <= (start or time()):
        raise Refused(gettext("The start (from) must be before the end (to)."))
    return FreeQuery(
        own.date or reach.today,
        start or None,
        end or None,
        own.length,
        own.capacity,
        read_list("type", parameters, TEXTS),
        read_list("property", parameters, IDS),
        own.page,
    )


def _expected(name: str, reach: DateRange) -> str:
    if name == "date":
        text = gettext("a day from %(first)s to %(last)s, written as YYYY-MM-DD")
        return text % {"first": reach.today.isoformat(), "last": reach.last.isoformat()}
    if name in ("from", "to"):
        return gettext("a time of day, written as 18:30")
    low, high = {"length": (SHORTEST, LONGEST), "capacity": (1, MOST_PEOPLE)}.get(
        name, (1, MOST_PAGES)
    )
    return gettext("a whole number from %(low)d to %(high)d") % {"low": low, "high": high}


def chosen_schools(
    schools: Sequence[Property], property_ids: Iterable[str]
) -> tuple[Property, ...]:
    """Return the schools that some ids stand for, in their order; all where there are none. Raises
    `Refused` for an id that none of them has.
    """
    by_id = {school.id: school for school in schools}
    chosen: set[str] = set()
    for property_id in property_ids:
        if property_id not in by_id:
            message = gettext("There is no school %(given)s here; look its id up in the directory.")
            raise Refused(message % {"given": quoted(property_id)})
        chosen |= {property_id, *by_id[property_id].child_ids}
    return tuple(school for school in schools if not chosen or school.id in chosen)


def find_free_spaces(
    query: FreeQuery,
    schools: Sequence[Property],
    facilities: Iterable[Facility],
    booked: Mapping[str, Sequence[BookedTime]],
    now: dt.datetime,
) -> list[FreeSpace]:
    """Return what is free in some schools: what is of just this kind first, then what is no larger
    than it must be, then by school and by how long it is free.

    `booked`: when each facility is booked on that day.
    """
    order = {school.id: number for number, school in enumerate(schools)}
    windows = {zone: query.window(zone, now) for zone in {zone_of(school) for school in schools}}
    ranked: list[tuple[bool, int, int, timedelta, int, FreeSpace]] = []
    for facility in facilities:
        number = order.get(facility.property_id)
        if number is None or not _is_fit(facility, query):
            continue
        zone = zone_of(schools[number])
        if windows[zone][1] <= now:
            continue
        spans = free_spans(booked.get(facility.id, ()), open_hours(query.day, zone), now)
        if span := _longest(spans, *windows[zone], now):
            space = FreeSpace(facility, schools[number], *span)
            inexact = bool(query.kinds) and _kind(facility) not in query.kinds
            size = (facility.capacity or 0) if query.capacity else 0
            left = space.end - max(space.start, now)
            ranked.append((inexact, size, number, -left, len(ranked), space))
    return [row[-1] for row in sorted(ranked)]


def zone_of(school: Property) -> str:
    return timezones.known_or_utc(school.timezone)


def _kind(facility: Facility) -> str:
    return name_key(facility.type)


def _is_fit(facility: Facility, query: FreeQuery) -> bool:
    if query.capacity and (facility.capacity or 0) < query.capacity:
        return False
    if not query.kinds:
        return True
    lines = word_lines(facility.type, facility.name)
    return any(has_words(lines, parse_words(kind)) for kind in query.kinds)


def _longest(
    spans: Iterable[tuple[dt.datetime, dt.datetime]],
    since: dt.datetime,
    until: dt.datetime,
    length: timedelta,
    now: dt.datetime,
) -> tuple[dt.datetime, dt.datetime] | None:
    """Return the span that is longest from now on and holds so long a part of a window."""
    fit = [(start, end) for start, end in spans if min(end, until) - max(start, since) >= length]
    return max(fit, key=lambda span: span[1] - max(span[0], now), default=None)
