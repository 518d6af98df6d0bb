"""Makes a district: the same for the same seed and day, byte for byte, on any machine.

Dense where real schools are dense (weekday evenings, Saturdays), thinner the further ahead. Everything that the
vendor's pages leave open is in it somewhere: nulls, odd shapes, odd names, suspended timeslots, hidden facilities.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from random import Random

from icalbridge.sandbox import names
from icalbridge.sandbox.world import Dto, World

HOME_ZONE = "America/Los_Angeles"
OTHER_ZONES = {6: "America/Phoenix", 7: "America/New_York"}
"""Zones of the schools that are not in the home zone, by number."""

EVENTS_A_DAY_AND_SCHOOL = 10
FACILITIES_A_SCHOOL = 10
WEEKS_BACK = 9
SEASON_WEEKS = 12
SEASONS_AHEAD = 4
FAR_SHARE = 0.25
"""How much of a season is booked already when it is more than one season ahead."""

WEEKDAYS = (0.16, 0.17, 0.17, 0.17, 0.1, 0.2, 0.03)
"""Monday to Sunday: the share of a week's timeslots."""


def build_world(
    *,
    seed: int,
    today: date,
    schools: int = 12,
    facilities: int | None = None,
    events_per_day: int | None = None,
) -> World:
    """Build a district. `facilities`: of each school. `events_per_day`: active timeslots a day in all, about."""
    world = World()
    maker = _Maker(world, Random(f"icalbridge/{seed}/{today}"), today)
    district = maker.district(schools)
    per_school = EVENTS_A_DAY_AND_SCHOOL if events_per_day is None else events_per_day / schools
    for number in range(schools):
        school = maker.school(number)
        maker.facilities(school, facilities or FACILITIES_A_SCHOOL)
        maker.series(school, round(per_school * 7))
    district["properties"] = [each["_id"] for each in world.properties[1:]] + [maker.id(25)]
    maker.facilities(district, 1)
    maker.oddities(world.properties[1])
    return world


