"""The read model: what one audience sees of a feed. Every renderer is given a `Calendar` and reads
nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from icalbridge.feeds.query import PLAIN, FeedQuery

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.metadata import FeedMetadata
    from icalbridge.models import Feed, FeedState


@dataclass(frozen=True, slots=True)
class CalendarRequest:
    """Which calendar is loaded, and how much of it. Equal requests load equal calendars."""

    feed: Feed
    query: FeedQuery = PLAIN
    private: bool = False
    """Whether it is for a private address; only there may a saved feed show what is not public."""
    since: datetime | None = None
    until: datetime | None = None
    """With either, the items that overlap [since, until). Without `since`: that are not over."""
    limit: int | None = None
    """At most so many items, the first ones."""
    after: tuple[int, int, str] | None = None
    """Only items after these start, end (seconds since 1970) and UID: the last of the page before.
    """
    day_limit: int | None = None
    """Of each day at most so many items, the first ones; a loader may give more."""
    with_cancelled: bool = False
    """Whether cancelled items are there although the query does not ask for them (Atom)."""

    @property
    def whole(self) -> bool:
        """Whether it is the whole feed, as far as it reaches and its size allows."""
        return self.since is None and self.until is None


@dataclass(frozen=True, slots=True)
class Calendar:
    """A feed, or a span of it, at a moment."""

    feed: Feed
    metadata: FeedMetadata
    state: FeedState
    items: tuple[Item, ...]
    """By start, end and UID, reduced to what the audience may see."""
    last_modified: datetime
    """When the data or time alone last changed it, as far as it was loaded."""
    expires: datetime | None
    """When time alone changes it next; None: never."""
    property_ids: tuple[str, ...]
    """Whose bookings it shows: its schools, a district with all of its own."""
    complete_from: datetime | None = None
    """Items that start earlier are left out; None: none are."""
    complete_until: datetime | None = None
    """Items that start then or later are left out; None: none are."""
    day_counts: Mapping[date, int] | None = None
    """How many items are on each day, where not all of them were loaded."""
    fetched: Mapping[str, datetime | None] | None = None
    """When today's bookings of each listed school were last fetched; None where that was not read.
    """

    @property
    def title(self) -> str:
        return self.state.title

    @property
    def zone(self) -> str:
        return self.state.zone

    @property
    def is_complete(self) -> bool:
        return self.complete_from is None and self.complete_until is None

    @property
    def as_of(self) -> datetime | None:
        """When the school was last fetched that waits longest, of those that ever were."""
        moments = [moment for moment in (self.fetched or {}).values() if moment is not None]
        return min(moments, default=None)

    @property
    def read_ids(self) -> tuple[str, ...]:
        """Return the properties that its readers want fresh."""
        if self.feed.kind == "saved":
            return self.property_ids
        return (self.state.property_id,)

    @property
    def size(self) -> int:
        """Return about how many bytes it takes in memory."""
        return len(self.items) * ITEM_BYTES


ITEM_BYTES = 1_000
