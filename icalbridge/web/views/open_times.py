"""When a facility is free on a day: the gaps between what is booked, within hours in which schools
are open.

Pure. It knows only what a calendar shows, so a gap is where to ask, no promise; the pages say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from icalbridge import timezones
from icalbridge.web import formatting

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

OPENS = time(6)
CLOSES = time(22)
SHORTEST = timedelta(minutes=30)
"""Gaps that are shorter are of no use to anybody."""


class BookedTime(Protocol):
    """What takes a facility: an entry, or an item of a calendar."""

    @property
    def start(self) -> datetime: ...

    @property
    def end(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which nothing is booked."""

    start: datetime
    end: datetime
    starts: str
    ends: str
    span: str
    """Both in short: `4:30 – 6:00 PM`."""


class OpenHours(NamedTuple):
    """A local day, and the hours of it in which schools are open."""

    midnight: datetime
    next_midnight: datetime
    opens: datetime
    closes: datetime


@lru_cache(maxsize=256)
def open_hours(day: date, zone: str) -> OpenHours:
    bounds = timezones.day_bounds(day, zone)
    return OpenHours(*bounds, local_moment(day, OPENS, zone), local_moment(day, CLOSES, zone))


def free_spans(
    entries: Iterable[BookedTime], hours: OpenHours, now: datetime
) -> list[tuple[datetime, datetime]]:
    """Return one facility's gaps on a day that are not over at `now`; one that goes on is told
    whole.

    From 6:00 to 22:00, and longer where something that begins on that day begins before or ends
    after it.
    """
    midnight, next_midnight, opens, closes = hours
    booked = sorted(
        (max(entry.start, midnight), min(entry.end, next_midnight))
        for entry in entries
        if entry.start < next_midnight and entry.end > midnight
    )
    # A booking that ran past midnight does not mean that the building opens at midnight.
    own = [(start, end) for start, end in booked if start > midnight]
    reached = min([opens, *(start for start, _ in own)])
    closes = max([closes, *(end for _, end in own)])
    gaps = []
    for start, end in [*booked, (closes, closes)]:
        gaps.append((reached, min(start, closes)))
        reached = max(reached, end)
    return [(start, end) for start, end in gaps if end - start >= SHORTEST and end > now]


def open_times(
    entries: Iterable[BookedTime], day: date, zone: str, now: datetime
) -> tuple[Gap, ...]:
    """Return the gaps of `free_spans` on a local day as pages show them."""
    return tuple(
        Gap(
            start,
            end,
            formatting.clock_time(start, zone),
            formatting.end_time(end, zone, day),
            formatting.time_span(start, end, zone),
        )
        for start, end in free_spans(entries, open_hours(day, zone), now)
    )


def local_moment(day: date, clock: time, zone: str) -> datetime:
    """Return a local moment in UTC, so that differences are those of clocks that nobody changes."""
    return datetime.combine(day, clock, timezones.zone(zone)).astimezone(UTC)
