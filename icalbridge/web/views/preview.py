"""The next entries of a feed as the feed itself tells them, for the builder: day by day, and how
many are coming.

Pure: `now` is an argument. It is given the feed's own items, so what is shown is what subscribers
will see.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.feeds.audience import Status
from icalbridge.text import cut
from icalbridge.web import formatting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from icalbridge.feeds.audience import Item

LINES = 10
DAYS = 31


@dataclass(frozen=True, slots=True)
class Line:
    """One entry."""

    item: Item
    title: str
    school: str
    """Empty where all are of one school."""
    day: date
    starts: str
    ends: str
    zone: str
    """The zone's short name, only where it is not the feed's."""
    running: bool
    over: bool

    @property
    def called_off(self) -> bool:
        return self.item.cancelled is not None

    @property
    def pending(self) -> bool:
        return self.item.status is Status.TENTATIVE


@dataclass(frozen=True, slots=True)
class Day:
    heading: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    days: tuple[Day, ...]
    """Ten entries at most, of however many days these are."""
    count: int
    """How many entries the next 31 days bring, today's that have not ended included."""


def preview(
    items: Iterable[Item], now: datetime, zone: str, *, left_out: int, schools: Mapping[str, str]
) -> Preview:
    """Arrange what has not ended, without the last `left_out` of them, which the feed leaves out
    for size.

    `zone` is the feed's own; `schools` names the schools by id, where an entry should say which it
    is in.
    """
    coming = [each for each in items if each.end > now]
    coming = coming[: max(len(coming) - left_out, 0)]
    lines = sorted(
        (line(each, now, zone, schools) for each in coming[:LINES]), key=lambda each: each.day
    )
    today = timezones.local_date(now, zone)
    return Preview(
        tuple(
            Day(formatting.day(day, today), tuple(some))
            for day, some in groupby(lines, lambda each: each.day)
        ),
        sum(each.start < now + timedelta(days=DAYS) for each in coming),
    )


def line(
    item: Item,
    now: datetime,
    feed_zone: str,
    schools: Mapping[str, str],
    *,
    day: date | None = None,
) -> Line:
    """Return an item as one line of a day: by default the one it starts on, today where it is on
    already.
    """
    zone = item.zone if timezones.exists(item.zone) else feed_zone
    begun, starts = timezones.local_date(item.start, zone), formatting.clock_time(item.start, zone)
    listed = day or max(begun, timezones.local_date(now, zone))
    return Line(
        item=item,
        title=cut(item.title)[0],
        school=schools.get(item.property_id, ""),
        day=listed,
        starts=starts if begun == listed else f"{formatting.short_day(begun)}, {starts}",
        ends=formatting.end_time(item.end, zone, listed),
        zone="" if zone == feed_zone else formatting.zone_letters(item.start, zone),
        running=item.start <= now < item.end,
        over=item.end <= now,
    )
