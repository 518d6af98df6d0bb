"""What history costs: an unchanged sync with two million past entries. CPU of this process."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from icalbridge.store.tables import entries
from icalbridge.sync.windows import WINDOWS
from tests.fixtures.bridges import bridge
from tests.fixtures.history import add_history

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from icalbridge.store import Store

RUNS = 5
PAST_ENTRIES = 2_000_000
MOST_FOR_HISTORY = 1.3


def test_unchanged_sync_with_two_million_past_entries(tmp_path: Path) -> None:
    """At most 1.3 times the CPU of the same sync without a past."""
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    with bridge(url, schools=4, events_per_day=20, windows=WINDOWS) as district:
        assert district.run().failures == []

        def sync() -> None:
            report = district.run()
            assert (report.changes, report.failures) == (0, [])

        before = _cpu(sync)
        known = _count(district.store)
        add_history(district.store, -(-PAST_ENTRIES // known))
        after = _cpu(sync)
        total = _count(district.store)
    print(
        f"\nunchanged sync of {known} entries: {before:.2f} s CPU;"
        f" with {total - known} past ones {after:.2f} s, ratio {after / before:.2f}"
    )
    assert total - known >= PAST_ENTRIES
    assert after <= before * MOST_FOR_HISTORY


def _cpu(work: Callable[[], object], runs: int = RUNS) -> float:
    work()
    spent = []
    for _ in range(runs):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return median(spent)


def _count(store: Store) -> int:
    with store.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(entries)) or 0
