"""`icalbridge.sync.ledger`: one allowance for all workers of a key, kept in the database, per UTC
day.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from icalbridge import sandbox
from icalbridge.errors import QuotaSpent, RateLimited
from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.store import Store
from icalbridge.sync.ledger import StoreLedger

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
USER = "default"
RATE = 1000


@contextmanager
def _process(
    database_url: str, *, rate: int = RATE, quota: int = 15_000, user: str = USER
) -> Iterator[StoreLedger]:
    """A ledger as a process has it: with connections of its own, closed at its end."""
    store = Store.connect(database_url)
    try:
        yield StoreLedger(store, user, rate_per_minute=rate, quota_per_day=quota)
    finally:
        store.close()


def _used(store: Store, now: datetime) -> tuple[date | None, int]:
    health = store.read.health(now)
    return health.quota_day, health.quota_used


def test_ledger_tells_what_is_left_of_the_day(store: Store) -> None:
    """Without using any of it; another day begins anew."""
    ledger = StoreLedger(store, USER, rate_per_minute=RATE, quota_per_day=5)
    for _ in range(2):
        ledger.take(NOON)
    assert [ledger.left(NOON), ledger.left(NOON), ledger.left(NOON + timedelta(days=1))] == [
        3,
        3,
        5,
    ]


def test_ledger_counts_each_request_of_the_day(store: Store) -> None:
    """What was booked is what `status` and `/readyz` tell."""
    ledger = StoreLedger(store, USER, rate_per_minute=RATE, quota_per_day=15_000)
    assert _used(store, NOON) == (date(2026, 11, 21), 0)
    assert [ledger.take(NOON) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert _used(store, NOON) == (date(2026, 11, 21), 3)


def test_ledger_makes_its_key_known(database_url: str) -> None:
    """A ledger on an empty database needs nothing done first; a second one begins nothing anew."""
    store = Store.connect(database_url)
    store.upgrade()
    for number in (1, 2):
        StoreLedger(store, USER, rate_per_minute=RATE, quota_per_day=15_000).take(NOON)
        assert _used(store, NOON)[1] == number
    store.close()


def test_quota_survives_a_restart(store: Store, database_url: str) -> None:
    """What one process spent, the next one after it does not have."""
    for _ in range(2):
        with _process(database_url, quota=4) as ledger:
            assert [ledger.take(NOON), ledger.take(NOON)] == [0.0, 0.0]
    with _process(database_url, quota=4) as ledger, pytest.raises(QuotaSpent) as caught:
        ledger.take(NOON)
    assert (
        str(caught.value)
        == "quota: all 4 requests of 2026-11-21 (UTC) are used; it begins anew at midnight UTC"
    )
    assert _used(store, NOON)[1] == 4


def test_quota_is_shared_by_workers_in_turn(store: Store, database_url: str) -> None:
    """Two processes, one quota: together they send what was granted, and then neither."""
    with _process(database_url, quota=3) as first, _process(database_url, quota=3) as second:
        assert [first.take(NOON), second.take(NOON), first.take(NOON)] == [0.0, 0.0, 0.0]
        for ledger in (first, second):
            with pytest.raises(QuotaSpent):
                ledger.take(NOON)
    assert _used(store, NOON)[1] == 3


def test_quota_is_shared_by_workers_at_once(store: Store, database_url: str) -> None:
    """Four processes that book sixty times at the same moment get forty in all: not one more, not
    one fewer.
    """

    def spend(_number: int) -> int:
        sent = 0
        with _process(database_url, rate=100_000, quota=40) as ledger:
            for _ in range(15):
                with suppress(QuotaSpent):
                    sent += ledger.take(NOON) == 0.0
        return sent

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(spend, range(4))) == 40
    assert _used(store, NOON)[1] == 40


def test_rate_is_shared_by_workers_at_once(store: Store, database_url: str) -> None:
    """Four processes at the same moment send one burst together, a tenth of the rate; all others
    are told to wait.
    """

    def ask(_number: int) -> list[float]:
        with _process(database_url, rate=100) as ledger:
            return [ledger.take(NOON) for _ in range(10)]

    with ThreadPoolExecutor(4) as pool:
        waits = [wait for some in pool.map(ask, range(4)) for wait in some]
    assert waits.count(0.0) == 10
    assert {round(wait, 3) for wait in waits if wait} == {round(61 / 91, 3)}
    assert _used(store, NOON)[1] == 10


def test_rate_survives_a_restart(store: Store, database_url: str) -> None:
    """A process that restarts in the middle of a minute has no fresh burst."""
    with _process(database_url, rate=1) as ledger:
        assert ledger.take(NOON) == 0.0
    with _process(database_url, rate=1) as ledger:
        assert ledger.take(NOON + timedelta(seconds=21)) == 40.0
        assert ledger.take(NOON + timedelta(seconds=61)) == 0.0
    assert _used(store, NOON)[1] == 2


def test_quota_begins_anew_at_midnight_utc(store: Store) -> None:
    """Not at midnight here: in Honolulu the quota's day ends at two in the afternoon."""
    here = timezone(timedelta(hours=-10))
    ledger = StoreLedger(store, USER, rate_per_minute=RATE, quota_per_day=2)
    last = datetime(2026, 11, 21, 13, 59, 59, tzinfo=here)
    assert [ledger.take(datetime(2026, 11, 20, 14, tzinfo=here)), ledger.take(last)] == [0.0, 0.0]
    with pytest.raises(QuotaSpent):
        ledger.take(last)
    first = last + timedelta(seconds=1)
    assert ledger.take(first) == 0.0
    assert _used(store, last.astimezone(UTC)) == (date(2026, 11, 21), 0)
    assert _used(store, first.astimezone(UTC)) == (date(2026, 11, 22), 1)


