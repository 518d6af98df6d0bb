"""Entries by calendar day: a week or any other run of days, each with all that is on then.

Pure: `now` is an argument. What goes on past midnight is on both days; every entry is told in its
own school's zone. Which days, and where one goes from there, is for `views`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from babel.dates import format_date, format_skeleton

from icalbridge import timezones
from icalbridge.web import formatting, i18n
from icalbridge.web.views.schedule import title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icalbridge.models import Entry

MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry on one day."""

    entry: Entry
    title: str
    starts: str
    """With the day where it began on an earlier one."""
    ends: str
    zone: str
    """The zone's short name, only where it is not the page's zone."""
    running: bool


@dataclass(frozen=True, slots=True)
class Day:
    """One calendar day."""

    date: date
    today: bool
    lines: tuple[Line, ...]
    heading: str
    """Said in full: `Today, Saturday, November 21`."""

    @property
    def weekday(self) -> str:
        """Its name as the head of a column has it: `Sat`."""
        return format_date(self.date, "EEE", locale=i18n.current())

    @property
    def short(self) -> str:
        """Month and day as the head of a column has them: `Nov 21`."""
        return format_skeleton(
            "MMMd", datetime.combine(self.date, datetime.min.time()), locale=i18n.current()
        )

    @property
    def count(self) -> int:
        return len(self.lines)


def week_start(day: date, first_weekday: int | None = None) -> date:
    """Return the first day of the week that holds a day; 0 is a Monday, None as the reader's region
    has it.
    """
    first = i18n.current().first_week_day if first_weekday is None else first_weekday
    return day - timedelta(days=(day.weekday() - first) % 7)


def by_day(
    entries: Sequence[Entry], first: date, count: int, now: datetime, zone: str
) -> tuple[Day, ...]:
    """Arrange entries, sorted by start, by the days from `first` on; days with nothing on are there
    too.

    `zone` is the page's own: what day is today is said in it.
    """
    today = timezones.local_date(now, zone)
    days = [first + timedelta(days=number) for number in range(count)]
    lines: dict[date, list[Line]] = {day: [] for day in days}
    for entry in entries:
        own = entry.zone if timezones.exists(entry.zone) else zone
        begun = timezones.local_date(entry.start, own)
        last = timezones.local_date(max(entry.start, entry.end - MOMENT), own)
        for day in days:
            if begun <= day <= last:
                lines[day].append(_line(entry, begun, day, now, own, zone))
    return tuple(
        Day(day, day == today, tuple(lines[day]), formatting.day(day, today)) for day in days
    )


def shortened(days: Sequence[Day], most: int) -> tuple[tuple[Day, ...], int]:
    """Return the days with the first so many lines of all, and how many lines that leaves out."""
    kept, room = [], most
    for day in days:
        kept.append(replace(day, lines=day.lines[:room]))
        room -= kept[-1].count
    return tuple(kept), sum(day.count for day in days) - sum(day.count for day in kept)


def _line(entry: Entry, begun: date, day: date, now: datetime, own: str, page_zone: str) -> Line:
    starts = formatting.clock_time(entry.start, own)
    return Line(
        entry=entry,
        title=title(entry),
        starts=starts if begun == day else f"{formatting.short_day(begun)}, {starts}",
        ends=formatting.end_time(entry.end, own, day),
        zone="" if own == page_zone else formatting.zone_letters(entry.start, own),
        running=entry.start <= now < entry.end and day == timezones.local_date(now, own),
    )
