"""Instances → the timeslots that the vendor shall have, as far as its rules allow; for the rest,
why they do not.

A timeslot begins and ends on one calendar day of the property's zone (vendor: UpdateTimeslotDto).
So a whole day is 00:00 to 23:59, and what goes on past midnight is a timeslot for each day, the
earlier ones to 23:59. Floating times are read on the clock of the property. What is over is no
business of a push: neither made nor changed nor cancelled.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.facilitron import time_errors
from icalbridge.feeds import display_text
from icalbridge.push import identify
from icalbridge.push.place import Unplaced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.models import Facility
    from icalbridge.push.expand import Expansion, Instance
    from icalbridge.push.place import Places

LONGEST_NAME = 100
LONGEST_ACTIVITY = 250
MOST_DAYS = 31
"""Of one instance."""
LAST_MINUTE = time(23, 59)
NO_NAME = "Reserved"


@dataclass(frozen=True, slots=True)
class Slot:
    """A timeslot as it shall be; moments in UTC."""

    id: str
    start: datetime
    end: datetime
    facility: Facility
    activity: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An event as it shall be."""

    uid: str
    name: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Impossible:
    """What cannot be done, and why; what stands at the vendor for it is left as it is."""

    uid: str
    name: str
    why: str
    start: datetime | None = None
    """Of an instance; None for an event as a whole."""
    instance: str = ""
    """The id of the instance's timeslot; "" for an event as a whole."""


@dataclass(frozen=True, slots=True)
class Wish:
    """All that a calendar asks of the vendor."""

    events: tuple[Wanted, ...]
    impossible: tuple[Impossible, ...] = ()
    notes: tuple[str, ...] = ()
    """What was read in a way that somebody may not expect; sentences."""
    past: frozenset[tuple[str, str]] = frozenset()
    """UID and timeslot of what the calendar has and is just over: nothing is asked for it, but it
    is not gone.
    """

    def staying(self) -> frozenset[tuple[str, str]]:
        """Return UID and instance of what is to be left alone, since nothing can be said of it; ""
        for all of a UID.
        """
        return frozenset((each.uid, each.instance) for each in self.impossible)

    def since(
        self, now: datetime
    ) -> tuple[list[tuple[str, str, tuple[Slot, ...]]], frozenset[tuple[str, str]]]:
        """Return what is wanted, and left alone, of what is not over: equal for two wishes for the
        same from now on.
        """
        events = [
            (each.uid, each.name, tuple(slot for slot in each.slots if slot.end > now))
            for each in self.events
        ]
        staying = frozenset(
            (each.uid, each.instance)
            for each in self.impossible
            if not each.start or each.start > now
        )
        return sorted((each for each in events if each[2]), key=lambda each: each[0]), staying


@dataclass(slots=True)
class _Sorting:
    """What has been sorted so far."""

    slots: dict[str, list[Slot]] = field(default_factory=lambda: defaultdict(list))
    names: dict[str, str] = field(default_factory=dict)
    impossible: list[Impossible] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    past: set[tuple[str, str]] = field(default_factory=set)


def wish(expansion: Expansion, places: Places, now: datetime) -> Wish:
    """Decide what the vendor shall have."""
    found = _Sorting()
    for each in expansion.troubles:
        found.impossible.append(Impossible(each.uid, display_text(each.name), each.why))
    placed = {
        location: _placed(places, location)
        for location in {each.location for each in expansion.instances}
    }
    for instance in expansion.instances:
        found.names.setdefault(instance.uid, _cut(instance.name, LONGEST_NAME) or NO_NAME)
        facility = placed[instance.location]
        if facility is None:
            found.counts["elsewhere"] += 1
        elif isinstance(facility, Unplaced):
            if _is_over(instance, places.zone, now):
                found.past.add((instance.uid, instance.slot_id))
                continue
            found.impossible.append(_impossible(instance, str(facility)))
        else:
            _sort(instance, facility, places.zones[facility.property_id], now, found)
    events = [
        Wanted(uid, found.names[uid], tuple(sorted(slots, key=_order)))
        for uid, slots in found.slots.items()
        if slots
    ]
    return Wish(
        tuple(sorted(events, key=_first)),
        tuple(found.impossible),
        tuple(_notes(found.counts)),
        frozenset(found.past),
    )


