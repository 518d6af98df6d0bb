"""From an address to the document that is served there: reads what the store knows, and lets
`feeds` do the rest.

Keeps the entries of feeds that are read in several shapes, so that another shape of the same feed
costs no reading.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from cachetools import LRUCache

from icalbridge.feeds import FORMATS, BadQuery
from icalbridge.feeds.audience import Audience, admit, view
from icalbridge.feeds.formats.render import render
from icalbridge.feeds.grouping import grouped
from icalbridge.feeds.metadata import cover
from icalbridge.feeds.occupancy import FOREVER, blocks, present
from icalbridge.feeds.query import Cancelled, quoted
from icalbridge.feeds.selection import BEGINNING, needs_everything, select
from icalbridge.models import is_future
from icalbridge.web.cross_origin import cross_origin
from icalbridge.web.responses import PRIVATE_HEADERS, SECURITY_HEADERS, document
from icalbridge.web.saving import Saving, dressed

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.feeds import Address, FeedQuery, Selection
    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.metadata import FeedMetadata
    from icalbridge.feeds.saved_feed import Saved
    from icalbridge.models import Entry, EventKey, Feed, FeedState
    from icalbridge.settings import Settings
    from icalbridge.store import Store
    from icalbridge.web.responses import Document

MOST_ENTRIES = 20_000
"""How many entries are kept for other shapes of their feeds; each takes about a kilobyte."""
CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=300, stale-if-error=604800"
PRIVATE_CACHE_CONTROL = "private, max-age=60"
EXPOSED = cross_origin()


@dataclass(frozen=True, slots=True)
class Made:
    """A rendered feed, and what is known of it beside its bytes."""

    document: Document
    count: int
    complete_from: datetime | None
    """Set where some of the past was left out for size: nothing before it is in the feed."""
    complete_until: datetime | None
    """Set where some of the future was left out for size: all that begins before it is in the feed.
    """
    left_out: int
    """How many items that are not over were left out for size: the last ones."""
    until: datetime | None
    """When time alone changes what the feed shows."""
    property_ids: tuple[str, ...]
    """Whose calendar it is, so that these are kept fresh."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A feed's entries as they were read at a revision."""

    revision: int
    entries: list[Entry]
    latest_expired: datetime | None
    """When the last of those ended that had left by then."""
    since: datetime
    """No entry that ended before is among them."""


class _Telling(NamedTuple):
    """What a feed tells at a moment; see `Selection` for what the moments mean."""

    items: list[Item]
    changed: datetime
    until: datetime | None


