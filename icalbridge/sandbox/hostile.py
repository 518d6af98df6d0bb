"""The hostile district: odd and malicious names, nulls wherever the vendor has nulls, three time
zones, double bookings, and every surprise of `surprises.py`.

Nothing in it is unreadable: every timeslot has its times. Tests that need worse edit the world.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icalbridge.sandbox import hostile_names, names
from icalbridge.sandbox.hostile_bookings import HostileBookings
from icalbridge.sandbox.surprises import add_surprises

if TYPE_CHECKING:
    from icalbridge.sandbox.builder import WorldBuilder
    from icalbridge.sandbox.world import Dto

AWAY = {1: ("Phoenix", "AZ", "America/Phoenix"), 2: ("New York", "NY", "America/New_York")}
"""City, state and zone of the schools elsewhere, by number from 0."""

FACILITIES_A_SCHOOL = 10
TIMESLOTS_A_DAY_AND_SCHOOL = 22
DISTRICT_TIMESLOTS_A_DAY = 0.3
UNNAMED_FACILITY = 6
"""The number, in each third school, of a facility whose name is null."""


def build_hostile_district(
    builder: WorldBuilder, schools: int, facilities: int | None, events_per_day: int | None
) -> None:
    """Add the district; the arguments are `build_world`'s."""
    name = names.DISTRICT[0]
    address = hostile_names.DISTRICT_ADDRESS
    district = _add_property(builder, name, address, names.PLACE, builder.id(24))
    district["address"], district["zip"] = address, names.ZIP
    for number in range(schools):
        _add_school(builder, number, FACILITIES_A_SCHOOL if facilities is None else facilities)
    children = builder.world.properties[1:]
    # a child that the key cannot see is named all the same
    district["properties"] = [school["_id"] for school in children] + [builder.id(25)]
    builder.facility(district, *names.DISTRICT_FACILITY)
    total = TIMESLOTS_A_DAY_AND_SCHOOL * schools if events_per_day is None else events_per_day
    bookings = HostileBookings(builder)
    for school in children:
        bookings.fill(school, total * 7 / schools)
    bookings.fill(district, min(DISTRICT_TIMESLOTS_A_DAY, total / 10) * 7)
    for school in children[:3]:
        add_surprises(builder, school, whole=school is children[0])


def _add_school(builder: WorldBuilder, number: int, facilities: int) -> None:
    repeated, index = divmod(number, len(hostile_names.SCHOOLS))
    name, address = hostile_names.SCHOOLS[index]
    # the vendor's own example has child ids of 25 digits, where an ObjectId has 24
    school_id = builder.id(25 if number % 2 == 0 else 24)
    title = f"{name} {repeated + 1}" if repeated else name
    school = _add_property(builder, title, address, AWAY.get(number, names.PLACE), school_id)
    for count in range(facilities):
        repeated, index = divmod(count, len(hostile_names.FACILITIES))
        title, kind, term, capacity = hostile_names.FACILITIES[index]
        unnamed = count == UNNAMED_FACILITY and number % 3 == 0
        numbered = f"{title} {repeated + 1}" if repeated else title
        builder.facility(school, None if unnamed else numbered, kind, term, capacity)


def _add_property(
    builder: WorldBuilder, name: str, address: str, place: tuple[str, str, str], property_id: str
) -> Dto:
    new = builder.property(name, place, property_id)
    random = builder.random
    new["address"] = None if random.random() < 0.1 else address
    new["zip"] = None if random.random() < 0.2 else f"{random.randrange(10_000, 99_999)}"
    return new
