"""From the options of `event` to requests: local times, timeslots, the renter's address.

Every mistake is one sentence. Nothing is sent here; the vendor's rules are in
`facilitron.write_requests`.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.errors import ConfigurationError
from icalbridge.facilitron import NewEvent, NewTimeslot, TimeslotChange, creation_doubts
from icalbridge.facilitron.write_requests import ONE_DAY, TOO_FAR, TOO_OLD
from icalbridge.models import Event, Facility, Property, Timeslot
from icalbridge.store.place_names import find_facility
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icalbridge.settings import Settings
    from icalbridge.store import Store

_LOCAL = re.compile(r"(\d{4}-\d\d-\d\d)[T ]((?:[01]\d|2[0-3]):\d\d(?::[0-5]\d)?)", re.ASCII)
_SPEC_KEYS = ("facility", "activity", "id")
BY_DAY = "Facilitron takes no booking past midnight; it is booked as one a day."
_DOUBT_NOTES = {
    ONE_DAY: "It goes past midnight; if Facilitron refuses that, it is booked as one a day.",
    TOO_OLD: "It starts more than 7 days ago; Facilitron may refuse that.",
    TOO_FAR: "It ends more than 2 years from now; Facilitron may refuse that.",
}
SPEC = "START/END[;facility=ID][;activity=NAME][;id=ID]"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    event_type: str = "reservation"
    key: str = ""
    """The name of the key; empty: the one that reads the property."""
    dry_run: bool = False
    yes: bool = False
    log_message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOptions(WriteOptions):
    name: str
    facility: str
    activity_type: float
    start: str | None = None
    end: str | None = None
    specs: tuple[str, ...] = ()
    timeslot_id: str = ""
    activity: str = ""
    external_id: str = ""
    attendance: float | None = None
    rate_category: str | None = None
    renter_email: str | None = field(default=None, repr=False)
    renter_email_file: str | None = None
    renter_owner: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOptions(WriteOptions):
    """Options of `move` as typed; None leaves a value as it is."""

    start: str | None = None
    end: str | None = None
    facility: str | None = None
    activity: str | None = None


@dataclass(frozen=True, slots=True)
class SlotInput:
    """Timeslot as typed: local times; empty texts stand for the command's own options."""

    start: str
    end: str
    facility: str = ""
    activity: str = ""
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class CreatePlan:
    """Request for a new event, where it takes place, and notes for the user."""

    request: NewEvent
    owner: Property
    places: tuple[Facility, ...]
    """The facilities of its timeslots."""
    notes: tuple[str, ...]

    @property
    def event(self) -> Event:
        request, places = self.request, {place.u_id: place for place in self.places}
        slots = []
        for slot in request.timeslots:
            place, activity = places[slot.facility_u_id], slot.activity_name or ""
            where = (place.id, place.name, place.type)
            what = (activity, "active", slot.external_id)
            slots.append(Timeslot(slot.start, slot.end, *where, *what))
        head = ("", request.event_type, self.owner.id, request.zone, request.name)
        return Event(*head, "approved", request.external_id, tuple(slots))

    def with_request(self, request: NewEvent) -> CreatePlan:
        """Return the plan of a request that is split by day, with a note on that."""
        if request == self.request:
            return self
        return replace(self, request=request, notes=(*self.notes, BY_DAY))


def parse_slots(given: CreateOptions) -> tuple[SlotInput, ...]:
    """Return the timeslots: the one of --start and --end first. Raises `ConfigurationError`."""
    start, end = given.start, given.end
    if (start is None) != (end is None):
        raise ConfigurationError(
            "--start and --end belong together; give both, or neither and --timeslot."
        )
    own = [] if start is None or end is None else [SlotInput(start, end, "", "", given.timeslot_id)]
    slots = (*own, *map(_parse_slot, given.specs))
    if not slots:
        raise ConfigurationError(
            "When? Give --start and --end, or --timeslot for each of several timeslots."
        )
    return slots


