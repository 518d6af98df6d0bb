"""Every field, bound and pattern on the vendor's pages for a write, checked before a request is
spent.

All wrong fields are found at once, called what the vendor calls them, and none of their values is
repeated. The bodies are made here too, since a time is checked as it is told: on the clock of the
property's zone. A moment that this clock cannot tell, in the hour that it repeats, is refused
rather than told as another.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from icalbridge import timezones
from icalbridge.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.facilitron.writes import NewEvent, NewTimeslot, TimeslotChange

Wrong = tuple[str, str]
"""A field's name and what is the matter with it."""

EVENT_TYPES = ("reservation", "maintenance-block")
MOST_ATTENDANCE = 500_000
LEAST_STAY = timedelta(minutes=1)
DAYS_BACK = timedelta(days=7)
YEARS_AHEAD = 2
LONGEST_EMAIL = 254
"""RFC 5321, section 4.5.3.1.3, without the brackets."""

_NAMED = re.compile(r"[a-zA-Z0-9._-]+")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})+")
"""HTML's valid e-mail address, in a domain with a dot. The pages say "RFC-compliant" and no more.
"""


def checked_event(request: NewEvent, now: datetime) -> dict[str, Any]:
    """Return the body of a creation (CreateEventDto); raises `InvalidRequest`."""
    wrong = [*_wrong_event(request), *_wrong_slots(request, now)]
    _refuse(wrong)
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
        "timeslots": [_slot(each, request.zone) for each in request.timeslots],
        **{name: value for name, value in optional.items() if value is not None},
    }


def checked_change(
    event_type: str, event_id: str, timeslot_id: str, change: TimeslotChange, now: datetime
) -> dict[str, Any]:
    """Return the body of a move (UpdateTimeslotDto); raises `InvalidRequest`, also for what its
    address is made of.
    """
    wrong = [
        *_wrong_address(event_type, event_id),
        *_text("timeslot_id", timeslot_id, 3, 50, pattern=_NAMED),
        *_span("", change.start, change.end, change.zone, now),
        *(
            _text("activity_name", change.activity_name, 0, 250)
            if isinstance(change.activity_name, str)
            else ()
        ),
        *_maybe("facility_u_id", change.facility_u_id, 1, 50),
        *_maybe("event_log_message", change.log_message, 0, 250),
    ]
    _refuse(wrong)
    optional = {"facility_u_id": change.facility_u_id, "event_log_message": change.log_message}
    return {
        "start_datetime": _told(change.start, change.zone),
        "end_datetime": _told(change.end, change.zone),
        **({} if change.activity_name is UNSET else {"activity_name": change.activity_name}),
        **{name: value for name, value in optional.items() if value is not None},
    }


def checked_cancellation(event_type: str, event_id: str, log_message: str) -> dict[str, Any]:
    """Return the body of a cancellation (CancelEventDto); raises `InvalidRequest`, also for its
    address.
    """
    _refuse(
        [*_wrong_address(event_type, event_id), *_text("event_log_message", log_message, 0, 250)]
    )
    return {"status": "cancelled", **({"event_log_message": log_message} if log_message else {})}


def check_event(request: NewEvent, now: datetime) -> None:
    """Raise `InvalidRequest` for a creation that would be refused before it is sent."""
    checked_event(request, now)


def wrong_times(start: datetime, end: datetime, zone: str, now: datetime) -> list[Wrong]:
    """Return what is wrong with a timeslot's times alone, as a creation or a move would be refused
    for it.
    """
    return list(_span("", start, end, zone, now))


def _refuse(wrong: list[Wrong]) -> None:
    if wrong:
        raise InvalidRequest(tuple(wrong))


def _wrong_address(event_type: str, event_id: str) -> Iterator[Wrong]:
    yield from _one_of("event_type", event_type)
    yield from _text("event_id", event_id, 3, 50)


def _wrong_event(request: NewEvent) -> Iterator[Wrong]:
    yield from _text("external_system_event_id", request.external_id, 3, 50, pattern=_NAMED)
    yield from _one_of("event_type", request.event_type)
    yield from _text("name", request.name, 1, 100)
    if len(request.renter_email) > LONGEST_EMAIL or not _EMAIL.fullmatch(request.renter_email):
        yield "renter_email", "must be an e-mail address"
    yield from _number("activity_type_id", request.activity_type_id, -math.inf, math.inf)
    if request.attendance is not None:
        yield from _number("attendance", request.attendance, 0, MOST_ATTENDANCE)
    yield from _maybe("renter_rate_category_id", request.renter_rate_category_id, 3, 50)
    yield from _maybe("renter_owner", request.renter_owner, 0, math.inf)
    yield from _maybe("event_log_message", request.log_message, 0, 250)


