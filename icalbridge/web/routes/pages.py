"""The pages that people read: the directory, a school, a facility. They show what the feeds say,
and how to subscribe.

Gathers what the templates show; arranging it is for `directory` and `schedule`, the words for
`wording` and the templates. A page asks for its feed first, so that it is missing, not fetched yet
or cut exactly as the feed is.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from flask import Blueprint, Response, render_template, request

from icalbridge import timezones
from icalbridge.feeds import Address, BadQuery, page_path
from icalbridge.feeds.query import UNREADABLE, given
from icalbridge.feeds.selection import select
from icalbridge.models import Feed, is_future
from icalbridge.store.entries import TimeRange
from icalbridge.web import formatting, responses
from icalbridge.web.failures import error_page
from icalbridge.web.feed_cache import Missing
from icalbridge.web.refusing import sentence
from icalbridge.web.routes.feeds import flask_response, is_id, query_of
from icalbridge.web.sharing import Sharing, sharing
from icalbridge.web.views.directory import FIRST_PLACES, directory, kinds, search
from icalbridge.web.views.filters import Reach, check_names, choices, filter_query, span, view
from icalbridge.web.views.form import build_path
from icalbridge.web.views.month import month
from icalbridge.web.views.open_times import open_times
from icalbridge.web.views.schedule import schedule
from icalbridge.web.views.subscribe import poster_path, qr_path, subscription
from icalbridge.web.views.week import by_day, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from icalbridge.feeds import FeedQuery
    from icalbridge.models import Entry, Facility, Property
    from icalbridge.store import Store
    from icalbridge.web.feed_cache import FeedService, Held
    from icalbridge.web.site import Site
    from icalbridge.web.views.filters import View

    Asked = Mapping[str, Sequence[str]]

FACILITY_DAYS = 14
"""How many days after today are listed."""
FACILITY_ENTRIES = 100
PROPERTY_DAYS = 7
PROPERTY_ENTRIES = 300
SHEET_LINES = 300
"""How many entries a week tells, or a list that begins with a day of choice."""
DAY = timedelta(days=1)
QUERY_LENGTH = 200
STALE_AFTER = timedelta(hours=2)
"""Data older than this is said to be old."""


class Pages:
    """What the pages of one application are made of."""

    def __init__(self, store: Store, service: FeedService, site: Site) -> None:
        self._read = store.read
        self._service = service
        self._site = site

    def home(self, query: str, now: datetime) -> Response:
        """Return the directory, narrowed down to what a query names."""
        properties = self._read.properties()
        facilities = self._read.facilities()
        everything = directory(properties, facilities, self._counts(properties, facilities, now))
        found = search(everything, query)
        only = everything[0].own if len(everything) == 1 else None
        return self._page(
            "directory.html",
            districts=found,
            kinds=kinds(facilities),
            most=None if query else FIRST_PLACES,
            query=query,
            title=only.site.name if only else "",
            empty=not everything,
            sharing=Sharing(self._site.address("/")),
            as_of=as_of(self._site, [each.id for each in properties], _zone_of(properties), now),
        )

    def facility(self, facility_id: str, asked: Asked, now: datetime) -> Response:
        """Return one facility's schedule."""
        feed = Feed("facility", facility_id)
        shape = self._service.shape(filter_query(asked))
        held = self._held(feed, shape)
        found = self._read.facility(facility_id)
        if isinstance(held, Missing) or found is None:
            return self._missing(held)
        zone = held.state.zone
        shown = self._view(asked, shape, zone, now, FACILITY_DAYS + 1)
        entries = self._read.entries(feed, TimeRange(now))
        until = _midnight(now, zone, FACILITY_DAYS + 1)
        return self._page(
            "facility.html",
            facility=found,
            school=self._read.property(found.property_id),
            plan=schedule(self._chosen(entries, shape, now), now, until, zone, FACILITY_ENTRIES),
            days=FACILITY_DAYS,
            open_times=open_times(
                self._on(shown.day, zone, [found.property_id], found.id), shown.day, zone, now
            ),
            choices=choices(entries, shape, ()),
            **self._spread(shown, zone, now, [found.property_id], found.id),
            **self._common(feed, held, shown, [found.property_id], now),
            sharing=sharing(self._site, feed, held.state.title, entries, now),
        )

    def school(self, property_id: str, asked: Asked, now: datetime) -> Response:
        """Return a school's schedule, or a district's with its schools."""
        feed = Feed("property", property_id)
        shape = self._service.shape(filter_query(asked))
        held = self._held(feed, shape)
        found = self._read.property(property_id)
        if isinstance(held, Missing) or found is None:
            return self._missing(held)
        zone = held.state.zone
        shown_view = self._view(asked, shape, zone, now, PROPERTY_DAYS + 1)
        members = [found.id, *found.child_ids]
        until = _midnight(now, zone, PROPERTY_DAYS + 1)
        listed = [each for each in self._read.properties() if each.id in members]
        shown = listed if found in listed else [found, *listed]
        facilities = self._read.facilities(members)
        tree = directory(shown, facilities, self._counts(shown, facilities, now))
        places = next(
            (one.places for each in tree for one in each.all if one.site.id == found.id), ()
        )
        entries = self._read.entries_between(members, now, until)
        booked = self._on(shown_view.day, zone, [found.id]) if places else []
        return self._page(
            "property.html",
            site=found,
            schools=tuple(
                school for district in tree for school in district.all if school.site.id != found.id
            ),
            places=places,
            plan=schedule(self._chosen(entries, shape, now), now, until, zone, PROPERTY_ENTRIES),
            days=PROPERTY_DAYS,
            names={each.id: each.name for each in listed if each.id != found.id}
            if found.child_ids
            else {},
            open_places=[
                (
                    place.facility,
                    open_times(_of(booked, place.facility.id), shown_view.day, zone, now),
                )
                for place in places
                if not shape.facility or place.facility.id in shape.facility
            ],
            choices=choices(entries, shape, facilities),
            **self._spread(shown_view, zone, now, members),
            **self._common(feed, held, shown_view, members, now),
            sharing=sharing(self._site, feed, held.state.title, entries, now),
        )

    def _held(self, feed: Feed, shape: FeedQuery) -> Held | Missing:
        return self._service.find(Address(feed, shape)) if is_id(feed.id) else Missing.UNKNOWN

    def _view(
        self, asked: Asked, shape: FeedQuery, zone: str, now: datetime, list_days: int
    ) -> View:
        return view(
            asked, Reach.of(timezones.local_date(now, zone), *self._service.reach), shape, list_days
        )

    def _chosen(self, entries: Sequence[Entry], shape: FeedQuery, now: datetime) -> Sequence[Entry]:
        """Keep what the feed of the same filters shows."""
        history, horizon = (timedelta(days=days) for days in self._service.reach)
        return (
            select(entries, now=now, history=history, horizon=horizon, shape=shape).entries
            if entries
            else ()
        )

    def _on(
        self, day: date, zone: str, property_ids: Sequence[str], facility_id: str = ""
    ) -> list[Entry]:
        """Return all that is booked on a day, whatever the page is narrowed down to."""
        found = self._read.entries_between(property_ids, _start(day, zone), _start(day + DAY, zone))
        return _of(found, facility_id) if facility_id else found

    def _spread(
        self,
        shown: View,
        zone: str,
        now: datetime,
        property_ids: Sequence[str],
        facility_id: str = "",
    ) -> dict[str, Any]:
        """Return the days of a week, a month or a list that begins with a day of choice."""
        spread: dict[str, Any] = {"view": shown, "sheet": (), "weeks": (), "more": 0}
        if shown.name == "list" and not shown.dated:
            return spread
        since = _start(
            shown.first - DAY, zone
        )  # a school in another zone may have the day earlier, or still have it
        found = self._read.entries_between(
            property_ids, since, _start(shown.first + DAY * (shown.count + 1), zone)
        )
        entries = self._chosen(_of(found, facility_id) if facility_id else found, shown.shape, now)
        if shown.name == "month":
            return spread | {"weeks": month(entries, shown.day, now, zone)}
        days, more = shortened(by_day(entries, shown.first, shown.count, now, zone), SHEET_LINES)
        return spread | {"sheet": days, "more": more}

    def _common(
        self, feed: Feed, held: Held, shown: View, property_ids: Sequence[str], now: datetime
    ) -> dict[str, Any]:
        """Return what every schedule page shows: title, zone, freshness, how to subscribe."""
        zone = held.state.zone
        path = Address(feed, shown.shape).path
        narrowed = f"&{shown.filter_query}" if shown.filter_query else ""
        return {
            "title": held.state.title,
            "zone": zone,
            "zone_name": formatting.zone_name(now, zone),
            "as_of": as_of(self._site, property_ids, zone, now),
            "unlisted": formatting.long_date(held.state.unlisted, zone)
            if held.state.unlisted
            else "",
            "complete_from": formatting.day_or_moment(held.made.complete_from, zone),
            "complete_until": formatting.day_or_moment(held.made.complete_until, zone),
            "subscription": subscription(
                self._site.address(path),
                held.state.title,
                qr=self._site.path(qr_path(Address(feed, shown.shape))),
                poster=self._site.link(poster_path(Address(feed, shown.shape))),
            ),
            "download": self._site.path(path),
            "span": span(shown),
            "day_name": formatting.day(shown.day, shown.reach.today),
            "build": self._site.link(build_path(feed.kind, feed.id) + narrowed),
            "embedding": self._site.link(build_path(feed.kind, feed.id, root="/embed") + narrowed),
            "display": self._site.link(f"/display/{feed.kind}/{quote(feed.id, safe='')}"),
            "formats": {
                suffix: self._site.path(Address(feed, shown.shape, suffix).path)
                for suffix in ("json", "csv", "atom")
            },
        }

    def _counts(
        self, properties: Sequence[Property], facilities: Sequence[Facility], now: datetime
    ) -> dict[str, int]:
        """Return today's entries by facility; when today is, depends on each property's zone."""
        zone_of = {each.id: _zone_of([each]) for each in properties}
        by_zone = {
            zone: self._read.counts(_midnight(now, zone, 0), _midnight(now, zone, 1))
            for zone in sorted(set(zone_of.values()))
        }
        return {
            each.id: by_zone[zone_of[each.property_id]].get(each.id, 0)
            for each in facilities
            if each.property_id in zone_of
        }

    def _missing(self, why: Held | Missing) -> Response:
        match why:
            case Missing.UNSYNCED:
                return error_page(503, "unsynced")
            case Missing.UNREACHABLE:
                return error_page(503, "unreachable")
            case _:
                return error_page(404, "unknown")

    def _page(self, template: str, **shown: Any) -> Response:
        return page(self._site, template, **shown)


