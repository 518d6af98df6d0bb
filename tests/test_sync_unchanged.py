"""A sync in which nothing changed writes nothing but its own bookkeeping, and no calendar hears of
it.
"""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, select

from icalbridge.store.tables import (
    counters,
    entries,
    entry_texts,
    events,
    facilities,
    metadata,
    particulars,
    properties,
)
from icalbridge.sync import schedule
from tests.fixtures.bridges import Bridge, synced_bridge
from tests.fixtures.workers import Agency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from tests.fixtures.stores import Prepared

BOOKKEEPING = {"windows", "api_users", "workers", "counters", "request_costs"}
READERS = {"reader_days", "reader_hashes", "reader_counts"}
SEEN = "UPDATE properties SET named_at="
"""What a district's day notes of the schools that it had something of."""
OPERATORS = {"saved_feeds", "feed_tokens", "pushed", "public_policy"}
WRITES = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)")


@pytest.fixture
def district(prepared: Prepared, database_url: str) -> Iterator[Bridge]:
    """A district of two schools, synced once, on either database."""
    with synced_bridge(prepared, database_url, facilities=2, events_per_day=2, windows=6) as made:
        yield made


def _kept(district: Bridge) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of what calendars are made from, and the revision."""
    with district.store.engine.connect() as connection:
        rows = {
            table.name: [
                tuple(row)
                for row in connection.execute(
                    select(
                        *(column for column in table.columns if column.name != "named_at")
                    ).order_by(*table.primary_key)
                )
            ]
            for table in (properties, facilities, events, entries, entry_texts, particulars)
        }
        revision = select(counters).where(counters.c.name == "revision")
        return rows | {"revision": [tuple(row) for row in connection.execute(revision)]}


@contextmanager
def _written(engine: Engine) -> Iterator[set[str]]:
    """Yield the tables that are written to until the block ends."""
    found: set[str] = set()

    def look(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        told = WRITES.match(statement)
        if told and not statement.startswith(SEEN):
            found.add(told[1])

    event.listen(engine, "before_cursor_execute", look)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", look)


def test_every_table_is_kept_or_bookkeeping() -> None:
    """A table that is new to the schema has to be put into one of the four."""
    assert set(metadata.tables) - BOOKKEEPING - OPERATORS - READERS == {
        "properties",
        "facilities",
        "events",
        "entries",
        "entry_texts",
        "particulars",
    }


@pytest.mark.parametrize("full", [False, True])
def test_unchanged_sync_writes_bookkeeping_only(district: Bridge, *, full: bool) -> None:
    """Catalogue and all windows again, whether known bytes are skipped or read anew: not a row, not
    the revision.
    """
    before = _kept(district)
    district.clock.advance(minutes=30)
    with _written(district.store.engine) as tables:
        report = district.run(full=full)
    assert (report.windows, report.changes, report.failures) == (18, 0, [])
    assert _kept(district) == before
    assert tables <= BOOKKEEPING


def test_unchanged_day_of_a_worker_writes_bookkeeping_only(
    district: Bridge, database_url: str
) -> None:
    """Every tier, the district's day among them, and the next day's catalogue."""
    before = _kept(district)
    asked = len(district.state.requests)
    with ExitStack() as open_stores:
        hired = Agency(district, database_url, open_stores).hire("w1")
        with _written(hired.store.engine) as tables:
            for _ in range(3):
                district.clock.advance(seconds=schedule.CATALOG_SECONDS / 3)
                hired.work()
    assert len(district.state.requests) - asked > 18
    assert _kept(district) == before
    assert tables <= BOOKKEEPING
