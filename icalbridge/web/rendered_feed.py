"""Feed files as documents: as much of a calendar is loaded as fits, and rendered once."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from icalbridge.feeds import FORMATS
from icalbridge.feeds.calendar import CalendarRequest
from icalbridge.feeds.completeness import Completeness
from icalbridge.feeds.formats.render import measure, render
from icalbridge.models import is_future
from icalbridge.web.cross_origin import cross_origin
from icalbridge.web.responses import PRIVATE_HEADERS, SECURITY_HEADERS, document

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from icalbridge.feeds import Address
    from icalbridge.feeds.calendar import Calendar
    from icalbridge.feeds.formats.render import Rendered
    from icalbridge.models import FeedState
    from icalbridge.settings import Settings
    from icalbridge.web.responses import Document

    Load = Callable[[CalendarRequest, FeedState, datetime, int], Calendar | None]
    """Loads at least so many items of a whole feed."""

CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=300, stale-if-error=604800"
PRIVATE_CACHE_CONTROL = "private, max-age=60"
EXPOSED = cross_origin()


@dataclass(frozen=True, slots=True)
class RenderedFeed:
    """A feed's file."""

    document: Document
    expires: datetime | None
    """When time alone changes it."""
    read_ids: tuple[str, ...]
    """The properties that a reader of the file is interested in."""

    @property
    def size(self) -> int:
        return self.document.size


def render_feed(
    load: Load, address: Address, state: FeedState, now: datetime, settings: Settings
) -> RenderedFeed | None:
    """Render a feed as it is at `now`; None for a saved one that the address does not open."""
    suffix, max_bytes = address.suffix, settings.feed_max_bytes
    request = CalendarRequest(
        address.feed, address.query, address.private, with_cancelled=suffix == "atom"
    )
    count = _count(suffix, max_bytes)
    while True:
        calendar = load(request, state, now, count)
        if calendar is None:
            return None
        rendered = render(suffix, calendar, now=now, max_bytes=max_bytes)
        if calendar.is_complete or rendered.is_cut or suffix == "atom":
            return _document(address, calendar, rendered, now)
        count *= 2


def measure_feed(
    load: Load, request: CalendarRequest, state: FeedState, now: datetime, settings: Settings
) -> Completeness | None:
    """Find out what a feed's iCalendar file leaves out for its size, without rendering it."""
    max_bytes = settings.feed_max_bytes
    count = _count("ics", max_bytes)
    while True:
        calendar = load(request, state, now, count)
        if calendar is None:
            return None
        cut = measure("ics", calendar, now=now, max_bytes=max_bytes)
        if cut is not None:
            expires = min(filter(None, (calendar.expires, cut.until)))
            return Completeness(cut.complete_from, cut.complete_until, expires)
        if calendar.is_complete:
            return Completeness(None, None, calendar.expires)
        count *= 2


def _count(suffix: str, max_bytes: int) -> int:
    """Return how many items hardly fit into a file."""
    return max_bytes // FORMATS[suffix].least_bytes + 1


def _document(
    address: Address, calendar: Calendar, rendered: Rendered, now: datetime
) -> RenderedFeed:
    suffix, private = address.suffix, address.private
    name = readable_name(calendar.title, address.feed.id)
    modified = max(calendar.last_modified, rendered.since or calendar.last_modified)
    made = document(
        rendered.body,
        FORMATS[suffix].content_type,
        cache_control=PRIVATE_CACHE_CONTROL if private else CACHE_CONTROL,
        modified=None if is_future(modified, now) else modified,  # RFC 9110, section 8.8.2.1
        extra=() if private else EXPOSED,
        described=(("Content-Disposition", f'inline; filename="{name}.{suffix}"'),),
        security=PRIVATE_HEADERS if private else SECURITY_HEADERS,
    )
    expires = min(filter(None, (calendar.expires, rendered.until)), default=None)
    return RenderedFeed(made, expires, calendar.read_ids)


def readable_name(title: str, feed_id: str) -> str:
    """Return a file name in ASCII letters, digits and hyphens, at most 60, out of a title or else
    of an id.
    """
    for text in (title, feed_id):
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        name = re.sub(r"[^a-z0-9]+", "-", plain)[:60].strip("-")
        if name:
            return name
    return "calendar"
