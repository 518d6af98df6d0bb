"""The pages that people read: the directory, a school, a facility, and how to subscribe to each."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from flask import Blueprint, Response, render_template, request

from icalbridge import timezones
from icalbridge.feeds import PLAIN, Address, BadQuery
from icalbridge.feeds.audience import Audience, admit
from icalbridge.feeds.audience import view as audience_view
from icalbridge.feeds.query import UNREADABLE, given
from icalbridge.feeds.selection import select
from icalbridge.models import Feed
from icalbridge.store.entries import TimeRange
from icalbridge.web import formatting, responses
from icalbridge.web.failures import error_page
from icalbridge.web.feed_cache import Missing
from icalbridge.web.refusing import sentence
from icalbridge.web.routes.feeds import is_id, query_of
from icalbridge.web.sharing import Sharing, sharing
from icalbridge.web.views.calendar_grid import GridContext, grid_days, list_days, page_title
from icalbridge.web.views.directory import FIRST_PLACES, directory, kinds, search
from icalbridge.web.views.filters import Reach, check_names, choices, filter_query, page_view
from icalbridge.web.views.form import build_path
from icalbridge.web.views.open_times import open_times
from icalbridge.web.views.subscribe import poster_path, qr_path, subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from icalbridge.feeds import FeedQuery
    from icalbridge.feeds.audience import Item
    from icalbridge.models import Facility, Property
    from icalbridge.store import Store
    from icalbridge.web.feed_cache import FeedService, Held
    from icalbridge.web.site import Site
    from icalbridge.web.views.filters import PageView

    Parameters = Mapping[str, Sequence[str]]

FACILITY_DAYS = 14
"""How many days after today are listed."""
FACILITY_ENTRIES = 100
PROPERTY_DAYS = 7
PROPERTY_ENTRIES = 300
SHEET_LINES = 300
"""How many entries a week shows, or a list that begins with a day of choice."""
MONTH_LINES = 3
DAY = timedelta(days=1)
QUERY_LENGTH = 200


class Pages:
    """The pages of one application."""

    def __init__(self, store: Store, service: FeedService, site: Site) -> None:
        self._read = store.read
        self._service = service
        self._site = site

    def home(self, query: str, now: datetime) -> Response:
        """Return the directory, narrowed down to a search."""
        properties = self._read.properties()
        facilities = self._read.facilities()
        everything = directory(properties, facilities, self._counts(properties, facilities, now))
        only = everything[0].own if len(everything) == 1 else None
        property_ids = [each.id for each in properties]
        return self._site.respond(
            "directory.html",
            districts=search(everything, query),
            kinds=kinds(facilities),
            most=None if query else FIRST_PLACES,
            query=query,
            title=only.site.name if only else "",
            empty=not everything,
            sharing=Sharing(self._site.address("/")),
            as_of=self._site.as_of(property_ids, _zone_of(properties), now),
        )

    def facility(self, facility_id: str, parameters: Parameters, now: datetime) -> Response:
        """Return one facility's schedule."""
        feed = Feed("facility", facility_id)
        filters = self._service.shape(filter_query(parameters))
        held = self._held(feed, filters)
        facility = self._read.facility(facility_id)
        if isinstance(held, Missing) or facility is None:
            return _missing(held)
        zone = held.state.zone
        view = self._view(parameters, filters, zone, now, FACILITY_DAYS + 1)
        context = GridContext(now, zone, title=page_title)
        coming = self._items(feed, [facility.property_id], filters, now, None, now)
        everything = self._items(feed, [facility.property_id], PLAIN, now, None, now)
        until = _midnight(now, zone, FACILITY_DAYS + 1)
        booked = self._items(
            feed, [facility.property_id], PLAIN, *timezones.day_bounds(view.span.day, zone), now
        )
        return self._site.respond(
            "facility.html",
            facility=facility,
            school=self._read.property(facility.property_id),
            plan=list_days(coming, until, context, FACILITY_ENTRIES),
            days=FACILITY_DAYS,
            open_times=open_times(booked, view.span.day, zone, now),
            choices=choices(everything, filters, ()),
            **self._sheet(feed, view, context, [facility.property_id]),
            **self._common(feed, held, view, [facility.property_id], now),
            sharing=sharing(self._site, feed, held.state.title, everything, now),
        )

    def school(self, property_id: str, parameters: Parameters, now: datetime) -> Response:
        """Return a school's schedule, or a district's with its schools."""
        feed = Feed("property", property_id)
        filters = self._service.shape(filter_query(parameters))
        held = self._held(feed, filters)
        own = self._read.property(property_id)
        if isinstance(held, Missing) or own is None:
            return _missing(held)
        zone = held.state.zone
        view = self._view(parameters, filters, zone, now, PROPERTY_DAYS + 1)
        members = [own.id, *own.child_ids]
        until = _midnight(now, zone, PROPERTY_DAYS + 1)
        listed = [each for each in self._read.properties() if each.id in members]
        properties = listed if own in listed else [own, *listed]
        facilities = self._read.facilities(members)
        counts = self._counts(properties, facilities, now)
        schools = [
            school
            for district in directory(properties, facilities, counts)
            for school in district.all
        ]
        places = next((school.places for school in schools if school.site.id == own.id), ())
        names = {each.id: each.name for each in listed if each.id != own.id and own.child_ids}
        context = GridContext(now, zone, names, page_title)
        coming = self._items(feed, members, filters, now, until, now)
        everything = self._items(feed, members, PLAIN, now, until, now)
        return self._site.respond(
            "property.html",
            site=own,
            schools=[school for school in schools if school.site.id != own.id],
            places=places,
            plan=list_days(coming, until, context, PROPERTY_ENTRIES),
            days=PROPERTY_DAYS,
            open_places=self._open_places(
                own.id, [place.facility for place in places], view, zone, now
            ),
            choices=choices(everything, filters, facilities),
            **self._sheet(feed, view, context, members),
            **self._common(feed, held, view, members, now),
            sharing=sharing(self._site, feed, held.state.title, everything, now),
        )

    def _held(self, feed: Feed, filters: FeedQuery) -> Held | Missing:
        return self._service.find(Address(feed, filters)) if is_id(feed.id) else Missing.UNKNOWN

    def _view(
        self, parameters: Parameters, filters: FeedQuery, zone: str, now: datetime, list_days: int
    ) -> PageView:
        reach = Reach.of(timezones.local_date(now, zone), *self._service.reach)
        return page_view(parameters, reach, filters, list_days)

    def _items(
        self,
        feed: Feed,
        property_ids: Sequence[str],
        filters: FeedQuery,
        since: datetime,
        until: datetime | None,
        now: datetime,
    ) -> list[Item]:
        """Return what the feed of the same filters shows of a span."""
        history, horizon = (timedelta(days=days) for days in self._service.reach)
        if feed.kind == "facility" and until is None:
            entries = self._read.entries(feed, TimeRange(since))
        else:
            entries = self._read.entries_between(property_ids, since, until or now + horizon)
        if feed.kind == "facility":
            entries = [each for each in entries if each.facility_id == feed.id]
        shown = select(entries, now=now, history=history, horizon=horizon, shape=filters).shown
        public = audience_view(Audience.PUBLIC)
        return [admit(entry, status, public) for entry, status in shown]

    def _open_places(
        self,
        property_id: str,
        facilities: Sequence[Facility],
        view: PageView,
        zone: str,
        now: datetime,
    ) -> list[tuple[Facility, Any]]:
        """Return the open times of a school's facilities, whatever else the page is filtered by."""
        if not facilities:
            return []
        day, only = view.span.day, view.filters.facility
        items = self._items(
            Feed("property", property_id),
            [property_id],
            PLAIN,
            *timezones.day_bounds(day, zone),
            now,
        )
        return [
            (
                facility,
                open_times(
                    [item for item in items if facility.id in item.facility_ids], day, zone, now
                ),
            )
            for facility in facilities
            if not only or facility.id in only
        ]

    def _sheet(
        self, feed: Feed, view: PageView, context: GridContext, property_ids: Sequence[str]
    ) -> dict[str, Any]:
        """Return the days of a week, a month or a list that begins with a day of choice."""
        shown = view.span
        if shown.view == "list" and not view.dated:
            return {"view": view, "sheet": (), "more": 0}
        # A school in another zone may have the day earlier, or still have it.
        since = timezones.midnight(shown.first - DAY, context.zone)
        until = timezones.midnight(shown.end + DAY, context.zone)
        items = self._items(feed, property_ids, view.filters, since, until, context.now)
        if shown.view == "month":
            days = grid_days(items, shown, context, per_day=MONTH_LINES)
        else:
            days = grid_days(items, shown, context, in_all=SHEET_LINES)
        more = sum(day.left_out for day in days)
        if shown.view == "list":
            days = tuple(day for day in days if day.count or day.day == shown.first)
        return {"view": view, "sheet": days, "more": more}

    def _common(
        self,
        feed: Feed,
        held: Held,
        view: PageView,
        property_ids: Sequence[str],
        now: datetime,
    ) -> dict[str, Any]:
        """Return what every schedule page shows: title, zone, freshness, how to subscribe."""
        state, zone = held.state, held.state.zone
        address = Address(feed, view.filters)
        narrowed = f"&{view.filters.query}" if view.filters.query else ""
        return {
            "title": state.title,
            "zone": zone,
            "zone_name": formatting.zone_name(now, zone),
            "as_of": self._site.as_of(property_ids, zone, now),
            "unlisted": formatting.long_date(state.unlisted, zone) if state.unlisted else "",
            "complete_from": formatting.day_or_moment(held.made.complete_from, zone),
            "complete_until": formatting.day_or_moment(held.made.complete_until, zone),
            "subscription": subscription(
                self._site.address(address.path),
                state.title,
                qr=self._site.path(qr_path(address)),
                poster=self._site.link(poster_path(address)),
            ),
            "download": self._site.path(address.path),
            "day_name": formatting.day(view.span.day, view.reach.today),
            "build": self._site.link(build_path(feed.kind, feed.id) + narrowed),
            "embedding": self._site.link(build_path(feed.kind, feed.id, root="/embed") + narrowed),
            "display": self._site.link(f"/display/{feed.kind}/{quote(feed.id, safe='')}"),
            "formats": {
                suffix: self._site.path(Address(feed, view.filters, suffix).path)
                for suffix in ("json", "csv", "atom")
            },
        }

    def _counts(
        self, properties: Sequence[Property], facilities: Sequence[Facility], now: datetime
    ) -> dict[str, int]:
        """Return today's entries by facility; when today is, depends on each property's zone."""
        zone_of = {each.id: _zone_of([each]) for each in properties}
        by_zone = {
            zone: self._read.counts(*timezones.day_bounds(timezones.local_date(now, zone), zone))
            for zone in sorted(set(zone_of.values()))
        }
        return {
            each.id: by_zone[zone_of[each.property_id]].get(each.id, 0)
            for each in facilities
            if each.property_id in zone_of
        }


