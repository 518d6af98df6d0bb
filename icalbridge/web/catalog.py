"""Schools and facilities as pages list them: from the store, or as this process read them last
while the database is down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from icalbridge.errors import StoreError
from icalbridge.web.cache import ByteCache

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from datetime import datetime

    from icalbridge.models import Facility, Feed, Property
    from icalbridge.outage import OutageLog
    from icalbridge.store import Store

ROW_BYTES = 700

Rows = TypeVar("Rows")


@dataclass(frozen=True, slots=True)
class _CachedRows:
    rows: Any

    @property
    def size(self) -> int:
        return ROW_BYTES * (len(self.rows) if isinstance(self.rows, list | dict) else 1)


class Catalog:
    """The lists of one store. Raises `StoreError` for what was never read before an outage."""

    def __init__(self, store: Store, database: OutageLog, max_bytes: int) -> None:
        self._read = store.read
        self._database = database
        self._cache: ByteCache[Hashable, _CachedRows] = ByteCache(max_bytes)

    def properties(self) -> Sequence[Property]:
        return self._recall(("properties",), self._read.properties)

    def property(self, property_id: str) -> Property | None:
        return self._recall(("property", property_id), lambda: self._read.property(property_id))

    def facilities(self, property_ids: Sequence[str] | None = None) -> Sequence[Facility]:
        key = None if property_ids is None else tuple(property_ids)
        return self._recall(("facilities", key), lambda: self._read.facilities(property_ids))

    def facility(self, facility_id: str) -> Facility | None:
        return self._recall(("facility", facility_id), lambda: self._read.facility(facility_id))

    def counts(self, since: datetime, until: datetime) -> Mapping[str, int]:
        """Return how many shown entries overlap a span, by facility."""
        return self._recall(("counts", since, until), lambda: self._read.counts(since, until))

    def fetched(self, property_ids: Sequence[str]) -> Mapping[str, datetime | None]:
        """Return when today's entries of the listed ones were last fetched; None: never."""
        key = ("fetched", *property_ids)
        return self._recall(key, lambda: self._read.fetched(property_ids))

    def zone(self, feed: Feed) -> str:
        """Return the zone of a property or of a facility's property; UTC for an unknown one."""
        property_id: str | None = feed.id
        if feed.kind == "facility":
            facility = self.facility(feed.id)
            property_id = facility.property_id if facility else None
        own = self.property(property_id) if property_id else None
        return own.timezone if own and own.timezone else "UTC"

    def members(self, property_id: str) -> list[Property]:
        """Return a property and the listed ones that it holds, in the vendor's order."""
        own = self.property(property_id)
        if own is None:
            return []
        ids = {own.id, *own.child_ids}
        listed = [each for each in self.properties() if each.id in ids]
        return listed if own in listed else [own, *listed]

    def _recall(self, key: Hashable, read: Callable[[], Rows]) -> Rows:
        try:
            rows = read()
        except StoreError as error:
            cached = self._cache.get(key)
            if cached is None:
                raise
            self._database.begin("pages are served from memory: %s", error)
            last_read: Rows = cached.rows
            return last_read
        self._cache.put(key, _CachedRows(rows))
        return rows
