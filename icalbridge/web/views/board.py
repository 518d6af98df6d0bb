"""What a display on the wall is given: entries, days and states, with every text already written.

Pure. A display trusts neither its own clock nor its own zone: moments are in seconds since 1970,
and texts are as people at the school read them. `states` is a timeline: the display picks the
last state that has begun, the day that it is, and leaves out the lines that ended.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.text import display_text
from icalbridge.web import formatting
from icalbridge.web.views.calendar_grid import page_title
from icalbridge.web.views.occupancy_state import find_occupancy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icalbridge.feeds.audience import Item
    from icalbridge.models import Facility, Feed
    from icalbridge.web.views.occupancy_state import State

    Words = Mapping[str, str]

VERSION = 1
"""Raised when a display that was started before could not read what is written now."""
NAMED_DAYS = 8
"""How many days from today on are described; a display without a network can tell the date so long.
"""
OFFSET_DAYS = 400
MOST_ENTRIES = 400
LONGEST_LABEL = 60
"""Characters that fit into two lines of a display."""
LEAST_NAME = 16
"""Characters of a name that are left beside a long activity."""


@dataclass(frozen=True, slots=True)
class LocalMoment:
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
class BoardEntry:
    start: LocalMoment
    end: LocalMoment
    title: str
    label: str
    """The title as a display shows it, where that is shorter: its activity stays readable."""
    facility: str
    school: str
    zone: str
    """The letters of its zone, only where it is not the board's."""
    cancelled: bool
    place: str
    """Facility and school, as a line names them."""

    @property
    def starts_at(self) -> int:
        return self.start.at

    @property
    def ends_at(self) -> int:
        return self.end.at


@dataclass(frozen=True, slots=True)
class BoardLine:
    """The times of an entry as a day's board writes them."""

    entry: int
    """Index of the entry."""
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class BoardDay:
    date: str
    name: str
    """`Saturday, November 21`"""
    start: int
    end: int
    as_of: str
    """`As of Fri, Nov 20, 6:30 PM`, as it is written on this day."""
    lines: tuple[BoardLine, ...]
    """Entries that are on at some time of the day, by school where there are several."""
    more: int
    """How many others are on that day, which the board has no room for."""
    next: BoardLine | None
    """The first entry of a later day that is not cancelled."""


