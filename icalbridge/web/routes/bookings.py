"""The page of one booking: when, where, its other times, and how to add it to a calendar."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, render_template, request

from icalbridge import timezones
from icalbridge.feeds import PLAIN, BadQuery, feed_path, page_path
from icalbridge.feeds.query_values import split_query
from icalbridge.models import Feed
from icalbridge.web import formatting, responses
from icalbridge.web.failures import error_page
from icalbridge.web.parameters import refuse_unknown, translate_refusal
from icalbridge.web.revision_cache import Missing
from icalbridge.web.routes.feeds import is_id, query_of
from icalbridge.web.sharing import sharing
from icalbridge.web.site import freshness
from icalbridge.web.views.booking import (
    address_of,
    booking_link,
    booking_times,
    describe,
    google_link,
    map_link,
    state_text,
    when,
)
from icalbridge.web.views.calendar_grid import GridContext, page_title
from icalbridge.web.views.subscribe import subscription

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.calendar import Calendar
    from icalbridge.settings import Settings
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.site import Site

DAY = timedelta(days=1)
TAKES = ("lang",)
OTHER_TIMES = 20
"""How many times that are to come are listed, and how many that are over."""
MARKED = "cancelled=mark"


class BookingPages:
    """The pages of bookings of one application."""

    def __init__(self, service: FeedCache, site: Site, settings: Settings) -> None:
        self._service = service
        self._catalog = service.catalog
        self._site = site
        self._booking_url = settings.booking_url

    def page(self, booking_id: str) -> Response:
        """Return a booking's page; 404 for one that the public never saw."""
        calendar = self._calendar(booking_id)
        if isinstance(calendar, Missing):
            return error_page(404 if calendar is Missing.UNKNOWN else 503, calendar.name.lower())
        item, now = calendar.items[0], self._site.now()
        context = GridContext(now, calendar.zone, title=page_title)
        school = self._catalog.property(item.property_id)
        facility = self._catalog.facility(item.facility_ids[0]) if item.facility_ids else None
        unlisted = calendar.state.unlisted
        path, title, times = page_path(calendar.feed), page_title(item), when(item, context)
        about = describe(item, times, school)
        return self._site.respond(
            "booking.html",
            item=item,
            title=title,
            when=times,
            state=state_text(item, now),
            cancelled=formatting.long_date(item.cancelled, calendar.zone) if item.cancelled else "",
            zone=calendar.zone,
            zone_name=formatting.zone_name(calendar.zone),
            school=school,
            facility=facility,
            street=address_of(school),
            map=map_link(school),
            download=self._site.path(feed_path(calendar.feed)),
            google=google_link(item, self._site.address(path)),
            address=self._site.address(path),
            booking=booking_link(self._booking_url, item.property_id, "".join(item.facility_ids)),
            as_of=freshness(calendar.fetched, calendar.zone, now),
            unlisted=formatting.long_date(unlisted, calendar.zone) if unlisted else "",
            sharing=sharing(self._site, calendar.feed, title, calendar.items, now, about),
            **self._times(calendar, context),
        )

    def _calendar(self, booking_id: str) -> Calendar | Missing:
        if not is_id(booking_id):
            return Missing.UNKNOWN
        marked = self._service.parse_query(MARKED)
        calendar = self._service.calendar(Feed("booking", booking_id), marked, None, None)
        if isinstance(calendar, Missing) or calendar.items:
            return calendar
        return Missing.UNKNOWN

    def _times(self, calendar: Calendar, context: GridContext) -> dict[str, Any]:
        """Return what the template shows of all times of a booking's event."""
        key, own = calendar.state.event_key, calendar.items[0]
        if key is None:
            raise ValueError(f"the state of {calendar.feed} names no event")
        event = Feed("event", key.event_id, key.event_type)
        coming, is_more = self._coming(event, context)
        past = self._past(event, context)
        return {
            "coming": booking_times(coming, own, context),
            "is_more": is_more,
            "past": booking_times(past, own, context),
            "subscription": subscription(self._site.address(feed_path(event)), calendar.title),
            "all_times": self._site.path(feed_path(event)),
        }

    def _coming(self, event: Feed, context: GridContext) -> tuple[Sequence[Item], bool]:
        """Return the first times that are not over, and whether there are more."""
        until = timezones.midnight(context.today + (self._service.reach[1] + 1) * DAY, context.zone)
        calendar = self._service.calendar(event, PLAIN, None, until, limit=OTHER_TIMES + 1)
        if isinstance(calendar, Missing):
            return (), False
        items = [item for item in calendar.items if item.end > context.now]
        return items, not calendar.is_complete

    def _past(self, event: Feed, context: GridContext) -> Sequence[Item]:
        """Return the last times that are over, the newest first."""
        since = timezones.midnight(context.today - self._service.reach[0] * DAY, context.zone)
        until = timezones.midnight(context.today + DAY, context.zone)
        calendar = self._service.calendar(event, PLAIN, since, until)
        items = () if isinstance(calendar, Missing) else calendar.items
        over = (item for item in reversed(items) if item.end <= context.now)
        return tuple(islice(over, OTHER_TIMES))


def booking_pages(service: FeedCache, site: Site, settings: Settings) -> Blueprint:
    """Return the addresses of bookings' pages."""
    routes = Blueprint("bookings", __name__)
    pages = BookingPages(service, site, settings)

    @routes.get("/booking/<path:booking_id>")
    def booking(booking_id: str) -> Response:
        try:
            refuse_unknown(split_query(query_of(request.environ.get("QUERY_STRING", ""))), TAKES)
            return pages.page(booking_id)
        except BadQuery as bad:
            html = render_template("refused.html", sentence=translate_refusal(bad))
            return responses.respond_uncached(html, 400)

    return routes
