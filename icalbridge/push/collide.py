"""What a booking collides with: the vendor says that it does, the store what stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icalbridge import zones
from icalbridge.push.want import NO_NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from icalbridge.model import Entry
    from icalbridge.push.want import Slot
    from icalbridge.store import Store

MOST = 3
"""Told by name; the rest is counted."""


def collisions(store: Store, slots: Iterable[Slot], known_zones: Mapping[str, str], own: Collection[str]) -> list[str]:
    """Return the bookings of other events that overlap timeslots in the same facility, each in a phrase, by time.

    `own`: ids, the vendor's, of events that do not count.
    """
    by_facility: dict[str, list[Slot]] = {}
    for each in slots:
        by_facility.setdefault(each.facility.id, []).append(each)
    found: dict[str, Entry] = {}
    for some in by_facility.values():
        facility = some[0].facility
        span = min(each.start for each in some), max(each.end for each in some)
        for entry in store.read.entries_between([facility.property_id], *span):
            overlaps = any(entry.start < each.end and each.start < entry.end for each in some)
            if entry.facility_id == facility.id and entry.event_id not in own and overlaps:
                found[entry.uid] = entry
    told = [_phrase(each, known_zones) for each in sorted(found.values(), key=lambda each: (each.start, each.uid))]
    return told if len(told) <= MOST else [*told[:MOST], f"{len(told) - MOST} more"]


def _phrase(entry: Entry, known_zones: Mapping[str, str]) -> str:
    clock = zones.zone(known_zones.get(entry.property_id, "UTC"))
    start, end = entry.start.astimezone(clock), entry.end.astimezone(clock)
    return f"{entry.name or NO_NAME!r} on {start:%Y-%m-%d} from {start:%H:%M} to {end:%H:%M} in {entry.place}"
