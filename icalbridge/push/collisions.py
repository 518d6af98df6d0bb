"""The collision check: which stored bookings overlap timeslots in the same facility.

The vendor reports that a booking collides; the store knows with what.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from icalbridge.errors import NotFound, VendorError
from icalbridge.push.instances import NO_NAME
from icalbridge.push.steps import OVER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import date, datetime

    from icalbridge.models import Entry, Event, Timeslot
    from icalbridge.push.mapping import PushSlot
    from icalbridge.push.places import PlaceTable
    from icalbridge.push.session import WriteSession
    from icalbridge.store import Store

    Span = tuple[str, datetime, datetime]
    """Facility id, start and end."""
    Occupied = tuple[str, str, datetime, datetime]
    """The vendor's id of an event, and a span of it."""

Item = TypeVar("Item")
SHOWN = 3
"""So many collisions are named; the rest is counted."""
MOST_CHECKED = 5
"""Colliding events that the vendor is asked about; the others count as stored."""


class SpanIndex(Generic[Item]):
    """Items by facility and day of UTC."""

    def __init__(self, items: Iterable[tuple[Span, Item]]) -> None:
        self._by_day: dict[tuple[str, date], list[tuple[Span, Item]]] = defaultdict(list)
        for span, item in items:
            for key in _days(span):
                self._by_day[key].append((span, item))

    def overlapping(self, span: Span) -> Iterator[Item]:
        """Yield the items that overlap a span in the same facility, some of them repeatedly."""
        _, start, end = span
        for key in _days(span):
            for (_, begin, finish), item in self._by_day.get(key, ()):
                if begin < end and start < finish:
                    yield item


def _days(span: Span) -> Iterator[tuple[str, date]]:
    facility_id, start, end = span
    for number in range((end.date() - start.date()).days + 1):
        yield facility_id, start.date() + timedelta(days=number)


class StoredBookings:
    """Entries of some properties while timeslots last, read once."""

    def __init__(
        self, store: Store, property_ids: Collection[str], spans: Collection[Span]
    ) -> None:
        if not spans:
            self._entries: SpanIndex[Entry] = SpanIndex(())
            return
        since, until = min(start for _, start, _ in spans), max(end for _, _, end in spans)
        entries = store.read.entries_between(sorted(property_ids), since, until)
        self._entries = SpanIndex(
            ((entry.facility_id, max(entry.start, since), min(entry.end, until)), entry)
            for entry in entries
        )

    def overlapping(
        self, spans: Iterable[Span], own: Collection[str], leaving: Collection[Occupied] = ()
    ) -> list[Entry]:
        """Return the entries that overlap spans in the same facility, by time.

        `own`: the vendor's ids of events that do not count; `leaving`: spans that do not, since
        their events move away.
        """
        entries = {
            entry.uid: entry
            for span in spans
            for entry in self._entries.overlapping(span)
            if entry.event_id not in own
            and (entry.event_id, entry.facility_id, entry.start, entry.end) not in leaving
        }
        return sorted(entries.values(), key=lambda entry: (entry.start, entry.name, entry.uid))

    def describe(
        self,
        slots: Iterable[PushSlot],
        places: PlaceTable,
        own: Collection[str],
        leaving: Collection[Occupied] = (),
    ) -> tuple[str, ...]:
        """Return the entries that overlap timeslots, each as a phrase; see `overlapping`."""
        entries = self.overlapping((slot.span for slot in slots), own, leaving)
        phrases = [_phrase(entry, places) for entry in entries]
        more = [f"{len(phrases) - SHOWN} more"] if len(phrases) > SHOWN else []
        return (*phrases[:SHOWN], *more)


def find_collisions(session: WriteSession, event: Event, slots: Iterable[Timeslot]) -> list[Entry]:
    """Return the bookings of other events that overlap timeslots of an event.

    They are looked up in the store, and then at the vendor, since one that has just been moved may
    still be stored at its old time.
    """
    spans = [(slot.facility_id, slot.start, slot.end) for slot in slots]
    bookings = StoredBookings(session.store, {event.property_id}, spans)
    entries = bookings.overlapping(spans, {event.id})
    taken = SpanIndex((span, span) for span in spans)
    keys = dict.fromkeys((entry.event_type, entry.event_id) for entry in entries)
    away = {key for key in list(keys)[:MOST_CHECKED] if _is_away(session, *key, taken)}
    return [entry for entry in entries if (entry.event_type, entry.event_id) not in away]


def _is_away(session: WriteSession, event_type: str, event_id: str, taken: SpanIndex[Span]) -> bool:
    """Return whether the vendor has an event elsewhere now, or nowhere."""
    try:
        event = session.fetch(event_type, event_id)
    except VendorError as error:
        return isinstance(error, NotFound)
    spans = ((slot.facility_id, slot.start, slot.end) for slot in event.timeslots)
    return event.status in OVER or not any(any(taken.overlapping(span)) for span in spans)


def load_bookings(store: Store, slots: Collection[PushSlot]) -> StoredBookings:
    properties = {slot.facility.property_id for slot in slots}
    return StoredBookings(store, properties, [slot.span for slot in slots])


def _phrase(entry: Entry, places: PlaceTable) -> str:
    clock = places.clock_of(entry.property_id)
    start, end = entry.start.astimezone(clock), entry.end.astimezone(clock)
    return (
        f"'{entry.name or NO_NAME}' on {start:%Y-%m-%d} from {start:%H:%M} to {end:%H:%M} in"
        f" {places.with_school([entry.place], entry.property_id)}"
    )
