"""Which timeslot of an answer is which known entry: timeslots have no ids, yet a moved practice keeps its UID.

Inside one event, the surest sign is tried first: the external id; the same facility, start and end; the same facility
and start; the same facility and day; then the nearest start. Entries that the vendor still had are tried before those
it had withdrawn. Pure; the same answer and the same known entries give the same pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from icalbridge import zones

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence
    from datetime import datetime

    from icalbridge.model import Entry, Event, EventKey, Timeslot

REVIVAL = timedelta(days=1)
"""How long after it was withdrawn an entry may come back at another time: an event that moves from one window to
another is missed in the first before it is met in the second.
"""


@dataclass(frozen=True, slots=True)
class Pairs:
    """What matching found: each timeslot with its entry, None where it is new; and the entries left over."""

    matched: tuple[tuple[Timeslot, Entry | None], ...]
    left: tuple[Entry, ...]


def pair(event: Event, known: Sequence[Entry], *, now: datetime, horizon: datetime) -> Pairs:
    """Pair an event's timeslots with what is known of the event.

    What is past stays as it was: a past entry is paired by guesswork with a past timeslot only. So is one beyond
    `horizon`, of which an answer says nothing.
    """
    ordered = sorted(known, key=lambda entry: (entry.withdrawn is not None, entry.start, entry.uid))
    live = [entry for entry in ordered if entry.withdrawn is None]
    fresh = [entry for entry in ordered if entry.withdrawn is not None and now - entry.withdrawn <= REVIVAL]
    search = _Search(sorted(range(len(event.timeslots)), key=lambda index: _order(event.timeslots[index])), event)
    for entries in (live, ordered):
        search.by_sign(entries, _external)
        search.by_sign(entries, _span)
        search.by_sign(entries, _start)
    for entries in (live, fresh):
        search.by_sign(entries, _day, alike=lambda each: (each.end <= now, each.start >= horizon))
        search.by_distance(entries, alike=lambda each: (each.end <= now, each.start >= horizon))
    return search.result(ordered)


def new_uid(key: EventKey, timeslot: Timeslot, taken: Iterable[str]) -> str:
    """Return the UID of a timeslot never seen before; the same for the same timeslot in an empty database anywhere.

    RFC 7986, section 5.3: globally unique, and nothing in it tells who or where. 35 octets.
    """
    named = timeslot.external_id or f"{timeslot.facility_id}\n{timeslot.start:%Y%m%dT%H%M%SZ}"
    ordinal = 0
    while True:
        told = "\n".join((*key, "external" if timeslot.external_id else "place", named, str(ordinal)))
        uid = f"{sha256(told.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}@icalbridge"
        if uid not in taken:
            return uid
        ordinal += 1


class _Search:
    """Timeslots still without an entry, and entries already taken."""

    def __init__(self, open_slots: list[int], event: Event) -> None:
        self._event = event
        self._open = open_slots
        self._found: dict[int, Entry] = {}
        self._taken: set[str] = set()

    def by_sign(
        self,
        entries: Sequence[Entry],
        sign: Callable[[Timeslot | Entry, str], Hashable],
        alike: Callable[[Timeslot | Entry], Hashable] = lambda _: None,
    ) -> None:
        """Pair what bears the same sign; several with one sign are paired in order of their start."""
        if not self._open:
            return
        bearing: dict[Hashable, list[Entry]] = {}
        for entry in reversed([each for each in entries if each.uid not in self._taken]):
            if (mark := sign(entry, self._event.zone)) is not None:
                bearing.setdefault((mark, alike(entry)), []).append(entry)
        for index in list(self._open):
            timeslot = self._event.timeslots[index]
            if found := bearing.get((sign(timeslot, self._event.zone), alike(timeslot))):
                self._take(index, found.pop())

    def by_distance(self, entries: Sequence[Entry], alike: Callable[[Timeslot | Entry], Hashable]) -> None:
        """Pair what is left with the nearest start, nearest pairs first, the same facility before another."""
        left = [each for each in entries if each.uid not in self._taken]
        pairs = [
            (abs(slot.start - entry.start), slot.facility_id != entry.facility_id, position, entry.uid, index, entry)
            for position, index in enumerate(self._open)
            for slot in [self._event.timeslots[index]]
            for entry in left
            if alike(slot) == alike(entry)
        ]
        for *_, index, entry in sorted(pairs, key=lambda each: each[:4]):
            if index in self._open and entry.uid not in self._taken:
                self._take(index, entry)

    def result(self, known: Sequence[Entry]) -> Pairs:
        slots = self._event.timeslots
        return Pairs(
            tuple((timeslot, self._found.get(index)) for index, timeslot in enumerate(slots)),
            tuple(entry for entry in known if entry.uid not in self._taken),
        )

    def _take(self, index: int, entry: Entry) -> None:
        self._open.remove(index)
        self._found[index] = entry
        self._taken.add(entry.uid)


def _order(timeslot: Timeslot) -> tuple[datetime, datetime, str]:
    return timeslot.start, timeslot.end, timeslot.facility_id


def _external(each: Timeslot | Entry, _zone: str) -> Hashable:
    return each.external_id or None


def _span(each: Timeslot | Entry, _zone: str) -> Hashable:
    return each.facility_id, each.start, each.end


def _start(each: Timeslot | Entry, _zone: str) -> Hashable:
    return each.facility_id, each.start


def _day(each: Timeslot | Entry, zone: str) -> Hashable:
    return each.facility_id, zones.local_date(each.start, zone)
