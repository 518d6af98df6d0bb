"""What `event` foresees: collisions as the vendor has them now, and refusals of a dry run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from icalbridge.cli.event_request import quote_name
from icalbridge.errors import NotFound, VendorError
from icalbridge.push.collisions import find_collisions
from icalbridge.push.steps import OVER
from icalbridge.statuses import is_cancelled

if TYPE_CHECKING:
    from icalbridge.cli.event_result import EventResult
    from icalbridge.cli.event_session import EventSession
    from icalbridge.facilitron import NewEvent
    from icalbridge.models import Entry, Event
    from icalbridge.push.collisions import Span

MOST_CHECKED = 5
"""Colliding events that the vendor is asked about; the others count as stored."""
NOT_OURS = (
    "It has no external id, so it was not made through Facilitron's API; Facilitron may refuse to"
    " cancel it."
)


def current_collisions(session: EventSession, event: Event) -> list[Entry]:
    """Return the bookings of other events that overlap an event's timeslots.

    They are looked up in the store, and then at the vendor, since one that has just been moved may
    still be stored at its old time.
    """
    spans = [(slot.facility_id, slot.start, slot.end) for slot in event.timeslots]
    entries = find_collisions(session.store, {event.property_id}, spans, {event.id})
    keys = list(dict.fromkeys((entry.event_type, entry.event_id) for entry in entries))
    moved = {key for key in keys[:MOST_CHECKED] if _is_away(session, key, spans)}
    return [entry for entry in entries if (entry.event_type, entry.event_id) not in moved]


def _is_away(session: EventSession, key: tuple[str, str], spans: list[Span]) -> bool:
    """Return whether the vendor has an event elsewhere now, or nowhere."""
    try:
        event = session.fetch(*key)
    except NotFound:
        return True
    except VendorError:
        return False
    return event.status in OVER or not any(
        slot.facility_id == facility_id and slot.start < end and start < slot.end
        for slot in event.timeslots
        for facility_id, start, end in spans
    )


def taken_id(session: EventSession, request: NewEvent) -> str:
    """Return why a creation would be refused, as a clause; "" where nothing is known against it."""
    try:
        event = session.fetch(request.event_type, request.external_id)
    except VendorError:
        return ""
    return (
        f"the external id {request.external_id} is that of {quote_name(event.name)},"
        f" {event.type} {event.id}"
    )


def move_obstacle(event: Event, result: EventResult) -> str:
    """Return why a move would be refused, as a clause; "" where nothing is known against it."""
    if is_cancelled(event.status):
        return f"{quote_name(event.name)} is cancelled"
    return "a booking cannot be moved onto another one" if result.collides_with else ""


def foresee(result: EventResult, obstacle: str) -> EventResult:
    """Return the result of a dry run of what the vendor would refuse for a reason, if any."""
    if not obstacle:
        return result
    message = f"Facilitron would refuse this: {obstacle}; nothing was sent."
    return replace(result, outcome="conflict", message=message)
