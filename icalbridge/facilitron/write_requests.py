"""Requests that write, their outcomes, and the vendor's bounds, checked before a request is spent.

All invalid fields are reported at once, by the vendor's names and without their values. Names of
renters and their addresses are in no `repr`. Times are sent on the clock of the property's zone; a
moment in the hour that this clock repeats, which it cannot express, is refused.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import UNSET, UnsetType

from icalbridge import timezones
from icalbridge.errors import InvalidRequest
from icalbridge.facilitron.email_address import find_email_error
from icalbridge.vendor_words import plain_field, plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.errors import VendorError


@dataclass(frozen=True, slots=True)
class NewTimeslot:
    """A timeslot to create with its event (vendor: CreateTimeslotDto). Times are aware."""

    external_id: str
    """3 to 50 letters, digits, `.`, `-` and `_`; unique within its event."""
    start: datetime
    end: datetime
    """At least a minute later."""
    facility_u_id: str
    """The facility's `u_id`, not its `_id`."""
    activity_name: str | None = None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to create (vendor: CreateEventDto), with status `approved`, the only one there is.

    All its facilities belong to one property, and `zone` is that property's IANA zone. None leaves
    a field out.
    """

    external_id: str
    name: str
    renter_email: str = field(repr=False)
    activity_type_id: float
    timeslots: tuple[NewTimeslot, ...]
    zone: str
    event_type: str = "reservation"
    attendance: float | None = None
    renter_rate_category_id: str | None = None
    renter_owner: str | None = field(default=None, repr=False)
    log_message: str | None = None


@dataclass(frozen=True, slots=True)
class TimeslotChange:
    """A change of a timeslot (vendor: UpdateTimeslotDto). Times are aware, on one day of `zone`."""

    start: datetime
    end: datetime
    zone: str
    activity_name: str | UnsetType | None = UNSET
    """Unset leaves it as it is; None and "" clear it."""
    facility_u_id: str | None = None
    """None leaves it where it is."""
    log_message: str | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """The event exists."""

    event_id: str
    """The vendor's `_id`."""
    external_id: str
    has_conflict: bool | None
    """Whether it collides with another booking; None if the vendor left that out."""
    invocation_id: str = ""
    looked_up: bool = False
    """The response was lost, and the event was looked up by its external id afterwards."""


@dataclass(frozen=True, slots=True)
class NotCreated:
    """The event does not exist and will not appear: it may be sent again."""

    error: VendorError


@dataclass(frozen=True, slots=True)
class Unknown:
    """The event may exist or not: neither its creation nor the lookup after it was answered.

    Look up the external id before sending it again. `error` is the creation's.
    """

    error: VendorError


@dataclass(frozen=True, slots=True)
class CancelledEvent:
    """The event is cancelled."""

    event_id: str
    external_id: str
    invocation_id: str = ""
    already: bool = False
    """It was cancelled before, or an earlier attempt's response was lost."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The timeslot has been changed."""

    external_id: str
    start: datetime
    end: datetime
    """Times in UTC, as the vendor repeats them."""
    invocation_id: str = ""


@dataclass(frozen=True, slots=True)
class Conflict:
    """409, with the vendor's message: a duplicate external id, an invalid state, a collision.

    Nothing was changed; the same request would be refused again.
    """

    message: str
    message_code: str = ""
    invocation_id: str = ""
    by_vendor: bool = True
    """Whether the message is the vendor's; else it is ours."""


CreateOutcome: TypeAlias = Created | Conflict | NotCreated | Unknown

FieldError = tuple[str, str]
"""A field's name and the reason why its value is invalid."""

EVENT_TYPES = ("reservation", "maintenance-block")
MAX_ATTENDANCE = 500_000
MIN_DURATION = timedelta(minutes=1)
MAX_AGE = timedelta(days=7)
YEARS_AHEAD = 2
ONE_DAY = "must be on the same calendar day as the start"
TOO_OLD = "cannot be more than 7 days ago"
TOO_FAR = "cannot be more than 2 years from now"

_ID_PATTERN = re.compile(r"[a-zA-Z0-9._-]+")


