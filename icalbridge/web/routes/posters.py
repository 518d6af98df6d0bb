"""The poster for the gym door, and the QR code on it: both lead to the page that shows the
calendar.

The code holds the page's https address, since every phone opens that, and the page then offers each
device its own way to subscribe; `?to=calendar` asks for the feed's `webcal:` address instead, which
iPhones subscribe to at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from flask import Blueprint, Response, abort, request

from icalbridge import timezones
from icalbridge.feeds import Address, display_text
from icalbridge.feeds.query_values import join_query, split_query
from icalbridge.models import Feed
from icalbridge.web import responses
from icalbridge.web.failures import error_page
from icalbridge.web.qr import draw_code
from icalbridge.web.revision_cache import Missing
from icalbridge.web.routes.feeds import is_id, text_of
from icalbridge.web.views.subscribe import qr_path, shown_at, subscription

if TYPE_CHECKING:
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.site import Site

LONGEST = 500
"""Octets of an address that a phone still reads off a door: more make modules too small."""
NAME_SIZES = (("giant", 10, 9), ("large", 26, 13), ("medium", 54, 18))
"""Classes of `poster.css`, each with the columns that a name may have in it, and its longest word:
what is longer is small.
"""


def name_size(name: str) -> str:
    """Return the class that makes a name as large as it fits above the code. Chinese, Japanese and
    Korean characters are two columns wide, and a line may break between any two of them.
    """
    narrow = "".join(" " if east_asian_width(sign) in "WF" else sign for sign in name)
    columns = len(name) + sum(east_asian_width(sign) in "WF" for sign in name)
    longest = max(map(len, narrow.split()), default=0)
    fitting = (size for size, most, word in NAME_SIZES if columns <= most and longest <= word)
    return next(fitting, "small")


class Posters:
    """The posters and QR codes of one application."""

    def __init__(self, service: FeedCache, site: Site) -> None:
        self._catalog = service.catalog
        self._service = service
        self._site = site

    def poster(self, feed: Feed) -> Response:
        """Return the page to print."""
        query, _ = _split(text_of(request.environ["QUERY_STRING"]))
        address = Address(feed, self._service.parse_query(query))
        title = self._title(address)
        if isinstance(title, Missing):
            return error_page(404 if title is Missing.UNKNOWN else 503, title.name.lower())
        shown = self._site.address(shown_at(address))
        facility = self._catalog.facility(feed.id) if feed.kind == "facility" else None
        school = self._catalog.property(facility.property_id) if facility else None
        own = display_text(facility.name or facility.type) if facility else ""
        return self._site.respond(
            "poster.html",
            name=own or title,
            size=name_size(own or title),
            school=display_text(school.name) if school else "",
            narrowed=bool(address.query.query_string),
            shown=self._site.link(shown_at(address)),
            short=shown.partition("://")[2],
            qr=self._site.path(qr_path(address)) if len(shown) <= LONGEST else "",
            only_here=subscription(shown, "").only_here,
        )

    def code(self, feed: Feed) -> Response:
        """Return the code; 404 where there is no such calendar, or its address is too long for
        one.
        """
        query, to_calendar = _split(text_of(request.environ["QUERY_STRING"]))
        address = Address(feed, self._service.parse_query(query))
        if isinstance(self._title(address), Missing):
            abort(404)
        text = self._site.address(address.path if to_calendar else shown_at(address))
        if to_calendar:
            text = subscription(text, "").webcal
        if len(text) > LONGEST:
            abort(404)
        cache_control = "public, max-age=86400" if self._site.is_public else "private, no-cache"
        made = responses.document(draw_code(text), "image/svg+xml", cache_control=cache_control)
        return responses.respond(made)

    def _title(self, address: Address) -> str | Missing:
        """Return the title of a calendar, or why there is none. Raises `BadQuery`."""
        if not is_id(address.feed.id):
            return Missing.UNKNOWN
        midnight = timezones.midnight(self._site.now().date(), "UTC")
        calendar = self._service.calendar(address.feed, address.query, None, midnight, limit=1)
        return calendar if isinstance(calendar, Missing) else calendar.title


def _split(query: str) -> tuple[str, bool]:
    """Split off the parameters that are not the feed's, `lang` and `to=calendar`; return whether
    the latter was there. Raises `BadQuery`.
    """
    parameters = split_query(query)
    parameters.pop("lang", None)
    to_calendar = parameters.get("to") == ["calendar"]
    if to_calendar:
        del parameters["to"]
    return join_query(parameters), to_calendar


def posters(service: FeedCache, site: Site) -> Blueprint:
    """Return the addresses of posters and codes."""
    routes = Blueprint("posters", __name__)
    made = Posters(service, site)

    @routes.get("/poster/facility/<path:facility_id>")
    def facility_poster(facility_id: str) -> Response:
        return made.poster(Feed("facility", facility_id))

    @routes.get("/poster/property/<path:property_id>")
    def property_poster(property_id: str) -> Response:
        return made.poster(Feed("property", property_id))

    @routes.get("/qr/facility/<path:facility_id>.svg")
    def facility_code(facility_id: str) -> Response:
        return made.code(Feed("facility", facility_id))

    @routes.get("/qr/property/<path:property_id>.svg")
    def property_code(property_id: str) -> Response:
        return made.code(Feed("property", property_id))

    return routes
