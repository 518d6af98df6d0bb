"""Liveliness: which schools come first within a tier. Pure.

What is read and what changes more often than elsewhere is fetched more often, at the expense of the
rest. Where near days are fetched school by school because a district's day is too heavy, schools
with a booking that begins soon come first, those with none today last.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from icalbridge.store import PropertyState

DAY = timedelta(days=1)
SOON = timedelta(hours=2)
"""What begins within this time is near."""
LEAST_LIVELY, MOST_LIVELY = 0.75, 1.5
"""Schools between these shares of the average are alike."""
SHORTEST, LONGEST = 2 / 3, 3 / 2
"""Bounds of the factor on an interval."""
NEAR, NOTHING_TODAY = 0.3, 2.3
"""The same factor for a school with a booking that begins soon, and with none to come today."""
REST_OF_TODAY = timedelta(hours=18)
"""How far ahead today reaches, where the school's own midnight does not matter."""


class Weights(NamedTuple):
    """By what factor a property's intervals are longer than those of its tiers."""

    today: float
    today_on_average: float
    """Over the day to come."""
    rest: float


def find_weights(
    properties: Mapping[str, PropertyState], heavy: Collection[str], now: datetime
) -> dict[str, Weights]:
    """Return by what factor each property's intervals are longer."""
    reads = _mean([state.reads for state in properties.values()])
    changes = _mean([state.changes for state in properties.values()])
    weights = {}
    for property_id, state in properties.items():
        lively = (_share(state.reads, reads) + _share(state.changes, changes) + 2) / 4
        factor = 1.0 if LEAST_LIVELY <= lively <= MOST_LIVELY else lively**-0.5
        ordinary = min(max(factor, SHORTEST), LONGEST)
        weights[property_id] = (
            Weights(ordinary * _nearness(state, now), ordinary * _mean_nearness(state), ordinary)
            if property_id in heavy
            else Weights(ordinary, ordinary, ordinary)
        )
    return weights


def is_near(state: PropertyState, now: datetime) -> bool:
    """Return whether something begins soon, or changed a moment ago."""
    lately = state.changed is not None and timedelta() <= now - state.changed <= SOON
    return lately or (state.next_start is not None and state.next_start - now <= SOON)


def _nearness(state: PropertyState, now: datetime) -> float:
    if state.next_start is None or state.next_start - now > REST_OF_TODAY:
        return NOTHING_TODAY
    return NEAR if state.next_start - now <= SOON else 1.0


def _mean_nearness(state: PropertyState) -> float:
    """Return what nearness is over the day to come, as if its bookings began at any time of it."""
    near = 1 - (1 - SOON / DAY) ** state.starts
    over = 1 / (1 + state.starts)
    return 1 / (near / NEAR + (1 - near - over) + over / NOTHING_TODAY)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _share(value: float, mean: float) -> float:
    return value / mean if mean else 1.0