def checked_event(request: NewEvent) -> dict[str, Any]:
    """Return the body of a creation (CreateEventDto); raises `InvalidRequest`."""
    _refuse([*_event_errors(request), *_timeslot_errors(request)])
    optional = {
        "attendance": request.attendance,
        "renter_rate_category_id": request.renter_rate_category_id,
        "renter_owner": request.renter_owner,
        "event_log_message": request.log_message,
    }
    return {
        "external_system_event_id": request.external_id,
        "event_type": request.event_type,
        "name": request.name,
        "renter_email": request.renter_email,
        "status": "approved",
        "activity_type_id": request.activity_type_id,
        "timeslots": [_slot(slot, request.zone) for slot in request.timeslots],
        **{name: value for name, value in optional.items() if value is not None},
    }


def checked_change(
    event_type: str, event_id: str, timeslot_id: str, change: TimeslotChange, now: datetime
) -> dict[str, Any]:
    """Return the body of a move (UpdateTimeslotDto); raises `InvalidRequest`, also for its path."""
    errors = [
        *_path_errors(event_type, event_id),
        *_text("timeslot_id", timeslot_id, 3, 50, pattern=_ID_PATTERN),
        *_span("", change.start, change.end, change.zone),
        *_day_bounds("", change.start, change.end, change.zone, now),
        *(
            _text("activity_name", change.activity_name, 0, 250)
            if isinstance(change.activity_name, str)
            else ()
        ),
        *_optional("facility_u_id", change.facility_u_id, 1, 50),
        *_optional("event_log_message", change.log_message, 0, 250),
    ]
    _refuse(errors)
    optional = {"facility_u_id": change.facility_u_id, "event_log_message": change.log_message}
    return {
        "start_datetime": _format(change.start, change.zone),
        "end_datetime": _format(change.end, change.zone),
        **({} if change.activity_name is UNSET else {"activity_name": change.activity_name}),
        **{name: value for name, value in optional.items() if value is not None},
    }


def checked_cancellation(event_type: str, event_id: str, log_message: str) -> dict[str, Any]:
    """Return the body of a cancellation (CancelEventDto); raises `InvalidRequest`, also for its
    path.
    """
    _refuse([*_path_errors(event_type, event_id), *_text("event_log_message", log_message, 0, 250)])
    return {"status": "cancelled", **({"event_log_message": log_message} if log_message else {})}


def check_event(request: NewEvent) -> None:
    """Raise `InvalidRequest` for a creation that would be refused before it is sent."""
    checked_event(request)


def time_errors(start: datetime, end: datetime, zone: str) -> list[FieldError]:
    """Return the errors of a new timeslot's times alone."""
    return list(_span("", start, end, zone))


def change_doubts(start: datetime, end: datetime, zone: str, now: datetime) -> list[FieldError]:
    """Return the bounds of days that a changed timeslot must keep, and these times do not."""
    return list(_day_bounds("", start, end, zone, now))


def creation_doubts(request: NewEvent, now: datetime) -> list[FieldError]:
    """Return what of a creation would be refused as a change.

    The vendor publishes these bounds for changes only and may apply them to creations too.
    """
    return [
        doubt
        for index, slot in enumerate(request.timeslots)
        for doubt in _day_bounds(f"timeslots[{index}].", slot.start, slot.end, request.zone, now)
    ]


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        reasons = (f"{plain_field(name)} {plain_text(reason)}" for name, reason in errors)
        raise InvalidRequest(tuple(errors), tuple(reasons))


def _path_errors(event_type: str, event_id: str) -> Iterator[FieldError]:
    yield from _one_of("event_type", event_type)
    yield from _text("event_id", event_id, 3, 50)


def _event_errors(request: NewEvent) -> Iterator[FieldError]:
    yield from _text("external_system_event_id", request.external_id, 3, 50, pattern=_ID_PATTERN)
    yield from _one_of("event_type", request.event_type)
    yield from _text("name", request.name, 1, 100)
    if error := find_email_error(request.renter_email):
        yield "renter_email", error
    yield from _number("activity_type_id", request.activity_type_id, -math.inf, math.inf)
    if request.attendance is not None:
        yield from _number("attendance", request.attendance, 0, MAX_ATTENDANCE)
    yield from _optional("renter_rate_category_id", request.renter_rate_category_id, 3, 50)
    yield from _optional("renter_owner", request.renter_owner, 0, math.inf)
    yield from _optional("event_log_message", request.log_message, 0, 250)


