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

from icalbridge.push import external_ids
from icalbridge.push.collisions import days_between
from icalbridge.push.mapping import Impossible, PushEvent, PushSlot
from icalbridge.push.steps import (
    Cancel,
    Create,
    Move,
    PushedState,
    PushPlan,
    Renewal,
    Unchanged,
)
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from icalbridge.models import Facility, Timeslot
    from icalbridge.push.mapping import PushRequests

CARRIED = timedelta(days=7) - timedelta(hours=2)
"""How far back what is over is made anew: a little less than the vendor takes."""
REFUSED = "somebody cancelled it in Facilitron, and so it stays; --again makes it anew"
UNREAD = "what Facilitron has of it cannot be read, and so it stays as it is"


def plan_push(
    requests: PushRequests,
    pushed: Iterable[PushedState],
    facilities: Mapping[str, Facility],
    now: datetime,
) -> PushPlan:
    """Decide what to do for every UID of a calendar, and for every UID that it no longer has."""
    by_uid: dict[str, list[PushedState]] = defaultdict(list)
    for state in pushed:
        by_uid[state.uid].append(state)
    requested = {each.uid: each for each in requests.events}
    staying = requests.staying()
    cases = {
        uid: _UidState(
            requested.get(uid), uid, by_uid.get(uid, []), staying, requests.past, facilities, now
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
        tuple(each for part in parts for each in part.cancels),
        tuple(each for part in parts for each in part.moves),
        tuple(each for part in parts for each in part.renewals),
        tuple(each for part in parts for each in part.unchanged),
        (*requests.impossible, *(each for part in parts for each in part.impossible)),
        sum(each.coming for each in parts),
        sum(each.ending for each in parts),
    )


@dataclass(frozen=True, slots=True)
class _UidState:
    """What is requested and what is pushed for one UID."""

    requested: PushEvent | None
    uid: str
    pushed: Sequence[PushedState]
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


def _plan_uid(case: _UidState) -> PushPlan:
    """Decide for one UID."""
    if any(each.unread for each in case.pushed):
        return PushPlan(impossible=(Impossible(case.uid, _name(case), UNREAD),))
    refused = _refused(case)
    requested = {
        each.id: each
        for each in (case.requested.slots if case.requested else ())
        if each.id not in refused
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
            anew |= {each.id: each for each in _carried(state, requested, case)}
            continue
        covered.update(each.external_id for each in coming)
        pairs = [(each, requested.get(each.external_id)) for each in coming]
        changed = [(before, after) for before, after in pairs if after and not _same(before, after)]
        moves += [Move(case.uid, _name(case, state), state, *pair) for pair in changed]
        if same := len(coming) - len(changed):
            unchanged.append(
                Unchanged(case.uid, _name(case, state), same, coming[0].start, state.property_id)
            )
    anew |= {each.id: each for each in requested.values() if each.id not in covered}
    creates = _creations(case, [each for each in anew.values() if each.id not in covered])
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
            Impossible(case.uid, _name(case), REFUSED, each.start, each.id)
            for each in refused.values()
        ),
        len(before),
        max(0, len(before) - len(after)),
    )


def _name(case: _UidState, state: PushedState | None = None) -> str:
    if case.requested:
        return case.requested.name
    event = state.event if state else next((each.event for each in case.pushed if each.event), None)
    return display_text(event.name if event else "")


def _refused(case: _UidState) -> dict[str, PushSlot]:
    """Return the requested timeslots of events that somebody else cancelled."""
    cancelled = {
        slot.external_id
        for state in case.pushed
        if state.event and not state.live and not state.dropped
        for slot in state.event.timeslots
    }
    live = {
        slot.external_id for state in case.pushed if state.live for slot in state.coming(case.now)
    }
    slots = case.requested.slots if case.requested else ()
    return {each.id: each for each in slots if each.id in cancelled - live}


def _cancel_reason(
    state: PushedState,
    coming: Sequence[Timeslot],
    requested: Mapping[str, PushSlot],
    covered: set[str],
    case: _UidState,
) -> str:
    """Say why an event cannot stay, as a clause; "" where it can, with its timeslots changed."""
    ids = {each.external_id for each in coming}
    if not ids.isdisjoint(covered):
        return "its instances stand there twice"
    gone = [each for each in ids if each not in requested and not case.stays(each)]
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
        each in requested and requested[each].facility.property_id != state.event.property_id
        for each in ids
    ):
        return "it takes place at another property"
    if state.external_id in case.anew:
        return "it changes places with another, and the vendor moves nothing onto a booking"
    return ""


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
    others = (each.event for each in case.pushed if each.live and each is not state)
    elsewhere = {slot.external_id for event in others if event for slot in event.timeslots}
    goes_on = any(
        each.external_id in requested or case.stays(each.external_id)
        for each in state.coming(case.now)
    )
    for each in slots:
        if each.end > case.now:
            carried = each.external_id not in requested and case.stays(each.external_id)
        else:
            carried = (
                goes_on and each.external_id not in requested and each.start > case.now - CARRIED
            )
        if (
            carried
            and each.external_id not in {"", *elsewhere}
            and each.facility_id in case.facilities
        ):
            facility = case.facilities[each.facility_id]
            yield PushSlot(
                each.external_id, each.start, each.end, facility, display_text(each.activity)
            )


def _creations(case: _UidState, slots: Sequence[PushSlot]) -> Iterator[Create]:
    """Yield the events that have to be made for some timeslots: one for each property."""
    unmade = sorted(external_ids.number_of(each.external_id) for each in case.pushed if each.unmade)
    fresh = max((external_ids.number_of(each.external_id) for each in case.pushed), default=-1) + 1
    numbers = iter([*unmade, *range(fresh, fresh + len(slots))])
    by_property: dict[str, list[PushSlot]] = defaultdict(list)
    for each in slots:
        by_property[each.facility.property_id].append(each)
    for some in by_property.values():
        yield Create(
            case.uid, _name(case), next(numbers), tuple(sorted(some, key=lambda slot: slot.start))
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
    groups = [Renewal(uid, (each,)) for each in creates]
    for cancel in cancels:
        ids = (
            {each.external_id for each in cancel.pushed.event.timeslots}
            if cancel.pushed.event
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


def _find_cycle(moves: Sequence[Move]) -> str:
    """Return the external id of an event in a cycle of moves; "" where some order does all.

    In a cycle none can be the first, since the vendor moves nothing onto a booking.
    """
    standing: dict[tuple[str, date], list[int]] = defaultdict(list)
    for number, each in enumerate(moves):
        for day in days_between(each.before.start, each.before.end):
            standing[each.before.facility_id, day].append(number)
    waits = {
        number: _blockers(each, moves, standing) - {number} for number, each in enumerate(moves)
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
    move: Move, moves: Sequence[Move], standing: dict[tuple[str, date], list[int]]
) -> set[int]:
    after = move.after
    return {
        number
        for day in days_between(after.start, after.end)
        for number in standing.get((after.facility.id, day), ())
        if moves[number].before.start < after.end and after.start < moves[number].before.end
    }
