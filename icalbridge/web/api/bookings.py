"""Bookings in the API: entries a page at a time, current bookings, and open times.

Entries are those of the calendar with the same filters. Current bookings are those of displays
(`current_bookings`), open times those of pages (`open_times`).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import msgspec

from icalbridge import timezones
from icalbridge.feeds import PLAIN, display_text
from icalbridge.feeds.formats.datetimes import iso_local, iso_utc
from icalbridge.feeds.formats.json_format import item_values
from icalbridge.feeds.query import Surface, filter_query
from icalbridge.feeds.urls import item_path
from icalbridge.models import is_future
from icalbridge.web.api import schema
from icalbridge.web.api.parameters import read_days, read_span
from icalbridge.web.api.places import api_path, in_order
from icalbridge.web.parameters import Key
from icalbridge.web.revision_cache import Missing
from icalbridge.web.routes.feeds import is_id
from icalbridge.web.views.filters import DateRange
from icalbridge.web.views.occupancy_state import find_occupancy
from icalbridge.web.views.open_times import open_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icalbridge.feeds import FeedQuery
    from icalbridge.feeds.audience import Item
    from icalbridge.models import Facility, Feed, FeedState
    from icalbridge.web.api.parameters import RequestParameters, Span
    from icalbridge.web.current_bookings import CurrentBookingsReader
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.site import Site
    from icalbridge.web.views.occupancy_state import OccupancyState


class ApiResult(NamedTuple):
    """Response, and when it last changed where that is known."""

    answer: msgspec.Struct
    modified: datetime | None = None


class BookingsApi:
    """Responses about bookings, through the cache."""

    def __init__(self, service: FeedCache, present: CurrentBookingsReader, site: Site) -> None:
        self._service = service
        self._present = present
        self._site = site

    def entries(
        self, feed: Feed, parameters: RequestParameters, now: datetime
    ) -> ApiResult | Missing:
        """Return a page of what is booked. Raises `BadQuery`."""
        query = self._service.parse_query(filter_query(parameters, Surface.API))
        state = self._state(feed)
        if isinstance(state, Missing):
            return state
        zone = state.zone
        requested = read_span(parameters, self._reach(zone, now), zone)
        calendar = self._service.calendar(
            feed,
            query,
            requested.since,
            requested.until,
            limit=requested.limit,
            after=requested.after,
        )
        if isinstance(calendar, Missing):
            return calendar
        path = self._site.path(api_path(feed, "/entries"))
        items, more = calendar.items, calendar.complete_until is not None
        answer = schema.Entries(
            title=calendar.title,
            zone=zone,
            from_=iso_local(requested.since, zone),
            to=iso_local(requested.until, zone),
            entries=[self._entry(item) for item in items],
            next=f"{path}?{_next(requested, query, items[-1])}" if more else None,
        )
        modified = calendar.last_modified
        if not requested.fixed:
            modified = max(modified, requested.since)
        return ApiResult(answer, None if is_future(modified, now) else modified)

    def open_times(
        self, feed: Feed, parameters: RequestParameters, now: datetime
    ) -> ApiResult | Missing:
        """Return when a facility is free on some days. Raises `BadQuery`."""
        state = self._state(feed)
        if isinstance(state, Missing):
            return state
        zone = state.zone
        dates = read_days(parameters, self._reach(zone, now))
        begins = timezones.midnight(dates[0], zone)
        ends = timezones.day_bounds(dates[-1], zone)[1]
        calendar = self._service.calendar(feed, PLAIN, begins, ends)
        if isinstance(calendar, Missing):
            return calendar
        days = [
            schema.OpenDay(
                date=day.isoformat(),
                open=[
                    schema.Open(start=iso_local(gap.start, zone), end=iso_local(gap.end, zone))
                    for gap in open_times(calendar.items, day, zone, now)
                ],
            )
            for day in dates
        ]
        return ApiResult(
            schema.OpenTimes(facility_id=feed.id, title=state.title, zone=zone, days=days)
        )

    def now(self, feed: Feed, now: datetime) -> ApiResult | Missing:
        """Return current and next bookings of a place, as on its displays."""
        known = self._present.find(feed, now)
        if isinstance(known, Missing):
            return known
        zone, seconds = known.place.zone, now.timestamp()
        until, booked = known.until, known.items
        ends = timezones.day_bounds(timezones.local_date(now, zone), zone)[1].timestamp()
        occupancy = find_occupancy(booked, seconds, ends, until.timestamp())
        made = schema.Now(
            id=feed.id,
            title=display_text(known.place.title),
            zone=zone,
            as_of=iso_utc(known.as_of),
            state=occupancy.state,
            until=_until(occupancy, zone),
            now=[self._entry(item) for item in occupancy.on],
            next=None if occupancy.next is None else self._entry(occupancy.next),
        )
        if feed.kind == "facility":
            return ApiResult(made)
        by_facility: defaultdict[tuple[str, ...], list[Item]] = defaultdict(list)
        for item in booked:
            by_facility[item.facility_ids].append(item)
        states = [
            _occupancy(row, by_facility[(row.id,)], seconds, ends, until.timestamp(), zone)
            for row in in_order(known.place.facilities, known.place.schools)
        ]
        return ApiResult(schema.PropertyNow(**msgspec.structs.asdict(made), facilities=states))

    def _entry(self, item: Item) -> schema.EntryResource:
        page = self._site.path(item_path(item))
        values = item_values(item, item.zone or "UTC", (), page)
        return msgspec.convert(values, schema.EntryResource)

    def _state(self, feed: Feed) -> FeedState | Missing:
        return self._service.state(feed) if is_id(feed.id) else Missing.UNKNOWN

    def _reach(self, zone: str, now: datetime) -> DateRange:
        return DateRange.of(timezones.local_date(now, zone), *self._service.reach)


def _next(requested: Span, query: FeedQuery, last: Item) -> str:
    """Return the query of the next page."""
    own = urlencode([*requested.requested, ("after", str(Key.of(last)))])
    return "&".join(filter(None, (own, query.query_string)))


def _until(occupancy: OccupancyState[Item], zone: str) -> str | None:
    if occupancy.until is None:
        return None
    return iso_local(datetime.fromtimestamp(occupancy.until, UTC), zone)


def _occupancy(
    facility: Facility,
    booked: Sequence[Item],
    now: float,
    day_ends: float,
    known_until: float,
    zone: str,
) -> schema.StandingResource:
    occupancy = find_occupancy(booked, now, day_ends, known_until)
    name = display_text(facility.name)
    return schema.StandingResource(
        facility_id=facility.id, name=name, state=occupancy.state, until=_until(occupancy, zone)
    )
