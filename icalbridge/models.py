"""Data classes shared by all packages: frozen, without behavior.

Texts are never None: what the vendor leaves null is an empty string here. Every moment is an aware
datetime in UTC; the IANA name beside it (`zone`) says in which zone people read it. The vendor's
words are kept: property, facility, event, timeslot. An *entry* is one timeslot with all that a
calendar shows of it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple

VENDOR_DAYS_AHEAD = 365
"""How far ahead of today, in days, the vendor answers ("up to 1 year from the query date")."""
WINDOW_DAYS = 31
LAST_DISTRICT_DAY = 90
"""How many days ahead a district's day may be, by the vendor's page that grants most."""
FIRST_DAYS = (0, 31, 62, *range(LAST_DISTRICT_DAY + 1, VENDOR_DAYS_AHEAD + 1, WINDOW_DAYS))
"""On which day, counted from today, each window begins; one begins after the last district's day.
"""


def window_with(offset: int) -> int:
    """Return the number of a property's own window that has a day, counted from today."""
    return bisect_right(FIRST_DAYS, offset) - 1


def utcnow() -> datetime:
    """Return this moment in UTC, to the second; for entry points only, everything below takes `now`
    as an argument.
    """
    return datetime.now(UTC).replace(microsecond=0)


ZoneSource = Literal["", "property", "stored", "earlier", "events", "parent", "guess"]
"""Where a property's zone comes from, best evidence first:

property    the vendor's catalogue gives it now
stored      the catalogue gave it before, and gives none that can be used now
events      its events name it
earlier     a version stored it that did not store sources; it may have been a guess
parent      the property has its district's
guess       most of the other properties are there
""          not settled since sources are stored

`events` replaces `earlier` and what is below it, since only the first three are evidence of the
property's own.
"""
CLOCK_TOLERANCE = timedelta(seconds=60)
"""How far the clocks of two machines that share a database may differ."""


def is_future(moment: datetime | None, now: datetime) -> bool:
    """Return whether a stored moment was written by a clock that stood ahead of `now`: it is no
    evidence then.
    """
    return moment is not None and moment > now + CLOCK_TOLERANCE


@dataclass(frozen=True, slots=True)
class Property:
    """A school, or the district that holds schools (vendor: PropertyDto)."""

    id: str
    name: str = ""
    address: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    timezone: str = ""
    """As the vendor gave it, which may name no zone at all; of a stored property the IANA name of
    the zone that holds there, empty when nothing is known of it.
    """
    child_ids: tuple[str, ...] = ()
    """Ids the vendor lists as children, also of properties that the key cannot see."""
    zone_source: ZoneSource = field(default="", compare=False)
    """Of a stored property: where `timezone` comes from. No feed shows it."""
    vendor_zone: str = field(default="", compare=False)
    """Of a stored property: what the last catalogue gave as its zone, in the vendor's words."""

    @property
    def zone_known(self) -> bool:
        """Whether `timezone` is evidence of the property's own, so that no event's zone replaces
        it.
        """
        return self.zone_source in ("property", "stored", "events")


@dataclass(frozen=True, slots=True)
class Facility:
    """A gym, field, theater or room of one property (vendor: FacilityDto)."""

    id: str
    property_id: str
    name: str = ""
    type: str = ""
    capacity: int | None = None
    search_term: str = ""
    u_id: str = field(default="", compare=False)
    """What a write names it by; empty when the vendor gave none. No feed shows it, so that
    facilities are equal whatever it is.
    """


@dataclass(frozen=True, slots=True)
class Timeslot:
    """One stay in one facility, as the vendor answers it (vendor: TimeslotDto)."""

    start: datetime
    end: datetime
    facility_id: str = ""
    facility_name: str = ""
    facility_type: str = ""
    activity: str = ""
    status: str = ""
    """`active` or `suspended`; lower case."""
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class UnreadableTimeslot:
    """A timeslot that could not be read, as far as it could."""

    start: datetime | None = None
    """None where it could not be read; so is `end`."""
    end: datetime | None = None
    facility_id: str = ""
    external_id: str = ""


class EventKey(NamedTuple):
    """What names an event in the vendor's addresses."""

    event_type: str
    event_id: str


UID_SUFFIX = "@icalbridge"
"""How every UID ends; the address of a booking has it without."""


@dataclass(frozen=True, slots=True)
class StaffDetails:
    """What staff may know of an event and the public never; no `repr` holds it, since a `repr` may
    reach a log.
    """

    renter: str = field(default="", repr=False)
    """Whoever rents: a name as far as one is known, else what the vendor calls them."""
    email: str = field(default="", repr=False)
    attendance: int | None = field(default=None, repr=False)
    """How many people are expected; None when unknown, 0 when the vendor gives 0."""
    reservation: str = field(default="", repr=False)
    """The reservation id by which people know it (vendor: `short_id`)."""
    category: str = field(default="", repr=False)
    """The rate category (vendor: `rate_category`)."""


UNTOLD = StaffDetails()


