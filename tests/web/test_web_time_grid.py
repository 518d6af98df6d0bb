"""Time as space: every item once in each column that it is in, at its place, covering no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.web.views.calendar_grid import GridContext, GridSpan
from icalbridge.web.views.time_grid import (
    MOST_LANES,
    MOST_ROWS,
    STEP,
    day_timeline,
    week_grid,
)
from icalbridge.web.views.week_table import TableLimits, week_table
from tests.samples import NOW, ZONE, entry
from tests.web.test_web_calendar_grid import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icalbridge.feeds.audience import Item
    from icalbridge.web.views.grid_boxes import GridBox
    from icalbridge.web.views.time_grid import TimeColumn, TimeGrid

SATURDAY = date(2026, 11, 21)
CONTEXT = GridContext(NOW, ZONE)
CLOCK_CHANGES = (date(2026, 3, 8), date(2026, 11, 1))
DAY = timedelta(days=1)
MANY = 1000
NIGHT = timedelta(hours=4)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def booked(day: date, begins: float, hours: float, uid: str = "a", facility: str = "gym") -> Item:
    """Return an item by the school's clocks: hours after midnight, and how many it takes."""
    begin = midnight(day) + timedelta(hours=begins)
    start = begin.replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
    item = shown(entry(0, uid=uid, start=start, end=start + timedelta(hours=hours)))
    return item._replace(facility_ids=(facility,))


def walls(item: Item) -> tuple[datetime, datetime]:
    """Return what the clocks show at an item's start and end."""
    zone = ZoneInfo(ZONE)
    start, end = (moment.astimezone(zone).replace(tzinfo=None) for moment in (item.start, item.end))
    return start, end if end > start else start + (item.end - item.start)


def interval(grid: TimeGrid, column: TimeColumn, box: GridBox) -> tuple[datetime, datetime]:
    axis = midnight(column.day) + timedelta(hours=grid.first_hour)
    start = axis + (box.start - 1) * STEP
    return start, start + box.length * STEP


def parts(grid: TimeGrid) -> dict[str, list[tuple[datetime, datetime]]]:
    """Return the intervals of each item in order, whole days among them."""
    result: dict[str, list[tuple[datetime, datetime]]] = {}
    for column in grid.columns:
        for box in column.boxes:
            result.setdefault(box.line.item.uid, []).append(interval(grid, column, box))
        for line in column.all_day:
            whole = midnight(column.day), midnight(column.day) + DAY
            result.setdefault(line.item.uid, []).append(whole)
    return {uid: sorted(found) for uid, found in result.items()}


def check_boxes(grid: TimeGrid) -> None:
    """No box covers another, none leaves the axis, and lanes are as many as stand side by side."""
    for column in grid.columns:
        for box in column.boxes:
            assert 0 <= box.lane < box.lanes
            assert 1 <= box.start < box.end <= grid.steps + 1
        for one, other in combinations(column.boxes, 2):
            if one.start < other.end and other.start < one.end:
                assert one.lanes == other.lanes
                assert one.lane != other.lane


def days_of(start: datetime, end: datetime, first: date, count: int) -> list[date]:
    """Return the days of a grid on which an item is; up to four in the morning it is the evening's."""
    found = [first + number * DAY for number in range(count)]
    found = [day for day in found if start < midnight(day) + DAY and end > midnight(day)]
    if len(found) == 2 and end <= midnight(found[1]) + NIGHT and start.date() == found[0]:
        return found[:1]
    return found


def assert_in_place(
    grid: TimeGrid, shown: tuple[datetime, datetime], start: datetime, end: datetime
) -> None:
    """A box is where the item is on its day, as far as the axis goes."""
    begins = midnight(shown[0].date())
    own = start >= begins and end <= begins + DAY + NIGHT
    lower, upper = max(start, begins), end if own else min(end, begins + DAY)
    if (lower, upper) != (begins, begins + DAY):
        lower = max(lower, begins + timedelta(hours=grid.first_hour))
        upper = min(upper, begins + timedelta(hours=grid.last_hour))
    assert lower - STEP < shown[0] <= lower
    assert upper <= shown[1] < upper + STEP


