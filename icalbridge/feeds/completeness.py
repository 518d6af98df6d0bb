"""From when on and until when a feed's iCalendar file has everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.feeds.formats.ics import ICalendar
from icalbridge.feeds.outward import DAY
from icalbridge.store.entries import TimeRange

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.models import Feed
    from icalbridge.settings import Settings
    from icalbridge.store.entries import EntryCriteria
    from icalbridge.store.reading import Reading

MEASURED = 2000
"""So many bookings of a day are measured whatever may fit."""
MOST_BYTES = 700
"""What an item with texts of usual length takes at most in an iCalendar file."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """From when on and until when a feed's file has everything; None: nothing is left out there."""

    complete_from: datetime | None
    complete_until: datetime | None
    expires: datetime | None
    size: int = 0


def bound_by_count(
    reading: Reading,
    feed: Feed,
    criteria: EntryCriteria,
    zone: str,
    now: datetime,
    settings: Settings,
) -> Completeness | None:
    """Bound what a file has of a feed with more bookings today than are measured for a page: of
    what is on and comes next, so many as surely fit (`size_limit` keeps as many as fit).

    None where they may be measured, or where too little comes today and tomorrow to tell. Without
    `complete_from` where nothing of today is over.
    """
    midnight, tomorrow = timezones.day_bounds(timezones.local_date(now, zone), zone)
    spans = reading.count_by_span(feed, TimeRange(midnight, tomorrow + DAY), criteria)
    today = sum(span.number for span in spans if span.start < tomorrow)
    if today <= max(MEASURED, settings.feed_max_bytes // ICalendar.least_bytes):
        return None
    coming = [span for span in spans if span.end > now]
    over = [span.end for span in spans if span.end <= now]
    fitting = settings.feed_max_bytes // MOST_BYTES
    for span in coming:
        fitting -= span.number
        if fitting < 0:
            return Completeness(
                max(over, default=None),
                span.start,
                min(tomorrow, min(other.end for other in coming)),
            )
    return None
