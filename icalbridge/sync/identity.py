"""Which timeslot of an answer is which known entry: timeslots have no ids, yet a moved practice
keeps its UID.

Inside one event, the surest sign is tried first: the external id; the same facility, start and end;
the same facility and start; the same facility and day; then the nearest start. Among equals the
activity decides, then the status, then anything else that tells them apart. Entries that the vendor
still had are tried before those it had withdrawn. Pure; the same answer and the same known entries,
each in any order, give the same pairs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.sync.matching import (
    Candidate,
    match_equal,
    match_nearest,
    traits_of_entry,
    traits_of_timeslot,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence
    from datetime import datetime

    from icalbridge.models import Entry, Event, EventKey, Timeslot, UnreadableTimeslot
    from icalbridge.sync.matching import Traits

REVIVAL = timedelta(days=1)
"""How long after it was withdrawn an entry may come back at another time: an event that moves from
one window to another is missed in the first before it is met in the second.
"""


@dataclass(frozen=True, slots=True)
class Pairs:
    """What matching found: each timeslot with its entry, None where it is new; and the entries left
    over.
    """

    matched: tuple[tuple[Timeslot, Entry | None], ...]
    left: tuple[Entry, ...]


def pair(event: Event, known: Sequence[Entry], *, now: datetime, horizon: datetime) -> Pairs:
    """Pair an event's timeslots with what is known of the event.

    What is past stays as it was: a past entry is paired by guesswork with a past timeslot only. So
    is one beyond `horizon`, of which an answer says nothing. No guess takes an entry that may be an
    unreadable timeslot's.
    """

    def candidate(traits: Traits, entry: Entry | None = None) -> Candidate:
        return Candidate(traits, (traits.end <= now, traits.start >= horizon), entry)

    slots = [candidate(traits_of_timeslot(each, event.type)) for each in event.timeslots]
    entries = [
        candidate(traits_of_entry(each), each) for each in sorted(known, key=lambda each: each.uid)
    ]
    entries.sort(key=lambda each: each.traits)
    live = [each for each in entries if each.entry and each.entry.withdrawn is None]
    withdrawn = {
        each: each.entry.withdrawn for each in entries if each.entry and each.entry.withdrawn
    }
    open_slots = sorted(slots, key=lambda each: each.traits)
    for some in (live, withdrawn):
        for sign in (_external_span, _external_start, _external, _span, _start):
            open_slots = match_equal(open_slots, some, sign)
    for some in (live, [each for each, moment in withdrawn.items() if now - moment <= REVIVAL]):
        free = _without_reserved(some, event.unreadable)
        open_slots = match_equal(open_slots, free, _day(event.zone))
        open_slots = match_nearest(open_slots, free)
    return Pairs(
        tuple(
            (slot, each.match.entry if each.match else None)
            for slot, each in zip(event.timeslots, slots, strict=True)
        ),
        tuple(each.entry for each in entries if each.entry and each.match is None),
    )


def timeslot_order(timeslot: Timeslot) -> tuple[object, ...]:
    """Return the sort key under which timeslots of an event stand in the same order, however they
    were answered.
    """
    return (
        timeslot.start,
        timeslot.end,
        timeslot.facility_id,
        timeslot.activity,
        timeslot.status,
        timeslot.external_id,
        timeslot.facility_name,
        timeslot.facility_type,
    )


class NewUids:
    """UIDs for the new timeslots of one event, given in `timeslot_order`; none is issued twice."""

    def __init__(self, key: EventKey, taken: Iterable[str]) -> None:
        """`taken`: the UIDs of the event's known entries."""
        self._key = key
        self._taken = set(taken)
        self._ordinals: Counter[tuple[str, str]] = Counter()

    def issue(self, timeslot: Timeslot) -> str:
        """Return the UID of a timeslot never seen before; see `new_uid`."""
        place = f"{timeslot.facility_id}\n{timeslot.start:%Y%m%dT%H%M%SZ}"
        named = ("external", timeslot.external_id) if timeslot.external_id else ("place", place)
        while True:
            text = "\n".join((*self._key, *named, str(self._ordinals[named])))
            uid = f"{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}@icalbridge"
            self._ordinals[named] += 1
            if uid not in self._taken:
                self._taken.add(uid)
                return uid


def new_uid(key: EventKey, timeslot: Timeslot, taken: Iterable[str]) -> str:
    """Return the UID of a timeslot never seen before; the same for the same timeslot in an empty
    database anywhere.

    RFC 7986, section 5.3: globally unique, and nothing in it tells who or where. 35 octets.
    """
    return NewUids(key, taken).issue(timeslot)


def _external_span(each: Candidate) -> Hashable:
    traits = each.traits
    return (traits.external_id, _span(each)) if traits.external_id else None


def _external_start(each: Candidate) -> Hashable:
    traits = each.traits
    return (traits.external_id, _start(each)) if traits.external_id else None


def _external(each: Candidate) -> Hashable:
    return each.traits.external_id or None


def _span(each: Candidate) -> Hashable:
    return each.traits.facility_id, each.traits.start, each.traits.end


def _start(each: Candidate) -> Hashable:
    return each.traits.facility_id, each.traits.start


def _day(zone: str) -> Callable[[Candidate], Hashable]:
    return lambda each: (
        each.traits.facility_id,
        timezones.local_date(each.traits.start, zone),
        each.period,
    )


def _without_reserved(
    entries: Iterable[Candidate], unreadable: Iterable[UnreadableTimeslot]
) -> list[Candidate]:
    """Return the entries that no unreadable timeslot can be; none where nothing is known of such a
    timeslot.
    """
    externals, places = set(), set()
    for each in unreadable:
        if not (each.external_id or each.start or each.end):
            return []
        externals.add(each.external_id)
        places |= {(each.facility_id, "start", each.start), (each.facility_id, "end", each.end)}
    externals.discard("")
    return [
        each
        for each in entries
        if each.traits.external_id not in externals
        and (each.traits.facility_id, "start", each.traits.start) not in places
        and (each.traits.facility_id, "end", each.traits.end) not in places
    ]
