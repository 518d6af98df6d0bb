"""What is wanted and what is there → the steps from one to the other. Pure.

The vendor can make an event, cancel one, and change a timeslot that is there. It can neither add a
timeslot nor take one out, nor rename an event. So what is added to an event becomes another event
beside it; and where something has to go out, or the name is another, it is made anew under the next
external id, and the old one is cancelled: in this order, so that nothing is ever without its
booking. What is over is left alone, but is carried along where its event is made anew, as far back
as the vendor takes it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from icalbridge.feeds import display_text
from icalbridge.push import identify
from icalbridge.push.rings import ring
from icalbridge.push.want import Impossible, Slot, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from icalbridge.models import Event, Facility, Timeslot
    from icalbridge.push.want import Wish

CARRIED = timedelta(days=7) - timedelta(hours=2)
"""How far back what is over is made anew: a little less than the vendor takes."""
FEW = 2
"""So many timeslots at least must end for that to be implausible."""
REFUSED = "somebody cancelled it in Facilitron, and so it stays; --again makes it anew"
UNREAD = "what Facilitron has of it cannot be read, and so it stays as it is"
OVER = frozenset({"cancelled", "declined"})
"""What an event's status is when its timeslots are no bookings."""


@dataclass(frozen=True, slots=True)
class Held:
    """One event that was pushed for a UID, or was going to be."""

    external_id: str
    uid: str
    event: Event | None = None
    """As the vendor has it; None where it has none of that id, and for what is settled."""
    dropped: bool = False
    """Whether it was a push that cancelled it, or was going to."""
    settled: bool = False
    """Whether nothing will become of it any more; the vendor was not asked."""
    unread: bool = False
    """Whether the vendor told something of it that cannot be read: nobody knows then what stands
    there.
    """

    @property
    def live(self) -> bool:
        return self.event is not None and self.event.status not in OVER

    @property
    def unmade(self) -> bool:
        """Whether its id was chosen, and the vendor has no event of it: it is the next one to be
        made, since what is still on its way to the vendor must not stand there beside another.
        """
        return self.event is None and not (self.dropped or self.settled or self.unread)

    def coming(self, now: datetime) -> tuple[Timeslot, ...]:
        """Return what is not over of the timeslots that were pushed, by start."""
        told = self.event.timeslots if self.event else ()
        return tuple(
            sorted((each for each in told if each.external_id and each.end > now), key=_start)
        )


@dataclass(frozen=True, slots=True)
class Create:
    """Make an event."""

    uid: str
    name: str
    number: int
    """Which of its UID's events it is: see `identify.event_id`."""
    slots: tuple[Slot, ...]
    """All in facilities of one property."""


@dataclass(frozen=True, slots=True)
class Move:
    """Change a timeslot's time, place or activity."""

    uid: str
    name: str
    held: Held
    before: Timeslot
    after: Slot


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel an event; `why` is a clause."""

    uid: str
    name: str
    held: Held
    slots: tuple[Timeslot, ...]
    """What of it is not over."""
    why: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """An event of which so many timeslots are as they shall be."""

    uid: str
    name: str
    count: int
    start: datetime
    property_id: str


Step: TypeAlias = Cancel | Move | Create


@dataclass(frozen=True, slots=True)
class Renewal:
    """Make events for a UID, and when they are there cancel those in whose place they are; neither
    part can be less.
    """

    uid: str
    creates: tuple[Create, ...]
    cancels: tuple[Cancel, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All that there is to do, in this order: what frees a place stands before what takes it."""

    cancels: tuple[Cancel, ...] = ()
    """Of what only goes."""
    moves: tuple[Move, ...] = ()
    renewals: tuple[Renewal, ...] = ()
    unchanged: tuple[Unchanged, ...] = ()
    impossible: tuple[Impossible, ...] = ()
    coming: int = 0
    """How many timeslots that are not over there are that were pushed."""
    ending: int = 0
    """How many of them would go with nothing in their stead under the same UID."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return every step, in order."""
        steps: list[Step] = [*self.cancels, *self.moves]
        for each in self.renewals:
            steps += [*each.creates, *each.cancels]
        return tuple(steps)

    @property
    def implausible(self) -> bool:
        """Say whether so much would go that it is likelier to be the wrong calendar, or half of
        one.
        """
        return self.ending >= FEW and self.ending * 2 > self.coming


