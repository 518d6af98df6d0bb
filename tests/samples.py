"""Small examples that several tests start from: one school, one gym, one practice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from icalbridge.models import (
    UNTOLD,
    Entry,
    Event,
    Facility,
    Property,
    StaffDetails,
    Timeslot,
    UnreadableTimeslot,
)

ZONE = "America/Los_Angeles"
NOW = datetime(2026, 11, 21, 20, tzinfo=UTC)
"""Noon in Los Angeles, a Saturday."""

SCHOOL = Property("school", "Lincoln High", "1 Oak St", "Sunnyvale", "CA", "94087", ZONE)
GYM = Facility("gym", "school", "Main Gym", "Gymnasium", 400, "gym")
POOL = Facility("pool", "school", "Pool", "Pool")


def timeslot(
    hours: float, *, facility: Facility = GYM, length: float = 2, **fields: str
) -> Timeslot:
    """Return a timeslot that starts some hours after `NOW`; length in hours."""
    start = NOW + timedelta(hours=hours)
    told = {"status": "active", **fields}
    return Timeslot(
        start, start + timedelta(hours=length), facility.id, facility.name, facility.type, **told
    )


def event(
    *timeslots: Timeslot,
    event_id: str = "e1",
    particulars: StaffDetails = UNTOLD,
    unreadable: tuple[UnreadableTimeslot, ...] = (),
    **fields: str,
) -> Event:
    """Return an approved event of the school."""
    told = {"name": "Practice", "status": "approved", "digest": f"digest-{event_id}", **fields}
    made = Event(
        event_id,
        "reservation",
        "school",
        ZONE,
        timeslots=timeslots,
        particulars=particulars,
        **told,  # type: ignore[arg-type]  # texts only
    )
    return replace(made, unreadable=unreadable)


def entry(
    hours: float,
    *,
    uid: str = "u1",
    facility: Facility = GYM,
    event_id: str = "e1",
    **fields: object,
) -> Entry:
    """Return a shown entry of two hours in the school that starts some hours after `NOW`."""
    start = NOW + timedelta(hours=hours)
    made = Entry(
        uid=f"{uid}@icalbridge",
        event_type="reservation",
        event_id=event_id,
        property_id="school",
        facility_id=facility.id,
        name="Practice",
        activity="",
        place=facility.name,
        location=f"{facility.name}, Lincoln High, 1 Oak St, Sunnyvale, CA, 94087",
        type=facility.type,
        status="approved",
        timeslot_status="active",
        start=start,
        end=start + timedelta(hours=2),
        zone=ZONE,
        sequence=0,
        modified=NOW - timedelta(days=1),
    )
    return replace(made, **fields)  # type: ignore[arg-type]  # any field may be another in a test
