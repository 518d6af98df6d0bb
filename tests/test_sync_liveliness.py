"""`icalbridge.sync.liveliness` and `icalbridge.store.activity`: which schools come first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from icalbridge.models import RequestCost
from icalbridge.store import PropertyState
from icalbridge.store.activity import HALF_LIFE_SECONDS, averaged, decayed
from icalbridge.sync.liveliness import NEAR, NOTHING_TODAY, Weights, find_weights, is_near

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_schools_that_are_read_or_change_more_come_first() -> None:
    """Four times the average halves nothing, but shortens; schools that are alike stay alike."""
    known = {f"calm-{number}": PropertyState(1, reads=1, changes=1) for number in range(9)}
    known["read"] = PropertyState(1, reads=12, changes=1)
    known["changing"] = PropertyState(1, reads=1, changes=12)
    weights = {name: each.rest for name, each in find_weights(known, (), NOW).items()}
    assert weights["read"] == weights["changing"] < 0.8
    assert {weight for name, weight in weights.items() if name.startswith("calm")} == {
        weights["calm-0"]
    }
    assert weights["calm-0"] > weights["read"]


def test_what_begins_soon_comes_first_where_a_districts_day_is_too_heavy() -> None:
    """And what has nothing more today last; elsewhere today costs all schools the same."""
    starts = {"soon": 1, "later": 6, "tomorrow": 23}
    known = {
        name: PropertyState(1, next_start=NOW + timedelta(hours=hours))
        for name, hours in starts.items()
    } | {"nothing": PropertyState(1)}
    near = {name: each.today for name, each in find_weights(known, known, NOW).items()}
    assert near == {"soon": NEAR, "later": 1, "tomorrow": NOTHING_TODAY, "nothing": NOTHING_TODAY}
    assert set(find_weights(known, (), NOW).values()) == {Weights(1, 1, 1)}
    assert [is_near(state, NOW) for state in known.values()] == [True, False, False, False]
    assert is_near(PropertyState(1, changed=NOW - timedelta(minutes=5)), NOW)


def test_many_bookings_cost_more_of_the_day_to_come() -> None:
    """The more begin, the longer one is near, and the shorter there is nothing more."""
    known = {str(starts): PropertyState(1, starts=starts) for starts in (0, 1, 2, 4, 8)}
    averages = [each.today_on_average for each in find_weights(known, known, NOW).values()]
    assert averages[0] == NOTHING_TODAY
    assert averages == sorted(averages, reverse=True)
    assert 0.8 < averages[2] < 1
    assert NEAR < averages[-1] < 0.6


def test_counts_decay() -> None:
    """To half in three days; a time in the future counts as now, none as nothing."""
    half = NOW - timedelta(seconds=HALF_LIFE_SECONDS)
    assert [decayed(8, since, NOW) for since in (NOW, half, NOW + timedelta(days=9), None)] == [
        *(8, 4, 8, 0)
    ]


def test_costs_follow_the_latest_requests() -> None:
    """An average of about twenty requests; failures are only counted."""
    cost = averaged(None, RequestCost(1, 0, 100.0, 1.0))
    assert cost == RequestCost(1, 0, 100.0, 1.0)
    cost = averaged(cost, RequestCost(1, 1, 300.0, 3.0))
    assert cost == RequestCost(2, 1, 200.0, 2.0)
    for _ in range(200):
        cost = averaged(cost, RequestCost(1, 0, 1000.0, 10.0))
    assert (cost.requests, cost.failures) == (202, 1)
    assert cost.octets == pytest.approx(1000, rel=0.01)
