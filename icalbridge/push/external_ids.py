"""External ids out of a calendar's own: the same every time, on every machine, so that a push finds
again what it made.

The vendor takes 3 to 50 letters, digits, `.`, `-` and `_` (vendor: CreateEventDto), and takes each
event's id for ever, also for one that was cancelled. So an event's id is a digest of where it came
from and its UID, and a number that is raised each time another event has to stand for that UID. A
timeslot's is its instance's RECURRENCE-ID (RFC 5545, section 3.8.4.4).
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

SINGLE = "single"
"""The timeslot of what does not recur: it keeps its name wherever it moves."""
_DIGITS = 24


def event_id(source: str, uid: str, number: int) -> str:
    """Return the external id of the `number`th event, from 0, that stands for a source's UID."""
    text = f"{len(source)} {source} {uid}".encode("utf-8", "surrogatepass")
    return f"ib-{sha256(text).hexdigest()[:_DIGITS]}-{number}"


def number_of(external_id: str) -> int:
    """Return which of its UID's events an external id of ours names."""
    return int(external_id.rpartition("-")[2])


def instance_of(slot_id: str) -> str:
    """Return the id of the instance of which a timeslot is, or a day of it (`part_id`)."""
    return slot_id.partition(".")[0]


def instance_id(recurrence: date | datetime) -> str:
    """Return the external id of a timeslot from a RECURRENCE-ID: a day, floating or a moment."""
    if not isinstance(recurrence, datetime):
        return f"{recurrence:%Y%m%d}"
    if recurrence.tzinfo is None:
        return f"{recurrence:%Y%m%dT%H%M%S}"
    return f"{recurrence.astimezone(UTC):%Y%m%dT%H%M%SZ}"
