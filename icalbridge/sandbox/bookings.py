"""Bookings of the showcase: student groups after school, community groups in the evening and on
weekends. No facility is booked twice at a time, and nothing is booked on public holidays.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from icalbridge.sandbox import names
from icalbridge.sandbox.builder import (
    BOOKED_AHEAD,
    SEASON_WEEKS,
    STATUSES,
    timeslot,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icalbridge.sandbox.builder import WorldBuilder
    from icalbridge.sandbox.world import Dto

WEEKLY_SHARE = 0.97
"""The share of timeslots that repeat weekly."""
STATUS_WEIGHTS = (94, 3, 2, 1)
FIXED_HOLIDAYS = {(1, 1), (6, 19), (7, 4), (11, 11), (12, 24), (12, 25), (12, 31)}
"""Month and day."""
MONDAY, THURSDAY = 0, 3
NTH_WEEKDAYS = {(1, MONDAY): 3, (2, MONDAY): 3, (9, MONDAY): 1, (11, THURSDAY): 4}
"""Martin Luther King Jr. Day, Presidents' Day, Labor Day and Thanksgiving: which one of the month,
by month and weekday."""

AFTER_SCHOOL = (("15:00", "16:30"), ("16:30", "18:00"))
EVENING = (("18:00", "19:30"), ("19:45", "21:15"))
SATURDAY = (("08:00", "10:00"), ("10:00", "12:00"), ("12:00", "14:00"), ("14:00", "16:00"))
SUNDAY = (("09:00", "11:30"), ("13:00", "15:00"))


class Block(NamedTuple):
    """Hours of a facility's week that one group books together."""

    place: Dto
    groups: Mapping[str, tuple[str, ...]]
    """Titles to choose from, by type of facility."""
    days: tuple[int, ...]
    """Weekdays from Monday, 0."""
    start: str
    end: str


class WeeklyBookings:
    """Fills properties, one after another."""

    def __init__(self, builder: WorldBuilder) -> None:
        self._builder = builder
        self._random = builder.random
        self._days = builder.season_days()
        self._holidays = {day for day in self._days if is_holiday(date.fromisoformat(day))}

    def fill(self, owner: Dto, level: str, per_week: float) -> None:
        """Add about `per_week` timeslots a week, and no more than its facilities have hours.

        `level` is one of `names.SCHOOLS`, or "" for the district's own office.
        """
        places = self._builder.facilities_of(owner)
        for season, share in enumerate(BOOKED_AHEAD):
            weeks = range(season * SEASON_WEEKS, (season + 1) * SEASON_WEEKS)
            free = [block for place in places for block in _blocks(place, level)]
            self._random.shuffle(free)
            self._add_series(owner, free, weeks, per_week * share * WEEKLY_SHARE)
            once = [block for block in free if block.groups in (EVENINGS, SATURDAYS)]
            for week in weeks:
                self._add_one_offs(owner, once, week, per_week * share * (1 - WEEKLY_SHARE))

    def _add_series(self, owner: Dto, free: list[Block], weeks: range, per_week: float) -> None:
        """Give free blocks to groups for a season, until enough is booked; each takes its block
        out of `free`.
        """
        titles: dict[tuple[int, str], list[str]] = defaultdict(list)
        weekly = self._builder.round(per_week)
        while free and weekly > 0:
            block = free.pop()
            weekly -= len(block.days)
            kind = block.place["type"]
            left = titles[id(block.groups), kind]
            if not left:
                left += self._random.sample(block.groups[kind], len(block.groups[kind]))
            status = self._random.choices(STATUSES, STATUS_WEIGHTS)[0]
            slots = [
                slot
                for week in weeks
                for day in block.days
                for slot in self._slots(block, week, day)
            ]
            self._add(owner, left.pop(), slots, status)

    def _add_one_offs(self, owner: Dto, free: list[Block], week: int, count: float) -> None:
        """Book free blocks for one day of one week."""
        for block in self._random.sample(free, min(len(free), self._builder.round(count))):
            title = self._random.choice(names.ONE_OFFS[block.place["type"]])
            self._add(owner, title, self._slots(block, week, self._random.choice(block.days)))

    def _add(self, owner: Dto, title: str, slots: list[Dto], status: str = "Approved") -> None:
        if self._builder.is_listed(slots):
            self._builder.event(owner, title, slots, status)

    def _slots(self, block: Block, week: int, weekday: int) -> list[Dto]:
        """Return the timeslot of one day; none on a holiday."""
        day = self._days[week * 7 + weekday]
        if day in self._holidays:
            return []
        return [timeslot(block.place, f"{day}T{block.start}:00", f"{day}T{block.end}:00")]


EVENINGS, SATURDAYS, SUNDAYS = names.EVENING_GROUPS, names.SATURDAY_GROUPS, names.SUNDAY_GROUPS


def _blocks(place: Dto, level: str) -> Iterator[Block]:
    """Yield the blocks of a facility's week for which there are groups."""
    times = (
        (names.STUDENT_GROUPS.get(level, {}), AFTER_SCHOOL, ((0, 2, 4), (1, 3))),
        (EVENINGS, EVENING, ((0, 2), (1, 3), (4,))),
        (SATURDAYS, SATURDAY, ((5,),)),
        (SUNDAYS, SUNDAY, ((6,),)),
    )
    for groups, hours, patterns in times:
        for start, end in hours if place["type"] in groups else ():
            for days in patterns:
                yield Block(place, groups, days, start, end)


def is_holiday(day: date) -> bool:
    """Return whether US schools are closed for a holiday; Memorial Day is the last Monday of May.

    The day after Thanksgiving counts too.
    """
    if day.month == 11 and day.weekday() == THURSDAY + 1:
        return is_holiday(day - timedelta(days=1))
    if (day.month, day.day) in FIXED_HOLIDAYS:
        return True
    if day.month == 5 and day.weekday() == MONDAY:
        return (day + timedelta(weeks=1)).month == 6
    return NTH_WEEKDAYS.get((day.month, day.weekday())) == (day.day - 1) // 7 + 1
