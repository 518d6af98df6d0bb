"""`icalbridge.sync.schedule.Schedule`: which request is worth most next, how often each is made, what the
quota pays for.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.models import LAST_DISTRICT_DAY
from icalbridge.store import DaysGranted, PropertyState, SpanLimit, SyncState, WindowState
from icalbridge.sync import schedule
from icalbridge.sync import windows as sync_windows
from icalbridge.sync.pace import DISTRICTS_SHARE
from icalbridge.sync.schedule import Grant, Schedule, Tier
from icalbridge.sync.windows import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
NOON = MIDNIGHT + timedelta(hours=12)
LONG_AGO = MIDNIGHT - timedelta(days=30)


def _situation(
    schools: int,
    *,
    district: bool = True,
    read: Iterable[int] | None = None,
    synced: datetime | None = LONG_AGO,
    facilities: int = 30,
    reach: int = 90,
) -> SyncState:
    """Return a district and its schools, all read lately, all covered by the district's days as far
    as these are answered, and all fetched at one moment unless told otherwise.
    """
    names = [f"school-{number}" for number in range(schools)]
    readers = set(range(schools) if read is None else read)
    subjects = {
        name: PropertyState(
            position + 1,
            facilities=facilities,
            read=NOON if position in readers else None,
            named=NOON if synced else None,
        )
        for position, name in enumerate(names)
    }
    standings = [
        WindowState(name, number, synced, synced)
        for name in names
        for number in range(sync_windows.WINDOWS)
    ]
    if district:
        subjects["district"] = PropertyState(
            0, tuple(names), 1, NOON if readers else None, NOON if synced else None
        )
        last = sync_windows.day_number(LAST_DISTRICT_DAY)
        standings += [
            WindowState("district", number, synced, synced)
            for number in range(last, sync_windows.WINDOWS)
        ]
    refused = None if reach == 90 else reach + 1
    return SyncState(subjects, tuple(standings), reach=DaysGranted(reach, refused, MIDNIGHT))


def _standing(situation: SyncState, property_id: str, number: int) -> WindowState:
    return next(
        each
        for each in situation.windows
        if (each.property_id, each.number) == (property_id, number)
    )


def _changed(situation: SyncState, *others: WindowState) -> SyncState:
    """Return the situation with some windows standing otherwise."""
    new = {(each.property_id, each.number): each for each in others}
    return replace(
        situation,
        windows=tuple(new.get((each.property_id, each.number), each) for each in situation.windows),
    )


def _requests_a_day(planned: Schedule, situation: SyncState) -> float:
    """Return how many requests a day at this pace would take."""
    prices = dict.fromkeys(("district-day", "property-events", "facility-events"), 1.0)
    catalogue = len(situation.properties) + 1
    return catalogue + sum(
        (
            schedule._cost(each, situation.properties[each.property_id], prices)
            if each.number >= 0
            else 1
        )
        * 86_400.0
        / planned.interval(each)
        for each in planned.windows
    )


def _intervals(planned: Schedule, situation: SyncState, property_id: str = "school-0") -> list[int]:
    """Return how often the windows of a property are fetched, in whole seconds."""
    return [
        round(planned.interval(_standing(situation, property_id, number)))
        for number in range(sync_windows.WINDOWS)
    ]


def test_tiers_are_what_people_wait_for() -> None:
    """Today every minute, the week every three, the month every ten, the quarter every forty, all
    by districts' days; the year every four hours; what is covered daily all the same.
    """
    situation = _situation(60)
    planned = Schedule(situation, Grant(), MIDNIGHT)
    days = [
        planned.interval(_standing(situation, "district", sync_windows.day_number(offset)))
        for offset in (0, 1, 7, 8, 30, 31, 90)
    ]
    assert days == [60, 180, 180, 600, 600, 2400, 2400]
    assert _intervals(planned, situation) == [*[86_400] * 3, *[14_400] * 9]
    assert planned.tier(_standing(situation, "district", DAY)) is Tier.TODAY
    assert planned.tier(_standing(situation, "school-0", 0)) is Tier.DISTRICT
    assert planned.stretch == 1


def test_nobody_reads_means_daily() -> None:
    """Of a school that nobody reads, and whose district nobody reads, everything is fetched once a
    day.
    """
    situation = _situation(3, read=())
    planned = Schedule(situation, Grant(), MIDNIGHT)
    assert {planned.interval(each) for each in planned.windows} == {86_400}


def test_reader_of_the_district_reads_its_schools() -> None:
    """The district's feed shows them all."""
    situation = _situation(3, read=())
    subjects = {
        **situation.properties,
        "district": replace(situation.properties["district"], read=NOON),
    }
    planned = Schedule(replace(situation, properties=subjects), Grant(), NOON)
    assert planned.tier(_standing(situation, "school-2", 0)) is Tier.WEEK


