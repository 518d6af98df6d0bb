"""Events of the hostile district that occur once: odd names, nights on which the clock changes,
several facilities at once, an unlisted facility, a series of years, every status. Tests look for
them by name.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from icalbridge.sandbox import hostile_names
from icalbridge.sandbox.builder import STATUSES, timeslot
from icalbridge.sandbox.builder import timeslot_of as _slot

if TYPE_CHECKING:
    from icalbridge.sandbox.builder import WorldBuilder
    from icalbridge.sandbox.world import Dto

CLOCK_CHANGES = {
    "Night into the gap": ("01:00", "02:30", 1),
    "Night out of the gap": ("02:30", "05:00", 1),
    "Night within the gap": ("02:10", "02:50", 1),
    "Night over the gap": ("00:30", "04:00", 1),
    "Night into the overlap": ("00:00", "01:30", -1),
    "Night out of the overlap": ("01:30", "03:00", -1),
    "Night within the overlap": ("01:10", "01:50", -1),
    "Night over the overlap": ("00:30", "04:00", -1),
}
"""Name, begin, end, and whether the clock goes forward (1) or back (-1) in the night. Each is
readable: it ends after it begins also when a skipped time is taken for the moment that it means
under the offset before.
"""


def add_surprises(builder: WorldBuilder, school: Dto, *, whole: bool) -> None:
    """Add the clock-change nights of a school's zone, and, with `whole`, everything else."""
    places = builder.facilities_of(school)
    if not places:
        return
    gym, *more = places
    _clock_changes(builder, school, gym)
    if not whole:
        return
    _odd_names(builder, school, gym)
    _states(builder, school, gym)
    _places(builder, school, gym, more)
    _spans(builder, school, gym)


def change_days(zone: ZoneInfo, today: date) -> dict[int, date]:
    """Return the next day, within a year of `today`, on which clocks go forward (1) and back
    (-1).
    """
    days: dict[int, date] = {}
    for ahead in range(1, 365):
        day = today + timedelta(days=ahead)
        by = _offset(zone, day + timedelta(days=1)) - _offset(zone, day)
        if by:
            days.setdefault(1 if by > timedelta(0) else -1, day)
    return days


def _offset(zone: ZoneInfo, day: date) -> timedelta:
    return datetime.combine(day, time(0), zone).utcoffset() or timedelta(0)


def _clock_changes(builder: WorldBuilder, school: Dto, gym: Dto) -> None:
    days = change_days(ZoneInfo(school["timezone"]), builder.today)
    for name, (start, end, way) in CLOCK_CHANGES.items():
        if way in days:
            builder.event(
                school, name, [timeslot(gym, f"{days[way]}T{start}:00", f"{days[way]}T{end}:00")]
            )


def _odd_names(builder: WorldBuilder, school: Dto, gym: Dto) -> None:
    for number, name in enumerate(hostile_names.ODD_NAMES):
        day, hour = divmod(number, 6)
        start = datetime.combine(builder.today + timedelta(days=2 + day), time(8 + hour))
        builder.event(school, name, [_slot(gym, start, 45)])
    tricky = _slot(gym, datetime.combine(builder.today + timedelta(days=6), time(13)), 45)
    tricky["activity_name"] = hostile_names.HOSTILE_ACTIVITY
    builder.event(school, "Tricky Activity", [tricky])


def _states(builder: WorldBuilder, school: Dto, gym: Dto) -> None:
    """Every status of an event, and an approved one in which one of two timeslots is suspended."""
    start = datetime.combine(builder.today + timedelta(days=3), time(14))
    for number, status in enumerate(STATUSES):
        builder.event(
            school, f"Audition ({status})", [_slot(gym, start + timedelta(days=number), 30)], status
        )
    halves = [_slot(gym, start, 20), _slot(gym, start + timedelta(minutes=20), 20)]
    halves[0]["status"] = "suspended"
    builder.event(school, "Half Suspended", halves)


def _places(builder: WorldBuilder, school: Dto, gym: Dto, more: list[Dto]) -> None:
    """Several facilities at one time; a virtual one, which is not listed; one place twice at the
    same time.
    """
    start = datetime.combine(builder.today + timedelta(days=4), time(12))
    builder.event(school, "Health Fair", [_slot(place, start, 180) for place in (gym, *more[:3])])
    hidden = {
        **gym,
        "_id": builder.id(),
        "u_id": builder.id(20),
        "name": "East Wing (virtual)",
        "type": "Virtual",
    }
    builder.event(school, "Staff Training", [_slot(hidden, start, 60)])
    twins = [_slot(gym, start - timedelta(hours=6), 30) for _ in range(2)]
    builder.event(school, "Twins", twins)
    for number, twin in enumerate(twins):
        twin["external_system_timeslot_id"] = f"twin-{number}"


def _spans(builder: WorldBuilder, school: Dto, gym: Dto) -> None:
    """Timeslots over midnight and over days, years of them, and the two other ways in which times
    are spelled.
    """
    start = datetime.combine(builder.today + timedelta(days=5), time(21))
    builder.event(school, "Lock-In Night", [_slot(gym, start, 11 * 60)])
    builder.event(school, "Science Camp", [_slot(gym, start + timedelta(days=7), 60 * 60)])
    early = start.replace(hour=6)
    years = [_slot(gym, early + timedelta(weeks=week), 45) for week in range(-60, 81)]
    builder.event(school, "Early Birds", years)
    short = timeslot(gym, early.strftime("%Y-%m-%dT07:00"), early.strftime("%Y-%m-%dT07:40"))
    exact = timeslot(
        gym, early.strftime("%Y-%m-%dT07:40:00.000"), early.strftime("%Y-%m-%dT07:55:30.500")
    )
    builder.event(school, "Spelled Otherwise", [short, exact])
