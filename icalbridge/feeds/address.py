"""Where a feed and its page live, below the public address (contract: "Addresses"). Ids are opaque: they are quoted."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from icalbridge.model import Feed


def feed_path(feed: Feed, suffix: str = "ics") -> str:
    """Return the path of a feed in one of its formats."""
    middle = f"{quote(feed.event_type, safe='')}/" if feed.kind == "event" else ""
    return f"/ical/{feed.kind}/{middle}{quote(feed.id, safe='')}.{suffix}"


def page_path(feed: Feed, *, property_id: str = "") -> str:
    """Return the path of the page that shows a feed; an event is shown on the page of its property."""
    if feed.kind == "event":
        return f"/property/{quote(property_id, safe='')}"
    return f"/{feed.kind}/{quote(feed.id, safe='')}"
