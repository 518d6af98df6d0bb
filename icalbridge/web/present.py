"""What is on at a school or a facility and what comes: read in one place, for displays and for the
API's `now`.

Kept while the place's calendar stays as it is. Making a board of it is for `board`, how a place
stands for `standing`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from cachetools import LRUCache

from icalbridge.errors import StoreError
from icalbridge.feeds import Address
from icalbridge.store.entries import ALL_ENTRIES, TimeRange
from icalbridge.web.feed_cache import Missing
from icalbridge.web.routes.feeds import is_id
from icalbridge.web.views.board import Place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from icalbridge.models import Entry, Facility, Feed, FeedState
    from icalbridge.store import Store
    from icalbridge.web.feed_cache import FeedService
    from icalbridge.web.site import Site

DAYS = {"facility": 8, "property": 2}
"""How many days, with today, are told about: of a facility enough to name what comes next."""


GOOD_FOR = timedelta(minutes=1)
"""How long what was read is good while nothing that the place's calendar shows has changed."""
MOST_ENTRIES = 20_000
"""How many entries are kept; each takes about a kilobyte."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a place, of any status."""

    place: Place
    facilities: tuple[Facility, ...]
    """Those of a property, and of its schools; none for a facility."""
    entries: Sequence[Entry]
    as_of: datetime
    """When it was fetched from the booking system."""
    days: int
    unlisted: datetime | None = None
    """When its school left the booking system's list; None while it is there."""


class _Kept(NamedTuple):
    """What was read of a place, while its calendar was at a state."""

    state: FeedState
    read: datetime
    known: Known
    property_ids: list[str]


class Present:
    """What is on at the places of one store."""

    def __init__(self, store: Store, service: FeedService, site: Site) -> None:
        self._read = store.read
        self._service = service
        self._site = site
        self._kept: LRUCache[Feed, _Kept] = LRUCache(
            MOST_ENTRIES, lambda kept: len(kept.known.entries) + 1
        )
        self._lock = Lock()

    def find(self, feed: Feed, now: datetime) -> Known | Missing:
        """Return what is known of a place, or why nothing is."""
        try:
            held = self._service.find(Address(feed)) if is_id(feed.id) else Missing.UNKNOWN
            return held if isinstance(held, Missing) else self._known(feed, held.state, now)
        except StoreError:
            return Missing.UNREACHABLE

    def _known(self, feed: Feed, state: FeedState, now: datetime) -> Known | Missing:
        with self._lock:
            kept = self._kept.get(feed)
        if kept is None or kept.state != state or not kept.read <= now < kept.read + GOOD_FOR:
            kept = self._reading(feed, state, now)
            if kept is None:
                return Missing.UNKNOWN
            if len(kept.known.entries) < MOST_ENTRIES:
                with self._lock:
                    self._kept[feed] = kept
        if state.unlisted:  # of a school that left nothing is known from then on
            return replace(kept.known, as_of=state.unlisted, days=0, unlisted=state.unlisted)
        return replace(kept.known, as_of=self._as_of(kept.property_ids) or state.changed)

    def _reading(self, feed: Feed, state: FeedState, now: datetime) -> _Kept | None:
        """Read a place; an entry that is on now may have begun long ago, but hardly earlier than a
        feed reaches.
        """
        own = self._read.property(state.property_id)
        if own is None:
            return None
        if feed.kind == "facility":
            facility = self._read.facility(feed.id)
            title = facility.name or facility.type if facility else ""
            place = Place(feed, title or state.title, own.name, state.zone, {own.id: own.name})
            entries = self._read.entries(feed, TimeRange(now), ALL_ENTRIES)
            return _Kept(state, now, Known(place, (), entries, now, DAYS["facility"]), [own.id])
        members = [own.id, *own.child_ids]
        listed = {each.id: each.name for each in self._read.properties() if each.id in members}
        place = Place(feed, state.title, "", state.zone, {own.id: own.name} | listed)
        entries = self._read.entries_between(members, now, now + timedelta(days=3), everything=True)
        facilities = tuple(self._read.facilities(list(place.schools)))
        return _Kept(state, now, Known(place, facilities, entries, now, DAYS["property"]), members)

    def _as_of(self, property_ids: list[str]) -> datetime | None:
        """Return when the property was last fetched that waits longest, of those that ever were."""
        found = {
            each.property_id: each.today_synced
            for each in self._site.health(self._site.now()).properties
        }
        return min(
            (moment for each in property_ids if (moment := found.get(each)) is not None),
            default=None,
        )
