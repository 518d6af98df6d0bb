"""Leases: which worker fetches which window, until when, and the SQL conditions that decide it.

A stored moment that lies in the future was written by a clock that stood ahead, and is no evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, case, or_, update

from icalbridge.errors import StoreError
from icalbridge.models import CLOCK_TOLERANCE
from icalbridge.store.sync_state import UNTRIED, SpanLimit
from icalbridge.store.tables import windows

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Update
    from sqlalchemy.sql.base import ReadOnlyColumnCollection

LEASE_SECONDS = 30
"""How long a lease lasts unless it is renewed, see `sync.heartbeat`."""

CATALOG_SECONDS = 86_400
"""How often the catalog of a key is read."""
PARTLY_SECONDS = 21_600
"""How soon a catalog is read again of which the facilities of some school could not be had."""
READ_DAYS = 7
"""A property that nobody read for so long is fetched daily only; the laziest calendar programs ask
once a week.
"""


FREE: dict[str, Any] = {"leased_by": "", "leased_until": None}
"""What ends a lease."""


class LeaseLost(StoreError):
    """Raised when another worker has the window by now: nothing was written."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One window that this worker, and no other, fetches now."""

    property_id: str
    number: int
    worker_id: str
    failures: int
    """How often in a row it failed."""
    doubted: datetime | None
    """Since when its responses lack most of its entries; None while they are believed."""
    span_limit: SpanLimit = UNTRIED
    """How much of it the vendor answers at once."""
    from_future: bool = False
    """Whether a clock that was ahead fetched it last: then unchanged bytes are parsed, too."""
    missing: frozenset[str] = frozenset()
    """The UIDs that the answer lacked which is not believed yet; of a district's day, the schools
    that it lacked.
    """


class Lease(NamedTuple):
    """A window and the worker that fetches it."""

    property_id: str
    number: int
    worker_id: str


def is_window(property_id: str, number: int) -> ColumnElement[bool]:
    return and_(windows.c.property_id == property_id, windows.c.number == number)


def is_claimed(claim: Claim) -> ColumnElement[bool]:
    return and_(is_window(claim.property_id, claim.number), windows.c.leased_by == claim.worker_id)


def is_free(columns: ReadOnlyColumnCollection[str, Any], now: datetime) -> ColumnElement[bool]:
    """Nobody's lease, or one that ran out, or one that is longer than leases are."""
    until = columns.leased_until
    longest = now + CLOCK_TOLERANCE + timedelta(seconds=LEASE_SECONDS)
    return or_(until.is_(None), until <= now, until > longest)


def lease_values(worker_id: str, now: datetime) -> dict[str, Any]:
    return {"leased_by": worker_id, "leased_until": lease_end(now)}


def lease_end(now: datetime) -> datetime:
    return now + timedelta(seconds=LEASE_SECONDS)


def unless_future(column: ColumnElement[datetime], now: datetime) -> ColumnElement[datetime | None]:
    """Return a column's own value, NULL where it was written by a clock that stood ahead."""
    return case((column <= now + CLOCK_TOLERANCE, column))


def settle(claim: Claim, now: datetime, due: datetime | None) -> Update:
    """End a claim, if it is still ours."""
    ended = {**FREE, "attempted_at": now, "due_at": due}
    return update(windows).where(is_claimed(claim)).values(**ended)


def require_lease(connection: Connection, renewal: Update, claim: Claim) -> None:
    if not connection.execute(renewal).rowcount:
        raise LeaseLost(
            f"The lease of {claim.property_id}/{claim.number} ran out; its answer was thrown away."
        )


def span_limit_values(limit: SpanLimit) -> dict[str, int]:
    return {f"reach_{name}": value for name, value in limit._asdict().items()}
