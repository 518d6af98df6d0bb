"""A day or a week with time as space: hours along one axis, days or facilities along the other.

Pure functions of a calendar's items, a span of days and `now`. Every item becomes one box in each
column that it is in, placed by the clocks of its own school in steps of five minutes; boxes that
would cover each other stand side by side in lanes. What takes a whole day stands above the hours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

from icalbridge import timezones
from icalbridge.web import formatting
from icalbridge.web.views.calendar_grid import calendar_line
from icalbridge.web.views.grid_boxes import (
    HOUR_STEPS,
    GridPiece,
    is_overlap,
    place_boxes,
    step_classes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icalbridge.feeds.audience import Item
    from icalbridge.web.views.calendar_grid import CalendarLine, GridContext
    from icalbridge.web.views.grid_boxes import GridBox

STEP = timedelta(minutes=5)
OPENS, CLOSES = 7, 22
"""The hours that every grid shows at least."""
DAY_HOURS = 24
NIGHT_HOURS = 4
"""What ends so many hours after midnight is shown whole on the day on which it began."""
DAY = timedelta(days=1)
MOST_ROWS = 40
"""How many rows a timeline has, as many as `grid.css` knows."""
MOST_LANES = 12
"""How many lanes `grid.css` knows; of a facility with more bookings at once the others are
counted.
"""


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """A day of a facility, with its boxes in order of time; a school's timeline has one for each
    facility.
    """

    day: date
    today: date
    boxes: tuple[GridBox, ...]
    all_day: tuple[CalendarLine, ...]
    now: str
    """The classes that place now; empty where now is not in it."""
    key: str = ""
    """Whose column it is in a timeline: the facility's id."""
    left_out: int = 0
    """How many items are not shown, since there are too many."""

    def shortened(self, lanes: int, lines: int) -> TimeColumn:
        """Return it with at most so many lanes and items; the others are counted."""
        all_day = self.all_day[: min(lanes, lines)]
        boxes = [box for box in self.boxes if box.lane < lanes][: lines - len(all_day)]
        left_out = self.line_count - len(all_day) - len(boxes)
        if not left_out:
            return self
        shown = tuple(replace(box, lanes=min(box.lanes, lanes)) for box in boxes)
        return replace(self, all_day=all_day, boxes=shown, left_out=left_out)

    def overlaps(self, line: CalendarLine) -> bool:
        """Say whether something else is on while one of its whole days is."""
        others = (*(box.line for box in self.boxes), *self.all_day)
        return any(is_overlap(line.item, other.item) for other in others)

    @property
    def line_count(self) -> int:
        return len(self.boxes) + len(self.all_day)

    @property
    def row_count(self) -> int:
        """How many rows it takes in a timeline: one for each lane and whole day."""
        return max(len(self.all_day) + (self.lanes if self.boxes else 0), 1)

    @property
    def is_today(self) -> bool:
        return self.day == self.today

    @property
    def is_empty(self) -> bool:
        return not self.boxes and not self.all_day

    @property
    def lanes(self) -> int:
        """How many lanes it needs at most."""
        return max((box.lanes for box in self.boxes), default=1)

    @property
    def short_heading(self) -> str:
        """`Sat, Nov 21`"""
        return formatting.short_day(self.day)

    @property
    def heading(self) -> str:
        """`Today, Saturday, November 21`"""
        return formatting.day(self.day, self.today)


class GridHour(NamedTuple):
    """One hour on the axis."""

    classes: str
    label: str


class TimelineRow(NamedTuple):
    """One facility of a timeline: the row in which it begins, and how many it takes."""

    column: TimeColumn
    first: int
    rows: int


class TimelineBox(NamedTuple):
    """One item of a timeline, the class of its row among those that place it."""

    line: CalendarLine
    classes: str


