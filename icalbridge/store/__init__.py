"""The store: all that is known of the vendor's data, in SQLite or PostgreSQL. One writer keeps it
up to date, many readers serve from it.

    store.read        feeds and pages: entries, catalog, health    (reading.py)
    store.sync_reads  what the sync compares with responses        (sync_reads.py)
    store.write       the catalog, zones and counters              (writing.py)
    store.windows     which window is due, leased, fetched         (windows.py)
    store.api_keys    catalog lease, quota and trouble of a key    (api_keys.py)
    store.workers     which workers are alive                      (workers.py)
    store.doubts      withdrawals that are not believed yet        (doubts.py)
    store.saved       saved feeds and their private addresses      (saved_feeds.py)
    store.readers     how many clients read which calendar         (readers.py)
    store.pushed      events that were made out of calendars       (pushed_events.py)
    store.challenges  how `doctor` recognizes its own web process  (challenge.py)
    store.policies    the public policy that was last read         (policies.py)

`migrate` brings a database up to date; `tables` holds the schema; `backup` copies SQLite's file.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from icalbridge.store import engine, migrate
from icalbridge.store.api_keys import ApiKeys
from icalbridge.store.challenge import Challenges
from icalbridge.store.doubts import Doubts, LeftProperty, MassWithdrawal
from icalbridge.store.health import Freshness, Health, KeyHealth
from icalbridge.store.policies import Policies
from icalbridge.store.pushed_events import Pushed, PushedEvents
from icalbridge.store.readers import Readers
from icalbridge.store.reading import Reading
from icalbridge.store.saved_feeds import SavedFeeds
from icalbridge.store.sync_reads import SyncReads, UncoveredEvent
from icalbridge.store.sync_state import (
    DaysGranted,
    PropertyState,
    SpanLimit,
    SyncState,
    WindowState,
)
from icalbridge.store.timeouts import Timeouts
from icalbridge.store.windows import Claim, LeaseLost, Windows
from icalbridge.store.workers import Workers
from icalbridge.store.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

__all__ = [
    "Claim",
    "DaysGranted",
    "Freshness",
    "Health",
    "KeyHealth",
    "LeaseLost",
    "LeftProperty",
    "MassWithdrawal",
    "PropertyState",
    "Pushed",
    "SpanLimit",
    "Store",
    "SyncState",
    "Timeouts",
    "UncoveredEvent",
    "WindowState",
]


class Store:
    """One database, opened; or one transaction in it."""

    def __init__(self, opened: Engine | Connection) -> None:
        self.engine = opened.engine
        self.read = Reading(opened)
        self.write = Writing(opened)
        self.sync_reads = SyncReads(opened)
        self.windows = Windows(opened)
        self.api_keys = ApiKeys(opened)
        self.workers = Workers(opened)
        self.doubts = Doubts(opened)
        self.saved = SavedFeeds(opened)
        self.readers = Readers(opened)
        self.pushed = PushedEvents(opened)
        self.challenges = Challenges(opened)
        self.policies = Policies(opened)

    @classmethod
    def connect(cls, url: str, timeouts: Timeouts | None = None) -> Store:
        """Open the database of a `DATABASE_URL`; `timeouts`: how long to wait for PostgreSQL."""
        return cls(engine.connect(url, timeouts))

    def check(self) -> None:
        """Raise `SchemaOutdated` unless the schema is the one this program was written for."""
        migrate.check(self.engine)

    def upgrade(self) -> None:
        """Bring the schema up to date. Several processes may call it at once."""
        migrate.upgrade(self.engine)

    @contextmanager
    def alone(self, api_user_id: str) -> Iterator[Store]:
        """Yield this store in one transaction, which excludes those of other workers of the key."""
        with engine.writing(self.engine) as connection:
            if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
                key = func.hashtext(api_user_id)
                connection.execute(select(func.pg_advisory_xact_lock(migrate.LOCK, key)))
            yield Store(connection)

    def now(self) -> datetime | None:
        """Return the database server's time (UTC); None for SQLite, which has no clock."""
        if self.engine.dialect.name == "sqlite":
            return None
        with engine.reading(self.engine) as connection:
            moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            return moment.astimezone(UTC)

    def hurry(self) -> None:
        """Wait for the database a few seconds only from now on, in any thread: the process ends."""
        if shared := engine.shared_timeouts_of(self.engine):
            shared.hurry()

    def merge_log(self) -> None:
        """Merge SQLite's write-ahead log (`-wal`), which a killed process leaves, into the file."""
        if self.engine.dialect.name == "sqlite":
            with engine.reading(self.engine) as connection:
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").close()

    def close(self) -> None:
        """Close idle connections and open none from now on: later calls raise `StoreClosed`."""
        engine.close(self.engine)
