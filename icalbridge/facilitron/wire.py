"""The vendor's JSON into the model's classes. An answer that is whole is read fast; what is odd in
it, leniently.

Any field may be null, whatever the pages say (vendor page "Data Restrictions"). An item that cannot
be read is dropped alone, told in `skipped`, and its neighbours stay. Renter, e-mail, attendance,
rate category and reservation id are for staff alone: `private` reads them into `Event.particulars`,
nothing else does, and no message or log has any of them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from icalbridge import timezones
from icalbridge.facilitron.envelope import Malformed, read_list, read_single
from icalbridge.facilitron.event_zones import zones_named
from icalbridge.facilitron.lenient import UNREADABLE, loose, text, usable, word
from icalbridge.facilitron.listed import facility_of, property_of
from icalbridge.facilitron.private import FIELDS as PRIVATE
from icalbridge.facilitron.private import particulars_of
from icalbridge.facilitron.times import ZonesMoments
from icalbridge.facilitron.timeslots import WireTimeslot, lenient_timeslot, read_timeslot
from icalbridge.models import (
    Event,
    EventKey,
    Facility,
    Property,
    StaffDetails,
    Timeslot,
    UnreadableTimeslot,
)
from icalbridge.statuses import APPROVED, entry_status, normalize_status

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

T = TypeVar("T")

READING = b"icalbridge-4"
"""Part of every digest: raised when the same bytes are to be read differently, so that they are
read again.
"""


class _UnreadableError(ValueError):
    """An event that cannot be read; says why in a short fixed phrase."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """One thing in an answer that could not be read."""

    reason: str
    """A short fixed phrase, for counting."""
    where: str
    """Which one, without anything of a renter's."""
    event_id: str = field(default="", compare=False)
    """The event that it is, or is part of; empty when that could not be read either."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A list that the vendor answered."""

    items: tuple[T, ...]
    skipped: tuple[Skipped, ...]
    invocation_id: str


@dataclass(frozen=True, slots=True)
class EventsAnswer:
    """The events of a window: those read anew, and the keys of those whose bytes are known
    already.
    """

    events: tuple[Event, ...]
    unchanged: frozenset[EventKey]
    skipped: tuple[Skipped, ...]
    """What could not be read."""
    ignored: tuple[Skipped, ...]
    """What was read and is nothing, such as a timeslot that ends before it starts."""
    invocation_id: str
    refused_types: frozenset[str] = frozenset()
    """Event types that the vendor refused; the answer says nothing of them."""
    zones: Mapping[str, str] = field(default_factory=dict)
    """IANA names by property id, of the `Asked.unsure` ones whose zone the events name."""

    @property
    def complete(self) -> bool:
        """Whether everything could be read."""
        return not self.skipped

    @property
    def withdraws(self) -> bool:
        """Whether an event that the answer lacks is gone: no unreadable item could be that very
        event.

        See api/README, point 13. An unreadable item whose event is known tells that this event is
        still there.
        """
        return all(each.event_id for each in self.skipped)

    @property
    def unreadable_ids(self) -> frozenset[str]:
        """The ids of the events that could not be read, or not in full."""
        return frozenset(each.event_id for each in self.skipped if each.event_id)


_NULL = msgspec.Raw(b"null")


class _Event(msgspec.Struct):
    id: str = msgspec.field(name="_id")
    timeslots: list[WireTimeslot]
    type: str | None = None
    property_id: str | None = None
    property_timezone: str | None = None
    name: str | None = None
    status: str | None = None
    external_system_event_id: str | None = None


class _WholeEvent(_Event):
    """The same with what `private` reads; undecoded, so that no shape of it makes the whole event
    an odd one.
    """

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
    unsure: Collection[str] = ()
    """The ids of properties whose zone, if there is one, is no evidence: the one that most of their
    events name holds for all of them.
    """
    approved: tuple[str, ...] = (APPROVED,)
    """Normalized statuses that count as approved."""


def read_properties(body: bytes) -> Answer[Property]:
    """Read the answer of `GET /properties`; raises `Malformed`."""
    return _read_list(body, "properties", property_of)


def read_property(body: bytes) -> Property:
    """Read the answer of `GET /property/{id}`; raises `Malformed`, also when it has no id."""
    raw, called = read_single(body, "property")
    told = loose(raw)
    found = property_of(told) if isinstance(told, dict) else None
    if found is None:
        raise Malformed("the property has no id", called)
    return found


def read_facilities(body: bytes, property_id: str) -> Answer[Facility]:
    """Read the answer of `GET /property/{id}/facilities`; raises `Malformed`."""
    return _read_list(body, "facilities", lambda told: facility_of(told, property_id))


