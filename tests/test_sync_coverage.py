"""`icalbridge.sync.coverage`: which days districts' days cover, and how far ahead they are tried."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.models import LAST_DISTRICT_DAY, RequestCost
from icalbridge.store import DaysGranted, PropertyState, SyncState, WindowState
from icalbridge.sync import windows as sync_windows
from icalbridge.sync.schedule import GIVEN_UP, PROBE_EVERY, Grant, Schedule, Tier

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=30)


def _state(
    schools: int,
    reach: DaysGranted,
    *,
    synced: int = 90,
    costs: dict[str, RequestCost] | None = None,
) -> SyncState:
    """Return a district whose days were fetched up to one, and which have something of its schools."""
    names = [f"school-{number}" for number in range(schools)]
    known = {name: PropertyState(1, read=NOW, named=NOW) for name in names}
    known["district"] = PropertyState(0, tuple(names), 1, NOW, NOW)
    windows = [
        WindowState(name, number, NOW, NOW)
        for name in known
        for number in range(sync_windows.WINDOWS)
    ]
    windows += [
        WindowState("district", sync_windows.day_number(offset), NOW if offset <= synced else None)
        for offset in range(LAST_DISTRICT_DAY + 1)
    ]
    return SyncState(known, tuple(windows), reach=reach, costs=costs or {})


def _failing(state: SyncState, *offsets: int) -> SyncState:
    numbers = set(map(sync_windows.day_number, offsets))
    windows = [
        window._replace(failures=GIVEN_UP) if window.number in numbers else window
        for window in state.windows
    ]
    return replace(state, windows=tuple(windows))


def _last(state: SyncState) -> int:
    return Schedule(state, Grant(), NOW).coverage.last["district"]


@pytest.mark.parametrize(
    ("schools", "last"), [(1, 0), (8, 0), (10, 7), (22, 7), (23, 30), (28, 30), (31, 90)]
)
def test_cheaper_way_is_chosen(schools: int, last: int) -> None:
    """Of a small district schools' windows cost less than many days."""
    assert _last(_state(schools, DaysGranted(90))) == last


@pytest.mark.parametrize(
    ("reach", "last"), [(-1, -1), (6, 0), (7, 7), (30, 30), (89, 61), (90, 90)]
)
def test_days_are_taken_as_far_as_they_are_answered(reach: int, last: int) -> None:
    """To the end of a tier or of a school's window: what is between saves no request."""
    assert _last(_state(60, DaysGranted(reach, reach + 1, NOW))) == last


def test_further_days_wait_for_the_nearer_ones() -> None:
    """A step is tried when all before it were fetched once."""
    assert [
        _last(_state(60, DaysGranted(90), synced=synced)) for synced in (-1, 0, 6, 7, 30, 61)
    ] == [
        *(0, 7, 7),
        *(30, 61, 90),
    ]


def test_day_that_fails_ends_what_is_covered() -> None:
    """It is tried again now and then; a today that fails makes its schools come one by one."""
    state = _failing(_state(60, DaysGranted(90)), 20)
    planned = Schedule(state, Grant(), NOW)
    assert planned.coverage.last["district"] == 7
    offsets = [sync_windows.DAY - window.number for window in planned.windows if window.number < 0]
    assert (max(offsets), len(offsets)) == (30, 31)
    heavy = Schedule(_failing(state, 0), Grant(), NOW)
    assert heavy.coverage.last["district"] == -1
    assert heavy.coverage.heavy == set(state.properties)


def test_slow_days_cost_more_than_a_request() -> None:
    """A day that takes half a minute is not worth it for as few schools as a quick one."""
    slow = {"district-day": RequestCost(10, 0, 5_000_000, 28.0)}
    assert (_last(_state(25, DaysGranted(90))), _last(_state(25, DaysGranted(90), costs=slow))) == (
        30,
        0,
    )


def test_school_that_no_day_names_is_fetched_by_itself() -> None:
    """Nobody says whether a district's day covers it."""
    state = _state(60, DaysGranted(90))
    unnamed = replace(state.properties["school-1"], named=NOW - timedelta(days=2))
    silent = [
        window._replace(silent=frozenset({"school-2"})) if window.number == -4 else window
        for window in state.windows
    ]
    state = replace(
        state, properties={**state.properties, "school-1": unnamed}, windows=tuple(silent)
    )
    planned = Schedule(state, Grant(), NOW)
    tiers = {
        window.property_id: planned.tier(window) for window in state.windows if window.number == 0
    }
    assert [tiers[f"school-{number}"] for number in range(3)] == [
        Tier.DISTRICT,
        Tier.MONTH,
        Tier.TODAY,
    ]


def test_school_that_might_be_covered_today_alone_is_fetched_for_the_week() -> None:
    """Few schools: the districts' days after today cost more, and nothing is on today."""
    state = _state(5, DaysGranted(90))
    unnamed = replace(state.properties["school-1"], named=None)
    planned = Schedule(
        replace(state, properties={**state.properties, "school-1": unnamed}), Grant(), NOW
    )
    assert planned.coverage.last["district"] == 0
    tiers = {each.property_id: planned.tier(each) for each in state.windows if each.number == 0}
    assert (tiers["school-0"], tiers["school-1"]) == (Tier.WEEK, Tier.WEEK)


@given(st.integers(-1, 90))
def test_reach_is_found_by_one_refusal_a_day(granted: int) -> None:
    """Seven days are taken as granted; of further ones those are tried that would be of use."""
    ends = (-1, 0, 7, 30, 61, 90)
    reach, now, refusals = DaysGranted(), NOW, 0
    for _ in range(20):
        planned = Schedule(_state(60, reach), Grant(), now).coverage
        wanted = range(planned.last["district"] + 1)
        asked = next((day for day in wanted if day > granted), None)
        if asked is None and planned.probe:
            asked = planned.probe[1]
        if asked is None:
            now += PROBE_EVERY
        elif asked <= granted:
            reach = DaysGranted(max(reach.days, asked), None, reach.refused_at)
        else:
            reach, refusals = DaysGranted(min(reach.days, asked - 1), asked, now), refusals + 1
    assert planned.last["district"] == max(end for end in ends if end <= granted)
    assert refusals <= 20
