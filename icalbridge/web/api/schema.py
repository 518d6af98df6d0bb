"""What the API answers: the one place where it is said, which the answers are built of and
OpenAPI's schemas made from.

A key that is added is no new version; one that changes its meaning or goes is (`/api/v2/`). Only
what the public may see has a place here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from icalbridge.web.views.occupancy_state import State  # noqa: TC001  # msgspec reads it

Id = Annotated[str, Meta(min_length=1)]
Text = Annotated[str, Meta(description="May be empty.")]
Zone = Annotated[
    str,
    Meta(
        description="IANA name of the time zone in which people there read the times.", min_length=1
    ),
]
Path = Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]


class Links(Struct, frozen=True, kw_only=True):
    """Where more is, as paths on this site."""

    page: Annotated[Path, Meta(description="The page for people.")]
    calendar: Annotated[Path, Meta(description="The calendar to subscribe to.")]
    entries: Path
    now: Path


class FacilityLinks(Links, frozen=True, kw_only=True):
    """Where more is of a facility, as paths on this site."""

    open_times: Path


class PropertyResource(Struct, frozen=True, kw_only=True):
    """A school, or a district that holds schools."""

    id: Id
    name: Text
    address: Text
    city: Text
    state: Text
    zip: Text
    zone: Zone
    child_ids: Annotated[
        list[Id], Meta(description="The schools of a district, as far as they are listed here.")
    ]
    links: Links


class Properties(Struct, frozen=True, kw_only=True):
    """Every property, in the booking system's order."""

    properties: list[PropertyResource]


class FacilityResource(Struct, frozen=True, kw_only=True):
    """A gym, field, theater or room of one property."""

    id: Id
    property_id: Id
    name: Text
    type: Text
    capacity: Annotated[
        int | None, Meta(description="How many people fit in; null where nobody said.")
    ]
    zone: Zone
    links: FacilityLinks


class Facilities(Struct, frozen=True, kw_only=True):
    """The facilities that were asked for, property by property, in the booking system's order."""

    facilities: list[FacilityResource]


class EntryResource(Struct, frozen=True, kw_only=True):
    """One booking of one facility, as the JSON of every calendar has it; `page` is a path here."""

    uid: Annotated[
        str, Meta(description="Names the entry as long as it lives, in every format.", min_length=1)
    ]
    title: Annotated[str, Meta(description="What a calendar shows.", min_length=1)]
    start: Annotated[Moment, Meta(description="With the offset of its zone.")]
    end: Annotated[Moment, Meta(description="After start.")]
    zone: Zone
    status: Literal["confirmed", "tentative", "cancelled"]
    cancelled: Annotated[
        Moment | None, Meta(description="Since when it is called off; null while it is on.")
    ]
    facility_ids: list[Id]
    facility: Text
    location: Annotated[str, Meta(description="Facility, property and address; may be empty.")]
    type: Annotated[str, Meta(description="The facility's type; may be empty.")]
    name: Annotated[str, Meta(description="The event's name; may be empty.")]
    activity: Annotated[str, Meta(description="What goes on in this timeslot; may be empty.")]
    property_id: Id
    sequence: Annotated[int, Meta(description="Raised when time, place or status change.", ge=0)]
    modified: Annotated[Moment, Meta(description="When it was last seen to change.")]
    first_seen: Annotated[Moment | None, Meta(description="When it was first seen.")]
    page: Annotated[Path, Meta(description="The page for people.")]


class Entries(Struct, frozen=True, kw_only=True):
    """A page of what is booked in a span."""

    title: Annotated[str, Meta(description="What the calendar is called.", min_length=1)]
    zone: Zone
    from_: Annotated[Moment, Meta(description="Entries that ended by then are left out.")] = field(
        name="from"
    )
    to: Annotated[Moment, Meta(description="Entries that begin then or later are left out.")]
    entries: Annotated[list[EntryResource], Meta(description="By start, end and uid.")]
    next: Annotated[Path | None, Meta(description="The next page; null on the last.")]


class StandingResource(Struct, frozen=True, kw_only=True):
    """Whether a facility is in use."""

    facility_id: Id
    name: Text
    state: State
    until: Annotated[
        Moment | None,
        Meta(
            description=(
                "How long that lasts; null where it is free for the rest of the day, or unknown."
            )
        ),
    ]


class Now(Struct, frozen=True, kw_only=True):
    """What is on at a place at this moment, and what comes next, as its displays show it.

    The server's clock is in the header `Server-Now`, so that the answer stays the same while
    nothing changes.
    """

    id: Id
    title: Text
    zone: Zone
    as_of: Annotated[Moment, Meta(description="When this was fetched from the booking system.")]
    state: Annotated[State, Meta(description="Of a property: whether anything is on there.")]
    until: Annotated[
        Moment | None,
        Meta(
            description=(
                "How long that lasts; null where it is free for the rest of the day, or unknown."
            )
        ),
    ]
    now: Annotated[
        list[EntryResource],
        Meta(description="What is on, and what would be had it not been called off."),
    ]
    next: Annotated[
        EntryResource | None,
        Meta(description="What begins next and is not called off; null where nothing does."),
    ]


class PropertyNow(Now, frozen=True, kw_only=True):
    """What is on at a property at this moment, what comes next, and how each of its facilities
    stands.
    """

    facilities: list[StandingResource]


class Open(Struct, frozen=True, kw_only=True):
    """A span in which nothing is booked: where to ask, no promise."""

    start: Moment
    end: Moment


class OpenDay(Struct, frozen=True, kw_only=True):
    """One day's open times; what is over is left out."""

    date: Day
    open: list[Open]


class OpenTimes(Struct, frozen=True, kw_only=True):
    """When a facility is free, within the hours in which schools are open."""

    facility_id: Id
    title: Annotated[str, Meta(min_length=1)]
    zone: Zone
    days: list[OpenDay]


class FreeSpaceResource(Struct, frozen=True, kw_only=True):
    """A facility that is free then, and the span around that time in which it is."""

    facility: FacilityResource
    start: Moment
    end: Moment
    booking: Annotated[
        str | None,
        Meta(
            description="The page where people ask for a booking of it; null where none is known.",
            extra_json_schema={"format": "uri"},
        ),
    ]


class FreeSpacesResource(Struct, frozen=True, kw_only=True):
    """A page of the facilities that are free at a time: where to ask, no promise."""

    date: Day
    count: Annotated[int, Meta(description="How many are on all pages.", ge=0)]
    partial: Annotated[
        bool,
        Meta(description="Whether properties are left out of which that day was never fetched."),
    ]
    spaces: Annotated[
        list[FreeSpaceResource],
        Meta(
            description=(
                "Of just this type first, then the smallest that is large enough, then by property"
                " and by how long it is free."
            )
        ),
    ]
    next: Annotated[Path | None, Meta(description="The next page; null on the last.")]
