"""The pages that people read: the directory, a school, a facility, and how to subscribe to each."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from flask import Blueprint, Response, render_template, request

from icalbridge import timezones
from icalbridge.errors import StoreError
from icalbridge.feeds import Address, BadQuery
from icalbridge.feeds.query_values import UNREADABLE, split_query
from icalbridge.models import Feed
from icalbridge.text import search_key
from icalbridge.web import formatting, responses
from icalbridge.web.booked_names import FIRST_NAMES, NO_NAMES, search_names
from icalbridge.web.failures import error_page
from icalbridge.web.parameters import translate_refusal
from icalbridge.web.revision_cache import Missing
from icalbridge.web.routes.feeds import is_id, query_of
from icalbridge.web.schedule import Schedules
from icalbridge.web.sharing import Sharing, sharing
from icalbridge.web.site import freshness
from icalbridge.web.views.directory import (
    FIRST_PLACES,
    MOST_SCHOOLS,
    TodayCounts,
    directory,
    kinds,
    search,
)
from icalbridge.web.views.filters import check_names, filter_form
from icalbridge.web.views.forms import build_path
from icalbridge.web.views.state_line import facility_line, school_line
from icalbridge.web.views.subscribe import display_path, poster_path, qr_path, subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from icalbridge.models import Facility, Property
    from icalbridge.web.booked_names import NameList
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.schedule import SchedulePage
    from icalbridge.web.site import Site
    from icalbridge.web.views.directory import District, School

    Parameters = Mapping[str, Sequence[str]]

QUERY_LENGTH = 200


class Pages:
    """The pages of one application."""

    def __init__(self, service: FeedCache, site: Site) -> None:
        self._catalog = service.catalog
        self._schedules = Schedules(service)
        self._site = site

    def home(self, query: str, now: datetime) -> Response:
        """Return the directory, narrowed down to a search."""
        properties = self._catalog.properties()
        facilities = self._catalog.facilities()
        everything = directory(properties, facilities, self._counts(properties, facilities, now))
        only = everything[0].own if len(everything) == 1 else None
        property_ids = [place.id for place in properties]
        matching = search(everything, query)
        is_long = sum(len(district.all) for district in matching) > MOST_SCHOOLS
        return self._site.respond(
            "directory.html",
            districts=matching,
            kinds=kinds(facilities),
            most=None if query and not is_long else FIRST_PLACES,
            is_long=is_long,
            query=query,
            bookings=self._search_bookings(everything, query, now) if query else NO_NAMES,
            first_names=FIRST_NAMES,
            title=only.site.name if only else "",
            empty=not everything,
            sharing=Sharing(self._site.address("/")),
            as_of=freshness(self._catalog.fetched(property_ids), _zone_of(properties), now),
        )

    def _search_bookings(
        self, districts: Sequence[District], query: str, now: datetime
    ) -> NameList | None:
        """Return the names of bookings that a search finds; None while the database is down."""
        minute = now.replace(second=0, microsecond=0)
        try:
            return self._catalog.remember(
                ("search", search_key(query)),
                lambda: search_names(self._catalog.read, districts, query, minute),
                minute,
            )
        except StoreError:
            return None

    def facility(self, facility_id: str, parameters: Parameters, now: datetime) -> Response:
        """Return one facility's schedule."""
        if not is_id(facility_id):
            return _missing(Missing.UNKNOWN)
        page = self._schedules.load(Feed("facility", facility_id), parameters, now, "week")
        facility = self._catalog.facility(facility_id)
        if isinstance(page, Missing):
            return _missing(page)
        if facility is None:
            return _missing(Missing.UNKNOWN)
        return self._site.respond(
            "facility.html",
            facility=facility,
            school=self._catalog.property(facility.property_id),
            state_line=facility_line(page.coming.items, now, page.zone),
            filters=filter_form(page.coming.items, page.view.filters, ()),
            **self._schedules.facility(page),
            **self._common(page, now),
        )

    def school(self, property_id: str, parameters: Parameters, now: datetime) -> Response:
        """Return a school's schedule, or a district's with its schools."""
        if not is_id(property_id):
            return _missing(Missing.UNKNOWN)
        own = self._catalog.property(property_id)
        properties = self._catalog.members(own) if own else []
        names = {place.id: place.name for place in properties[1:]}
        page = self._schedules.load(Feed("property", property_id), parameters, now, "day", names)
        if isinstance(page, Missing):
            return _missing(page)
        if own is None:
            return _missing(Missing.UNKNOWN)
        facilities = self._catalog.facilities([place.id for place in properties])
        counts = self._counts(properties, facilities, now)
        schools = [
            school
            for district in directory(properties, facilities, counts)
            for school in district.all
        ]
        own_facilities = [place for place in facilities if place.property_id == own.id]
        others = [school for school in schools if school.site.id != own.id]
        shown = (
            self._schedules.district(page)
            if others
            else self._schedules.school(page, own_facilities)
        )
        running = sum(school.running for school in schools)
        return self._site.respond(
            "property.html",
            site=own,
            schools=_busiest(others),
            school_count=len(others),
            places=next((school.places for school in schools if school.site.id == own.id), ()),
            facilities={place.id: place for place in facilities},
            state_line=school_line(running, self._schedules.next_item(page), now, page.zone),
            filters=filter_form(page.coming.items, page.view.filters, facilities),
            **shown,
            **self._common(page, now),
        )

    def _common(self, page: SchedulePage, now: datetime) -> dict[str, Any]:
        """Return what every schedule page shows: title, zone, freshness, how to subscribe."""
        view, zone, feed, state = page.view, page.zone, page.feed, page.state
        address = Address(feed, view.filters)
        narrowed = f"&{view.filters.query_string}" if view.filters.query_string else ""
        return {
            "view": view,
            "title": state.title,
            "only": self._schedules.names(page),
            "zone": zone,
            "zone_name": formatting.zone_name(zone),
            "as_of": freshness(page.coming.fetched, zone, now),
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
            "build": self._site.link(build_path(feed.kind, feed.id) + narrowed),
            "embedding": self._site.link(build_path(feed.kind, feed.id, root="/embed") + narrowed),
            "display": self._site.link(display_path(address)),
            "formats": {
                suffix: self._site.path(Address(feed, view.filters, suffix).path)
                for suffix in ("json", "csv", "atom")
            },
            "sharing": sharing(self._site, feed, state.title, page.coming.items, now),
        }

    def _counts(
        self, properties: Sequence[Property], facilities: Sequence[Facility], now: datetime
    ) -> TodayCounts:
        """Return what is left of today and what is on; when today is, depends on each property's
        zone.
        """
        running = self._catalog.counts("running", now, now + timedelta(seconds=1))
        zone_of = {place.id: _zone_of([place]) for place in properties}
        left: dict[str, int] = {}
        for zone in sorted(set(zone_of.values())):
            _, until = timezones.day_bounds(timezones.local_date(now, zone), zone)
            counts = self._catalog.counts(("left", zone), now, until)
            left |= {
                place.id: counts.get(place.id, 0)
                for place in facilities
                if zone_of.get(place.property_id) == zone
            }
        return TodayCounts(left, running)


def pages(service: FeedCache, site: Site) -> Blueprint:
    """Return the addresses that people open."""
    routes = Blueprint("pages", __name__)
    made = Pages(service, site)

    def narrowed(show: Callable[[str, Parameters, datetime], Response], feed_id: str) -> Response:
        try:
            parameters = split_query(query_of(request.environ.get("QUERY_STRING", "")))
            check_names(parameters)
            return show(feed_id, parameters, site.now())
        except BadQuery as bad:
            html = render_template("refused.html", sentence=translate_refusal(bad))
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


def _busiest(schools: Sequence[School]) -> list[School]:
    """Return the schools that a district's page lists: the first with most going on."""
    busy = sorted(schools, key=lambda school: (-school.running, -school.left))
    shown = {school.site.id for school in busy[:MOST_SCHOOLS]}
    return [school for school in schools if school.site.id in shown]


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
