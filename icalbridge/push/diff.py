"""Requested and pushed events → the steps from one to the other. Pure.

The vendor can make an event, cancel one, and change a timeslot. It can neither add a timeslot nor
remove one, nor rename an event. So what is added to an event becomes another event beside it; and
where something has to go, or the name changes, the event is made anew under the next external id,
and then the old one is cancelled, so that nothing is ever without its booking. What is over is left
alone, but is carried along where its event is made anew, as far back as the vendor takes it.

What passes midnight is requested in one timeslot or in one a day: as it was pushed, else as the
vendor takes it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from icalbridge.facilitron import change_doubts
from icalbridge.push import instances
from icalbridge.push.collisions import SpanIndex
from icalbridge.push.instances import plain_uid
from icalbridge.push.mapping import Impossible, PushEvent, PushRequests, PushSlot
from icalbridge.push.steps import Cancel, Create, Move, PushPlan, Renewal, Unchanged, slot_state
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from icalbridge.models import Timeslot
    from icalbridge.push.places import PlaceTable
    from icalbridge.push.steps import PushedState

CARRIED = timedelta(days=7) - timedelta(hours=2)
"""How far back what is over is made anew: a little less than the vendor takes."""
REFUSED = "somebody canceled it in Facilitron, and so it stays; --again makes it anew"
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
    planners = {}
    for uid in [*requested, *sorted(by_uid.keys() - requested.keys())]:
        states = by_uid.get(uid, [])
        event = _in_form(requested.get(uid), states, now, by_day=requests.by_day)
        planners[uid] = _UidPlanner(uid, event, states, staying, requests.past, places, now)
    plans = {uid: planner.plan() for uid, planner in planners.items()}
    anew: set[str] = set()
    while tangled := _find_cycle([move for plan in plans.values() for move in plan.moves]):
        anew.add(tangled.pushed.external_id)
        plans[tangled.uid] = replace(planners[tangled.uid], anew=anew).plan()
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
class _UidPlanner:
    """Decides for one UID."""

    uid: str
    event: PushEvent | None
    """What is requested."""
    pushed: Sequence[PushedState]
    staying: frozenset[tuple[str, str]]
    past: frozenset[tuple[str, str]]
    places: PlaceTable
    now: datetime
    anew: set[str] = field(default_factory=set)
    """External ids of events whose timeslots move in a cycle, so that none can be the first."""

    def plan(self) -> PushPlan:
        if any(state.unread for state in self.pushed):
            return PushPlan(impossible=(Impossible(self.uid, self._name(), UNREAD),))
        before = _live_slots(self.pushed, self.now)
        refused = _cancelled_ids(self.pushed) - before.keys()
        slots = self.event.slots if self.event else ()
        requested = {slot.id: slot for slot in slots if slot.id not in refused}
        cancels: list[Cancel] = []
        moves: list[Move] = []
        unchanged: list[Unchanged] = []
        covered: set[str] = set()
        anew: dict[str, PushSlot] = {}
        for state in self.pushed:
            coming, head = state.coming(self.now), (self.uid, self._name(state))
            if not state.live or not coming:
                continue
            if reason := self._cancel_reason(state, coming, requested, covered):
                cancels.append(Cancel(*head, state, coming, reason))
                anew |= {slot.id: slot for slot in self._carried(state, requested)}
                continue
            covered.update(slot.external_id for slot in coming)
            changed = dict(_changed(coming, requested))
            moves += [Move(*head, state, *pair) for pair in changed.items()]
            if same := tuple(slot for slot in coming if slot not in changed):
                unchanged.append(Unchanged(*head, state.property_id, same))
        anew |= {slot.id: slot for slot in requested.values()}
        missing = [slot for slot in anew.values() if slot.id not in covered]
        plain, renewals = _renewals(self.uid, self._creations(missing), cancels)
        after = covered | {slot.id for slot in missing if slot.end > self.now}
        return PushPlan(
            plain,
            tuple(moves),
            renewals,
            tuple(unchanged),
            tuple(
                Impossible(self.uid, self._name(), REFUSED, slot.start, slot.id)
                for slot in slots
                if slot.id in refused
            ),
            len(before),
            max(0, len(before) - len(after)),
        )

    def _name(self, state: PushedState | None = None) -> str:
        if self.event:
            return self.event.name
        events = (item.event for item in ([state] if state else self.pushed) if item.event)
        return next((display_text(event.name) for event in events), "")

    def _stays(self, slot_id: str) -> bool:
        instance = (self.uid, instances.instance_of(slot_id))
        names = {(plain_uid(self.uid), ""), (self.uid, ""), instance}
        return not self.staying.isdisjoint(names) or (self.uid, slot_id) in self.past

    def _cancel_reason(
        self,
        state: PushedState,
        coming: Sequence[Timeslot],
        requested: Mapping[str, PushSlot],
        covered: set[str],
    ) -> str:
        """Say why an event cannot stay, as a clause; "" where it can, its timeslots changed."""
        ids = {slot.external_id for slot in coming}
        after = [requested[slot_id] for slot_id in ids if slot_id in requested]
        if not ids.isdisjoint(covered):
            return "its instances stand there twice"
        gone = sum(slot_id not in requested and not self._stays(slot_id) for slot_id in ids)
        if gone == len(ids):
            return "it is no longer in the calendar"
        if gone:
            count = "1 instance is" if gone == 1 else f"{gone} instances are"
            return f"{count} no longer in the calendar, and the vendor can take out no timeslot"
        if self.event and self._name() != display_text(state.event.name if state.event else ""):
            return "it has another name, and the vendor can rename no event"
        if any(slot.facility.property_id != state.property_id for slot in after):
            return "it takes place at another property"
        if any(self._is_out_of_bounds(slot) for _, slot in _changed(coming, requested)):
            return FIXED
        if state.external_id in self.anew:
            return "it changes places with another, and the vendor moves nothing onto a booking"
        return ""

    def _is_out_of_bounds(self, slot: PushSlot) -> bool:
        """Return whether times are such as the vendor takes for no changed timeslot."""
        zone = self.places.zones.get(slot.facility.property_id, "UTC")
        return bool(change_doubts(slot.start, slot.end, zone, self.now))

    def _carried(self, state: PushedState, requested: Mapping[str, PushSlot]) -> Iterator[PushSlot]:
        """Yield what is made anew though it is not requested: what stays, and what is just over."""
        others = [item for item in self.pushed if item.live and item is not state]
        left_out = {slot.external_id for item in others for slot in item.timeslots}
        left_out |= {"", *requested}
        coming = [slot.external_id for slot in state.coming(self.now)]
        goes_on = any(slot_id in requested or self._stays(slot_id) for slot_id in coming)
        for slot in state.timeslots:
            if slot.external_id in left_out or slot.facility_id not in self.places.facilities:
                continue
            is_just_over = goes_on and slot.start > self.now - CARRIED
            if self._stays(slot.external_id) if slot.end > self.now else is_just_over:
                yield PushSlot.as_pushed(slot, self.places)

    def _creations(self, slots: Sequence[PushSlot]) -> Iterator[Create]:
        """Yield the events that have to be made for some timeslots: one for each property."""
        numbers = {instances.number_of(state.external_id): state for state in self.pushed}
        unmade = sorted(number for number, state in numbers.items() if state.unmade)
        fresh = max(numbers, default=-1) + 1
        by_property: dict[str, list[PushSlot]] = defaultdict(list)
        for slot in sorted(slots, key=lambda slot: slot.start):
            by_property[slot.facility.property_id].append(slot)
        free = [*unmade, *range(fresh, fresh + len(slots))]
        for number, group in zip(free, by_property.values(), strict=False):
            yield Create(self.uid, self._name(), number, tuple(group))


def _changed(
    coming: Iterable[Timeslot], requested: Mapping[str, PushSlot]
) -> Iterator[tuple[Timeslot, PushSlot]]:
    """Yield timeslots that are requested in another way than they are."""
    for before in coming:
        after = requested.get(before.external_id)
        if after and after.state != slot_state(before):
            yield before, after


def _renewals(
    uid: str, creates: Iterable[Create], cancels: Iterable[Cancel]
) -> tuple[tuple[Cancel, ...], tuple[Renewal, ...]]:
    """Return the cancellations that wait for nothing; and creations with those that wait for them.

    A cancellation waits for whatever carries a timeslot of its event, and for nothing else: what is
    refused must not keep up what it has nothing to do with.
    """
    plain: list[Cancel] = []
    groups = [Renewal(uid, (create,)) for create in creates]
    for cancel in cancels:
        ids = {slot.external_id for slot in cancel.pushed.timeslots}
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


def _find_cycle(moves: Sequence[Move]) -> Move | None:
    """Return a move of a cycle, in which none can be first: nothing is moved onto a booking."""
    occupied = SpanIndex(
        ((move.before.facility_id, move.before.start, move.before.end), number)
        for number, move in enumerate(moves)
    )
    waits = {
        number: {*occupied.overlapping(after.span)} - {number}
        for number, after in enumerate(move.after for move in moves)
    }
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        cycle: list[int] = error.args[1]
        return moves[min(cycle)]
    return None


def _live_slots(pushed: Iterable[PushedState], now: datetime) -> dict[str, Timeslot]:
    """Return the timeslots that are booked and not over, by external id."""
    return {slot.external_id: slot for state in pushed if state.live for slot in state.coming(now)}


def _cancelled_ids(pushed: Iterable[PushedState]) -> set[str]:
    """Return the ids of the timeslots of events that somebody else cancelled."""
    cancelled = (state for state in pushed if not state.live and not state.dropped)
    return {slot.external_id for state in cancelled for slot in state.timeslots}


def _in_form(
    requested: PushEvent | None, pushed: Sequence[PushedState], now: datetime, *, by_day: bool
) -> PushEvent | None:
    """Return an event with each timeslot past midnight in one or in parts."""
    if requested is None or not any(slot.parts for slot in requested.slots):
        return requested
    cancelled, live = _cancelled_ids(pushed), _live_slots(pushed, now)
    slots = [
        part
        for slot in requested.slots
        for part in (slot.parts if _is_split(slot, live, cancelled, by_day=by_day) else (slot,))
    ]
    return replace(requested, slots=tuple(slots))


def _is_split(
    slot: PushSlot, live: Mapping[str, Timeslot], cancelled: Collection[str], *, by_day: bool
) -> bool:
    """Return whether a timeslot is requested in parts: as pushed, else as the vendor takes it.

    What has begun is requested in parts, since its first days are over.
    """
    others = [part for part in slot.parts if part.id != slot.id]
    if any(part.id in live for part in others):
        return True
    there = live.get(slot.id)
    if slot.id in cancelled and not there:
        return any(part.id in cancelled for part in others)
    begun = len(others) == len(slot.parts)
    if there and (begun or (there.start, there.end) == (slot.start, slot.end)):
        return False
    return bool(slot.parts) and (begun or by_day)