@dataclass(frozen=True, slots=True)
class Event:
    """One reservation with all its timeslots, as far as they could be read (vendor: EventDto)."""

    id: str
    type: str
    property_id: str
    zone: str
    """IANA name of the zone in which the vendor gave the times; one that `timezones.zone` knows."""
    name: str = ""
    status: str = ""
    """`approved`, `pending`, `cancelled`, `declined` or a word we do not know; lower case."""
    external_id: str = ""
    timeslots: tuple[Timeslot, ...] = ()
    digest: str = ""
    """Digest of the vendor's bytes for this event: the same bytes need not be read again."""
    particulars: StaffDetails = field(default=UNTOLD, repr=False)
    unreadable: tuple[UnreadableTimeslot, ...] = ()
    """Its timeslots that could not be read: while there are any, none of its entries is withdrawn.
    """
    entry_status: str = ""
    """The status that its entries get by the operator's settings; empty: the same as `status`."""

    @property
    def key(self) -> EventKey:
        return EventKey(self.type, self.id)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A span of calendar days of a property's zone, both ends counted."""

    start: date
    end: date

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    def __str__(self) -> str:
        return f"{self.start}..{self.end}"


FeedKind = Literal["facility", "property", "event", "booking", "saved"]


@dataclass(frozen=True, slots=True)
class Feed:
    """Address of a calendar without its format."""

    kind: FeedKind
    id: str
    event_type: str = ""
    """For an event's feed only."""


@dataclass(frozen=True, slots=True)
class SavedFeed:
    """A saved feed as it is kept: its specification, which the store does not read, and what the
    store must know of it.

    Its id as a `Feed` is its slug.
    """

    slug: str
    title: str
    """Plain text; never empty."""
    spec: str
    """TOML: see `feeds.spec`."""
    property_ids: tuple[str, ...] = ()
    """The schools and districts it selects; a district stands for its schools too."""
    facility_ids: tuple[str, ...] = ()
    event_keys: tuple[EventKey, ...] = ()
    """Single events that it shows wherever they take place."""


@dataclass(frozen=True, slots=True)
class FeedToken:
    """One subscriber's private address of a saved feed, without the secret in it."""

    id: int
    slug: str
    name: str
    """Of the subscriber, as the operator wrote it."""
    created: datetime
    last_used: datetime | None = None
    """To the minute or so; None while nobody used it."""
    revoked: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One timeslot with all that a calendar shows of it: what is kept, and what a feed is made
    of.
    """

    uid: str
    event_type: str
    event_id: str
    property_id: str
    facility_id: str
    name: str
    """The event's name as the vendor gave it; may be empty."""
    activity: str
    place: str
    """The facility's name; may be empty."""
    location: str
    """Facility, property, address, city, state, zip, joined by `, `, empty parts left out."""
    type: str
    """The facility's type, or the event's type where there is none."""
    status: str
    timeslot_status: str
    start: datetime
    end: datetime
    zone: str
    sequence: int
    modified: datetime
    """When we last saw it change."""
    external_id: str = ""
    withdrawn: datetime | None = None
    """When we saw that the vendor no longer has it; None while it has."""
    cancelled: datetime | None = None
    """When it ceased to be on after it had been (approved, active, not withdrawn); None while it is
    on, and for what never was.
    """
    first_seen: datetime | None = field(default=None, compare=False)
    """When we first saw it, as the store wrote it down; None for what was not read from there. Says
    nothing of what the entry shows, so that entries are equal whenever they were first seen.
    """

    @property
    def key(self) -> EventKey:
        return EventKey(self.event_type, self.event_id)

    @property
    def shown(self) -> bool:
        """Whether a feed without parameters shows it."""
        return (
            self.status == "approved"
            and self.timeslot_status == "active"
            and self.withdrawn is None
        )


@dataclass(frozen=True, slots=True)
class ReservedEntry(Entry):
    """An entry of which nobody may know more than that its space is in use; its texts are empty."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a sync found out: the only thing that `store` writes entries from.

    `added` and `changed` hold entries as they shall be from now on; `withdrawn` those that went,
    with `withdrawn` set. `parsed` are the events that were parsed, with their staff details, so
    that the same bytes need not be parsed again; an event in `reparse` must be parsed when the
    vendor next has it, whatever its bytes. `count` is of entries.
    """

    added: tuple[Entry, ...] = ()
    changed: tuple[Entry, ...] = ()
    withdrawn: tuple[Entry, ...] = ()
    parsed: tuple[Event, ...] = ()
    reparse: frozenset[EventKey] = frozenset()
    elsewhere: tuple[Entry, ...] = ()
    """What present events no longer have on days that were not requested: not withdrawn yet."""
    source: int | None = None
    """The number of the window whose answer this is."""

    @property
    def count(self) -> int:
        return len(self.added) + len(self.changed) + len(self.withdrawn)


class RequestCost(NamedTuple):
    """What requests of a kind take on average, and how many there were."""

    requests: int = 0
    failures: int = 0
    octets: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class FeedState:
    """What must be known of a feed before any entry is read; the same while nothing it shows
    changes.
    """

    title: str
    """Plain text; never empty."""
    zone: str
    """IANA name; `UTC` where the vendor gave no zone that exists."""
    revision: int
    """Raised whenever an entry or a text that the feed shows changes. Compare for equality only."""
    changed: datetime
    """When the revision was last raised for something that everybody may see."""
    property_id: str
    synced: bool
    """Whether anything was ever fetched for it; False is the contract's "never synced"."""
    unlisted: datetime | None = None
    """When its property left the vendor's catalogue, so that nothing to come is known; None while
    it is listed.
    """
    event_key: EventKey | None = None
    """Of a booking: its event."""
    policy: str = ""
    """Digest of the public policy that holds for it; empty where there is none."""
