"""Which days of a feed fit into so many octets: calendar services drop events of what is larger
than they like.

Whole days of the feed's own zone are left out, of the far future first, then of the past, then of
the weeks to come; today is the last to go. What began before it and goes on into it counts as
today's. Where not even the first of these days fits whole, single items stay instead: what is on
and what comes next, as many as fit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from icalbridge.feeds.audience import Item

NEAR_DAYS = 31
"""Of a feed that is too large, the days to come that go only after the past has gone."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What is left of a feed that was too large."""

    fitting: list[int]
    """Indices of the items that stay, in their order."""
    left_out: int
    """How many items that are not over were left out: the last ones."""
    complete_from: datetime | None
    """Up to when items were left out; None when none of the past were."""
    complete_until: datetime | None
    """From when on items were left out; None when none of the future were."""
    since: datetime
    """From when on the choice was this one."""
    until: datetime
    """When it may become another one."""


def fit(
    items: Sequence[Item], sizes: Sequence[int], zone: tzinfo, now: datetime, budget: int
) -> Fit:
    """Choose what fits; `items` are in order of their start, `sizes` their octets, `budget` the
    octets for all of them.

    The choice is the same from `since` until `until`, whatever `now` is between them.
    """
    today = now.astimezone(zone).date()
    midnight, next_midnight = _midnight(today, zone), _midnight(today + timedelta(days=1), zone)
    days = [_day(row, zone, midnight, today) for row in items]
    whole_days = _whole_days(days, sizes, today, budget)
    fitting = [index for index, day in enumerate(days) if day in whole_days]
    if any(day >= today for day in days) and not any(sizes[index] for index in fitting):
        return _soonest(items, sizes, now, budget, (midnight, next_midnight))
    gone = [day for day in days if day not in whole_days]
    past, future = [day for day in gone if day < today], [day for day in gone if day >= today]
    return Fit(
        fitting,
        len(future),
        _midnight(max(past) + timedelta(days=1), zone) if past else None,
        _midnight(min(future), zone) if future else None,
        midnight,
        next_midnight,
    )


def _whole_days(days: Sequence[date], sizes: Sequence[int], today: date, budget: int) -> set[date]:
    weights: Counter[date] = Counter()
    for day, size in zip(days, sizes, strict=True):
        weights[day] += size
    fitting: set[date] = set()
    for day in sorted(weights, key=lambda day: _worth((day - today).days)):
        budget -= weights[day]
        if budget < 0:
            break
        fitting.add(day)
    return fitting


def _soonest(
    items: Sequence[Item],
    sizes: Sequence[int],
    now: datetime,
    budget: int,
    day: tuple[datetime, datetime],
) -> Fit:
    """Choose single items among those that are not over, in order of their start.

    An item that is larger than a whole feed may be is passed over, so that it does not keep the
    others out. `day` is when today begins and ends: the choice is another one when an item ends,
    and when the day does.
    """
    coming = [index for index, row in enumerate(items) if row.end > now]
    fitting: list[int] = []
    left = budget
    for index in coming:
        if sizes[index] > budget:
            continue
        left -= sizes[index]
        if left < 0:
            break
        fitting.append(index)
    chosen = set(fitting)
    gone = [index for index in coming if index not in chosen]
    over = [row.end for row in items if row.end <= now]
    return Fit(
        fitting,
        len(gone),
        max(over, default=None),
        items[gone[0]].start if gone else None,
        max([day[0], *over]),
        min([day[1], *(items[index].end for index in coming)]),
    )


def _day(row: Item, zone: tzinfo, midnight: datetime, today: date) -> date:
    """Return the day that an item belongs to, the same all day long: what went on after midnight is
    today's.
    """
    day = row.start.astimezone(zone).date()
    return max(day, today) if row.end > midnight else day


def _worth(ahead: int) -> tuple[int, int]:
    """Return the rank of a day that is so many days ahead, the first to keep before the others."""
    if ahead < 0:
        return 1, -ahead
    return (0 if ahead < NEAR_DAYS else 2), ahead


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