def pages(store: Store, service: FeedService, site: Site) -> Blueprint:
    """Return the addresses that people open."""
    routes = Blueprint("pages", __name__)
    made = Pages(store, service, site)

    def narrowed(show: Callable[[str, Parameters, datetime], Response], feed_id: str) -> Response:
        try:
            parameters = given(query_of(request.environ.get("QUERY_STRING", "")))
            check_names(parameters)
            return show(feed_id, parameters, site.now())
        except BadQuery as bad:
            html = render_template("refused.html", sentence=sentence(bad))
            return responses.respond_uncached(html, 400)

    @routes.get("/")
    def home() -> Response:
        query = _searched(request.environ.get("QUERY_STRING", ""))
        return made.home(query[:QUERY_LENGTH].strip(), site.now())

    @routes.get("/facility/<path:facility_id>")
    def facility(facility_id: str) -> Response:
        return narrowed(made.facility, facility_id)

    @routes.get("/property/<path:property_id>", endpoint="property")
    def school(property_id: str) -> Response:
        return narrowed(made.school, property_id)

    return routes


def _missing(why: Held | Missing) -> Response:
    if why in (Missing.UNSYNCED, Missing.UNREACHABLE):
        return error_page(503, why.name.lower())
    return error_page(404, "unknown")


def _searched(query: str) -> str:
    """Return what is searched for in the directory. Raises `BadQuery` for a query that is not in
    UTF-8.
    """
    try:
        return dict(reversed(parse_qsl(query, errors="strict"))).get("q", "")
    except UnicodeError:
        raise BadQuery(UNREADABLE) from None


def _zone_of(properties: Sequence[Property]) -> str:
    """Return the first zone that exists; UTC where none does."""
    return next((each.timezone for each in properties if timezones.exists(each.timezone)), "UTC")


def _midnight(now: datetime, zone: str, days: int) -> datetime:
    """Return when the day begins that is some days after today in a zone."""
    return timezones.midnight(timezones.local_date(now, zone) + timedelta(days=days), zone)
