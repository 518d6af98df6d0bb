"""One key's client over the open database: what every write needs, of `event` and of `push`.

Pushed events are looked up at the vendor; the store knows their external ids. An event that a push
cancelled, or whose last timeslot is over, is settled: it is not fetched again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from icalbridge.errors import (
    AccessRefused,
    IcalbridgeError,
    MalformedAnswer,
    NotFound,
    RequestRefused,
    VendorError,
)
from icalbridge.facilitron import Client, Conflict, OvernightCreator
from icalbridge.push.steps import PushedState
from icalbridge.sync.ledger import StoreLedger
from icalbridge.sync.refresh_event import EventRefresher, RefreshedEvent
from icalbridge.sync.zone_evidence import zones_of
from icalbridge.vendor_words import quote_vendor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from icalbridge.models import Event
    from icalbridge.settings import ApiUser
    from icalbridge.store import Store

Answer = TypeVar("Answer")
EVENT_TYPE = "reservation"
"""The only one that the vendor makes ("Always "reservation" for now")."""
REFUSALS = (RequestRefused, NotFound, AccessRefused)
"""Errors by which the vendor refuses one write; it changed nothing."""


@dataclass(frozen=True, slots=True)
class WriteRefusal:
    reason: str
    """A clause: the vendor's own words as such."""
    is_conflict: bool = False
    invocation_id: str = ""


@dataclass(frozen=True, slots=True)
class WriteSession:
    """Client of one key over the open database."""

    store: Store
    user: ApiUser
    client: Client
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]

    def fetch(self, event_type: str, event_id: str) -> Event:
        """Return an event as the vendor has it. Raises `VendorError`."""
        zones, unsure = zones_of({place.id: place for place in self.store.read.properties()})
        return self.client.event(event_type, event_id, zones=zones, unsure=unsure)

    def make_creator(self) -> OvernightCreator:
        keys, user = self.store.api_keys, self.user.name
        splits_nights = keys.splits_nights(user)
        return OvernightCreator(self.client, splits_nights, partial(keys.note_split_nights, user))

    def refresh(self, event_type: str, event_id: str, property_id: str) -> RefreshedEvent:
        """Update the store with an event that was written to. Raises `IcalbridgeError`."""
        types, clock = self.user.event_types, self.clock
        refresher = EventRefresher(
            self.client, self.store, event_types=types, clock=clock, sleep=self.sleep
        )
        return refresher.refresh(event_type, event_id, property_id=property_id)

    def requests_left(self) -> int:
        user = self.user
        limits = {"rate_per_minute": user.rate_per_minute, "quota_per_day": user.quota_per_day}
        return StoreLedger(self.store, user.name, **limits).left(self.clock())


def send_write(
    send: Callable[[], Answer | Conflict],
    refusals: tuple[type[IcalbridgeError], ...] = REFUSALS,
) -> Answer | WriteRefusal:
    """Send a write; return its answer, or why it was refused."""
    try:
        answer = send()
    except refusals as error:
        return WriteRefusal(refusal_text(error), invocation_id=getattr(error, "invocation_id", ""))
    if isinstance(answer, Conflict):
        return WriteRefusal(refusal_text(answer), True, answer.invocation_id)
    return answer


def refusal_text(refusal: IcalbridgeError | Conflict) -> str:
    """Return why a write was refused, as a clause: the vendor's own words as such."""
    if isinstance(refusal, Conflict) and refusal.by_vendor:
        return quote_vendor(refusal.message, 409, refusal.message_code)
    if isinstance(refusal, REFUSALS):
        return quote_vendor(refusal.message, refusal.status, refusal.message_code)
    return refusal.message if isinstance(refusal, Conflict | VendorError) else str(refusal)


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