def plan(
    wish: Wish, held: Iterable[Held], facilities: Mapping[str, Facility], now: datetime
) -> Plan:
    """Decide what to do for every UID of a calendar, and for every UID that it no longer has."""
    there: dict[str, list[Held]] = defaultdict(list)
    for each in held:
        there[each.uid].append(each)
    wanted = {each.uid: each for each in wish.events}
    staying = wish.staying()
    cases = {
        uid: _Situation(
            wanted.get(uid), uid, there.get(uid, []), staying, wish.past, facilities, now
        )
        for uid in [*wanted, *sorted(there.keys() - wanted.keys())]
    }
    by_uid = {uid: _of_uid(each) for uid, each in cases.items()}
    anew: set[str] = set()
    uids = {held.external_id: uid for uid, some in there.items() for held in some}
    while tangled := ring([move for each in by_uid.values() for move in each.moves]):
        anew.add(tangled)
        by_uid[uids[tangled]] = _of_uid(replace(cases[uids[tangled]], anew=frozenset(anew)))
    parts = list(by_uid.values())
    return Plan(
        tuple(each for part in parts for each in part.cancels),
        tuple(each for part in parts for each in part.moves),
        tuple(each for part in parts for each in part.renewals),
        tuple(each for part in parts for each in part.unchanged),
        (*wish.impossible, *(each for part in parts for each in part.impossible)),
        sum(each.coming for each in parts),
        sum(each.ending for each in parts),
    )


@dataclass(frozen=True, slots=True)
class _Situation:
    """All that matters for one UID."""

    wanted: Wanted | None
    uid: str
    held: Sequence[Held]
    staying: frozenset[tuple[str, str]]
    past: frozenset[tuple[str, str]]
    facilities: Mapping[str, Facility]
    now: datetime
    anew: frozenset[str] = frozenset()
    """External ids of events that cannot be changed, since others are where they shall be, and the
    other way round.
    """

    def stays(self, slot_id: str) -> bool:
        instance = slot_id.partition(".")[0]
        stays = not self.staying.isdisjoint({(self.uid, ""), (self.uid, instance)})
        return stays or (self.uid, slot_id) in self.past


def _of_uid(case: _Situation) -> Plan:
    """Decide for one UID."""
    if any(each.unread for each in case.held):
        return Plan(impossible=(Impossible(case.uid, _name(case), UNREAD),))
    refused = _refused(case)
    wanted = {
        each.id: each
        for each in (case.wanted.slots if case.wanted else ())
        if each.id not in refused
    }
    cancels: list[Cancel] = []
    moves: list[Move] = []
    unchanged: list[Unchanged] = []
    covered: set[str] = set()
    anew: dict[str, Slot] = {}
    for held in case.held:
        coming = held.coming(case.now)
        if not held.live or not coming:
            continue
        if why := _why_not(held, coming, wanted, covered, case):
            cancels.append(Cancel(case.uid, _name(case, held), held, coming, why))
            anew |= {each.id: each for each in _carried(held, wanted, case)}
            continue
        covered.update(each.external_id for each in coming)
        pairs = [(each, wanted.get(each.external_id)) for each in coming]
        changed = [(before, after) for before, after in pairs if after and not _same(before, after)]
        moves += [Move(case.uid, _name(case, held), held, *pair) for pair in changed]
        if same := len(coming) - len(changed):
            unchanged.append(
                Unchanged(case.uid, _name(case, held), same, coming[0].start, _property(held))
            )
    anew |= {each.id: each for each in wanted.values() if each.id not in covered}
    creates = _creations(case, [each for each in anew.values() if each.id not in covered])
    plain, renewals = _renewals(case.uid, creates, cancels)
    before = {slot.external_id for held in case.held if held.live for slot in held.coming(case.now)}
    after = covered | {slot.id for slot in anew.values() if slot.end > case.now}
    return Plan(
        plain,
        tuple(moves),
        renewals,
        tuple(unchanged),
        tuple(
            Impossible(case.uid, _name(case), REFUSED, each.start, each.id)
            for each in refused.values()
        ),
        len(before),
        max(0, len(before) - len(after)),
    )


def _name(case: _Situation, held: Held | None = None) -> str:
    if case.wanted:
        return case.wanted.name
    event = held.event if held else next((each.event for each in case.held if each.event), None)
    return display_text(event.name if event else "")


def _property(held: Held) -> str:
    return held.event.property_id if held.event else ""


