"""Bookings of the hostile district: dense, double booked, and with one title several times.

`bookings.py` fills the showcase instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icalbridge.sandbox import hostile_names as names
from icalbridge.sandbox.builder import (
    BOOKED_AHEAD,
    SEASON_WEEKS,
    STATUSES,
    timeslot,
)

if TYPE_CHECKING:
    from icalbridge.sandbox.builder import WorldBuilder
    from icalbridge.sandbox.world import Dto

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

WEEKLY_SHARE = 0.88
"""The share of timeslots that repeat weekly."""
STATUS_WEIGHTS = (88, 5, 4, 3)
SKIPPED, SUSPENDED = 0.05, 0.01
"""Shares: of weeks that a series leaves out, and of timeslots that are suspended."""


class HostileBookings:
    """Fills properties, one after another."""

    def __init__(self, builder: WorldBuilder) -> None:
        self._builder = builder
        self._random = builder.random
        self._days = builder.season_days()

    def fill(self, owner: Dto, per_week: float) -> None:
        """Add about `per_week` active timeslots of approved events a week."""
        places = self._builder.facilities_of(owner)
        kinds: dict[str, list[Dto]] = {}
        for place in places:
            kinds.setdefault(place["type"], []).append(place)
        for season, share in enumerate(BOOKED_AHEAD if places else ()):
            weekly = self._builder.round(per_week * share * WEEKLY_SHARE)
            taken: set[tuple[str, Cell]] = set()
            while weekly > 0:
                weekly -= self._series(owner, places, kinds, season, weekly, taken)
            for week in range(season * SEASON_WEEKS, (season + 1) * SEASON_WEEKS):
                for _ in range(self._builder.round(per_week * share * (1 - WEEKLY_SHARE))):
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
        """Add a weekly event for a season; return how many visible timeslots a week it has."""
        random = self._random
        kind = kinds[random.choice(places)["type"]]
        halls = random.sample(kind, min(len(kind), most, random.choice((1, 1, 1, 1, 2, 2, 3))))
        count = max(1, min(most // len(halls), random.choice((1, 1, 2, 2, 3))))
        cells = self._cells(halls, count, taken)
        title = random.choice(names.SERIES.get(halls[0]["type"], names.ONE_OFFS))
        activity = random.choice(names.ACTIVITIES)
        status = random.choices(STATUSES, STATUS_WEIGHTS)[0]
        timeslots = [
            self._timeslot(hall, self._days[week * 7 + cell[0]], cell, activity)
            for week in range(season * SEASON_WEEKS, (season + 1) * SEASON_WEEKS)
            if random.random() >= SKIPPED
            for cell in cells
            for hall in halls
        ]
        if not self._builder.is_listed(timeslots):
            return len(halls) * len(cells)
        self._builder.event(owner, f"{title} {random.randrange(1, 40)}", timeslots, status)
        return len(halls) * len(cells) if status == "Approved" else 0

    def _rental(self, owner: Dto, places: list[Dto], week: int) -> None:
        random = self._random
        cell = random.choices(WEEK, WEIGHTS)[0]
        timeslots = [
            self._timeslot(random.choice(places), self._days[week * 7 + cell[0]], cell, None)
        ]
        if self._builder.is_listed(timeslots):
            self._builder.event(owner, random.choice(names.ONE_OFFS), timeslots)

    def _cells(self, halls: list[Dto], count: int, taken: set[tuple[str, Cell]]) -> list[Cell]:
        """Choose cells in which all these halls are free; in a full week they are double booked."""
        chosen: list[Cell] = []
        for attempt in range(40):
            cell = self._random.choices(WEEK, WEIGHTS)[0]
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
        status = "suspended" if self._random.random() < SUSPENDED else "active"
        return timeslot(hall, f"{day}T{cell[1]}:00", f"{day}T{cell[2]}:00", activity, status)
