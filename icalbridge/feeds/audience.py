"""Who may see what: the fields of each audience, an allowlist, and the one place where entries lose
what is not in it.

Formats are given items, and an item holds nothing that its audience may not see: no format can leak
what it never had.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from icalbridge.feeds.places import NO_PLACES
from icalbridge.feeds.titles import TitleTexts, fill
from icalbridge.models import UID_SUFFIX, ReservedEntry
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from icalbridge.feeds.places import PlaceDetails
    from icalbridge.models import Entry, StaffDetails


class Audience(StrEnum):
    """For whom a feed is."""

    PUBLIC = "public"
    STAFF = "staff"
    OPERATIONS = "operations"


class Field(StrEnum):
    """Fields of an entry beside its time."""

    NAME = "name"
    ACTIVITY = "activity"
    FACILITY = "facility"
    LOCATION = "location"
    TYPE = "type"
    RENTER = "renter"
    EMAIL = "email"
    ATTENDANCE = "attendance"
    RESERVATION = "reservation"
    CATEGORY = "category"


PUBLIC_FIELDS = frozenset({Field.NAME, Field.ACTIVITY, Field.FACILITY, Field.LOCATION, Field.TYPE})
ALLOWED: Mapping[Audience, frozenset[Field]] = {
    Audience.PUBLIC: PUBLIC_FIELDS,
    Audience.OPERATIONS: PUBLIC_FIELDS | {Field.ATTENDANCE, Field.RESERVATION},
    Audience.STAFF: frozenset(Field),
}
STAFF_FIELDS = frozenset(Field) - PUBLIC_FIELDS
"""The fields out of the table of staff details."""
BUSY = frozenset({Field.FACILITY, Field.LOCATION})
"""The fields of a feed with `detail=busy`."""


BLOCK_PREFIX = "occupancy-"
"""How the UID of a block of the occupancy feed begins."""


class Status(StrEnum):
    """RFC 5545, section 3.8.1.11."""

    CONFIRMED = "CONFIRMED"
    TENTATIVE = "TENTATIVE"
    CANCELLED = "CANCELLED"


class Item(NamedTuple):
    """One entry as one audience may see it: all that a format is given. Texts are clean, one line
    each.

    A tuple, since a feed makes thousands of them: it takes a quarter of what a frozen data class
    does.
    """

    uid: str
    start: datetime
    end: datetime
    zone: str
    title: str
    """Never empty."""
    status: Status
    sequence: int
    modified: datetime
    property_id: str
    facility_ids: tuple[str, ...]
    first_seen: datetime | None = None
    cancelled: datetime | None = None
    """When it was cancelled; such items are only in feeds with cancellations."""
    name: str = ""
    activity: str = ""
    facility: str = ""
    location: str = ""
    type: str = ""
    renter: str = ""
    email: str = ""
    attendance: int | None = None
    reservation: str = ""
    category: str = ""
    school: str = ""
    """Its property's name, where that is shown."""

    @property
    def starts_at(self) -> int:
        """Return the start in seconds since 1970; `ends_at` likewise."""
        return int(self.start.timestamp())

    @property
    def ends_at(self) -> int:
        return int(self.end.timestamp())

    @property
    def key(self) -> tuple[int, int, str]:
        """Return the sort key: start and end, in seconds since 1970, and UID."""
        return self.starts_at, self.ends_at, self.uid

    @property
    def booking_id(self) -> str:
        """Return what names the page of its booking. Empty for what is pending and for a block of
        use, which have none, and for an item without its name or its place: the page says both.
        """
        says_all = (self.name or self.activity or self.type) and (self.facility or self.location)
        if not says_all or self.status is Status.TENTATIVE or self.uid.startswith(BLOCK_PREFIX):
            return ""
        return self.uid.removesuffix(UID_SUFFIX)


@dataclass(frozen=True, slots=True)
class View:
    """Fields and titles of entries for one audience."""

    fields: frozenset[Field]
    title: str = ""
    """A template (see `title`); empty: name and activity."""

    @property
    def needs_particulars(self) -> bool:
        return not self.fields.isdisjoint(STAFF_FIELDS)


def view(
    audience: Audience,
    *,
    fields: frozenset[Field] | None = None,
    busy: bool = False,
    title: str = "",
) -> View:
    """Return the view with the requested fields, never more than the audience may see."""
    shown = ALLOWED[audience] if fields is None else ALLOWED[audience] & fields
    return View(shown & BUSY if busy else shown, title)


CANCELLED_PREFIX = "CANCELLED: "
"""Put before the title of what is marked as cancelled: Google and Outlook hide STATUS:CANCELLED
altogether.
"""


def admit(
    entry: Entry,
    status: Status,
    shown: View,
    *,
    places: PlaceDetails = NO_PLACES,
    particulars: tuple[StaffDetails, datetime] | None = None,
) -> Item:
    """Return an entry as a view shows it."""
    fields = shown.fields
    name = display_text(entry.name) if Field.NAME in fields else ""
    activity = display_text(entry.activity) if Field.ACTIVITY in fields else ""
    facility = display_text(entry.place) if Field.FACILITY in fields else ""
    has_type = Field.TYPE in fields and not isinstance(entry, ReservedEntry)
    kind = display_text(entry.type) if has_type else ""
    school = display_text(places.schools.get(entry.property_id, ""))
    title = fill(shown.title, TitleTexts(name, activity, facility, school, kind))
    item = Item(
        uid=entry.uid,
        start=entry.start,
        end=entry.end,
        zone=entry.zone,
        title=_called(title, entry.cancelled, status),
        status=status,
        sequence=entry.sequence,
        modified=entry.modified,
        property_id=entry.property_id,
        facility_ids=(entry.facility_id,) if entry.facility_id else (),
        first_seen=entry.first_seen,
        cancelled=None if status is Status.TENTATIVE else entry.cancelled,
        name=name,
        activity=activity,
        facility=facility,
        location=display_text(entry.location) if Field.LOCATION in fields else facility,
        type=kind,
        school=school,
    )
    return item if particulars is None else _with(item, fields, *particulars)


def retitled(item: Item, template: str) -> Item:
    """Return an item with its title made from its fields."""
    texts = TitleTexts(item.name, item.activity, item.facility, item.school, item.type)
    return item._replace(title=_called(fill(template, texts), item.cancelled, item.status))


def without_mark(item: Item) -> Item:
    """Return an item that was called off with its own title, and cancelled by its status."""
    if item.cancelled is None:
        return item
    return item._replace(status=Status.CANCELLED, title=item.title.removeprefix(CANCELLED_PREFIX))


def _called(title: str, cancelled: datetime | None, status: Status) -> str:
    return CANCELLED_PREFIX + title if cancelled and status is Status.CONFIRMED else title


def _with(item: Item, fields: frozenset[Field], details: StaffDetails, changed: datetime) -> Item:
    """Add what is particular; the item is as new as the newest of it, if anything of it is
    shown.
    """
    if fields.isdisjoint(STAFF_FIELDS):
        return item
    return item._replace(
        renter=display_text(details.renter) if Field.RENTER in fields else "",
        email=display_text(details.email) if Field.EMAIL in fields else "",
        attendance=details.attendance if Field.ATTENDANCE in fields else None,
        reservation=display_text(details.reservation) if Field.RESERVATION in fields else "",
        category=display_text(details.category) if Field.CATEGORY in fields else "",
        modified=max(item.modified, changed),
    )