def page(site: Site, template: str, /, **shown: Any) -> Response:
    """Render a page; it may be kept by anybody only where no Host header can be in it."""
    cache_control = "public, max-age=60" if site.is_public else "private, no-cache"
    html = render_template(template, **shown).encode()
    vary = "Accept-Encoding, Accept-Language"
    made = responses.document(
        html, "text/html; charset=utf-8", cache_control=cache_control, vary=vary
    )
    packed = responses.wants_gzip(request.environ.get("HTTP_ACCEPT_ENCODING", ""))
    return flask_response(responses.answer(made.packed() if packed else made, request.environ))


def as_of(
    site: Site, property_ids: Sequence[str], zone: str, now: datetime
) -> dict[str, Any] | None:
    """Return how fresh the data is: by the property that waits longest; None while one was never
    fetched.
    """
    known = {each.property_id: each.today_synced for each in site.health(now).properties}
    synced = [known[each] for each in property_ids if each in known]
    moments = [moment for moment in synced if moment is not None and not is_future(moment, now)]
    if not moments or len(moments) < len(synced):
        return None
    oldest = min(moments)
    return {
        "moment": oldest.isoformat(),
        "text": f"{formatting.clock_time(oldest, zone)}, {formatting.long_date(oldest, zone)}",
        "age": formatting.age((now - oldest).total_seconds()),
        "stale": now - oldest > STALE_AFTER,
    }


