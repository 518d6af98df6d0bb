"""The collision check: which stored bookings overlap timeslots in the same facility.

The vendor reports that a booking collides; the store knows with what.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.push.instances import NO_NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import date, datetime

    from icalbridge.models import Entry
    from icalbridge.push.mapping import PushSlot
    from icalbridge.push.places import PlaceTable
    from icalbridge.store import Store

    Span = tuple[str, datetime, datetime]
    """Facility id, start and end."""
    Occupied = tuple[str, str, datetime, datetime]
    """The vendor's id of an event, and a span of it."""

SHOWN = 3
"""So many collisions are named; the rest is counted."""


class StoredBookings:
    """Entries of some properties during a span, read once."""

    def __init__(
        self, store: Store, property_ids: Collection[str], since: datetime, until: datetime
    ) -> None:
        self._by_day: dict[tuple[str, date], list[Entry]] = defaultdict(list)
        for entry in store.read.entries_between(sorted(property_ids), since, until):
            for day in days_between(max(entry.start, since), min(entry.end, until)):
                self._by_day[entry.facility_id, day].append(entry)

    def overlapping(
        self, spans: Iterable[Span], own: Collection[str], leaving: Collection[Occupied] = ()
    ) -> list[Entry]:
        """Return the entries that overlap spans in the same facility, by time.

        `own`: the vendor's ids of events that do not count; `leaving`: spans that do not, since
        their events move away.
        """
        entries: dict[str, Entry] = {}
        for facility_id, start, end in spans:
            for day in days_between(start, end):
                for entry in self._by_day.get((facility_id, day), ()):
                    if entry.start >= end or start >= entry.end or entry.event_id in own:
                        continue
                    occupied = (entry.event_id, facility_id, entry.start, entry.end)
                    if occupied not in leaving:
                        entries[entry.uid] = entry
        return sorted(entries.values(), key=lambda entry: (entry.start, entry.name, entry.uid))

    def describe(
        self,
        slots: Iterable[PushSlot],
        places: PlaceTable,
        own: Collection[str],
        leaving: Collection[Occupied] = (),
    ) -> tuple[str, ...]:
        """Return the entries that overlap timeslots, each as a phrase; see `overlapping`."""
        spans = ((slot.facility.id, slot.start, slot.end) for slot in slots)
        phrases = [_phrase(entry, places) for entry in self.overlapping(spans, own, leaving)]
        more = len(phrases) - SHOWN
        return tuple(phrases if more <= 0 else [*phrases[:SHOWN], f"{more} more"])


def find_collisions(
    store: Store, property_ids: Collection[str], spans: Collection[Span], own: Collection[str]
) -> list[Entry]:
    """Return the stored entries that overlap spans in the same facility, by time."""
    if not spans:
        return []
    since, until = min(start for _, start, _ in spans), max(end for _, _, end in spans)
    return StoredBookings(store, property_ids, since, until).overlapping(spans, own)


def load_bookings(store: Store, slots: Collection[PushSlot]) -> StoredBookings:
    """Read what may collide with timeslots, of which there must be at least one."""
    properties = {slot.facility.property_id for slot in slots}
    since, until = min(slot.start for slot in slots), max(slot.end for slot in slots)
    return StoredBookings(store, properties, since, until)


def days_between(start: datetime, end: datetime) -> Iterator[date]:
    """Yield the days of UTC that a span touches."""
    day = start.date()
    while day <= end.date():
        yield day
        day += timedelta(days=1)


def _phrase(entry: Entry, places: PlaceTable) -> str:
    clock = timezones.zone(places.zones.get(entry.property_id, "UTC"))
    start, end = entry.start.astimezone(clock), entry.end.astimezone(clock)
    return (
        f"'{entry.name or NO_NAME}' on {start:%Y-%m-%d} from {start:%H:%M} to {end:%H:%M} in"
        f" {places.with_school([entry.place], entry.property_id)}"
    )
