"""Stored + fetched → changes. Pure; identity is decided in `uids`, `store` writes.

A response covers its window only: a timeslot that should be in it and is not is withdrawn, whether
its event is present or not. Of a present event, timeslots elsewhere are added and changed too; what
it lacks elsewhere is left to the window that has that day. An event with an unreadable timeslot,
and a response with an unreadable item of which no event is known, withdraws nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.models import Changes, Entry, StaffDetails
from icalbridge.statuses import is_called_off
from icalbridge.sync.uids import NewUids, pair, timeslot_order
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from icalbridge.models import Event, EventKey, Facility, Property, Timeslot


@dataclass(frozen=True, slots=True)
class KnownCatalog:
    """The catalog, as far as an entry's texts need it."""

    properties: Mapping[str, Property]
    facilities: Mapping[str, Facility]
    unlisted: frozenset[str] = frozenset()
    """The properties that the catalog had once and has no more."""

    def describe_place(
        self, property_id: str, facility_id: str, *, seen_name: str, seen_type: str
    ) -> tuple[str, str, str]:
        """Return place, location and facility type; what the timeslot names stands in for what the
        catalog lacks.
        """
        facility = self.facilities.get(facility_id)
        place = display_text((facility.name if facility else "") or seen_name)
        kind = display_text((facility.type if facility else "") or seen_type)
        known = self.properties.get(property_id)
        parts = [place]
        if known:
            parts += map(
                display_text, (known.name, known.address, known.city, known.state, known.zip)
            )
        return place, ", ".join(part for part in parts if part), kind


@dataclass(frozen=True, slots=True)
class SpanResponse:
    """One answer, in the terms of this module."""

    events: Sequence[Event]
    """The events that were read anew; each names a property of `KnownCatalog`."""
    unchanged: frozenset[EventKey]
    """The events whose bytes were known already."""
    complete: bool
    """Whether what it lacks is gone, since nothing in it was unreadable that could be just that."""
    since: datetime
    until: datetime
    """The span it covers: since <= start < until."""
    facility_id: str = ""
    """The facility it covers; empty: all of them."""
    whole: bool = False
    """Whether it is of one event, and has all of its timeslots."""
    trimmed: bool = False
    """Whether it has of each event only what is in the span."""

    def covers(self, entry: Entry) -> bool:
        """Return whether the answer would have this entry, if the vendor still had it."""
        if self.whole:
            return True
        elsewhere = self.facility_id and entry.facility_id != self.facility_id
        return not elsewhere and self.since <= entry.start < self.until


def reconcile(
    response: SpanResponse,
    *,
    present: frozenset[EventKey],
    known: Mapping[EventKey, Sequence[Entry]],
    catalog: KnownCatalog,
    now: datetime,
    horizon: datetime,
) -> Changes:
    """Decide what an answer changes.

    `present` are the events with an entry in the span that was not withdrawn; `known` holds every
    entry of these and of the events read anew. `horizon` is the moment from which on the vendor
    says nothing. An event of which an entry stays although its answer does not have it is read
    again next time, whatever its bytes.
    """
    parts = [
        _reconcile_event(response, event, known, catalog, now, horizon) for event in response.events
    ]
    absent: frozenset[EventKey] = frozenset()
    if response.complete:
        absent = present - response.unchanged - {event.key for event in response.events}
    withdrawn = [
        entry
        for key in sorted(absent)
        for entry in _withdraw(
            [entry for entry in known.get(key, ()) if response.covers(entry)], now, upto=horizon
        )
    ]
    return join_changes([*parts, Changes(withdrawn=tuple(withdrawn), reparse=absent)])


