"""Builds a district: the same for the same seed and day, byte for byte, in any process.

The default is a showcase, believable and without surprises. With `hostile` it is another district,
made to break clients: `hostile.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from icalbridge.sandbox import hostile_names, names
from icalbridge.sandbox.bookings import WeeklyBookings
from icalbridge.sandbox.builder import WorldBuilder
from icalbridge.sandbox.hostile import build_hostile_district
from icalbridge.sandbox.world import World

if TYPE_CHECKING:
    from datetime import date, datetime

    from icalbridge.sandbox.world import Dto

TIMESLOTS_A_DAY_AND_SCHOOL = 16
DISTRICT_TIMESLOTS_A_WEEK = 3


def district_day(now: datetime) -> date:
    """Return the calendar day in the district's zone, which most of its schools are in."""
    return now.astimezone(ZoneInfo(names.PLACE[2])).date()


def build_world(
    *,
    seed: int,
    today: date,
    schools: int = 12,
    facilities: int | None = None,
    events_per_day: int | None = None,
    hostile: bool = False,
) -> World:
    """Build a district as it stands on `today`, the district's own (`district_day`).

    `facilities` of each school; `events_per_day`: active timeslots of approved events a day in all,
    about, over the next weeks, weekends counted. Further ahead less is booked, down to a third at
    the end of the year. The showcase books no more than its facilities have hours.
    """
    world = World()
    seed_text = f"{seed} {today} {schools} {facilities} {events_per_day}"
    fields = hostile_names.FIELDS if hostile else names.FIELDS
    builder = WorldBuilder(world, seed_text, today, fields)
    build = build_hostile_district if hostile else _build_showcase
    build(builder, schools, facilities, events_per_day)
    return world


def _build_showcase(
    builder: WorldBuilder, schools: int, facilities: int | None, events_per_day: int | None
) -> None:
    name, address = names.DISTRICT
    district = _add_property(builder, name, address)
    levels = [_add_school(builder, number, facilities) for number in range(schools)]
    children = builder.world.properties[1:]
    district["properties"] = [school["_id"] for school in children]
    builder.facility(district, *names.DISTRICT_FACILITY)
    total = TIMESLOTS_A_DAY_AND_SCHOOL * schools if events_per_day is None else events_per_day
    per_facility = total * 7 / max(1, len(builder.world.facilities) - 1)
    bookings = WeeklyBookings(builder)
    for school, level in zip(children, levels, strict=True):
        bookings.fill(school, level, per_facility * len(builder.facilities_of(school)))
    bookings.fill(district, "", min(DISTRICT_TIMESLOTS_A_WEEK, total))


def _add_school(builder: WorldBuilder, number: int, facilities: int | None) -> str:
    """Add a school with its facilities; return its level."""
    repeated, index = divmod(number, len(names.SCHOOLS))
    name, address, level = names.SCHOOLS[index]
    school = _add_property(builder, f"{name} {repeated + 1}" if repeated else name, address)
    known = names.FACILITIES[level]
    for count in range(len(known) if facilities is None else facilities):
        repeated, index = divmod(count, len(known))
        title, kind, term, capacity = known[index]
        numbered = f"{title} {repeated + 1}" if repeated else title
        builder.facility(school, numbered, kind, term, capacity)
    return level


def _add_property(builder: WorldBuilder, name: str, address: str) -> Dto:
    new = builder.property(name, names.PLACE, builder.id())
    new.update(address=address, zip=names.ZIP)
    return new
