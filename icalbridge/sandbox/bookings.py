"""Fills a property's weeks: leagues and rehearsals that repeat, and rentals that do not. Dense on
weekday evenings and Saturdays, as schools are. Draws everything from one source of chance; times
are the property's own.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from icalbridge.sandbox import names

if TYPE_CHECKING:
    from icalbridge.sandbox.world import Dto, World

Cell = tuple[int, str, str]
"""A part of the week: weekday from Monday, begin and end as clock times."""

EVENINGS = (("15:00", "16:30"), ("16:30", "18:00"), ("18:00", "19:45"), ("20:00", "22:00"))
SATURDAYS = (
    ("08:00", "10:00"),
    ("10:00", "12:00"),
    ("12:00", "14:00"),
    ("14:00", "16:00"),
    ("16:00", "19:00"),
)
SUNDAYS = (("09:00", "11:00"), ("13:00", "15:30"))
WEEK: tuple[Cell, ...] = (
    *((day, *cell) for day in range(5) for cell in EVENINGS),
    *((5, *cell) for cell in SATURDAYS),
    *((6, *cell) for cell in SUNDAYS),
)
WEIGHTS = [{4: 2, 5: 4, 6: 1}.get(day, 3) for day, _, _ in WEEK]

SEASON_WEEKS = 10
WEEKS_BACK = 6
"""How long ago the season began that is under way."""
BOOKED_AHEAD = (1.0, 1.0, 0.7, 0.5, 0.4, 0.35, 0.35)
"""How full each season is, seen from today: the further ahead, the less is booked."""
WEEKLY_SHARE = 0.88
STATUSES = ("Approved", "Pending", "Cancelled", "Declined")
STATUS_WEIGHTS = (88, 5, 4, 3)
SKIPPED, SUSPENDED, EXTERNAL = 0.05, 0.01, 0.1
"""Shares: of weeks that a series leaves out, of timeslots that are suspended, of events that
another system made.
"""


class Maker:
    """Makes the vendor's objects for one world, out of one source of chance."""

    def __init__(self, world: World, seed: str, today: date) -> None:
        self.world = world
        # seeded with a text: its digest is taken, never its hash, which differs from process to
        # process
        self.chance = Random(seed)
        self.today = today
        self.monday = today - timedelta(days=today.weekday())

    def id(self, digits: int = 24) -> str:
        """Return a new id of so many hexadecimal digits."""
        return f"{self.chance.getrandbits(4 * digits):0{digits}x}"

    def event(
        self, owner: Dto, name: str | None, timeslots: list[Dto], status: str = "Approved"
    ) -> Dto:
        """Add an event, with a renter in one of the shapes that renters come in."""
        chance = self.chance
        external = chance.random() < EXTERNAL
        if external:
            for timeslot in timeslots:
                timeslot["external_system_timeslot_id"] = f"slot-{self.id(8)}"
        made: Dto = {
            "_id": self.id(),
            "short_id": f"{names.SHORT_ID}-{chance.randrange(10_000, 99_999)}",
            "rate_category": chance.choice(names.RATE_CATEGORIES),
            "status": status,
            "external_system_event_id": f"sis-{self.id(8)}" if external else None,
            "created_by_external_api": external,
            "name": name,
            "activity_type": chance.choice(names.ACTIVITY_TYPES),
            "attendance": chance.choice((names.ATTENDANCE, names.ATTENDANCE, None)),
            "property_id": owner["_id"],
            "timeslots": timeslots,
            "submit_date": f"{self.today - timedelta(days=chance.randrange(1, 200))}T09:12:33.482Z",
            "type": "reservation",
            "property_timezone": owner["timezone"],
            "renter": chance.choice(names.RENTERS),
        }
        self.world.events[made["_id"]] = made
        return made

    def place(self, facility: Dto) -> Dto:
        """Return a facility as timeslots name it."""
        return {name: facility[name] for name in ("_id", "u_id", "name", "capacity", "type")}


def timeslot(
    place: Dto, start: str, end: str, activity: str | None = None, status: str = "active"
) -> Dto:
    """Return a timeslot; times as the vendor writes them, local and without an offset."""
    return {
        "external_system_timeslot_id": None,
        "activity_name": activity,
        "facility": place,
        "start_datetime": start,
        "end_datetime": end,
        "status": status,
    }


def spell(moment: datetime) -> str:
    """Return a local time as the vendor writes it."""
    return moment.isoformat(timespec="seconds")


