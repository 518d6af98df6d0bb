"""Pace: how often each tier is fetched, given what that costs and what may be spent. Pure.

Each tier has a target interval, a setting, and a slack one. As long as the targets can be paid
for they hold. Else the far future gives way first, up to its slack interval; then near days, up to
theirs; then the far future again, without limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DISTRICTS_SHARE = 0.25
"""The share of what may be spent that the districts' todays get at most."""
FIRM_SHARE = 0.75
"""The share of the rest that near days get at most when the far future has to wait."""
RANKED_SHARE = 0.96
"""The same where near days are fetched school by school, those first where something begins soon.
"""
ROUNDS = 30
"""Of a bisection."""


class Tier(StrEnum):
    """How soon a change must show."""

    TODAY = "today"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    DISTRICT = "district"
    """A school's own window that its district's days cover."""
    UNREAD = "unread"


class Need(NamedTuple):
    """What a request is for: a tier, covered by a district's day or by a school's window."""

    tier: Tier
    by_day: bool = False


TODAY = Need(Tier.TODAY, by_day=True)


@dataclass(frozen=True, slots=True)
class Grant:
    """What the vendor granted to a key, what is left of it, and how often we would like to ask, in
    seconds.
    """

    rate_per_minute: int = 120
    quota_per_day: int = 15_000
    today: int = 60
    week: int = 180
    month: int = 600
    quarter: int = 2400
    year: int = 4 * 3600
    unread: int = 24 * 3600


SLACK = {
    Need(Tier.WEEK, by_day=True): 5 / 3,
    Need(Tier.MONTH, by_day=True): 3 / 2,
    Need(Tier.QUARTER, by_day=True): 9 / 8,
    Need(Tier.MONTH): 9 / 2,
}
"""By what factor near days give way before the far future does without limit."""
YEAR_SLACK = 3 / 2
FIRM = frozenset({*SLACK, Need(Tier.WEEK)})


def target_interval(need: Need, grant: Grant) -> float:
    """Return how often a need is met if everything can be paid for, in seconds."""
    tier = Tier.UNREAD if need.tier is Tier.DISTRICT else need.tier
    return float(getattr(grant, tier.value))


def slack_interval(need: Need, grant: Grant) -> float:
    """Return how often a need is met at least, as long as that can be paid for at all."""
    target = target_interval(need, grant)
    if need in SLACK:
        return target * SLACK[need]
    if need.tier in {Tier.TODAY, Tier.WEEK}:
        return max(target, grant.month)
    if need.tier in {Tier.QUARTER, Tier.YEAR}:
        return max(target, grant.year * YEAR_SLACK)
    return target


def find_intervals(
    costs: Mapping[Need, float], grant: Grant, affordable: float, *, ranked: bool = False
) -> dict[Need, float]:
    """Return how often each need is met, in seconds.

    `costs`: requests that meeting it once takes. `affordable`: requests a second. `ranked`: near
    days are fetched school by school because a district's day is too heavy.
    """
    targets = {need: target_interval(need, grant) for need in costs}
    slack = {need: slack_interval(need, grant) for need in costs}
    today = costs.get(TODAY, 0.0)
    intervals = {TODAY: max(float(grant.today), today / (affordable * DISTRICTS_SHARE))}
    left = max(affordable - today / intervals[TODAY], affordable * DISTRICTS_SHARE)
    firm_needs = FIRM | {Need(Tier.TODAY)} if ranked else FIRM
    firm = [need for need in costs if need in firm_needs and need != TODAY]
    loose = [need for need in costs if need not in firm_needs and need != TODAY]

    firm_left = left * (RANKED_SHARE if ranked else FIRM_SHARE)
    if _rate(costs, slack, firm) + _rate(costs, slack, loose) > left:
        stretch = max(1.0, _rate(costs, slack, firm) / firm_left)
        intervals |= {need: slack[need] * stretch for need in firm}
        rest = max(left - _rate(costs, intervals, firm), left * (1 - RANKED_SHARE))
        stretch = max(1.0, _rate(costs, slack, loose) / rest)
        return intervals | {need: slack[need] * stretch for need in loose}
    rest = left - _rate(costs, slack, loose)
    intervals |= _shorten({need: costs[need] for need in firm}, targets, slack, rest)
    rest = left - _rate(costs, intervals, firm)
    return intervals | _shorten({need: costs[need] for need in loose}, targets, slack, rest)


def _rate(costs: Mapping[Need, float], times: Mapping[Need, float], needs: Iterable[Need]) -> float:
    """Return how many requests a second some needs take."""
    return sum(costs[need] / times[need] for need in needs)


def _shorten(
    costs: Mapping[Need, float],
    targets: Mapping[Need, float],
    slack: Mapping[Need, float],
    left: float,
) -> dict[Need, float]:
    """Return intervals as close to the targets as can be paid for; all give way alike."""

    def times(share: float) -> dict[Need, float]:
        return {need: targets[need] * (slack[need] / targets[need]) ** share for need in costs}

    if _rate(costs, targets, costs) <= left:
        return times(0.0)
    low, high = 0.0, 1.0
    for _ in range(ROUNDS):
        middle = (low + high) / 2
        enough = _rate(costs, times(middle), costs) <= left
        low, high = (low, middle) if enough else (middle, high)
    return times(high)
