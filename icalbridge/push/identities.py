"""UIDs of requests → those under which the same events were pushed before. Pure.

An event is alone under its UID, or one of several (`instances.unit_uid`). When another one joins
it or leaves, it keeps the name under which it was pushed, and so its booking.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from icalbridge.push import external_ids
from icalbridge.push.instances import plain_uid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from icalbridge.push.mapping import PushRequests
    from icalbridge.push.steps import PushedState


def match_identities(
    requests: PushRequests, pushed: Sequence[PushedState], now: datetime
) -> PushRequests:
    """Return the requests under the UIDs of what was pushed."""
    starts = {
        state.uid: slot.start
        for state in pushed
        if state.live and state.event
        for slot in state.event.timeslots
        if slot.external_id == external_ids.SINGLE
    }
    by_start = {(plain_uid(uid), start): uid for uid, start in starts.items()}
    requested = {event.uid for event in requests.events}
    names: dict[str, str] = {}
    for uid, start in _single_starts(requests).items():
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
        events=tuple(
            replace(event, uid=names.get(event.uid, event.uid)) for event in requests.events
        ),
        impossible=tuple(
            replace(item, uid=names.get(item.uid, item.uid)) for item in requests.impossible
        ),
        past=requests.past | past,
    )


def _single_starts(requests: PushRequests) -> dict[str, datetime]:
    """Return when events start that do not recur, by UID."""
    starts = {
        item.uid: item.start
        for item in requests.impossible
        if item.start and item.instance == external_ids.SINGLE
    }
    return starts | {
        event.uid: slot.start
        for event in requests.events
        for slot in event.slots
        if slot.id == external_ids.SINGLE
    }
