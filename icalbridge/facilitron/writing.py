"""The three writes: checked, sent, and answered for. A creation is never sent twice where it may
have been done.

Only a creation is delicate: to cancel or to move once more what is so already changes nothing, so
these two are sent again like a read. What may be written is `bounds.py`'s, what comes of it
`writes.py`'s.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from icalbridge import timezones
from icalbridge.errors import MalformedAnswer, NotFound, RefusedError, RequestRefused, VendorError
from icalbridge.facilitron import bounds, envelope, times
from icalbridge.facilitron.lenient import loose, text
from icalbridge.facilitron.transport import SHORTEST_KEY, Call, Failure, Transport, path_of
from icalbridge.facilitron.writes import (
    Cancelled,
    Conflict,
    Created,
    CreateOutcome,
    Moved,
    NotCreated,
    Unknown,
)
from icalbridge.statuses import is_cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    from icalbridge.facilitron.writes import NewEvent, TimeslotChange
    from icalbridge.models import Event

    class Lookup(Protocol):
        """Asks for one event, as `Client.event` does."""

        def __call__(
            self, event_type: str, event_id: str, *, zones: Mapping[str, str]
        ) -> Event: ...


CONFLICT = 409
FINISHED = 500
"""The status that the vendor's function answers itself: it is no longer at work. The other 5xx are
its gateway's.
"""
ANOTHER = "an event with that external id is there already, and it is another one"


class Writing:
    """Writes with one key."""

    def __init__(
        self,
        transport: Transport,
        lookup: Lookup,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        write_timeout: float,
    ) -> None:
        """`write_timeout`: seconds after which the vendor is certainly no longer at work on a
        write.
        """
        self._transport = transport
        self._lookup = lookup
        self._clock = clock
        self._sleep = sleep
        self._write_timeout = write_timeout

    def create(self, request: NewEvent) -> CreateOutcome:
        """Create an event; see `Client.create_event`."""
        body = bounds.checked_event(request, self._clock())
        owner = request.renter_owner or ""
        # an owner so short that any text may hold it tells nothing
        hidden = [request.renter_email, *([owner] if len(owner) >= SHORTEST_KEY else [])]
        call = Call(
            "create-event",
            "POST",
            path_of("event"),
            body=msgspec.json.encode(body),
            once=True,
            secrets=hidden,
        )
        outcome = self._transport.deliver(call)
        if isinstance(outcome, Failure):
            return self._after(outcome, request)
        try:
            event, called = _found(call, outcome, "event")
            event_id = _identified(call, event, called)
        except MalformedAnswer as error:
            return self._after(Failure(error, passing=False), request)
        conflict = event.get("has_conflict")
        told = conflict if isinstance(conflict, bool) else None
        return Created(event_id, request.external_id, told, called)

    def cancel(self, event_type: str, event_id: str, log_message: str) -> Cancelled | Conflict:
        """Cancel an event; see `Client.cancel_event`."""
        body = bounds.checked_cancellation(event_type, event_id, log_message)
        call = Call(
            "cancel-event",
            "PATCH",
            path_of("event", event_type, event_id),
            body=msgspec.json.encode(body),
        )
        outcome = self._transport.deliver(call)
        if isinstance(outcome, Failure):
            conflict = _conflict(outcome.error)
            return self._cancelled_before(event_type, event_id) or conflict
        event, called = _found(call, outcome, "event")
        return Cancelled(
            text(event, "_id") or event_id, text(event, "external_system_event_id"), called
        )

    def change(
        self, event_type: str, event_id: str, timeslot_id: str, change: TimeslotChange
    ) -> Moved | Conflict:
        """Move a timeslot; see `Client.change_timeslot`."""
        body = bounds.checked_change(event_type, event_id, timeslot_id, change, self._clock())
        path = path_of("event", event_type, event_id, "timeslot", timeslot_id)
        call = Call("change-timeslot", "PATCH", path, body=msgspec.json.encode(body))
        outcome = self._transport.deliver(call)
        if isinstance(outcome, Failure):
            return _conflict(outcome.error)
        slot, called = _found(call, outcome, "timeslot")
        start, end = change.start.astimezone(UTC), change.end.astimezone(UTC)
        with suppress(
            ValueError
        ):  # what cannot be read is as it was asked for: the answer says that it is done
            zone = timezones.zone(change.zone)
            start, end = (
                times.moment(text(slot, name), zone) for name in ("start_datetime", "end_datetime")
            )
        return Moved(timeslot_id, start, end, called)

    def _after(self, failure: Failure, request: NewEvent) -> CreateOutcome:
        """Say what became of a creation that was not answered, or not well; raises `RefusedError`
        for a refusal.
        """
        error = failure.error
        if isinstance(error, RefusedError):
            return _conflict(error)
        if failure.undone:
            return NotCreated(error)
        try:
            found = self._find(request)
            if found is None and error.status != FINISHED:
                # the vendor may still be at work on it, until its own time is up
                self._sleep(max(self._write_timeout - failure.seconds, 0.0))
                found = self._find(request)
        except VendorError:
            return Unknown(error)
        if found is None:
            return NotCreated(error)
        if not _same(found, request):
            return Conflict(ANOTHER, invocation_id=error.invocation_id)
        return Created(found.id, request.external_id, None, error.invocation_id, looked_up=True)

    def _find(self, request: NewEvent) -> Event | None:
        try:
            return self._lookup(request.event_type, request.external_id, zones={"": request.zone})
        except NotFound:
            return None

    def _cancelled_before(self, event_type: str, event_id: str) -> Cancelled | None:
        """Look up whether what would not be cancelled is so already."""
        try:
            found = self._lookup(event_type, event_id, zones={"": "UTC"})
        except VendorError:
            return None
        return (
            Cancelled(found.id, found.external_id, already=True)
            if is_cancelled(found.status)
            else None
        )


def _conflict(error: VendorError) -> Conflict:
    """Return a 409 as a result; raise any other error."""
    if isinstance(error, RequestRefused) and error.status == CONFLICT:
        return Conflict(error.message, error.message_code, error.invocation_id)
    raise error


def _same(found: Event, request: NewEvent) -> bool:
    """Say whether an event is the one that was to be made."""
    there = {(each.external_id, each.start, each.end) for each in found.timeslots}
    return found.name == request.name and there == {
        (each.external_id, each.start, each.end) for each in request.timeslots
    }


def _found(call: Call, body: bytes, name: str) -> tuple[dict[str, Any], str]:
    """Return what an answer holds under a name, and its `invocation_id`; raises
    `MalformedAnswer`.
    """
    told = loose(body)
    called = envelope.invocation_id_of(body)
    if code := envelope.error_code(body):
        raise MalformedAnswer(
            str(call), envelope.ERROR_CODED, 200, envelope.shown_code(code), called
        )
    found = told.get(name) if isinstance(told, dict) else None
    if not isinstance(found, dict):
        raise MalformedAnswer(
            str(call), f"the answer cannot be read, or lacks its {name}", 200, invocation_id=called
        )
    return found, called


def _identified(call: Call, event: dict[str, Any], called: str) -> str:
    if not (event_id := text(event, "_id")):
        raise MalformedAnswer(str(call), "the event has no id", 200, invocation_id=called)
    return event_id
