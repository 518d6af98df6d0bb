"""What a booking collides with: the vendor says that it does, the store what stands there."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.push.want import NO_NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import date, datetime

    from icalbridge.models import Entry
    from icalbridge.push.want import Slot
    from icalbridge.store import Store

MOST = 3
"""Told by name; the rest is counted."""


class Bookings:
    """What the store knows to be on at some properties during a span, read once."""

    def __init__(
        self, store: Store, property_ids: Collection[str], since: datetime, until: datetime
    ) -> None:
        self._by_day: dict[tuple[str, date], list[Entry]] = defaultdict(list)
        for entry in store.read.entries_between(sorted(property_ids), since, until):
            for day in _days(max(entry.start, since), min(entry.end, until)):
                self._by_day[entry.facility_id, day].append(entry)

    def collisions(
        self, slots: Iterable[Slot], known_zones: Mapping[str, str], own: Collection[str]
    ) -> tuple[str, ...]:
        """Return the bookings of other events that overlap timeslots in the same facility, each in
        a phrase, by time.

        `own`: ids, the vendor's, of events that do not count.
        """
        found: dict[str, Entry] = {}
        for slot in slots:
            for day in _days(slot.start, slot.end):
                for entry in self._by_day.get((slot.facility.id, day), ()):
                    if (
                        entry.start < slot.end
                        and slot.start < entry.end
                        and entry.event_id not in own
                    ):
                        found[entry.uid] = entry
        told = [_phrase(each, known_zones) for each in sorted(found.values(), key=_order)]
        return tuple(told if len(told) <= MOST else [*told[:MOST], f"{len(told) - MOST} more"])


def bookings(store: Store, slots: Collection[Slot]) -> Bookings:
    """Read what may be in the way of timeslots, of which there must be one at least."""
    properties = {each.facility.property_id for each in slots}
    return Bookings(
        store, properties, min(each.start for each in slots), max(each.end for each in slots)
    )


def _days(start: datetime, end: datetime) -> Iterator[date]:
    """Yield the days of UTC that a span touches."""
    day = start.date()
    while day <= end.date():
        yield day
        day += timedelta(days=1)


def _order(entry: Entry) -> tuple[datetime, str, str]:
    return entry.start, entry.name, entry.uid


def _phrase(entry: Entry, known_zones: Mapping[str, str]) -> str:
    clock = timezones.zone(known_zones.get(entry.property_id, "UTC"))
    start, end = entry.start.astimezone(clock), entry.end.astimezone(clock)
    return (
        f"'{entry.name or NO_NAME}' on {start:%Y-%m-%d} from {start:%H:%M} to {end:%H:%M} in"
        f" {entry.place}"
    )
