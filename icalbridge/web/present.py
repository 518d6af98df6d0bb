"""What is on at a school or a facility and what comes, for displays and for the API's `now`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.errors import StoreError
from icalbridge.feeds import FeedQuery
from icalbridge.feeds.audience import without_mark
from icalbridge.feeds.query import Cancelled
from icalbridge.web.feed_cache import Missing
from icalbridge.web.routes.feeds import is_id
from icalbridge.web.views.board import MOST_ENTRIES, BoardSubject

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.calendar import Calendar
    from icalbridge.models import Facility, Feed
    from icalbridge.web.catalog import Catalog
    from icalbridge.web.feed_cache import FeedService

DAYS = {"facility": 8, "property": 2}
"""How many days, with today, are known: of a facility enough to name what comes next."""
MARKED = FeedQuery(cancelled=Cancelled.MARK)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a place."""

    place: BoardSubject
    facilities: tuple[Facility, ...]
    """Those of a property, and of its schools; none for a facility."""
    items: tuple[Item, ...]
    """What has not ended, cancelled ones too, by start."""
    until: datetime
    """Up to when that is everything."""
    as_of: datetime
    """When it was fetched from the booking system."""
    unlisted: datetime | None = None
    """When its school left the booking system's list; None while it is there."""


class Present:
    """What is on at the places of one store."""

    def __init__(self, catalog: Catalog, service: FeedService) -> None:
        self._catalog = catalog
        self._service = service

    def find(self, feed: Feed, now: datetime) -> Known | Missing:
        """Return what is known of a place, or why nothing is."""
        if not is_id(feed.id):
            return Missing.UNKNOWN
        try:
            zone = self._catalog.zone(feed)
            today = timezones.local_date(now, zone)
            until = timezones.midnight(today + timedelta(days=DAYS[feed.kind]), zone)
            calendar = self._service.calendar(feed, MARKED, None, until, limit=MOST_ENTRIES)
            if isinstance(calendar, Missing):
                return calendar
            return self._known(calendar, until, now)
        except StoreError:
            return Missing.UNREACHABLE

    def _known(self, calendar: Calendar, until: datetime, now: datetime) -> Known:
        feed, state = calendar.feed, calendar.state
        members = self._catalog.members(state.property_id)
        facilities: tuple[Facility, ...] = ()
        if feed.kind == "property":
            schools = {each.id: each.name for each in members}
            place = BoardSubject(feed, state.title, "", state.zone, schools)
            facilities = tuple(self._catalog.facilities(list(schools)))
        else:
            own = {each.id: each.name for each in members if each.id == state.property_id}
            facility = self._catalog.facility(feed.id)
            name = (facility.name or facility.type if facility else "") or state.title
            place = BoardSubject(feed, name, "".join(own.values()), state.zone, own)
        if state.unlisted:  # nothing is known of a school that left from then on
            until = timezones.midnight(timezones.local_date(now, state.zone), state.zone)
            return Known(place, facilities, (), until, state.unlisted, state.unlisted)
        until = min(until, calendar.complete_until or until)
        items = tuple(without_mark(item) for item in calendar.items if item.end > now)
        as_of = calendar.as_of or state.changed
        return Known(place, facilities, items, until, as_of)
