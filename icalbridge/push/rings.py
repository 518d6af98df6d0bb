"""Moves that stand in each other's way in a ring: none can be the first, since the vendor moves
nothing onto a booking.

What comes of that is for `plan`: one event of the ring is made anew, and so frees its place.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from icalbridge.push.plan import Move


def ring(moves: Sequence[Move]) -> str:
    """Return the external id of an event in a ring of moves; "" where all can be done in some
    order.
    """
    standing: dict[tuple[str, date], list[int]] = defaultdict(list)
    for number, each in enumerate(moves):
        for day in _days(each.before.start, each.before.end):
            standing[each.before.facility_id, day].append(number)
    waits = {
        number: _blockers(each, moves, standing) - {number} for number, each in enumerate(moves)
    }
    while free := {number for number, blockers in waits.items() if not blockers}:
        waits = {
            number: blockers - free for number, blockers in waits.items() if number not in free
        }
    if not waits:
        return ""
    passed: set[int] = set()
    at = min(waits)
    while at not in passed:
        passed.add(at)
        at = min(waits[at])
    return moves[at].held.external_id


def _blockers(
    move: Move, moves: Sequence[Move], standing: dict[tuple[str, date], list[int]]
) -> set[int]:
    after = move.after
    return {
        number
        for day in _days(after.start, after.end)
        for number in standing.get((after.facility.id, day), ())
        if moves[number].before.start < after.end and after.start < moves[number].before.end
    }


def _days(start: datetime, end: datetime) -> Iterator[date]:
    """Yield the days of UTC that a span touches."""
    day = start.date()
    while day <= end.date():
        yield day
        day += timedelta(days=1)
