"""Sync workers: which are alive, and what they hold."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, not_, update

from icalbridge.store.engine import writing
from icalbridge.store.leases import lease_end
from icalbridge.store.statements import insert_missing
from icalbridge.store.tables import api_users, windows, workers

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine

FORGET_WORKER = timedelta(days=1)


class Workers:
    """Heartbeats of the workers of one database."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def beat(self, worker_id: str, *, now: datetime) -> None:
        """Note that a worker is alive; forget those that have long been silent, or are far in the
        future.
        """
        with writing(self._engine) as connection:
            insert_missing(
                connection, workers, [{"id": worker_id, "started_at": now, "seen_at": now}]
            )
            connection.execute(update(workers).where(workers.c.id == worker_id).values(seen_at=now))
            lately = workers.c.seen_at.between(now - FORGET_WORKER, now + FORGET_WORKER)
            connection.execute(delete(workers).where(not_(lately)))

    def hold(self, worker_id: str, *, now: datetime) -> None:
        """Let a worker in the middle of something long keep what it has leased, and its place among
        the living.
        """
        with writing(self._engine) as connection:
            connection.execute(update(workers).where(workers.c.id == worker_id).values(seen_at=now))
            for table in (windows, api_users):
                connection.execute(
                    update(table)
                    .where(table.c.leased_by == worker_id)
                    .values(leased_until=lease_end(now))
                )

    def leave(self, worker_id: str) -> None:
        """Forget a worker that ends, and free what it had leased."""
        free = {"leased_by": "", "leased_until": None}
        with writing(self._engine) as connection:
            connection.execute(delete(workers).where(workers.c.id == worker_id))
            for table in (windows, api_users):
                connection.execute(
                    update(table).where(table.c.leased_by == worker_id).values(**free)
                )