def _reconcile_event(
    response: SpanResponse,
    event: Event,
    known: Mapping[EventKey, Sequence[Entry]],
    catalog: KnownCatalog,
    now: datetime,
    horizon: datetime,
) -> Changes:
    """Decide what one event of an answer changes."""
    entries = known.get(event.key, ())
    uids = NewUids(event.key, [entry.uid for entry in entries])
    if response.trimmed:
        entries = [entry for entry in entries if response.covers(entry)]
    pairs = pair(event, entries, now=now, horizon=horizon)
    added, changed = [], []
    for timeslot, before in sorted(pairs.matched, key=lambda matched: timeslot_order(matched[0])):
        after = _entry(event, timeslot, before, catalog, uids, now)
        if before is None:
            added.append(after)
        elif after is not before:
            changed.append(after)
    gone, remaining = _missing(response, event, pairs.left, now, upto=horizon)
    if event.unreadable:
        changed += _follow(event, pairs.left, now, upto=horizon)
    coming = [entry for entry in pairs.left if entry.withdrawn is None and entry.end > now]
    named = replace(
        event,
        name=display_text(event.name),
        particulars=_clean_details(event.particulars),
        digest=event.digest if len(gone) == len(coming) else "",
    )
    return Changes(tuple(added), tuple(changed), tuple(gone), (named,), elsewhere=tuple(remaining))


def join_changes(parts: Sequence[Changes]) -> Changes:
    """Join the changes of several events, spans or pieces, in their order."""
    return Changes(
        tuple(change for part in parts for change in part.added),
        tuple(change for part in parts for change in part.changed),
        tuple(change for part in parts for change in part.withdrawn),
        tuple(change for part in parts for change in part.parsed),
        frozenset().union(*(part.reparse for part in parts)),
        tuple(entry for part in parts for entry in part.elsewhere),
    )


def relocate(
    entries: Iterable[Entry],
    catalog: KnownCatalog,
    now: datetime,
    *,
    zones_before: Mapping[str, str] | None = None,
) -> Changes:
    """Decide what a renamed or moved property or facility changes in entries that are known
    already.

    `zones_before`, by property id: the zones in which entries were read for want of a better one.
    These now mean the same local times in the property's zone.
    """
    changed = []
    for entry in entries:
        kind = "" if entry.type == entry.event_type else entry.type
        place, location, kind = catalog.describe_place(
            entry.property_id, entry.facility_id, seen_name=entry.place, seen_type=kind
        )
        after = replace(entry, place=place, location=location, type=kind or entry.event_type)
        if zones_before and zones_before.get(entry.property_id) == entry.zone:
            after = _in_zone(after, catalog.properties[entry.property_id].timezone)
        if after != entry:
            changed.append(_stamp(after, entry, now))
    return Changes(changed=tuple(changed))


def _in_zone(entry: Entry, name: str) -> Entry:
    """Return an entry at the same local times of another zone."""
    old, new = timezones.zone(entry.zone), timezones.zone(name)
    start, end = (
        moment.astimezone(old).replace(tzinfo=new, fold=0).astimezone(UTC)
        for moment in (entry.start, entry.end)
    )
    return replace(
        entry, zone=name, start=start, end=end if end > start else start + (entry.end - entry.start)
    )


def end(entries: Sequence[Entry], now: datetime) -> Changes:
    """Decide what becomes of entries to come whose property left the catalogue: they are withdrawn,
    the past stays.

    Their events are read again if the property comes back.
    """
    withdrawn = _withdraw(entries, now, upto=datetime.max.replace(tzinfo=UTC))
    return Changes(withdrawn=tuple(withdrawn), reparse=frozenset(entry.key for entry in withdrawn))


