"""What was typed for `event`, read: local times, timeslots, the renter's address. Every mistake is
one sentence.

Nothing here asks anybody anything; what may be written at all is for
`facilitron.write_requests` to say.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.errors import ConfigurationError
from icalbridge.facilitron import NewEvent, NewTimeslot
from icalbridge.feeds import display_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icalbridge.models import Facility, Property
    from icalbridge.settings import Settings
    from icalbridge.store import Store

_LOCAL = re.compile(r"(\d{4}-\d\d-\d\d)[T ]((?:[01]\d|2[0-3]):\d\d(?::[0-5]\d)?)", re.ASCII)
_SPEC_KEYS = ("facility", "activity", "id")
SPEC = "START/END[;facility=ID][;activity=NAME][;id=ID]"


@dataclass(frozen=True, slots=True)
class Slot:
    """A timeslot as it was typed: local times; empty texts where the command's own options stand
    in.
    """

    start: str
    end: str
    facility: str = ""
    activity: str = ""
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """An event as it was typed."""

    name: str
    facility: str
    slots: tuple[Slot, ...]
    renter_email: str = field(repr=False)
    activity_type: float
    event_type: str
    activity: str = ""
    external_id: str = ""
    attendance: float | None = None
    rate_category: str | None = None
    renter_owner: str | None = field(default=None, repr=False)
    log_message: str | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to be sent, where it takes place, and what a person should know of it."""

    request: NewEvent
    owner: Property
    places: tuple[Facility, ...]
    """One for each timeslot."""
    notes: tuple[str, ...]


def slots(
    start: str | None, end: str | None, specs: Iterable[str], external_id: str
) -> tuple[Slot, ...]:
    """Return the timeslots that were typed: the one of --start and --end first."""
    if (start is None) != (end is None):
        raise ConfigurationError(
            "--start and --end belong together; give both, or neither and --timeslot."
        )
    own = () if start is None or end is None else (Slot(start, end, external_id=external_id),)
    found = (*own, *(_slot(each) for each in specs))
    if not found:
        raise ConfigurationError(
            "When? Give --start and --end, or --timeslot for each of several timeslots."
        )
    return found


def _slot(spec: str) -> Slot:
    span, *rest = spec.split(";")
    start, slash, end = span.partition("/")
    told = {key.strip(): value.strip() for key, _, value in (each.partition("=") for each in rest)}
    if not slash or len(told) < len(rest) or told.keys() - set(_SPEC_KEYS):
        raise ConfigurationError(
            f"--timeslot is {spec!r}, which cannot be read; write it as {SPEC}."
        )
    texts = (told.get(key, "") for key in _SPEC_KEYS)
    return Slot(start.strip(), end.strip(), *texts)


def moment(text: str, zone: str, what: str) -> tuple[datetime, str]:
    """Return the moment of a local time in a zone, and a note on it, mostly empty.

    One that a clock change skips is refused; of one that comes twice the first is meant, and the
    note says so.
    """
    here = _here(text, zone)
    if here is None:
        raise ConfigurationError(
            f"{what} is {text!r}, which is no local time; write it as 2026-12-01T18:00."
        )
    told = here.astimezone(UTC)
    if told.astimezone(here.tzinfo).replace(tzinfo=None) != here.replace(tzinfo=None):
        raise ConfigurationError(
            f"{what} is {text!r}, a time that the clocks of {zone} skip on that day."
        )
    twice = here.utcoffset() != here.replace(fold=1).utcoffset()
    return (
        told,
        f"{what}: {text} comes twice in {zone} on that day; the first is meant." if twice else "",
    )


def _here(text: str, zone: str) -> datetime | None:
    """Return a local time in its zone; None for a text that is none, or that no calendar reaches in
    every zone.
    """
    found = _LOCAL.fullmatch(text)
    try:
        here = datetime.fromisoformat("T".join(found.groups())) if found else None
    except ValueError:
        return None
    return here.replace(tzinfo=timezones.zone(zone)) if here and 1970 <= here.year <= 9990 else None


