"""`Store.alone`: what one worker reads before it writes is still so when it writes, however many
there are.
"""

from __future__ import annotations

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from icalbridge.store import Store
from tests.fixtures.bridges import Bridge, bridge
from tests.fixtures.stores import USER
from tests.fixtures.workers import Agency, asked, asked_days, leased
from tests.samples import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_SECONDS = 60


@pytest.fixture
def district(database_url: str) -> Iterator[Bridge]:
    """A district of two schools whose catalogue is known, and nothing else."""
    with bridge(database_url, facilities=1, events_per_day=1, windows=4) as made:
        made.store.write.add_api_user("default")
        assert made.sync.fetch_catalog(at_once=True) == []
        yield made


@pytest.fixture
def agency(district: Bridge, database_url: str) -> Iterator[Agency]:
    with ExitStack() as open_stores:
        yield Agency(district, database_url, open_stores)


def test_alone_loses_no_update(store: Store, database_url: str) -> None:
    """Four stores that read a number, and write it back with one more, ten times each: forty."""
    together = Barrier(4)

    def count_up(opened: Store) -> None:
        together.wait(PATIENCE_SECONDS)
        for _ in range(10):
            with opened.alone(USER) as alone:
                _write_used(alone, alone.windows.state(USER).quota_used + 1)

    _write_used(store, 0)
    with ExitStack() as open_stores, ThreadPoolExecutor(4) as pool:
        stores = [Store.connect(database_url) for _ in range(4)]
        for opened in stores:
            open_stores.callback(opened.close)
        list(pool.map(count_up, stores))
    assert store.windows.state(USER).quota_used == 40


def _write_used(store: Store, used: int) -> None:
    """Write a number down, whatever is there."""
    store.api_keys.update_allowance(
        USER, lambda _day, _used, next_at, _paused_until: (NOW.date(), used, next_at, 0.0)
    )


def test_alone_writes_all_or_nothing(store: Store) -> None:
    """An error in the middle takes back what was written before it."""
    _write_used(store, 7)

    def spoil() -> None:
        with store.alone(USER) as alone:
            _write_used(alone, 8)
            assert alone.windows.state(USER).quota_used == 8
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        spoil()
    assert store.windows.state(USER).quota_used == 7


def test_keys_are_alone_each_for_itself(store: Store, database_url: str) -> None:
    """On PostgreSQL one key's transaction holds no other key's up; SQLite lets one writer at a time
    anyway.
    """
    if store.engine.dialect.name == "sqlite":
        with store.alone("hills") as alone:
            assert alone.windows.state("hills").quota_used == 0
        return
    other = Store.connect(database_url)
    with store.alone(USER), other.alone("hills") as alone:
        assert alone.windows.state("hills").quota_used == 0
    other.close()


@pytest.mark.parametrize("number", [2, 4])
def test_workers_with_one_event_in_hand_never_collide(
    district: Bridge, agency: Agency, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A weekly event comes whole in every window, so workers hold the same news at the same moment,
    each time.

    It used to give "UNIQUE constraint failed: entries.uid".
    """
    together = Barrier(number)

    def meet(_endpoint: str, _outcome: str) -> None:
        together.wait(PATIENCE_SECONDS)

    hired = [agency.hire(f"w{each}", on_request=meet) for each in range(number)]
    with ThreadPoolExecutor(number) as pool:
        for _ in range(12 // number):
            assert list(pool.map(lambda each: each.worker.step(), hired)) == [0] * number
    agency.hire("last").work()
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []
    assert Counter(asked(district)).most_common(1)[0][1] == 1
    assert (len(asked(district)), asked_days(district), leased(district)) == (12, 1, [])
    assert district.told() == district.truth()
