"""`icalbridge.facilitron.rate_limit`: never over the minute's rate or the day's quota, and never far
below the rate.
"""

from __future__ import annotations

from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.errors import QuotaSpent
from icalbridge.facilitron import Allowance, MemoryLedger, book
from icalbridge.facilitron.http import SHORTEST_NAP_SECONDS

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NEVER = 1_000_000_000
START = Allowance(date(2026, 11, 21))

pauses = st.lists(st.floats(0, 40) | st.just(0.0), max_size=150)
rates = st.integers(1, 40) | st.sampled_from([60, 119, 120, 121, 600])


def _after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def _send(rate: int, idle: list[float]) -> list[float]:
    """Return when requests are sent by one who idles so long before each and then waits as told, in
    seconds.
    """
    allowance, clock = START, 0.0
    sent: list[float] = []
    for pause in idle:
        clock += pause
        allowance, wait = book(allowance, _after(clock), rate, NEVER)
        while wait:
            clock += max(wait, 1e-6)
            allowance, wait = book(allowance, _after(clock), rate, NEVER)
        sent.append(clock)
    return sent


def _most_in_a_minute(sent: list[float]) -> int:
    return max(
        (bisect_right(sent, each + 60) - index for index, each in enumerate(sent)), default=0
    )


@given(rates, pauses)
def test_no_minute_holds_more_than_the_rate(rate: int, idle: list[float]) -> None:
    """Any span of 60 seconds, both ends counted, whatever the pauses between requests."""
    assert _most_in_a_minute(_send(rate, idle)) <= rate


@pytest.mark.parametrize("rate", [1, 2, 9, 10, 11, 60, 120, 121, 1000])
def test_saturated_rate_is_used_and_kept(rate: int) -> None:
    """Who always has something to send gets at least 85 % of ten minutes' rate, and never more than
    a minute's.
    """
    sent = _send(rate, [0.0] * (10 * rate + 50))
    assert _most_in_a_minute(sent) <= rate
    assert bisect_right(sent, 600) >= 0.85 * 10 * rate


@given(rates, st.lists(st.floats(0, 0.999), min_size=100, max_size=300))
def test_clock_of_whole_seconds_keeps_the_rate(rate: int, delays: list[float]) -> None:
    """A clock that shows seconds only, and a request that leaves up to a second after it was
    booked.
    """
    allowance, clock = START, 0.0
    sent: list[float] = []
    for delay in delays:
        wait = 1.0
        while wait:
            allowance, wait = book(allowance, _after(int(clock)), rate, NEVER)
            clock += max(wait, SHORTEST_NAP_SECONDS) if wait else 0.0
        sent.append(max([int(clock) + delay, *sent[-1:]]))
    assert _most_in_a_minute(sent) <= rate


def test_burst_is_a_tenth_of_the_rate() -> None:
    """At 120 a minute twelve go at once, then one every 0.56 seconds."""
    sent = _send(120, [0.0] * 20)
    assert sent[:12] == [0.0] * 12
    assert {round(late - early, 2) for early, late in pairwise(sent[11:])} == {0.56}


def test_rate_of_one_is_one_a_minute() -> None:
    """The smallest grant works, too."""
    assert _send(1, [0.0] * 3) == pytest.approx([0.0, 61.0, 122.0])


def test_waiting_uses_nothing_up() -> None:
    """Asking too early costs nothing of the quota and does not push the next request out."""
    full, _ = book(START, NOON, 1, NEVER)
    assert book(full, NOON, 1, NEVER) == (full, 61.0)


def test_quota_is_the_utc_days() -> None:
    """The last request of a day is the last until midnight UTC, wherever one stands; then it begins
    anew.
    """
    late = datetime(2026, 11, 21, 15, 59, tzinfo=timezone(timedelta(hours=-8)))
    spent, wait = book(Allowance(date(2026, 11, 21), used=14_999), late, 120, 15_000)
    assert (spent.used, wait) == (15_000, 0.0)
    with pytest.raises(QuotaSpent) as caught:
        book(spent, late, 120, 15_000)
    assert str(caught.value) == (
        "quota: all 15000 requests of 2026-11-21 (UTC) are used; it begins anew at midnight UTC"
    )
    again, wait = book(spent, late + timedelta(minutes=1), 120, 15_000)
    assert (again.day, again.used, wait) == (date(2026, 11, 22), 1, 0.0)


def test_clock_set_back_over_midnight_begins_no_day_anew() -> None:
    """What the coming day has used already stays used."""
    spent = Allowance(date(2026, 11, 22), used=5)
    with pytest.raises(QuotaSpent):
        book(spent, NOON, 120, 5)


def test_clock_that_was_far_ahead_does_not_spend_the_quota_for_good() -> None:
    """A day that is months away was a mistake; the count begins anew today."""
    after, wait = book(Allowance(date(2027, 6, 1), used=5), NOON, 120, 5)
    assert (after.day, after.used, wait) == (date(2026, 11, 21), 1, 0.0)


def test_clock_set_back_waits_a_minute_at_most() -> None:
    """Bookings made by a clock an hour ahead hold nobody up for an hour."""
    allowance = START
    for _ in range(12):
        allowance, _ = book(allowance, NOON + timedelta(hours=1), 120, NEVER)
    clock, wait = 0.0, 1.0
    while wait:
        allowance, wait = book(allowance, _after(clock), 120, NEVER)
        clock += max(wait, SHORTEST_NAP_SECONDS) if wait else 0.0
    assert 0 < clock < 61


def test_memory_ledger_is_one_for_all_threads() -> None:
    """Many threads at once book no more than the burst, and no booking is lost."""
    ledger = MemoryLedger(rate_per_minute=100, quota_per_day=NEVER)
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: ledger.take(NOON), range(200)))
    assert waits.count(0.0) == 10


def test_memory_ledger_keeps_the_quota() -> None:
    """It refuses what `book` refuses."""
    ledger = MemoryLedger(rate_per_minute=100, quota_per_day=2)
    assert [ledger.take(NOON), ledger.take(NOON)] == [0.0, 0.0]
    with pytest.raises(QuotaSpent):
        ledger.take(NOON)