def test_reader_of_last_week_still_counts_and_one_of_last_month_does_not() -> None:
    """The laziest calendar program asks once a week."""
    situation = _situation(1, district=False)
    window = _standing(situation, "school-0", 3)
    assert Schedule(situation, Grant(), NOON + timedelta(days=7)).tier(window) is Tier.YEAR
    assert Schedule(situation, Grant(), NOON + timedelta(days=8)).tier(window) is Tier.UNREAD


def test_quota_of_sixty_schools_fits_without_stretching() -> None:
    """The district of the benchmark: 15,000 requests a day pay for every wanted interval."""
    situation = _situation(60)
    planned = Schedule(situation, Grant(), MIDNIGHT)
    assert planned.stretch == 1
    assert 13_500 < _requests_a_day(planned, situation) < 15_000 * (1 - schedule.RESERVE)


@pytest.mark.parametrize("schools", [1, 5, 25, 60, 100, 200, 500])
@pytest.mark.parametrize("quota", [1_000, 15_000, 100_000])
@pytest.mark.parametrize("reach", [90, 61, 7, 0, -1])
def test_a_day_at_the_pace_fits_the_quota_less_the_reserve(
    schools: int, quota: int, reach: int
) -> None:
    """However many schools there are; intervals stretch instead, as far as the catalogue leaves
    anything at all.
    """
    situation = _situation(schools, reach=reach)
    planned = Schedule(situation, Grant(quota_per_day=quota), MIDNIGHT)
    spent = _requests_a_day(planned, situation)
    catalogue = len(situation.properties) + 1
    assert spent <= max(
        quota * (1 - schedule.RESERVE) * 1.001, catalogue + quota * DISTRICTS_SHARE * 2
    )


def test_far_future_gives_way_first() -> None:
    """Two hundred schools: today keeps its minute, near days give way a little, the year doubles;
    all schools of a tier wait alike.
    """
    situation = _situation(200)
    planned = Schedule(situation, Grant(), MIDNIGHT)
    days = [
        round(planned.interval(_standing(situation, "district", sync_windows.day_number(offset))))
        for offset in (0, 1, 8, 31)
    ]
    assert days == [60, 300, 900, 2700]
    year = {planned.interval(each) for each in situation.windows if each.number > 2}
    assert len(year) == 1
    assert 7 * 3600 < year.pop() < 8 * 3600
    assert planned.stretch < 2


def test_seven_days_ahead_keep_the_week() -> None:
    """Two hundred schools of which no more is answered: the month comes school by school."""
    situation = _situation(200, reach=7)
    planned = Schedule(situation, Grant(), MIDNIGHT)
    assert planned.interval(_standing(situation, "district", DAY)) == 60
    week = _standing(situation, "district", sync_windows.day_number(7))
    assert round(planned.interval(week)) == 300
    month, *rest = _intervals(planned, situation)
    assert month == 2700
    assert len(set(rest)) == 1
    assert rest[0] < 14 * 3600


@pytest.mark.parametrize(
    ("schools", "today", "year"), [(25, 192, 6), (60, 487, 6), (200, 1705, 17.1)]
)
def test_refused_days_make_nothing_slower_than_before(
    schools: int, today: int, year: float
) -> None:
    """Before there were tiers but today, month and year, this was the pace."""
    situation = _situation(schools, reach=-1)
    intervals = _intervals(Schedule(situation, Grant(), MIDNIGHT), situation)
    assert intervals[0] <= today
    assert max(intervals) <= year * 3600


def test_pace_follows_what_is_left_of_the_day() -> None:
    """A quota that was half used by noon is spread over the rest; at midnight UTC it is whole
    again.
    """
    fresh = _situation(60)
    spent = replace(fresh, quota_day=NOON.date(), quota_used=12_000)
    assert Schedule(fresh, Grant(), NOON).stretch == 1
    assert Schedule(spent, Grant(), NOON).stretch > 3
    assert Schedule(spent, Grant(), NOON + timedelta(days=1)).stretch == 1


