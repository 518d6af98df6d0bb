"""The vendor's documented rules for a request, and the status, code and message of each refusal.

Where the vendor's pages disagree, a request is refused only if it breaks what all readings have in
common: a client that keeps to one reading is never refused by the other (api/README.md, "Where the
pages disagree"). Key and limits are checked before, in `app.py`; the bodies of writes in
`validation.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from icalbridge.sandbox.schemas import EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MAX_DAYS_APART = 31
HORIZON_DAYS = 365
WRITE_DAYS_BACK = 7
WRITE_YEARS_AHEAD = 2
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Refusal(Exception):
    """Raised for a request that breaks a rule; its text is the response's `message`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Query:
    """Valid query for events: local days, both included, and event types."""

    start: date
    end: date
    types: frozenset[str]
    include_child_events: bool


def unknown_property() -> Refusal:
    return Refusal(404, "PR001", "Property not found – The requested property could not be found.")


def unknown_facility() -> Refusal:
    return Refusal(404, "FC001", "Facility not found – The requested facility could not be found.")


def unknown_event() -> Refusal:
    return Refusal(404, "EV001", "Event not found – The requested event could not be found.")


def unknown_timeslot() -> Refusal:
    return Refusal(
        404, "EV002", "Time slot not found – The event has no time slot of that external id."
    )


def unknown_activity_type() -> Refusal:
    return Refusal(
        404,
        "EV006",
        "Activity type not found – activity_type_id names no configured activity type.",
    )


def unknown_renter() -> Refusal:
    return Refusal(404, "US001", "User not found – renter_email belongs to no known renter.")


def several_owners() -> Refusal:
    return Refusal(
        400, "FC002", "Invalid facility – The facilities of one event must belong to one property."
    )


def not_yours() -> Refusal:
    return Refusal(403, "AC001", "Forbidden – The event was not made through this API.")


def invalid_state() -> Refusal:
    return Refusal(409, "EV003", "Invalid state – The event is cancelled.")


def conflict() -> Refusal:
    return Refusal(409, "EV004", "Conflict – The facility is booked at that time.")


def duplicate() -> Refusal:
    return Refusal(409, "EV005", "Duplicate – An event with that external_system_event_id exists.")


def invalid(message: str) -> Refusal:
    """Return the refusal of a request that fails validation."""
    return Refusal(400, "SY001", f"Validation failed – {message}.")


def read_query(
    args: Mapping[str, str],
    today: date,
    *,
    has_children: bool = False,
    child_events_days: int = 90,
    maintenance_blocks: bool = False,
) -> Query:
    """Check the query of an events request; `today` is the calendar day in the property's zone.

    `include_child_events` matters only where the property `has_children`: elsewhere it "does not
    expand the search", and the dates are bounded as without it. `maintenance_blocks` allows the
    event type that is "coming soon". Raises `Refusal`.
    """
    types = _event_types(args.get("event_types", ""), maintenance_blocks=maintenance_blocks)
    start, end = _day(args, "start_date", today), _day(args, "end_date", today)
    children = _flag(args, "include_child_events") and has_children
    _check_window(start, end, today)
    if children:
        _check_child_events(start, end, today, child_events_days)
    return Query(start, end, types, children)


def change_errors(start: datetime, end: datetime, now: datetime, path: str = "") -> list[str]:
    """Return the errors of a timeslot's times by the bounds published for changes.

    All times are local to the property, without zone (vendor: UpdateTimeslotDto).
    """
    errors = []
    if end.date() != start.date():
        errors.append(f"{path}end_datetime must be on the same calendar day as start_datetime")
    if start < now - timedelta(days=WRITE_DAYS_BACK):
        errors.append(
            f"{path}start_datetime cannot be older than {WRITE_DAYS_BACK} days in the past"
        )
    if end > _years_after(now, WRITE_YEARS_AHEAD):
        errors.append(
            f"{path}end_datetime cannot be more than {WRITE_YEARS_AHEAD} years in the future"
        )
    return errors


def _years_after(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:  # the 29th of February
        return moment.replace(year=moment.year + years, day=28)


def span_of(args: Mapping[str, str]) -> int:
    """Return the number of days of a query, both ends included; 0 if missing or invalid."""
    try:
        return (
            date.fromisoformat(args["end_date"]) - date.fromisoformat(args["start_date"])
        ).days + 1
    except (KeyError, ValueError):
        return 0


def check_event_type(event_type: str, *, maintenance_blocks: bool = False) -> None:
    """Check one event type; raises `Refusal`."""
    if event_type not in EVENT_TYPES:
        raise invalid(f"event_types must be one of {', '.join(EVENT_TYPES)}")
    if event_type == "maintenance-block" and not maintenance_blocks:
        raise invalid("event type maintenance-block is coming soon")


def check_event_id(event_id: str) -> None:
    """Check an event's id, the vendor's or an external one; raises `Refusal`."""
    if not 3 <= len(event_id) <= 50:
        raise invalid("event_id must be 3 to 50 characters long")


def _check_window(start: date, end: date, today: date) -> None:
    if start < today or end < today:
        raise invalid("start_date and end_date cannot be in the past")
    if end < start:
        raise invalid("start_date cannot be after end_date")
    if end - start > timedelta(days=MAX_DAYS_APART):
        raise invalid(f"end_date must not be more than {MAX_DAYS_APART} days after start_date")
    if end > today + timedelta(days=HORIZON_DAYS):
        raise invalid("event data is only available for up to 1 year from today")


def _check_child_events(start: date, end: date, today: date, most_days: int) -> None:
    if most_days < 0:
        raise invalid("include_child_events is not available")
    if start != end:
        raise invalid(
            "with include_child_events start_date and end_date must be the same calendar day"
        )
    if end > today + timedelta(days=most_days):
        raise invalid(
            f"with include_child_events the search can extend up to {most_days} days from today"
        )


def _event_types(text: str, *, maintenance_blocks: bool) -> frozenset[str]:
    types = [part.strip() for part in text.split(",") if part.strip()]
    if not types:
        raise invalid("event_types is required")
    for event_type in types:
        check_event_type(event_type, maintenance_blocks=maintenance_blocks)
    return frozenset(types)


def _day(args: Mapping[str, str], name: str, default: date) -> date:
    text = args.get(name)
    if text is None:
        return default
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise invalid(f"{name} must be a date in the form YYYY-MM-DD") from None


def _flag(args: Mapping[str, str], name: str) -> bool:
    text = args.get(name, "false")
    if text not in {"true", "false"}:
        raise invalid(f"{name} must be true or false")
    return text == "true"
