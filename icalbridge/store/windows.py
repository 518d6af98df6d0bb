"""Windows: due times, leases, and how the last attempt of each ended.

A lease is taken in one transaction: SQLite lets one writer at a time, PostgreSQL locks the row and
skips locked ones. Its holder renews it while it works; a killed worker's lease runs out by itself.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, func, not_, or_, select, update

from icalbridge.models import is_future
from icalbridge.store.changes import write_changes
from icalbridge.store.column_types import Instant
from icalbridge.store.district_days import (
    DayAnswer,
    make_schools_due,
    newly_silent,
    note_coverage,
    still_silent,
)
from icalbridge.store.engine import Repository, reading, writing
from icalbridge.store.leases import (
    CATALOG_SECONDS,
    FREE,
    LEASE_SECONDS,
    Claim,
    Lease,
    LeaseLost,
    is_claimed,
    is_free,
    is_window,
    lease_end,
    lease_values,
    require_lease,
    settle,
    span_limit_values,
    unless_future,
)
from icalbridge.store.revisions import Revision
from icalbridge.store.statements import insert_missing
from icalbridge.store.sync_state import SpanLimit, read_sync_state
from icalbridge.store.tables import properties, windows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Select

    from icalbridge.models import Changes, Window
    from icalbridge.store.rows import Values
    from icalbridge.store.sync_state import SyncState, WindowState

__all__ = [
    "CATALOG_SECONDS",
    "LEASE_SECONDS",
    "Claim",
    "DayAnswer",
    "Lease",
    "LeaseLost",
    "Windows",
]


AGAIN = timedelta(minutes=10)
"""How long a window is not fetched again because another one contradicts it."""


class Windows(Repository):
    """Sync state of windows in one database."""

    def ensure(
        self, property_ids: Sequence[str], count: int, *, now: datetime, first: int = 0
    ) -> None:
        """Add the missing windows of properties, from number `first` up to `count`, due at once."""
        rows: list[Values] = [
            {"property_id": property_id, "number": number, "due_at": now}
            for property_id in property_ids
            for number in range(first, count)
        ]
        with writing(self._opened) as connection:
            insert_missing(connection, windows, rows)

    def make_due(self, property_ids: Sequence[str], *, now: datetime) -> int:
        """Make all windows of properties due, but no district's day; return their number."""
        mine = and_(windows.c.property_id.in_(property_ids), windows.c.number >= 0)
        return self._write(update(windows).where(mine).values(due_at=now))

    def state(self, api_user_id: str, now: datetime | None = None) -> SyncState:
        """Return the state of every window of a key's listed properties, see `read_sync_state`."""
        with reading(self._opened) as connection:
            return read_sync_state(connection, api_user_id, now)

    def claim(
        self,
        api_user_id: str,
        worker_id: str,
        *,
        now: datetime,
        due: datetime | None = None,
        property_ids: Sequence[str] | None = None,
    ) -> Claim | None:
        """Lease a window that was due by `due`, or now: near windows first, of all properties.

        Returns None when all are leased.
        """
        query = (
            _due(select(windows), api_user_id, due or now, property_ids)
            .order_by(windows.c.number, windows.c.due_at)
            .order_by(properties.c.position, windows.c.property_id)
        )
        return self._lease(query, worker_id, now)

    def count_due(self, api_user_id: str, due: datetime, property_ids: Sequence[str]) -> int:
        """Return how many windows of some listed properties were due by a moment, and still are."""
        count = select(func.count()).select_from(windows)
        return self._value(_due(count, api_user_id, due, property_ids)) or 0

    def leased_by_others(
        self,
        api_user_id: str,
        worker_id: str,
        *,
        now: datetime,
        due: datetime,
        property_ids: Sequence[str],
    ) -> list[Lease]:
        """Return other workers' leases on the windows that `claim` would give."""
        leases = select(windows.c.property_id, windows.c.number, windows.c.leased_by)
        query = (
            _due(leases, api_user_id, due, property_ids)
            .where(not_(is_free(windows.c, now)), windows.c.leased_by != worker_id)
            .order_by(windows.c.number, properties.c.position, windows.c.property_id)
        )
        return [Lease(*row) for row in self._rows(query)]

    def claim_planned(
        self, ranked: Sequence[WindowState], worker_id: str, *, now: datetime
    ) -> Claim | None:
        """Lease the first of some windows that nobody attempted since they were ranked.

        Returns None when other workers attempted all of them meanwhile.
        """
        if not ranked:
            return None
        values = {
            f"{name}_{rank}": value
            for rank, window in enumerate(ranked)
            for name, value in zip(
                _RANKED, (window.property_id, window.number, window.attempted), strict=True
            )
        }
        return self._lease(_ranked(len(ranked)), worker_id, now, values)

    def _lease(
        self, query: Select[Any], worker_id: str, now: datetime, values: Values | None = None
    ) -> Claim | None:
        """Lease the first window of a query that is free; no two workers get the same."""
        first = (
            query.where(is_free(windows.c, now))
            .limit(1)
            .with_for_update(of=windows, skip_locked=True)
        )
        with writing(self._opened) as connection:
            row = connection.execute(first, values).first()
            if row is None:
                return None
            leased = update(windows).where(is_window(row.property_id, row.number))
            connection.execute(leased.values(**lease_values(worker_id, now)))
        return Claim(
            row.property_id,
            row.number,
            worker_id,
            row.failures,
            None if is_future(row.doubted_at, now) else row.doubted_at,
            SpanLimit(row.reach_days, row.reach_steady, row.reach_patience),
            is_future(row.synced_at, now),
            row.missing,
        )

    def note(self, claim: Claim, changes: Changes, *, now: datetime) -> None:
        """Write the changes of a part of a window and renew its lease, all or nothing.

        Raises `LeaseLost` when the lease ran out meanwhile.
        """
        renewal = update(windows).where(is_claimed(claim)).values(leased_until=lease_end(now))
        with writing(self._opened) as connection:
            require_lease(connection, renewal, claim)
            write_changes(connection, changes, Revision(connection, now))

    def finish(
        self,
        claim: Claim,
        window: Window,
        changes: Changes,
        *,
        now: datetime,
        due: datetime | None = None,
        span_limit: SpanLimit | None = None,
        day: DayAnswer | None = None,
        doubted_ids: Sequence[str] = (),
    ) -> int:
        """Write the changes of a window's last response and end its lease, all or nothing.

        `due`: when to fetch it again, if not by its tier. `day`: what a district's day has of its
        schools; those newly silent and `doubted_ids` become due. Returns how many schools it lacks
        although their own windows have something. Raises `LeaseLost` when the lease ran out.
        """
        values: Values = {
            "start_date": window.start,
            "end_date": window.end,
            "synced_at": now,
            "failures": 0,
            "error": "",  # and `error_at` stays: it says when the last trouble was
            "error_at": unless_future(windows.c.error_at, now),
            "covered_at": unless_future(windows.c.covered_at, now),
            "spanned_at": unless_future(windows.c.spanned_at, now),
            "invocation_id": "",
            "doubted_at": None,
            "missing": frozenset(map(day.marked, day.silent)) if day else frozenset(),
            **span_limit_values(span_limit or claim.span_limit),
        }
        with writing(self._opened) as connection:
            if day:
                values["silent"] = still_silent(connection, claim, day)
            require_lease(connection, settle(claim, now, due).values(**values), claim)
            if day:
                note_coverage(connection, claim.property_id, day, now)
                due_ids = newly_silent(claim, day) | {*doubted_ids}
                make_schools_due(connection, due_ids, day.number, now)
            write_changes(connection, changes, Revision(connection, now))
        return len(values.get("silent", ()))

    def fail(
        self,
        claim: Claim,
        error: str,
        invocation_id: str,
        *,
        now: datetime,
        due: datetime,
        failures: int = 1,
        span_limit: SpanLimit | None = None,
    ) -> None:
        """Write a failure that counts for `failures`, and when to try again; entries stay."""
        values: Values = {
            "failures": claim.failures + failures,
            "error": error,
            "error_at": now,
            "invocation_id": invocation_id,
            **span_limit_values(span_limit or claim.span_limit),
        }
        self._write(settle(claim, now, due).values(**values))

    def doubt(
        self,
        claim: Claim,
        *,
        now: datetime,
        due: datetime,
        since: datetime | None = None,
        missing: Collection[str] = (),
    ) -> None:
        """Write which UIDs a response implausibly lacked; one after `since` decides."""
        since = since or claim.doubted or now
        self._write(settle(claim, now, due).values(doubted_at=since, missing=frozenset(missing)))

    def make_own_due(self, own: Iterable[tuple[str, int]], *, now: datetime) -> None:
        """Make windows due, by property and number, that were not fetched a moment ago."""
        old = or_(windows.c.synced_at.is_(None), windows.c.synced_at < now - AGAIN)
        chosen = (is_window(*window) for window in sorted(own))
        self._write(
            *(
                update(windows).where(this, old, windows.c.due_at.is_(None)).values(due_at=now)
                for this in chosen
            )
        )

    def release(self, claim: Claim, *, due: datetime) -> None:
        """End a lease as if it had never been taken; the window is due at `due`."""
        self._write(update(windows).where(is_claimed(claim)).values(**FREE, due_at=due))


_RANKED = ("property", "number", "attempted")


@cache
def _ranked(count: int) -> Select[Any]:
    """Return the query of some windows in order that nobody attempted meanwhile; built once, since
    it runs before every request.
    """
    unchanged = [
        and_(
            windows.c.property_id == bindparam(f"property_{rank}"),
            windows.c.number == bindparam(f"number_{rank}"),
            windows.c.attempted_at.is_not_distinct_from(
                bindparam(f"attempted_{rank}", type_=Instant)
            ),
        )
        for rank in range(count)
    ]
    order = case(*((condition, rank) for rank, condition in enumerate(unchanged)))
    return select(windows).where(or_(*unchanged)).order_by(order)


def _due(
    query: Select[Any], api_user_id: str, due: datetime, property_ids: Sequence[str] | None
) -> Select[Any]:
    """Limit a query of windows to those of a key's listed properties that were due by a moment."""
    query = query.join(properties, properties.c.id == windows.c.property_id).where(
        windows.c.due_at <= due,
        windows.c.number >= 0,
        properties.c.api_user_id == api_user_id,
        properties.c.listed,
    )
    return query if property_ids is None else query.where(windows.c.property_id.in_(property_ids))