MINUTES = st.one_of(st.integers(0, 7 * 288).map(lambda step: step * 5), st.integers(-2000, 11_000))
LENGTHS = st.sampled_from([1, 5, 30, 55, 90, 120, 600, 1440, 2880, 4000])


@st.composite
def weeks(draw: st.DrawFn) -> tuple[date, list[Item]]:
    """Return the first day of a week, often one of a clock change, and what is booked around it."""
    change = draw(st.sampled_from((*CLOCK_CHANGES, SATURDAY)))
    first = change - draw(st.integers(0, 6)) * DAY
    items = []
    for number in range(draw(st.integers(0, 12))):
        start = (midnight(first) + timedelta(minutes=draw(MINUTES))).replace(tzinfo=ZoneInfo(ZONE))
        begun = start.astimezone(UTC)
        ends = begun + timedelta(minutes=draw(LENGTHS))
        item = shown(entry(0, uid=f"entry-{number}", start=begun, end=ends))
        items.append(item._replace(facility_ids=(draw(st.sampled_from(["gym", "pool", "lost"])),)))
    return first, sorted(items, key=lambda item: (item.start, item.end, item.uid))


@given(weeks(), st.integers(1, 7))
def test_week_has_every_item_once_in_its_place(
    world: tuple[date, Sequence[Item]], days: int
) -> None:
    first, items = world
    grid = week_grid(items, first, days, CONTEXT, MANY)
    check_boxes(grid)
    begins, ends = midnight(first), midnight(first) + days * DAY
    found = parts(grid)
    for item in items:
        start, end = walls(item)
        intervals = found.pop(item.uid, [])
        if end <= begins or start >= ends:
            assert not intervals
            continue
        assert [interval[0].date() for interval in intervals] == days_of(start, end, first, days)
        for interval in intervals:
            assert_in_place(grid, interval, start, end)
    assert not found


@given(weeks())
def test_timeline_has_every_item_in_its_facility(world: tuple[date, Sequence[Item]]) -> None:
    first, items = world
    grid = day_timeline(items, first, ["gym", "pool", "court"], CONTEXT)
    check_boxes(grid)
    assert [column.key for column in grid.columns[:3]] == ["gym", "pool", "court"]
    on_day = {
        item.uid
        for item in items
        if walls(item)[0] < midnight(first) + DAY and walls(item)[1] > midnight(first)
    }
    assert set(parts(grid)) == on_day
    for column in grid.columns:
        for box in column.boxes:
            expected = column.key or "lost"
            assert box.line.item.facility_ids == (expected,)
            assert_in_place(grid, interval(grid, column, box), *walls(box.line.item))

    starts = [placed.line.item.start for placed in grid.timeline]
    assert sorted(uid for uid in parts(grid)) == sorted(
        {placed.line.item.uid for placed in grid.timeline}
    )
    assert len(starts) == sum(len(column.boxes) + len(column.all_day) for column in grid.columns)


def are_on(one: Item, other: Item) -> bool:
    return one.start < other.end and other.start < one.end


@given(weeks())
def test_what_overlaps_is_marked_and_nothing_else(world: tuple[date, Sequence[Item]]) -> None:
    """As moments, not as clocks show them: in the hour that comes twice two can follow each
    other.
    """
    first, items = world
    for column in week_grid(items, first, 7, CONTEXT, MANY).columns:
        on_day = [line.item for line in (*(box.line for box in column.boxes), *column.all_day)]
        for box in column.boxes:
            others = [item for item in on_day if item is not box.line.item]
            assert box.overlaps == any(are_on(box.line.item, other) for other in others)
        for line in column.all_day:
            others = [item for item in on_day if item is not line.item]
            assert column.overlaps(line) == any(are_on(line.item, other) for other in others)


@st.composite
def crowds(draw: st.DrawFn) -> list[Item]:
    """Return what is booked on a day: far too much, in one facility or in many."""
    facilities = draw(st.integers(1, 80))
    count = draw(st.integers(0, 90))
    hours = draw(st.lists(st.integers(0, 96), min_size=count, max_size=count))
    items = [
        booked(
            SATURDAY,
            hour / 4,
            draw(st.sampled_from([0.25, 1, 24])),
            f"{number}",
            f"{number % facilities}",
        )
        for number, hour in enumerate(hours)
    ]
    return sorted(items, key=lambda item: (item.start, item.end, item.uid))


