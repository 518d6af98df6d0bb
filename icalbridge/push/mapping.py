"""Instances of a calendar → requested timeslots within the vendor's rules; for the rest, reasons.

A whole day is 00:00 to 23:59 in the property's zone. What goes on past midnight is one timeslot,
with one for each day in reserve: `PushSlot.parts`. Floating times are in the property's zone. A
push neither makes nor changes nor cancels what is over.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.facilitron import MOST_DAYS, part_id, split_local_times, time_errors
from icalbridge.push.instances import NO_NAME
from icalbridge.push.places import Unplaced
from icalbridge.text import display_text, search_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.models import Facility
    from icalbridge.push.instances import CancelRequest, Instance, ParsedCalendar
    from icalbridge.push.places import PlaceTable

LONGEST_NAME = 100
LONGEST_ACTIVITY = 250
MINUTE = timedelta(minutes=1)
LONGEST = timedelta(days=MOST_DAYS, hours=1)
"""Of one instance; the hour is for the end of daylight saving time."""


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


@dataclass(frozen=True, slots=True)
class PushEvent:
    """Requested event."""

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

    def leaves_out(self, instance: Instance) -> bool:
        if (self.skip_free and instance.free) or (self.skip_private and instance.private):
            return True
        title = search_key(instance.summary)
        return any(
            re.search(rf"(?<!\w){re.escape(words)}(?!\w)", title)
            for words in map(search_key, self.skip)
            if words
        )


@dataclass(frozen=True, slots=True)
class FileCounts:
    """Numbers of instances in a calendar for which no timeslot is requested."""

    instances: int = 0
    """All of them, also the requested ones."""
    cancelled: int = 0
    impossible: int = 0
    over: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class PushRequests:
    """Everything that a calendar requests of the vendor."""

    events: tuple[PushEvent, ...]
    impossible: tuple[Impossible, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences on times that were interpreted in a way that somebody may not expect."""
    past: frozenset[tuple[str, str]] = frozenset()
    """UID and timeslot of what is just over: nothing is requested for it, but it is not gone."""
    counts: FileCounts = field(default_factory=FileCounts)
    cancels: tuple[CancelRequest, ...] | None = None
    """What METHOD:CANCEL names, which alone is looked at then; None for any other calendar."""
    by_day: bool = False
    """Whether the vendor is known to take one booking a day only."""

    def staying(self) -> frozenset[tuple[str, str]]:
        """Return UID and instance of what is left alone, since it is impossible; "" for all of a
        UID.
        """
        return frozenset((item.uid, item.instance) for item in self.impossible)

    def since(self, now: datetime) -> tuple[object, ...]:
        """Return what of the requests is not over: equal for two that request the same from now
        on.
        """
        events = [
            (event.uid, event.name, tuple(slot for slot in event.slots if slot.end > now))
            for event in self.events
        ]
        staying = frozenset(
            (item.uid, item.instance)
            for item in self.impossible
            if not item.start or item.start > now
        )
        return (
            sorted((event for event in events if event[2]), key=lambda component: component[0]),
            staying,
            self.cancels,
        )


@dataclass(slots=True)
class _Mapped:
    """What has been mapped so far."""

    slots: dict[str, list[PushSlot]] = field(default_factory=lambda: defaultdict(list))
    names: dict[str, str] = field(default_factory=dict)
    impossible: list[Impossible] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    past: set[tuple[str, str]] = field(default_factory=set)


def map_calendar(
    calendar: ParsedCalendar, places: PlaceTable, now: datetime, rules: PushRules = PushRules()
) -> PushRequests:
    """Return what to request of the vendor."""
    mapped = _Mapped()
    for item in calendar.unusable:
        name = _cut(item.name, LONGEST_NAME) or NO_NAME
        mapped.impossible.append(Impossible(item.uid, name, item.reason, instance=item.slot_id))
    placed = {
        location: _find_place(places, location)
        for location in {instance.location for instance in calendar.instances}
    }
    for instance in calendar.instances:
        mapped.names.setdefault(instance.uid, _cut(instance.name, LONGEST_NAME) or NO_NAME)
        facility = placed[instance.location]
        if rules.leaves_out(instance):
            mapped.counts["skipped"] += 1
        elif facility is None:
            mapped.counts["elsewhere"] += 1
        elif isinstance(facility, Unplaced):
            if _is_over(instance, places.zone, now):
                mapped.counts["over"] += 1
                mapped.past.add((instance.uid, instance.slot_id))
                continue
            mapped.impossible.append(_impossible(instance, str(facility)))
        else:
            _map_instance(instance, facility, places.zones[facility.property_id], now, mapped)
    events = [
        PushEvent(
            uid,
            mapped.names[uid],
            tuple(sorted(slots, key=lambda slot: (slot.start, slot.end, slot.id))),
        )
        for uid, slots in mapped.slots.items()
        if slots
    ]
    return PushRequests(
        tuple(sorted(events, key=lambda event: (event.slots[0].start, event.uid))),
        tuple(mapped.impossible),
        (*calendar.notes, *_notes(mapped.counts)),
        frozenset(mapped.past),
        FileCounts(
            calendar.count,
            calendar.cancelled + len(calendar.cancels or ()),
            len(mapped.impossible),
            calendar.over + mapped.counts["over"],
            mapped.counts["elsewhere"] + mapped.counts["skipped"],
        ),
        calendar.cancels,
    )


