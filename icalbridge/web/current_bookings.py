"""Current and next bookings of a school, facility or saved feed: for displays and the API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.errors import StoreError
from icalbridge.feeds import PLAIN
from icalbridge.feeds.audience import without_mark
from icalbridge.feeds.query import Cancelled
from icalbridge.web.revision_cache import Missing
from icalbridge.web.routes.feeds import is_id
from icalbridge.web.views.board import MOST_ENTRIES, BoardSubject

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from icalbridge.feeds import FeedQuery
    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.calendar import Calendar
    from icalbridge.models import Feed, FeedState
    from icalbridge.web.feed_cache import FeedCache

DAYS = {"facility": 8, "property": 2, "saved": 2}
"""How many days, with today, are loaded: of a facility enough to name what comes next. Where today
alone is more than a board holds, today alone, and all of it.
"""


@dataclass(frozen=True, slots=True)
class CurrentBookings:
    """Bookings of the next days, cancelled ones too."""

    place: BoardSubject
    items: Sequence[Item]
    until: datetime
    """Up to when the items are all there are."""
    as_of: datetime
    """When it was fetched from the booking system."""
    unlisted: datetime | None = None
    """When its school left the booking system's list; None while it is there."""


class CurrentBookingsReader:
    """Reader of current bookings through the cache."""

    def __init__(self, service: FeedCache) -> None:
        self._service = service
        self._catalog = service.catalog

    def find(
        self, feed: Feed, now: datetime, query: FeedQuery = PLAIN
    ) -> CurrentBookings | Missing:
        """Return the bookings that a query leaves, cancelled ones marked, or why there are none; a
        saved feed has its own query. Raises `BadQuery`.
        """
        try:
            state = self._service.state(feed) if is_id(feed.id) else Missing.UNKNOWN
            return state if isinstance(state, Missing) else self._known(feed, state, now, query)
        except StoreError:
            return Missing.UNREACHABLE

    def _known(
        self, feed: Feed, state: FeedState, now: datetime, query: FeedQuery
    ) -> CurrentBookings | Missing:
        days = 0 if state.unlisted else DAYS[feed.kind]
        # Of a school that left nothing is known from then on.
        today = timezones.local_date(now, state.zone)
        until = timezones.midnight(today + timedelta(days=days), state.zone)
        if feed.kind != "saved":
            query = replace(query, cancelled=Cancelled.MARK)
        calendar = self._service.calendar(feed, query, None, until, limit=MOST_ENTRIES)
        tomorrow = timezones.midnight(today + timedelta(days=1), state.zone)
        if not isinstance(calendar, Missing) and (calendar.complete_until or tomorrow) < tomorrow:
            until = tomorrow
            calendar = self._service.calendar(feed, query, None, until)
        if isinstance(calendar, Missing):
            return calendar
        place = self._place(feed, calendar)
        until = min(filter(None, (until, calendar.complete_until)))
        as_of = state.unlisted or calendar.as_of or state.changed
        items = [without_mark(item) for item in calendar.items]
        return CurrentBookings(place, items, until, as_of, state.unlisted)

    def _place(self, feed: Feed, calendar: Calendar) -> BoardSubject:
        state = calendar.state
        if feed.kind == "saved":
            names = self._catalog.school_names(calendar.property_ids)
            return BoardSubject(feed, state.title, "", state.zone, names)
        own = self._catalog.property(state.property_id)
        if own is None:
            raise StoreError(f"There is no property {state.property_id}.")
        if feed.kind == "facility":
            facility = self._catalog.facility(feed.id)
            title = (facility.name or facility.type if facility else "") or state.title
            known, schools = (facility,) if facility else (), {own.id: own.name}
            return BoardSubject(feed, title, own.name, state.zone, schools, known)
        schools = {item.id: item.name for item in self._catalog.members(own)}
        facilities = tuple(self._catalog.facilities(tuple(schools)))
        return BoardSubject(feed, state.title, "", state.zone, schools, facilities)