@given(crowds(), st.integers(1, 60))
def test_day_that_is_too_full_counts_what_it_leaves_out(items: list[Item], lines: int) -> None:
    """No more lanes than the style sheet has and no more entries than asked for; none of them is
    lost.
    """
    (column,) = week_grid(items, SATURDAY, 1, CONTEXT, lines).columns
    assert all(box.lane < box.lanes <= MOST_LANES for box in column.boxes)
    assert column.line_count <= lines
    (whole,) = week_grid(items, SATURDAY, 1, CONTEXT, MANY * MANY).columns
    everything = day_timeline(items, SATURDAY, [], CONTEXT).columns
    on_day = sum(each.line_count for each in everything)
    assert column.line_count + column.left_out == on_day
    assert whole.line_count + whole.left_out == on_day


@given(crowds(), st.integers(1, 60))
def test_timeline_that_is_too_full_names_the_other_facilities(
    items: list[Item], lines: int
) -> None:
    """What is on at a facility is shown, counted beside it, or the facility is among the others:
    empty hours of a row are free.
    """
    keys = [f"{number}" for number in range(80)]
    whole = day_timeline(items, SATURDAY, keys, CONTEXT)
    grid, others = whole.cut_rows(lines)
    assert sum(row.rows for row in grid.rows) <= MOST_ROWS
    assert sum(column.line_count for column in grid.columns) <= lines
    counts = {column.key: column.line_count for column in whole.columns}
    for column in (*grid.columns, *others):
        assert counts.pop(column.key) == column.line_count + column.left_out
    assert set(counts.values()) <= {0}
    assert len(grid.timeline) == sum(column.line_count for column in grid.columns)
    assert not items or any(column.line_count for column in grid.columns)


def test_rows_of_a_timeline_follow_each_other() -> None:
    """A facility takes a row for each lane; what takes the whole day has one of its own."""
    camp = booked(SATURDAY, 0, 24, "camp")
    one, other = booked(SATURDAY, 9, 2, "one"), booked(SATURDAY, 10, 2, "other")
    late = booked(SATURDAY, 8, 1, "late", "pool")
    grid = day_timeline([camp, one, other, late], SATURDAY, ["gym", "pool", "court"], CONTEXT)
    assert [(column.key, first, count) for column, first, count in grid.rows] == [
        ("gym", 1, 3),
        ("pool", 4, 1),
        ("court", 5, 1),
    ]
    assert [(box.line.item.name and box.classes.split()[0]) for box in grid.timeline] == [
        "r1",
        "r4",
        "r2",
        "r3",
    ]


def test_table_of_a_week_is_bounded() -> None:
    """A facility's day has up to four entries, and fewer where the whole table would be too long;
    what nobody booked has no row, and what has no room is named.
    """
    items = [booked(SATURDAY, 8 + number, 1, f"{number}") for number in range(10)]
    items += [booked(SATURDAY + DAY, 8, 1, "other", "pool"), booked(SATURDAY, 9, 1, "x", "lost")]
    days = GridSpan("week", SATURDAY, SATURDAY, 7)
    keys = ["gym", "court", "pool"]
    rows, others = week_table(items, days, keys, CONTEXT, TableLimits(3, 9, 4, 100))
    assert ([row.key for row in rows], others) == (["gym", "pool", ""], ())
    assert [(day.count, len(day.lines)) for day in rows[0].days][:2] == [(10, 4), (0, 0)]
    assert [len(day.lines) for day in rows[1].days][:2] == [0, 1]
    rows, others = week_table(items, days, keys, CONTEXT, TableLimits(2, 9, 4, 4))
    assert ([row.key for row in rows], [row.key for row in others]) == (["gym", "pool"], [""])
    assert (rows[0].days[0].left_out, len(rows[0].days[0].lines)) == (7, 3)
    rows, others = week_table(items, days, keys, CONTEXT, TableLimits(9, 2, 4, 99))
    assert ([row.key for row in rows], [row.key for row in others]) == (["gym", "pool"], [""])


