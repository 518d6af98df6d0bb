"""Caches of one process: calendars by feed, query and span, and the feed files rendered from them.

Every entry holds for one revision of its feed. The database is asked for the revision at most once
a second; while the database is down, what is in memory is served. How a calendar is loaded and
rendered is for `icalbridge.feeds`, HTTP for `responses`.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from icalbridge.errors import StoreError
from icalbridge.feeds import PLAIN
from icalbridge.feeds.calendar import CalendarRequest
from icalbridge.feeds.load import bound_completeness, load_calendar
from icalbridge.feeds.policy_file import PolicyFile
from icalbridge.feeds.public_reading import PublicReading
from icalbridge.feeds.query import parse
from icalbridge.feeds.source import Source
from icalbridge.outage import OutageLog
from icalbridge.web.catalog import Catalog
from icalbridge.web.readers import CalendarReaders
from icalbridge.web.rendered_feed import measure_feed, render_feed
from icalbridge.web.revision_cache import CacheEntry, Missing, RevisionCache, StateOnly
from icalbridge.web.tokens import Tokens
from icalbridge.web.usage import ReadCounts

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from icalbridge.feeds import Address, FeedQuery
    from icalbridge.feeds.calendar import Calendar
    from icalbridge.feeds.completeness import Completeness
    from icalbridge.models import Feed, FeedState
    from icalbridge.settings import Settings
    from icalbridge.store import Store
    from icalbridge.web.metrics import Metrics
    from icalbridge.web.rendered_feed import RenderedFeed

CACHED_QUERIES = 1024

log = logging.getLogger(__name__)


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
        self.readers = CalendarReaders(store, clock, settings.trusted_proxies)
        self.database = OutageLog(log)
        """Whether the database can be read; everything in this process that reads it reports here.
        """
        self.reach = settings.history_days, settings.horizon_days
        policies = PolicyFile(settings.policy_file, store.policies, clock)
        self.public = PublicReading(store, policies)
        """What the pages, too, read the store by."""
        self._demand = ReadCounts(store, clock)
        self._source = Source(store, settings, self.public)
        self._metrics = metrics
        self._clock = clock
        self._parse = lru_cache(CACHED_QUERIES)(self._parse_clamped)
        quarter = cache_bytes // 4
        parts = self._source, clock, self.database
        self._states: RevisionCache[Feed, StateOnly] = RevisionCache(*parts, quarter // 8)
        # A flood of filtered feeds must not push out what everybody subscribes to.
        self._plain: RevisionCache[Address, RenderedFeed] = RevisionCache(
            *parts, 2 * quarter, self._states
        )
        self._filtered: RevisionCache[Address, RenderedFeed] = RevisionCache(
            *parts, quarter, self._states
        )
        self._calendars: RevisionCache[CalendarRequest, Calendar] = RevisionCache(
            *parts, quarter // 2, self._states
        )
        self._completeness: RevisionCache[CalendarRequest, Completeness] = RevisionCache(
            *parts, quarter // 8, self._states
        )
        self.catalog = Catalog(self.public, self.database, quarter // 4)

    @property
    def cached_bytes(self) -> int:
        return (
            self._plain.bytes
            + self._filtered.bytes
            + self._calendars.bytes
            + self._completeness.bytes
            + self._states.bytes
        )

    def parse_query(self, query: str) -> FeedQuery:
        """Return what the query of an address asks for. Raises `BadQuery`."""
        return self._parse(query) if query else PLAIN

    def _parse_clamped(self, query: str) -> FeedQuery:
        return self._source.clamp(parse(query))

    # calendars

    def state(self, feed: Feed) -> FeedState | Missing:
        """Return a feed's title, zone and revision, or why there is none; at most a second old, and
        from memory while the database is down.
        """
        nothing = StateOnly()
        result = self._states.recall(feed) or self._states.get(feed, feed, lambda *_: nothing)
        return result if isinstance(result, Missing) else result.state

    def calendar(
        self,
        feed: Feed,
        query: FeedQuery,
        since: datetime | None,
        until: datetime | None,
        *,
        limit: int | None = None,
        after: tuple[int, int, str] | None = None,
        day_limit: int | None = None,
    ) -> Calendar | Missing:
        """Return what a feed with a query shows of the span [since, until), or why there is none:
        the `Calendar` for pages, embeds, displays and the API. No file is rendered.

        The items are those of the feed's file with the same query, in order of their start, that
        end after `since` and start before `until`; what the file leaves out for its size is there.
        Without `since`: that are not over now; with neither, the whole feed (for one booking).
        `limit`: at most so many, the first ones; the calendar's `complete_until` is then the start
        of the first that was left out. `after`: only those after this start, end (seconds since
        1970) and UID, for the next page. `day_limit`: of each day of a property at least the first
        so many; `day_counts` is given where that is not all.

        Spans are keys of the cache: pass bounds of days (`timezones.midnight`) or None, never a
        moment made of `now`. A calendar in the cache may have been loaded some time ago: leave out
        by `now` what is over. `Calendar.fetched` says when each school was last fetched, at most a
        second ago. With the database down, what this process has in memory is returned.

        Raises `BadQuery` for a query that this deployment does not allow.
        """
        request = CalendarRequest(
            feed, query, since=since, until=until, limit=limit, after=after, day_limit=day_limit
        )
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
        unless it is too large. No file is rendered. Where thousands of bookings are on today, they
        are only counted: `complete_until` is then a bound, up to which the file has everything.
        """
        request = CalendarRequest(feed, query)

        def load(state: FeedState, at: datetime) -> Completeness | None:
            self._source.check_query(query)
            bound = bound_completeness(self._source, request, state, at)
            return bound or measure_feed(self._whole, request, state, at, self._source.settings)

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
            fetched = self.public.fetched(entry.value.property_ids)
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
