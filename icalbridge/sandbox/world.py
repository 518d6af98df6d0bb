"""The vendor's data: properties, facilities and events as plain data (EventDto and the like).

Tests edit it while it is served; the next response shows the edit.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from threading import RLock
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from icalbridge.sandbox import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Dto = dict[str, Any]
"""One of the vendor's objects, as JSON has it."""

FALLBACK_ZONE = "UTC"
"""Whose days count for a property without a time zone."""

_LONGEST_DAYS = 366


@dataclass
class World:
    """All that one key may see. `properties` begins with the district; hold `lock` around a read of
    several things.
    """

    properties: list[Dto] = field(default_factory=list)
    facilities: list[Dto] = field(default_factory=list)
    """The listed ones: a timeslot may name another."""
    events: dict[str, Dto] = field(default_factory=dict)
    """By `_id`, in the order in which they are answered. `add_event` and `delete` change it."""
    renters: set[str] = field(default_factory=lambda: set(names.KNOWN_RENTERS))
    """E-mail addresses, in lower case, for whom an event may be created."""
    activity_types: dict[int, str] = field(default_factory=lambda: dict(names.KNOWN_ACTIVITY_TYPES))
    """Names by id: what an event may be created as."""
    log_messages: list[tuple[str, str]] = field(default_factory=list)
    """Event id and note of each write that had one, in order."""
    lock: RLock = field(default_factory=RLock, repr=False)
    _snapshot: dict[str, Dto] = field(default_factory=dict, repr=False)
    _snapshot_cause: object = field(default=None, repr=False)
    _days: dict[tuple[str, str], set[str]] = field(
        default_factory=lambda: defaultdict(set), repr=False
    )
    """Event ids by property or facility id, and local day as the vendor writes it."""
    _indexed: dict[str, set[tuple[str, str]]] = field(default_factory=dict, repr=False)
    _ranks: dict[str, int] = field(default_factory=dict, repr=False)
    """Place in the order of the events, by event id."""
    _counter: Iterator[int] = field(default_factory=count, repr=False)

    # what a request asks

    def property(self, property_id: str) -> Dto | None:
        """Return a property by id."""
        return next((item for item in self.properties if item["_id"] == property_id), None)

    def facility(self, facility_id: str) -> Dto | None:
        """Return a listed facility by id."""
        return next((item for item in self.facilities if item["_id"] == facility_id), None)

    def facility_by_u_id(self, u_id: str) -> Dto | None:
        """Return a listed facility by its `u_id`."""
        return next((item for item in self.facilities if item["u_id"] == u_id), None)

    def facilities_of(self, property_id: str) -> list[Dto]:
        """Return a property's listed facilities."""
        return [item for item in self.facilities if item["property_id"] == property_id]

    def zone_of(self, property_id: str) -> ZoneInfo:
        """Return the zone whose days count for a property; UTC for one that has none, or one that
        nobody knows.
        """
        known = self.property(property_id) or {}
        try:
            return ZoneInfo(str(known.get("timezone") or FALLBACK_ZONE))
        except (ValueError, OSError, ZoneInfoNotFoundError):
            return ZoneInfo(FALLBACK_ZONE)

    def day_of(self, property_id: str, now: datetime) -> date:
        """Return the calendar day that it is at a property; `now` is aware."""
        return now.astimezone(self.zone_of(property_id)).date()

    def owner_of(self, named: Mapping[str, str]) -> str:
        """Return the id of the property that a request is about, given the parts of its path; ""
        for none.
        """
        if "facility_id" in named:
            facility = self.facility(named["facility_id"])
            return str(facility["property_id"]) if facility else ""
        if "event_id" in named:
            event = self.event(named["event_type"], named["event_id"])
            return str(event.get("property_id") or "") if event else ""
        return named.get("property_id", "")

    def events_of(
        self, property_ids: Iterable[str], start: date, end: date, types: Iterable[str]
    ) -> list[Dto]:
        """Return properties' events with a timeslot, of any status, that touches a span of local
        days, both counted.
        """
        return self._touching(property_ids, start, end, types)

    def events_in(
        self, facility_id: str, start: date, end: date, types: Iterable[str]
    ) -> list[Dto]:
        """Return the events with a timeslot in one facility that touches a span of local days, both
        counted.
        """
        return self._touching([facility_id], start, end, types)

    def booked(self, facility_id: str, first: date, last: date) -> list[Dto]:
        """Return the events, of any status, with a timeslot in a facility that touches a span of
        local days, both counted; in no order.
        """
        with self.lock:
            self._index()
            matches = {
                event_id
                for day in _days_between(first, last)
                for event_id in self._days.get((facility_id, day), ())
            }
            return [self.events[event_id] for event_id in matches]

    def event(self, event_type: str, event_id: str) -> Dto | None:
        """Return an event by the vendor's id or the external one."""
        event = self.any_event(event_id)
        return event if event and event.get("type") == event_type else None

    def any_event(self, event_id: str) -> Dto | None:
        """Return an event of whatever type by the vendor's id or the external one."""
        with self.lock:
            return self.events.get(event_id) or next(
                (
                    event
                    for event in self.events.values()
                    if event.get("external_system_event_id") == event_id
                ),
                None,
            )

    # edits

    def add_event(self, event: Dto) -> None:
        """Add an event, or put it in the place of the one with its `_id`."""
        with self.lock:
            self.events[event["_id"]] = event
            self._forget(event["_id"])

    def delete(self, event_id: str) -> None:
        """Remove an event altogether; raises `KeyError`."""
        with self.lock:
            del self.events[event_id]
            self._forget(event_id)
            self._ranks.pop(event_id, None)

    def set_field(self, event_id: str, name: str, value: Any = None) -> None:
        """Set any field of an event, by default to null; raises `KeyError`."""
        with self.lock:
            self.events[event_id][name] = value
            self._forget(event_id)

    def rename(self, event_id: str, name: str | None) -> None:
        """Give an event another name; raises `KeyError`."""
        self.set_field(event_id, "name", name)

    def set_status(self, event_id: str, status: str | None) -> None:
        """Give an event another status; raises `KeyError`."""
        self.set_field(event_id, "status", status)

    def set_timeslot_field(self, event_id: str, index: int, name: str, value: Any = None) -> None:
        """Set any field of a timeslot, by default to null; raises `KeyError` or `IndexError`."""
        with self.lock:
            self.events[event_id]["timeslots"][index][name] = value
            self._forget(event_id)

    def suspend_timeslot(self, event_id: str, index: int) -> None:
        """Suspend a timeslot; raises `KeyError` or `IndexError`."""
        self.set_timeslot_field(event_id, index, "status", "suspended")

    def move_timeslot(self, event_id: str, index: int, by: timedelta) -> None:
        """Move a timeslot by so much local time; raises `KeyError` or `IndexError`."""
        with self.lock:
            timeslot = self.events[event_id]["timeslots"][index]
            for name in ("start_datetime", "end_datetime"):
                timeslot[name] = (datetime.fromisoformat(timeslot[name]) + by).isoformat()
            self._forget(event_id)

    def rename_facility(self, facility_id: str, name: str | None) -> None:
        """Give a facility another name, in the list and in every timeslot."""
        with self.lock:
            places = [item for item in self.facilities if item["_id"] == facility_id]
            for event in self.events.values():
                used = [timeslot["facility"] for timeslot in event["timeslots"] or ()]
                places += [place for place in used if place and place["_id"] == facility_id]
            for place in places:
                place["name"] = name

    def edited(self) -> None:
        """Invalidate the index after direct changes of times, facilities, owners or the order."""
        with self.lock:
            self._days.clear()
            self._indexed.clear()
            self._ranks.clear()

    # stale reads

    def keep_snapshot(self, cause: object) -> None:
        """Copy the events, unless there is a copy for this cause; None drops the copy."""
        with self.lock:
            if cause is not self._snapshot_cause:
                self._snapshot_cause = cause
                self._snapshot = {} if cause is None else copy.deepcopy(self.events)

    @contextmanager
    def as_in_snapshot(self) -> Iterator[None]:
        """Lock the world, and show the events of the snapshot while the context lasts."""
        with self.lock:
            current = dict(self.events)
            self._show(self._snapshot)
            try:
                yield
            finally:
                self._show(current)

    def _show(self, events: Mapping[str, Dto]) -> None:
        self.events.clear()
        self.events.update(events)
        self.edited()

    # the index

    def _touching(
        self, owners: Iterable[str], start: date, end: date, types: Iterable[str]
    ) -> list[Dto]:
        with self.lock:
            self._index()
            days = [
                (start + timedelta(days=step)).isoformat() for step in range((end - start).days + 1)
            ]
            matches = {
                event_id
                for owner in owners
                for day in days
                for event_id in self._days.get((owner, day), ())
            }
            event_types = frozenset(types)
            # in the order of the world: a set of texts has another one in every process
            in_order = map(self.events.__getitem__, sorted(matches, key=self._ranks.__getitem__))
            return [event for event in in_order if event.get("type") in event_types]

    def _index(self) -> None:
        """Add new and edited events to the index."""
        if len(self._indexed) == len(self.events):
            return
        for event_id, event in self.events.items():
            if event_id in self._indexed:
                continue
            keys = self._indexed[event_id] = _keys(event)
            self._ranks.setdefault(event_id, next(self._counter))
            for key in keys:
                self._days[key].add(event_id)

    def _forget(self, event_id: str) -> None:
        for key in self._indexed.pop(event_id, ()):
            self._days[key].discard(event_id)


