"""The boxes of one column of a time grid, side by side where they would cover each other. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from icalbridge.web.views.calendar_grid import calendar_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from icalbridge.feeds.audience import Item
    from icalbridge.web.views.calendar_grid import CalendarLine, GridContext

HOUR_STEPS = 12


def step_classes(start: int, length: int = 0) -> str:
    """Return the classes of `grid.css` for a first step, from 1, and a length in steps."""
    hour, step = divmod(start - 1, HOUR_STEPS)
    hours, steps = divmod(length, HOUR_STEPS)
    return f"h{hour} m{step}" + (f" H{hours} M{steps}" if length else "")


@dataclass(frozen=True, slots=True)
class GridBox:
    """One item in one column."""

    line: CalendarLine
    start: int
    """Its first step on the axis, from 1."""
    length: int
    """In steps, at least 1."""
    lane: int
    """From 0."""
    lanes: int
    """How many lanes stand side by side where this box is."""
    overlaps: bool
    """Whether something else is on at the same time."""
    earlier: bool
    """Whether it begins before this column."""
    later: bool
    """Whether it goes on after this column."""

    @property
    def end(self) -> int:
        """The first step after it."""
        return self.start + self.length

    @property
    def classes(self) -> str:
        """Return the classes of `grid.css` that place it."""
        marks = {"overlaps": self.overlaps, "earlier": self.earlier, "later": self.later}
        place = step_classes(self.start, self.length)
        lane = f"l{self.lane} o{self.lanes}"
        return " ".join([place, lane, *(name for name, given in marks.items() if given)])


class GridPiece(NamedTuple):
    """The part of an item that is in one column, in steps after midnight."""

    start: int
    end: int
    day: date
    item: Item
    earlier: bool
    later: bool


def place_boxes(
    pieces: Iterable[GridPiece], all_day: Sequence[Item], offset: int, context: GridContext
) -> Iterator[GridBox]:
    """Yield a box for each piece of a column; `all_day`: what is on there all day."""
    for cluster in _clusters(pieces):
        yield from _boxes(cluster, all_day, offset, context)


def _clusters(pieces: Iterable[GridPiece]) -> Iterator[list[GridPiece]]:
    """Group pieces that cover each other's steps, directly or through others."""
    cluster: list[GridPiece] = []
    reached = 0
    for piece in sorted(pieces, key=_order):
        if cluster and piece.start >= reached:
            yield cluster
            cluster = []
        cluster.append(piece)
        reached = max(reached, piece.end)
    if cluster:
        yield cluster


def _order(piece: GridPiece) -> tuple[int, int, str]:
    return piece.start, -piece.end, piece.item.uid


def _boxes(
    cluster: Sequence[GridPiece], all_day: Sequence[Item], offset: int, context: GridContext
) -> Iterator[GridBox]:
    """Give each piece of a cluster the first lane that is free."""
    together = [*all_day, *(piece.item for piece in cluster)]
    ends: list[int] = []
    lanes = []
    for piece in cluster:
        lane = next((lane for lane, end in enumerate(ends) if end <= piece.start), len(ends))
        ends[lane:] = [piece.end, *ends[lane + 1 :]]
        lanes.append(lane)
    for piece, lane in zip(cluster, lanes, strict=True):
        item = piece.item
        yield GridBox(
            line=calendar_line(item, context, piece.day),
            start=piece.start - offset,
            length=piece.end - piece.start,
            lane=lane,
            lanes=len(ends),
            overlaps=any(is_overlap(item, other) for other in together),
            earlier=piece.earlier,
            later=piece.later,
        )


def is_overlap(item: Item, other: Item) -> bool:
    """Whether both are on at the same time, of those that are not called off."""
    if other is item or item.cancelled or other.cancelled:
        return False
    return item.start < other.end and other.start < item.end
