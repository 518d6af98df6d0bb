"""A school's week as a table: facilities by days. Pure."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from icalbridge.web.views.calendar_grid import grid_days, shorten_days

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icalbridge.feeds.audience import Item
    from icalbridge.web.views.calendar_grid import CalendarDay, GridContext, GridSpan


class TableLimits(NamedTuple):
    """How large a table may be."""

    rows: int
    cells: int
    """With entries."""
    per_day: int
    """Entries of a facility on a day; the others are counted."""
    in_all: int
    """Entries: where that is not enough, fewer of each day."""


class MatrixRow(NamedTuple):
    """One facility over the days of a table; the key is empty for what is at no listed one."""

    key: str
    days: tuple[CalendarDay, ...]


class WeekTable(NamedTuple):
    """The rows of a table, and those for which it has no room."""

    rows: tuple[MatrixRow, ...]
    other_rows: tuple[MatrixRow, ...]


def week_table(
    items: Iterable[Item],
    shown: GridSpan,
    keys: Sequence[str],
    context: GridContext,
    limits: TableLimits,
) -> WeekTable:
    """Return one row for each facility that is booked in a span, in the given order."""
    by_key: dict[str, list[Item]] = {key: [] for key in (*keys, "")}
    for item in items:
        for key in dict.fromkeys(key for key in item.facility_ids if key in by_key) or ("",):
            by_key[key].append(item)
    rows = [
        MatrixRow(key, grid_days(booked, shown, context, per_day=limits.per_day))
        for key, booked in by_key.items()
    ]
    rows = [row for row in rows if any(day.count for day in row.days)]
    filled = accumulate(sum(day.count > 0 for day in row.days) for row in rows)
    count = sum(cells <= limits.cells for cells in filled)
    first, others = rows[: min(count, limits.rows)], rows[min(count, limits.rows) :]
    days = shorten_days([day for row in first for day in row.days], limits.in_all, 1)
    starts = range(0, len(days), shown.count)
    cut = (days[start : start + shown.count] for start in starts)
    return WeekTable(
        tuple(row._replace(days=own) for row, own in zip(first, cut, strict=True)), tuple(others)
    )