def _read_list(body: bytes, name: str, read: Callable[[dict[str, Any]], T | None]) -> Answer[T]:
    found, called = read_list(body, name)
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
    """Read an answer with events; raises `Malformed`. `known` are events by the digest of their
    bytes.

    An event that is told twice is what it is told last.
    """
    found, called = read_list(body, "events")
    reader = _Reader(asked, zones_named(found, asked.property_id, asked.unsure))
    if any(asked.zones.get(each) != name for each, name in reader.zones.items()):
        known = {}  # the same bytes mean other moments now
    unchanged: set[EventKey] = set()
    for index, raw in enumerate(found):
        digest = _digest(raw, asked)
        if key := known.get(digest):
            reader.events.pop(key, None)
            unchanged.add(key)
        elif event := reader.read(bytes(raw), digest, f"events[{index}]"):
            unchanged.discard(event.key)
    return reader.answer(called, frozenset(unchanged))


def read_event(body: bytes, asked: Asked) -> EventsAnswer:
    """Read the answer of `GET /event/{type}/{id}`; raises `Malformed`."""
    raw, called = read_single(body, "event")
    reader = _Reader(asked, zones_named([raw], asked.property_id, asked.unsure))
    reader.read(raw, _digest(raw, asked), "event")
    return reader.answer(called)


def _digest(raw: bytes | msgspec.Raw, asked: Asked) -> str:
    """Return the digest of an event's bytes; another one where other statuses count as approved."""
    salt = (
        b""
        if asked.approved == (APPROVED,)
        else blake2b("\n".join(asked.approved).encode(), digest_size=16).digest()
    )
    return blake2b(raw, digest_size=16, key=READING + salt).hexdigest()


class _Reader:
    """Events of one answer, as they are read."""

    def __init__(self, asked: Asked, zones: Mapping[str, str]) -> None:
        self.zones = zones
        self.events: dict[EventKey, Event] = {}
        self.skipped: list[Skipped] = []
        self.ignored: list[Skipped] = []
        self._asked = asked
        self._zones = {**asked.zones, **zones}
        self._moments = ZonesMoments()

    def answer(self, called: str, unchanged: frozenset[EventKey] = frozenset()) -> EventsAnswer:
        return EventsAnswer(
            tuple(self.events.values()),
            unchanged,
            tuple(self.skipped),
            tuple(self.ignored),
            called,
            zones=self.zones,
        )

    def read(self, raw: bytes, digest: str, where: str) -> Event | None:
        """Read one event, or note why it cannot be read."""
        try:
            told, particulars = _decode(raw)
            if not usable(told.id):
                raise _UnreadableError("no id")
            property_id = usable(told.property_id) or self._asked.property_id
            zone = self._zone(property_id, (told.property_timezone or "").strip())
        except _UnreadableError as error:
            self.skipped.append(Skipped(str(error), where, _event_id(raw)))
            return None
        event = self._event(told, property_id, zone, digest, particulars)
        self.events.pop(event.key, None)
        self.events[event.key] = event
        return event

    def _zone(self, property_id: str, named: str) -> str:
        """Return the zone of an event's times: its property's, else the one it names itself, else
        the asked one's.

        So where an event contradicts the catalogue, the catalogue's zone holds, since times are
        local to the property.
        """
        known = self._zones
        for zone in (
            known.get(property_id, ""),
            timezones.resolve_name(named),
            known.get(self._asked.property_id, ""),
        ):
            if timezones.exists(zone):
                return zone
        raise _UnreadableError("unknown zone")

    def _event(
        self, told: _Event, property_id: str, zone: str, digest: str, particulars: StaffDetails
    ) -> Event:
        timeslots, unreadable = self._timeslots(told, zone)
        status = normalize_status(told.status)
        return Event(
            id=told.id,
            type=word(told.type) or self._asked.event_type,
            property_id=property_id,
            zone=zone,
            name=told.name or "",
            status=status,
            entry_status=entry_status(status, self._asked.approved),
            external_id=usable(told.external_system_event_id),
            timeslots=tuple(timeslots),
            digest=digest,
            particulars=particulars,
            unreadable=tuple(unreadable),
        )

    def _timeslots(
        self, told: _Event, zone: str
    ) -> tuple[list[Timeslot], list[UnreadableTimeslot]]:
        """Return an event's timeslots: those that could be read, and what of the others could
        be.
        """
        found, unreadable = [], []
        for each in told.timeslots:
            match read_timeslot(each, self._moments[zone]):
                case Timeslot() as timeslot:
                    found.append(timeslot)
                case UnreadableTimeslot() as timeslot:
                    unreadable.append(timeslot)
                    self.skipped.append(Skipped("unreadable time", f"event {told.id}", told.id))
                case None:
                    self.ignored.append(Skipped("ends before it starts", f"event {told.id}"))
        return found, unreadable


def _event_id(raw: bytes) -> str:
    """Return the id of an event that cannot be read; empty where that cannot be read either."""
    told = loose(raw)
    return usable(text(told, "_id")) if isinstance(told, dict) else ""


def _decode(raw: bytes) -> tuple[_Event, StaffDetails]:
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
        timeslots=[lenient_timeslot(each) for each in told["timeslots"]],
        **{
            name: text(told, name)
            for name in (
                "type",
                "property_id",
                "property_timezone",
                "name",
                "status",
                "external_system_event_id",
            )
        },
    )