def _find_place(places: PlaceTable, location: str) -> Facility | Unplaced | None:
    try:
        return places.find(location)
    except Unplaced as error:
        return error


def _map_instance(
    instance: Instance, facility: Facility, zone: str, now: datetime, mapped: _Mapped
) -> None:
    """Add an instance's timeslot to the requested or to the impossible ones."""
    spans = _spans(instance, zone)
    names = [part_id(instance.slot_id, number) for number in range(len(spans))]
    mapped.past.update(
        (instance.uid, name) for name, (_, end) in zip(names, spans, strict=True) if end <= now
    )
    start, end = spans[0][0], spans[-1][1]
    if end <= now:
        mapped.counts["over"] += 1
        return
    if wrong := _time_error(start, end, zone):
        shown = None if end - start > LONGEST else start
        mapped.impossible.append(_impossible(instance, wrong, shown))
        return
    summary = NO_NAME if instance.private else _cut(instance.summary, LONGEST_ACTIVITY)
    activity = "" if _cut(summary, LONGEST_NAME) in ("", mapped.names[instance.uid]) else summary
    parts = tuple(
        PushSlot(name, *span, facility, activity)
        for name, span in zip(names, spans, strict=True)
        if span[1] > now
    )
    split = len(spans) > 1
    if any(time_errors(part.start, part.end, zone) for part in parts):
        parts = ()
    mapped.slots[instance.uid].append(
        PushSlot(instance.slot_id, start, end, facility, activity, parts if split else ())
    )
    mapped.counts[instance.kind] += 1
    mapped.counts["split"] += split


def _is_over(instance: Instance, zone: str, now: datetime) -> bool:
    """Return whether an instance has ended, in the zone where it is local."""
    return _spans(instance, zone)[-1][1] <= now


def _spans(instance: Instance, zone: str) -> list[tuple[datetime, datetime]]:
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


def _moments(start: datetime, end: datetime, zone: str) -> tuple[datetime, datetime]:
    """Return what two times of a zone's clock mean; across the hour that it skips, as long as they
    say.
    """
    clock = timezones.zone(zone)
    moments = start.replace(tzinfo=clock).astimezone(UTC), end.replace(tzinfo=clock).astimezone(UTC)
    return (
        moments
        if start >= end or moments[0] < moments[1]
        else (moments[0], moments[0] + (end - start))
    )


def _impossible(instance: Instance, why: str, start: datetime | None = None) -> Impossible:
    shown = start or (
        instance.start if instance.start.tzinfo else instance.start.replace(tzinfo=UTC)
    )
    return Impossible(
        instance.uid,
        NO_NAME if instance.private else _cut(instance.summary or instance.name, LONGEST_NAME),
        why,
        shown,
        instance.slot_id,
    )


def _time_error(start: datetime, end: datetime, zone: str) -> str:
    """Return the rule that times break as a clause; "" for none."""
    if end - start > LONGEST:
        return f"it lasts more than {MOST_DAYS} days"
    field_name, why = next(iter(time_errors(start, end, zone)), ("", ""))
    if not why:
        return ""
    if "1 minute" in why:
        return "it lasts less than a minute"
    return f"its {'start' if field_name.startswith('start') else 'end'} {why}"


def _notes(counts: Counter[str]) -> Iterator[str]:
    if counts["floating"]:
        yield (
            f"{_times(counts['floating'])} without a time zone, and read on the clock of the"
            " facility's property."
        )
    if counts["day"]:
        yield f"{_times(counts['day'])} for whole days: from 00:00 to 23:59."
    if counts["split"]:
        yield (
            f"{_times(counts['split'])} on more than one day: one booking, or, where Facilitron"
            " refuses that, one a day, the earlier ones until 23:59."
        )
    if counts["elsewhere"]:
        yield f"{_times(counts['elsewhere'])} somewhere that the table leaves out."
    if counts["skipped"]:
        yield f"{_times(counts['skipped'])} left out by --skip, --skip-free or --skip-private."


def _times(count: int) -> str:
    return "1 instance is" if count == 1 else f"{count} instances are"


def _cut(text: str, most: int) -> str:
    """Return a text as the vendor takes it: on one line, and not longer than it may be."""
    plain = display_text(text)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