@dataclass(frozen=True, slots=True)
class BoardState:
    """Whether a place is in use, from a moment until the next state begins."""

    since: int
    state: State
    headline: str
    until: str
    ends: int | None
    """Up to which moment the remaining time is counted, in seconds since 1970; None for none."""


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One line for signage systems that fill a data set: of today, not over."""

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
    as_of: LocalMoment
    """When the data were fetched from the booking system."""
    until: int
    """Up to when everything is here, in seconds since 1970; what comes after is unknown."""
    offsets: tuple[tuple[int, int], ...]
    """From when on which offset from UTC holds, both in seconds."""
    days: tuple[BoardDay, ...]
    states: tuple[BoardState, ...]
    entries: tuple[BoardEntry, ...]
    rows: tuple[BoardRow, ...]

    def json(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class BoardSubject:
    """The facility or property that a board is of."""

    feed: Feed
    title: str
    school: str
    zone: str
    schools: Mapping[str, str]
    """Names by property id."""
    facilities: tuple[Facility, ...] = ()
    """The facility itself, or those of a property and its schools; none of a saved feed."""


def make_board(
    subject: BoardSubject,
    items: Sequence[Item],
    words: Words,
    *,
    until: datetime,
    as_of: datetime,
    now: datetime,
) -> Board:
    """Make a board of the items, in order of start, that have not ended and begin before `until`.

    Cancelled ones are among them. The same items give the same board all day long. Of a property
    everything before `until` is known, though its days only count what is too much for a board; a
    facility is unknown from there on.
    """
    zone, today = subject.zone, timezones.local_date(now, subject.zone)
    shown = [item for item in items if item.end > now and item.start < until]
    left_out = shown[MOST_ENTRIES:]
    if left_out and subject.feed.kind == "facility":
        until = left_out[0].start
    known_until = _seconds(until)
    entries = tuple(_entry(item, subject, words) for item in shown[:MOST_ENTRIES])
    fetched = local_moment(as_of, zone)
    dates = [today + timedelta(days=number) for number in range(NAMED_DAYS)]
    days = tuple(_day(day, subject, entries, fetched, left_out, words) for day in dates)
    return Board(
        version=VERSION,
        kind=subject.feed.kind,
        id=subject.feed.id,
        title=display_text(subject.title),
        school=display_text(subject.school),
        schools=len(subject.schools) > 1,
        zone=zone,
        as_of=fetched,
        until=known_until,
        offsets=offsets(zone, today),
        days=days,
        states=tuple(_states(entries, days, known_until, words)),
        entries=entries,
        rows=tuple(_row(entry, now) for entry in entries if entry.start.at < days[0].end),
    )


def local_moment(moment: datetime, zone: str, *, ends: bool = False) -> LocalMoment:
    day = timezones.local_date(moment - timedelta(seconds=1) if ends else moment, zone)
    text = formatting.clock_time(moment, zone)
    return LocalMoment(_seconds(moment), text, day.isoformat(), formatting.short_day(day))


@lru_cache(maxsize=256)
def offsets(zone: str, first: date) -> tuple[tuple[int, int], ...]:
    """Return which offset from UTC holds from when on: at the beginning of a day, and after each
    change of clocks.
    """
    since = _seconds(timezones.midnight(first, zone))
    offsets_in_order = [(since, _offset(since, zone))]
    for number in range(OFFSET_DAYS):
        before, after = since + number * 86_400, since + (number + 1) * 86_400
        if _offset(after, zone) != offsets_in_order[-1][1]:
            changed = _first_with(_offset(after, zone), before, after, zone)
            offsets_in_order.append((changed, _offset(after, zone)))
    return tuple(offsets_in_order)


def _first_with(offset: int, before: int, after: int, zone: str) -> int:
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if _offset(middle, zone) == offset else (middle, after)
    return after


def _offset(at: int, zone: str) -> int:
    local = datetime.fromtimestamp(at, UTC).astimezone(timezones.zone(zone)).utcoffset()
    return int((local or timedelta(0)).total_seconds())


def _entry(item: Item, subject: BoardSubject, words: Words) -> BoardEntry:
    zone = item.zone if timezones.exists(item.zone) else subject.zone
    facility = item.facility or item.type
    school = display_text(subject.schools.get(item.property_id, ""))
    named = [facility, school] if len(subject.schools) > 1 else [facility]
    place = fill(words["place"], facility=facility, school=school)
    return BoardEntry(
        start=local_moment(item.start, zone),
        end=local_moment(item.end, zone, ends=True),
        title=page_title(item),
        label=_label(item),
        facility=facility,
        school=school,
        zone="" if zone == subject.zone else formatting.zone_letters(item.start, zone),
        cancelled=item.cancelled is not None,
        place=place if all(named) and len(named) > 1 else "".join(named),
    )


def _label(item: Item) -> str:
    """Return a long title with its name cut, so that the activity is read; empty for others."""
    if len(page_title(item)) <= LONGEST_LABEL:
        return ""
    activity = _cut(item.activity, LONGEST_LABEL - LEAST_NAME)
    name = _cut(item.name, LONGEST_LABEL - len(activity) - 2)
    return page_title(item._replace(name=name, activity=activity))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def _day(
    day: date,
    subject: BoardSubject,
    entries: Sequence[BoardEntry],
    as_of: LocalMoment,
    left_out: Sequence[Item],
    words: Words,
) -> BoardDay:
    begins, ends = timezones.day_bounds(day, subject.zone)
    start, end = _seconds(begins), _seconds(ends)
    later = (
        number
        for number, entry in enumerate(entries)
        if entry.start.at >= end and not entry.cancelled
    )
    following = next(later, None)
    order = list(enumerate(entries))
    if len(subject.schools) > 1:
        order.sort(key=lambda numbered: numbered[1].school.casefold())
    return BoardDay(
        date=day.isoformat(),
        name=formatting.weekday(day),
        start=start,
        end=end,
        as_of=fill(words["as_of"], time=_written(as_of, day, words)),
        lines=tuple(
            _line(number, entry, day, words)
            for number, entry in order
            if entry.start.at < end and entry.end.at > start
        ),
        more=sum(item.start < ends and item.end > begins for item in left_out),
        next=None if following is None else _line(following, entries[following], day, words),
    )


def _line(number: int, entry: BoardEntry, day: date, words: Words) -> BoardLine:
    end = _written(entry.end, day, words, entry.start.date)
    return BoardLine(
        number, _written(entry.start, day, words), f"{end} {entry.zone}" if entry.zone else end
    )


def _written(moment: LocalMoment, day: date, words: Words, beside: str = "") -> str:
    """Return a time as it is written on a day, with its own day unless that is this one, or was
    written already.
    """
    if moment.date in (day.isoformat(), beside):
        return moment.text
    name = words["tomorrow"] if _is_tomorrow(moment, day) else moment.day
    return fill(words["on"], day=name, time=moment.text)


def _is_tomorrow(moment: LocalMoment, day: date) -> bool:
    return moment.date == (day + timedelta(days=1)).isoformat()


def _states(
    entries: Sequence[BoardEntry], days: Sequence[BoardDay], known_until: int, words: Words
) -> list[BoardState]:
    """Return the timeline of a place: unknown before the first day, and from `known_until` on."""
    states = [BoardState(0, "unknown", words["unknown"], "", None)]
    for day in days:
        at = day.start
        while at < min(day.end, known_until):
            occupancy = find_occupancy(entries, at, day.end, known_until)
            end = occupancy.last.end if occupancy.last else None
            if occupancy.taken_by:
                end = occupancy.taken_by.start
            until = _until(end, date.fromisoformat(day.date), words) if end else words["rest"]
            headline = words[occupancy.state]
            states.append(BoardState(at, occupancy.state, headline, until, end.at if end else None))
            at = min(end.at, day.end) if end else day.end
    states.append(BoardState(known_until, "unknown", words["unknown"], "", None))
    return states


def _until(end: LocalMoment, day: date, words: Words) -> str:
    if _is_tomorrow(end, day):
        return fill(words["until_tomorrow"], time=end.text)
    return fill(words["until"], time=_written(end, day, words))


def _row(entry: BoardEntry, now: datetime) -> BoardRow:
    running = "now" if entry.start.at <= _seconds(now) else "upcoming"
    return BoardRow(
        entry.facility,
        entry.school,
        entry.title,
        entry.start.text,
        entry.end.text,
        entry.start.date,
        "cancelled" if entry.cancelled else running,
    )


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def fill(text: str, **values: str) -> str:
    """Return a text with `{name}` replaced by values, as `display.js` does it."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text
