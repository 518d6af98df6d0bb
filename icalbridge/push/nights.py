"""Requested timeslots past midnight, in one or one a day: as they were pushed, else as the vendor
takes them. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from icalbridge.models import Timeslot
    from icalbridge.push.mapping import PushEvent, PushSlot
    from icalbridge.push.steps import PushedState


def cancelled_ids(pushed: Iterable[PushedState]) -> set[str]:
    """Return the ids of the timeslots of events that somebody else cancelled."""
    return {
        slot.external_id
        for state in pushed
        if state.event and not state.live and not state.dropped
        for slot in state.event.timeslots
    }


def in_form(
    requested: PushEvent | None, pushed: Sequence[PushedState], now: datetime, *, by_day: bool
) -> PushEvent | None:
    """Return an event with each timeslot past midnight in one or in parts."""
    if requested is None or not any(slot.parts for slot in requested.slots):
        return requested
    cancelled = cancelled_ids(pushed)
    live = {slot.external_id: slot for state in pushed if state.live for slot in state.coming(now)}
    slots = [
        part
        for slot in requested.slots
        for part in (slot.parts if _is_split(slot, live, cancelled, by_day=by_day) else (slot,))
    ]
    return replace(requested, slots=tuple(slots))


def _is_split(
    slot: PushSlot, live: Mapping[str, Timeslot], cancelled: Collection[str], *, by_day: bool
) -> bool:
    """Return whether a timeslot is requested in parts: as it was pushed, if it was, else as the
    vendor takes it.

    What has begun is requested in parts, since its first days are over.
    """
    others = [part for part in slot.parts if part.id != slot.id]
    if any(part.id in live for part in others):
        return True
    if slot.id in cancelled and slot.id not in live:
        return any(part.id in cancelled for part in others)
    begun = len(others) == len(slot.parts)
    if slot.id in live and (begun or _same_time(live[slot.id], slot)):
        return False
    return bool(slot.parts) and (begun or by_day)


def _same_time(there: Timeslot, requested: PushSlot) -> bool:
    return (there.start, there.end) == (requested.start, requested.end)
