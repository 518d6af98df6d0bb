"""METHOD:CANCEL → the steps that cancel what was pushed under the UIDs that it names. Pure.

Events of other UIDs stay (RFC 5546, section 3.2.5). Since the vendor can remove no timeslot, the
rest of a series of which one instance goes is made anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.push.diff import plan_push
from icalbridge.push.instances import NO_NAME, plain_uid, unit_uid
from icalbridge.push.mapping import Impossible, PushEvent, PushSlot
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from icalbridge.models import Timeslot
    from icalbridge.push.instances import CancelRequest
    from icalbridge.push.mapping import PushRequests
    from icalbridge.push.places import PlaceTable
    from icalbridge.push.steps import PushedState, PushPlan

REASON = "the calendar cancels it (METHOD:CANCEL)"
ONLY_CANCELS = (
    "The calendar cancels (METHOD:CANCEL): nothing else that was pushed from it is looked at."
)
UNPLACED = "the rest of it is in a facility that is not known any more"


def plan_cancellation(
    requests: PushRequests, pushed: Sequence[PushedState], places: PlaceTable, now: datetime
) -> tuple[PushRequests, PushPlan]:
    """Return what is requested of the UIDs that are named, and the plan for it."""
    gone: dict[str, set[str]] = {}
    """External ids of timeslots, by the uid of what was pushed."""
    notes = [ONLY_CANCELS]
    for cancel in requests.cancels or ():
        states = list(_named(cancel, pushed))
        for state in states:
            slots = state.coming(now)
            ids = {slot.external_id for slot in slots if _is_gone(slot, cancel, state, places)}
            gone.setdefault(state.uid, set()).update(ids)
        if not any(state.live and state.coming(now) for state in states):
            notes.append(
                f"Nothing to come was pushed from this calendar for"
                f" {display_text(cancel.name) or NO_NAME!r}, which it cancels."
            )
    mine = [state for state in pushed if state.uid in gone]
    events, impossible = [], list(requests.impossible)
    for uid, ids in gone.items():
        stay = {
            slot.external_id: (state, slot)
            for state in mine
            if state.uid == uid and state.live
            for slot in state.coming(now)
            if slot.external_id not in ids
        }
        names = [state.event.name for state, _ in stay.values() if state.event]
        name = display_text(names[0]) if names else ""
        if any(slot.facility_id not in places.facilities for _, slot in stay.values()):
            impossible.append(Impossible(uid, name, UNPLACED))
        elif stay:
            remaining = tuple(_slot(slot, places) for _, slot in stay.values())
            events.append(PushEvent(uid, name, remaining))
    whole = replace(
        requests,
        events=tuple(events),
        impossible=tuple(impossible),
        notes=(*notes, *requests.notes),
    )
    plan = plan_push(whole, mine, places, now)
    return whole, replace(
        plan,
        cancels=tuple(replace(cancel, why=REASON) for cancel in plan.cancels),
        renewals=tuple(
            replace(
                renewal, cancels=tuple(replace(cancel, why=REASON) for cancel in renewal.cancels)
            )
            for renewal in plan.renewals
        ),
        coming=0,
        ending=0,
    )


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
    zone = timezones.zone(places.zones.get(state.property_id, "UTC"))
    instance = slot.external_id.partition(".")[0]
    same_day = bool(cancel.day) and cancel.day == f"{slot.start.astimezone(zone):%Y-%m-%d}"
    return instance in cancel.instance_ids or same_day


def _slot(slot: Timeslot, places: PlaceTable) -> PushSlot:
    facility = places.facilities[slot.facility_id]
    return PushSlot(slot.external_id, slot.start, slot.end, facility, display_text(slot.activity))
