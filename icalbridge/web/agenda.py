"""What an embedded calendar shows of a feed's items: a list day by day.

Pure: `now` is an argument. It is given the feed's own items, so what is shown is what subscribers see.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from icalbridge import zones
from icalbridge.web import wording
from icalbridge.web.preview import Day, line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from icalbridge.feeds.audience import Item


@dataclass(frozen=True, slots=True)
class Agenda:
    days: tuple[Day, ...]
    left_out: int
    """How many items did not fit."""


def agenda(
    items: Iterable[Item], now: datetime, until: datetime, zone: str, schools: Mapping[str, str], limit: int
) -> Agenda:
    """Arrange what has not ended at `now` and begins before `until`.

    `zone` is the feed's own; `schools` names the schools by id, where each line should say which it is in.
    """
    coming = [each for each in items if each.end > now and each.start < until]
    lines = sorted((line(each, now, zone, schools) for each in coming[:limit]), key=lambda each: each.day)
    today = zones.local_date(now, zone)
    days = tuple(Day(wording.day(day, today), tuple(some)) for day, some in groupby(lines, lambda each: each.day))
    return Agenda(days, len(coming) - len(lines))