def _parse_slot(spec: str) -> SlotInput:
    span, *rest = spec.split(";")
    start, slash, end = span.partition("/")
    values = {
        key.strip(): value.strip() for key, _, value in (part.partition("=") for part in rest)
    }
    if not slash or len(values) < len(rest) or values.keys() - set(_SPEC_KEYS):
        raise ConfigurationError(
            f"--timeslot is {spec!r}, which cannot be read; write it as {SPEC}."
        )
    texts = (values.get(key, "") for key in _SPEC_KEYS)
    return SlotInput(start.strip(), end.strip(), *texts)


def parse_local_time(text: str, zone: str, what: str, notes: list[str]) -> datetime:
    """Return a local time in a zone as UTC. Raises `ConfigurationError`.

    Years without bookings are refused, and a time that a clock change skips; of one that comes
    twice the first is taken, with a note.
    """
    match = _LOCAL.fullmatch(text)
    try:
        wall = datetime.fromisoformat("T".join(match.groups())) if match else None
    except ValueError:
        wall = None
    if wall is None or not 1970 <= wall.year <= 9990:
        raise ConfigurationError(
            f"{what} is {text!r}, which is no local time; write it as 2026-12-01T18:00."
        )
    local = wall.replace(tzinfo=timezones.zone(zone))
    moment = local.astimezone(UTC)
    if moment.astimezone(local.tzinfo).replace(tzinfo=None) != wall:
        raise ConfigurationError(
            f"{what} is {text!r}, a time that the clocks of {zone} skip on that day."
        )
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        notes.append(f"{what}: {text} comes twice in {zone} on that day; the first is meant.")
    return moment


def require_facility(store: Store, given: str) -> Facility:
    """Return a facility, by id or name, that a write can name. Raises `ConfigurationError`."""
    facility = find_facility(store.read, given)
    if not facility.u_id:
        raise ConfigurationError(
            f"The catalog does not say yet by what a write names the facility '{facility.id}';"
            " run `icalbridge sync`."
        )
    return facility


def plan_create(
    store: Store, given: CreateOptions, slots: Sequence[SlotInput], renter: str
) -> CreatePlan:
    """Return the request with facilities, zone and times by the catalog, and with made-up ids where
    none was given. Raises `ConfigurationError`.
    """
    places = tuple(require_facility(store, slot.facility or given.facility) for slot in slots)
    owner = _require_owner(store, places)
    timeslots: list[NewTimeslot] = []
    notes: list[str] = []
    for number, (slot, place) in enumerate(zip(slots, places, strict=True), start=1):
        start, end = (
            parse_local_time(text, owner.timezone, f"{what} of timeslot {number}", notes)
            for what, text in (("The start", slot.start), ("The end", slot.end))
        )
        name = slot.external_id or f"slot-{number}"
        timeslots.append(
            NewTimeslot(name, start, end, place.u_id, slot.activity or given.activity or None)
        )
    if not given.external_id:
        notes.append("Its external id was made from its type, name, facilities and times.")
    request = NewEvent(
        given.external_id or derive_id(given.event_type, given.name, timeslots),
        given.name,
        renter,
        given.activity_type,
        tuple(timeslots),
        owner.timezone,
        event_type=given.event_type,
        attendance=given.attendance,
        renter_rate_category_id=given.rate_category,
        renter_owner=given.renter_owner,
        log_message=given.log_message,
    )
    return CreatePlan(request, owner, places, tuple(notes))


def _require_owner(store: Store, places: Sequence[Facility]) -> Property:
    """Return the school of all facilities, whose zone is known. Raises `ConfigurationError`."""
    owners = {place.property_id for place in places}
    if len(owners) > 1:
        names = store.read.property_names(owners)
        schools = " and ".join(sorted(names.get(owner) or owner for owner in owners))
        raise ConfigurationError(
            f"All facilities of one event belong to one school; {schools} are several."
        )
    owner = store.read.property(owners.pop())
    if owner is None or not timezones.exists(owner.timezone):
        raise ConfigurationError(
            f"The catalog has no time zone for the facility '{places[0].id}'; run `icalbridge"
            " sync`."
        )
    return owner


