"""The vendor's refusals and field names, in words for people."""

from __future__ import annotations

import re

from icalbridge.text import display_text

_FIELDS = {
    "external_system_event_id": "the external id",
    "external_system_timeslot_id": "the id",
    "activity_name": "the activity",
    "activity_type_id": "the activity type",
    "end_date": "the last day",
    "end_datetime": "the end",
    "event_id": "the event's id",
    "event_log_message": "the log message",
    "event_type": "the event type",
    "event_types": "the event type",
    "facility_u_id": "the facility",
    "renter_email": "the renter's e-mail address",
    "renter_owner": "the renter's owner",
    "renter_rate_category_id": "the rate category",
    "start_date": "the first day",
    "start_datetime": "the start",
    "timeslot_id": "the timeslot's id",
}
"""By the names on the vendor's pages."""
_WORDS = {
    "attendance": "the attendance",
    "name": "the name",
    "timeslots": "the list of timeslots",
    "zone": "the time zone",
}
"""Names that may also stand in a sentence as words."""
_NAMES = re.compile(
    rf"\b(?:timeslots\[\d+\](?:\.(?:{'|'.join(_FIELDS)}))?|{'|'.join(_FIELDS)})(?![\w\[]|\.\w)"
)
_TIMESLOT = re.compile(r"timeslots\[(\d+)\]\.?")


def quote_vendor(message: str, *details: object) -> str:
    """Return the vendor's message as a clause: `the booking system says: Not free (409 EV004)`."""
    text = display_text(message, missing="nothing more").removesuffix(".")
    known = " ".join(str(detail) for detail in details if detail)
    return f"the booking system says: {plain_text(text)}" + (f" ({known})" if known else "")


def plain_text(text: str) -> str:
    """Return a text with the vendor's field names in plain words."""
    return _NAMES.sub(lambda match: plain_field(match[0]), text)


def plain_field(name: str) -> str:
    """Return a field in plain words: `timeslots[1].end_datetime` is `the end of timeslot 2`."""
    match = _TIMESLOT.match(name)
    if match is None:
        return _FIELDS.get(name) or _WORDS.get(name) or name
    timeslot = f"timeslot {int(match[1]) + 1}"
    field = name[match.end() :]
    return f"{_FIELDS.get(field, field)} of {timeslot}" if field else timeslot