def _keys(event: Dto) -> set[tuple[str, str]]:
    """Return owner and day of all timeslots; unreadable ones are in no window."""
    keys: set[tuple[str, str]] = set()
    timeslots = event.get("timeslots")
    for timeslot in timeslots if isinstance(timeslots, list) else ():
        if not isinstance(timeslot, dict):
            continue
        facility = timeslot.get("facility")
        for day in _days_of(timeslot.get("start_datetime"), timeslot.get("end_datetime")):
            keys.add((event["property_id"], day))
            if isinstance(facility, dict):
                keys.add((facility["_id"], day))
    return keys


def _days_of(start: object, end: object) -> list[str]:
    """Return the local days that a timeslot touches; the readable ones of invalid times.

    Nearly all begin and end on one day, so their texts are compared: a large world is indexed in a
    second.
    """
    if not isinstance(start, str) or not isinstance(end, str):
        return [text[:10] for text in (start, end) if isinstance(text, str)]
    if start[:10] == end[:10]:
        return [start[:10]]
    try:
        first, last = date.fromisoformat(start[:10]), date.fromisoformat(end[:10])
    except ValueError:
        return [start[:10]]
    return _days_between(first, last)


def _days_between(first: date, last: date) -> list[str]:
    """Return the days of a span, both counted, as many of them as are indexed."""
    return [
        (first + timedelta(days=step)).isoformat()
        for step in range(min((last - first).days, _LONGEST_DAYS) + 1)
    ]