class Maker:
    """Makes the feeds of one store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._read = store.read
        self._saving = Saving(store, settings)
        self._settings = settings
        self._history = timedelta(days=settings.history_days)
        self._horizon = timedelta(days=settings.horizon_days)
        self._known: LRUCache[tuple[Feed, bool], _Known] = LRUCache(
            MOST_ENTRIES, lambda known: len(known.entries) + 1
        )
        self._lock = Lock()

    def check(self, shape: FeedQuery) -> None:
        """Raise `BadQuery` for what this deployment does not show, or what names nothing here."""
        if shape.pending and not self._settings.public_pending:
            raise BadQuery("Bookings that are still pending are not shown here; leave status out.")
        if shape.category and not self._settings.public_category:
            raise BadQuery(
                "Calendars cannot be narrowed by rate category here; leave category out."
            )
        for facility_id in shape.facility:
            if self._read.facility(facility_id) is None:
                raise BadQuery(
                    f"There is no facility {quoted(facility_id)} here; look its id up in the"
                    " directory."
                )

    def opens(self, address: Address) -> bool:
        """Say whether a saved feed is to be had at an address."""
        return self._saving.spec(address) is not None

    def make(self, address: Address, state: FeedState, now: datetime) -> Made | None:
        """Render a feed as it is at `now`; None for a saved one that is not to be had at this
        address.
        """
        if address.feed.kind == "saved":
            return self._make_saved(address, state, now)
        said = self._cover(address, state)
        told = self._tell(address, state, said, now, keep=not address.plain)
        return self._document(address, state, said, told, now, (state.property_id,))

    def items(self, address: Address, state: FeedState, now: datetime) -> list[Item]:
        """Return what a feed tells at `now`, in order, before anything is left out for size."""
        if address.feed.kind == "saved":
            spec = self._saving.spec(address)
            return self._tell_saved(spec, address, state, now)[0].items if spec else []
        return self._tell(address, state, self._cover(address, state), now, keep=True).items

    def _tell(
        self, address: Address, state: FeedState, said: FeedMetadata, now: datetime, *, keep: bool
    ) -> _Telling:
        shape = _told(address.suffix, address.shape)
        known = self._entries(address, shape, state, now, keep=keep)
        if shape.occupancy:
            return self._blocks(known, shape, said, now)
        selection, changed = self._select(known, shape, now)
        return _Telling(
            self._items(shape, selection), max(selection.changed, changed), selection.until
        )

    def _blocks(
        self, known: _Known, shape: FeedQuery, said: FeedMetadata, now: datetime
    ) -> _Telling:
        """Merge first and cut by time then, or a block would change without any change of data."""
        selection, changed = self._select(
            known, replace(shape, past=None, ahead=None), now, horizon=FOREVER
        )
        every = blocks(selection.shown, shape, said)
        found = present(every, shape, now=now, history=self._history, horizon=self._horizon)
        return _Telling(found.items, max(found.changed, changed), found.until)

    def _make_saved(self, address: Address, state: FeedState, now: datetime) -> Made | None:
        spec = self._saving.spec(address)
        if spec is None:
            return None
        told, read = self._tell_saved(spec, address, state, now)
        said = dressed(self._cover(address, state), spec, address, state)
        return self._document(address, state, said, told, now, read)

    def _tell_saved(
        self, spec: Saved, address: Address, state: FeedState, now: datetime
    ) -> tuple[_Telling, tuple[str, ...]]:
        """Return what a saved feed tells, and of which properties."""
        shape = _told(address.suffix, spec.shape)
        selection, _ = self._select(
            self._entries(address, shape, state, now, keep=not address.plain), shape, now
        )
        schools = self._schools(selection) if "{school}" in spec.shape.title else {}
        told = self._saving.tell(spec, selection, schools)
        items = (
            self._grouped(told.items, shape.title)
            if shape.grouped
            else [item for _, item in told.items]
        )
        shown = {
            state.property_id,
            *spec.property_ids,
            *(entry.property_id for entry in selection.entries),
        }
        changed = max(selection.changed, told.changed or selection.changed)
        return _Telling(items, changed, selection.until), tuple(sorted(filter(None, shown)))

    def _cover(self, address: Address, state: FeedState) -> FeedMetadata:
        return cover(address.feed, address.shape, state, self._settings.public_url)

    def _select(
        self, known: _Known, shape: FeedQuery, now: datetime, *, horizon: timedelta | None = None
    ) -> tuple[Selection, datetime]:
        """Return what a shape selects, and when anything that it was selected by beside the entries
        last changed.
        """
        categories = (
            self._read.categories({each.key for each in known.entries}) if shape.category else {}
        )
        selection = select(
            known.entries,
            now=now,
            history=self._history,
            horizon=self._horizon if horizon is None else horizon,
            shape=shape,
            categories={key: category for key, (category, _) in categories.items()},
            latest_expired=known.latest_expired,
        )
        return selection, max((changed for _, changed in categories.values()), default=BEGINNING)

    def _entries(
        self, address: Address, shape: FeedQuery, state: FeedState, now: datetime, *, keep: bool
    ) -> _Known:
        everything = needs_everything(shape)
        key = (address.feed, everything)
        with self._lock:
            known = self._known.get(key) if keep else None
        since = now - self._history
        if known is not None and known.revision == state.revision and known.since <= since:
            return known
        known = _Known(
            state.revision,
            self._read.entries(address.feed, since, everything=everything),
            self._read.latest_end(address.feed, since, everything=everything),
            since,
        )
        if keep and len(known.entries) < MOST_ENTRIES:
            with self._lock:
                self._known[key] = known
        return known

    def _items(self, shape: FeedQuery, selection: Selection) -> list[Item]:
        shown = view(Audience.PUBLIC, busy=shape.busy, title=shape.title)
        schools = self._schools(selection) if "{school}" in shape.title else {}
        items = [
            admit(entry, status, shown, school=schools.get(entry.property_id, ""))
            for entry, status in selection.shown
        ]
        if not shape.grouped:
            return items
        return self._grouped(
            list(zip((entry.key for entry in selection.entries), items, strict=True)), shape.title
        )

    def _grouped(self, items: list[tuple[EventKey, Item]], template: str) -> list[Item]:
        return grouped(items, self._read.event_marks(key for key, _ in items), template)

    def _schools(self, selection: Selection) -> dict[str, str]:
        return self._read.property_names({entry.property_id for entry in selection.entries})

    def _document(
        self,
        address: Address,
        state: FeedState,
        said: FeedMetadata,
        told: _Telling,
        now: datetime,
        property_ids: tuple[str, ...],
    ) -> Made:
        rendered = render(
            address.suffix, said, told.items, now=now, max_bytes=self._settings.feed_max_bytes
        )
        filename = (
            f'inline; filename="{readable_name(state.title, address.feed.id)}.{address.suffix}"'
        )
        modified = max(state.changed, told.changed, rendered.since or told.changed)
        made = document(
            rendered.body,
            FORMATS[address.suffix].content_type,
            cache_control=PRIVATE_CACHE_CONTROL if address.private else CACHE_CONTROL,
            modified=None if is_future(modified, now) else modified,  # RFC 9110, section 8.8.2.1
            extra=() if address.private else EXPOSED,
            described=(("Content-Disposition", filename),),
            security=PRIVATE_HEADERS if address.private else SECURITY_HEADERS,
        )
        until = min(filter(None, (told.until, rendered.until)), default=None)
        return Made(
            made,
            rendered.count,
            rendered.complete_from,
            rendered.complete_until,
            rendered.left_out,
            until,
            property_ids,
        )


def _told(suffix: str, shape: FeedQuery) -> FeedQuery:
    """Return the shape in which entries are chosen: what changed lately is also what was called
    off.
    """
    if suffix == "atom" and shape.cancelled is Cancelled.DROP and not shape.occupancy:
        return replace(shape, cancelled=Cancelled.TOMBSTONE)
    return shape


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