def test_refused_booking_changes_nothing(store: Store, database_url: str) -> None:
    """Waiting and being refused cost nothing: when the operator raises the quota, exactly the rest
    is there.
    """
    with _process(database_url, rate=1, quota=2) as ledger:
        assert ledger.take(NOON) == 0.0
        assert [ledger.take(NOON) for _ in range(5)] == [61.0] * 5
    with _process(database_url, quota=1) as ledger:
        for _ in range(5):
            with pytest.raises(QuotaSpent):
                ledger.take(NOON + timedelta(hours=1))
    assert _used(store, NOON)[1] == 1
    with _process(database_url, quota=3) as ledger:
        later = NOON + timedelta(hours=2)
        assert [ledger.take(later), ledger.take(later)] == [0.0, 0.0]
        with pytest.raises(QuotaSpent):
            ledger.take(later)


def test_keys_have_an_allowance_each(store: Store, database_url: str) -> None:
    """What one key spends another keeps."""
    with (
        _process(database_url, quota=1) as one,
        _process(database_url, quota=1, user="other") as other,
    ):
        assert [one.take(NOON), other.take(NOON)] == [0.0, 0.0]
        for ledger in (one, other):
            with pytest.raises(QuotaSpent):
                ledger.take(NOON)
    assert _used(store, NOON)[1] == 2


def test_store_ledger_decides_as_the_memory_ledger_does(store: Store) -> None:
    """The same moments, the same answers, to the last digit: the database rounds nothing."""
    kept = StoreLedger(store, USER, rate_per_minute=7, quota_per_day=1000)
    known = MemoryLedger(rate_per_minute=7, quota_per_day=1000)
    moments = [NOON + timedelta(seconds=number * 3.7) for number in range(60)]
    assert [kept.take(each) for each in moments] == [known.take(each) for each in moments]


def test_client_books_every_attempt_before_it_is_sent(store: Store) -> None:
    """The vendor never counts more than the database: retries are booked, too, and at the end
    nothing is sent.
    """
    world = sandbox.build_world(
        seed=1, today=NOON.date(), schools=1, facilities=1, events_per_day=1, hostile=True
    )
    faults = [sandbox.parse_fault("503:first=2")]
    app = sandbox.create_app(world, clock=lambda: NOON, rate_per_minute=RATE, faults=faults)
    naps: list[float] = []
    ledger = StoreLedger(store, USER, rate_per_minute=RATE, quota_per_day=4)
    with sandbox.serve_in_thread(app) as url:
        client = Client(url, "sandbox-key", ledger=ledger, clock=lambda: NOON, sleep=naps.append)
        client.properties()
        assert _used(store, NOON)[1] == 3
        client.properties()
        with pytest.raises(QuotaSpent):
            client.properties()
    state: sandbox.State = app.extensions["sandbox"]
    assert [status for *_, status in state.requests] == [503, 503, 200, 200]
    assert (state.quota_used, _used(store, NOON)[1]) == (4, 4)


def test_retry_after_holds_for_all_workers(store: Store, database_url: str) -> None:
    """Short ones are waited for, also by others and after a restart; during a long one all fail."""
    with _process(database_url) as first, _process(database_url) as second:
        first.pause(NOON, 20)
        assert second.take(NOON + timedelta(seconds=5)) == 15.0
        assert second.take(NOON + timedelta(seconds=20)) == 0.0
        second.pause(NOON, 1_000)
        with pytest.raises(RateLimited, match="900 s"):
            first.take(NOON + timedelta(seconds=100))
    with _process(database_url) as third:
        assert third.take(NOON + timedelta(seconds=950)) == 50.0
        assert third.take(NOON + timedelta(seconds=1_000)) == 0.0
    assert _used(store, NOON)[1] == 2


def test_absurd_retry_after_is_cut(store: Store) -> None:
    """A year is an hour; what a clock that stood ahead wrote counts for nothing."""
    ledger = StoreLedger(store, USER, rate_per_minute=RATE, quota_per_day=15_000)
    ledger.pause(NOON, 365 * 86_400)
    assert ledger.take(NOON + timedelta(hours=1)) == 0.0
    ledger.pause(NOON + timedelta(days=30), 60)
    assert ledger.take(NOON + timedelta(hours=2)) == 0.0
