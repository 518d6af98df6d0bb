"""What to ask the vendor and when: pure arithmetic over dates, intervals and failures. `run` does the asking.

A property's year is twelve windows of at most 31 calendar days, counted from today in its own zone, so that both of the
vendor's readings of "31 days" hold. Window 0 holds today.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from icalbridge import zones
from icalbridge.model import VENDOR_DAYS_AHEAD, Window

if TYPE_CHECKING:
    from datetime import date

WINDOW_DAYS = 31
WINDOWS = -(-(VENDOR_DAYS_AHEAD + 1) // WINDOW_DAYS)
"""How many windows a property has: today and the 365 days after it."""

NEAR_SECONDS = 600
FAR_SECONDS = 6 * 3600
CATALOGUE_SECONDS = 24 * 3600
RESERVE = 0.9
"""The share of the day's quota that the plan may spend; the rest is for people and for retries."""

PLENTY = 3
"""Of a property with this many events to come, a window that comes back empty is not believed the first time."""
DOUBT_SECONDS = 120
"""How much later the second answer must be."""

FIRST_RETRY_SECONDS = 30
LAST_RETRY_SECONDS = 1800


def today(now: datetime, zone: str) -> date:
    """Return the calendar day at `now` in a property's zone; UTC's where the property has none."""
    return zones.local_date(now, zone or "UTC")


def window(number: int, day: date) -> Window:
    """Return the window of a number, seen from today; the last one ends with the vendor's horizon."""
    start = day + timedelta(days=number * WINDOW_DAYS)
    end = min(start + timedelta(days=WINDOW_DAYS - 1), day + timedelta(days=VENDOR_DAYS_AHEAD))
    return Window(start, end)


def bounds(wanted: Window, zone: str) -> tuple[datetime, datetime]:
    """Return a window's first moment and the first one after it, in UTC."""
    tz = zones.zone(zone or "UTC")
    start = datetime.combine(wanted.start, time(), tz).astimezone(UTC)
    return start, datetime.combine(wanted.end + timedelta(days=1), time(), tz).astimezone(UTC)


def horizon(now: datetime, zone: str) -> datetime:
    """Return the moment from which on an answer says nothing: the end of the vendor's year."""
    return bounds(window(WINDOWS - 1, today(now, zone)), zone)[1]


def stretch(properties: int, quota_per_day: int) -> float:
    """Return the factor, at least 1, by which intervals grow so that a day's requests fit the quota."""
    day = 86_400
    catalogue = (properties + 1) * day / CATALOGUE_SECONDS
    wanted = properties * (day / NEAR_SECONDS + (WINDOWS - 1) * day / FAR_SECONDS)
    return max(1.0, wanted / max(1.0, quota_per_day * RESERVE - catalogue))


def due_after_success(now: datetime, number: int, factor: float) -> datetime:
    """Return when a window is asked for again: the one that holds today often, the others a few times a day."""
    interval = NEAR_SECONDS if number == 0 else FAR_SECONDS
    return now + timedelta(seconds=round(interval * factor))


def due_after_failure(now: datetime, failures: int) -> datetime:
    """Return when a window is tried again after failing `failures` times in a row: soon at first, then ever later."""
    return now + timedelta(seconds=min(FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 10), LAST_RETRY_SECONDS))


def next_utc_midnight(now: datetime) -> datetime:
    """Return when the vendor's quota begins anew."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


def believable(known: int, doubted: datetime | None, now: datetime) -> bool:
    """Say whether an empty answer may be taken at its word, where events were: a second, later one settles it.

    `known` is how many events to come the whole property has: where there was little, little may well be left.
    """
    if known < PLENTY:
        return True
    return doubted is not None and now - doubted >= timedelta(seconds=DOUBT_SECONDS)
