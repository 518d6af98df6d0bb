"""What the vendor has of a calendar that was pushed: the store knows which events to ask for, the
vendor what they are.

An event that is cancelled as it should be, or whose last timeslot is over, is settled, and not
asked for again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from icalbridge.errors import MalformedAnswer, NotFound
from icalbridge.push.steps import OVER, PushedState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from icalbridge.facilitron import EventsResponse
    from icalbridge.models import Event
    from icalbridge.store import Pushed, Store

EVENT_TYPE = "reservation"
"""The only one that the vendor makes ("Always "reservation" for now")."""


class Asks(Protocol):
    """What is asked of the vendor here: `facilitron.Client` does it."""

    def event_response(
        self, event_type: str, event_id: str, *, zones: Mapping[str, str]
    ) -> EventsResponse: ...


def look_up(client: Asks, external_id: str, zones: Mapping[str, str]) -> tuple[Event | None, bool]:
    """Return an event by its external id, None where there is none; and whether all that was told
    could be read.

    A timeslot that could not must not be taken for one that is not there. Raises `VendorError`.
    """
    try:
        answer = client.event_response(EVENT_TYPE, external_id, zones=zones)
    except NotFound:
        return None, True
    except MalformedAnswer:
        return None, False
    return answer.events[0], answer.complete and not answer.ignored


def load_pushed(
    client: Asks,
    store: Store,
    source: str,
    zones: Mapping[str, str],
    now: datetime,
    *,
    again: bool = False,
    on_progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None,
) -> list[PushedState]:
    """Return every event that was pushed from a calendar, as the vendor has it now: a request for
    each that matters.

    `again`: what somebody else cancelled counts as if a push had. Raises `VendorError`.
    """
    rows = store.pushed.of(source)
    asked = [each for each in rows if not each.settled]
    found = [
        PushedState(each.external_id, each.uid, None, each.dropped, settled=True)
        for each in rows
        if each.settled
    ]
    over, kept = [], []
    for number, row in enumerate(asked):
        on_progress("looking", number, len(asked))
        event, whole = look_up(client, row.external_id, zones)
        cancelled = event is not None and event.status in OVER
        stands = event is not None and not cancelled
        if (
            row.dropped and stands
        ):  # the push ended before it was cancelled; who cancels it from now on has a reason
            kept.append(row.external_id)
        dropped = (row.dropped and not stands) or (again and cancelled)
        found.append(PushedState(row.external_id, row.uid, event, dropped, unread=not whole))
        if event is not None and whole and _is_over(row, event, now):
            over.append(row.external_id)
    on_progress("looking", len(asked), len(asked))
    store.pushed.keep(kept)
    store.pushed.settle(over)
    return found


def _is_over(row: Pushed, event: Event, now: datetime) -> bool:
    """Say whether nothing will become of an event: it can be asked for by no later push."""
    past = bool(event.timeslots) and all(each.end <= now for each in event.timeslots)
    return past or (row.dropped and event.status == "cancelled")
