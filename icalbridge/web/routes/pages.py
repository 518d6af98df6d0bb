"""The pages that people read: the directory, a school, a facility, and how to subscribe to each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from flask import Blueprint, Response, render_template, request

from icalbridge import timezones
from icalbridge.feeds import PLAIN, Address, BadQuery
from icalbridge.feeds.query import UNREADABLE, given
from icalbridge.models import Feed
from icalbridge.web import formatting, responses
from icalbridge.web.coming import Coming, load_coming
from icalbridge.web.failures import error_page
from icalbridge.web.refusing import sentence
from icalbridge.web.revision_cache import Missing
from icalbridge.web.routes.feeds import is_id, query_of
from icalbridge.web.sharing import Sharing, sharing
from icalbridge.web.site import freshness
from icalbridge.web.views.calendar_grid import GridContext, grid_days, list_days, page_title
from icalbridge.web.views.directory import FIRST_PLACES, directory, kinds, search
from icalbridge.web.views.filters import DateRange, check_names, choices, filter_query, page_view
from icalbridge.web.views.forms import build_path
from icalbridge.web.views.open_times import open_times
from icalbridge.web.views.subscribe import poster_path, qr_path, subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.calendar import Calendar
    from icalbridge.feeds.completeness import Completeness
    from icalbridge.models import Facility, Property
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.site import Site
    from icalbridge.web.views.calendar_grid import CalendarList
    from icalbridge.web.views.filters import PageView
    from icalbridge.web.views.open_times import Gap

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


@dataclass(frozen=True, slots=True)
class SchedulePage:
    """What a schedule page shows of a feed."""

    view: PageView
    everything: Calendar
    """What comes, without the page's filters."""
    coming: Coming
    """The same with them."""
    completeness: Completeness
    list_until: datetime

    @property
    def zone(self) -> str:
        return self.everything.zone