def test_minutes_rate_stretches_too() -> None:
    """A rate that cannot pay for the day's pace is not planned over."""
    assert (
        Schedule(
            _situation(60), Grant(rate_per_minute=3, quota_per_day=1_000_000), MIDNIGHT
        ).stretch
        > 3
    )


def test_school_without_a_district_is_asked_as_often_as_fits() -> None:
    """One request is one request: its own first month tells of today too, every minute where that
    is affordable.
    """
    alone = _situation(1, district=False)
    assert Schedule(alone, Grant(), MIDNIGHT).interval(_standing(alone, "school-0", 0)) == 60
    many = _situation(30, district=False)
    interval = Schedule(many, Grant(), MIDNIGHT).interval(_standing(many, "school-0", 0))
    assert 60 < interval < 600


def test_refused_district_leaves_its_schools_alone() -> None:
    """Three failures in a row, or one refusal: the schools are asked one by one."""
    situation = _situation(5)
    day = _standing(situation, "district", DAY)
    down = _changed(situation, day._replace(failures=schedule.GIVEN_UP))
    refused = replace(situation, reach=DaysGranted(-1, 0, MIDNIGHT))
    window = _standing(situation, "school-0", 0)
    assert Schedule(situation, Grant(), MIDNIGHT).tier(window) is Tier.WEEK
    assert Schedule(down, Grant(), MIDNIGHT).tier(window) is Tier.TODAY
    assert Schedule(refused, Grant(), MIDNIGHT).tier(window) is Tier.TODAY


def test_heavy_window_costs_what_its_pieces_cost() -> None:
    """Windows in pieces use the quota up faster, and the plan knows."""
    situation = _situation(60)
    pieces = [
        each._replace(span_limit=SpanLimit(1)) for each in situation.windows if each.number >= 0
    ]
    assert Schedule(_changed(situation, *pieces), Grant(), MIDNIGHT).stretch > 15
    rooms = [
        each._replace(span_limit=SpanLimit(0)) for each in situation.windows if each.number >= 0
    ]
    assert Schedule(_changed(situation, *rooms), Grant(), MIDNIGHT).stretch > 400


# the order


def _order(situation: SyncState, now: datetime = NOON) -> list[tuple[str, int]]:
    return [(each.property_id, each.number) for each in Schedule(situation, Grant(), now).ranked()]


def test_first_sync_goes_near_before_far() -> None:
    """Today's window of every school before anyone's second month."""
    order = _order(_situation(3, synced=None))
    assert order[:4] == [("district", 0), ("school-0", 0), ("school-1", 0), ("school-2", 0)]
    assert order[4] == ("district", DAY)
    assert [number for _, number in order[5:]] == sorted(number for _, number in order[5:])


def test_what_failed_at_first_keeps_nobody_waiting() -> None:
    """A school that was never fetched because it fails waits in line with the others."""
    situation = _situation(2, synced=NOON - timedelta(days=1))
    broken = _standing(situation, "school-0", 0)._replace(synced=None, failures=2, due=NOON)
    assert _order(_changed(situation, broken))[0] == ("district", DAY)


def test_the_latest_in_its_own_terms_comes_first() -> None:
    """Today's window five minutes late is worse off than a year's that is three hours late."""
    situation = _situation(1, district=False, synced=NOON)
    month = _standing(situation, "school-0", 0)._replace(synced=NOON - timedelta(seconds=60 + 300))
    year = _standing(situation, "school-0", 4)._replace(synced=NOON - timedelta(hours=7))
    assert _order(_changed(situation, month, year)) == [("school-0", 0), ("school-0", 4)]


def test_leased_and_not_due_are_left_out() -> None:
    """What another worker is at, what is not due yet, and what waits after a failure."""
    situation = _situation(1, district=False, synced=NOON)
    leased = _standing(situation, "school-0", 0)._replace(
        synced=LONG_AGO,
        leased_until=NOON + timedelta(seconds=1),
    )
    failed = _standing(situation, "school-0", 1)._replace(
        synced=LONG_AGO, due=NOON + timedelta(seconds=30)
    )
    planned = Schedule(_changed(situation, leased, failed), Grant(), NOON)
    assert planned.ranked() == []
    assert planned.next_due() == NOON + timedelta(seconds=30)