def _timeslot_errors(request: NewEvent) -> Iterator[FieldError]:
    if not request.timeslots:
        yield "timeslots", "must have at least one"
    seen = set()
    for index, slot in enumerate(request.timeslots):
        path = f"timeslots[{index}]."
        yield from _text(
            f"{path}external_system_timeslot_id", slot.external_id, 3, 50, pattern=_ID_PATTERN
        )
        yield from _span(path, slot.start, slot.end, request.zone)
        yield from _text(f"{path}facility_u_id", slot.facility_u_id, 1, 50)
        yield from _optional(f"{path}activity_name", slot.activity_name, 0, 250)
        if slot.external_id in seen:
            yield f"{path}external_system_timeslot_id", "is there twice"
        seen.add(slot.external_id)


def _span(path: str, start: datetime, end: datetime, zone: str) -> Iterator[FieldError]:
    """Yield the errors of a timeslot's times, compared on the property's clock."""
    if not timezones.exists(zone):
        yield "zone", "must be an IANA time zone"
        return
    times = {f"{path}start_datetime": start, f"{path}end_datetime": end}
    errors = [(name, error) for name, time in times.items() if (error := _time_error(time, zone))]
    if errors:
        yield from errors
        return
    if _wall(end, zone) - _wall(start, zone) < MIN_DURATION:
        yield f"{path}end_datetime", "must be at least 1 minute after the start"


def _day_bounds(
    path: str, start: datetime, end: datetime, zone: str, now: datetime
) -> Iterator[FieldError]:
    """Yield the errors by the bounds of days (vendor: UpdateTimeslotDto), of readable times."""
    if not timezones.exists(zone) or _time_error(start, zone) or _time_error(end, zone):
        return
    begin, finish, today = (_wall(moment, zone) for moment in (start, end, now))
    if finish.date() > begin.date():
        yield f"{path}end_datetime", ONE_DAY
    if begin < today - MAX_AGE:
        yield f"{path}start_datetime", TOO_OLD
    if finish > _later(today, YEARS_AHEAD):
        yield f"{path}end_datetime", TOO_FAR


def _time_error(moment: datetime, zone: str) -> str:
    """Return why a moment cannot be expressed to the vendor; "" when it can."""
    if moment.tzinfo is None:
        return "must have a time zone"
    if moment.microsecond:
        return "must be a whole second"
    try:
        wall = _wall(moment, zone)
    except OverflowError:
        return "is out of range"
    # both in UTC: a wall time that comes twice equals nothing in another zone (PEP 495)
    received = wall.replace(tzinfo=timezones.zone(zone), fold=0).astimezone(UTC)
    return (
        ""
        if received == moment.astimezone(UTC)
        else "is in the hour that the clock repeats, which cannot be told"
    )


def _wall(moment: datetime, zone: str) -> datetime:
    """Return the local time in a zone, naive, as the vendor writes and compares it."""
    return moment.astimezone(timezones.zone(zone)).replace(tzinfo=None)


def _later(wall: datetime, years: int) -> datetime:
    try:
        return wall.replace(year=wall.year + years)
    except ValueError:  # the 29th of February
        return wall.replace(year=wall.year + years, day=28)


def _format(moment: datetime, zone: str) -> str:
    return _wall(moment, zone).isoformat(timespec="seconds")


def _slot(slot: NewTimeslot, zone: str) -> dict[str, Any]:
    return {
        "external_system_timeslot_id": slot.external_id,
        "start_datetime": _format(slot.start, zone),
        "end_datetime": _format(slot.end, zone),
        "facility_u_id": slot.facility_u_id,
        **({} if slot.activity_name is None else {"activity_name": slot.activity_name}),
    }


def _one_of(name: str, value: str) -> Iterator[FieldError]:
    if value not in EVENT_TYPES:
        yield name, f"must be {' or '.join(EVENT_TYPES)}"


def _optional(name: str, value: str | None, least: int, most: float) -> Iterator[FieldError]:
    if value is not None:
        yield from _text(name, value, least, most)


def _text(
    name: str, value: str, least: int, most: float, pattern: re.Pattern[str] | None = None
) -> Iterator[FieldError]:
    """Yield the error of a text; lengths are in characters."""
    if not least <= len(value) <= most:
        yield name, f"must be {least} to {most} characters long"
    elif pattern and not pattern.fullmatch(value):
        yield name, 'may hold only letters, digits, ".", "-" and "_"'
    elif any("\ud800" <= letter <= "\udfff" for letter in value):
        yield name, "holds half a character"


def _number(name: str, value: float, least: float, most: float) -> Iterator[FieldError]:
    if isinstance(value, bool) or not math.isfinite(value) or not least <= value <= most:
        yield name, "must be a number" if math.isinf(least) else f"must be {least} to {most}"
