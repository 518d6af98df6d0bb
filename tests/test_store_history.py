"""Work is bounded by what is asked for: years of past entries cost neither a sync nor `/readyz`."""

from __future__ import annotations

from contextlib import closing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, func, select

from icalbridge.models import Changes, Feed
from icalbridge.store.entries import TimeRange
from icalbridge.store.rows import SHOWN
from icalbridge.store.tables import entries
from tests.fixtures.bridges import bridge
from tests.fixtures.history import add_history
from tests.fixtures.migrated import new_store
from tests.fixtures.stores import apply_changes
from tests.samples import GYM, NOW, POOL, entry
from tests.samples import event as event_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from icalbridge.store import Store
    from icalbridge.store.reading import Reading

EVERY = 10
"""SQLite counts its virtual machine's instructions in tens."""


@contextmanager
def instructions(engine: Engine) -> Iterator[list[int]]:
    """Yield a list that gets an element every `EVERY` instructions of SQLite's virtual machine."""
    counted = [0]

    def count() -> int:
        counted[0] += 1
        return 0

    def listen(connection: Any, *_more: object) -> None:
        connection.set_progress_handler(count, EVERY)

    def stop(connection: Any, *_more: object) -> None:
        connection.set_progress_handler(None, 0)

    event.listen(engine, "checkout", listen)
    event.listen(engine, "checkin", stop)
    try:
        yield counted
    finally:
        event.remove(engine, "checkout", listen)
        event.remove(engine, "checkin", stop)


def test_history_costs_a_sync_and_health_nothing(tmp_path: Path) -> None:
    """With 60 times as many past entries SQLite does hardly more for the same sync."""
    with bridge(f"sqlite:///{tmp_path / 'bridge.db'}") as district:
        assert district.run().failures == []
        store, clock = district.store, district.clock

        def synced() -> None:
            report = district.run()
            assert (report.windows, report.changes, report.failures) == (9, 0, [])

        def counted() -> dict[str, int]:
            return store.read.counts(clock(), clock() + timedelta(days=1))

        cases: list[Callable[[], object]] = [synced, lambda: store.read.health(clock()), counted]
        before, found = _measured(store, cases)
        add_history(store, 60)
        after, found_after = _measured(store, cases)
        assert found[2] == found_after[2] != {}
        limits = [count * 1.1 for count in before]
        assert [count <= limit for count, limit in zip(after, limits, strict=True)] == [True] * 3
        assert store.read.health(clock()).entries == _shown(store)


def _measured(store: Store, cases: list[Callable[[], Any]]) -> tuple[list[int], list[Any]]:
    counts, found = [], []
    for case in cases:
        with instructions(store.engine) as counted:
            found.append(case())
        counts.append(counted[0])
    return counts, found


def _shown(store: Store) -> int:
    with store.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(entries).where(SHOWN)) or 0


def test_counter_of_entries_follows_every_write(school: Store) -> None:
    """Added, changed, withdrawn, forgotten: the number of shown entries is always right."""
    heard = (event_of(),)
    added = (entry(1), entry(2, uid="u2", status="pending"), entry(-24 * 90, uid="old"))
    steps = [
        Changes(added=added, parsed=heard),
        Changes(changed=(entry(2, uid="u2"), entry(3))),
        Changes(changed=(entry(2, uid="u2", timeslot_status="suspended"),)),
        Changes(withdrawn=(entry(3, withdrawn=NOW),)),
    ]
    counted = []
    for changes in steps:
        apply_changes(school, changes)
        assert school.read.health(NOW).entries == _shown(school)
        counted.append(_shown(school))
    assert school.write.forget(NOW - timedelta(days=60), now=NOW) == 1
    assert [*counted, school.read.health(NOW).entries] == [2, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("start", "hours", "counted"),
    [
        (-1, 1, False),
        (-1, 1.01, True),
        (23.99, 1, True),
        (24, 1, False),
        (-24, 24.01, True),
        (-30, 24 + 6.01, True),
        (-24 * 90, 24 * 200, True),
        (-24 * 90, 24 * 90, False),
        (24, 48, False),
    ],
)
def test_counts_are_of_what_overlaps_a_span(
    school: Store, *, start: float, hours: float, counted: bool
) -> None:
    """However long an entry is; a span's end is no part of it."""
    begin = NOW + timedelta(hours=start)
    added = (
        entry(start, facility=POOL, end=begin + timedelta(hours=hours)),
        entry(1, uid="u2"),
        entry(1, uid="u3", status="pending"),
    )
    apply_changes(school, Changes(added=added, parsed=(event_of(),)))
    expected = {GYM.id: 1} | ({POOL.id: 1} if counted else {})
    assert school.read.counts(NOW, NOW + timedelta(days=1)) == expected


SCHOOL = Feed("property", "school")
BY_INDEXES = [
    "ix_entries_{}_start ({}_id=? AND start_at>? AND start_at<?)",
    "ix_entries_{}_long ({}_id=? AND end_at>?)",
]
DAY = TimeRange(NOW, NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("feed", "ask"),
    [
        (SCHOOL, lambda read, _feed: read.counts(DAY.ends_after, DAY.starts_before)),
        *(
            (feed, ask)
            for feed in (SCHOOL, Feed("facility", "gym"))
            for ask in (
                lambda read, feed: read.entries(feed, DAY),
                lambda read, feed: read.entries(feed, DAY, limit=2),
                lambda read, feed: read.count_by_span(feed, DAY),
            )
        ),
    ],
)
def test_entries_are_found_by_indexes(
    tmp_path: Path, feed: Feed, ask: Callable[[Reading, Feed], object]
) -> None:
    """SQLite finds short entries by their start and long ones by their end, whatever order they are
    asked for in, and however many are past.
    """
    with closing(new_store(f"sqlite:///{tmp_path / 'bridge.db'}")) as store:
        statements: list[tuple[str, Any]] = []

        def note(_connection: object, _cursor: object, sql: str, values: Any, *_: object) -> None:
            if "FROM entries" in sql:
                statements.append((sql, values))

        event.listen(store.engine, "before_cursor_execute", note)
        ask(store.read, feed)
        event.remove(store.engine, "before_cursor_execute", note)
        assert [used for each in statements for used in _indexes(store.engine, *each)] == [
            line.format(feed.kind, feed.kind) for line in BY_INDEXES
        ]


def _indexes(engine: Engine, sql: str, values: Any) -> list[str]:
    """Return the indexes by which SQLite searches the entries in a statement."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()
    return [row[3].partition("USING INDEX ")[2] for row in rows if " entries " in row[3]]