def _entry(
    event: Event,
    timeslot: Timeslot,
    before: Entry | None,
    catalog: KnownCatalog,
    uids: NewUids,
    now: datetime,
) -> Entry:
    """Return the entry of a timeslot: `before` itself when nothing changed."""
    place, location, kind = catalog.describe_place(
        event.property_id,
        timeslot.facility_id,
        seen_name=timeslot.facility_name,
        seen_type=timeslot.facility_type,
    )
    status, timeslot_status = _statuses(event, timeslot, before, now)
    after = Entry(
        uid=before.uid if before else uids.issue(timeslot),
        event_type=event.type,
        event_id=event.id,
        property_id=event.property_id,
        facility_id=timeslot.facility_id,
        name=display_text(event.name),
        activity=display_text(timeslot.activity),
        place=place,
        location=location,
        type=kind or event.type,
        status=status,
        timeslot_status=timeslot_status,
        start=timeslot.start,
        end=timeslot.end,
        zone=event.zone,
        sequence=before.sequence if before else 0,
        modified=before.modified if before else now,
        external_id=timeslot.external_id,
        cancelled=before.cancelled if before else None,
        first_seen=before.first_seen if before else None,
    )
    if before is None:
        return after
    return before if after == before else _stamp(after, before, now)


def _follow(event: Event, left: Iterable[Entry], now: datetime, *, upto: datetime) -> list[Entry]:
    """Return what changes in entries whose timeslots could not be read: the event's name and status
    hold for them.
    """
    coming = [entry for entry in left if _is_on(entry, now, upto)]
    pairs = [
        (
            replace(
                entry, name=display_text(event.name), status=event.entry_status or event.status
            ),
            entry,
        )
        for entry in coming
    ]
    return [_stamp(after, entry, now) for after, entry in pairs if after != entry]


def _statuses(
    event: Event, timeslot: Timeslot, before: Entry | None, now: datetime
) -> tuple[str, str]:
    """Return the statuses of an entry and of its timeslot.

    What is over stays as it was shown, whatever its status is called later, unless that says
    cancelled or declined.
    """
    status = event.entry_status or event.status
    called_off = is_called_off(status) or is_called_off(timeslot.status)
    if before and before.shown and timeslot.end <= now and not called_off:
        return before.status, before.timeslot_status
    return status, timeslot.status


def _clean_details(details: StaffDetails) -> StaffDetails:
    renter, email, reservation, category = map(
        display_text, (details.renter, details.email, details.reservation, details.category)
    )
    return StaffDetails(renter, email, details.attendance, reservation, category)


def _stamp(after: Entry, before: Entry, now: datetime) -> Entry:
    """Note a change: when, and in SEQUENCE if it is one of time, place or status (RFC 5545, section
    3.8.7.4).
    """
    raised = before.sequence + (_significant(after) != _significant(before))
    return replace(after, sequence=raised, modified=now, cancelled=_cancelled(after, before, now))


def _cancelled(after: Entry, before: Entry, now: datetime) -> datetime | None:
    """Say when it ceased to be on: now, if it was on until now; what was never on cannot cease."""
    if after.shown:
        return None
    return now if before.shown else before.cancelled


def _significant(entry: Entry) -> tuple[object, ...]:
    return (
        entry.start,
        entry.end,
        entry.zone,
        entry.facility_id,
        entry.location,
        entry.status,
        entry.timeslot_status,
        entry.withdrawn is None,
    )


def _missing(
    response: SpanResponse, event: Event, left: Sequence[Entry], now: datetime, *, upto: datetime
) -> tuple[list[Entry], list[Entry]]:
    """Return what is withdrawn of a present event, and what it lacks that others cover."""
    if event.unreadable:
        return [], []
    here = [entry for entry in left if response.covers(entry)]
    elsewhere = [entry for entry in left if _is_on(entry, now, upto) and not response.covers(entry)]
    return _withdraw(here, now, upto=upto) if response.complete else [], elsewhere


def _withdraw(entries: Iterable[Entry], now: datetime, *, upto: datetime) -> list[Entry]:
    """Withdraw what the vendor no longer has: never what is past, since it forgets that, nor what
    is too far.
    """
    return [
        _stamp(replace(entry, withdrawn=now), entry, now)
        for entry in entries
        if _is_on(entry, now, upto)
    ]


def _is_on(entry: Entry, now: datetime, upto: datetime) -> bool:
    """Return whether an answer may withdraw an entry: neither past nor too far nor gone already."""
    return entry.withdrawn is None and entry.end > now and entry.start < upto
