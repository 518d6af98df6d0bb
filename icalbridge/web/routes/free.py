"""`/free`: a form that finds a free space, and what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, render_template, request

from icalbridge.feeds import BadQuery, page_path
from icalbridge.feeds.query_values import IDS, TEXTS, read_list, split_query
from icalbridge.models import Feed
from icalbridge.text import search_key
from icalbridge.web import formatting, responses
from icalbridge.web.free_spaces import FreeSpaceFinder
from icalbridge.web.parameters import refuse_unknown, translate_refusal
from icalbridge.web.routes.feeds import query_of
from icalbridge.web.sharing import Sharing
from icalbridge.web.site import freshness
from icalbridge.web.views.booking import booking_link
from icalbridge.web.views.directory import kinds
from icalbridge.web.views.forms import LONGEST, MOST_FIELDS, form_value
from icalbridge.web.views.free_spaces import OWN, TAKES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from icalbridge.feeds.query_values import ValueType
    from icalbridge.settings import Settings
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.free_spaces import FreeResult
    from icalbridge.web.site import Site
    from icalbridge.web.views.free_spaces import FreeSpace


class FreePages:
    """The page of one application that finds free spaces."""

    def __init__(self, service: FeedCache, site: Site, settings: Settings) -> None:
        self._spaces = FreeSpaceFinder(service)
        self._site = site
        self._booking_url = settings.booking_url

    def page(self, parameters: Mapping[str, Sequence[str]], now: datetime) -> Response:
        """Return the form and what is free. Raises `BadQuery`."""
        result = self._spaces.find(parameters, now)
        query = result.query
        return self._site.respond(
            "free.html",
            **self._form(result, query.kinds),
            refusal="",
            property_ids=query.property_ids,
            fields=query.parameters,
            when=_when(result, now),
            rows=[self._row(space, result) for space in result.spaces],
            count=result.count,
            left=result.left,
            is_partial=result.is_partial,
            is_over=result.is_over,
            first_page=f"/free?{query.first_page}",
            next_page=f"/free?{query.next_page}",
            zone=result.zone,
            zone_name=formatting.zone_name(result.zone),
            as_of=freshness(result.fetched, result.zone, now),
        )

    def refusal(self, given: Mapping[str, Sequence[str]], sentence: str, now: datetime) -> Response:
        """Return the form as it was filled in, with the reason why nothing can be looked for."""
        html = render_template(
            "free.html",
            **self._form(self._spaces.find({}, now), _read_again("type", given, TEXTS)),
            property_ids=_read_again("property", given, IDS),
            fields=dict.fromkeys(OWN)
            | {name: values[-1] for name, values in given.items() if values},
            refusal=sentence,
            as_of=None,
        )
        return responses.respond_uncached(html, 400)

    def _form(self, result: FreeResult, chosen: Sequence[str]) -> dict[str, Any]:
        """Return what the form offers."""
        return {
            "reach": result.reach,
            "kinds": _kind_choices(result, chosen),
            "schools": result.schools,
            "sharing": Sharing(self._site.address("/free")),
        }

    def _row(self, space: FreeSpace, result: FreeResult) -> dict[str, Any]:
        facility, zone, day = space.facility, space.zone, result.query.day
        return {
            "facility": facility,
            "school": space.school,
            "span": formatting.time_span(space.start, space.end, zone),
            "zone": "" if zone == result.zone else formatting.zone_letters(space.start, zone),
            "page": f"{page_path(Feed('facility', facility.id))}?view=day&date={day.isoformat()}",
            "booking": booking_link(self._booking_url, facility.property_id, facility.id),
        }


def _when(result: FreeResult, now: datetime) -> str:
    """Return the day, and the times where they begin at one: `Saturday, November 28, 8 – 9 AM`."""
    query = result.query
    day = formatting.day(query.day, result.reach.today)
    if query.start is None:
        return day
    since, until, _length = query.window(result.zone, now)
    return f"{day}, {formatting.time_span(since, until, result.zone)}"


def _read_again(
    name: str, given: Mapping[str, Sequence[str]], values: ValueType
) -> tuple[str, ...]:
    """Return the values of a list for the form; none where they cannot be read."""
    try:
        return read_list(name, given, values)
    except BadQuery:
        return ()


def _kind_choices(result: FreeResult, chosen: Sequence[str]) -> list[tuple[str, str, bool]]:
    """Return value, name and whether it is chosen of each kind; first such as the address has and
    no facility is.
    """
    known = kinds(result.facilities, None)
    named = {search_key(kind.name) for kind in known}
    others = [(form_value("type", kind), kind, True) for kind in chosen if kind not in named]
    return others + [
        (form_value("type", kind.name), kind.name, search_key(kind.name) in chosen)
        for kind in known
    ]


def free_pages(service: FeedCache, site: Site, settings: Settings) -> Blueprint:
    """Return the address of the page."""
    routes = Blueprint("free", __name__)
    pages = FreePages(service, site, settings)

    @routes.get("/free")
    def free() -> Response:
        parameters: Mapping[str, Sequence[str]] = {}
        try:
            parameters = split_query(
                query_of(request.environ.get("QUERY_STRING", "")), LONGEST, MOST_FIELDS
            )
            refuse_unknown(parameters, TAKES, tolerated=("lang",))
            return pages.page(parameters, site.now())
        except BadQuery as bad:
            return pages.refusal(parameters, translate_refusal(bad), site.now())

    return routes
