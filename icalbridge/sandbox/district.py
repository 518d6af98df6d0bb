"""Makes a district: the same for the same seed and day, byte for byte, in any process on any
machine.

Here are its properties and facilities; `bookings.py` fills their weeks, `surprises.py` adds what
happens once. Nothing in it is unreadable: null where the vendor has nulls, odd wherever people are,
yet every timeslot has its times. Tests that want worse edit the world.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from icalbridge.sandbox import names
from icalbridge.sandbox.bookings import Bookings, Maker
from icalbridge.sandbox.surprises import surprise
from icalbridge.sandbox.world import Dto, World

if TYPE_CHECKING:
    from datetime import date, datetime

HOME = ("Sunnyvale", "CA", "America/Los_Angeles")
AWAY = {1: ("Phoenix", "AZ", "America/Phoenix"), 2: ("New York", "NY", "America/New_York")}
"""City, state and zone of the schools elsewhere, by number from 0."""

FACILITIES_A_SCHOOL = 10
TIMESLOTS_A_DAY_AND_SCHOOL = 22
DISTRICT_TIMESLOTS_A_DAY = 0.3
UNNAMED_FACILITY = 6
"""The number, in each third school, of a facility whose name is null."""


def district_day(now: datetime) -> date:
    """Return the calendar day in the district's zone; at its schools elsewhere it may be the next
    day already.
    """
    return now.astimezone(ZoneInfo(HOME[2])).date()


def build_world(
    *,
    seed: int,
    today: date,
    schools: int = 12,
    facilities: int | None = None,
    events_per_day: int | None = None,
) -> World:
    """Build a district as it stands on `today`, the district's own (`district_day`).

    `facilities` of each school; `events_per_day`: active timeslots of approved events a day in all,
    about, over the next weeks, weekends counted. Further ahead less is booked, down to a third at
    the end of the year.
    """
    world = World()
    maker = Maker(world, f"{seed} {today} {schools} {facilities} {events_per_day}", today)
    district = _property(maker, names.DISTRICT[0], names.DISTRICT[1], HOME, maker.id(24))
    district["address"], district["zip"] = names.DISTRICT[1], names.DISTRICT[4]
    for number in range(schools):
        _school(maker, number, FACILITIES_A_SCHOOL if facilities is None else facilities)
    # a child that the key cannot see is named all the same
    district["properties"] = [each["_id"] for each in world.properties[1:]] + [maker.id(25)]
    _facility(maker, district, "Board Room", "Meeting Room", "board room", 80)
    total = TIMESLOTS_A_DAY_AND_SCHOOL * schools if events_per_day is None else events_per_day
    bookings = Bookings(maker)
    for school in world.properties[1:]:
        bookings.fill(school, total * 7 / schools)
    bookings.fill(district, min(DISTRICT_TIMESLOTS_A_DAY, total / 10) * 7)
    for school in world.properties[1:4]:
        surprise(maker, school, whole=school is world.properties[1])
    return world


def _school(maker: Maker, number: int, facilities: int) -> None:
    again, index = divmod(number, len(names.SCHOOLS))
    name, address = names.SCHOOLS[index]
    # the vendor's own example has child ids of 25 digits, where an ObjectId has 24
    school_id = maker.id(25 if number % 2 == 0 else 24)
    school = _property(
        maker, f"{name} {again + 1}" if again else name, address, AWAY.get(number, HOME), school_id
    )
    for count in range(facilities):
        more, which = divmod(count, len(names.FACILITIES))
        title, kind, term, capacity = names.FACILITIES[which]
        unnamed = count == UNNAMED_FACILITY and number % 3 == 0
        _facility(
            maker,
            school,
            None if unnamed else f"{title} {more + 1}" if more else title,
            kind,
            term,
            capacity,
        )


def _property(
    maker: Maker, name: str, address: str, place: tuple[str, str, str], property_id: str
) -> Dto:
    city, state, zone = place
    chance = maker.chance
    made: Dto = {
        "_id": property_id,
        "u_id": maker.id(20),
        "name": name,
        "address": None if chance.random() < 0.1 else address,
        "city": city,
        "state": state,
        "zip": None if chance.random() < 0.2 else f"{chance.randrange(10_000, 99_999)}",
        "timezone": zone,
        "properties": [],
    }
    maker.world.properties.append(made)
    return made


def _facility(
    maker: Maker, owner: Dto, name: str | None, kind: str, term: str, capacity: int | None
) -> None:
    maker.world.facilities.append(
        {
            "property_id": owner["_id"],
            "_id": maker.id(24),
            "u_id": maker.id(20),
            "name": name,
            "capacity": capacity,
            "type": kind,
            "search_term": term,
        }
    )
