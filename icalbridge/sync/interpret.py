"""From a request and its response to changes: which properties and times the response covers.

`reconcile` decides the changes of one span; it is called here with what is stored of each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.sync import windows
from icalbridge.sync.plausibility import NO_DOUBT, Doubt, Loss
from icalbridge.sync.reconcile import SpanResponse, join_changes, reconcile
from icalbridge.sync.uids import timeslot_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from icalbridge.facilitron import EventsResponse
    from icalbridge.models import Changes, Entry, Event, EventKey, Property, Window
    from icalbridge.store import Store
    from icalbridge.sync.reconcile import KnownCatalog


@dataclass(frozen=True, slots=True)
class EventsRequest:
    """Days requested: days of a property, of one of its facilities, or of a district
    with its schools.
    """

    owner: Property
    days: Window
    facility_id: str = ""
    schools: tuple[Property, ...] = ()
    number: int | None = None
    """The number of the window that it is part of."""
    doubt: Doubt = NO_DOUBT
    """What the same, or more, lacked when it was requested before in this pass."""

    @property
    def members(self) -> tuple[Property, ...]:
        """The properties whose events were requested."""
        return (self.owner, *self.schools)

    def with_places(self, catalog: KnownCatalog) -> EventsRequest:
        """Return the same request with its properties as they are known in the catalog."""
        known = catalog.properties
        return replace(
            self,
            owner=known[self.owner.id],
            schools=tuple(known[school.id] for school in self.schools),
        )


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What an answer changes, and how far it can be trusted."""

    changes: Changes
    losses: Mapping[str, Loss]
    """What it would withdraw: of each property of a district's day, else of all that was requested,
    under the owner.
    """
    covered_ids: tuple[str, ...]
    """The properties it has anything of."""
    uncovered_ids: tuple[str, ...]
    """The properties of which something is known for these days and the answer has nothing."""
    invocation_id: str
    trimmed: bool = False
    """Whether the vendor left out what of its events is on other days."""
    older: int = 0
    """How many events it has in a version that another window replaced lately."""


def interpret(
    store: Store,
    catalog: KnownCatalog,
    request: EventsRequest,
    answer: EventsResponse,
    *,
    requested_at: datetime,
    now: datetime,
    moved: frozenset[EventKey] = frozenset(),
) -> Interpretation:
    """Decide what an answer changes; nothing is written.

    An event that another worker changed after `requested_at` is left as it is: that is newer.
    Events in `moved` were changed by this answer's zones. A district's answer covers a school
    only if it has an event of that school: whether a key's district request covers a school cannot
    be known otherwise.
    """
    events = _events_of(request, answer, catalog)
    coverage = _find_coverage(store, request, answer, events)
    keys = {event.key for event in events} | coverage.absent
    newer = store.sync_reads.changed_since(keys, requested_at, now=now) - moved
    events = [event for event in events if event.key not in newer]
    known = store.sync_reads.known({event.key for event in events} | coverage.absent)
    trimmed = is_trimmed(events, known, request, now)
    horizon = min(windows.horizon(now, member.timezone) for member in request.members)
    parts = [
        reconcile(
            SpanResponse(
                events if number == 0 else (),
                frozenset(coverage.present),
                answer.withdraws,
                *span,
                facility_id=request.facility_id,
                trimmed=trimmed,
            ),
            present=frozenset(known_there - newer),
            known=known,
            catalog=catalog,
            now=now,
            horizon=horizon,
        )
        for number, (span, known_there) in enumerate(coverage.spans.items())
    ]
    changes, older = _newest(store, join_changes(parts), events, known, request, now)
    losses = (
        _losses(store, request, changes, known, now, empty=not coverage.present)
        if changes.withdrawn
        else {}
    )
    return Interpretation(
        changes,
        losses,
        tuple(coverage.covered_ids),
        tuple(coverage.uncovered_ids),
        answer.invocation_id,
        trimmed,
        older,
    )


def _events_of(
    request: EventsRequest, answer: EventsResponse, catalog: KnownCatalog
) -> list[Event]:
    """Return the events of an answer, each with a property that is known; of a district's answer
    without those of schools that left the catalog.
    """
    events = [
        _reread_later(placed(event, request.owner.id, catalog), catalog) for event in answer.events
    ]
    if not request.schools:
        return events
    return [event for event in events if event.property_id not in catalog.unlisted]


@dataclass(frozen=True, slots=True)
class _AnswerCoverage:
    """Which events an answer has, and what is known where it covers it."""

    present: set[EventKey]
    """The events that the answer has, those that cannot be read among them."""
    spans: dict[tuple[datetime, datetime], set[EventKey]]
    """The known events of the covered properties in each span of time."""
    covered_ids: list[str]
    uncovered_ids: list[str]

    @property
    def absent(self) -> set[EventKey]:
        """The known events that the answer lacks."""
        return set().union(*self.spans.values()) - self.present