@dataclass(frozen=True, slots=True)
class TimeGrid:
    """Columns along one axis of hours."""

    first_hour: int
    last_hour: int
    """The hour at which the axis ends; 26 is two hours after midnight."""
    columns: tuple[TimeColumn, ...]

    @property
    def hour_count(self) -> int:
        return self.last_hour - self.first_hour

    @property
    def steps(self) -> int:
        return self.hour_count * HOUR_STEPS

    @property
    def hours(self) -> tuple[GridHour, ...]:
        return tuple(
            GridHour(f"h{hour - self.first_hour}", formatting.hour(hour % DAY_HOURS))
            for hour in range(self.first_hour, self.last_hour)
        )

    @property
    def rows(self) -> tuple[TimelineRow, ...]:
        """Its columns as rows of a timeline, each with one row for each lane and whole day."""
        rows, first = [], 1
        for column in self.columns:
            rows.append(TimelineRow(column, first, column.row_count))
            first += column.row_count
        return tuple(rows)

    def cut_rows(self, lines: int) -> tuple[TimeGrid, tuple[TimeColumn, ...]]:
        """Return it with as many columns as fit into the rows of a timeline, with at most so many
        items, and the columns that do not; empty ones are left out first.
        """
        columns = self.columns
        if sum(column.row_count for column in columns) > MOST_ROWS:
            columns = tuple(column for column in columns if not column.is_empty)
        # The first is there in any case.
        columns = tuple(column.shortened(MOST_ROWS // 2, lines) for column in columns)
        count, rows, items = 0, 0, 0
        for column in columns:
            rows += column.row_count
            items += column.line_count
            if rows > MOST_ROWS or items > lines:
                break
            count += 1
        return replace(self, columns=columns[:count]), columns[count:]

    @property
    def timeline(self) -> tuple[TimelineBox, ...]:
        """All items of all rows, in order of time."""
        boxes = []
        whole = step_classes(1, self.steps)
        for column, first, _ in self.rows:
            for number, line in enumerate(column.all_day):
                marks = " overlaps" if column.overlaps(line) else ""
                placed = TimelineBox(line, f"r{first + number} {whole}{marks}")
                boxes.append((0, first, placed))
            for box in column.boxes:
                row = first + len(column.all_day) + box.lane
                placed = TimelineBox(box.line, f"r{row} {box.classes}")
                boxes.append((box.start, first, placed))
        return tuple(box for _, _, box in sorted(boxes, key=lambda item: item[:2]))

    @property
    def now(self) -> str:
        """The classes that place now; empty where now is not in it."""
        return next((column.now for column in self.columns if column.now), "")

    @property
    def over_count(self) -> int:
        """How many boxes are of what is over."""
        return sum(box.line.over for column in self.columns for box in column.boxes)

    @property
    def has_overlap(self) -> bool:
        return any(
            any(box.overlaps for box in column.boxes) or any(map(column.overlaps, column.all_day))
            for column in self.columns
        )


class _Column(NamedTuple):
    day: date
    key: str
    pieces: list[GridPiece]
    all_day: list[Item]


def week_grid(
    items: Iterable[Item], first: date, days: int, context: GridContext, lines: int
) -> TimeGrid:
    """Return one column for each of some days, with at most so many items of each."""
    columns = {
        first + number * DAY: _Column(first + number * DAY, "", [], []) for number in range(days)
    }
    for item in items:
        _add(item, columns, context)
    grid = _grid(list(columns.values()), context)
    cut = tuple(column.shortened(MOST_LANES, lines) for column in grid.columns)
    return replace(grid, columns=cut)


def day_timeline(
    items: Iterable[Item], day: date, keys: Sequence[str], context: GridContext
) -> TimeGrid:
    """Return one column for each facility id, in the given order; an item of several facilities is
    in each of them, and one of no listed facility in a last column, whose key is empty.
    """
    columns = {key: {day: _Column(day, key, [], [])} for key in (*keys, "")}
    for item in items:
        known = [key for key in item.facility_ids if key and key in columns] or [""]
        for key in dict.fromkeys(known):
            _add(item, columns[key], context)
    last = columns[""][day]
    if not (last.pieces or last.all_day):
        del columns[""]
    return _grid([by_day[day] for by_day in columns.values()], context)


def _add(item: Item, columns: dict[date, _Column], context: GridContext) -> None:
    """Put an item into each day's column that it is in."""
    start, end = _wall_times(item, context)
    first, last = start.date(), (end - datetime.resolution).date()
    ends_at_night = last == first + DAY and end <= _midnight(last) + NIGHT_HOURS * _HOUR
    if ends_at_night and first in columns:
        last = first
    day = max(first, min(columns))
    while day <= min(last, max(columns)):
        midnight = _midnight(day)
        next_midnight = midnight + DAY
        begins = max(start, midnight)
        ends = end if day == last else min(end, next_midnight)
        column = columns[day]
        if begins == midnight and ends == next_midnight:
            column.all_day.append(item)
        else:
            piece = (begins - midnight) // STEP, -((midnight - ends) // STEP)
            column.pieces.append(GridPiece(*piece, day, item, start < midnight, end > ends))
        day += DAY


_HOUR = timedelta(hours=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _wall_times(item: Item, context: GridContext) -> tuple[datetime, datetime]:
    """Return what the clocks at the school show, naive; where they are set back in between, the end
    is at least as long after the start as it takes.
    """
    zone = timezones.zone(context.zone_of(item))
    start, end = (moment.astimezone(zone).replace(tzinfo=None) for moment in (item.start, item.end))
    return start, end if end > start else start + (item.end - item.start)


def _grid(columns: Sequence[_Column], context: GridContext) -> TimeGrid:
    """Return columns on one axis: what goes on for days takes its hours and adds none."""
    pieces = [piece for column in columns for piece in column.pieces]
    opens, closes = OPENS * HOUR_STEPS, CLOSES * HOUR_STEPS
    starts = [piece.start for piece in pieces if not (piece.earlier and piece.end > opens)]
    ends = [piece.end for piece in pieces if not (piece.later and piece.start < closes)]
    first = min([opens, *starts]) // HOUR_STEPS
    last = -(-max([closes, *ends]) // HOUR_STEPS)
    placed = tuple(_placed(column, first, last, context) for column in columns)
    return TimeGrid(first, last, placed)


def _placed(column: _Column, first: int, last: int, context: GridContext) -> TimeColumn:
    offset = first * HOUR_STEPS - 1
    now = context.now.astimezone(timezones.zone(context.zone)).replace(tzinfo=None)
    step = (now - _midnight(column.day)) // STEP - offset
    shown = now.date() == column.day and 1 <= step <= (last - first) * HOUR_STEPS
    pieces = [
        piece._replace(
            start=max(piece.start, first * HOUR_STEPS), end=min(piece.end, last * HOUR_STEPS)
        )
        for piece in column.pieces
    ]
    return TimeColumn(
        day=column.day,
        today=context.today,
        boxes=tuple(place_boxes(pieces, column.all_day, offset, context)),
        all_day=tuple(calendar_line(item, context, column.day) for item in column.all_day),
        now=step_classes(step) if shown else "",
        key=column.key,
    )
