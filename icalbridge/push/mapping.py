"""Instances of a calendar → requested timeslots within the vendor's rules; for the rest, reasons.

A whole day is 00:00 to 23:59 in the property's zone. What goes on past midnight is one timeslot,
with one for each day in reserve: `PushSlot.parts`. Floating times are in the property's zone. A
push neither makes nor changes nor cancels what is over.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.facilitron import MOST_DAYS, part_id, split_local_times, time_errors
from icalbridge.push.instances import NO_NAME, PushTally, UnusableEvent
from icalbridge.push.places import PlaceTable, Unplaced
from icalbridge.text import display_text, search_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icalbridge.models import Facility, Timeslot
    from icalbridge.push.collisions import Span as PlacedSpan
    from icalbridge.push.instances import CancelRequest, Instance, ParsedCalendar
    from icalbridge.push.steps import SlotState

    Span = tuple[datetime, datetime]

LONGEST_NAME = 100
LONGEST_ACTIVITY = 250
MINUTE = timedelta(minutes=1)
LONGEST = timedelta(days=MOST_DAYS, hours=1)
"""Of one instance; the hour is for the end of daylight saving time."""
_NOTES = {
    "floating": "without a time zone, and read on the clock of the facility's property.",
    "day": "for whole days: from 00:00 to 23:59.",
    "split": "on more than one day: one booking, or, where Facilitron refuses that, one a day, the"
    " earlier ones until 23:59.",
    "elsewhere": "somewhere that the table leaves out.",
    "skipped": "left out by --skip, --skip-free or --skip-private.",
}


@dataclass(frozen=True, slots=True)
class PushSlot:
    """Requested timeslot; times in UTC."""

    id: str
    start: datetime
    end: datetime
    facility: Facility
    activity: str = ""
    parts: tuple[PushSlot, ...] = field(default=(), compare=False)
    """The same as a timeslot for each day that is not over; empty for what is on one day."""

    @property
    def span(self) -> PlacedSpan:
        return self.facility.id, self.start, self.end

    @property
    def state(self) -> SlotState:
        return self.id, self.start, self.end, self.facility.id, self.activity

    @classmethod
    def as_pushed(cls, slot: Timeslot, places: PlaceTable) -> PushSlot:
        """Return the request of a timeslot as it is at the vendor, in a known facility."""
        facility, activity = places.facilities[slot.facility_id], display_text(slot.activity)
        return cls(slot.external_id, slot.start, slot.end, facility, activity)


@dataclass(frozen=True, slots=True)
class PushEvent:
    uid: str
    name: str
    slots: tuple[PushSlot, ...]


@dataclass(frozen=True, slots=True)
class Impossible:
    """Event or instance that cannot be booked, and why; its bookings are left as they are."""

    uid: str
    name: str
    why: str
    start: datetime | None = None
    """Of an instance; None for an event as a whole."""
    instance: str = ""
    """The id of the instance's timeslot; "" for an event as a whole."""


@dataclass(frozen=True, slots=True)
class PushRules:
    """What of a calendar is left out."""

    skip_free: bool = False
    """What blocks no time: TRANSP:TRANSPARENT or X-MICROSOFT-CDO-BUSYSTATUS:FREE."""
    skip_private: bool = False
    """CLASS:PRIVATE or CONFIDENTIAL; otherwise their names are."""
    skip: tuple[str, ...] = ()
    """Words in a title."""

    def leaves_out(self, item: Instance | UnusableEvent) -> bool:
        if (self.skip_free and item.free) or (self.skip_private and item.private):
            return True
        title = search_key(item.summary)
        return any(
            re.search(rf"(?<!\w){re.escape(words)}(?!\w)", title)
            for words in map(search_key, self.skip)
            if words
        )


