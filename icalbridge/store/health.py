"""Health for machines and operators: how fresh each property is, each key's quota, live workers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, func, or_, select

from icalbridge.models import CLOCK_TOLERANCE, is_future
from icalbridge.store.changes import STATUS_COUNTER, TIMESLOT_STATUS_COUNTER
from icalbridge.store.doubts import left_properties, mass_withdrawals
from icalbridge.store.revisions import ENTRIES_COUNTER
from icalbridge.store.rows import latest
from icalbridge.store.tables import api_users, counters, properties, windows, workers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from sqlalchemy import Connection, Row

    from icalbridge.models import ZoneSource
    from icalbridge.store.doubts import LeftProperty, MassWithdrawal

WORKER_ALIVE = timedelta(seconds=300)
"""A worker that gave no sign for this long is taken for dead."""


TIMES_IN_FUTURE = (
    "Stored times are in the future: a clock stood ahead, or this machine's is behind now. "
    "Set it by NTP; the next sync mends the times."
)


@dataclass(slots=True)  # not frozen: `/readyz` makes hundreds, at a fifth of the time
class Freshness:
    """How well one property is known."""

    property_id: str
    name: str
    zone: str
    today_synced: datetime | None
    """When today was last fetched, also with its district's day; None before its window was."""
    month_synced: datetime | None
    """When the window that has today was last fetched, whole or as districts' days."""
    oldest_synced: datetime | None
    """When the window of its year that waits longest was last fetched; None while one never was."""
    attempted: datetime | None
    error: str
    """The last failure in one sentence, empty after a success."""
    error_at: datetime | None
    invocation_id: str
    failed_at: datetime | None = None
    """When it last could not be fetched, also if that is over; None if that never was."""
    zone_source: ZoneSource = ""
    """Where `zone` comes from."""
    vendor_zone: str = ""
    """What the vendor gave as its zone, in its own words."""
    newest: datetime | None = None
    """When any of its windows was last fetched, alone or with a district's day."""
    child_ids: tuple[str, ...] = ()
    """The schools of a district, listed or not."""
    read_at: datetime | None = None
    """When somebody last read one of its feeds or pages."""


@dataclass(frozen=True, slots=True)
class KeyHealth:
    """How one API key stands."""

    name: str
    """What the operator calls it; the key itself is never kept."""
    error: str = ""
    """What keeps the whole key from being served, in one sentence; empty when nothing does."""
    error_at: datetime | None = None
    quota_used: int = 0
    quota_per_day: int = 0
    """What the vendor granted; 0 before a worker reported it."""
    stretch: float = 1.0
    """By how much the plan's intervals are stretched to fit the quota; 1 when they are not."""
    failed_at: datetime | None = None
    """When something last kept it from being served, also if that is over."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the whole stands, for `/readyz`, `/metrics` and `status`."""

    catalogue_synced: datetime | None
    """When the catalog that waits longest was last fetched; None while one never was."""
    catalogue_error: str
    catalogue_invocation_id: str
    workers_alive: int
    entries: int | None
    """None where the public may not know."""
    skipped: int
    """Things in the vendor's answers that could not be read, since the database was made."""
    counters: Mapping[str, int]
    """What the sync counted since the database was made: `changes`, `requests:OUTCOME`,
    `skipped:REASON`, and `status:STATUS` and `timeslot_status:STATUS` for statuses that are not
    known.
    """
    quota_day: date | None
    quota_used: int
    keys: tuple[KeyHealth, ...]
    properties: tuple[Freshness, ...]
    left: tuple[LeftProperty, ...] = ()
    """The properties that the vendor no longer lists."""
    withdrawals: tuple[MassWithdrawal, ...] = ()
    """The last mass withdrawal of each property that had one in the last 30 days."""
    ahead_seconds: int = 0
    """How far in the future the latest time of a fetch is; 0 within clock tolerance."""

    def key(self, name: str) -> KeyHealth:
        """Return how one key stands; one that was never used has used nothing."""
        return next((state for state in self.keys if state.name == name), KeyHealth(name))

    @property
    def unknown_statuses(self) -> dict[str, int]:
        """Number of events that came to have an unknown status, by status."""
        return _counted(self.counters, STATUS_COUNTER)

    @property
    def unknown_timeslot_statuses(self) -> dict[str, int]:
        """Number of timeslots of new or changed events with an unknown status, by status."""
        return _counted(self.counters, TIMESLOT_STATUS_COUNTER)

    @property
    def stretch(self) -> float:
        """By how much the intervals of the key that has it hardest are stretched."""
        return max((key.stretch for key in self.keys), default=1.0)

    @property
    def ready(self) -> bool:
        """Whether the catalog and the month of every property were fetched at least once.

        Not while stored times are in the future: nobody knows then how old anything is.
        """
        return (
            not self.ahead_seconds
            and self.catalogue_synced is not None
            and bool(self.properties)
            and all(state.month_synced for state in self.properties)
        )


def _counted(counters: Mapping[str, int], kind: str) -> dict[str, int]:
    return {
        name.removeprefix(kind): value for name, value in counters.items() if name.startswith(kind)
    }