def _refused(case: _Situation) -> dict[str, Slot]:
    """Return the wanted timeslots of events that somebody else cancelled."""
    cancelled = {
        slot.external_id
        for held in case.held
        if held.event and not held.live and not held.dropped
        for slot in held.event.timeslots
    }
    live = {slot.external_id for held in case.held if held.live for slot in held.coming(case.now)}
    slots = case.wanted.slots if case.wanted else ()
    return {each.id: each for each in slots if each.id in cancelled - live}


def _why_not(
    held: Held,
    coming: Sequence[Timeslot],
    wanted: Mapping[str, Slot],
    covered: set[str],
    case: _Situation,
) -> str:
    """Say why an event cannot stay, as a clause; "" where it can, with its timeslots changed."""
    ids = {each.external_id for each in coming}
    if not ids.isdisjoint(covered):
        return "its instances stand there twice"
    gone = [each for each in ids if each not in wanted and not case.stays(each)]
    if len(gone) == len(ids):
        return "it is no longer in the calendar"
    if gone:
        count = "1 instance is" if len(gone) == 1 else f"{len(gone)} instances are"
        return f"{count} no longer in the calendar, and the vendor can take out no timeslot"
    if not held.event or (case.wanted and display_text(held.event.name) != case.wanted.name):
        return "it has another name, and the vendor can rename no event"
    if any(
        each in wanted and wanted[each].facility.property_id != held.event.property_id
        for each in ids
    ):
        return "it takes place at another property"
    if held.external_id in case.anew:
        return "it changes places with another, and the vendor moves nothing onto a booking"
    return ""


def _same(there: Timeslot, wanted: Slot) -> bool:
    return (there.start, there.end, there.facility_id, display_text(there.activity)) == (
        wanted.start,
        wanted.end,
        wanted.facility.id,
        wanted.activity,
    )


def _carried(held: Held, wanted: Mapping[str, Slot], case: _Situation) -> Iterator[Slot]:
    """Yield what is made anew with its event though nobody asks for it: what stays as it is, and
    what is just over.
    """
    told = held.event.timeslots if held.event else ()
    others = (each.event for each in case.held if each.live and each is not held)
    elsewhere = {slot.external_id for event in others if event for slot in event.timeslots}
    goes_on = any(
        each.external_id in wanted or case.stays(each.external_id) for each in held.coming(case.now)
    )
    for each in told:
        if each.end > case.now:
            carried = each.external_id not in wanted and case.stays(each.external_id)
        else:
            carried = goes_on and each.external_id not in wanted and each.start > case.now - CARRIED
        if (
            carried
            and each.external_id not in {"", *elsewhere}
            and each.facility_id in case.facilities
        ):
            facility = case.facilities[each.facility_id]
            yield Slot(
                each.external_id, each.start, each.end, facility, display_text(each.activity)
            )


def _creations(case: _Situation, slots: Sequence[Slot]) -> Iterator[Create]:
    """Yield the events that have to be made for some timeslots: one for each property."""
    unmade = sorted(identify.number_of(each.external_id) for each in case.held if each.unmade)
    fresh = max((identify.number_of(each.external_id) for each in case.held), default=-1) + 1
    numbers = iter([*unmade, *range(fresh, fresh + len(slots))])
    by_property: dict[str, list[Slot]] = defaultdict(list)
    for each in slots:
        by_property[each.facility.property_id].append(each)
    for some in by_property.values():
        yield Create(case.uid, _name(case), next(numbers), tuple(sorted(some, key=_start)))


def _renewals(
    uid: str, creates: Iterable[Create], cancels: Iterable[Cancel]
) -> tuple[tuple[Cancel, ...], tuple[Renewal, ...]]:
    """Return the cancellations that wait for nothing; and what is made, each with those that wait
    for it.

    A cancellation waits for whatever carries a timeslot of its event, and for nothing else: what is
    refused must not keep up what it has nothing to do with.
    """
    plain: list[Cancel] = []
    groups = [Renewal(uid, (each,)) for each in creates]
    for cancel in cancels:
        ids = (
            {each.external_id for each in cancel.held.event.timeslots}
            if cancel.held.event
            else set()
        )
        mine = [
            each
            for each in groups
            if any(slot.id in ids for create in each.creates for slot in create.slots)
        ]
        if not mine:
            plain.append(cancel)
            continue
        together = Renewal(
            uid,
            tuple(create for each in mine for create in each.creates),
            (*(other for each in mine for other in each.cancels), cancel),
        )
        groups = [*(each for each in groups if each not in mine), together]
    return tuple(plain), tuple(groups)


def _start(slot: Slot | Timeslot) -> datetime:
    return slot.start