def _wrong_slots(request: NewEvent, now: datetime) -> Iterator[Wrong]:
    if not request.timeslots:
        yield "timeslots", "must hold at least one"
    seen = set()
    for index, each in enumerate(request.timeslots):
        where = f"timeslots[{index}]."
        yield from _text(
            f"{where}external_system_timeslot_id", each.external_id, 3, 50, pattern=_NAMED
        )
        yield from _span(where, each.start, each.end, request.zone, now)
        yield from _text(f"{where}facility_u_id", each.facility_u_id, 1, 50)
        yield from _maybe(f"{where}activity_name", each.activity_name, 0, 250)
        if each.external_id in seen:
            yield f"{where}external_system_timeslot_id", "stands there twice"
        seen.add(each.external_id)


def _span(where: str, start: datetime, end: datetime, zone: str, now: datetime) -> Iterator[Wrong]:
    """Yield what is wrong with a timeslot's times; they are compared as the property's clock tells
    them.
    """
    if not timezones.exists(zone):
        yield "zone", "must be an IANA time zone"
        return
    told = {f"{where}start_datetime": start, f"{where}end_datetime": end}
    untold = [(name, why) for name, moment in told.items() if (why := _untold(moment, zone))]
    if untold:
        yield from untold
        return
    begin, finish, today = (_wall(moment, zone) for moment in (start, end, now))
    if finish - begin < LEAST_STAY:
        yield f"{where}end_datetime", "must be at least 1 minute later than start_datetime"
    elif finish.date() != begin.date():
        yield f"{where}end_datetime", "must be on the same calendar day as start_datetime"
    if begin < today - DAYS_BACK:
        yield f"{where}start_datetime", "cannot be older than 7 days"
    if finish > _later(today, YEARS_AHEAD):
        yield f"{where}end_datetime", "cannot be more than 2 years in the future"


def _untold(moment: datetime, zone: str) -> str:
    """Say why the vendor cannot be told a moment; "" when it can."""
    if moment.tzinfo is None:
        return "must have a time zone"
    if moment.microsecond:
        return "must be a whole second"
    try:
        wall = _wall(moment, zone)
    except OverflowError:
        return "is out of range"
    # both in UTC: a wall time that comes twice equals nothing in another zone (PEP 495)
    heard = wall.replace(tzinfo=timezones.zone(zone), fold=0).astimezone(UTC)
    return (
        ""
        if heard == moment.astimezone(UTC)
        else "is in the hour that the clock repeats, which cannot be told"
    )


def _wall(moment: datetime, zone: str) -> datetime:
    """Return what the clock of a zone shows, without the zone: what the vendor writes and
    compares.
    """
    return moment.astimezone(timezones.zone(zone)).replace(tzinfo=None)


def _later(wall: datetime, years: int) -> datetime:
    try:
        return wall.replace(year=wall.year + years)
    except ValueError:  # the 29th of February
        return wall.replace(year=wall.year + years, day=28)


def _told(moment: datetime, zone: str) -> str:
    return _wall(moment, zone).isoformat(timespec="seconds")


def _slot(told: NewTimeslot, zone: str) -> dict[str, Any]:
    return {
        "external_system_timeslot_id": told.external_id,
        "start_datetime": _told(told.start, zone),
        "end_datetime": _told(told.end, zone),
        "facility_u_id": told.facility_u_id,
        **({} if told.activity_name is None else {"activity_name": told.activity_name}),
    }


def _one_of(name: str, value: str) -> Iterator[Wrong]:
    if value not in EVENT_TYPES:
        yield name, f"must be {' or '.join(EVENT_TYPES)}"


def _maybe(name: str, value: str | None, least: int, most: float) -> Iterator[Wrong]:
    if value is not None:
        yield from _text(name, value, least, most)


def _text(
    name: str, value: str, least: int, most: float, pattern: re.Pattern[str] | None = None
) -> Iterator[Wrong]:
    """Yield what is wrong with a text; lengths are in characters."""
    if not least <= len(value) <= most:
        yield name, f"must be {least} to {most} characters long"
    elif pattern and not pattern.fullmatch(value):
        yield name, 'may hold only letters, digits, ".", "-" and "_"'
    elif any("\ud800" <= each <= "\udfff" for each in value):
        yield name, "holds half a character"


def _number(name: str, value: float, least: float, most: float) -> Iterator[Wrong]:
    if isinstance(value, bool) or not math.isfinite(value) or not least <= value <= most:
        yield name, "must be a number" if math.isinf(least) else f"must be {least} to {most}"
