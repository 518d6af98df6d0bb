"""State of every window of a key: what the schedule is made from, read in two statements."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from icalbridge.store.activity import decayed, read_costs
from icalbridge.store.rows import SHOWN
from icalbridge.store.tables import api_users, entries, facilities, properties, windows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, Connection

    from icalbridge.models import RequestCost


class SpanLimit(NamedTuple):
    """What is known of a window's weight; the default is a window nobody had trouble with."""

    days: int = 31
    """The longest span answered in time; 0: a day is too long, fetch facility by facility."""
    steady: int = 0
    """How often in a row that span has held."""
    patience: int = 4
    """How often it must hold before twice as much is tried."""


UNTRIED = SpanLimit()


class WindowState(NamedTuple):
    """One window, as the plan sees it."""

    property_id: str
    number: int
    synced: datetime | None = None
    attempted: datetime | None = None
    due: datetime | None = None
    """When it was set due, by a failure, a doubt or a person; None: by its tier."""
    failures: int = 0
    leased_until: datetime | None = None
    span_limit: SpanLimit = UNTRIED
    silent: frozenset[str] = frozenset()
    """Of a district's day: the schools that it lacks although they have something on it."""


@dataclass(frozen=True, slots=True)
class PropertyState:
    """One property, as the plan sees it."""

    position: int
    child_ids: tuple[str, ...] = ()
    facilities: int = 0
    read: datetime | None = None
    """When somebody last read one of its feeds or pages."""
    named: datetime | None = None
    """When a district's day last had something of it."""
    reads: float = 0.0
    """How often it was read lately."""
    changes: float = 0.0
    """How often it changed lately."""
    changed: datetime | None = None
    """When something of it last changed."""
    next_start: datetime | None = None
    """When the next booking of the next 24 hours begins."""
    starts: int = 0
    """How many begin in the next 24 hours."""


class DaysGranted(NamedTuple):
    """How far ahead the vendor answers a district's day, in days."""

    days: int = 7
    """The furthest that was answered; -1: it is refused for today too."""
    refused: int | None = None
    """The nearest that was refused."""
    refused_at: datetime | None = None


UNPROBED = DaysGranted()


@dataclass(frozen=True, slots=True)
class SyncState:
    """All that the plan of one key is made from."""

    properties: Mapping[str, PropertyState]
    windows: tuple[WindowState, ...]
    """Of listed properties only."""
    quota_day: date | None = None
    quota_used: int = 0
    reach: DaysGranted = UNPROBED
    costs: Mapping[str, RequestCost] = field(default_factory=dict)
    """What requests take, by kind."""


_PROPERTY_FIELDS = "id position child_ids read_at named_at reads reads_at changes changes_at"
_PROPERTY_COLUMNS = [properties.c[name] for name in _PROPERTY_FIELDS.split()]
_WINDOW_FIELDS = "property_id number synced_at attempted_at due_at failures leased_until"
_REACH_FIELDS = "reach_days reach_steady reach_patience"
_WINDOW_COLUMNS = [windows.c[name] for name in f"{_WINDOW_FIELDS} {_REACH_FIELDS} silent".split()]
"""In the order of the fields of `WindowState` and `SpanLimit`."""


def read_sync_state(
    connection: Connection, api_user_id: str, now: datetime | None = None
) -> SyncState:
    """Read the state of a key, with what begins soon if `now` is given.

    By position, since this runs for thousands of windows all day.
    """
    mine = (properties.c.api_user_id == api_user_id, properties.c.listed)
    states = _properties(connection, mine, now)
    query = (
        select(*_WINDOW_COLUMNS)
        .join_from(windows, properties, properties.c.id == windows.c.property_id)
        .where(*mine)
    )
    window_states = tuple(
        WindowState._make((*row[:7], SpanLimit(*row[7:10]), row[10]))
        for row in connection.execute(query).all()
    )
    user = connection.execute(select(api_users).where(api_users.c.id == api_user_id)).first()
    if user is None:
        return SyncState(states, window_states)
    return SyncState(
        states,
        window_states,
        user.quota_day,
        user.quota_used,
        DaysGranted(user.reach_days, user.reach_refused, user.reach_refused_at),
        read_costs(connection, api_user_id),
    )


def _properties(
    connection: Connection, mine: tuple[ColumnElement[bool], ...], now: datetime | None
) -> dict[str, PropertyState]:
    counted = (
        select(facilities.c.property_id, func.count().label("facilities"))
        .where(facilities.c.listed)
        .group_by(facilities.c.property_id)
        .subquery()
    )
    query = select(*_PROPERTY_COLUMNS, counted.c.facilities).join_from(
        properties, counted, counted.c.property_id == properties.c.id, isouter=True
    )
    starts = {} if now is None else _next_starts(connection, mine, now)
    return {
        row.id: PropertyState(
            row.position,
            row.child_ids,
            row.facilities or 0,
            row.read_at,
            row.named_at,
            decayed(row.reads, row.reads_at, now) if now else row.reads,
            decayed(row.changes, row.changes_at, now) if now else row.changes,
            row.changes_at,
            *starts.get(row.id, (None, 0)),
        )
        for row in connection.execute(query.where(*mine)).all()
    }


def _next_starts(
    connection: Connection, mine: tuple[ColumnElement[bool], ...], now: datetime
) -> dict[str, tuple[datetime, int]]:
    """Return when each property's next entry of the next 24 hours begins, and how many do."""
    coming = (
        entries.c.property_id.in_(select(properties.c.id).where(*mine)),
        entries.c.start_at > now,
        entries.c.start_at <= now + timedelta(days=1),
        SHOWN,
    )
    query = select(entries.c.property_id, func.min(entries.c.start_at), func.count()).where(*coming)
    rows = connection.execute(query.group_by(entries.c.property_id)).all()
    return {row[0]: (row[1], row[2]) for row in rows}
