"""Requested and pushed events → the steps from one to the other. Pure.

The vendor can make an event, cancel one, and change a timeslot. It can neither add a timeslot nor
remove one, nor rename an event. So what is added to an event becomes another event beside it; and
where something has to go, or the name changes, the event is made anew under the next external id,
and then the old one is cancelled, so that nothing is ever without its booking. What is over is left
alone, but is carried along where its event is made anew, as far back as the vendor takes it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.facilitron import change_doubts
from icalbridge.push import external_ids
from icalbridge.push.collisions import days_between
from icalbridge.push.instances import plain_uid
from icalbridge.push.mapping import Impossible, PushEvent, PushSlot
from icalbridge.push.nights import cancelled_ids, in_form
from icalbridge.push.steps import Cancel, Create, Move, PushedState, PushPlan, Renewal, Unchanged
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from icalbridge.models import Timeslot
    from icalbridge.push.mapping import PushRequests
    from icalbridge.push.places import PlaceTable

CARRIED = timedelta(days=7) - timedelta(hours=2)
"""How far back what is over is made anew: a little less than the vendor takes."""
REFUSED = "somebody cancelled it in Facilitron, and so it stays; --again makes it anew"
FIXED = "the vendor moves nothing past midnight, 7 days back or 2 years ahead"
UNREAD = "what Facilitron has of it cannot be read, and so it stays as it is"


def plan_push(
    requests: PushRequests, pushed: Iterable[PushedState], places: PlaceTable, now: datetime
) -> PushPlan:
    """Decide what to do for every UID of a calendar, and for every UID that it no longer has."""
    by_uid: dict[str, list[PushedState]] = defaultdict(list)
    for state in pushed:
        by_uid[state.uid].append(state)
    requested = {event.uid: event for event in requests.events}
    staying = frozenset((item.uid, item.instance) for item in requests.impossible)
    cases = {
        uid: _UidState(
            in_form(requested.get(uid), by_uid.get(uid, []), now, by_day=requests.by_day),
            uid,
            by_uid.get(uid, []),
            staying,
            requests.past,
            places,
            now,
        )
        for uid in [*requested, *sorted(by_uid.keys() - requested.keys())]
    }
    plans = {uid: _plan_uid(case) for uid, case in cases.items()}
    anew: set[str] = set()
    uids = {state.external_id: uid for uid, states in by_uid.items() for state in states}
    while tangled := _find_cycle([move for plan in plans.values() for move in plan.moves]):
        anew.add(tangled)
        plans[uids[tangled]] = _plan_uid(replace(cases[uids[tangled]], anew=frozenset(anew)))
    parts = list(plans.values())
    return PushPlan(
        tuple(cancel for part in parts for cancel in part.cancels),
        tuple(move for part in parts for move in part.moves),
        tuple(renewal for part in parts for renewal in part.renewals),
        tuple(event for part in parts for event in part.unchanged),
        (*requests.impossible, *(item for part in parts for item in part.impossible)),
        sum(part.coming for part in parts),
        sum(part.ending for part in parts),
    )


@dataclass(frozen=True, slots=True)
class _UidState:
    """What is requested and what is pushed for one UID."""

    requested: PushEvent | None
    uid: str
    pushed: Sequence[PushedState]
    staying: frozenset[tuple[str, str]]
    past: frozenset[tuple[str, str]]
    places: PlaceTable
    now: datetime
    anew: frozenset[str] = frozenset()
    """External ids of events that cannot be changed, since others are where they shall be, and the
    other way round.
    """

    def stays(self, slot_id: str) -> bool:
        instance = slot_id.partition(".")[0]
        names = {(plain_uid(self.uid), ""), (self.uid, ""), (self.uid, instance)}
        stays = not self.staying.isdisjoint(names)
        return stays or (self.uid, slot_id) in self.past


def _plan_uid(case: _UidState) -> PushPlan:
    """Decide for one UID."""
    if any(state.unread for state in case.pushed):
        return PushPlan(impossible=(Impossible(case.uid, _name(case), UNREAD),))
    refused = _refused(case)
    requested = {
        slot.id: slot
        for slot in (case.requested.slots if case.requested else ())
        if slot.id not in refused
    }
    cancels: list[Cancel] = []
    moves: list[Move] = []
    unchanged: list[Unchanged] = []
    covered: set[str] = set()
    anew: dict[str, PushSlot] = {}
    for state in case.pushed:
        coming = state.coming(case.now)
        if not state.live or not coming:
            continue
        if reason := _cancel_reason(state, coming, requested, covered, case):
            cancels.append(Cancel(case.uid, _name(case, state), state, coming, reason))
            anew |= {slot.id: slot for slot in _carried(state, requested, case)}
            continue
        covered.update(slot.external_id for slot in coming)
        pairs = [(slot, requested.get(slot.external_id)) for slot in coming]
        changed = [(before, after) for before, after in pairs if after and not _same(before, after)]
        moves += [Move(case.uid, _name(case, state), state, *pair) for pair in changed]
        if same := len(coming) - len(changed):
            unchanged.append(
                Unchanged(case.uid, _name(case, state), same, coming[0].start, state.property_id)
            )
    anew |= {slot.id: slot for slot in requested.values() if slot.id not in covered}
    creates = _creations(case, [slot for slot in anew.values() if slot.id not in covered])
    plain, renewals = _renewals(case.uid, creates, cancels)
    before = {
        slot.external_id for state in case.pushed if state.live for slot in state.coming(case.now)
    }
    after = covered | {slot.id for slot in anew.values() if slot.end > case.now}
    return PushPlan(
        plain,
        tuple(moves),
        renewals,
        tuple(unchanged),
        tuple(
            Impossible(case.uid, _name(case), REFUSED, slot.start, slot.id)
            for slot in refused.values()
        ),
        len(before),
        max(0, len(before) - len(after)),
    )


def _name(case: _UidState, state: PushedState | None = None) -> str:
    if case.requested:
        return case.requested.name
    event = state.event if state else next((item.event for item in case.pushed if item.event), None)
    return display_text(event.name if event else "")


def _refused(case: _UidState) -> dict[str, PushSlot]:
    """Return the requested timeslots of events that somebody else cancelled."""
    cancelled = cancelled_ids(case.pushed)
    live = {
        slot.external_id for state in case.pushed if state.live for slot in state.coming(case.now)
    }
    slots = case.requested.slots if case.requested else ()
    return {slot.id: slot for slot in slots if slot.id in cancelled - live}


def _cancel_reason(
    state: PushedState,
    coming: Sequence[Timeslot],
    requested: Mapping[str, PushSlot],
    covered: set[str],
    case: _UidState,
) -> str:
    """Say why an event cannot stay, as a clause; "" where it can, with its timeslots changed."""
    ids = {slot.external_id for slot in coming}
    if not ids.isdisjoint(covered):
        return "its instances stand there twice"
    gone = [place_id for place_id in ids if place_id not in requested and not case.stays(place_id)]
    if len(gone) == len(ids):
        return "it is no longer in the calendar"
    if gone:
        count = "1 instance is" if len(gone) == 1 else f"{len(gone)} instances are"
        return f"{count} no longer in the calendar, and the vendor can take out no timeslot"
    if not state.event or (
        case.requested and display_text(state.event.name) != case.requested.name
    ):
        return "it has another name, and the vendor can rename no event"
    if any(
        place_id in requested
        and requested[place_id].facility.property_id != state.event.property_id
        for place_id in ids
    ):
        return "it takes place at another property"
    if any(
        item and not _same(slot, item) and _is_out_of_bounds(item, case)
        for slot in coming
        for item in [requested.get(slot.external_id)]
    ):
        return FIXED
    if state.external_id in case.anew:
        return "it changes places with another, and the vendor moves nothing onto a booking"
    return ""


def _is_out_of_bounds(slot: PushSlot, case: _UidState) -> bool:
    """Return whether times are such as the vendor takes for no changed timeslot."""
    zone = case.places.zones.get(slot.facility.property_id, "UTC")
    return bool(change_doubts(slot.start, slot.end, zone, case.now))


def _same(there: Timeslot, requested: PushSlot) -> bool:
    return (there.start, there.end, there.facility_id, display_text(there.activity)) == (
        requested.start,
        requested.end,
        requested.facility.id,
        requested.activity,
    )


def _carried(
    state: PushedState, requested: Mapping[str, PushSlot], case: _UidState
) -> Iterator[PushSlot]:
    """Yield what is made anew with its event though nobody asks for it: what stays as it is, and
    what is just over.
    """
    slots = state.event.timeslots if state.event else ()
    others = (item.event for item in case.pushed if item.live and item is not state)
    elsewhere = {slot.external_id for event in others if event for slot in event.timeslots}
    goes_on = any(
        slot.external_id in requested or case.stays(slot.external_id)
        for slot in state.coming(case.now)
    )
    for item in slots:
        if item.end > case.now:
            carried = item.external_id not in requested and case.stays(item.external_id)
        else:
            carried = (
                goes_on and item.external_id not in requested and item.start > case.now - CARRIED
            )
        if (
            carried
            and item.external_id not in {"", *elsewhere}
            and item.facility_id in case.places.facilities
        ):
            facility = case.places.facilities[item.facility_id]
            yield PushSlot(
                item.external_id, item.start, item.end, facility, display_text(item.activity)
            )


def _creations(case: _UidState, slots: Sequence[PushSlot]) -> Iterator[Create]:
    """Yield the events that have to be made for some timeslots: one for each property."""
    unmade = sorted(
        external_ids.number_of(state.external_id) for state in case.pushed if state.unmade
    )
    fresh = (
        max((external_ids.number_of(state.external_id) for state in case.pushed), default=-1) + 1
    )
    numbers = iter([*unmade, *range(fresh, fresh + len(slots))])
    by_property: dict[str, list[PushSlot]] = defaultdict(list)
    for item in slots:
        by_property[item.facility.property_id].append(item)
    for group in by_property.values():
        yield Create(
            case.uid, _name(case), next(numbers), tuple(sorted(group, key=lambda slot: slot.start))
        )


def _renewals(
    uid: str, creates: Iterable[Create], cancels: Iterable[Cancel]
) -> tuple[tuple[Cancel, ...], tuple[Renewal, ...]]:
    """Return the cancellations that wait for nothing; and what is made, each with those that wait
    for it.

    A cancellation waits for whatever carries a timeslot of its event, and for nothing else: what is
    refused must not keep up what it has nothing to do with.
    """
    plain: list[Cancel] = []
    groups = [Renewal(uid, (create,)) for create in creates]
    for cancel in cancels:
        ids = (
            {slot.external_id for slot in cancel.pushed.event.timeslots}
            if cancel.pushed.event
            else set()
        )
        mine = [
            group
            for group in groups
            if any(slot.id in ids for create in group.creates for slot in create.slots)
        ]
        if not mine:
            plain.append(cancel)
            continue
        together = Renewal(
            uid,
            tuple(create for group in mine for create in group.creates),
            (*(other for group in mine for other in group.cancels), cancel),
        )
        groups = [*(group for group in groups if group not in mine), together]
    return tuple(plain), tuple(groups)


def _find_cycle(moves: Sequence[Move]) -> str:
    """Return the external id of an event in a cycle of moves; "" where some order does all.

    In a cycle none can be the first, since the vendor moves nothing onto a booking.
    """
    occupying: dict[tuple[str, date], list[int]] = defaultdict(list)
    for number, move in enumerate(moves):
        for day in days_between(move.before.start, move.before.end):
            occupying[move.before.facility_id, day].append(number)
    waits = {
        number: _blockers(move, moves, occupying) - {number} for number, move in enumerate(moves)
    }
    while free := {number for number, blockers in waits.items() if not blockers}:
        waits = {
            number: blockers - free for number, blockers in waits.items() if number not in free
        }
    if not waits:
        return ""
    passed: set[int] = set()
    at = min(waits)
    while at not in passed:
        passed.add(at)
        at = min(waits[at])
    return moves[at].pushed.external_id


def _blockers(
    move: Move, moves: Sequence[Move], occupying: dict[tuple[str, date], list[int]]
) -> set[int]:
    after = move.after
    return {
        number
        for day in days_between(after.start, after.end)
        for number in occupying.get((after.facility.id, day), ())
        if moves[number].before.start < after.end and after.start < moves[number].before.end
    }
