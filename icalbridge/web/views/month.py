"""A month as a sheet of whole weeks: how much is on each day, and what comes first.

Pure: `now` is an argument. What is on a day is for `week`.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from icalbridge.web.views.week import by_day, week_start

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from icalbridge.models import Entry
    from icalbridge.web.views.week import Day, Line

FIRST_LINES = 3
"""How many entries a day tells by itself."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of the sheet."""

    day: Day
    inside: bool
    """Whether it is of the month, and not of a week that the month shares with its neighbour."""

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.day.lines[:FIRST_LINES]

    @property
    def more(self) -> int:
        return max(self.day.count - FIRST_LINES, 0)


def sheet(of: date, first_weekday: int | None = None) -> tuple[date, int]:
    """Return the first day of a month's sheet and how many days it has; 0 is a Monday, None as the
    reader has it.
    """
    first = of.replace(day=1)
    last = of.replace(day=monthrange(of.year, of.month)[1])
    begins = week_start(first, first_weekday)
    return begins, (week_start(last, first_weekday) - begins).days + 7


def month(
    entries: Sequence[Entry], of: date, now: datetime, zone: str, first_weekday: int | None = None
) -> tuple[tuple[Cell, ...], ...]:
    """Return the weeks of the month that holds a day."""
    first, count = sheet(of, first_weekday)
    days = by_day(entries, first, count, now, zone)
    cells = [Cell(day, (day.date.year, day.date.month) == (of.year, of.month)) for day in days]
    return tuple(tuple(cells[start : start + 7]) for start in range(0, count, 7))


def beside(of: date, months: int) -> date:
    """Return the first day of the month some months, 1 or -1, away."""
    first = of.replace(day=1)
    return (
        (first + timedelta(days=31)).replace(day=1)
        if months > 0
        else (first - timedelta(days=1)).replace(day=1)
    )