class Bookings:
    """Fills properties, one after another."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._chance = maker.chance
        ahead = range(len(BOOKED_AHEAD) * SEASON_WEEKS * 7)
        first = maker.monday - timedelta(weeks=WEEKS_BACK)
        # written once: a large district has half a million timeslots on these few hundred days
        self._days = [(first + timedelta(days=day)).isoformat() for day in ahead]
        self._last = (maker.today + timedelta(days=365)).isoformat()

    def fill(self, owner: Dto, per_week: float) -> None:
        """Book a property: about `per_week` active timeslots of approved events a week, in the
        weeks to come.
        """
        maker = self._maker
        places = [maker.place(each) for each in maker.world.facilities_of(owner["_id"])]
        kinds: dict[str, list[Dto]] = {}
        for place in places:
            kinds.setdefault(place["type"], []).append(place)
        for season, share in enumerate(BOOKED_AHEAD if places else ()):
            weekly = self._round(per_week * share * WEEKLY_SHARE)
            taken: set[tuple[str, Cell]] = set()
            while weekly > 0:
                weekly -= self._series(owner, places, kinds, season, weekly, taken)
            for week in range(season * SEASON_WEEKS, (season + 1) * SEASON_WEEKS):
                for _ in range(self._round(per_week * share * (1 - WEEKLY_SHARE))):
                    self._rental(owner, places, week)

    def _series(
        self,
        owner: Dto,
        places: list[Dto],
        kinds: dict[str, list[Dto]],
        season: int,
        most: int,
        taken: set[tuple[str, Cell]],
    ) -> int:
        """Book one league or rehearsal for a season; return how many timeslots a week it adds to
        what feeds show.
        """
        chance = self._chance
        kind = kinds[chance.choice(places)["type"]]
        halls = chance.sample(kind, min(len(kind), most, chance.choice((1, 1, 1, 1, 2, 2, 3))))
        count = max(1, min(most // len(halls), chance.choice((1, 1, 2, 2, 3))))
        cells = self._cells(halls, count, taken)
        title = chance.choice(names.SERIES.get(halls[0]["type"], names.ONE_OFFS))
        activity = chance.choice(names.ACTIVITIES)
        status = chance.choices(STATUSES, STATUS_WEIGHTS)[0]
        timeslots = [
            self._timeslot(hall, self._days[week * 7 + cell[0]], cell, activity)
            for week in range(season * SEASON_WEEKS, (season + 1) * SEASON_WEEKS)
            if chance.random() >= SKIPPED
            for cell in cells
            for hall in halls
        ]
        if not self._answered(timeslots):
            return len(halls) * len(cells)
        self._maker.event(owner, f"{title} {chance.randrange(1, 40)}", timeslots, status)
        return len(halls) * len(cells) if status == "Approved" else 0

    def _rental(self, owner: Dto, places: list[Dto], week: int) -> None:
        chance = self._chance
        cell = chance.choices(WEEK, WEIGHTS)[0]
        timeslots = [
            self._timeslot(chance.choice(places), self._days[week * 7 + cell[0]], cell, None)
        ]
        if self._answered(timeslots):
            self._maker.event(owner, chance.choice(names.ONE_OFFS), timeslots)

    def _answered(self, timeslots: list[Dto]) -> bool:
        """Say whether some window that may be asked for answers with these: wholly past events are
        gone.
        """
        today = self._maker.today.isoformat()
        return any(today <= each["start_datetime"][:10] <= self._last for each in timeslots)

    def _cells(self, halls: list[Dto], count: int, taken: set[tuple[str, Cell]]) -> list[Cell]:
        """Choose parts of the week in which all these halls are free; where a week is full, they
        are shared.
        """
        chosen: list[Cell] = []
        for attempt in range(40):
            cell = self._chance.choices(WEEK, WEIGHTS)[0]
            full = attempt >= 20
            if cell not in chosen and (
                full or not any((hall["_id"], cell) in taken for hall in halls)
            ):
                chosen.append(cell)
            if len(chosen) == count:
                break
        taken.update((hall["_id"], cell) for hall in halls for cell in chosen)
        return sorted(chosen)

    def _timeslot(self, hall: Dto, day: str, cell: Cell, activity: str | None) -> Dto:
        status = "suspended" if self._chance.random() < SUSPENDED else "active"
        return timeslot(hall, f"{day}T{cell[1]}:00", f"{day}T{cell[2]}:00", activity, status)

    def _round(self, wanted: float) -> int:
        """Return a whole number, the wanted one on average."""
        whole = int(wanted)
        return whole + (self._chance.random() < wanted - whole)
