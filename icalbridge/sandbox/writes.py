"""The three write endpoints: their changes of the world, and the order of their checks.

In this order: the path and the body as such (400, all wrong fields at once), what they name (404),
whose it is (403), the bounds of days (400) and the owner of a facility (400), state, duplicate and
conflict (409). Where the pages leave room: the bounds of days hold for moved timeslots only, unless
the creations are strict; a new event that collides is made and says `has_conflict`, a move that
collides is refused; an external id is taken for ever, also by a cancelled event; only what was made
through the API is cancelled or moved by it. Nothing is changed unless all of a request is good.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from icalbridge.sandbox import rules, schemas
from icalbridge.sandbox.builder import facility_in_timeslot, format_time
from icalbridge.sandbox.validation import check_part, parse_local, read_body, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icalbridge.sandbox.world import Dto, World


class Writes:
    """Creates, cancels and moves in one world; call with the world locked. Raises `Refusal`."""

    def __init__(
        self,
        world: World,
        clock: Callable[[], datetime],
        *,
        maintenance_blocks: bool,
        strict_creations: Callable[[], bool],
    ) -> None:
        self._world = world
        self._strict_creations = strict_creations
        self._clock = clock
        self._maintenance_blocks = maintenance_blocks

    def create(self, raw: bytes) -> Dto:
        """Create an event; return a CreatedEventDto."""
        body = read_body(raw, "CreateEventDto")
        rules.check_event_type(body["event_type"], maintenance_blocks=self._maintenance_blocks)
        places = [self._facility(slot["facility_u_id"]) for slot in body["timeslots"]]
        self._check_named(body)
        owner_id = self._only_owner(places)
        spans = [_span(slot) for slot in body["timeslots"]]
        if self._strict_creations():
            now = self._wall_time(owner_id)
            refuse(
                [
                    error
                    for index, span in enumerate(spans)
                    for error in rules.change_errors(*span, now, f"timeslots[{index}].")
                ]
            )
        if self._world.any_event(body["external_system_event_id"]):
            raise rules.duplicate()
        taken = [self._taken(place, *span) for place, span in zip(places, spans, strict=True)]
        slots = [
            _timeslot(slot, place) for slot, place in zip(body["timeslots"], places, strict=True)
        ]
        event = self._event(body, owner_id, slots)
        self._world.add_event(event)
        self._remember(event, body)
        return {**_written(event), "has_conflict": any(taken)}

    def cancel(self, event_type: str, event_id: str, raw: bytes) -> Dto:
        """Cancel an event; return a CancelledEventDto."""
        self._check_path(event_type, event_id)
        body = read_body(raw, "CancelEventDto")
        event = self._own_event(event_type, event_id)
        if _is(event, "cancelled"):
            raise rules.invalid_state()
        self._world.set_status(event["_id"], "Cancelled")
        self._remember(event, body)
        return _written(event)

    def change(self, event_type: str, event_id: str, timeslot_id: str, raw: bytes) -> Dto:
        """Move a timeslot, or give it another place or name; return an UpdatedTimeslotDto."""
        self._check_path(event_type, event_id)
        check_part(timeslot_id, schemas.TIMESLOT_ID, "timeslot_id")
        body = read_body(raw, "UpdateTimeslotDto")
        event = self._own_event(event_type, event_id)
        slot = _find_slot(event, timeslot_id)
        place = self._facility(body["facility_u_id"]) if "facility_u_id" in body else None
        refuse(rules.change_errors(*_span(body), self._wall_time(event["property_id"])))
        if place and place["property_id"] != event["property_id"]:
            raise rules.several_owners()
        if _is(event, "cancelled"):
            raise rules.invalid_state()
        changed = _changed(slot, body, place)
        moved = any(
            changed[name] != slot[name] for name in ("start_datetime", "end_datetime", "facility")
        )
        # a move that changes nothing collides with nothing: sent twice, it succeeds twice
        if moved and self._taken(changed["facility"], *_span(body), besides=event["_id"]):
            raise rules.conflict()
        slot.update(changed)
        self._world.add_event(event)
        self._remember(event, body)
        return {
            "_id": blake2b(f"{event['_id']} {timeslot_id}".encode(), digest_size=12).hexdigest(),
            **{
                name: slot[name]
                for name in ("external_system_timeslot_id", "start_datetime", "end_datetime")
            },
        }

    def owner_of_body(self, raw: bytes) -> str:
        """Return the id of the property that a new event is for; "" if that is unreadable."""
        try:
            body = msgspec.json.decode(raw)
            facility = self._world.facility_by_u_id(body["timeslots"][0]["facility_u_id"])
        except (msgspec.MsgspecError, ValueError, RecursionError, LookupError, TypeError):
            return ""
        return str(facility["property_id"]) if facility else ""

    def _check_path(self, event_type: str, event_id: str) -> None:
        rules.check_event_type(event_type, maintenance_blocks=self._maintenance_blocks)
        rules.check_event_id(event_id)

    def _facility(self, u_id: str) -> Dto:
        facility = self._world.facility_by_u_id(u_id)
        if facility is None:
            raise rules.unknown_facility()
        return facility

    def _check_named(self, body: Dto) -> None:
        if body["renter_email"].lower() not in self._world.renters:
            raise rules.unknown_renter()
        if body["activity_type_id"] not in self._world.activity_types:
            raise rules.unknown_activity_type()
        owner = body.get("renter_owner")
        if owner is not None and owner not in {
            item[name] for item in self._world.properties for name in ("_id", "u_id")
        }:
            raise rules.unknown_property()

    def _only_owner(self, places: Iterable[Dto]) -> str:
        owners = {str(place["property_id"]) for place in places}
        if len(owners) > 1:
            raise rules.several_owners()
        return owners.pop()

    def _own_event(self, event_type: str, event_id: str) -> Dto:
        event = self._world.event(event_type, event_id)
        if event is None:
            raise rules.unknown_event()
        if not event.get("created_by_external_api"):
            raise rules.not_yours()
        return event

    def _wall_time(self, property_id: str) -> datetime:
        return self._clock().astimezone(self._world.zone_of(property_id)).replace(tzinfo=None)

    def _taken(self, place: Dto, start: datetime, end: datetime, besides: str = "") -> bool:
        """Return whether another approved event has an active timeslot in a facility then."""
        return any(
            _collides(slot, place["_id"], start, end)
            for event in self._world.booked(place["_id"], start.date(), end.date())
            if event["_id"] != besides and _is(event, "approved")
            for slot in event["timeslots"]
        )

    def _event(self, body: Dto, owner_id: str, slots: list[Dto]) -> Dto:
        owner = self._world.property(owner_id) or {}
        kind = body["activity_type_id"]
        now = self._clock().astimezone(UTC)
        return {
            "_id": secrets.token_hex(12),
            "short_id": str(uuid.uuid4()),
            "rate_category": body.get("renter_rate_category_id", "Internal"),
            "status": "Approved",
            "external_system_event_id": body["external_system_event_id"],
            "created_by_external_api": True,
            "name": body["name"],
            "activity_type": {"_id": kind, "name": self._world.activity_types[kind]},
            "attendance": body.get("attendance", 0),
            "property_id": owner_id,
            "timeslots": slots,
            "submit_date": now.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "type": body["event_type"],
            "property_timezone": owner.get("timezone"),
            "renter": {"email": body["renter_email"], "renter_owner": body.get("renter_owner")},
        }

    def _remember(self, event: Dto, body: Dto) -> None:
        if message := body.get("event_log_message"):
            self._world.log_messages.append((event["_id"], message))


def _span(slot: Dto) -> tuple[datetime, datetime]:
    return parse_local(slot["start_datetime"]), parse_local(slot["end_datetime"])


def _normalize(text: str) -> str:
    return format_time(parse_local(text))


def _is(event: Dto, status: str) -> bool:
    return str(event.get("status")).lower() == status


def _written(event: Dto) -> Dto:
    return {name: event[name] for name in ("external_system_event_id", "_id", "short_id")}


def _timeslot(slot: Dto, facility: Dto) -> Dto:
    return {
        "external_system_timeslot_id": slot["external_system_timeslot_id"],
        "activity_name": slot.get("activity_name"),
        "facility": facility_in_timeslot(facility),
        "start_datetime": _normalize(slot["start_datetime"]),
        "end_datetime": _normalize(slot["end_datetime"]),
        "status": "active",
    }


def _changed(slot: Dto, body: Dto, facility: Dto | None) -> Dto:
    """Return a timeslot as a change leaves it; null and the empty text both clear its name."""
    return {
        **slot,
        "start_datetime": _normalize(body["start_datetime"]),
        "end_datetime": _normalize(body["end_datetime"]),
        "activity_name": (
            (body["activity_name"] or "") if "activity_name" in body else slot["activity_name"]
        ),
        "facility": facility_in_timeslot(facility) if facility else slot["facility"],
    }


def _find_slot(event: Dto, timeslot_id: str) -> Dto:
    slot: Dto
    for slot in event["timeslots"]:
        if slot.get("external_system_timeslot_id") == timeslot_id:
            return slot
    raise rules.unknown_timeslot()


def _collides(slot: Any, facility_id: str, start: datetime, end: datetime) -> bool:
    """Return whether a timeslot, which a test may have made unreadable, books a facility then."""
    try:
        theirs = parse_local(slot["start_datetime"]), parse_local(slot["end_datetime"])
        return bool(
            slot["facility"]["_id"] == facility_id
            and slot["status"] == "active"
            and theirs[0] < end
            and start < theirs[1]
        )
    except (KeyError, TypeError, ValueError):
        return False
