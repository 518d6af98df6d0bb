"""The vendor's properties, facilities and timeslots, from JSON to the model.

Any field may be null, whatever the pages say (vendor page "Data Restrictions"); an item that cannot
be read is skipped alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from icalbridge.facilitron.envelope import Malformed, read_list, read_single
from icalbridge.facilitron.lenient_json import (
    clean_id,
    decode_object,
    get_text,
    to_count,
    to_text,
)
from icalbridge.models import Facility, Property, Timeslot, UnreadableTimeslot
from icalbridge.statuses import normalize_status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

T = TypeVar("T", Property, Facility)


@dataclass(frozen=True, slots=True)
class Skipped:
    """An unreadable item of a response."""

    reason: str
    """A short fixed phrase, for counting."""
    where: str
    """Which item, without anything of a renter's."""
    event_id: str = field(default="", compare=False)
    """The event that it is, or is part of; empty when that could not be read either."""


@dataclass(frozen=True, slots=True)
class ListResponse(Generic[T]):
    """Response of the catalog: properties or facilities."""

    items: tuple[T, ...]
    skipped: tuple[Skipped, ...]
    invocation_id: str


def read_properties(body: bytes) -> ListResponse[Property]:
    """Read the response of `GET /properties`; raises `Malformed`."""
    return _read_list(body, "properties", _parse_property)


def read_property(body: bytes) -> Property:
    """Read the response of `GET /property/{id}`; raises `Malformed`, also when it has no id."""
    raw, invocation_id = read_single(body, "property")
    fields = decode_object(raw)
    parsed = _parse_property(fields) if fields else None
    if parsed is None:
        raise Malformed("the property has no id", invocation_id)
    return parsed


def read_facilities(body: bytes, property_id: str) -> ListResponse[Facility]:
    """Read the response of `GET /property/{id}/facilities`; raises `Malformed`."""
    return _read_list(body, "facilities", lambda fields: _parse_facility(fields, property_id))


def _read_list(
    body: bytes, name: str, parse: Callable[[dict[str, Any]], T | None]
) -> ListResponse[T]:
    raw_items, invocation_id = read_list(body, name)
    items: dict[str, T] = {}
    skipped = []
    for index, raw in enumerate(raw_items):
        fields = decode_object(bytes(raw))
        item = parse(fields) if fields else None
        if item is None:
            skipped.append(Skipped("no id", f"{name}[{index}]"))
        else:
            items[item.id] = item
    return ListResponse(tuple(items.values()), tuple(skipped), invocation_id)


def _parse_property(fields: Mapping[str, Any]) -> Property | None:
    """Parse a PropertyDto; None without an id."""
    if not (property_id := clean_id(get_text(fields, "_id"))):
        return None
    child_ids = fields.get("properties")
    children = (
        [clean_id(to_text(child)) for child in child_ids] if isinstance(child_ids, list) else []
    )
    return Property(
        id=property_id,
        name=get_text(fields, "name"),
        address=get_text(fields, "address"),
        city=get_text(fields, "city"),
        state=get_text(fields, "state"),
        zip=get_text(fields, "zip"),
        timezone=get_text(fields, "timezone").strip(),
        child_ids=tuple(filter(None, children)),
    )


def _parse_facility(fields: Mapping[str, Any], property_id: str) -> Facility | None:
    """Parse a FacilityDto; None without an id."""
    if not (facility_id := clean_id(get_text(fields, "_id"))):
        return None
    return Facility(
        id=facility_id,
        property_id=clean_id(get_text(fields, "property_id")) or property_id,
        name=get_text(fields, "name"),
        type=get_text(fields, "type"),
        capacity=to_count(fields.get("capacity")),
        search_term=get_text(fields, "search_term"),
        u_id=clean_id(get_text(fields, "u_id")),
    )


class WireFacility(msgspec.Struct):
    """The facility of a timeslot as JSON (vendor: TimeslotFacilityDto)."""

    id: str | None = msgspec.field(name="_id", default=None)
    name: str | None = None
    type: str | None = None


class WireTimeslot(msgspec.Struct):
    """A timeslot as JSON (vendor: TimeslotDto)."""

    start_datetime: str
    end_datetime: str
    facility: WireFacility | None = None
    activity_name: str | None = None
    status: str | None = None
    external_system_timeslot_id: str | None = None


_NO_FACILITY = WireFacility()


def parse_timeslot(
    slot: WireTimeslot, moments: Mapping[str, datetime]
) -> Timeslot | UnreadableTimeslot | None:
    """Return a timeslot, or its readable parts; None for one that ends before it starts.

    `moments` parses the times and raises `ValueError` for invalid ones.
    """
    start, end = _moment(moments, slot.start_datetime), _moment(moments, slot.end_datetime)
    facility = slot.facility or _NO_FACILITY
    facility_id = clean_id(facility.id)
    external_id = clean_id(slot.external_system_timeslot_id)
    if start is None or end is None:
        return UnreadableTimeslot(start, end, facility_id, external_id)
    if end <= start:
        return None
    return Timeslot(
        start,
        end,
        facility_id,
        facility.name or "",
        facility.type or "",
        slot.activity_name or "",
        normalize_status(slot.status),
        external_id,
    )


def _moment(moments: Mapping[str, datetime], text: str) -> datetime | None:
    try:
        return moments[text]
    except ValueError:
        return None


def lenient_timeslot(fields: object) -> WireTimeslot:
    """Return the timeslot of loosely decoded JSON; times that are no texts become empty."""
    if not isinstance(fields, dict):
        return WireTimeslot("", "")
    place = fields.get("facility")
    facility = (
        WireFacility(*(get_text(place, name) for name in ("_id", "name", "type")))
        if isinstance(place, dict)
        else None
    )
    start, end = fields.get("start_datetime"), fields.get("end_datetime")
    texts = {
        name: get_text(fields, name)
        for name in ("activity_name", "status", "external_system_timeslot_id")
    }
    return WireTimeslot(
        start if isinstance(start, str) else "",
        end if isinstance(end, str) else "",
        facility,
        **texts,
    )
