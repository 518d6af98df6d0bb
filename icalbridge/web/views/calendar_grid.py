"""A calendar as people read it: a list, a week or a month, for pages, embeds and previews.

Pure functions of a calendar's items, a span of days and `now`. Each entry is shown in the zone of
its own school, and falls on the day that it is there.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.feeds.audience import Status
from icalbridge.feeds.days import NIGHT, is_long
from icalbridge.feeds.titles import TitleTexts, fill
from icalbridge.text import cut
from icalbridge.web import formatting, i18n
from icalbridge.web.i18n import gettext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from icalbridge.feeds.audience import Item

VIEWS = ("list", "week", "month")
MOMENT = timedelta(microseconds=1)
SHORTEST_DAY = timedelta(hours=23)
"""One on which the clocks are set forward."""


@dataclass(frozen=True, slots=True)
class GridSpan:
    """The days of a list, of a week, or of the weeks in which a month lies."""

    view: str
    day: date
    """The day around which it was requested."""
    first: date
    count: int

    @property
    def end(self) -> date:
        """The first day after it."""
        return self.first + timedelta(days=self.count)

    @property
    def title(self) -> str:
        """`November 2026`, or `Nov 15 – 21, 2026`."""
        if self.view == "month":
            return formatting.month_name(self.day)
        if self.count == 1:
            return formatting.full_date(self.first)
        return formatting.days(self.first, self.end - timedelta(days=1))

    def neighbor(self, step: int) -> date:
        """Return the first day of the span before (-1) or after (1)."""
        if self.view == "month":
            return month_beside(self.day, step)
        return self.first + timedelta(days=step * self.count)


def span(view: str, day: date, list_days: int = 1) -> GridSpan:
    """Return the span of a view around a day; weeks begin as in the reader's region."""
    match view:
        case "week":
            return GridSpan(view, day, week_start(day), 7)
        case "month":
            return GridSpan(view, day, *month_sheet(day))
        case "day":
            return GridSpan(view, day, day, 1)
        case _:
            return GridSpan(view, day, day, list_days)


def week_start(day: date, first_weekday: int | None = None) -> date:
    """Return the first day of a day's week; `first_weekday` is 0 for Monday, None as in the
    reader's region.
    """
    first = i18n.current().first_week_day if first_weekday is None else first_weekday
    return day - timedelta(days=(day.weekday() - first) % 7)


def month_sheet(day: date, first_weekday: int | None = None) -> tuple[date, int]:
    """Return the first day and the number of days of the whole weeks that show a day's month."""
    last = day.replace(day=monthrange(day.year, day.month)[1])
    begins = week_start(day.replace(day=1), first_weekday)
    return begins, (week_start(last, first_weekday) - begins).days + 7


def month_beside(day: date, step: int) -> date:
    """Return the first day of the month before (-1) or after (1) a day's month."""
    return (day.replace(day=1) + timedelta(days=31 if step > 0 else -1)).replace(day=1)


def feed_title(item: Item) -> str:
    """Return an item's title as its feed has it, at most as long as Outlook shows one."""
    return cut(item.title)[0]


def page_title(item: Item) -> str:
    """Return an item's name and activity, in the reader's language where it has no name."""
    return fill("", TitleTexts(item.name or gettext("Reserved"), item.activity))


@dataclass(frozen=True, slots=True)
class GridContext:
    """What all lines of a calendar have in common."""

    now: datetime
    zone: str
    """The calendar's own zone, which decides what day is today."""
    schools: Mapping[str, str] = field(default_factory=dict)
    """Names by property id, where a line should name its school."""
    title: Callable[[Item], str] = feed_title

    @property
    def today(self) -> date:
        return timezones.local_date(self.now, self.zone)

    def zone_of(self, item: Item) -> str:
        """Return an item's own zone, or the calendar's where it has no usable one."""
        return item.zone if timezones.exists(item.zone) else self.zone


