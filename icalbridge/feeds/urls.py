"""Where a feed and its page live, below the public address. Ids are opaque: they are quoted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from icalbridge.feeds.query import PLAIN, FeedQuery
from icalbridge.models import Feed

if TYPE_CHECKING:
    from icalbridge.feeds.audience import Item


class Address(NamedTuple):
    """Feed, query and format of an address below `/ical/`. Equal addresses give equal bytes."""

    feed: Feed
    query: FeedQuery = PLAIN
    suffix: str = "ics"
    private: bool = False
    """Whether it is a private address; such a calendar shows more, and is cached apart."""

    @property
    def plain(self) -> bool:
        """Whether it is the unfiltered public calendar."""
        return self.suffix == "ics" and self.query == PLAIN and not self.private

    @property
    def path(self) -> str:
        """The canonical path, with the parameters in their one order."""
        query = self.query.query_string
        return feed_path(self.feed, self.suffix) + (f"?{query}" if query else "")


def feed_path(feed: Feed, suffix: str = "ics") -> str:
    """Return the path of a feed in one of its formats."""
    return f"{bare_path(feed)}.{suffix}"


def bare_path(feed: Feed) -> str:
    """Return the path of a feed without the suffix that names a format; of a saved one, where it
    lives in public.
    """
    if feed.kind == "saved":
        return f"/ical/feed/{feed.id}"
    middle = f"{quote(feed.event_type, safe='')}/" if feed.kind == "event" else ""
    return f"/ical/{feed.kind}/{middle}{quote(feed.id, safe='')}"


def page_path(feed: Feed, *, property_id: str = "") -> str:
    """Return the path of the page that shows a feed; events and saved feeds have none but that of
    their property.
    """
    if feed.kind in ("event", "saved"):
        return f"/property/{quote(property_id, safe='')}"
    return f"/{feed.kind}/{_quote(feed.id)}"


def _quote(text: str) -> str:
    """Return a step of a path; most ids are letters and digits."""
    return text if text.isalnum() and text.isascii() else quote(text, safe="")


def item_path(item: Item) -> str:
    """Return the path of the page that shows an item: its booking's; where that has none, its
    facility's, or its school's for none or several.
    """
    if item.booking_id:
        return f"/booking/{_quote(item.booking_id)}"
    if len(item.facility_ids) == 1:
        return page_path(Feed("facility", item.facility_ids[0]))
    return page_path(Feed("property", item.property_id))
