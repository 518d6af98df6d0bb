"""What a display on the wall is given: today's entries and the days to come, with every text that a
clock would need.

Pure. A display trusts neither its own clock nor its own zone, so each moment is here twice: in
seconds since 1970, to reckon with, and as people at the school read it. What is shown of it at a
moment is for `glance` and `display.js`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.feeds import FeedQuery, display_text
from icalbridge.feeds.audience import Audience, Status, admit, view
from icalbridge.feeds.query import Cancelled
from icalbridge.feeds.selection import select
from icalbridge.web import formatting
from icalbridge.web.views.calendar_grid import page_title

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from icalbridge.feeds.audience import Item
    from icalbridge.models import Entry, Feed

VERSION = 1
"""Raised when a display that was started before could not read what is written now."""
NAMED_DAYS = 8
"""How many days from today on have their names with them; a display without a network can tell the
date so long.
"""
OFFSET_DAYS = 400
MOST_ENTRIES = 400
MARKED = FeedQuery(cancelled=Cancelled.MARK)


@dataclass(frozen=True, slots=True)
class Said:
    """A moment as people at the school read it."""

    at: int
    """Seconds since 1970."""
    text: str
    """`6:30 PM`"""
    date: str
    """`2026-11-21`; of an end, the day of the second before it: midnight belongs to the evening."""
    day: str
    """`Sat, Nov 21`"""


@dataclass(frozen=True, slots=True)
class Slot:
    """One entry."""

    start: Said
    end: Said
    title: str
    facility: str
    school: str
    zone: str
    """The letters of its zone, only where it is not the board's."""
    cancelled: bool

    @property
    def starts_at(self) -> int:
        return self.start.at

    @property
    def ends_at(self) -> int:
        return self.end.at


@dataclass(frozen=True, slots=True)
class NamedDay:
    date: str
    name: str
    """`Saturday, November 21`"""
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line for programs that fill a data set; what is over is not there, nor is any day but
    today.
    """

    facility: str
    school: str
    title: str
    start: str
    end: str
    date: str
    status: str
    """`now`, `upcoming` or `cancelled`."""


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that a display knows."""

    version: int
    kind: str
    id: str
    title: str
    school: str
    """Where a facility is; empty for a property."""
    schools: bool
    """Whether each line names its school."""
    zone: str
    as_of: Said
    """When what is told was fetched from the booking system."""
    until: int
    """Up to when everything is here, in seconds since 1970; nothing is known of what comes after.
    """
    offsets: tuple[tuple[int, int], ...]
    """From when on which offset from UTC holds, both in seconds."""
    days: tuple[NamedDay, ...]
    entries: tuple[Slot, ...]
    rows: tuple[Row, ...]

    def json(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Place:
    """What a board is of."""

    feed: Feed
    title: str
    school: str
    zone: str
    schools: Mapping[str, str]
    """Names by id."""


def board(
    place: Place, entries: Iterable[Entry], *, as_of: datetime, now: datetime, days: int
) -> Board:
    """Make the board of a place: what has not ended at `now`, until some midnights later in the
    place's zone.

    `entries` may be of any status: what was called off is told as cancelled, what never was on is
    not told.
    """
    today = timezones.local_date(now, place.zone)
    shown, until = within(entries, place.zone, now=now, days=days)
    known = [_slot(entry, place) for entry in shown]
    named = tuple(
        _named(today + timedelta(days=number), place.zone) for number in range(NAMED_DAYS)
    )
    return Board(
        version=VERSION,
        kind=place.feed.kind,
        id=place.feed.id,
        title=display_text(place.title),
        school=display_text(place.school),
        schools=len(place.schools) > 1,
        zone=place.zone,
        as_of=said(as_of, place.zone),
        until=_seconds(until),
        offsets=offsets(place.zone, today),
        days=named,
        entries=tuple(known),
        rows=tuple(_row(each, now) for each in known if each.start.at < named[0].end),
    )


def within(
    entries: Iterable[Entry], zone: str, *, now: datetime, days: int
) -> tuple[Sequence[Entry], datetime]:
    """Return what has not ended at `now` and is to be told, by start, and up to when that is
    everything.
    """
    until = _midnight(timezones.local_date(now, zone) + timedelta(days=days), zone)
    shown = select(
        entries, now=now, history=timedelta(0), horizon=timedelta(days=days + 2), shape=MARKED
    ).entries
    found = [entry for entry in shown if entry.start < until]
    if len(found) > MOST_ENTRIES:
        until = found[MOST_ENTRIES].start
    return found[:MOST_ENTRIES], until


def said(moment: datetime, zone: str, *, ends: bool = False) -> Said:
    belongs = timezones.local_date(moment - timedelta(seconds=1) if ends else moment, zone)
    text = formatting.clock_time(moment, zone)
    return Said(_seconds(moment), text, belongs.isoformat(), formatting.short_day(belongs))


@lru_cache(maxsize=256)
def offsets(zone: str, first: date) -> tuple[tuple[int, int], ...]:
    """Return which offset from UTC holds from when on: at the beginning of a day, and after each
    change of clocks.
    """
    since = _seconds(_midnight(first, zone))
    found = [(since, _offset(since, zone))]
    for number in range(OFFSET_DAYS):
        before, after = since + number * 86_400, since + (number + 1) * 86_400
        if _offset(after, zone) != found[-1][1]:
            changed = _first_with(_offset(after, zone), before, after, zone)
            found.append((changed, _offset(after, zone)))
    return tuple(found)


def _first_with(offset: int, before: int, after: int, zone: str) -> int:
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if _offset(middle, zone) == offset else (middle, after)
    return after


def _offset(at: int, zone: str) -> int:
    there = datetime.fromtimestamp(at, UTC).astimezone(timezones.zone(zone)).utcoffset()
    return int((there or timedelta(0)).total_seconds())


def _slot(entry: Entry, place: Place) -> Slot:
    name = place.schools.get(entry.property_id, "")
    cancelled = not entry.shown
    item = admit(
        entry,
        Status.CANCELLED if cancelled else Status.CONFIRMED,
        view(Audience.PUBLIC),
        school=name,
    )
    zone = entry.zone if timezones.exists(entry.zone) else place.zone
    return Slot(
        start=said(entry.start, zone),
        end=said(entry.end, zone, ends=True),
        title=page_title(item),
        facility=_facility(item),
        school=display_text(name),
        zone="" if zone == place.zone else formatting.zone_letters(entry.start, zone),
        cancelled=cancelled,
    )


def _facility(item: Item) -> str:
    return item.facility or item.type


def _row(slot: Slot, now: datetime) -> Row:
    status = (
        "cancelled" if slot.cancelled else "now" if slot.start.at <= _seconds(now) else "upcoming"
    )
    return Row(
        slot.facility,
        slot.school,
        slot.title,
        slot.start.text,
        slot.end.text,
        slot.start.date,
        status,
    )


def _named(day: date, zone: str) -> NamedDay:
    start, end = (_seconds(_midnight(each, zone)) for each in (day, day + timedelta(days=1)))
    return NamedDay(day.isoformat(), formatting.weekday(day), start, end)


def _midnight(day: date, zone: str) -> datetime:
    return timezones.midnight(day, zone)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
