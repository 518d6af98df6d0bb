"""Feeds as documents: looked up, rendered once for each revision, kept in memory with their gzip
form.

The database is asked for a feed's revision at most once a second; while the database is down, what
is kept goes on being served. What a feed shows and how it is written is for `icalbridge.feeds`, how
HTTP is spoken for `http`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from icalbridge.errors import StoreError
from icalbridge.feeds import PLAIN
from icalbridge.feeds.query import parse
from icalbridge.outage import OutageLog
from icalbridge.web.cache import ByteCache
from icalbridge.web.making import Maker
from icalbridge.web.tokens import Tokens
from icalbridge.web.usage import Demand

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from icalbridge.feeds import Address, FeedQuery
    from icalbridge.feeds.audience import Item
    from icalbridge.models import FeedState
    from icalbridge.settings import Settings
    from icalbridge.store import Store
    from icalbridge.web.making import Made
    from icalbridge.web.metrics import Metrics

CHECK_EVERY = timedelta(seconds=1)
STRIPES = 64
"""How many feeds can be rendered at once at most; a fixed number, so that unknown feeds leave
nothing behind.
"""

SHAPED_SHARE = 4
"""Shapes and other formats get one of so many parts of the cache: a flood of them must not push out
what everybody subscribes to.
"""
KEPT_QUERIES = 1024
RECOVERED = "the database is back"

log = logging.getLogger(__name__)


class Missing(Enum):
    """Why there is nothing to serve."""

    UNKNOWN = "There is no such calendar here; look the address up in the directory."
    UNSYNCED = "This calendar is being fetched for the first time; ask again in half a minute."
    UNREACHABLE = "This calendar cannot be read right now; ask again in half a minute."


@dataclass(frozen=True, slots=True)
class Held:
    """A rendered feed and how long it is known to be good."""

    made: Made
    state: FeedState
    checked: datetime
    good_until: datetime
    rendered: datetime
    """For which moment it was rendered."""

    @property
    def size(self) -> int:
        return self.made.document.size


class FeedService:
    """Every feed of one store, as this process serves it."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        metrics: Metrics,
        clock: Callable[[], datetime],
        cache_bytes: int,
    ) -> None:
        self._read = store.read
        self.tokens = Tokens(store, clock)
        self._demand = Demand(store, clock)
        self._maker = Maker(store, settings)
        self._metrics = metrics
        self._clock = clock
        shaped_bytes = cache_bytes // SHAPED_SHARE
        self._plain: ByteCache[Address, Held] = ByteCache(cache_bytes - shaped_bytes)
        self._shaped: ByteCache[Address, Held] = ByteCache(shaped_bytes)
        self._stripes = [Lock() for _ in range(STRIPES)]
        self.database = OutageLog(log)
        """Whether the database can be read; everything in this process that reads it reports here.
        """
        self.reach = settings.history_days, settings.horizon_days
        self._shape = lru_cache(KEPT_QUERIES)(self._read_shape)

    @property
    def cached_bytes(self) -> int:
        return self._plain.bytes + self._shaped.bytes

    def shape(self, query: str) -> FeedQuery:
        """Return what the query of an address asks for. Raises `BadQuery`."""
        return self._shape(query) if query else PLAIN

    def _read_shape(self, query: str) -> FeedQuery:
        return parse(query).clamped(*self.reach)

    def _cache_of(self, address: Address) -> ByteCache[Address, Held]:
        return self._plain if address.plain else self._shaped

    def recall(self, address: Address) -> Held | None:
        """Return the feed if it is in memory and was checked within the last second; asks
        nobody.
        """
        held = self._cache_of(address).get(address)
        return (
            held if held is not None and held.checked <= self._clock() < held.good_until else None
        )

    def find(self, address: Address, *, packed: bool = False) -> Held | Missing:
        """Return the feed as it is now, or why there is none; with its gzip form if asked for.
        Raises `BadQuery`.
        """
        found: Held | Missing | None = self.recall(address)
        if found is not None:
            self._metrics.hits.inc()
        else:
            found = self._look(address)
            if isinstance(found, Held):
                for property_id in found.made.property_ids:
                    self._demand.note(property_id)
        if packed and isinstance(found, Held) and found.made.document.gzip is None:
            made = replace(found.made, document=found.made.document.packed())
            found = self._keep(address, replace(found, made=made))
        return found

    def items(self, address: Address, held: Held) -> list[Item]:
        """Return what a feed that was found tells, in order, before anything is left out for size:
        see `made`.
        """
        return self._maker.items(address, held.state, held.checked)

    def _look(self, address: Address) -> Held | Missing:
        """Ask the store, one thread at a time; the others go on with what is known rather than
        wait.
        """
        known = self._cache_of(address).get(address)
        stripe = self._stripes[hash(address) % STRIPES]
        # What is kept of a saved feed may be for others by now: whom it is for can be edited.
        if (
            not stripe.acquire(blocking=known is None or address.feed.kind == "saved")
            and known is not None
        ):
            return known
        try:
            return self.recall(address) or self._renew(
                address, self._cache_of(address).get(address), self._clock()
            )
        finally:
            stripe.release()

    def _renew(self, address: Address, known: Held | None, now: datetime) -> Held | Missing:
        try:
            state = self._read.feed_state(address.feed)
            found = self._judge(address, known, state, now)
        except StoreError as error:
            self.database.begin("feeds are served from memory: %s", error)
            return (
                Missing.UNREACHABLE if known is None else self._keep(address, _checked(known, now))
            )
        self.database.end(RECOVERED)
        if found is Missing.UNKNOWN:
            self._cache_of(address).drop(address)
        return found if isinstance(found, Missing) else self._keep(address, found)

    def _judge(
        self, address: Address, known: Held | None, state: FeedState | None, now: datetime
    ) -> Held | Missing:
        """Say what a state means: nothing there, what was rendered before, or something to
        render.
        """
        if state is None:
            return Missing.UNKNOWN
        saved = address.feed.kind == "saved"
        if saved and not self._maker.opens(address):
            return Missing.UNKNOWN
        same = known is not None and known.state == state and not _outlived(known, now)
        # What is kept of a saved feed may be what it was before somebody edited it.
        if known is not None and (same or not (state.synced or saved)):
            self._metrics.hits.inc()
            return _checked(known, now)
        if not state.synced:
            return Missing.UNSYNCED
        self._maker.check(address.shape)
        self._metrics.misses.inc()
        made = self._maker.make(address, state, now)
        return Missing.UNKNOWN if made is None else _checked(Held(made, state, now, now, now), now)

    def _keep(self, address: Address, held: Held) -> Held:
        self._cache_of(address).put(address, held)
        self._metrics.cache_bytes.set(self.cached_bytes)
        return held


def _outlived(held: Held, now: datetime) -> bool:
    """Return whether time alone changed what a feed shows, or a clock that stood ahead rendered
    it.
    """
    return now < held.rendered or (held.made.until is not None and now >= held.made.until)


def _checked(held: Held, now: datetime) -> Held:
    """Note that a feed was good at `now`: it is for a second, or until time alone changes it, if
    that is sooner.
    """
    good_until = now + CHECK_EVERY
    if held.made.until is not None and now < held.made.until:
        good_until = min(good_until, held.made.until)
    return replace(held, checked=now, good_until=good_until)
