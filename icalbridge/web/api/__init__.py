"""The read API, `/api/v1/...`: bookings as JSON, under the same rules as feeds.

schema      the responses; operations: their addresses; openapi: both as a document
parameters  the parameters of addresses, and how they are read
places      properties and facilities
bookings    entries a page at a time, current bookings, open times; free: free facilities
page        the document for people

This module has the routes; errors are `problems`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

from icalbridge.errors import StoreError
from icalbridge.feeds import BadQuery
from icalbridge.feeds.formats.datetimes import iso_utc
from icalbridge.feeds.formats.json_format import dumps
from icalbridge.models import Feed
from icalbridge.web import i18n, responses
from icalbridge.web.api.bookings import ApiResult, BookingsApi
from icalbridge.web.api.free import FreeApi
from icalbridge.web.api.openapi import document
from icalbridge.web.api.operations import OPERATIONS
from icalbridge.web.api.page import page
from icalbridge.web.api.parameters import parse_parameters
from icalbridge.web.api.places import ROOT, Places
from icalbridge.web.cross_origin import cross_origin
from icalbridge.web.problems import problem
from icalbridge.web.revision_cache import Missing
from icalbridge.web.routes.feeds import is_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from msgspec import Struct

    from icalbridge.web.api.operations import Operation
    from icalbridge.web.api.parameters import RequestParameters
    from icalbridge.web.current_bookings import CurrentBookingsReader
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.site import Site

    Answering = Callable[[str, RequestParameters, datetime], ApiResult | Missing]

__all__ = ["api", "document"]

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
DOCUMENT_CACHE_CONTROL = "public, max-age=3600"
PAGE_CACHE_CONTROL = "public, max-age=300"
"""No Host header is in it: its addresses are paths."""
UNREACHABLE = "This cannot be read right now; ask again in half a minute."
UNSYNCED = "This place is being fetched for the first time; ask again in half a minute."


def api(
    service: FeedCache, present: CurrentBookingsReader, site: Site, booking_url: str
) -> Blueprint:
    """Return the addresses of the API; `booking_url`: the template of where to book."""
    routes = Blueprint("api", __name__)
    places = Places(service.public, site)
    free = FreeApi(service, places, site, booking_url)
    answering = _answering(places, BookingsApi(service, present, site), free)
    for operation in OPERATIONS:
        _add(routes, operation, answering[operation.name], site)

    values = responses.document(
        dumps(document()), JSON, cache_control=DOCUMENT_CACHE_CONTROL, extra=cross_origin()
    ).packed()

    @routes.get(f"{ROOT}/openapi.json")
    def openapi() -> Response:
        return responses.respond(values)

    @routes.get(f"{ROOT}/", strict_slashes=False)
    def people() -> Response:
        now = site.now()
        html = page(service.public, site, now).encode()
        vary = "Accept-Encoding, Accept-Language"
        made = responses.document(html, HTML, cache_control=PAGE_CACHE_CONTROL, vary=vary)
        return responses.respond(made, now)

    @routes.errorhandler(BadQuery)
    def refused(error: BadQuery) -> Response:
        return responses.flask_response(problem(400, str(error)))

    @routes.errorhandler(StoreError)
    def unreachable(_error: StoreError) -> Response:
        return responses.flask_response(problem(503, UNREACHABLE))

    return routes


def _answering(places: Places, booked: BookingsApi, free: FreeApi) -> Mapping[str, Answering]:
    """Return the handler of each operation: of id, parameters and `now`."""
    return {
        "properties": lambda _id, _parameters, _now: ApiResult(places.properties()),
        "property": lambda item, _parameters, _now: _or_missing(places.property(item)),
        "facilities": lambda _id, parsed, _now: ApiResult(places.facilities(parsed)),
        "facility": lambda item, _parameters, _now: _or_missing(places.facility(item)),
        "property_entries": lambda item, parsed, now: booked.entries(
            Feed("property", item), parsed, now
        ),
        "facility_entries": lambda item, parsed, now: booked.entries(
            Feed("facility", item), parsed, now
        ),
        "property_now": lambda item, _parameters, now: booked.now(Feed("property", item), now),
        "facility_now": lambda item, _parameters, now: booked.now(Feed("facility", item), now),
        "open_times": lambda item, parsed, now: booked.open_times(
            Feed("facility", item), parsed, now
        ),
        "free": lambda _id, parsed, now: free.free(parsed, now),
    }


def _or_missing(place: Struct | None) -> ApiResult | Missing:
    return Missing.UNKNOWN if place is None else ApiResult(place)


def _add(routes: Blueprint, operation: Operation, answering: Answering, site: Site) -> None:
    def view(name: str = "") -> Response:
        now = site.now()
        i18n.use(i18n.AMERICAN_ENGLISH)
        requested = parse_parameters(request.environ.get("QUERY_STRING", ""), operation.takes)
        result = (
            Missing.UNKNOWN if operation.of and not is_id(name) else answering(name, requested, now)
        )
        return (
            _missing(result, operation)
            if isinstance(result, Missing)
            else _respond(result, operation, now)
        )

    rule = operation.path.replace("{id}", "<path:name>")
    routes.add_url_rule(rule, operation.name, view, methods=["GET"])


def _respond(result: ApiResult, operation: Operation, now: datetime) -> Response:
    clock = (*cross_origin("Server-Now"), ("Server-Now", iso_utc(now)))
    made = responses.document(
        dumps(result.answer) + b"\n",
        JSON,
        cache_control=operation.cache_control,
        modified=result.modified,
        extra=clock if operation.moments else cross_origin(),
    )
    return responses.respond(made, now)


def _missing(why: Missing, operation: Operation) -> Response:
    match why:
        case Missing.UNKNOWN:
            folder = "properties" if operation.of == "property" else "facilities"
            values = problem(
                404, f"There is no such {operation.of} here; {ROOT}/{folder} lists those there are."
            )
        case Missing.UNSYNCED:
            values = problem(503, UNSYNCED)
        case _:
            values = problem(503, UNREACHABLE)
    return responses.flask_response(values)
