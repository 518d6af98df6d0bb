"""Sync workers: which are alive, and what they hold."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, not_, update

from icalbridge.store.engine import Repository, writing
from icalbridge.store.leases import FREE, lease_end
from icalbridge.store.statements import insert_missing
from icalbridge.store.tables import api_users, windows, workers

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Table, Update

FORGET_WORKER = timedelta(days=1)
LEASED = (windows, api_users)


class Workers(Repository):
    """Heartbeats of the workers of one database."""

    def beat(self, worker_id: str, *, now: datetime) -> None:
        """Write that a worker is alive; forget those last seen long ago or far in the future."""
        lately = workers.c.seen_at.between(now - FORGET_WORKER, now + FORGET_WORKER)
        row = {"id": worker_id, "started_at": now, "seen_at": now}
        with writing(self._opened) as connection:
            insert_missing(connection, workers, [row])
            connection.execute(_alive(worker_id, now))
            connection.execute(delete(workers).where(not_(lately)))

    def hold(self, worker_id: str, *, now: datetime) -> None:
        """Renew a worker's heartbeat and leases while it works on something long."""
        until = lease_end(now)
        self._write(
            _alive(worker_id, now),
            *(_leased(table, worker_id).values(leased_until=until) for table in LEASED),
        )

    def leave(self, worker_id: str) -> None:
        """Forget a worker that ends, and free what it had leased."""
        self._write(
            delete(workers).where(workers.c.id == worker_id),
            *(_leased(table, worker_id).values(**FREE) for table in LEASED),
        )

    def forget_all(self) -> None:
        """Forget all workers and leases, in a database that no worker uses."""
        self._write(delete(workers), *(update(table).values(**FREE) for table in LEASED))


def _alive(worker_id: str, now: datetime) -> Update:
    return update(workers).where(workers.c.id == worker_id).values(seen_at=now)


def _leased(table: Table, worker_id: str) -> Update:
    return update(table).where(table.c.leased_by == worker_id)
