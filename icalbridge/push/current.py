"""Pushed events as the vendor has them; the store knows their external ids.

An event that a push cancelled, or whose last timeslot is over, is settled: it is not fetched again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from icalbridge.errors import MalformedAnswer, NotFound
from icalbridge.push.steps import PushedState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from icalbridge.facilitron import Client
    from icalbridge.models import Event
    from icalbridge.push.session import WriteSession

EVENT_TYPE = "reservation"
"""The only one that the vendor makes ("Always "reservation" for now")."""


def look_up(
    client: Client, external_id: str, zones: Mapping[str, str]
) -> tuple[Event | None, bool]:
    """Return an event by its external id, if any, and whether its answer could be read in full.

    An unreadable timeslot must not be taken for a missing one. Raises `VendorError`.
    """
    try:
        answer = client.event_response(EVENT_TYPE, external_id, zones=zones)
    except NotFound:
        return None, True
    except MalformedAnswer:
        return None, False
    return answer.events[0], answer.complete and not answer.ignored


def load_pushed(
    session: WriteSession,
    source: str,
    zones: Mapping[str, str],
    *,
    again: bool = False,
    on_progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None,
) -> list[PushedState]:
    """Return the events pushed from a calendar as the vendor has them, one request for each.

    `again`: what somebody else cancelled counts as if a push had. Raises `VendorError`.
    """
    store, now = session.store, session.clock()
    rows = store.pushed.of(source)
    open_rows = [row for row in rows if not row.settled]
    states = [
        PushedState(row.external_id, row.uid, None, row.dropped, settled=True)
        for row in rows
        if row.settled
    ]
    over, live_again = [], []
    for number, row in enumerate(open_rows):
        on_progress("looking", number, len(open_rows))
        event, whole = look_up(session.client, row.external_id, zones)
        state = PushedState(row.external_id, row.uid, event, row.dropped, unread=not whole)
        if row.dropped and state.live:
            # the push ended before it was cancelled; who cancels it from now on has a reason
            live_again.append(row.external_id)
        if _is_over(state, now):
            over.append(row.external_id)
        cancelled = event is not None and not state.live
        dropped = (row.dropped and not state.live) or (again and cancelled)
        states.append(replace(state, dropped=dropped))
    on_progress("looking", len(open_rows), len(open_rows))
    store.pushed.keep(live_again)
    store.pushed.settle(over)
    return states


def _is_over(state: PushedState, now: datetime) -> bool:
    """Return whether no later push can need an event."""
    if state.event is None or state.unread:
        return False
    past = bool(state.timeslots) and all(slot.end <= now for slot in state.timeslots)
    return past or (state.dropped and state.event.status == "cancelled")