def test_killed_workers_lease_runs_out() -> None:
    """From then on the window is anybody's."""
    situation = _situation(1, district=False, synced=NOON)
    leased = _standing(situation, "school-0", 0)._replace(synced=LONG_AGO, leased_until=NOON)
    assert _order(_changed(situation, leased)) == [("school-0", 0)]


def test_told_to_be_due_beats_the_tier() -> None:
    """A doubt or a person wants it now, whatever its interval."""
    situation = _situation(1, district=False, synced=NOON)
    told = _standing(situation, "school-0", 7)._replace(due=NOON)
    assert _order(_changed(situation, told)) == [("school-0", 7)]


def test_nothing_known_is_nothing_to_do() -> None:
    """Before the first catalogue."""
    planned = Schedule(SyncState({}, ()), Grant(), NOON)
    assert (planned.ranked(), planned.next_due(), planned.stretch) == ([], None, 1)


@given(
    st.lists(st.integers(0, 100_000), min_size=12, max_size=12),
    st.integers(0, 20_000),
    st.booleans(),
)
def test_plan_always_gets_everywhere(ages: list[int], used: int, district: bool) -> None:
    """Whatever was asked when, and however little is left: what waits longest is never put off for
    good.
    """
    situation = _situation(1, district=district, synced=NOON)
    aged = [
        each._replace(synced=NOON - timedelta(seconds=ages[each.number]), due=None)
        for each in situation.windows
        if each.number >= 0
    ]
    situation = replace(_changed(situation, *aged), quota_day=NOON.date(), quota_used=used)
    planned = Schedule(situation, Grant(), NOON)
    next_due = planned.next_due()
    assert next_due is not None
    assert (next_due <= NOON) == bool(planned.ranked())
    for each in planned.windows:
        assert planned.due(each) - NOON <= timedelta(seconds=planned.interval(each))
        assert (each in planned.ranked()) == (planned.due(each) <= NOON)


# windows that are too heavy


def test_window_is_cut_into_pieces_that_cover_it_once() -> None:
    """Whatever the span."""
    wanted = sync_windows.window_days(0, MIDNIGHT.date())
    for days in range(32):
        pieces = sync_windows.split(wanted, days)
        covered = [
            each.start + timedelta(days=step) for each in pieces for step in range(each.days)
        ]
        assert covered == [wanted.start + timedelta(days=step) for step in range(31)]
        assert max(each.days for each in pieces) == max(days, 1)


def test_span_is_halved_down_to_a_day_then_to_facilities() -> None:
    """31, 16, 8, 4, 2, 1, facility by facility, and no further."""
    spans: list[int | None] = [31]
    while (last := spans[-1]) is not None:
        spans.append(sync_windows.halve(last))
    assert spans == [31, 16, 8, 4, 2, 1, 0, None]


def test_span_regrows_with_care() -> None:
    """After it held four times, twice as much is tried; in vain, and it must hold twice as often
    before the next.
    """
    reach = sync_windows.learn_span(SpanLimit(), 31, 4)
    tries = []
    for number in range(40):
        tried = sync_windows.next_span(reach)
        if tried > 4:
            tries.append(number)
        reach = sync_windows.learn_span(reach, tried, 4)  # four days are all it ever answers
    assert tries == [4, 13, 30]


def test_span_that_regrew_is_as_good_as_new() -> None:
    """Once the vendor answers again, it doubles back to a whole window and stays there."""
    reach, requests = SpanLimit(0), 0
    while reach != SpanLimit():
        tried = sync_windows.next_span(reach)
        reach = sync_windows.learn_span(reach, tried, tried)
        requests += 1
    assert requests == 30
    assert sync_windows.learn_span(reach, 31, 31) == reach


def test_failure_forgets_no_span() -> None:
    """A window that failed whole keeps what was known of it; one that was cut first is cut the next
    time as well.
    """
    assert sync_windows.shrink_span(SpanLimit(8, 3, 4), 8) == SpanLimit(8, 3, 4)
    assert sync_windows.shrink_span(SpanLimit(8, 3, 4), 16) == SpanLimit(8, 3, 4)
    assert sync_windows.shrink_span(SpanLimit(8, 3, 8), 2) == SpanLimit(2, 0, 8)