def facility_path(facility_id: str) -> str:
    return page_path(Feed("facility", facility_id))


def property_path(property_id: str) -> str:
    return page_path(Feed("property", property_id))


def pages(store: Store, service: FeedService, site: Site) -> Blueprint:
    """Return the addresses that people open."""
    routes = Blueprint("pages", __name__)
    made = Pages(store, service, site)

    def narrowed(show: Callable[[str, Asked, datetime], Response], feed_id: str) -> Response:
        try:
            asked = given(query_of(request.environ.get("QUERY_STRING", "")))
            check_names(asked)
            return show(feed_id, asked, site.now())
        except BadQuery as bad:
            html = render_template("refused.html", sentence=sentence(bad))
            return Response(
                html, 400, {"Cache-Control": "no-store"}, content_type="text/html; charset=utf-8"
            )

    @routes.get("/")
    def home() -> Response:
        return made.home(
            _searched(request.environ.get("QUERY_STRING", ""))[:QUERY_LENGTH].strip(), site.now()
        )

    @routes.get("/facility/<path:facility_id>")
    def facility(facility_id: str) -> Response:
        return narrowed(made.facility, facility_id)

    @routes.get("/property/<path:property_id>", endpoint="property")
    def school(property_id: str) -> Response:
        return narrowed(made.school, property_id)

    return routes


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
    return _start(timezones.local_date(now, zone) + timedelta(days=days), zone)


def _start(day: date, zone: str) -> datetime:
    return datetime.combine(day, time.min, timezones.zone(zone))


def _of(entries: Sequence[Entry], facility_id: str) -> list[Entry]:
    return [entry for entry in entries if entry.facility_id == facility_id]