def creation_notes(request: NewEvent, now: datetime) -> list[str]:
    """Return sentences on what Facilitron may refuse, by bounds that it publishes for changes."""
    reasons = {reason for _, reason in creation_doubts(request, now)}
    return [note for reason, note in _DOUBT_NOTES.items() if reason in reasons]


def derive_id(event_type: str, name: str, timeslots: Iterable[NewTimeslot]) -> str:
    """Return the same external id for the same event: sent again, it cannot be booked twice."""
    texts = [event_type, name]
    for slot in timeslots:
        texts += [slot.facility_u_id, slot.start.isoformat(), slot.end.isoformat()]
    digest = sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"icalbridge-{digest[:24]}"


def read_renter(settings: Settings, given: str | None, file: str | None) -> str:
    """Return the renter's address: as given, from a file (- for stdin), or from the settings."""
    if given is not None and file is not None:
        raise ConfigurationError(
            "--renter-email and --renter-email-file exclude each other; give one of them."
        )
    address = settings.renter_email if given is None else given
    try:
        if file is not None:
            text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8-sig")
            address = text.strip()
    except (OSError, UnicodeError):
        raise ConfigurationError(
            "--renter-email-file names a file that cannot be read as text."
        ) from None
    if not address:
        raise ConfigurationError(
            "For whom? Set ICALBRIDGE_RENTER_EMAIL, or give --renter-email-file, to the e-mail"
            " address of a renter whom Facilitron knows."
        )
    return address


def quote_name(name: str) -> str:
    """Return an event's name in quotes, for a sentence."""
    return f"'{display_text(name, missing='Reserved')}'"


def find_timeslot(event: Event, timeslot_id: str) -> int:
    """Return the index of a timeslot by its external id. Raises `ConfigurationError`."""
    ids = [slot.external_id for slot in event.timeslots]
    if timeslot_id in ids:
        return ids.index(timeslot_id)
    has = "its timeslots have no external ids, so that none of them can be moved"
    if known := ", ".join(sorted(filter(None, ids))):
        has = f"it has {known}"
    raise ConfigurationError(f"{quote_name(event.name)} has no timeslot '{timeslot_id}'; {has}.")


def plan_move(
    store: Store, event: Event, index: int, change: MoveOptions
) -> tuple[Event, TimeslotChange, list[str]]:
    """Return the event as it would be, the request for it, and notes.

    A new start alone keeps the length. Raises `ConfigurationError`.
    """
    before, zone = event.timeslots[index], event.zone
    if not timezones.exists(zone):
        raise ConfigurationError(
            f"The event {event.id} has no time zone that is known; run `icalbridge sync`."
        )
    notes: list[str] = []
    start, end = before.start, before.end
    if change.start is not None:
        start = parse_local_time(change.start, zone, "--start", notes)
        end = start + (before.end - before.start)
    if change.end is not None:
        end = parse_local_time(change.end, zone, "--end", notes)
    place = require_facility(store, change.facility) if change.facility else None
    if place and place.property_id != event.property_id:
        raise ConfigurationError(
            f"The facility '{place.id}' belongs to another school than the event does."
        )
    after = replace(before, start=start, end=end)
    request = TimeslotChange(start, end, zone, log_message=change.log_message)
    if change.activity is not None:
        after = replace(after, activity=change.activity)
        request = replace(request, activity_name=change.activity)
    if place:
        after = replace(after, facility_id=place.id, facility_name=place.name)
        request = replace(request, facility_u_id=place.u_id)
    timeslots = (*event.timeslots[:index], after, *event.timeslots[index + 1 :])
    return replace(event, timeslots=timeslots), request, notes
