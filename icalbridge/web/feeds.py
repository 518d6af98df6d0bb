"""Feeds as documents: looked up, rendered once for each revision, kept in memory with their gzip form.

The database is asked for a feed's revision at most once a second; while the database is down, what is kept goes on
being served. What a feed shows and how it is written is for `icalbridge.feeds`, how HTTP is spoken for `http`.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from threading import Lock
from typing import TYPE_CHECKING

from icalbridge.errors import StoreError
from icalbridge.feeds import render_ics, select
from icalbridge.web.cache import ByteCache
from icalbridge.web.demand import Demand
from icalbridge.web.http import document

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from icalbridge.model import Feed, FeedState
    from icalbridge.settings import Settings
    from icalbridge.store import Store
    from icalbridge.web.http import Document
    from icalbridge.web.metrics import Metrics

CHECK_EVERY = timedelta(seconds=1)
STRIPES = 64
"""How many feeds can be rendered at once at most; a fixed number, so that unknown feeds leave nothing behind."""

CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=300, stale-if-error=604800"
CONTENT_TYPE = "text/calendar; charset=utf-8"
ANYWHERE = ("Access-Control-Allow-Origin", "*")

log = logging.getLogger(__name__)


class Missing(Enum):
    """Why there is nothing to serve."""

    UNKNOWN = "There is no such calendar here; look the address up in the directory."
    UNSYNCED = "This calendar is being fetched for the first time; ask again in half a minute."
    UNREACHABLE = "This calendar cannot be read right now; ask again in half a minute."


@dataclass(frozen=True, slots=True)
class Held:
    """A rendered feed and how long it is known to be good."""

    document: Document
    state: FeedState
    count: int
    complete_from: datetime | None
    """Set where some of the past was left out for size: nothing before it is in the feed."""
    complete_until: datetime | None
    """Set where the far future was left out for size: nothing after it is in the feed."""
    selected_until: datetime | None
    """When time alone changes what the feed shows."""
    checked: datetime
    good_until: datetime

    @property
    def size(self) -> int:
        return self.document.size


class FeedService:
    """Every feed of one store, as this process serves it."""

    def __init__(
        self, store: Store, settings: Settings, metrics: Metrics, clock: Callable[[], datetime], cache_bytes: int
    ) -> None:
        self._read = store.read
        self._demand = Demand(store, clock)
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._cache: ByteCache[Feed, Held] = ByteCache(cache_bytes)
        self._stripes = [Lock() for _ in range(STRIPES)]
        self._down = False

    @property
    def cached_bytes(self) -> int:
        return self._cache.bytes

    def recall(self, feed: Feed) -> Held | None:
        """Return the feed if it is in memory and was checked within the last second; asks nobody."""
        held = self._cache.get(feed)
        return held if held is not None and held.checked <= self._clock() < held.good_until else None

    def find(self, feed: Feed, *, packed: bool = False) -> Held | Missing:
        """Return the feed as it is now, or why there is none; with its gzip form if asked for."""
        found: Held | Missing | None = self.recall(feed)
        if found is not None:
            self._metrics.hits.inc()
        else:
            found = self._look(feed)
            if isinstance(found, Held):
                self._demand.note(found.state.property_id)
        if packed and isinstance(found, Held) and found.document.gzip is None:
            found = self._keep(feed, replace(found, document=found.document.packed()))
        return found

    def _look(self, feed: Feed) -> Held | Missing:
        """Ask the store, one thread at a time; the others go on with what is known rather than wait."""
        known = self._cache.get(feed)
        stripe = self._stripes[hash(feed) % STRIPES]
        if not stripe.acquire(blocking=known is None) and known is not None:
            return known
        try:
            return self.recall(feed) or self._renew(feed, self._cache.get(feed), self._clock())
        finally:
            stripe.release()

    def _renew(self, feed: Feed, known: Held | None, now: datetime) -> Held | Missing:
        try:
            state = self._read.feed_state(feed)
            found = self._judge(feed, known, state, now)
        except StoreError as error:
            self._note_outage(error)
            return Missing.UNREACHABLE if known is None else self._keep(feed, _checked(known, now))
        self._note_recovery()
        return found if isinstance(found, Missing) else self._keep(feed, found)

    def _judge(self, feed: Feed, known: Held | None, state: FeedState | None, now: datetime) -> Held | Missing:
        """Say what a state means: nothing there, what was rendered before, or something to render."""
        if state is None:
            return Missing.UNKNOWN
        if known is not None and (not state.synced or (known.state == state and not _outlived(known, now))):
            self._metrics.hits.inc()
            return _checked(known, now)
        if not state.synced:
            return Missing.UNSYNCED
        self._metrics.misses.inc()
        return self._render(feed, state, now)

    def _render(self, feed: Feed, state: FeedState, now: datetime) -> Held:
        history = timedelta(days=self._settings.history_days)
        selection = select(
            self._read.entries(feed, now - history),
            now=now,
            history=history,
            horizon=timedelta(days=self._settings.horizon_days),
            latest_expired=self._read.latest_end(feed, now - history),
        )
        rendered = render_ics(
            feed,
            state,
            selection.entries,
            now=now,
            public_url=self._settings.public_url,
            max_bytes=self._settings.feed_max_bytes,
        )
        filename = f'inline; filename="{readable_name(state.title, feed.id)}.ics"'
        made = document(
            rendered.body,
            CONTENT_TYPE,
            cache_control=CACHE_CONTROL,
            modified=max(state.changed, selection.changed, rendered.since or selection.changed),
            extra=(ANYWHERE,),
            described=(("Content-Disposition", filename),),
        )
        until = min(filter(None, (selection.until, rendered.until)), default=None)
        held = Held(made, state, rendered.count, rendered.complete_from, rendered.complete_until, until, now, now)
        return _checked(held, now)

    def _keep(self, feed: Feed, held: Held) -> Held:
        self._cache.put(feed, held)
        self._metrics.cache_bytes.set(self._cache.bytes)
        return held

    def _note_outage(self, error: StoreError) -> None:
        if not self._down:
            log.error("feeds are served from memory: %s", error)
        self._down = True

    def _note_recovery(self) -> None:
        if self._down:
            log.info("the database is back")
        self._down = False


def _outlived(held: Held, now: datetime) -> bool:
    return held.selected_until is not None and now >= held.selected_until


def _checked(held: Held, now: datetime) -> Held:
    """Note that a feed was good at `now`: it is for a second, or until time alone changes it, if that is sooner."""
    good_until = now + CHECK_EVERY
    if held.selected_until is not None and now < held.selected_until:
        good_until = min(good_until, held.selected_until)
    return replace(held, checked=now, good_until=good_until)


def readable_name(title: str, feed_id: str) -> str:
    """Return a file name in ASCII letters, digits and hyphens, at most 60, out of a title or else of an id."""
    for text in (title, feed_id):
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        name = re.sub(r"[^a-z0-9]+", "-", plain)[:60].strip("-")
        if name:
            return name
    return "calendar"