def test_hours_fit_what_is_booked() -> None:
    """From 7:00 to 22:00, and longer where something is on before or after."""
    quiet = week_grid([booked(SATURDAY, 9, 2)], SATURDAY, 1, CONTEXT, MANY)
    assert (quiet.first_hour, quiet.last_hour) == (7, 22)
    long = week_grid(
        [booked(SATURDAY, 5.5, 1), booked(SATURDAY, 21, 4.5, "b")], SATURDAY, 1, CONTEXT, MANY
    )
    assert (long.first_hour, long.last_hour) == (5, 26)
    assert [hour.label for hour in long.hours][:3] == ["5 AM", "6 AM", "7 AM"]
    assert [hour.label for hour in long.hours][-3:] == ["11 PM", "12 AM", "1 AM"]


def test_dance_after_midnight_is_one_box() -> None:
    """It stands on its evening; a grid that begins with the next day shows what is left of it."""
    dance = booked(SATURDAY, 20, 5)
    both = week_grid([dance], SATURDAY, 2, CONTEXT, MANY)
    assert [len(column.boxes) for column in both.columns] == [1, 0]
    (box,) = both.columns[0].boxes
    assert not box.earlier
    assert not box.later
    assert box.line.span == "8:00 PM – 1:00 AM"
    after = week_grid([dance], SATURDAY + DAY, 2, CONTEXT, MANY)
    (rest,) = after.columns[0].boxes
    assert rest.earlier
    assert (after.first_hour, rest.start, rest.length) == (0, 1, 12)


def test_whole_days_stand_above_the_hours() -> None:
    """A camp of three days takes the hours of its first and last, and all of the day between."""
    camp = booked(SATURDAY, 12, 48)
    grid = week_grid([camp], SATURDAY, 3, CONTEXT, MANY)
    assert (grid.first_hour, grid.last_hour) == (7, 22), "it adds no hours of the night"
    first, second, third = grid.columns
    assert [(box.earlier, box.later) for box in first.boxes] == [(False, True)]
    assert (len(second.all_day), len(second.boxes)) == (1, 0)
    assert [(box.earlier, box.later) for box in third.boxes] == [(True, False)]
    lines = [first.boxes[0].line, second.all_day[0], third.boxes[0].line]
    assert [line.span for line in lines] == ["from 12:00 PM", "All day", "until 12:00 PM"]


@pytest.mark.parametrize("day", CLOCK_CHANGES)
def test_whole_day_of_a_clock_change(day: date) -> None:
    """From midnight to midnight is a whole day, of 23 hours or of 25."""
    start, end = (
        midnight(each).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC) for each in (day, day + DAY)
    )
    item = shown(entry(0, start=start, end=end))
    (column,) = week_grid([item], day, 1, CONTEXT, MANY).columns
    assert (len(column.all_day), len(column.boxes)) == (1, 0)


def test_overlaps_are_marked_and_neighbors_are_not() -> None:
    """Two at the same time share the width; what follows without a gap has all of it."""
    one, other = booked(SATURDAY, 9, 2, "one"), booked(SATURDAY, 10, 2, "other")
    later = booked(SATURDAY, 12, 1, "later")
    (column,) = week_grid([one, other, later], SATURDAY, 1, CONTEXT, MANY).columns
    assert [(box.lane, box.lanes, box.overlaps) for box in column.boxes] == [
        (0, 2, True),
        (1, 2, True),
        (0, 1, False),
    ]


def test_what_is_called_off_overlaps_nothing() -> None:
    one = booked(SATURDAY, 9, 2, "one")
    off = booked(SATURDAY, 9, 2, "off")._replace(cancelled=NOW)
    (column,) = week_grid([one, off], SATURDAY, 1, CONTEXT, MANY).columns
    assert [(box.lanes, box.overlaps) for box in column.boxes] == [(2, False), (2, False)]


def test_now_is_where_the_clock_is() -> None:
    """In today's column only, and nowhere while the hours that are shown have not begun."""
    grid = week_grid([], SATURDAY - DAY, 3, CONTEXT, MANY)
    assert [column.now for column in grid.columns] == ["", "h5 m0", ""], "noon"
    early = replace(CONTEXT, now=NOW - timedelta(hours=9))
    assert [column.now for column in week_grid([], SATURDAY, 1, early, MANY).columns] == [""]
