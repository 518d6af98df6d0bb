"""The vendor's events from JSON to the model: valid ones decoded fast, odd ones leniently.

An event that cannot be read is skipped alone and reported in `EventsResponse.skipped`. Renter,
attendance, rate category and reservation id are for staff alone: only `staff_details` reads them,
into `Event.particulars`, and no message or log has any of them.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from icalbridge import timezones
from icalbridge.facilitron.envelope import read_list, read_single
from icalbridge.facilitron.lenient_json import (
    UNREADABLE,
    clean_id,
    clean_word,
    decode_json,
    decode_object,
    get_text,
    to_text,
)
from icalbridge.facilitron.schemas import Skipped, WireTimeslot, lenient_timeslot, parse_timeslot
from icalbridge.facilitron.staff_details import FIELDS as STAFF_FIELDS
from icalbridge.facilitron.staff_details import parse_staff_details
from icalbridge.facilitron.times import ZonesMoments
from icalbridge.models import Event, EventKey, StaffDetails, Timeslot, UnreadableTimeslot
from icalbridge.statuses import APPROVED, entry_status, normalize_status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

DIGEST_KEY = b"icalbridge-4"
"""Part of every digest: raise its number when the same bytes shall be parsed again."""


class _UnreadableError(ValueError):
    """Raised for an event that cannot be read; its text is a short fixed phrase."""


@dataclass(frozen=True, slots=True)
class EventsResponse:
    """The events of a window: the parsed ones, and the keys of those whose bytes are unchanged."""

    events: tuple[Event, ...]
    unchanged: frozenset[EventKey]
    skipped: tuple[Skipped, ...]
    """What could not be read."""
    ignored: tuple[Skipped, ...]
    """What was read and is void, such as a timeslot that ends before it starts."""
    invocation_id: str
    refused_types: frozenset[str] = frozenset()
    """Event types that the vendor refused; the response does not cover them."""
    zones: Mapping[str, str] = field(default_factory=dict)
    """IANA names by property id, for those `EventDefaults.unsure` whose zone the events name."""

    @property
    def complete(self) -> bool:
        """Whether everything could be read."""
        return not self.skipped

    @property
    def withdraws(self) -> bool:
        """Whether an event that the response lacks is gone: no unreadable item could be that event.

        See api/README, point 13. An unreadable item with an id proves that its event still exists.
        """
        return all(item.event_id for item in self.skipped)

    @property
    def unreadable_ids(self) -> frozenset[str]:
        """The ids of the events that could not be read, or not in full."""
        return frozenset(item.event_id for item in self.skipped if item.event_id)


_NULL = msgspec.Raw(b"null")


class _WireEvent(msgspec.Struct):
    """An event as JSON (vendor: EventDto)."""

    id: str = msgspec.field(name="_id")
    timeslots: list[WireTimeslot]
    type: str | None = None
    property_id: str | None = None
    property_timezone: str | None = None
    name: str | None = None
    status: str | None = None
    external_system_event_id: str | None = None


class _WholeWireEvent(_WireEvent):
    """The same with the fields for staff; undecoded, so that any JSON value of them is valid."""

    short_id: msgspec.Raw = _NULL
    rate_category: msgspec.Raw = _NULL
    attendance: msgspec.Raw = _NULL
    renter: msgspec.Raw = _NULL


class _WireZone(msgspec.Struct):
    property_id: object = None
    property_timezone: object = None


_decode_event = msgspec.json.Decoder(_WholeWireEvent).decode
_decode_zone = msgspec.json.Decoder(_WireZone).decode


@dataclass(frozen=True, slots=True)
class EventDefaults:
    """Values of the request that stand in for fields that an event leaves null."""

    property_id: str
    event_type: str
    zones: Mapping[str, str]
    """IANA names by property id."""
    unsure: Collection[str] = ()
    """The ids of properties whose zone in `zones` is a guess; the one that most of their events
    name is used instead.
    """
    approved: tuple[str, ...] = (APPROVED,)
    """Normalized statuses that count as approved."""


def read_events(
    body: bytes, defaults: EventDefaults, known: Mapping[str, EventKey]
) -> EventsResponse:
    """Read a response with events; raises `Malformed`. `known` are events by their bytes' digest.

    Of an event that occurs twice, the last one counts.
    """
    raw_events, invocation_id = read_list(body, "events")
    parser = _EventParser(defaults, named_zones(raw_events, defaults))
    if any(defaults.zones.get(owner) != zone for owner, zone in parser.zones.items()):
        known = {}  # the same bytes mean other moments now
    unchanged: set[EventKey] = set()
    for index, raw in enumerate(raw_events):
        digest = _digest(raw, defaults)
        if key := known.get(digest):
            parser.events.pop(key, None)
            unchanged.add(key)
        elif event := parser.parse(bytes(raw), digest, f"events[{index}]"):
            unchanged.discard(event.key)
    return parser.response(invocation_id, frozenset(unchanged))


def read_event(body: bytes, defaults: EventDefaults) -> EventsResponse:
    """Read the response of `GET /event/{type}/{id}`; raises `Malformed`."""
    raw, invocation_id = read_single(body, "event")
    parser = _EventParser(defaults, named_zones([raw], defaults))
    parser.parse(raw, _digest(raw, defaults), "event")
    return parser.response(invocation_id)


def named_zones(events: Iterable[msgspec.Raw | bytes], defaults: EventDefaults) -> dict[str, str]:
    """Return the zone that most events name for their property, for the properties in `unsure`.

    `events` are undecoded. Of two zones named equally often the first by name wins, so that the
    order of a response never matters.
    """
    votes: dict[str, Counter[str]] = {}
    for raw in events if defaults.unsure else ():
        event = _wire_zone(bytes(raw))
        property_id = clean_id(to_text(event.property_id)) or defaults.property_id
        zone = timezones.resolve_name(to_text(event.property_timezone))
        if zone and property_id in defaults.unsure:
            votes.setdefault(property_id, Counter())[zone] += 1
    return {
        property_id: min(counts, key=lambda zone: (-counts[zone], zone))
        for property_id, counts in votes.items()
    }


def _wire_zone(raw: bytes) -> _WireZone:
    with suppress(*UNREADABLE):
        return _decode_zone(raw)
    fields = decode_object(raw) or {}
    return _WireZone(fields.get("property_id"), fields.get("property_timezone"))


def _digest(raw: bytes | msgspec.Raw, defaults: EventDefaults) -> str:
    """Return the digest of an event's bytes; another one where other statuses are approved."""
    salt = (
        b""
        if defaults.approved == (APPROVED,)
        else blake2b("\n".join(defaults.approved).encode(), digest_size=16).digest()
    )
    return blake2b(raw, digest_size=16, key=DIGEST_KEY + salt).hexdigest()