class Pages:
    """The pages of one application."""

    def __init__(self, service: FeedCache, site: Site) -> None:
        self._catalog = service.catalog
        self._service = service
        self._site = site

    def home(self, query: str, now: datetime) -> Response:
        """Return the directory, narrowed down to a search."""
        properties = self._catalog.properties()
        facilities = self._catalog.facilities()
        everything = directory(properties, facilities, self._counts(properties, facilities, now))
        only = everything[0].own if len(everything) == 1 else None
        property_ids = [place.id for place in properties]
        return self._site.respond(
            "directory.html",
            districts=search(everything, query),
            kinds=kinds(facilities),
            most=None if query else FIRST_PLACES,
            query=query,
            title=only.site.name if only else "",
            empty=not everything,
            sharing=Sharing(self._site.address("/")),
            as_of=freshness(self._catalog.fetched(property_ids), _zone_of(properties), now),
        )

    def facility(self, facility_id: str, parameters: Parameters, now: datetime) -> Response:
        """Return one facility's schedule."""
        feed = Feed("facility", facility_id)
        page = self._load(feed, parameters, now, FACILITY_DAYS)
        if isinstance(page, Missing):
            return _missing(page)
        facility = self._catalog.facility(facility_id)
        if facility is None:
            return _missing(Missing.UNKNOWN)
        context = GridContext(now, page.zone, title=page_title)
        return self._site.respond(
            "facility.html",
            facility=facility,
            school=self._catalog.property(facility.property_id),
            plan=self._list(page, context, FACILITY_ENTRIES),
            days=FACILITY_DAYS,
            open_times=open_times(self._booked(feed, page), page.view.span.day, page.zone, now),
            choices=choices(page.everything.items, page.view.filters, ()),
            **self._sheet(page, context),
            **self._common(page, now),
        )

    def school(self, property_id: str, parameters: Parameters, now: datetime) -> Response:
        """Return a school's schedule, or a district's with its schools."""
        feed = Feed("property", property_id)
        page = self._load(feed, parameters, now, PROPERTY_DAYS)
        if isinstance(page, Missing):
            return _missing(page)
        properties = self._catalog.members(property_id)
        own = next((place for place in properties if place.id == property_id), None)
        if own is None:
            return _missing(Missing.UNKNOWN)
        facilities = self._catalog.facilities([own.id, *own.child_ids])
        counts = self._counts(properties, facilities, now)
        schools = [
            school
            for district in directory(properties, facilities, counts)
            for school in district.all
        ]
        places = next((school.places for school in schools if school.site.id == own.id), ())
        names = {
            place.id: place.name for place in properties if place.id != own.id and own.child_ids
        }
        context = GridContext(now, page.zone, names, page_title)
        return self._site.respond(
            "property.html",
            site=own,
            schools=[school for school in schools if school.site.id != own.id],
            places=places,
            plan=self._list(page, context, PROPERTY_ENTRIES),
            days=PROPERTY_DAYS,
            open_places=self._open_places([place.facility for place in places], page, now),
            choices=choices(page.everything.items, page.view.filters, facilities),
            **self._sheet(page, context),
            **self._common(page, now),
        )

    def _load(
        self, feed: Feed, parameters: Parameters, now: datetime, days: int
    ) -> SchedulePage | Missing:
        """Load what a page shows of a feed; `days` after today are listed."""
        if not is_id(feed.id):
            return Missing.UNKNOWN
        filters = self._service.shape(filter_query(parameters))
        state = self._service.state(feed)
        if isinstance(state, Missing):
            return state
        today = timezones.local_date(now, state.zone)
        reach = DateRange.of(today, *self._service.reach)
        # What comes next at a facility may be far away.
        last = reach.last if feed.kind == "facility" else today + days * DAY
        until = timezones.midnight(last + DAY, state.zone)
        coming = load_coming(self._service, feed, filters, until, now)
        everything = (
            load_coming(self._service, feed, PLAIN, until, now) if filters != PLAIN else coming
        )
        completeness = self._service.completeness(feed, filters)
        if isinstance(everything, Missing):
            return everything
        if isinstance(coming, Missing):
            return coming
        if isinstance(completeness, Missing):
            return completeness
        view = page_view(parameters, reach, filters, days + 1)
        list_until = timezones.midnight(today + (days + 1) * DAY, state.zone)
        return SchedulePage(view, everything.calendar, coming, completeness, list_until)

    def _list(self, page: SchedulePage, context: GridContext, limit: int) -> CalendarList:
        calendar, more = page.coming
        return list_days(calendar.items, page.list_until, context, limit, more)

    def _booked(self, feed: Feed, page: SchedulePage) -> Sequence[Item]:
        """Return all that is booked on the page's day, whatever else the page is filtered by."""
        bounds = timezones.day_bounds(page.view.span.day, page.zone)
        calendar = self._service.calendar(feed, PLAIN, *bounds)
        return () if isinstance(calendar, Missing) else calendar.items

    def _open_places(
        self, facilities: Sequence[Facility], page: SchedulePage, now: datetime
    ) -> list[tuple[Facility, Sequence[Gap]]]:
        """Return the open times of a school's own facilities."""
        day, only = page.view.span.day, page.view.filters.facility
        shown = [place for place in facilities if not only or place.id in only]
        by_facility: dict[str, list[Item]] = {place.id: [] for place in shown}
        for item in self._booked(page.everything.feed, page) if shown else ():
            for facility_id in by_facility.keys() & item.facility_ids:
                by_facility[facility_id].append(item)
        return [(place, open_times(by_facility[place.id], day, page.zone, now)) for place in shown]

    def _sheet(self, page: SchedulePage, context: GridContext) -> dict[str, Any]:
        """Return the days of a week, a month or a list that begins with a day of choice."""
        view, shown = page.view, page.view.span
        if shown.view == "list" and not view.dated:
            return {"view": view, "sheet": (), "more": 0}
        # A school in another zone may have the day earlier, or still have it.
        since = timezones.midnight(shown.first - DAY, context.zone)
        until = timezones.midnight(shown.end + DAY, context.zone)
        per_day, in_all = (MONTH_LINES, None) if shown.view == "month" else (None, SHEET_LINES)
        calendar = self._service.calendar(
            page.everything.feed, view.filters, since, until, day_limit=per_day or in_all
        )
        items, counts = (
            ((), None) if isinstance(calendar, Missing) else (calendar.items, calendar.day_counts)
        )
        days = grid_days(items, shown, context, per_day=per_day, in_all=in_all, counts=counts)
        more = sum(day.left_out for day in days)
        if shown.view == "list":
            days = tuple(day for day in days if day.count or day.day == shown.first)
        return {"view": view, "sheet": days, "more": more}

    def _common(self, page: SchedulePage, now: datetime) -> dict[str, Any]:
        """Return what every schedule page shows: title, zone, freshness, how to subscribe."""
        calendar, view, zone = page.everything, page.view, page.zone
        feed, state = calendar.feed, calendar.state
        address = Address(feed, view.filters)
        narrowed = f"&{view.filters.query}" if view.filters.query else ""
        return {
            "title": state.title,
            "zone": zone,
            "zone_name": formatting.zone_name(now, zone),
            "as_of": freshness(calendar.fetched, zone, now),
            "unlisted": formatting.long_date(state.unlisted, zone) if state.unlisted else "",
            "complete_from": formatting.day_or_moment(page.completeness.complete_from, zone),
            "complete_until": formatting.day_or_moment(page.completeness.complete_until, zone),
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
            "sharing": sharing(self._site, feed, state.title, calendar.items, now),
        }

    def _counts(
        self, properties: Sequence[Property], facilities: Sequence[Facility], now: datetime
    ) -> dict[str, int]:
        """Return today's entries by facility; when today is, depends on each property's zone."""
        zone_of = {place.id: _zone_of([place]) for place in properties}
        by_zone = {
            zone: self._catalog.counts(*timezones.day_bounds(timezones.local_date(now, zone), zone))
            for zone in sorted(set(zone_of.values()))
        }
        return {
            place.id: by_zone[zone_of[place.property_id]].get(place.id, 0)
            for place in facilities
            if place.property_id in zone_of
        }


def pages(service: FeedCache, site: Site) -> Blueprint:
    """Return the addresses that people open."""
    routes = Blueprint("pages", __name__)
    made = Pages(service, site)

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


def _missing(why: Missing) -> Response:
    return error_page(404 if why is Missing.UNKNOWN else 503, why.name.lower())


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
    return next((place.timezone for place in properties if timezones.exists(place.timezone)), "UTC")
