"""From a request and its answer to changes: which properties and moments the answer speaks for, and
what it says there.

`reconcile` decides what an answer means; here it is given what is known of the span, and asked once
for each span.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from icalbridge.models import Changes
from icalbridge.sync import plan
from icalbridge.sync.identity import timeslot_order
from icalbridge.sync.plausibility import NO_DOUBT, Doubt, Loss
from icalbridge.sync.reconcile import Heard, reconcile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from icalbridge.facilitron import EventsResponse
    from icalbridge.models import Entry, Event, EventKey, Property, Window
    from icalbridge.store import Store
    from icalbridge.sync.reconcile import Places


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request asked for: days of a property, of one of its facilities, or of a district
    with its schools.
    """

    owner: Property
    days: Window
    facility_id: str = ""
    schools: tuple[Property, ...] = ()
    doubt: Doubt = NO_DOUBT
    """What the same, or more, lacked when it was asked before in this pass."""

    @property
    def members(self) -> tuple[Property, ...]:
        """The properties whose events were asked for."""
        return (self.owner, *self.schools)

    def with_places(self, places: Places) -> Asked:
        """Return the same request with its properties as they are known in `places`."""
        known = places.properties
        return replace(
            self, owner=known[self.owner.id], schools=tuple(known[each.id] for each in self.schools)
        )


@dataclass(frozen=True, slots=True)
class Understood:
    """What an answer changes, and how far it can be trusted."""

    changes: Changes
    losses: Mapping[str, Loss]
    """What it would withdraw: of each property of a district's day, else of all that was asked for,
    under the owner.
    """
    spoken_for: tuple[str, ...]
    """The properties it told anything of."""
    silent_on: tuple[str, ...]
    """The properties of which something is known for these days and the answer has nothing."""
    invocation_id: str


def understand(
    store: Store,
    places: Places,
    asked: Asked,
    answer: EventsResponse,
    *,
    asked_at: datetime,
    now: datetime,
    moved: frozenset[EventKey] = frozenset(),
) -> Understood:
    """Decide what an answer changes; nothing is written.

    An event that another worker changed after `asked_at` is left as it is: what it heard is newer.
    Events in `moved` were changed by this answer's zones. A district's answer speaks for a school
    only if it has an event of that school: whether a key's district request covers a school cannot
    be known otherwise.
    """
    told = tuple(
        _reread_later(placed(each, asked.owner.id, places), places) for each in answer.events
    )
    if asked.schools:  # a school that left the catalogue is over, though its district still has it
        told = tuple(each for each in told if each.property_id not in places.unlisted)
    heard = answer.unchanged | {each.key for each in told}
    named = {each.property_id for each in told}
    members: dict[tuple[datetime, datetime], list[str]] = {}
    for each in asked.members:
        members.setdefault(_span(asked, each), []).append(each.id)
    spans: dict[tuple[datetime, datetime], set[EventKey]] = {span: set() for span in members}
    spoken_for, silent_on = [], []
    unreadable = answer.unreadable_ids
    for span, property_ids in members.items():
        known_there = store.sync_reads.present_each(
            property_ids, *span, facility_id=asked.facility_id
        )
        for property_id, present in known_there.items():
            heard |= {key for key in present if key.event_id in unreadable}
            if asked.schools and property_id not in named and heard.isdisjoint(present):
                silent_on += [property_id] if present else []
                continue
            spoken_for.append(property_id)
            spans[span].update(key for key in present if key.event_type not in answer.refused_types)
    absent = {key for keys in spans.values() for key in keys} - heard
    newer = (
        store.sync_reads.changed_since({each.key for each in told} | absent, asked_at, now=now)
        - moved
    )
    events = [each for each in told if each.key not in newer]
    known = store.sync_reads.known({each.key for each in events} | absent)
    horizon = min(plan.horizon(now, each.timezone) for each in asked.members)
    parts = [
        reconcile(
            Heard(
                events if number == 0 else (),
                heard,
                answer.withdraws,
                *span,
                facility_id=asked.facility_id,
            ),
            present=frozenset(keys - newer),
            known=known,
            places=places,
            now=now,
            horizon=horizon,
        )
        for number, (span, keys) in enumerate(spans.items())
    ]
    changes = _together(parts)
    losses = (
        _losses(store, asked, changes, known, now, empty=not heard) if changes.withdrawn else {}
    )
    return Understood(changes, losses, tuple(spoken_for), tuple(silent_on), answer.invocation_id)


def _losses(
    store: Store,
    asked: Asked,
    changes: Changes,
    known: Mapping[EventKey, Sequence[Entry]],
    now: datetime,
    *,
    empty: bool,
) -> dict[str, Loss]:
    """Return what an answer would withdraw of how much that it covers: of each school of a
    district's day by itself.

    It covers what begins in its span, and every timeslot to come of the events that it has.
    """
    read = {event.key for event in changes.heard}
    read_entries = [
        entry for key in read for entry in known[key] if entry.withdrawn is None and entry.end > now
    ]
    losses = {}
    for member in asked.members:
        mine = (
            {member.id}
            if asked.schools
            else {entry.property_id for entry in (*changes.withdrawn, *read_entries)}
        )
        span = _span(asked, member)
        lost = [entry for entry in changes.withdrawn if entry.property_id in mine]
        inside = frozenset(
            entry.uid for entry in lost if _is_inside(entry, span, asked.facility_id)
        )
        known_inside = store.sync_reads.count_coming(
            member.id, *span, now=now, facility_id=asked.facility_id
        )
        beyond = sum(
            entry.property_id in mine and not _is_inside(entry, span, asked.facility_id)
            for entry in read_entries
        )
        losses[member.id] = Loss(
            frozenset(entry.uid for entry in lost),
            known_inside + beyond,
            inside,
            known_inside,
            empty=empty,
        )
    return losses


def _is_inside(entry: Entry, span: tuple[datetime, datetime], facility_id: str) -> bool:
    elsewhere = facility_id and entry.facility_id != facility_id
    return not elsewhere and span[0] <= entry.start < span[1]


def placed(event: Event, asked_of: str, places: Places) -> Event:
    """Return an event with a property that is known: its own, its first facility's, else the one
    that was asked for.
    """
    if event.property_id in places.properties:
        return event
    found = (
        places.facilities.get(each.facility_id)
        for each in sorted(event.timeslots, key=timeslot_order)
    )
    return replace(event, property_id=next((each.property_id for each in found if each), asked_of))


def _reread_later(event: Event, places: Places) -> Event:
    """Forget the bytes of an event that was read before another worker learned its property's
    zone.
    """
    owner = places.properties.get(event.property_id)
    late = owner is not None and owner.zone_source == "events" and owner.timezone != event.zone
    return replace(event, digest="") if late else event


def _span(asked: Asked, member: Property) -> tuple[datetime, datetime]:
    """Return the moments an answer speaks for; nobody says whose midnight a district's day has, so
    what is in both.
    """
    since, until = plan.bounds(asked.days, asked.owner.timezone)
    other_since, other_until = plan.bounds(asked.days, member.timezone)
    return max(since, other_since), min(until, other_until)


def _together(parts: Sequence[Changes]) -> Changes:
    return Changes(
        tuple(each for part in parts for each in part.added),
        tuple(each for part in parts for each in part.changed),
        tuple(each for part in parts for each in part.withdrawn),
        tuple(each for part in parts for each in part.heard),
        frozenset().union(*(part.forgotten for part in parts)),
    )
