"""Identity: which timeslot of a response is which stored entry. Timeslots have no ids, yet a moved
practice keeps its UID.

Inside one event, the surest sign is tried first: the external id; the same facility, start and end;
the same facility and start; the same facility and day; then the nearest start. Among equals the
activity decides, then the status, then anything else that differs. Entries that the vendor still
had are tried before those it had withdrawn. Pure; the same answer and the same known entries,
each in any order, give the same pairs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from operator import attrgetter
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.models import UID_SUFFIX
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
    is one beyond `horizon`, where a response is no evidence. No guess takes an entry that may be an
    unreadable timeslot's.
    """

    def candidate(traits: Traits, entry: Entry | None = None) -> Candidate:
        return Candidate(traits, (traits.end <= now, traits.start >= horizon), entry)

    slots = [candidate(traits_of_timeslot(slot, event.type)) for slot in event.timeslots]
    entries = [
        candidate(traits_of_entry(entry), entry) for entry in sorted(known, key=attrgetter("uid"))
    ]
    entries.sort(key=attrgetter("traits"))
    live = [one for one in entries if one.entry and one.entry.withdrawn is None]
    withdrawn = {one: one.entry.withdrawn for one in entries if one.entry and one.entry.withdrawn}
    open_slots = sorted(slots, key=attrgetter("traits"))
    for pool in (live, withdrawn):
        for sign in (_external_span, _external_start, _external, _span, _start):
            open_slots = match_equal(open_slots, pool, sign)
    recent = [one for one, moment in withdrawn.items() if now - moment <= REVIVAL]
    for pool in (live, recent):
        free = _without_reserved(pool, event.unreadable)
        open_slots = match_equal(open_slots, free, _day(event.zone))
        open_slots = match_nearest(open_slots, free)
    return Pairs(
        tuple(
            (slot, one.match.entry if one.match else None)
            for slot, one in zip(event.timeslots, slots, strict=True)
        ),
        tuple(one.entry for one in entries if one.entry and one.match is None),
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
            uid = f"{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}{UID_SUFFIX}"
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


def _external_span(candidate: Candidate) -> Hashable:
    traits = candidate.traits
    return (traits.external_id, _span(candidate)) if traits.external_id else None


def _external_start(candidate: Candidate) -> Hashable:
    traits = candidate.traits
    return (traits.external_id, _start(candidate)) if traits.external_id else None


def _external(candidate: Candidate) -> Hashable:
    return candidate.traits.external_id or None


def _span(candidate: Candidate) -> Hashable:
    return candidate.traits.facility_id, candidate.traits.start, candidate.traits.end


def _start(candidate: Candidate) -> Hashable:
    return candidate.traits.facility_id, candidate.traits.start


def _day(zone: str) -> Callable[[Candidate], Hashable]:
    return lambda candidate: (
        candidate.traits.facility_id,
        timezones.local_date(candidate.traits.start, zone),
        candidate.period,
    )


def _without_reserved(
    entries: Iterable[Candidate], unreadable: Iterable[UnreadableTimeslot]
) -> list[Candidate]:
    """Return the entries that no unreadable timeslot can be; none where nothing is known of such a
    timeslot.
    """
    externals, places = set(), set()
    for slot in unreadable:
        if not (slot.external_id or slot.start or slot.end):
            return []
        externals.add(slot.external_id)
        places |= {(slot.facility_id, "start", slot.start), (slot.facility_id, "end", slot.end)}
    externals.discard("")
    return [
        candidate
        for candidate in entries
        if candidate.traits.external_id not in externals
        and (candidate.traits.facility_id, "start", candidate.traits.start) not in places
        and (candidate.traits.facility_id, "end", candidate.traits.end) not in places
    ]
