"""Metadata of a feed in every format: title, zone and addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.feeds.audience import PUBLIC_FIELDS
from icalbridge.feeds.titles import UNNAMED
from icalbridge.feeds.urls import bare_path, page_path
from icalbridge.text import display_text

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.feeds.audience import Field
    from icalbridge.feeds.query import FeedQuery
    from icalbridge.models import Feed, FeedState


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class FeedMetadata:
    """All that stands ahead of a feed's items. Texts are clean, one line each."""

    title: str
    """Never empty."""
    zone: str
    """IANA name of the zone in which the feed is read first of all."""
    changed: datetime
    """When anything that the feed shows last changed."""
    path: str
    """Where the feed lives below the public address, without suffix and parameters; a private one
    does not live there, yet it names it.
    """
    source: str = ""
    """Absolute address of the feed without its suffix and parameters; empty where nobody knows the
    public address.
    """
    query: str = ""
    """The feed's parameters, in order."""
    page: str = ""
    """Absolute address of the page that shows the feed; empty where nobody knows the public
    address.
    """
    site: str = ""
    """The public address itself: items link to its pages."""
    utc: bool = False
    """Whether moments are written in UTC instead of local time."""
    description: str = ""
    colour: str = ""
    """A CSS3 name or `#rrggbb`; empty for none."""
    fields: frozenset[Field] = PUBLIC_FIELDS
    """What its items may tell: formats have a column or a key for each, whether or not an item has
    something there.
    """

    def address(self, suffix: str) -> str:
        """Return where the feed lives in a format; empty where nobody knows."""
        if not self.source:
            return ""
        return f"{self.source}.{suffix}" + (f"?{self.query}" if self.query else "")


def unlisted_notice(state: FeedState) -> str:
    """Return since when a feed is not updated, because its school left the vendor's catalogue;
    empty while it is.
    """
    if state.unlisted is None:
        return ""
    day = timezones.local_date(state.unlisted, state.zone)
    named = f"{MONTHS[day.month - 1]} {day.day}, {day.year}"
    return f"Not updated since {named}: Facilitron no longer lists this school."


def cover(feed: Feed, query: FeedQuery, state: FeedState, public_url: str) -> FeedMetadata:
    """Return the metadata of a feed; without `public_url` (empty) no addresses."""
    title = display_text(state.title, missing=UNNAMED)
    return FeedMetadata(
        title=f"{title} (in use)" if query.occupancy else title,
        zone=state.zone,
        changed=state.changed,
        path=bare_path(feed),
        source=f"{public_url}{bare_path(feed)}" if public_url else "",
        query=query.query_string,
        page=f"{public_url}{page_path(feed, property_id=state.property_id)}" if public_url else "",
        site=public_url,
        utc=query.utc,
        description=unlisted_notice(state),
    )
