"""Sends the three writes. A creation is never retried if it may have been done.

To cancel or to move a second time changes nothing, so these two are retried like a read.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from icalbridge import timezones
from icalbridge.errors import MalformedAnswer, NotFound, RefusedError, RequestRefused, VendorError
from icalbridge.facilitron import envelope
from icalbridge.facilitron.http import SHORTEST_KEY, Call, Failure, Transport, path_of
from icalbridge.facilitron.lenient_json import decode_object, get_text
from icalbridge.facilitron.times import parse_moment
from icalbridge.facilitron.write_requests import (
    CancelledEvent,
    Conflict,
    Created,
    CreateOutcome,
    Moved,
    NotCreated,
    Unknown,
    checked_cancellation,
    checked_change,
    checked_event,
)
from icalbridge.statuses import is_cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    from icalbridge.facilitron.write_requests import NewEvent, TimeslotChange
    from icalbridge.models import Event

    class Lookup(Protocol):
        """`Client.event`."""

        def __call__(
            self, event_type: str, event_id: str, *, zones: Mapping[str, str]
        ) -> Event: ...


CONFLICT = 409
FINISHED = 500
"""The status of the vendor's function itself, which has ended; other 5xx are its gateway's."""
ANOTHER = "an event with that external id is there already, and it is another one"


class WriteClient:
    """Sends writes with one key."""

    def __init__(
        self,
        transport: Transport,
        lookup: Lookup,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        write_timeout: float,
    ) -> None:
        """`write_timeout`: seconds after which the vendor has certainly ended a write."""
        self._transport = transport
        self._lookup = lookup
        self._clock = clock
        self._sleep = sleep
        self._write_timeout = write_timeout

    def create(self, request: NewEvent) -> CreateOutcome:
        """Create an event; see `Client.create_event`."""
        body = checked_event(request)
        owner = request.renter_owner or ""
        # an owner so short that any text may contain it is not redacted
        secrets = [request.renter_email, *([owner] if len(owner) >= SHORTEST_KEY else [])]
        call = Call(
            "create-event",
            "POST",
            path_of("event"),
            body=msgspec.json.encode(body),
            once=True,
            secrets=secrets,
        )
        outcome = self._transport.deliver(call)
        if isinstance(outcome, Failure):
            return self._after(outcome, request)
        try:
            event, invocation_id = _decode_item(call, outcome, "event")
            event_id = _require_id(call, event, invocation_id)
        except MalformedAnswer as error:
            return self._after(Failure(error, retryable=False), request)
        conflict = event.get("has_conflict")
        has_conflict = conflict if isinstance(conflict, bool) else None
        return Created(event_id, request.external_id, has_conflict, invocation_id)

    def cancel(self, event_type: str, event_id: str, log_message: str) -> CancelledEvent | Conflict:
        """Cancel an event; see `Client.cancel_event`."""
        body = checked_cancellation(event_type, event_id, log_message)
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
        event, invocation_id = _decode_item(call, outcome, "event")
        return CancelledEvent(
            get_text(event, "_id") or event_id,
            get_text(event, "external_system_event_id"),
            invocation_id,
        )

    def change(
        self, event_type: str, event_id: str, timeslot_id: str, change: TimeslotChange
    ) -> Moved | Conflict:
        """Move a timeslot; see `Client.change_timeslot`."""
        body = checked_change(event_type, event_id, timeslot_id, change, self._clock())
        path = path_of("event", event_type, event_id, "timeslot", timeslot_id)
        call = Call("change-timeslot", "PATCH", path, body=msgspec.json.encode(body))
        outcome = self._transport.deliver(call)
        if isinstance(outcome, Failure):
            return _conflict(outcome.error)
        slot, invocation_id = _decode_item(call, outcome, "timeslot")
        start, end = change.start.astimezone(UTC), change.end.astimezone(UTC)
        with suppress(ValueError):  # an unreadable time is as requested: the response is a success
            zone = timezones.zone(change.zone)
            start, end = (
                parse_moment(get_text(slot, name), zone)
                for name in ("start_datetime", "end_datetime")
            )
        return Moved(timeslot_id, start, end, invocation_id)

    def _after(self, failure: Failure, request: NewEvent) -> CreateOutcome:
        """Return the outcome of a failed creation; raises `RefusedError` for a refusal."""
        error = failure.error
        if isinstance(error, RefusedError):
            return _conflict(error)
        if failure.not_done:
            return NotCreated(error)
        try:
            event = self._find(request)
            if event is None and error.status != FINISHED:
                # the vendor may still create it, until its own time limit
                self._sleep(max(self._write_timeout - failure.seconds, 0.0))
                event = self._find(request)
        except VendorError:
            return Unknown(error)
        if event is None:
            return NotCreated(error)
        if not _matches(event, request):
            return Conflict(ANOTHER, invocation_id=error.invocation_id, by_vendor=False)
        return Created(event.id, request.external_id, None, error.invocation_id, looked_up=True)

    def _find(self, request: NewEvent) -> Event | None:
        try:
            return self._lookup(request.event_type, request.external_id, zones={"": request.zone})
        except NotFound:
            return None

    def _cancelled_before(self, event_type: str, event_id: str) -> CancelledEvent | None:
        """Look up whether an event that was not cancelled is cancelled already."""
        try:
            event = self._lookup(event_type, event_id, zones={"": "UTC"})
        except VendorError:
            return None
        return (
            CancelledEvent(event.id, event.external_id, already=True)
            if is_cancelled(event.status)
            else None
        )


def _conflict(error: VendorError) -> Conflict:
    """Return a 409 as an outcome; raise any other error."""
    if isinstance(error, RequestRefused) and error.status == CONFLICT:
        return Conflict(error.message, error.message_code, error.invocation_id)
    raise error


def _matches(event: Event, request: NewEvent) -> bool:
    """Return whether an event is the one that was to be created."""
    slots = {(slot.external_id, slot.start, slot.end) for slot in event.timeslots}
    return event.name == request.name and slots == {
        (slot.external_id, slot.start, slot.end) for slot in request.timeslots
    }


def _decode_item(call: Call, body: bytes, name: str) -> tuple[dict[str, Any], str]:
    """Return the item of a response, and its `invocation_id`; raises `MalformedAnswer`."""
    invocation_id = envelope.invocation_id_of(body)
    if code := envelope.error_code(body):
        raise MalformedAnswer(
            str(call), envelope.ERROR_CODED, 200, envelope.shown_code(code), invocation_id
        )
    item = (decode_object(body) or {}).get(name)
    if not isinstance(item, dict):
        reason = f"the answer cannot be read, or lacks its {name}"
        raise MalformedAnswer(str(call), reason, 200, invocation_id=invocation_id)
    return item, invocation_id


def _require_id(call: Call, event: dict[str, Any], invocation_id: str) -> str:
    if not (event_id := get_text(event, "_id")):
        raise MalformedAnswer(str(call), "the event has no id", 200, invocation_id=invocation_id)
    return event_id
