"""Which days of a feed fit into so many octets: calendar services drop events of what is larger than they like.

Whole days of the feed's own zone are left out, of the far future first, then of the past, then of the weeks to come;
today is the last to go. What began before it and goes on into it counts as today's.
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

    kept: list[int]
    """Indices of the items that stay, in their order."""
    complete_from: datetime | None
    """Up to when items were left out; None when none of the past were."""
    complete_until: datetime | None
    """From when on items were left out; None when none of the future were."""
    since: datetime
    """When the day began by which the days were chosen."""
    until: datetime
    """When it ends, and other days may fit."""


def fit(items: Sequence[Item], sizes: Sequence[int], zone: tzinfo, now: datetime, room: int) -> Fit:
    """Choose the days that fit; `sizes` are the items' octets, `room` the octets that there are for all of them."""
    today = now.astimezone(zone).date()
    midnight = _midnight(today, zone)
    days = [_day(each, zone, midnight, today) for each in items]
    weights: Counter[date] = Counter()
    for day, size in zip(days, sizes, strict=True):
        weights[day] += size
    kept: set[date] = set()
    for day in sorted(weights, key=lambda day: _worth((day - today).days)):
        room -= weights[day]
        if room < 0:
            break
        kept.add(day)
    gone = weights.keys() - kept
    past, future = [day for day in gone if day < today], [day for day in gone if day >= today]
    return Fit(
        [index for index, day in enumerate(days) if day in kept],
        _midnight(max(past) + timedelta(days=1), zone) if past else None,
        _midnight(min(future), zone) if future else None,
        _midnight(today, zone),
        _midnight(today + timedelta(days=1), zone),
    )


def _day(each: Item, zone: tzinfo, midnight: datetime, today: date) -> date:
    """Return the day that an item belongs to, the same all day long: what went on after midnight is today's."""
    day = each.start.astimezone(zone).date()
    return max(day, today) if each.end > midnight else day


def _worth(ahead: int) -> tuple[int, int]:
    """Return the rank of a day that is so many days ahead, the first to keep before the others."""
    if ahead < 0:
        return 1, -ahead
    return (0 if ahead < NEAR_DAYS else 2), ahead


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
