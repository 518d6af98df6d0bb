"""Windows: numbered spans of a property's days, cut and doubled by what the vendor answers in time.

A property's year is twelve windows of at most 31 calendar days, counted from today in its own zone,
so that both of the vendor's readings of "31 days" hold. Window 0 has today. A district has 91 more,
with negative numbers: a single day each, today's first, that covers all its schools. Pure.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.models import (
    FIRST_DAYS,
    VENDOR_DAYS_AHEAD,
    WINDOW_DAYS,
    Window,
)
from icalbridge.store import SpanLimit

if TYPE_CHECKING:
    from datetime import date

WINDOWS = len(FIRST_DAYS)
"""How many windows a property has: today and the 365 days after it."""
DAY = -1
"""The number of a district's request for today, all its schools included."""

LONGEST_PATIENCE = 64
"""The most successes in a row before twice the span is tried."""


def today(now: datetime, zone: str) -> date:
    """Return the calendar day at `now` in a property's zone; UTC's where the property has none."""
    return timezones.local_date(now, zone or "UTC")


def window_days(number: int, day: date) -> Window:
    """Return the window of a number, seen from today; the last one ends with the vendor's
    horizon.
    """
    first, last = offsets(number)
    return Window(day + timedelta(days=first), day + timedelta(days=last))


def offsets(number: int) -> tuple[int, int]:
    """Return the first and the last day of a window, counted from today."""
    if is_day(number):
        return DAY - number, DAY - number
    ends = (*FIRST_DAYS[1:], VENDOR_DAYS_AHEAD + 1)
    return FIRST_DAYS[number], ends[number] - 1


def is_day(number: int) -> bool:
    """Return whether a window is a district's day."""
    return number < 0


def day_number(offset: int) -> int:
    """Return the number of a district's day, counted from today."""
    return DAY - offset


def bounds(window: Window, zone: str) -> tuple[datetime, datetime]:
    """Return a window's first moment and the first one after it, in UTC."""
    name = zone or "UTC"
    return timezones.midnight(window.start, name), timezones.day_bounds(window.end, name)[1]


def horizon(now: datetime, zone: str) -> datetime:
    """Return the moment from which on an answer is no evidence: the end of the vendor's year."""
    return bounds(window_days(WINDOWS - 1, today(now, zone)), zone)[1]


def next_span(limit: SpanLimit) -> int:
    """Return the span to request, in days: what was answered, and once in a while twice as much."""
    return _longer(limit.days) if limit.steady >= limit.patience else limit.days


def learn_span(limit: SpanLimit, tried: int, answered: int) -> SpanLimit:
    """Return what is known after a window was fetched: `tried` days were requested at first,
    `answered` days were answered.

    A span that grew and held counts as new; one that grew in vain is tried again only after twice
    as long a wait.
    """
    if answered < limit.days:
        return shrink_span(limit, answered)
    if answered > limit.days:
        return SpanLimit(answered)
    if tried > answered:
        return SpanLimit(answered, 0, min(limit.patience * 2, LONGEST_PATIENCE))
    return limit if answered == WINDOW_DAYS else limit._replace(steady=limit.steady + 1)


def shrink_span(limit: SpanLimit, answered: int) -> SpanLimit:
    """Return what is known after a window failed, having been cut down to `answered` days for good
    reason or not at all.
    """
    return SpanLimit(answered, 0, limit.patience) if answered < limit.days else limit


def _longer(days: int) -> int:
    return min(days * 2, WINDOW_DAYS) if days else 1


def split(window: Window, days: int) -> list[Window]:
    """Cut a window into pieces of at most so many days; of single days for 0."""
    step = days or 1
    return [
        Window(start, min(start + timedelta(days=step - 1), window.end))
        for start in (
            window.start + timedelta(days=offset) for offset in range(0, window.days, step)
        )
    ]


def halve(days: int) -> int | None:
    """Return the span to try when one was too heavy: half of it, down to 0 for facility by
    facility; None below.
    """
    if days == 0:
        return None
    return 0 if days == 1 else -(-days // 2)
