"""The vendor's JSON into the model's classes. An answer that is whole is read fast; what is odd in it, leniently.

Any field may be null, whatever the pages say (vendor page "Data Restrictions"). An item that cannot be read is dropped
alone, told in `skipped`, and its neighbours stay. Renter, e-mail, attendance, rate category and reservation id are for
staff alone: `private` reads them into `Event.particulars`, nothing else does, and no message or log has any of them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from icalbridge import zones
from icalbridge.facilitron.envelope import Malformed, items_of, single_of
from icalbridge.facilitron.lenient import UNREADABLE, as_text, loose, text, whole
from icalbridge.facilitron.private import FIELDS as PRIVATE
from icalbridge.facilitron.private import particulars_of
from icalbridge.facilitron.times import ZonesMoments
from icalbridge.model import Event, EventKey, Facility, Particulars, Property, Timeslot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

READING = b"icalbridge-3"
"""Part of every digest: raised when the same bytes are to be read differently, so that they are read again."""


class _UnreadableError(ValueError):
    """An event that cannot be read; says why in a short fixed phrase."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """One thing in an answer that could not be read."""

    reason: str
    """A short fixed phrase, for counting."""
    where: str
    """Which one, without anything of a renter's."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A list that the vendor answered."""

    items: tuple[T, ...]
    skipped: tuple[Skipped, ...]
    invocation_id: str


@dataclass(frozen=True, slots=True)
class EventsAnswer:
    """The events of a window: those read anew, and the keys of those whose bytes are known already."""

    events: tuple[Event, ...]
    unchanged: frozenset[EventKey]
    skipped: tuple[Skipped, ...]
    """What could not be read."""
    ignored: tuple[Skipped, ...]
    """What was read and is nothing, such as a timeslot that ends before it starts."""
    invocation_id: str
    refused_types: frozenset[str] = frozenset()
    """Event types that the vendor refused; the answer says nothing of them."""

    @property
    def complete(self) -> bool:
        """Whether everything could be read: only then may an answer withdraw anything (api/README, point 13)."""
        return not self.skipped


_NULL = msgspec.Raw(b"null")


class _Facility(msgspec.Struct):
    id: str | None = msgspec.field(name="_id", default=None)
    name: str | None = None
    type: str | None = None


class _Timeslot(msgspec.Struct):
    start_datetime: str
    end_datetime: str
    facility: _Facility | None = None
    activity_name: str | None = None
    status: str | None = None
    external_system_timeslot_id: str | None = None


class _Event(msgspec.Struct):
    id: str = msgspec.field(name="_id")
    timeslots: list[_Timeslot]
    type: str | None = None
    property_id: str | None = None
    property_timezone: str | None = None
    name: str | None = None
    status: str | None = None
    external_system_event_id: str | None = None


class _WholeEvent(_Event):
    """The same with what `private` reads; undecoded, so that no shape of it makes the whole event an odd one."""

    short_id: msgspec.Raw = _NULL
    rate_category: msgspec.Raw = _NULL
    attendance: msgspec.Raw = _NULL
    renter: msgspec.Raw = _NULL


