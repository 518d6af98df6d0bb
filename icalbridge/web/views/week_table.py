"""A school's week as a table: facilities by days. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from icalbridge.web.views.calendar_grid import grid_days

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icalbridge.feeds.audience import Item
    from icalbridge.web.views.calendar_grid import CalendarDay, GridContext, GridSpan


class MatrixRow(NamedTuple):
    """One facility over the days of a table; the key is empty for what is at no listed one."""

    key: str
    days: tuple[CalendarDay, ...]


def week_matrix(
    items: Iterable[Item],
    shown: GridSpan,
    keys: Sequence[str],
    context: GridContext,
    per_day: int,
    in_all: int,
) -> tuple[MatrixRow, ...]:
    """Return one row for each facility that is booked in a span, in the given order; at most
    `per_day` entries of a facility a day are lines, fewer where all of them would be more than
    `in_all`, and the others are counted.
    """
    by_key: dict[str, list[Item]] = {key: [] for key in (*keys, "")}
    for item in items:
        for key in dict.fromkeys(key for key in item.facility_ids if key in by_key) or ("",):
            by_key[key].append(item)
    rows = [
        MatrixRow(key, grid_days(booked, shown, context, per_day=per_day))
        for key, booked in by_key.items()
    ]
    counts = [day.count for row in rows for day in row.days]
    while per_day > 1 and sum(min(count, per_day) for count in counts) > in_all:
        per_day -= 1
    return tuple(
        MatrixRow(row.key, tuple(day.shortened(per_day) for day in row.days))
        for row in rows
        if any(day.count for day in row.days)
    )
