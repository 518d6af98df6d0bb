"""The store: all that the bridge knows, in SQLite or PostgreSQL. One writer keeps it true, many readers serve from it.

    store.read      what feeds and pages ask            (reading.py)
    store.write     what the sync reads back and writes (writing.py)
    store.windows   what is fetched when, and by whom   (windows.py)

`schema` brings a database up to date; `tables` draws what is in it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from icalbridge.store import engine, schema
from icalbridge.store.health import Freshness, Health, KeyHealth
from icalbridge.store.reading import Reading
from icalbridge.store.standings import Reach, Situation, Standing, Subject
from icalbridge.store.windows import Claim, LeaseLost, Windows
from icalbridge.store.writing import Writing

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = [
    "Claim",
    "Freshness",
    "Health",
    "KeyHealth",
    "LeaseLost",
    "Reach",
    "Situation",
    "Standing",
    "Store",
    "Subject",
]


class Store:
    """One database, opened."""

    def __init__(self, opened: Engine) -> None:
        self.engine = opened
        self.read = Reading(opened)
        self.write = Writing(opened)
        self.windows = Windows(opened)

    @classmethod
    def connect(cls, url: str) -> Store:
        """Open the database of a `DATABASE_URL`; its schema is looked at by `check` and `upgrade` only."""
        return cls(engine.connect(url))

    def check(self) -> None:
        """Raise `SchemaOutdated` unless the schema is the one this program was written for."""
        schema.check(self.engine)

    def upgrade(self) -> None:
        """Bring the schema up to date; also of an empty database. Several processes may call it at once."""
        schema.upgrade(self.engine)

    def now(self) -> datetime | None:
        """Return the database server's moment; None where the database has no clock but this machine's (SQLite)."""
        if self.engine.dialect.name == "sqlite":
            return None
        with engine.reading(self.engine) as connection:
            moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            return moment.astimezone(UTC)

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()