@dataclass(frozen=True, slots=True)
class CalendarLine:
    """One item on one day."""

    item: Item
    title: str
    school: str
    day: date
    starts: str
    """With the day where it began on an earlier one; `All day` for whole days."""
    ends: str
    """With the day where it ends on a later one; the last day alone for whole days."""
    span: str
    """What it takes of the day: `4:30 – 6:00 PM`, `All day`, `from 4:30 PM` or `until 6:00 PM`."""
    zone: str
    """The zone's short name, only where it is not the calendar's."""
    running: bool
    over: bool
    is_all_day: bool
    """Whether it is one whole day, from midnight to midnight."""
    is_whole: bool
    """Whether it is whole days, one or several."""
    is_long: bool
    """Whether it goes on into another day, by more than a few hours of the night."""
    begins: bool
    """Whether this is its first day."""
    ends_here: bool
    """Whether this is its last day."""

    @property
    def cancelled(self) -> bool:
        return self.item.cancelled is not None

    @property
    def pending(self) -> bool:
        return self.item.status is Status.TENTATIVE


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day with its first lines."""

    day: date
    lines: tuple[CalendarLine, ...]
    count: int
    """How many items are on this day, shown or not."""
    today: date
    outside: bool = False
    """Whether it belongs to another month than the one that is shown."""
    spans: tuple[CalendarLine | None, ...] = ()
    """Lines that go on for days, each in the same place on every day of a week; None: nothing is in
    that place.
    """

    def shortened(self, limit: int) -> CalendarDay:
        """Return it with at most so many lines."""
        return replace(self, lines=self.lines[:limit])

    @property
    def is_today(self) -> bool:
        return self.day == self.today

    @property
    def left_out(self) -> int:
        return self.count - len(self.lines) - sum(line is not None for line in self.spans)

    @property
    def heading(self) -> str:
        """`Today, Saturday, November 21`"""
        return formatting.day(self.day, self.today)

    @property
    def name(self) -> str:
        """`Saturday, November 21`"""
        return formatting.weekday(self.day)

    @property
    def weekday(self) -> str:
        """`Sat`"""
        return formatting.short_weekday(self.day)

    @property
    def short(self) -> str:
        """`Nov 21`"""
        return formatting.month_day(self.day)


@dataclass(frozen=True, slots=True)
class CalendarList:
    """What is on and coming, day by day."""

    days: tuple[CalendarDay, ...]
    left_out: int
    """How many items of the span did not fit."""
    upcoming: CalendarLine | None
    """The first that has not begun, even where it begins after the span."""
    upcoming_day: str

    @property
    def running(self) -> tuple[CalendarLine, ...]:
        return tuple(line for day in self.days for line in day.lines if line.running)


def list_days(
    items: Iterable[Item],
    until: datetime | None,
    context: GridContext,
    limit: int,
    more: int = 0,
) -> CalendarList:
    """Arrange items in order of start that have not ended; list those that begin before `until`
    if there is one.

    An item that is on already is listed under today. `more` items come after all of these.
    """
    coming = [item for item in items if item.end > context.now]
    listed = [item for item in coming if until is None or item.start < until]
    lines = sorted((calendar_line(item, context) for item in listed[:limit]), key=_day_of)
    groups = ((day, tuple(group)) for day, group in groupby(lines, key=_day_of))
    upcoming = next(
        (calendar_line(item, context) for item in coming if item.start > context.now), None
    )
    return CalendarList(
        days=tuple(CalendarDay(day, group, len(group), context.today) for day, group in groups),
        left_out=len(listed) - len(lines) + more,
        upcoming=upcoming,
        upcoming_day=formatting.day(upcoming.day, context.today) if upcoming else "",
    )


def grid_days(
    items: Iterable[Item],
    shown: GridSpan,
    context: GridContext,
    *,
    per_day: int | None = None,
    in_all: int | None = None,
    counts: Mapping[date, int] | None = None,
) -> tuple[CalendarDay, ...]:
    """Arrange items in order of start over all days of a span; a long one is on each of its days.

    A month's days begin with what goes on for days. `per_day` and `in_all` limit the lines of a day
    and of the whole span. `counts`: how many items are on each day, where not all are given.
    """
    by_day: dict[date, list[Item]] = {day: [] for day in _days_between(shown.first, shown.end)}
    for item in items:
        for day in _days_of(item, shown, context):
            by_day[day].append(item)
    days = []
    for day, on_day in by_day.items():
        if shown.view == "month":
            on_day.sort(key=lambda item: not is_long(item.start, item.end, context.zone_of(item)))
        lines = tuple(calendar_line(item, context, day) for item in on_day[:per_day][:in_all])
        in_all = None if in_all is None else in_all - len(lines)
        outside = shown.view == "month" and day.month != shown.day.month
        count = len(on_day) if counts is None else counts.get(day, 0)
        days.append(CalendarDay(day, lines, count, context.today, outside))
    return tuple(days)


def shorten_days(days: Sequence[CalendarDay], in_all: int, least: int) -> tuple[CalendarDay, ...]:
    """Return days with the same limit of lines, at least `least`, so that all of them have at most
    `in_all`.
    """
    limit = max((len(day.lines) for day in days), default=0)
    while limit > least and sum(min(len(day.lines), limit) for day in days) > in_all:
        limit -= 1
    return tuple(day.shortened(limit) for day in days)


def with_spans(days: Sequence[CalendarDay]) -> tuple[CalendarDay, ...]:
    """Return the days of whole weeks with what goes on for days apart from the other lines."""
    result: list[CalendarDay] = []
    for week in zip(*[iter(days)] * 7, strict=True):
        places: dict[str, int] = {}
        for day in week:
            lines = {line.item.uid: line for line in day.lines if line.is_long}
            for uid in places.keys() - lines.keys():
                del places[uid]
            for uid in lines:
                taken = set(places.values())
                free = next(place for place in range(len(lines) + 1) if place not in taken)
                places.setdefault(uid, free)
            spans: list[CalendarLine | None] = [None] * (max(places.values(), default=-1) + 1)
            for uid, line in lines.items():
                spans[places[uid]] = line
            others = tuple(line for line in day.lines if not line.is_long)
            result.append(replace(day, lines=others, spans=tuple(spans)))
    return tuple(result)


def _days_between(first: date, end: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((end - first).days))


def _days_of(item: Item, shown: GridSpan, context: GridContext) -> Sequence[date]:
    """Return the days of a span on which an item is; midnight belongs to the evening before."""
    zone = context.zone_of(item)
    first = timezones.local_date(item.start, zone)
    last = timezones.local_date(max(item.start, item.end - MOMENT), zone)
    end = min(last + timedelta(days=1), shown.end)
    return tuple(_days_between(max(first, shown.first), end))


def calendar_line(item: Item, context: GridContext, day: date | None = None) -> CalendarLine:
    """Return an item as a line of a day: without one, of the day it starts on, or of today where it
    is on already.
    """
    zone = context.zone_of(item)
    begun, today = (timezones.local_date(moment, zone) for moment in (item.start, context.now))
    listed = day or max(begun, today)
    last = timezones.local_date(item.end - MOMENT, zone)
    is_whole = takes_whole_days(item, zone)
    starts = gettext("All day") if is_whole else formatting.clock_time(item.start, zone)
    earlier = formatting.short_day(begun)
    return CalendarLine(
        item=item,
        title=context.title(item),
        school=context.schools.get(item.property_id, ""),
        day=listed,
        starts=starts if begun == listed else earlier if is_whole else f"{earlier}, {starts}",
        ends=formatting.short_day(last)
        if is_whole
        else formatting.end_time(item.end, zone, listed),
        span=_span_of(item, zone, listed),
        zone="" if zone == context.zone else formatting.zone_letters(item.start, zone),
        running=item.start <= context.now < item.end and listed == today,
        over=item.end <= context.now,
        is_all_day=is_whole and begun == last,
        is_whole=is_whole,
        is_long=is_long(item.start, item.end, zone),
        begins=begun == listed,
        ends_here=last == listed,
    )


def takes_whole_days(item: Item, zone: str) -> bool:
    """Say whether an item begins and ends at midnights of a zone."""
    if item.end - item.start < SHORTEST_DAY:
        return False
    local = (moment.astimezone(timezones.zone(zone)).time() for moment in (item.start, item.end))
    return not any(time_of_day > time.min for time_of_day in local)


def _span_of(item: Item, zone: str, day: date) -> str:
    since, until = timezones.day_bounds(day, zone)
    if item.start <= since and item.end >= until:
        return gettext("All day")
    if item.start < since:
        return gettext("until %(time)s") % {"time": formatting.clock_time(item.end, zone)}
    if timezones.local_date(item.end - NIGHT, zone) > day:
        return gettext("from %(time)s") % {"time": formatting.clock_time(item.start, zone)}
    return formatting.time_span(item.start, item.end, zone)


def _day_of(line: CalendarLine) -> date:
    return line.day
