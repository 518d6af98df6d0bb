"""State of every window of a key: what the schedule is made from, read in two statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from icalbridge.store.tables import api_users, facilities, properties, windows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from sqlalchemy import Connection


class SpanLimit(NamedTuple):
    """What is known of a window's weight; the default is a window nobody had trouble with."""

    days: int = 31
    """The longest span answered in time; 0: a day is too long, fetch facility by facility."""
    steady: int = 0
    """How often in a row that span has held."""
    patience: int = 4
    """How often it must hold before twice as much is tried."""


UNTRIED = SpanLimit()


@dataclass(frozen=True, slots=True)
class WindowState:
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


@dataclass(frozen=True, slots=True)
class PropertyState:
    """One property, as the plan sees it."""

    position: int
    child_ids: tuple[str, ...] = ()
    facilities: int = 0
    read: datetime | None = None
    """When somebody last read one of its feeds or pages."""


@dataclass(frozen=True, slots=True)
class SyncState:
    """All that the plan of one key is made from."""

    properties: Mapping[str, PropertyState]
    windows: tuple[WindowState, ...]
    """Of listed properties only."""
    quota_day: date | None = None
    quota_used: int = 0


_WINDOW_FIELDS = "property_id number synced_at attempted_at due_at failures leased_until"
_REACH_FIELDS = "reach_days reach_steady reach_patience"
_WINDOW_COLUMNS = [windows.c[name] for name in f"{_WINDOW_FIELDS} {_REACH_FIELDS}".split()]
"""In the order of the fields of `WindowState` and `SpanLimit`."""


def read_sync_state(connection: Connection, api_user_id: str) -> SyncState:
    """Read the state of a key; by position, since this runs for thousands of windows all day."""
    mine = (properties.c.api_user_id == api_user_id, properties.c.listed)
    counted = (
        select(facilities.c.property_id, func.count().label("facilities"))
        .where(facilities.c.listed)
        .group_by(facilities.c.property_id)
        .subquery()
    )
    columns = (properties.c.id, properties.c.position, properties.c.child_ids, properties.c.read_at)
    by_property = select(*columns, counted.c.facilities).join_from(
        properties, counted, counted.c.property_id == properties.c.id, isouter=True
    )
    states = {
        row.id: PropertyState(row.position, row.child_ids, row.facilities or 0, row.read_at)
        for row in connection.execute(by_property.where(*mine))
    }
    query = (
        select(*_WINDOW_COLUMNS)
        .join_from(windows, properties, properties.c.id == windows.c.property_id)
        .where(*mine)
    )
    rows = connection.execute(query)
    window_states = tuple(
        WindowState(
            property_id, number, synced, attempted, due, failures, leased, SpanLimit(*reach)
        )
        for property_id, number, synced, attempted, due, failures, leased, *reach in rows
    )
    user = connection.execute(select(api_users).where(api_users.c.id == api_user_id)).first()
    if user is None:
        return SyncState(states, window_states)
    return SyncState(states, window_states, user.quota_day, user.quota_used)
