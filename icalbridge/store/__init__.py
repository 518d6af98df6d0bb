"""The store: all that the bridge knows, in SQLite or PostgreSQL. One writer keeps it true, many
readers serve from it.

    store.read      what feeds and pages ask            (reading.py)
    store.write     what the sync reads back and writes (writing.py)
    store.windows   what is fetched when, and by whom   (windows.py)
    store.doubts    what is not believed yet            (doubts.py)
    store.saved     saved feeds and who may read them   (saved.py)
    store.pushed    what was made out of calendars      (pushed.py)

`schema` brings a database up to date; `tables` draws what is in it.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from icalbridge.store import engine, schema
from icalbridge.store.doubts import Doubts, LeftProperty, MassWithdrawal
from icalbridge.store.health import Freshness, Health, KeyHealth
from icalbridge.store.patience import Timeouts
from icalbridge.store.pushed import Pushed, PushedEvents
from icalbridge.store.reading import Reading
from icalbridge.store.saved import SavedFeeds
from icalbridge.store.standings import Reach, Situation, Standing, Subject
from icalbridge.store.windows import Claim, LeaseLost, Windows
from icalbridge.store.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

__all__ = [
    "Claim",
    "Freshness",
    "Health",
    "KeyHealth",
    "LeaseLost",
    "LeftProperty",
    "MassWithdrawal",
    "Pushed",
    "Reach",
    "Situation",
    "Standing",
    "Store",
    "Subject",
    "Timeouts",
]


LOCK = 0x1CA1
"""PostgreSQL's advisory locks of ours, one for each key."""


class Store:
    """One database, opened; or one transaction in it."""

    def __init__(self, opened: Engine | Connection) -> None:
        self.engine = opened.engine
        self.read = Reading(opened)
        self.write = Writing(opened)
        self.windows = Windows(opened)
        self.doubts = Doubts(opened)
        self.saved = SavedFeeds(opened)
        self.pushed = PushedEvents(opened)

    @classmethod
    def connect(cls, url: str, timeouts: Timeouts | None = None) -> Store:
        """Open the database of a `DATABASE_URL`; its schema is looked at by `check` and `upgrade`
        only.

        `timeouts`: how long to wait for PostgreSQL.
        """
        return cls(engine.connect(url, timeouts))

    def check(self) -> None:
        """Raise `SchemaOutdated` unless the schema is the one this program was written for."""
        schema.check(self.engine)

    def upgrade(self) -> None:
        """Bring the schema up to date; also of an empty database. Several processes may call it at
        once.
        """
        schema.upgrade(self.engine)

    @contextmanager
    def alone(self, api_user_id: str) -> Iterator[Store]:
        """Yield this store inside one transaction, with no other worker of the key in one at the
        same time.

        What is read through it is still so when it is written; all that is written is, or nothing.
        """
        with engine.writing(self.engine) as connection:
            if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
                connection.execute(
                    select(func.pg_advisory_xact_lock(LOCK, func.hashtext(api_user_id)))
                )
            yield Store(connection)

    def now(self) -> datetime | None:
        """Return the database server's moment; None where the database has no clock but this
        machine's (SQLite).
        """
        if self.engine.dialect.name == "sqlite":
            return None
        with engine.reading(self.engine) as connection:
            moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            return moment.astimezone(UTC)

    def hurry(self) -> None:
        """Wait for the database a few seconds only from now on, in any thread: the process ends."""
        if patience := engine.patience_of(self.engine):
            patience.hurry()

    def merge_log(self) -> None:
        """Write what SQLite's write-ahead log (`-wal`) holds into the database file; nothing to do
        elsewhere.

        When the last connection of all closes, SQLite does this by itself, but a process that was
        killed closed none.
        """
        if self.engine.dialect.name == "sqlite":
            with engine.reading(self.engine) as connection:
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").close()

    def close(self) -> None:
        """Close all connections that are not in use, and open none from now on: what comes later is
        `StoreClosed`.
        """
        engine.close(self.engine)