def facility_called(store: Store, facility_id: str) -> Facility:
    """Return a facility that a write can name; raises `ConfigurationError` where it cannot."""
    found = store.read.facility(facility_id)
    if found is None:
        raise ConfigurationError(
            f"There is no facility '{facility_id}' in the catalogue; look its id up in the"
            " directory, or run `icalbridge sync` first."
        )
    if not found.u_id:
        raise ConfigurationError(
            f"The catalogue does not say yet by what a write names the facility '{facility_id}';"
            " run `icalbridge sync`."
        )
    return found


def planned(store: Store, wish: Wish) -> Planned:
    """Return what a wish comes to: facilities, zone and moments out of the catalogue, ids where
    none was given.
    """
    places = tuple(facility_called(store, each.facility or wish.facility) for each in wish.slots)
    owners = {each.property_id for each in places}
    if len(owners) > 1:
        raise ConfigurationError(
            f"All facilities of one event belong to one school; {' and '.join(sorted(owners))} are"
            " several."
        )
    owner = store.read.property(owners.pop())
    if owner is None or not timezones.exists(owner.timezone):
        raise ConfigurationError(
            f"The catalogue has no time zone for the facility '{places[0].id}'; run `icalbridge"
            " sync`."
        )
    notes: list[str] = []
    made = []
    for number, (slot, place) in enumerate(zip(wish.slots, places, strict=True), start=1):
        (start, first), (end, second) = (
            moment(text, owner.timezone, f"{what} of timeslot {number}")
            for what, text in (("The start", slot.start), ("The end", slot.end))
        )
        notes += [each for each in (first, second) if each]
        name = slot.external_id or f"slot-{number}"
        made.append(
            NewTimeslot(name, start, end, place.u_id, slot.activity or wish.activity or None)
        )
    if not wish.external_id:
        notes.append("Its external id was made from its type, name, facilities and times.")
    return Planned(_request(wish, made, owner), owner, places, tuple(notes))


def _request(wish: Wish, made: list[NewTimeslot], owner: Property) -> NewEvent:
    return NewEvent(
        wish.external_id or derived_id(wish.event_type, wish.name, made),
        wish.name,
        wish.renter_email,
        _whole(wish.activity_type),
        tuple(made),
        owner.timezone,
        event_type=wish.event_type,
        attendance=None if wish.attendance is None else _whole(wish.attendance),
        renter_rate_category_id=wish.rate_category,
        renter_owner=wish.renter_owner,
        log_message=wish.log_message,
    )


def _whole(number: float) -> float:
    """Return a whole number as one, so that it is not sent with a fraction."""
    return int(number) if number.is_integer() else number


def derived_id(event_type: str, name: str, made: Iterable[NewTimeslot]) -> str:
    """Return an external id that the same event always gets, so that sending it again cannot book
    it twice.
    """
    told = [event_type, name]
    for each in made:
        told += [each.facility_u_id, each.start.isoformat(), each.end.isoformat()]
    digest = sha256("\n".join(told).encode("utf-8", "surrogatepass")).hexdigest()
    return f"icalbridge-{digest[:24]}"


def renter(settings: Settings, given: str | None, file: str | None) -> str:
    """Return the renter's address: as given, out of a file (- for standard input), or out of the
    settings.
    """
    if given is not None and file is not None:
        raise ConfigurationError(
            "--renter-email and --renter-email-file exclude each other; give one of them."
        )
    found = (
        _first_line(file)
        if file is not None
        else given
        if given is not None
        else settings.renter_email
    )
    if not found:
        raise ConfigurationError(
            "For whom? Set ICALBRIDGE_RENTER_EMAIL, or give --renter-email-file, to the e-mail"
            " address of a renter whom Facilitron knows."
        )
    return found


def _first_line(file: str) -> str:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8-sig")
    except (OSError, UnicodeError):
        raise ConfigurationError(
            "--renter-email-file names a file that cannot be read as text."
        ) from None
    return text.strip()


def spoken(name: str) -> str:
    """Return a name as a sentence bears it."""
    return f"'{display_text(name, missing='Reserved')}'"
