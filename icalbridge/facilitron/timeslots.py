"""One timeslot of an event, from the vendor's JSON to the model's class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from icalbridge.facilitron.lenient import text, usable
from icalbridge.models import Timeslot, UnreadableTimeslot
from icalbridge.statuses import normalize_status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class WireFacility(msgspec.Struct):
    """The facility of a timeslot as it is answered."""

    id: str | None = msgspec.field(name="_id", default=None)
    name: str | None = None
    type: str | None = None


class WireTimeslot(msgspec.Struct):
    """A timeslot as it is answered (vendor: TimeslotDto)."""

    start_datetime: str
    end_datetime: str
    facility: WireFacility | None = None
    activity_name: str | None = None
    status: str | None = None
    external_system_timeslot_id: str | None = None


_NOWHERE = WireFacility()


def read_timeslot(
    told: WireTimeslot, moments: Mapping[str, datetime]
) -> Timeslot | UnreadableTimeslot | None:
    """Return a timeslot, or what of it can be read; None for one that ends before it starts, which
    is nothing.

    `moments` reads the times and raises `ValueError` for what is none.
    """
    start, end = _moment(moments, told.start_datetime), _moment(moments, told.end_datetime)
    place = told.facility or _NOWHERE
    facility_id, external_id = usable(place.id), usable(told.external_system_timeslot_id)
    if start is None or end is None:
        return UnreadableTimeslot(start, end, facility_id, external_id)
    if end <= start:
        return None
    return Timeslot(
        start,
        end,
        facility_id,
        place.name or "",
        place.type or "",
        told.activity_name or "",
        normalize_status(told.status),
        external_id,
    )


def _moment(moments: Mapping[str, datetime], told: str) -> datetime | None:
    try:
        return moments[told]
    except ValueError:
        return None


def lenient_timeslot(told: object) -> WireTimeslot:
    """Read a timeslot as far as it goes; one whose times are no texts has none that can be read."""
    if not isinstance(told, dict):
        return WireTimeslot("", "")
    place = told.get("facility")
    names = ("_id", "name", "type")
    facility = (
        WireFacility(*(text(place, name) for name in names)) if isinstance(place, dict) else None
    )
    start, end = (
        each if isinstance(each := told.get(name), str) else ""
        for name in ("start_datetime", "end_datetime")
    )
    texts = {
        name: text(told, name)
        for name in ("activity_name", "status", "external_system_timeslot_id")
    }
    return WireTimeslot(start, end, facility, **texts)
