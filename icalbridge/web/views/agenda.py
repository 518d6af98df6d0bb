"""What an embedded calendar shows of a feed's items: a list day by day, or every day of some weeks.

Pure: `now` is an argument. It is given the feed's own items, so what is shown is what subscribers
see; the days of a week or a month are for `week` and `month`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from babel.dates import format_date

from icalbridge import timezones
from icalbridge.web import formatting
from icalbridge.web.i18n import current
from icalbridge.web.views.month import beside, sheet
from icalbridge.web.views.preview import Day, Line, line
from icalbridge.web.views.week import week_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from icalbridge.feeds.audience import Item

WEEK = timedelta(days=7)
MOST_LINES = {"week": 30, "month": 4}
"""How many lines a day has."""


class Told(NamedTuple):
    """What all lines of a calendar have in common."""

    now: datetime
    zone: str
    """The feed's own."""
    schools: Mapping[str, str]
    """Names by id, where each line should say which school it is in."""

    @property
    def today(self) -> date:
        return timezones.local_date(self.now, self.zone)


@dataclass(frozen=True, slots=True)
class Agenda:
    days: tuple[Day, ...]
    left_out: int
    """How many items did not fit."""


@dataclass(frozen=True, slots=True)
class Span:
    """The days of a week, or of the weeks that a month lies in."""

    view: str
    first: date
    count: int
    about: date
    """A day of the week or month that is meant."""

    @property
    def end(self) -> date:
        return self.first + timedelta(days=self.count)

    @property
    def earlier(self) -> date:
        """A day of the week or month before."""
        return self.about - WEEK if self.view == "week" else beside(self.about, -1)

    @property
    def later(self) -> date:
        return self.about + WEEK if self.view == "week" else beside(self.about, 1)

    @property
    def title(self) -> str:
        """`November 2026`, or `Nov 15 – 21, 2026`."""
        if self.view == "month":
            return formatting.month_name(self.about)
        return formatting.days(self.first, self.end - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of a week or month."""

    day: date
    name: str
    """`Saturday, November 21`"""
    weekday: str
    """`Sat`"""
    lines: tuple[Line, ...]
    left_out: int
    today: bool
    past: bool
    outside: bool
    """Whether it belongs to another month."""


def agenda(items: Iterable[Item], until: datetime, told: Told, limit: int) -> Agenda:
    """Arrange what has not ended and begins before `until`."""
    coming = [each for each in items if each.end > told.now and each.start < until]
    lines = sorted((line(each, *told) for each in coming[:limit]), key=lambda each: each.day)
    days = (
        Day(formatting.day(day, told.today), tuple(some))
        for day, some in groupby(lines, lambda each: each.day)
    )
    return Agenda(tuple(days), len(coming) - len(lines))


def span(view: str, about: date) -> Span:
    """Return the week, or the weeks of the month, in which a day lies; weeks begin as in the
    reader's region.
    """
    first, count = (week_start(about), 7) if view == "week" else sheet(about)
    return Span(view, first, count, about)


def cells(items: Iterable[Item], shown: Span, told: Told) -> tuple[Cell, ...]:
    """Arrange items over the days of a span; one that lasts longer is on each of its days."""
    held: dict[date, list[Item]] = {
        shown.first + timedelta(days=number): [] for number in range(shown.count)
    }
    for item in items:
        for day in _days(item, told.zone, shown):
            held[day].append(item)
    return tuple(_cell(day, on_it, shown, told) for day, on_it in held.items())


def _days(item: Item, feed_zone: str, shown: Span) -> Iterable[date]:
    zone = item.zone if timezones.exists(item.zone) else feed_zone
    first = max(timezones.local_date(item.start, zone), shown.first)
    last = min(
        timezones.local_date(item.end - timedelta(seconds=1), zone), shown.end - timedelta(days=1)
    )
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _cell(day: date, items: Sequence[Item], shown: Span, told: Told) -> Cell:
    limit = MOST_LINES[shown.view]
    return Cell(
        day=day,
        name=formatting.weekday(day),
        weekday=str(format_date(day, "ccc", locale=current())),
        lines=tuple(line(each, *told, day=day) for each in items[:limit]),
        left_out=max(0, len(items) - limit),
        today=day == told.today,
        past=day < told.today,
        outside=shown.view == "month" and day.month != shown.about.month,
    )


def midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time.min, timezones.zone(zone))
