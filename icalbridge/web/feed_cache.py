"""Caches of one process: calendars by feed, query and span, and the feed files rendered from them.

Every entry holds for one revision of its feed. The database is asked for the revision at most once
a second; while the database is down, what is in memory is served. How a calendar is loaded and
rendered is for `icalbridge.feeds`, HTTP for `responses`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from icalbridge.errors import StoreError
from icalbridge.feeds import PLAIN
from icalbridge.feeds.calendar import CalendarRequest
from icalbridge.feeds.load import Source, load_calendar
from icalbridge.feeds.query import parse
from icalbridge.outage import OutageLog
from icalbridge.web.cache import ByteCache
from icalbridge.web.catalog import Catalog
from icalbridge.web.rendered_feed import measure_feed, render_feed
from icalbridge.web.tokens import Tokens
from icalbridge.web.usage import Demand

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime

    from icalbridge.feeds import Address, FeedQuery
    from icalbridge.feeds.calendar import Calendar
    from icalbridge.models import Feed, FeedState
    from icalbridge.settings import Settings
    from icalbridge.store import Store
    from icalbridge.web.metrics import Metrics
    from icalbridge.web.rendered_feed import Completeness, RenderedFeed

CHECK_EVERY = timedelta(seconds=1)
STRIPES = 64
"""How many entries can be loaded at once at most; a fixed number, so that unknown feeds leave
nothing behind.
"""
CACHED_QUERIES = 1024
RECOVERED = "the database is back"

log = logging.getLogger(__name__)


class Missing(Enum):
    """Why there is nothing to serve."""

    UNKNOWN = "There is no such calendar here; look the address up in the directory."
    UNSYNCED = "This calendar is being fetched for the first time; ask again in half a minute."
    UNREACHABLE = "This calendar cannot be read right now; ask again in half a minute."


class Cacheable(Protocol):
    """A value for one revision of a feed."""

    @property
    def size(self) -> int: ...
    @property
    def expires(self) -> datetime | None: ...


Key = TypeVar("Key", bound="Hashable")
Value = TypeVar("Value", bound=Cacheable)


@dataclass(frozen=True, slots=True)
class CacheEntry(Generic[Value]):
    """A value and how long it is known to be good."""

    value: Value
    state: FeedState
    checked: datetime
    good_until: datetime
    loaded: datetime
    """For which moment it was loaded."""

    @property
    def size(self) -> int:
        return self.value.size

    def is_fresh(self, now: datetime) -> bool:
        return self.checked <= now < self.good_until

    def is_current(self, state: FeedState, now: datetime) -> bool:
        """Whether it is what would be loaded now: neither data nor time changed it, nor did a clock
        that stood ahead load it.
        """
        expires = self.value.expires
        expired = now < self.loaded or (expires is not None and now >= expires)
        return self.state == state and not expired

    def with_check(self, now: datetime) -> CacheEntry[Value]:
        """Note that it was good at `now`: it is for a second, or until it expires."""
        good_until, expires = now + CHECK_EVERY, self.value.expires
        if expires is not None and now < expires:
            good_until = min(good_until, expires)
        return replace(self, checked=now, good_until=good_until)


@dataclass(frozen=True, slots=True)
class _Nothing:
    """A value where the state alone is cached."""

    size: int = 0
    expires: datetime | None = None


class RevisionCache(Generic[Key, Value]):
    """LRU cache bounded by bytes, whose entries are renewed when their feed's revision changes."""

    def __init__(
        self, source: Source, clock: Callable[[], datetime], database: OutageLog, max_bytes: int
    ) -> None:
        self._source = source
        self._clock = clock
        self._database = database
        self._entries: ByteCache[Key, CacheEntry[Value]] = ByteCache(max_bytes)
        self._stripes = [Lock() for _ in range(STRIPES)]

    @property
    def bytes(self) -> int:
        return self._entries.bytes

    def recall(self, key: Key) -> CacheEntry[Value] | None:
        """Return an entry that was checked within the last second; reads no database."""
        entry = self._entries.get(key)
        return entry if entry is not None and entry.is_fresh(self._clock()) else None

    def get(
        self, key: Key, feed: Feed, load: Callable[[FeedState, datetime], Value | None]
    ) -> CacheEntry[Value] | Missing:
        """Return the entry as it is now, or why there is none. One thread loads; the others go on
        with what is cached. Raises `BadQuery`.
        """
        cached = self._entries.get(key)
        stripe = self._stripes[hash(key) % STRIPES]
        # What is cached of a saved feed may be for others by now: its audience can be edited.
        waits = cached is None or feed.kind == "saved"
        if not stripe.acquire(blocking=waits) and cached is not None:
            return cached
        try:
            return self.recall(key) or self._renew(key, feed, load, self._clock())
        finally:
            stripe.release()

    def current(self, key: Key, state: FeedState, now: datetime) -> Value | None:
        """Return the value for a state, None where none is cached."""
        entry = self._entries.get(key)
        return entry.value if entry is not None and entry.is_current(state, now) else None

    def put(self, key: Key, value: Value, state: FeedState, now: datetime) -> CacheEntry[Value]:
        entry = CacheEntry(value, state, now, now, now).with_check(now)
        self._entries.put(key, entry)
        return entry

    def replace(self, key: Key, entry: CacheEntry[Value]) -> CacheEntry[Value]:
        self._entries.put(key, entry)
        return entry

    def _renew(
        self,
        key: Key,
        feed: Feed,
        load: Callable[[FeedState, datetime], Value | None],
        now: datetime,
    ) -> CacheEntry[Value] | Missing:
        cached = self._entries.get(key)
        try:
            state = self._source.store.read.feed_state(feed)
            renewed = self._judge(key, feed, cached, state, load, now)
        except StoreError as error:
            self._database.begin("feeds are served from memory: %s", error)
            if cached is None:
                return Missing.UNREACHABLE
            return self.replace(key, cached.with_check(now))
        self._database.end(RECOVERED)
        if renewed is Missing.UNKNOWN:
            self._entries.drop(key)
        return renewed if isinstance(renewed, Missing) else self.replace(key, renewed)

    def _judge(
        self,
        key: Key,
        feed: Feed,
        cached: CacheEntry[Value] | None,
        state: FeedState | None,
        load: Callable[[FeedState, datetime], Value | None],
        now: datetime,
    ) -> CacheEntry[Value] | Missing:
        """Return what a state means: nothing there, what is cached, or something to load."""
        saved = feed.kind == "saved"
        private = bool(getattr(key, "private", False))
        if state is None or (saved and self._source.saved_feed(feed.id, private=private) is None):
            return Missing.UNKNOWN
        # What is cached of a saved feed may be what it was before somebody edited it.
        if cached is not None and (cached.is_current(state, now) or not (state.synced or saved)):
            return cached.with_check(now)
        if not state.synced:
            return Missing.UNSYNCED
        value = load(state, now)
        if value is None:
            return Missing.UNKNOWN
        return CacheEntry(value, state, now, now, now).with_check(now)