_decode_event = msgspec.json.Decoder(_WholeEvent).decode


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: it stands in for what an event leaves null."""

    property_id: str
    event_type: str
    zones: Mapping[str, str]
    """IANA names by property id."""


def read_properties(body: bytes) -> Answer[Property]:
    """Read the answer of `GET /properties`; raises `Malformed`."""
    return _read_list(body, "properties", property_of)


def read_property(body: bytes) -> Property:
    """Read the answer of `GET /property/{id}`; raises `Malformed`, also when it has no id."""
    raw, called = single_of(body, "property")
    told = loose(raw)
    found = property_of(told) if isinstance(told, dict) else None
    if found is None:
        raise Malformed("the property has no id", called)
    return found


def read_facilities(body: bytes, property_id: str) -> Answer[Facility]:
    """Read the answer of `GET /property/{id}/facilities`; raises `Malformed`."""
    return _read_list(body, "facilities", lambda told: facility_of(told, property_id))


def _read_list(body: bytes, name: str, read: Callable[[dict[str, Any]], T | None]) -> Answer[T]:
    found, called = items_of(body, name)
    items: dict[str, T] = {}
    skipped = []
    for index, raw in enumerate(found):
        told = loose(bytes(raw))
        item = read(told) if isinstance(told, dict) else None
        if item is None:
            skipped.append(Skipped("no id", f"{name}[{index}]"))
        else:
            items[item.id] = item  # type: ignore[attr-defined]  # both kinds have one
    return Answer(tuple(items.values()), tuple(skipped), called)


def read_events(body: bytes, asked: Asked, known: Mapping[str, EventKey]) -> EventsAnswer:
    """Read an answer with events; raises `Malformed`. `known` are events by the digest of their bytes.

    An event that is told twice is what it is told last.
    """
    found, called = items_of(body, "events")
    reader = _Reader(asked)
    unchanged: set[EventKey] = set()
    for index, raw in enumerate(found):
        digest = _digest(raw)
        if key := known.get(digest):
            reader.events.pop(key, None)
            unchanged.add(key)
        elif event := reader.read(bytes(raw), digest, f"events[{index}]"):
            unchanged.discard(event.key)
    return reader.answer(called, frozenset(unchanged))


def read_event(body: bytes, asked: Asked) -> EventsAnswer:
    """Read the answer of `GET /event/{type}/{id}`; raises `Malformed`."""
    raw, called = single_of(body, "event")
    reader = _Reader(asked)
    reader.read(raw, _digest(raw), "event")
    return reader.answer(called)


def _digest(raw: bytes | msgspec.Raw) -> str:
    return blake2b(raw, digest_size=16, key=READING).hexdigest()


class _Reader:
    """Events of one answer, as they are read."""

    def __init__(self, asked: Asked) -> None:
        self.events: dict[EventKey, Event] = {}
        self.skipped: list[Skipped] = []
        self.ignored: list[Skipped] = []
        self._asked = asked
        self._moments = ZonesMoments()

    def answer(self, called: str, unchanged: frozenset[EventKey] = frozenset()) -> EventsAnswer:
        return EventsAnswer(tuple(self.events.values()), unchanged, tuple(self.skipped), tuple(self.ignored), called)

    def read(self, raw: bytes, digest: str, where: str) -> Event | None:
        """Read one event, or note why it cannot be read."""
        try:
            told, particulars = _decode(raw)
            if not _usable(told.id):
                raise _UnreadableError("no id")
            property_id = _usable(told.property_id) or self._asked.property_id
            zone = self._zone(property_id, (told.property_timezone or "").strip())
        except _UnreadableError as error:
            self.skipped.append(Skipped(str(error), where))
            return None
        event = self._event(told, property_id, zone, digest, particulars)
        self.events.pop(event.key, None)
        self.events[event.key] = event
        return event

    def _zone(self, property_id: str, named: str) -> str:
        """Return the zone of an event's times: its property's, else the one it names itself, else the asked one's."""
        known = self._asked.zones
        for zone in (known.get(property_id, ""), named, known.get(self._asked.property_id, "")):
            if zones.exists(zone):
                return zone
        raise _UnreadableError("unknown zone")

    def _event(self, told: _Event, property_id: str, zone: str, digest: str, particulars: Particulars) -> Event:
        return Event(
            id=told.id,
            type=_word(told.type) or self._asked.event_type,
            property_id=property_id,
            zone=zone,
            name=told.name or "",
            status=_word(told.status).lower(),
            external_id=_usable(told.external_system_event_id),
            timeslots=tuple(self._timeslots(told, zone)),
            digest=digest,
            particulars=particulars,
        )

    def _timeslots(self, told: _Event, zone: str) -> list[Timeslot]:
        moments = self._moments[zone]
        found = []
        for each in told.timeslots:
            try:
                start, end = moments[each.start_datetime], moments[each.end_datetime]
            except ValueError:
                self.skipped.append(Skipped("unreadable time", f"event {told.id}"))
                continue
            if end <= start:
                self.ignored.append(Skipped("ends before it starts", f"event {told.id}"))
                continue
            place = each.facility or _NOWHERE
            found.append(
                Timeslot(
                    start,
                    end,
                    _usable(place.id),
                    place.name or "",
                    place.type or "",
                    each.activity_name or "",
                    _word(each.status).lower(),
                    _usable(each.external_system_timeslot_id),
                )
            )
        return found


_NOWHERE = _Facility()


def property_of(told: dict[str, Any]) -> Property | None:
    """Return a PropertyDto as a property; None without an id."""
    if not (property_id := _usable(text(told, "_id"))):
        return None
    child_ids = told.get("properties")
    texts = {name: text(told, name) for name in ("name", "address", "city", "state", "zip")}
    children = [_usable(as_text(each)) for each in child_ids] if isinstance(child_ids, list) else []
    return Property(
        id=property_id, timezone=text(told, "timezone").strip(), child_ids=tuple(filter(None, children)), **texts
    )


def facility_of(told: dict[str, Any], property_id: str) -> Facility | None:
    """Return a FacilityDto as a facility; None without an id."""
    if not (facility_id := _usable(text(told, "_id"))):
        return None
    return Facility(
        id=facility_id,
        property_id=_usable(text(told, "property_id")) or property_id,
        name=text(told, "name"),
        type=text(told, "type"),
        capacity=whole(told.get("capacity")),
        search_term=text(told, "search_term"),
        u_id=_usable(text(told, "u_id")),
    )


def _usable(identifier: str | None) -> str:
    """Return an id exactly as it is; one with NUL, which no database keeps, names nothing."""
    return "" if identifier is None or "\0" in identifier else identifier


def _word(told: str | None) -> str:
    """Return a text that programs compare: without white space around it and without NUL."""
    return (told or "").replace("\0", "").strip()


def _decode(raw: bytes) -> tuple[_Event, Particulars]:
    with suppress(*UNREADABLE):
        told = _decode_event(raw)
        return told, particulars_of({name: loose(bytes(getattr(told, name))) for name in PRIVATE})
    found = loose(raw)
    if not isinstance(found, dict):
        raise _UnreadableError("no object")
    if not isinstance(found.get("timeslots"), list):
        raise _UnreadableError("no timeslots")
    return _lenient_event(found), particulars_of(found)


def _lenient_event(told: dict[str, Any]) -> _Event:
    return _Event(
        id=text(told, "_id"),
        timeslots=[_lenient_timeslot(each) for each in told["timeslots"]],
        **{
            name: text(told, name)
            for name in ("type", "property_id", "property_timezone", "name", "status", "external_system_event_id")
        },
    )


def _lenient_timeslot(told: object) -> _Timeslot:
    """Read a timeslot as far as it goes; one whose times are no texts has none that can be read."""
    if not isinstance(told, dict):
        return _Timeslot("", "")
    place = told.get("facility")
    facility = _Facility(*(text(place, name) for name in ("_id", "name", "type"))) if isinstance(place, dict) else None
    start, end = (
        each if isinstance(each := told.get(name), str) else "" for name in ("start_datetime", "end_datetime")
    )
    texts = {name: text(told, name) for name in ("activity_name", "status", "external_system_timeslot_id")}
    return _Timeslot(start, end, facility, **texts)