_USERS = select(api_users).order_by(api_users.c.id)
_OWNERS = select(properties.c.api_user_id).where(properties.c.listed).distinct()
_ALIVE = select(func.count()).where(
    workers.c.seen_at.between(bindparam("since"), bindparam("until"))
)
_COUNTED = (
    select(counters.c.name, counters.c.value)
    .where(counters.c.name != "revision")
    .order_by(counters.c.name)
)


def health(connection: Connection, now: datetime, *, losses: bool = True) -> Health:
    """Read how the whole stands at `now`; `losses`: also `left` and `withdrawals`."""
    users = connection.execute(_USERS).all()
    failed = next((user for user in users if user.catalogue_error), None)
    owners = set(connection.scalars(_OWNERS))
    # a key that a person tried once, under a name or a key that was wrong, must not count for ever
    users = [user for user in users if user.id in owners or user.error or not owners]
    synced = [user.catalogue_synced_at for user in users if user.id in owners or not owners]
    today = now.date()
    counted = {row.name: row.value for row in connection.execute(_COUNTED)}
    alive = {
        "since": now - WORKER_ALIVE + timedelta(seconds=1),
        "until": now + CLOCK_TOLERANCE,
    }
    known = tuple(_properties(connection))
    fetched = latest(*synced, *(state.newest for state in known)) or now
    return Health(
        catalogue_synced=min(synced) if synced and None not in synced else None,
        catalogue_error=failed.catalogue_error if failed else "",
        catalogue_invocation_id=failed.catalogue_invocation_id if failed else "",
        workers_alive=connection.scalar(_ALIVE, alive) or 0,
        entries=counted.pop(ENTRIES_COUNTER, 0),
        skipped=sum(value for name, value in counted.items() if name.startswith("skipped:")),
        counters=counted,
        quota_day=today if users else None,
        quota_used=sum(user.quota_used for user in users if user.quota_day == today),
        keys=tuple(_key_health(user, today) for user in users),
        left=tuple(left_properties(connection)) if losses else (),
        withdrawals=tuple(mass_withdrawals(connection, now)) if losses else (),
        properties=known,
        ahead_seconds=int((fetched - now).total_seconds()) if is_future(fetched, now) else 0,
    )


def _key_health(user: Row[Any], today: date) -> KeyHealth:
    used = user.quota_used if user.quota_day == today else 0
    return KeyHealth(
        user.id,
        user.error,
        user.error_at if user.error else None,
        used,
        user.quota_per_day,
        user.stretch,
        user.error_at,
    )


_SPANNED = case(
    (windows.c.spanned_at > windows.c.synced_at, windows.c.spanned_at), else_=windows.c.synced_at
)
"""When all of a window was last fetched, alone or with districts' days."""
_FETCHED = case(
    (
        or_(windows.c.synced_at.is_(None), windows.c.covered_at > _SPANNED),
        windows.c.covered_at,
    ),
    else_=_SPANNED,
)
"""When some of a window was last fetched."""
_MONTH_SYNCED = func.max(case((windows.c.number == 0, _SPANNED)))
_COLUMNS: dict[str, Any] = {
    "property_id": properties.c.id,
    "name": properties.c.name,
    "zone": properties.c.zone,
    "today_synced": case(
        (_MONTH_SYNCED.is_not(None), func.max(case((windows.c.number == 0, _FETCHED))))
    ),
    "month_synced": _MONTH_SYNCED,
    "oldest_synced": case((func.count(windows.c.synced_at) == func.count(), func.min(_SPANNED))),
    "attempted": func.max(windows.c.attempted_at),
    "failed_at": func.max(windows.c.error_at),
    "zone_source": properties.c.zone_source,
    "vendor_zone": properties.c.vendor_zone,
    "newest": func.max(_FETCHED),
    "child_ids": properties.c.child_ids,
    "read_at": properties.c.read_at,
}
"""Expression for the fields of `Freshness` that every property has."""
_LISTED = (
    select(*(column.label(name) for name, column in _COLUMNS.items()))
    .join_from(properties, windows)
    .where(properties.c.listed, windows.c.number >= 0)
    .group_by(properties.c.id)
    .order_by(properties.c.position, properties.c.id)
)
_FAILURE: list[Any] = [
    windows.c[name] for name in ("property_id", "error", "error_at", "invocation_id")
]
_FAILED = (
    select(*_FAILURE)
    .where(windows.c.error != "", windows.c.number >= 0)
    .order_by(windows.c.error_at.nulls_first(), windows.c.number.desc())
)


def _properties(connection: Connection) -> list[Freshness]:
    """Read one row a property, whatever its number of windows."""
    failures = {row.property_id: row for row in connection.execute(_FAILED)}
    return [_freshness(row, failures.get(row[0])) for row in connection.execute(_LISTED).all()]


def _freshness(row: Row[Any], failure: Row[Any] | None) -> Freshness:
    """Put the last failure, which `_FAILED` has last, among the other fields."""
    failed = tuple(failure)[1:] if failure else ("", None, "")
    return Freshness(*row[:7], *failed, *row[7:])
