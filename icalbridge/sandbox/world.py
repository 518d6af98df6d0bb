"""A district as the vendor keeps it: properties, facilities and events in the vendor's own shapes, to read and to edit.

Everything is plain data. Tests change it while it is served; an edit shows in the very next answer.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from threading import RLock
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

Dto = dict[str, Any]
"""One of the vendor's objects, as JSON has it."""

FALLBACK_ZONE = "UTC"


@dataclass
class World:
    """All that one key may see. `properties` begins with the district."""

    properties: list[Dto] = field(default_factory=list)
    facilities: list[Dto] = field(default_factory=list)
    events: dict[str, Dto] = field(default_factory=dict)
    """By `_id`, in the order in which they are answered."""
    lock: RLock = field(default_factory=RLock, repr=False)
    _days: dict[str, dict[date, set[str]]] | None = field(default=None, repr=False)

    # what a request asks

    def property(self, property_id: str) -> Dto | None:
        return next((each for each in self.properties if each["_id"] == property_id), None)

    def facility(self, facility_id: str) -> Dto | None:
        return next((each for each in self.facilities if each["_id"] == facility_id), None)

    def facilities_of(self, property_id: str) -> list[Dto]:
        return [each for each in self.facilities if each["property_id"] == property_id]

    def zone_of(self, property_id: str) -> ZoneInfo:
        known = self.property(property_id)
        return ZoneInfo((known and known["timezone"]) or FALLBACK_ZONE)

    def events_of(self, property_ids: Iterable[str], start: date, end: date, types: frozenset[str]) -> list[Dto]:
        """Return the events of some properties with a timeslot that touches a span of days, whatever its status."""
        return self._touching([f"property {each}" for each in property_ids], start, end, types)

    def events_in(self, facility_id: str, start: date, end: date, types: frozenset[str]) -> list[Dto]:
        """Return the events with a timeslot in a facility that touches a span of days."""
        return self._touching([f"facility {facility_id}"], start, end, types)

    def event(self, event_type: str, event_id: str) -> Dto | None:
        """Return an event by the vendor's id or the external one."""
        found = self.events.get(event_id) or next(
            (each for each in self.events.values() if each["external_system_event_id"] == event_id), None
        )
        return found if found and found["type"] == event_type else None

    # edits

    def add_event(self, event: Dto) -> None:
        with self.lock:
            self.events[event["_id"]] = event
            self._days = None

    def delete_event(self, event_id: str) -> None:
        with self.lock:
            del self.events[event_id]
            self._days = None

    def set_field(self, event_id: str, name: str, value: Any) -> None:
        """Set any field of an event: its name, its status, null."""
        with self.lock:
            self.events[event_id][name] = value
            self._days = None

    def set_timeslot_field(self, event_id: str, index: int, name: str, value: Any) -> None:
        """Set any field of a timeslot: `suspended`, another facility, null."""
        with self.lock:
            self.events[event_id]["timeslots"][index][name] = value
            self._days = None

    def move_timeslot(self, event_id: str, index: int, by: timedelta) -> None:
        """Move a timeslot by so much local time."""
        with self.lock:
            told = self.events[event_id]["timeslots"][index]
            for name in ("start_datetime", "end_datetime"):
                told[name] = (datetime.fromisoformat(told[name]) + by).isoformat()
            self._days = None

    def edited(self) -> None:
        """Say that data was changed by hand."""
        with self.lock:
            self._days = None

    def _touching(self, owners: list[str], start: date, end: date, types: frozenset[str]) -> list[Dto]:
        with self.lock:
            days = self._index()
            span = [start + timedelta(days=step) for step in range((end - start).days + 1)]
            found = {event_id for owner in owners for day in span for event_id in days[owner].get(day, ())}
            return [each for event_id, each in self.events.items() if event_id in found and each["type"] in types]

    def _index(self) -> dict[str, dict[date, set[str]]]:
        """Return event ids by owner and local day; made anew after an edit."""
        if self._days is None:
            days: dict[str, dict[date, set[str]]] = defaultdict(lambda: defaultdict(set))
            for event in self.events.values():
                for timeslot in event["timeslots"] or ():
                    owners = [f"property {event['property_id']}"]
                    if timeslot["facility"]:
                        owners.append(f"facility {timeslot['facility']['_id']}")
                    for day in _days_of(timeslot):
                        for owner in owners:
                            days[owner][day].add(event["_id"])
            self._days = days
        return self._days


def _days_of(timeslot: Dto) -> list[date]:
    """Return the local days that a timeslot touches; none when its times are no times."""
    try:
        start = datetime.fromisoformat(timeslot["start_datetime"]).date()
        end = datetime.fromisoformat(timeslot["end_datetime"]).date()
    except (TypeError, ValueError):
        return []
    return [start + timedelta(days=step) for step in range(min((end - start).days, 366) + 1)]