class FeedCache:
    """Every feed of one store, as this process serves it."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        metrics: Metrics,
        clock: Callable[[], datetime],
        cache_bytes: int,
    ) -> None:
        self.tokens = Tokens(store, clock)
        self.database = OutageLog(log)
        """Whether the database can be read; everything in this process that reads it reports here.
        """
        self.reach = settings.history_days, settings.horizon_days
        self._read = store.read
        self._demand = Demand(store, clock)
        self._source = Source(store, settings)
        self._metrics = metrics
        self._clock = clock
        self._parse = lru_cache(CACHED_QUERIES)(self._parse_query)
        quarter = cache_bytes // 4
        parts = self._source, clock, self.database
        # A flood of filtered feeds must not push out what everybody subscribes to.
        self._plain: RevisionCache[Address, RenderedFeed] = RevisionCache(*parts, 2 * quarter)
        self._filtered: RevisionCache[Address, RenderedFeed] = RevisionCache(*parts, quarter)
        self._calendars: RevisionCache[CalendarRequest, Calendar] = RevisionCache(
            *parts, quarter // 2
        )
        self._completeness: RevisionCache[CalendarRequest, Completeness] = RevisionCache(
            *parts, quarter // 8
        )
        self._states: RevisionCache[Feed, _Nothing] = RevisionCache(*parts, quarter // 8)
        self.catalog = Catalog(store, self.database, quarter // 4)

    @property
    def cached_bytes(self) -> int:
        return (
            self._plain.bytes
            + self._filtered.bytes
            + self._calendars.bytes
            + self._completeness.bytes
            + self._states.bytes
        )

    def shape(self, query: str) -> FeedQuery:
        """Return what the query of an address asks for. Raises `BadQuery`."""
        return self._parse(query) if query else PLAIN

    def _parse_query(self, query: str) -> FeedQuery:
        return self._source.clamp(parse(query))

    # calendars

    def state(self, feed: Feed) -> FeedState | Missing:
        """Return a feed's title, zone and revision, or why there is none; at most a second old, and
        from memory while the database is down.
        """
        nothing = _Nothing()
        result = self._states.recall(feed) or self._states.get(feed, feed, lambda *_: nothing)
        return result if isinstance(result, Missing) else result.state

    def calendar(
        self,
        feed: Feed,
        query: FeedQuery,
        since: datetime | None,
        until: datetime,
        *,
        limit: int | None = None,
        after: tuple[int, int, str] | None = None,
    ) -> Calendar | Missing:
        """Return what a feed with a query shows of the span [since, until), or why there is none:
        the `Calendar` for pages, embeds, displays and the API. No file is rendered.

        The items are those of the feed's file with the same query, in order of their start, that
        end after `since` and start before `until`; what the file leaves out for its size is there.
        Without `since`: that are not over now. `limit`: at most so many, the first ones; the
        calendar's `complete_until` is then the start of the first that was left out. `after`: only
        those after this start, end (seconds since 1970) and UID, for the next page.

        Spans are keys of the cache: pass bounds of days (`timezones.midnight`) or None, never a
        moment made of `now`. A calendar in the cache may have been loaded some time ago: leave out
        by `now` what is over. `Calendar.fetched` says when each school was last fetched, at most a
        second ago. With the database down, what this process has in memory is returned.

        Raises `BadQuery` for a query that this deployment does not allow.
        """
        request = CalendarRequest(feed, query, since=since, until=until, limit=limit, after=after)
        entry = self._calendars.recall(request)
        if entry is None:
            result = self._calendars.get(request, feed, self._span_loader(request))
            if isinstance(result, Missing):
                return result
            entry = self._with_fetched(request, result)
            self._note_read(entry)
        return entry.value

    def completeness(self, feed: Feed, query: FeedQuery) -> Completeness | Missing:
        """Return from when on and until when a feed's iCalendar file has everything: both None
        unless it is too large. Only sizes are measured; no file is rendered.
        """
        request = CalendarRequest(feed, query)

        def load(state: FeedState, at: datetime) -> Completeness | None:
            return measure_feed(self._whole, request, state, at, self._source.settings)

        result = self._completeness.recall(request) or self._completeness.get(request, feed, load)
        return result if isinstance(result, Missing) else result.value

    def _span_loader(
        self, request: CalendarRequest
    ) -> Callable[[FeedState, datetime], Calendar | None]:
        def load(state: FeedState, now: datetime) -> Calendar | None:
            self._source.check_query(request.query)
            self._metrics.loaded.inc()
            return load_calendar(self._source, request, state, now)

        return load

    def _whole(
        self, request: CalendarRequest, state: FeedState, now: datetime, count: int
    ) -> Calendar | None:
        """Return a whole feed, or at least about so many of its items."""
        calendar = self._calendars.current(request, state, now)
        if calendar is not None and (calendar.is_complete or _has_coming(calendar, count, now)):
            return calendar
        self._source.check_query(request.query)
        self._metrics.loaded.inc()
        calendar = load_calendar(self._source, request, state, now, count=count)
        if calendar is not None:
            self._calendars.put(request, calendar, state, now)
        return calendar

    def _with_fetched(
        self, request: CalendarRequest, entry: CacheEntry[Calendar]
    ) -> CacheEntry[Calendar]:
        """Add when the schools were last fetched, which changes without a new revision."""
        try:
            fetched = self._read.fetched(entry.value.property_ids)
        except StoreError as error:
            self.database.begin("feeds are served from memory: %s", error)
            return entry
        return self._calendars.replace(
            request, replace(entry, value=replace(entry.value, fetched=fetched))
        )

    def _note_read(self, entry: CacheEntry[Calendar] | CacheEntry[RenderedFeed]) -> None:
        for property_id in entry.value.read_ids:
            self._demand.note(property_id)

    # files

    def _cache_of(self, address: Address) -> RevisionCache[Address, RenderedFeed]:
        return self._plain if address.plain else self._filtered

    def recall(self, address: Address) -> CacheEntry[RenderedFeed] | None:
        """Return a file that is in memory and was checked within the last second; reads no
        database.
        """
        return self._cache_of(address).recall(address)

    def find(self, address: Address, *, packed: bool = False) -> CacheEntry[RenderedFeed] | Missing:
        """Return a feed's file as it is now, or why there is none; with its gzip form if asked for.
        Raises `BadQuery`.
        """
        cache = self._cache_of(address)
        result: CacheEntry[RenderedFeed] | Missing | None = cache.recall(address)
        rendered = False

        def load(state: FeedState, now: datetime) -> RenderedFeed | None:
            nonlocal rendered
            rendered = True
            return render_feed(self._whole, address, state, now, self._source.settings)

        if result is None:
            result = cache.get(address, address.feed, load)
            if isinstance(result, CacheEntry):
                self._note_read(result)
        if isinstance(result, Missing):
            return result
        self._count(address, rendered=rendered)
        if packed and result.value.document.gzip is None:
            value = replace(result.value, document=result.value.document.packed())
            result = cache.replace(address, replace(result, value=value))
            self._metrics.cache_bytes.set(self.cached_bytes)
        return result

    def _count(self, address: Address, *, rendered: bool) -> None:
        if not rendered:
            self._metrics.hits.inc()
            return
        self._metrics.misses.inc()
        self._metrics.rendered.labels(address.suffix).inc()
        self._metrics.cache_bytes.set(self.cached_bytes)


def _has_coming(calendar: Calendar, count: int, now: datetime) -> bool:
    """Return whether so many items are not over; 0: no number of them is enough."""
    return 0 < count <= sum(item.end > now for item in calendar.items)