def _find_coverage(
    store: Store, request: EventsRequest, answer: EventsResponse, events: Sequence[Event]
) -> _AnswerCoverage:
    """Find which of the requested properties an answer covers."""
    present = answer.unchanged | {event.key for event in events}
    named = {event.property_id for event in events}
    spans: dict[tuple[datetime, datetime], list[str]] = {}
    for member in request.members:
        spans.setdefault(_span(request, member), []).append(member.id)
    coverage = _AnswerCoverage(set(present), {span: set() for span in spans}, [], [])
    for span, property_ids in spans.items():
        known_there = store.sync_reads.present_by_property(
            property_ids, *span, facility_id=request.facility_id
        )
        for property_id, known in known_there.items():
            coverage.present.update(key for key in known if key.event_id in answer.unreadable_ids)
            if request.schools and property_id not in named and coverage.present.isdisjoint(known):
                coverage.uncovered_ids.extend([property_id] if known else [])
                continue
            coverage.covered_ids.append(property_id)
            coverage.spans[span].update(
                key for key in known if key.event_type not in answer.refused_types
            )
    return coverage


def _losses(
    store: Store,
    request: EventsRequest,
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
    read = {event.key for event in changes.parsed}
    read_entries = [
        entry for key in read for entry in known[key] if entry.withdrawn is None and entry.end > now
    ]
    losses = {}
    for member in request.members:
        mine = (
            {member.id}
            if request.schools
            else {entry.property_id for entry in (*changes.withdrawn, *read_entries)}
        )
        span = _span(request, member)
        lost = [entry for entry in changes.withdrawn if entry.property_id in mine]
        inside = frozenset(
            entry.uid for entry in lost if _is_inside(entry, span, request.facility_id)
        )
        known_inside = store.sync_reads.count_coming(
            member.id, *span, now=now, facility_id=request.facility_id
        )
        beyond = sum(
            entry.property_id in mine and not _is_inside(entry, span, request.facility_id)
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


def _newest(
    store: Store,
    changes: Changes,
    events: Sequence[Event],
    known: Mapping[EventKey, Sequence[Entry]],
    request: EventsRequest,
    now: datetime,
) -> tuple[Changes, int]:
    """Return changes without those that would bring back a version which another window replaced,
    and how many these are.

    An event of which nothing is shown any more is believed: it may have come back.
    """
    touched = {entry.key for entry in (*changes.added, *changes.changed, *changes.withdrawn)}
    digests = {
        event.key: event.digest
        for event in events
        if event.digest
        and event.key in touched
        and any(entry.shown and entry.end > now for entry in known[event.key])
    }
    changes = replace(changes, source=request.number)
    older = store.sync_reads.replaced_elsewhere(digests, request.number, now) if digests else ()
    if not older:
        return changes, 0
    return replace(
        changes,
        added=tuple(entry for entry in changes.added if entry.key not in older),
        changed=tuple(entry for entry in changes.changed if entry.key not in older),
        withdrawn=tuple(entry for entry in changes.withdrawn if entry.key not in older),
        parsed=tuple(event for event in changes.parsed if event.key not in older),
        elsewhere=tuple(entry for entry in changes.elsewhere if entry.key not in older),
    ), len(older)


def is_trimmed(
    events: Sequence[Event],
    known: Mapping[EventKey, Sequence[Entry]],
    request: EventsRequest,
    now: datetime,
) -> bool:
    """Return whether an answer has of its events only what is on the requested days.

    Several of its events are known to have something to come on other days, and none has. One event
    alone may have been moved.
    """
    spans = [_days(request, member) for member in request.members]
    since, until = min(span[0] for span in spans), max(span[1] for span in spans)
    if any(not since <= timeslot.start < until for event in events for timeslot in event.timeslots):
        return False
    more = sum(
        any(
            entry.withdrawn is None and entry.end > now and not since <= entry.start < until
            for entry in known[event.key]
        )
        for event in events
    )
    return more > 1


def _days(request: EventsRequest, member: Property) -> tuple[datetime, datetime]:
    """Return the requested days, and what begins the day before and touches them."""
    since, until = windows.bounds(request.days, member.timezone)
    return since - timedelta(days=1), until


def _is_inside(entry: Entry, span: tuple[datetime, datetime], facility_id: str) -> bool:
    elsewhere = facility_id and entry.facility_id != facility_id
    return not elsewhere and span[0] <= entry.start < span[1]


def placed(event: Event, requested_id: str, catalog: KnownCatalog) -> Event:
    """Return an event with a property that is known: its own, its first facility's, else the one
    that was requested.
    """
    if event.property_id in catalog.properties:
        return event
    facilities = (
        catalog.facilities.get(slot.facility_id)
        for slot in sorted(event.timeslots, key=timeslot_order)
    )
    owners = (facility.property_id for facility in facilities if facility)
    return replace(event, property_id=next(owners, requested_id))


def _reread_later(event: Event, catalog: KnownCatalog) -> Event:
    """Forget the bytes of an event that was read before another worker learned its property's
    zone.
    """
    owner = catalog.properties.get(event.property_id)
    late = owner is not None and owner.zone_source == "events" and owner.timezone != event.zone
    return replace(event, digest="") if late else event


def _span(request: EventsRequest, member: Property) -> tuple[datetime, datetime]:
    """Return the moments an answer covers; nobody says whose midnight a district's day has, so
    what is in both.
    """
    since, until = windows.bounds(request.days, request.owner.timezone)
    other_since, other_until = windows.bounds(request.days, member.timezone)
    return max(since, other_since), min(until, other_until)
