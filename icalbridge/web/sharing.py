"""Metadata of pages for search engines and other sites (Open Graph, JSON-LD), and the sitemap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from flask import Blueprint, Response, abort

from icalbridge.feeds import feed_path, page_path
from icalbridge.feeds.urls import item_path
from icalbridge.models import Feed
from icalbridge.web import responses
from icalbridge.web.views.structured_data import linked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.public_reading import PublicReading
    from icalbridge.web.site import Site

FORMATS = (("ics", "text/calendar"), ("json", "application/json"), ("atom", "application/atom+xml"))
MOST = 50_000
"""Addresses in one map, at most: https://www.sitemaps.org/protocol.html"""


@dataclass(frozen=True, slots=True)
class Sharing:
    """What a page's head says of it."""

    address: str
    """Absolute, and without what a reader narrowed the page down to."""
    name: str = ""
    """What the page is about; empty for the directory."""
    alternates: tuple[tuple[str, str], ...] = ()
    """Media types and addresses of the same in other formats."""
    events: str = ""
    """JSON-LD for a `script` element."""
    about: str = ""
    """Its description; empty for that of a calendar."""


def sharing(
    site: Site, feed: Feed, name: str, items: Sequence[Item], now: datetime, about: str = ""
) -> Sharing:
    """Return the head of a page of a feed; `items` are sorted by start."""
    return Sharing(
        address=site.address(page_path(feed)),
        name=name,
        alternates=tuple(
            (media_type, site.path(feed_path(feed, suffix))) for suffix, media_type in FORMATS
        ),
        events=linked(items, now, lambda item: site.address(item_path(item))),
        about=about,
    )


def sitemap(read: PublicReading, site: Site) -> Blueprint:
    """Return the address of the site's map; there is none without a public address, for it holds
    absolute ones.
    """
    routes = Blueprint("sitemap", __name__)

    @routes.get("/sitemap.xml")
    def xml() -> Response:
        if not site.is_public:
            abort(404)
        body = _xml([site.address(path) for path in _paths(read, site)])
        made = responses.document(
            body, "application/xml; charset=utf-8", cache_control="public, max-age=3600"
        )
        return responses.respond(made)

    return routes


def _paths(read: PublicReading, site: Site) -> list[str]:
    """Return every page that is there: schools that were never fetched have none to show yet."""
    fetched = {
        place.property_id for place in site.health(site.now()).properties if place.today_synced
    }
    schools = [place.id for place in read.properties() if place.id in fetched]
    order = {property_id: number for number, property_id in enumerate(schools)}
    places = [place for place in read.facilities() if place.property_id in order]
    places.sort(key=lambda place: order[place.property_id])
    pages = [Feed("property", place) for place in schools] + [
        Feed("facility", place.id) for place in places
    ]
    return ["/", *map(page_path, pages)][:MOST]


def _xml(addresses: Sequence[str]) -> bytes:
    lines = "".join(f"<url><loc>{escape(place)}</loc></url>\n" for place in addresses)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    return f"{head}{lines}</urlset>\n".encode()
