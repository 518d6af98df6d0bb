"""What history and size cost: an unchanged sync with two million past entries, and what operators
ask of 200 schools with 1.27 million entries. CPU of this process.
"""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from icalbridge.models import Changes, Facility, Property
from icalbridge.settings import Settings
from icalbridge.store.engine import writing
from icalbridge.store.tables import entries
from icalbridge.web import create_app
from tests.fixtures.bridges import bridge
from tests.fixtures.history import add_history
from tests.fixtures.stores import USER
from tests.samples import NOW, ZONE
from tests.web_world import empty_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from icalbridge.store import Store

RUNS = 5
PAST_ENTRIES = 2_000_000
MOST_FOR_HISTORY = 1.3
SCHOOLS, FACILITIES, ENTRIES = 200, 10, 1_270_000
DAYS_AHEAD = 425
LONGEST_SECONDS = 0.005


def test_unchanged_sync_with_two_million_past_entries(tmp_path: Path) -> None:
    """At most 1.3 times the CPU of the same sync without a past."""
    with bridge(f"sqlite:///{tmp_path / 'bridge.db'}", schools=4, events_per_day=20) as district:
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


def test_operators_questions_of_a_large_district(tmp_path: Path) -> None:
    """`/readyz` and `/metrics` take at most 5 ms, whatever is stored."""
    store = empty_store(tmp_path)
    _fill(store)
    client = create_app(Settings(), store, clock=lambda: NOW).test_client()
    assert store.read.health(NOW).entries == _count(store) >= ENTRIES
    spent = {path: _cpu(partial(client.get, path), 20) for path in ("/readyz", "/metrics")}
    day = timedelta(days=1)
    spent["counts of a day"] = _cpu(lambda: store.read.counts(NOW, NOW + day), 20)
    store.close()
    print()
    for name, seconds in spent.items():
        print(f"{name:16} of {ENTRIES} entries: {seconds * 1000:6.2f} ms CPU")
    assert max(spent["/readyz"], spent["/metrics"]) <= LONGEST_SECONDS


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


def _fill(store: Store) -> None:
    """Store 200 synced schools of ten facilities each, with entries all day for 14 months."""
    schools = [
        Property(f"s{number}", f"School {number}", timezone=ZONE) for number in range(SCHOOLS)
    ]
    facilities = {
        each.id: [
            Facility(f"{each.id}-{number}", each.id, f"Room {number}")
            for number in range(FACILITIES)
        ]
        for each in schools
    }
    store.write.apply_catalog(USER, schools, facilities, Changes(), now=NOW)
    store.windows.ensure([each.id for each in schools], 12, now=NOW)
    store.api_keys.finish_catalog(USER, now=NOW, due=NOW + timedelta(days=1))
    number_of = ENTRIES // (SCHOOLS * FACILITIES) + 1
    numbers = (
        f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {number_of})"
    )
    start = f"{int(NOW.timestamp())} - 60 * 86400 + n * {DAYS_AHEAD * 86400 // number_of}"
    with writing(store.engine) as connection:
        connection.execute(
            text("UPDATE windows SET synced_at = :now, attempted_at = :now, due_at = NULL"),
            {"now": int(NOW.timestamp())},
        )
        connection.execute(
            text(
                f"{numbers} INSERT INTO events (event_type, event_id, property_id, digest,"
                " first_seen_at, revision, changed_at) SELECT 'reservation', f.id || '-' || n,"
                " f.property_id, f.id || n, 1, 1, 1 FROM facilities f, n"
            )
        )
        connection.execute(
            text(
                f"{numbers} INSERT INTO entries (uid, event_type, event_id, property_id,"
                " facility_id, name, status, timeslot_status, zone, start_at, end_at, sequence,"
                " modified_at, first_seen_at) SELECT f.id || '-' || n, 'reservation',"
                f" f.id || '-' || n, f.property_id, f.id, 'Practice', 'approved', 'active', '{ZONE}',"
                f" {start}, {start} + 7200, 0, 1, 1 FROM facilities f, n"
            )
        )
        connection.execute(
            text(
                "INSERT INTO counters (name, value) SELECT 'entries', COUNT(*) FROM entries"
                " WHERE true ON CONFLICT (name) DO UPDATE SET value = excluded.value"
            )
        )
