"""Cache of values that hold for one revision of a feed, bounded in bytes.

The database is asked for the revision at most once a second, by one thread at a time; while it is
down, what is in memory is served.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from threading import Lock
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from icalbridge.errors import StoreError
from icalbridge.feeds.source import STAFF
from icalbridge.web.cache import ByteCache

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime

    from icalbridge.feeds.source import Source
    from icalbridge.models import Feed, FeedState
    from icalbridge.outage import OutageLog

CHECK_EVERY = timedelta(seconds=1)
STRIPES = 64
"""How many entries can be loaded at once at most; a fixed number, so that unknown feeds leave
nothing behind.
"""
RECOVERED = "the database is back"


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
class StateOnly:
    """A value where the state alone is cached."""

    size: int = 0
    expires: datetime | None = None


class RevisionCache(Generic[Key, Value]):
    """LRU cache bounded by bytes, whose entries are renewed when their feed's revision changes.

    Caches with the same `states` read a public feed's state once a second together.
    """

    def __init__(
        self,
        source: Source,
        clock: Callable[[], datetime],
        database: OutageLog,
        max_bytes: int,
        states: RevisionCache[Feed, StateOnly] | None = None,
    ) -> None:
        self._source = source
        self._states = states
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
            state, checked = self._read_state(feed, now, private=getattr(key, "private", False))
            renewed = self._judge(feed, cached, state, load, now)
        except StoreError as error:
            self._database.begin("feeds are served from memory: %s", error)
            if cached is None or not self._is_allowed(cached.state):
                return Missing.UNREACHABLE
            return self.replace(key, cached.with_check(now))
        self._database.end(RECOVERED)
        if renewed is Missing.UNKNOWN:
            self._entries.drop(key)
        if isinstance(renewed, Missing):
            return renewed
        return self.replace(key, renewed.with_check(checked))

    def _read_state(
        self, feed: Feed, now: datetime, *, private: bool
    ) -> tuple[FeedState | None, datetime]:
        """Return a feed's state and when it was read: within the last second, for all that is
        cached of the feed.
        """
        shared = None if private or feed.kind == "saved" else self._states
        entry = shared.recall(feed) if shared else None
        if entry is not None:
            return entry.state, entry.checked
        state = self._source.state(feed, private=private)
        if shared is not None and state is not None and state.synced:
            shared.put(feed, StateOnly(), state, now)
        return state, now

    def _is_allowed(self, state: FeedState) -> bool:
        """Return whether what was loaded for a state may be served by the policy that holds now."""
        try:
            return state.policy in (STAFF, self._source.public.policy.digest)
        except StoreError:
            return False

    def _judge(
        self,
        feed: Feed,
        cached: CacheEntry[Value] | None,
        state: FeedState | None,
        load: Callable[[FeedState, datetime], Value | None],
        now: datetime,
    ) -> CacheEntry[Value] | Missing:
        """Return what a state means: nothing there, what is cached, or something to load."""
        if state is None:
            return Missing.UNKNOWN
        saved = feed.kind == "saved"
        # What is cached of a saved feed may be what it was before somebody edited it.
        if cached is not None and (cached.is_current(state, now) or not (state.synced or saved)):
            return cached
        if not state.synced:
            return Missing.UNSYNCED
        value = load(state, now)
        if value is None:
            return Missing.UNKNOWN
        return CacheEntry(value, state, now, now, now)