@dataclass(frozen=True, slots=True)
class PushRequests:
    """Everything that a calendar requests of the vendor."""

    events: tuple[PushEvent, ...]
    impossible: tuple[Impossible, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences on times that were interpreted in a way that somebody may not expect."""
    past: frozenset[tuple[str, str]] = frozenset()
    """UID and timeslot of what is just over: nothing is requested for it, but it is not gone."""
    counts: PushTally = field(default_factory=PushTally)
    """Instances for which no timeslot is requested, and the number of all."""
    cancels: tuple[CancelRequest, ...] | None = None
    """What METHOD:CANCEL names, which alone is looked at then; None for any other calendar."""
    by_day: bool = False
    """Whether the vendor is known to take one booking a day only."""

    def since(self, now: datetime) -> tuple[object, ...]:
        """Return what is not over: equal for two that request the same from now on."""
        events = [
            (event.uid, event.name, tuple(slot for slot in event.slots if slot.end > now))
            for event in self.events
        ]
        coming = (item for item in self.impossible if not item.start or item.start > now)
        return (
            sorted((event for event in events if event[2]), key=lambda event: event[0]),
            {(item.uid, item.instance) for item in coming},
            self.cancels,
        )


def map_calendar(
    calendar: ParsedCalendar, places: PlaceTable, now: datetime, rules: PushRules = PushRules()
) -> PushRequests:
    mapped = _Mapped(places, now, rules)
    for item in calendar.unusable:
        if not mapped.skips(item):
            mapped.refuse(item, item.reason, item.summary)
    for instance in calendar.instances:
        if not mapped.skips(instance):
            mapped.add(instance)
    in_order = {
        uid: tuple(sorted(slots, key=lambda slot: (slot.start, slot.end, slot.id)))
        for uid, slots in mapped.slots.items()
    }
    events = [PushEvent(uid, mapped.names[uid], slots) for uid, slots in in_order.items()]
    counts = mapped.counts
    notes = [
        f"{'1 instance is' if count == 1 else f'{count} instances are'} {words}"
        for name, words in _NOTES.items()
        if (count := counts[name])
    ]
    return PushRequests(
        tuple(sorted(events, key=lambda event: (event.slots[0].start, event.uid))),
        tuple(mapped.impossible),
        (*calendar.notes, *notes),
        frozenset(mapped.past),
        PushTally(
            calendar.count,
            cancelled=calendar.cancelled + len(calendar.cancels or ()),
            impossible=len(mapped.impossible),
            over=calendar.over + counts["over"],
            left_out=counts["elsewhere"] + counts["skipped"],
        ),
        calendar.cancels,
    )


@dataclass(slots=True)
class _Mapped:
    places: PlaceTable
    now: datetime
    rules: PushRules
    slots: dict[str, list[PushSlot]] = field(default_factory=lambda: defaultdict(list))
    names: dict[str, str] = field(default_factory=dict)
    impossible: list[Impossible] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    past: set[tuple[str, str]] = field(default_factory=set)
    _places: dict[str, Facility | Unplaced | None] = field(default_factory=dict)

    def skips(self, item: Instance | UnusableEvent) -> bool:
        """Count what the rules leave out."""
        is_skipped = self.rules.leaves_out(item)
        self.counts["skipped"] += is_skipped
        return is_skipped

    def add(self, instance: Instance) -> None:
        """Add a timeslot to the requested ones, or the instance to what is impossible."""
        places, facility = self.places, self._find_place(instance.location)
        if facility is None:
            self.counts["elsewhere"] += 1
            return
        zone = places.zone if isinstance(facility, Unplaced) else places.zones[facility.property_id]
        spans = _spans(instance, zone)
        start, end = spans[0][0], spans[-1][1]
        days = {part_id(instance.slot_id, number): span for number, span in enumerate(spans)}
        self.past.update((instance.uid, name) for name, span in days.items() if span[1] <= self.now)
        title = instance.summary or instance.name
        if end <= self.now:
            self.counts["over"] += 1
        elif isinstance(facility, Unplaced):
            self.refuse(instance, str(facility), title, start)
        elif why := _time_error(start, end, zone):
            self.refuse(instance, why, title, start)
        else:
            self._request(instance, facility, days, zone)

    def refuse(
        self, item: Instance | UnusableEvent, why: str, title: str, start: datetime | None = None
    ) -> None:
        name = NO_NAME if item.private else _cut(title, LONGEST_NAME) or NO_NAME
        self.impossible.append(Impossible(item.uid, name, why, start, item.slot_id))

    def _request(
        self, instance: Instance, facility: Facility, days: Mapping[str, Span], zone: str
    ) -> None:
        """Add a timeslot to the requested ones; `days`: its parts by their ids."""
        uid = instance.uid
        name = self.names.setdefault(uid, _cut(instance.name, LONGEST_NAME) or NO_NAME)
        summary = NO_NAME if instance.private else _cut(instance.summary, LONGEST_ACTIVITY)
        activity = "" if _cut(summary, LONGEST_NAME) in ("", name) else summary
        slots = [PushSlot(part, *span, facility, activity) for part, span in days.items()]
        parts = tuple(slot for slot in slots if slot.end > self.now)
        is_split = len(slots) > 1
        if not is_split or any(time_errors(part.start, part.end, zone) for part in parts):
            parts = ()
        self.slots[uid].append(replace(slots[0], end=slots[-1].end, parts=parts))
        self.counts.update([instance.kind, *["split"] * is_split])

    def _find_place(self, location: str) -> Facility | Unplaced | None:
        if location not in self._places:
            try:
                self._places[location] = self.places.find(location)
            except Unplaced as error:
                self._places[location] = error
        return self._places[location]


def _spans(instance: Instance, zone: str) -> list[Span]:
    """Return when an instance takes place, in UTC, a span for each calendar day of the zone.

    What lasts until midnight is until 23:59: so it is on one day, and can be moved.
    """
    start, end = instance.start, instance.end
    if instance.kind == "moment":
        clock = timezones.zone(zone)
        start, end = (item.astimezone(clock).replace(tzinfo=None) for item in (start, end))
    if start < end and end.time() == time():
        end -= MINUTE
    return [_moments(*span, zone) for span in split_local_times(start, end)]


def _moments(start: datetime, end: datetime, zone: str) -> Span:
    """Return what two local times mean; across the hour that is skipped, as long as they say."""
    clock = timezones.zone(zone)
    first, last = (item.replace(tzinfo=clock).astimezone(UTC) for item in (start, end))
    return first, last if start >= end or first < last else first + (end - start)


def _time_error(start: datetime, end: datetime, zone: str) -> str:
    """Return the rule that times break as a clause; "" for none."""
    if end - start > LONGEST:
        return f"it lasts more than {MOST_DAYS} days"
    field_name, why = next(iter(time_errors(start, end, zone)), ("", ""))
    if "1 minute" in why:
        return "it lasts less than a minute"
    return why and f"its {'start' if field_name.startswith('start') else 'end'} {why}"


def _cut(text: str, most: int) -> str:
    """Return a text as the vendor takes it: on one line, and not longer than it may be."""
    plain = display_text(text)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
