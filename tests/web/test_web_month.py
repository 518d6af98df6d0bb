"""A month as a sheet of weeks."""

from __future__ import annotations

from datetime import date

import pytest

from icalbridge.web.views.month import beside, month, sheet
from tests.samples import NOW, ZONE, entry


@pytest.mark.parametrize(
    ("of", "first_weekday", "found"),
    [
        (date(2026, 11, 21), 6, (date(2026, 11, 1), 35)),
        (date(2026, 11, 21), 0, (date(2026, 10, 26), 42)),
        (date(2026, 2, 1), 6, (date(2026, 2, 1), 28)),
        (date(2026, 12, 31), 6, (date(2026, 11, 29), 35)),
    ],
)
def test_month_is_a_sheet_of_whole_weeks(
    of: date, first_weekday: int, found: tuple[date, int]
) -> None:
    """It begins with the week of the first day and ends with that of the last, and has no week too
    many.
    """
    assert sheet(of, first_weekday) == found


def test_month_counts_and_tells_what_comes_first() -> None:
    """Three entries of a day are told, the others counted; days of the neighbours are marked."""
    weeks = month(
        [entry(hours, uid=f"u{hours}") for hours in range(5)], date(2026, 11, 1), NOW, ZONE, 6
    )
    cells = [cell for week in weeks for cell in week]
    saturday = cells[20]
    assert (saturday.day.date, saturday.day.count, len(saturday.lines), saturday.more) == (
        date(2026, 11, 21),
        5,
        3,
        2,
    )
    assert [len(week) for week in weeks] == [7] * 5
    assert [cell.day.date.day for cell in cells if not cell.inside] == [1, 2, 3, 4, 5]


def test_month_has_a_month_on_either_side() -> None:
    """Also across the year, from any day of it."""
    assert beside(date(2026, 12, 31), 1) == date(2027, 1, 1)
    assert beside(date(2026, 1, 31), -1) == date(2025, 12, 1)
    assert beside(date(2026, 3, 31), -1) == date(2026, 2, 1)
