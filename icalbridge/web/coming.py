"""What comes in a feed, bounded: a large district has thousands of bookings a week, and a list of
them shows the first few hundred and how many more there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from icalbridge.errors import StoreError
from icalbridge.feeds import PLAIN
from icalbridge.web.revision_cache import Missing

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.feeds import FeedQuery
    from icalbridge.feeds.calendar import Calendar
    from icalbridge.models import Feed
    from icalbridge.web.feed_cache import FeedCache

MOST_ITEMS = 1000


class Coming(NamedTuple):
    calendar: Calendar
    left_out: int
    """How many items of the span were not loaded."""


def load_coming(
    service: FeedCache, feed: Feed, query: FeedQuery, until: datetime, now: datetime
) -> Coming | Missing:
    """Load what is not over and begins before `until`, the first items of a property only."""
    limit = MOST_ITEMS if feed.kind == "property" and query == PLAIN else None
    calendar = service.calendar(feed, query, None, until, limit=limit)
    if not isinstance(calendar, Missing) and calendar.complete_until is not None:
        if any(item.start > now for item in calendar.items):
            return Coming(calendar, _left_out(service, calendar, calendar.complete_until, until))
        calendar = service.calendar(feed, query, None, until)  # so much is on that nothing is next
    return calendar if isinstance(calendar, Missing) else Coming(calendar, 0)


def _left_out(service: FeedCache, calendar: Calendar, first: datetime, until: datetime) -> int:
    """Return how many bookings were not loaded, of which the first starts at `first`; 0 while
    nobody can tell.
    """
    loaded = sum(item.start >= first for item in calendar.items)
    try:
        return service.catalog.count_starting(calendar.feed, first, until) - loaded
    except StoreError:
        return 0