class _Maker:
    """Fills one world, drawing everything from one source of chance."""

    def __init__(self, world: World, chance: Random, today: date) -> None:
        self._world = world
        self._chance = chance
        self._today = today
        self._monday = today - timedelta(days=today.weekday())

    def id(self, digits: int = 24) -> str:
        return f"{self._chance.getrandbits(4 * digits):0{digits}x}"

    def district(self, schools: int) -> Dto:
        made = self._property("Sunny Valley Unified School District", "285 West Grand Ave", HOME_ZONE, self.id())
        made["zip"] = "94087" if schools else None
        return made

    def school(self, number: int) -> Dto:
        name, address = names.SCHOOLS[number % len(names.SCHOOLS)]
        if number >= len(names.SCHOOLS):
            name = f"{name} {number // len(names.SCHOOLS) + 1}"
        # the vendor's own example has ids of 25 digits among those of 24
        return self._property(name, address, OTHER_ZONES.get(number, HOME_ZONE), self.id(25 if number % 5 == 0 else 24))

    def _property(self, name: str, address: str | None, zone: str, property_id: str) -> Dto:
        made: Dto = {
            "_id": property_id,
            "u_id": self.id(20),
            "name": name,
            "address": None if self._chance.random() < 0.1 else address,
            "city": "Sunnyvale",
            "state": "CA",
            "zip": None if self._chance.random() < 0.1 else f"940{self._chance.randrange(10, 99)}",
            "timezone": zone,
            "properties": [],
        }
        self._world.properties.append(made)
        return made

    def facilities(self, owner: Dto, count: int) -> None:
        for number in range(count):
            name, kind, term, capacity = names.FACILITIES[number % len(names.FACILITIES)]
            again = number // len(names.FACILITIES)
            self._world.facilities.append(
                {
                    "property_id": owner["_id"],
                    "_id": self.id(),
                    "u_id": self.id(20),
                    "name": f"{name} {again + 1}" if again else name,
                    "capacity": capacity,
                    "type": kind,
                    "search_term": term,
                }
            )

    def series(self, school: Dto, cells: int) -> None:
        """Book a school's week: `cells` timeslots in it, season after season."""
        week = self._week(school, cells)
        for season in range(-1, SEASONS_AHEAD):
            start = self._monday + timedelta(weeks=season * SEASON_WEEKS + (SEASON_WEEKS - WEEKS_BACK))
            chosen = week if season <= 0 else [cell for cell in week if self._chance.random() < FAR_SHARE]
            while chosen:
                taken, chosen = chosen[: self._chance.choice((1, 1, 2, 2, 3))], chosen[3:]
                self._booked(school, taken, start)

    def _week(self, school: Dto, cells: int) -> list[tuple[Dto, int, int]]:
        """Return facility, weekday and hour of each timeslot of a week."""
        places = self._world.facilities_of(school["_id"])
        free = [
            (place, day, hour)
            for day in range(7)
            for hour in ((15, 17, 19, 20) if day < 5 else (8, 10, 12, 14, 16, 18))
            for place in places
        ]
        weighed = sorted(free, key=lambda cell: -(self._chance.random() ** (1 / WEEKDAYS[cell[1]])))
        return sorted(weighed[:cells], key=lambda cell: (cell[0]["type"], cell[1], cell[2], cell[0]["_id"]))

    def _booked(self, school: Dto, cells: list[tuple[Dto, int, int]], start: date) -> None:
        kind = cells[0][0]["type"]
        name = self._chance.choice(names.SERIES.get(kind, names.ONE_OFFS))
        activity = self._chance.choice(names.ACTIVITIES)
        length = self._chance.choice((60, 90, 90, 120))
        timeslots = [
            self._timeslot(place, start + timedelta(weeks=week, days=day), time(hour), length, activity)
            for week in range(SEASON_WEEKS)
            for place, day, hour in cells
        ]
        event = self.event(school, f"{name} {self._chance.randrange(1, 40)}", timeslots)
        event["status"] = self._chance.choices(("Approved", "Pending", "Cancelled", "Declined"), weights=(90, 5, 3, 2))[
            0
        ]
        if self._chance.random() < 0.1:
            self._chance.choice(timeslots)["status"] = "suspended"

    def event(self, school: Dto, name: str | None, timeslots: list[Dto]) -> Dto:
        """Add an approved event, with a renter in one of the shapes that renters come in."""
        external = self._chance.random() < 0.1
        made = {
            "_id": self.id(),
            "short_id": f"{names.SHORT_ID}-{self._chance.randrange(10_000, 99_999)}",
            "rate_category": self._chance.choice(names.RATE_CATEGORIES),
            "status": "Approved",
            "external_system_event_id": f"sis-{self.id(8)}" if external else None,
            "created_by_external_api": external,
            "name": name,
            "activity_type": self._chance.choice(names.ACTIVITY_TYPES),
            "attendance": self._chance.choice((names.ATTENDANCE, None)),
            "property_id": school["_id"],
            "timeslots": timeslots,
            "submit_date": f"{self._today - timedelta(days=self._chance.randrange(1, 200))}T09:12:33.482Z",
            "type": "reservation",
            "property_timezone": school["timezone"],
            "renter": self._chance.choice(names.RENTERS),
        }
        self._world.events[made["_id"]] = made
        return made

    def _timeslot(self, place: Dto, day: date, at: time, minutes: int, activity: str | None = None) -> Dto:
        start = datetime.combine(day, at)
        return {
            "external_system_timeslot_id": None,
            "activity_name": activity,
            "facility": {name: place[name] for name in ("_id", "u_id", "name", "capacity", "type")},
            "start_datetime": start.isoformat(),
            "end_datetime": (start + timedelta(minutes=minutes)).isoformat(),
            "status": "active",
        }

    def oddities(self, school: Dto) -> None:
        """Add what happens once: odd names, clock changes, several places at once, a hidden facility, far timeslots."""
        gym, *more = self._world.facilities_of(school["_id"])
        soon = self._today + timedelta(days=2)
        for number, name in enumerate(names.ODD_NAMES):
            self.event(
                school, name, [self._timeslot(gym, soon + timedelta(days=number // 4), time(7 + number % 4), 30)]
            )
        for name, day, at in (
            ("Night in the gap", _sunday(self._today, 3, 2), time(2, 30)),
            ("Night in the overlap", _sunday(self._today, 11, 1), time(1, 30)),
        ):
            self.event(school, name, [self._timeslot(gym, day, at, 90)])
        fair = [self._timeslot(place, soon, time(12), 180) for place in (gym, *more[:2])]
        self.event(school, "Health Fair", fair)
        hidden = {**gym, "_id": self.id(), "name": "East Wing (virtual)", "type": "Virtual"}
        self.event(school, "Staff Training", [self._timeslot(hidden, soon, time(9), 60)])
        years = [self._timeslot(gym, soon + timedelta(weeks=week), time(6), 45) for week in range(-60, 61)]
        self.event(school, "Early Birds", years)
        twins = [self._timeslot(gym, soon, time(5), 30) for _ in range(2)]
        for number, twin in enumerate(twins):
            twin["external_system_timeslot_id"] = f"slot-{number}"
        self.event(school, "Twins", twins)


def _sunday(today: date, month: int, week: int) -> date:
    """Return the next n-th Sunday of a month, from today on."""
    for year in (today.year, today.year + 1):
        first = date(year, month, 1)
        day = first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (week - 1))
        if day >= today:
            return day
    raise AssertionError("one of two years has it")
