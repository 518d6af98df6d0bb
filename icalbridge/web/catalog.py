"""Schools and facilities as this process last read them, also while the database is down."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from icalbridge.errors import StoreError
from icalbridge.store.entries import TimeRange
from icalbridge.web.cache import ByteCache

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Sequence
    from datetime import datetime

    from icalbridge.feeds.public_reading import PublicReading
    from icalbridge.models import Facility, Feed, Property
    from icalbridge.outage import OutageLog
    from icalbridge.store.counts import BookedSpan

ROW_BYTES = 700
SECOND = timedelta(seconds=1)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _CatalogRead:
    value: Any
    version: Hashable
    """The revision and the arguments with which it was read."""

    @property
    def size(self) -> int:
        return ROW_BYTES * (len(self.value) if isinstance(self.value, Sized) else 1)


class Catalog:
    """Reads the catalog; answers with what it last read while the database is down."""

    def __init__(self, read: PublicReading, database: OutageLog, max_bytes: int) -> None:
        self.read = read
        self._database = database
        self._cache: ByteCache[Hashable, _CatalogRead] = ByteCache(max_bytes)

    def properties(self) -> list[Property]:
        return self.remember("properties", self.read.properties)

    def property(self, property_id: str) -> Property | None:
        return self.remember(("property", property_id), lambda: self.read.property(property_id))

    def facilities(self, property_ids: Sequence[str] | None = None) -> list[Facility]:
        key = ("facilities", None if property_ids is None else tuple(property_ids))
        return self.remember(key, lambda: self.read.facilities(property_ids))

    def facility(self, facility_id: str) -> Facility | None:
        return self.remember(("facility", facility_id), lambda: self.read.facility(facility_id))

    def counts(self, key: Hashable, since: datetime, until: datetime) -> dict[str, int]:
        """Return how many shown entries overlap a span, by facility; while the database is down,
        what was last counted under the key.
        """
        return self.remember(
            ("counts", key), lambda: self.read.counts(since, until), (since, until)
        )

    def count_starting(self, feed: Feed, since: datetime, until: datetime) -> int:
        """Return how many shown entries of a feed, which is not a saved one, start in a span."""
        times = TimeRange(since - SECOND, until, starts_from=since)
        key = ("count starting", feed, since, until)
        return self.remember(key, lambda: self.read.count(feed, times))

    def booked_spans(self, since: datetime, until: datetime) -> dict[str, list[BookedSpan]]:
        """Return when shown entries are on that overlap a span, by facility."""
        key = ("booked", since, until)
        return self.remember(key, lambda: self.read.booked_spans(since, until))

    def fetched(self, property_ids: Sequence[str]) -> dict[str, datetime | None]:
        """Return when today's entries of the listed ones were last fetched; None: never."""
        return self._read_now(("fetched", *property_ids), lambda: self.read.fetched(property_ids))

    def fetched_ahead(self, property_ids: Sequence[str], days: int) -> set[str]:
        """Return of which of the listed ones a day so many days ahead was ever fetched."""
        key = ("fetched ahead", days, *property_ids)
        return self._read_now(key, lambda: self.read.fetched_ahead(property_ids, days))

    def _read_now(self, key: Hashable, read: Callable[[], Value]) -> Value:
        """Return what is read now: a sync that changes nothing raises no revision."""
        try:
            value = read()
        except StoreError:
            return self.remember(key, read)
        self._cache.put((self.read.policy.digest, key), _CatalogRead(value, None))
        return value

    def school_names(self, property_ids: Collection[str]) -> dict[str, str]:
        """Return the names of the listed ones by id, in the vendor's order."""
        return {item.id: item.name for item in self.properties() if item.id in property_ids}

    def members(self, own: Property) -> list[Property]:
        """Return a property, and behind it the listed ones that it holds, in the vendor's order."""
        ids = {*own.child_ids} - {own.id}
        return [own, *(item for item in self.properties() if item.id in ids)]

    def remember(
        self, key: Hashable, read: Callable[[], Value], arguments: Hashable = None
    ) -> Value:
        """Return what is read now, or what was last read under the key: while no revision was
        raised since then and the arguments are the same, and while the database is down. Raises
        `StoreError` where nothing was.
        """
        policy = self.read.policy.digest
        key = (policy, key)
        cached = self._cache.get(key)
        try:
            revision = self.read.revision()
            if cached is None or cached.version != (revision, arguments):
                cached = _CatalogRead(read(), (revision, arguments))
                self._cache.put(key, cached)
        except StoreError as error:
            if cached is None:
                raise
            self._database.begin("pages are served from memory: %s", error)
        value: Value = cached.value
        return value