class _EventParser:
    """Parses the events of one response and collects what it skips."""

    def __init__(self, defaults: EventDefaults, zones: Mapping[str, str]) -> None:
        self.zones = zones
        self.events: dict[EventKey, Event] = {}
        self.skipped: list[Skipped] = []
        self.ignored: list[Skipped] = []
        self._defaults = defaults
        self._zones = {**defaults.zones, **zones}
        self._moments = ZonesMoments()

    def response(
        self, invocation_id: str, unchanged: frozenset[EventKey] = frozenset()
    ) -> EventsResponse:
        return EventsResponse(
            tuple(self.events.values()),
            unchanged,
            tuple(self.skipped),
            tuple(self.ignored),
            invocation_id,
            zones=self.zones,
        )

    def parse(self, raw: bytes, digest: str, where: str) -> Event | None:
        """Parse one event, or add it to `skipped`."""
        try:
            wire, staff_details = _decode(raw)
            if not clean_id(wire.id):
                raise _UnreadableError("no id")
            property_id = clean_id(wire.property_id) or self._defaults.property_id
            zone = self._zone(property_id, (wire.property_timezone or "").strip())
        except _UnreadableError as error:
            self.skipped.append(Skipped(str(error), where, _event_id(raw)))
            return None
        event = self._event(wire, property_id, zone, digest, staff_details)
        self.events.pop(event.key, None)
        self.events[event.key] = event
        return event

    def _zone(self, property_id: str, name: str) -> str:
        """Return the zone of an event's times: its property's, else its own, else the request's.

        So the catalog's zone wins over the event's, since times are local to the property.
        """
        for zone in (
            self._zones.get(property_id, ""),
            timezones.resolve_name(name),
            self._zones.get(self._defaults.property_id, ""),
        ):
            if timezones.exists(zone):
                return zone
        raise _UnreadableError("unknown zone")

    def _event(
        self, wire: _WireEvent, property_id: str, zone: str, digest: str, details: StaffDetails
    ) -> Event:
        timeslots, unreadable = self._timeslots(wire, zone)
        status = normalize_status(wire.status)
        return Event(
            id=wire.id,
            type=clean_word(wire.type) or self._defaults.event_type,
            property_id=property_id,
            zone=zone,
            name=wire.name or "",
            status=status,
            entry_status=entry_status(status, self._defaults.approved),
            external_id=clean_id(wire.external_system_event_id),
            timeslots=tuple(timeslots),
            digest=digest,
            particulars=details,
            unreadable=tuple(unreadable),
        )

    def _timeslots(
        self, wire: _WireEvent, zone: str
    ) -> tuple[list[Timeslot], list[UnreadableTimeslot]]:
        """Return an event's timeslots, and the readable parts of the unreadable ones."""
        timeslots, unreadable = [], []
        for slot in wire.timeslots:
            match parse_timeslot(slot, self._moments[zone]):
                case Timeslot() as timeslot:
                    timeslots.append(timeslot)
                case UnreadableTimeslot() as timeslot:
                    unreadable.append(timeslot)
                    self.skipped.append(Skipped("unreadable time", f"event {wire.id}", wire.id))
                case None:
                    self.ignored.append(Skipped("ends before it starts", f"event {wire.id}"))
        return timeslots, unreadable


def _event_id(raw: bytes) -> str:
    """Return the id of an unreadable event; empty where that is unreadable too."""
    return clean_id(get_text(decode_object(raw) or {}, "_id"))


def _decode(raw: bytes) -> tuple[_WireEvent, StaffDetails]:
    with suppress(*UNREADABLE):
        whole = _decode_event(raw)
        staff_fields = {name: decode_json(bytes(getattr(whole, name))) for name in STAFF_FIELDS}
        return whole, parse_staff_details(staff_fields)
    fields = decode_object(raw)
    if fields is None:
        raise _UnreadableError("no object")
    if not isinstance(fields.get("timeslots"), list):
        raise _UnreadableError("no timeslots")
    return _lenient_event(fields), parse_staff_details(fields)


def _lenient_event(fields: dict[str, Any]) -> _WireEvent:
    names = (
        "type",
        "property_id",
        "property_timezone",
        "name",
        "status",
        "external_system_event_id",
    )
    return _WireEvent(
        id=get_text(fields, "_id"),
        timeslots=[lenient_timeslot(slot) for slot in fields["timeslots"]],
        **{name: get_text(fields, name) for name in names},
    )
