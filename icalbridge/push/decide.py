"""Requests and pushed events → the plan of a push, with notes and the sum of instances. Pure.

Before they are compared (`diff`), requests get the UIDs under which the same events were pushed:
an event is alone under its UID, or one of several (`instances.unit_uid`), and when another one
joins it or leaves, it keeps the name under which it was pushed, and so its booking.

Of METHOD:CANCEL only the UIDs that it names are looked at, and events of others stay (RFC 5546,
section 3.2.5). Since the vendor can remove no timeslot, the rest of a series of which one instance
goes is made anew.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from icalbridge.facilitron import change_doubts
from icalbridge.facilitron.write_requests import TOO_FAR, TOO_OLD
from icalbridge.push.diff import plan_push
from icalbridge.push.instances import NO_NAME, SINGLE, instance_of, plain_uid, unit_uid
from icalbridge.push.mapping import Impossible, PushEvent, PushRequests, PushSlot
from icalbridge.push.steps import Cancel, Move, PushedState, PushPlan
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from icalbridge.models import Timeslot
    from icalbridge.push.instances import CancelRequest, PushTally
    from icalbridge.push.places import PlaceTable

REASON = "the calendar cancels it (METHOD:CANCEL)"
ONLY_CANCELS = (
    "The calendar cancels (METHOD:CANCEL): nothing else that was pushed from it is looked at."
)
UNPLACED = "the rest of it is in a facility that is not known any more"
_DOUBTS = {TOO_OLD: "begun more than 7 days ago", TOO_FAR: "more than 2 years ahead"}
"""By the bounds that are published for changes only; `map_calendar` notes what passes midnight."""


def decide(
    requests: PushRequests, pushed: Sequence[PushedState], places: PlaceTable, now: datetime
) -> tuple[PushRequests, PushPlan]:
    """Return the plan, and the requests that it is for."""
    if requests.cancels is not None:
        requests, plan = _plan_cancellation(requests, requests.cancels, pushed, places, now)
    else:
        requests = _match_identities(requests, pushed, now)
        plan = plan_push(requests, pushed, places, now)
    notes = (*requests.notes, *_foresee_refusals(plan, places, now))
    return replace(requests, notes=notes), plan


def _foresee_refusals(plan: PushPlan, places: PlaceTable, now: datetime) -> Iterator[str]:
    """Yield a sentence on new bookings for each bound by which the vendor may refuse them."""
    creates = (create for renewal in plan.renewals for create in renewal.creates)
    counts = Counter(
        reason
        for slot in (slot for create in creates for slot in create.slots)
        for _, reason in change_doubts(
            slot.start, slot.end, places.zones[slot.facility.property_id], now
        )
    )
    for reason, words in _DOUBTS.items():
        if count := counts[reason]:
            bookings = "1 new booking is" if count == 1 else f"{count} new bookings are"
            yield f"{bookings} {words}; Facilitron may refuse that."


def tally(requests: PushRequests, plan: PushPlan) -> PushTally:
    """Return what becomes of each instance in the calendar."""
    fates = _find_fates(requests, plan) if requests.cancels is None else {}
    counts = Counter(fates.values())
    return replace(
        requests.counts,
        created=counts["created"],
        moved=counts["moved"],
        unchanged=counts["unchanged"],
        impossible=requests.counts.impossible + counts["impossible"],
    )


def _find_fates(requests: PushRequests, plan: PushPlan) -> dict[tuple[str, str], str]:
    """Return the fate of each requested instance; of its days the one that does most counts."""
    requested = [(event.uid, slot.id) for event in requests.events for slot in event.slots]
    fates = {(uid, instance_of(slot_id)): "unchanged" for uid, slot_id in requested}
    for item in plan.impossible[len(requests.impossible) :]:
        alone = {(item.uid, instance_of(item.instance))} if item.instance else fates.keys()
        fates |= {key: "impossible" for key in alone if key in fates and key[0] == item.uid}
    for step in plan.steps:
        if not isinstance(step, Cancel):
            fate = "moved" if isinstance(step, Move) else "created"
            keys = [(step.uid, instance_of(slot.id)) for slot in step.slots]
            fates |= {key: fate for key in keys if key in fates}
    return fates


def _match_identities(
    requests: PushRequests, pushed: Sequence[PushedState], now: datetime
) -> PushRequests:
    """Return the requests under the UIDs of what was pushed."""
    starts = {
        state.uid: slot.start
        for state in pushed
        if state.live
        for slot in state.timeslots
        if slot.external_id == SINGLE
    }
    by_start = {(plain_uid(uid), start): uid for uid, start in starts.items()}
    requested = {event.uid for event in requests.events}
    names: dict[str, str] = {}
    impossible = (item for item in requests.impossible if item.instance == SINGLE)
    singles = [(item.uid, item.start) for item in impossible if item.start]
    slots = ((event.uid, slot) for event in requests.events for slot in event.slots)
    singles += [(uid, slot.start) for uid, slot in slots if slot.id == SINGLE]
    for uid, start in singles:
        other = by_start.get((plain_uid(uid), start), uid)
        if starts.get(uid) != start and other not in requested:
            names[uid] = other
    past = {
        (other, slot_id)
        for uid, slot_id in requests.past
        for other, start in starts.items()
        if plain_uid(other) == plain_uid(uid) and start <= now
    }
    return replace(
        requests,
        events=tuple(replace(item, uid=names.get(item.uid, item.uid)) for item in requests.events),
        impossible=tuple(
            replace(item, uid=names.get(item.uid, item.uid)) for item in requests.impossible
        ),
        past=requests.past | past,
    )


def _plan_cancellation(
    requests: PushRequests,
    cancels: Sequence[CancelRequest],
    pushed: Sequence[PushedState],
    places: PlaceTable,
    now: datetime,
) -> tuple[PushRequests, PushPlan]:
    """Return what is requested of the UIDs that are cancelled or have instances that are."""
    named: dict[str, list[CancelRequest]] = defaultdict(list)
    notes = [ONLY_CANCELS]
    for cancel in cancels:
        states = list(_named(cancel, pushed))
        for state in states:
            named[state.uid].append(cancel)
        if not any(state.live and state.coming(now) for state in states):
            name = display_text(cancel.name) or NO_NAME
            notes.append(
                f"Nothing to come was pushed from this calendar for {name!r}, which it cancels."
            )
    mine = [state for state in pushed if state.uid in named]
    rest = [_find_rest(uid, of_uid, mine, places, now) for uid, of_uid in named.items()]
    impossible = (item for item in rest if isinstance(item, Impossible))
    requests = replace(
        requests,
        events=tuple(item for item in rest if isinstance(item, PushEvent)),
        impossible=(*requests.impossible, *impossible),
        notes=(*notes, *requests.notes),
    )
    plan = plan_push(requests, mine, places, now)
    renewals = (replace(item, cancels=_with_reason(item.cancels)) for item in plan.renewals)
    cancelled = _with_reason(plan.cancels)
    return requests, replace(plan, cancels=cancelled, renewals=tuple(renewals), coming=0, ending=0)


def _find_rest(
    uid: str,
    cancels: Sequence[CancelRequest],
    pushed: Sequence[PushedState],
    places: PlaceTable,
    now: datetime,
) -> PushEvent | Impossible | None:
    """Return what was pushed for a UID and is not cancelled."""
    rest = [
        (display_text(state.event.name), slot)
        for state in pushed
        if state.uid == uid and state.live and state.event
        for slot in state.coming(now)
        if not any(_is_gone(slot, cancel, state, places) for cancel in cancels)
    ]
    if any(slot.facility_id not in places.facilities for _, slot in rest):
        return Impossible(uid, rest[0][0], UNPLACED)
    slots = {slot.external_id: PushSlot.as_pushed(slot, places) for _, slot in rest}
    return PushEvent(uid, rest[0][0], tuple(slots.values())) if rest else None


def _with_reason(cancels: Sequence[Cancel]) -> tuple[Cancel, ...]:
    return tuple(replace(cancel, why=REASON) for cancel in cancels)


def _named(cancel: CancelRequest, pushed: Sequence[PushedState]) -> Iterator[PushedState]:
    """Yield what was pushed for an event; of several under one UID the one that starts then."""
    states = [state for state in pushed if plain_uid(state.uid) == cancel.uid]
    several = any(state.uid != cancel.uid for state in states)
    for state in states:
        at_start = unit_uid(cancel.uid, cancel.start_id) == state.uid
        if not (several and cancel.start_id and not cancel.instance_ids) or at_start:
            yield state


def _is_gone(slot: Timeslot, cancel: CancelRequest, state: PushedState, places: PlaceTable) -> bool:
    if not cancel.instance_ids:
        return True
    zone = places.clock_of(state.property_id)
    instance = instance_of(slot.external_id)
    return (
        instance in cancel.instance_ids or cancel.day == f"{slot.start.astimezone(zone):%Y-%m-%d}"
    )
