"""Which window is fetched when and by whom: leases, due times, how each attempt ended; the quota; who is alive.

Races between workers are settled by a conditional UPDATE and its row count: a lease is won by whoever changed the row.
A killed worker's lease runs out by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, or_, select, update

from icalbridge.errors import StoreError
from icalbridge.store.changes import Revision, insert_missing, write_changes
from icalbridge.store.engine import reading, writing
from icalbridge.store.rows import maybe, seconds
from icalbridge.store.tables import api_users, properties, windows, workers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Engine, Update
    from sqlalchemy.sql.base import ReadOnlyColumnCollection

    from icalbridge.model import Changes, Window

LEASE_SECONDS = 300
"""How long a claim holds without an end; longer than the client's deadline for one request with all its retries."""

FORGET_WORKER_SECONDS = 86_400


class LeaseLost(StoreError):
    """Raised when a claim ran out and another worker has it: what was fetched is thrown away, nothing is written."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One window that this worker, and no other, fetches now."""

    property_id: str
    number: int
    worker_id: str
    failures: int
    """How often in a row it failed."""
    doubted: datetime | None
    """When it first came back implausibly empty; None when its last answer was believed."""


class Windows:
    """The plan's memory in one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ensure(self, property_ids: Sequence[str], count: int, *, now: datetime) -> None:
        """Make sure that each property has its windows; new ones are due at once."""
        rows = [
            {"property_id": each, "number": number, "due_at": seconds(now)}
            for each in property_ids
            for number in range(count)
        ]
        if rows:
            with writing(self._engine) as connection:
                insert_missing(connection, windows, rows)

    def make_due(self, property_ids: Sequence[str], *, now: datetime) -> int:
        """Make all windows of some properties due now; return how many there are."""
        with writing(self._engine) as connection:
            mine = windows.c.property_id.in_(property_ids)
            return connection.execute(update(windows).where(mine).values(due_at=seconds(now))).rowcount

    def claim(
        self, api_user_id: str, worker_id: str, *, now: datetime, property_ids: Sequence[str] | None = None
    ) -> Claim | None:
        """Lease the due window that is worth most: near windows of all properties before far ones, then the oldest.

        Returns None when nothing is due.
        """
        free = and_(windows.c.due_at <= seconds(now), _free(windows.c, now))
        query = (
            select(windows)
            .join(properties, properties.c.id == windows.c.property_id)
            .where(free, properties.c.api_user_id == api_user_id, properties.c.listed)
            .order_by(windows.c.number, windows.c.due_at, properties.c.position, windows.c.property_id)
            .limit(1)
        )
        if property_ids is not None:
            query = query.where(windows.c.property_id.in_(property_ids))
        with writing(self._engine) as connection:
            while row := connection.execute(query).first():
                leased = {"leased_by": worker_id, "leased_until": seconds(now) + LEASE_SECONDS}
                won = update(windows).where(_is(row.property_id, row.number), free).values(**leased)
                if connection.execute(won).rowcount:
                    return Claim(row.property_id, row.number, worker_id, row.failures, maybe(row.doubted_at))
            return None

    def finish(self, claim: Claim, window: Window, changes: Changes, *, now: datetime, due: datetime) -> None:
        """Write what a window's answer brought, and when to ask again; all of it or nothing.

        Raises `LeaseLost` when the lease ran out meanwhile.
        """
        values = {
            "start_date": window.start.isoformat(),
            "end_date": window.end.isoformat(),
            "synced_at": seconds(now),
            "failures": 0,
            "error": "",
            "error_at": None,
            "invocation_id": "",
            "doubted_at": None,
        }
        with writing(self._engine) as connection:
            if not connection.execute(_settle(claim, now, due).values(**values)).rowcount:
                raise LeaseLost(f"The lease of {claim.property_id}/{claim.number} ran out; its answer was thrown away.")
            write_changes(connection, changes, Revision(connection, now))

    def fail(self, claim: Claim, error: str, invocation_id: str, *, now: datetime, due: datetime) -> None:
        """Note that a window could not be fetched, and when to try again; what is known of it stays."""
        values = {"failures": claim.failures + 1, "error": error, "error_at": seconds(now)}
        with writing(self._engine) as connection:
            connection.execute(_settle(claim, now, due).values(**values, invocation_id=invocation_id))

    def doubt(self, claim: Claim, *, now: datetime, due: datetime) -> None:
        """Note that a window came back implausibly empty; a second, later answer decides."""
        with writing(self._engine) as connection:
            connection.execute(_settle(claim, now, due).values(doubted_at=seconds(claim.doubted or now)))

    def release(self, claim: Claim, *, due: datetime) -> None:
        """Give a claim back as if it had never been taken, to be asked at `due`."""
        with writing(self._engine) as connection:
            mine = and_(_is(claim.property_id, claim.number), windows.c.leased_by == claim.worker_id)
            connection.execute(update(windows).where(mine).values(leased_by="", leased_until=None, due_at=seconds(due)))

    def next_due(self, api_user_id: str) -> datetime | None:
        """Return when the next window of a key's listed properties is due; None when there is none."""
        query = (
            select(func.min(windows.c.due_at))
            .join(properties, properties.c.id == windows.c.property_id)
            .where(properties.c.api_user_id == api_user_id, properties.c.listed)
        )
        with reading(self._engine) as connection:
            return maybe(connection.scalar(query))

    # the catalogue, claimed like a window

    def claim_catalogue(self, api_user_id: str, worker_id: str, *, now: datetime, at_once: bool = False) -> bool:
        """Lease the catalogue of a key when it is due, or at once; say whether it is ours now."""
        due = or_(api_users.c.catalogue_due_at.is_(None), api_users.c.catalogue_due_at <= seconds(now))
        wanted = and_(api_users.c.id == api_user_id, _free(api_users.c, now))
        leased = {"leased_by": worker_id, "leased_until": seconds(now) + LEASE_SECONDS}
        with writing(self._engine) as connection:
            statement = update(api_users).where(wanted if at_once else and_(wanted, due)).values(**leased)
            return bool(connection.execute(statement).rowcount)

    def finish_catalogue(
        self, api_user_id: str, *, now: datetime, due: datetime, error: str = "", invocation_id: str = ""
    ) -> None:
        """Note how the catalogue's fetch ended, and when to ask again."""
        values = {
            "leased_by": "",
            "leased_until": None,
            "catalogue_due_at": seconds(due),
            "catalogue_error": error,
            "catalogue_invocation_id": invocation_id,
        }
        if not error:
            values["catalogue_synced_at"] = seconds(now)
        with writing(self._engine) as connection:
            connection.execute(update(api_users).where(api_users.c.id == api_user_id).values(**values))

    # the quota and the workers

    def update_allowance(
        self, api_user_id: str, book: Callable[[str, int, float], tuple[str, int, float, float]]
    ) -> float:
        """Let a pure function book one request on a key's allowance, with no other booking in between.

        It gets day (ISO), used and next_at, and returns these three and the result, which is passed on.
        """
        mine = api_users.c.id == api_user_id
        columns = (api_users.c.quota_day, api_users.c.quota_used, api_users.c.next_at)
        with writing(self._engine) as connection:
            day, used, next_at = connection.execute(select(*columns).where(mine).with_for_update()).one()
            new_day, new_used, new_next_at, result = book(day, used, next_at)
            if (new_day, new_used, new_next_at) != (day, used, next_at):
                values = {"quota_day": new_day, "quota_used": new_used, "next_at": new_next_at}
                connection.execute(update(api_users).where(mine).values(**values))
            return result

    def beat(self, worker_id: str, *, now: datetime) -> None:
        """Note that a worker is alive; forget those that have long been silent."""
        moment = seconds(now)
        with writing(self._engine) as connection:
            insert_missing(connection, workers, [{"id": worker_id, "started_at": moment, "seen_at": moment}])
            connection.execute(update(workers).where(workers.c.id == worker_id).values(seen_at=moment))
            connection.execute(delete(workers).where(workers.c.seen_at < moment - FORGET_WORKER_SECONDS))

    def hold(self, worker_id: str, *, now: datetime) -> None:
        """Let a worker in the middle of something long keep what it has leased, and its place among the living."""
        longer = {"leased_until": seconds(now) + LEASE_SECONDS}
        with writing(self._engine) as connection:
            connection.execute(update(workers).where(workers.c.id == worker_id).values(seen_at=seconds(now)))
            for table in (windows, api_users):
                connection.execute(update(table).where(table.c.leased_by == worker_id).values(**longer))

    def leave(self, worker_id: str) -> None:
        """Forget a worker that ends, and free what it had leased."""
        free = {"leased_by": "", "leased_until": None}
        with writing(self._engine) as connection:
            connection.execute(delete(workers).where(workers.c.id == worker_id))
            for table in (windows, api_users):
                connection.execute(update(table).where(table.c.leased_by == worker_id).values(**free))


def _is(property_id: str, number: int) -> ColumnElement[bool]:
    return and_(windows.c.property_id == property_id, windows.c.number == number)


def _free(columns: ReadOnlyColumnCollection[str, Any], now: datetime) -> ColumnElement[bool]:
    """Nobody's lease, or one that ran out."""
    return or_(columns.leased_until.is_(None), columns.leased_until <= seconds(now))


def _settle(claim: Claim, now: datetime, due: datetime) -> Update:
    """End a claim, if it is still ours."""
    mine = and_(_is(claim.property_id, claim.number), windows.c.leased_by == claim.worker_id)
    ended = {"leased_by": "", "leased_until": None, "attempted_at": seconds(now), "due_at": seconds(due)}
    return update(windows).where(mine).values(**ended)