def _placed(places: Places, location: str) -> Facility | Unplaced | None:
    try:
        return places.find(location)
    except Unplaced as error:
        return error


def _sort(
    instance: Instance, facility: Facility, zone: str, now: datetime, found: _Sorting
) -> None:
    """Add an instance's timeslots to what is wanted, or to what is impossible."""
    pieces = _pieces(instance, zone)
    if _is_over(instance, zone, now):
        found.past.update(
            (instance.uid, identify.part_id(instance.slot_id, each)) for each in range(len(pieces))
        )
        return
    if not 0 < len(pieces) <= MOST_DAYS:
        why = f"it lasts more than {MOST_DAYS} days" if pieces else "it lasts less than a minute"
        found.impossible.append(_impossible(instance, why))
        return
    summary = _cut(instance.summary, LONGEST_ACTIVITY)
    activity = "" if _cut(summary, LONGEST_NAME) in ("", found.names[instance.uid]) else summary
    slots = []
    for number, (start, end) in enumerate(pieces):
        if end <= now:
            found.past.add((instance.uid, identify.part_id(instance.slot_id, number)))
            continue
        if wrong := time_errors(start, end, zone, now):
            found.impossible.append(_impossible(instance, _spoken(*wrong[0]), start))
            return
        slots.append(
            Slot(identify.part_id(instance.slot_id, number), start, end, facility, activity)
        )
    found.slots[instance.uid] += slots
    found.counts[instance.kind] += 1
    found.counts["split"] += len(pieces) > 1


def _is_over(instance: Instance, zone: str, now: datetime) -> bool:
    """Say whether an instance has ended, by the clock of the zone where it is read so."""
    end = (
        instance.end
        if instance.kind == "moment"
        else _moments(instance.start, instance.end, zone)[1]
    )
    return end <= now


def _pieces(instance: Instance, zone: str) -> list[tuple[datetime, datetime]]:
    """Return when an instance takes place, a span for each calendar day of the zone; moments in
    UTC.
    """
    clock = timezones.zone(zone)
    if instance.kind == "moment":
        begin, finish = (
            each.astimezone(clock).replace(tzinfo=None) for each in (instance.start, instance.end)
        )
        if begin.date() == finish.date():
            return [(instance.start, instance.end)]
    else:
        begin, finish = instance.start, instance.end
        if begin.date() == finish.date():
            return [_moments(begin, finish, zone)]
    days = min((finish.date() - begin.date()).days, MOST_DAYS + 1)
    spans = [
        (
            (
                begin
                if number == 0
                else datetime.combine(begin.date() + timedelta(days=number), time())
            ),
            (
                finish
                if number == days
                else datetime.combine(begin.date() + timedelta(days=number), LAST_MINUTE)
            ),
        )
        for number in range(days + 1)
    ]
    return [_moments(*span, zone) for span in spans if span[0] < span[1]]


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
        _cut(instance.summary or instance.name, LONGEST_NAME),
        why,
        shown,
        instance.slot_id,
    )


def _spoken(field_name: str, why: str) -> str:
    """Say in a reader's words what the vendor's rules have against a time."""
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
        yield (
            f"{_times(counts['day'])} for whole days: from 00:00 to 23:59, since a booking cannot"
            " reach midnight."
        )
    if counts["split"]:
        yield (
            f"{_times(counts['split'])} on more than one day: a booking for each, the earlier ones"
            " until 23:59."
        )
    if counts["elsewhere"]:
        yield f"{_times(counts['elsewhere'])} somewhere that the table leaves out."


def _times(count: int) -> str:
    return "1 instance is" if count == 1 else f"{count} instances are"


def _cut(text: str, most: int) -> str:
    """Return a text as the vendor takes it: on one line, and not longer than it may be."""
    plain = display_text(text)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def _order(slot: Slot) -> tuple[datetime, datetime, str]:
    return slot.start, slot.end, slot.id


def _first(event: Wanted) -> tuple[datetime, str]:
    return event.slots[0].start, event.uid
