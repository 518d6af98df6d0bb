"""What the sync writes apart from windows: the catalog, zones, counters, and when somebody read.

A window's changes are written by `windows`, since they settle the window's lease in the same
transaction.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, insert, or_, select, update

from icalbridge.store.activity import raise_activity, write_costs
from icalbridge.store.changes import delete_old, write_changes
from icalbridge.store.engine import Repository, writing
from icalbridge.store.revisions import Revision, raise_counter
from icalbridge.store.rows import facility_values, property_values
from icalbridge.store.statements import in_parts, insert_missing, of_events
from icalbridge.store.tables import api_users, events, facilities, properties

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Table

    from icalbridge.models import Changes, Facility, Property, RequestCost
    from icalbridge.store.rows import Values
    from icalbridge.store.sync_reads import UncoveredEvent


UNSHOWN = frozenset({"u_id", "position", "zone_source", "vendor_zone"})
"""Columns of the catalog that no feed shows: a change of one raises no revision."""

IN_USE = timedelta(days=2)
"""A key whose catalog was not read for so long is not in use; it is read daily."""


class Writing(Repository):
    """Everything that the sync reads back and writes of one database."""

    def add_api_user(self, api_user_id: str) -> None:
        """Make sure that a key has its row."""
        with writing(self._opened) as connection:
            insert_missing(connection, api_users, [{"id": api_user_id}])

    def apply_catalog(
        self,
        api_user_id: str,
        listed: Sequence[Property],
        facilities_of: Mapping[str, Sequence[Facility]],
        changes: Changes,
        *,
        now: datetime,
    ) -> None:
        """Write a whole catalog: what is no longer listed stays, unlisted, with its feeds.

        `facilities_of`: by property; those of others stay as they are. A property that several keys
        see belongs to the first that listed it, as long as that one lists it.
        """
        with writing(self._opened) as connection:
            revision = Revision(connection, now)
            mine = properties.c.api_user_id == api_user_id
            taken = _listed_by_others(connection, api_user_id, now)
            rows = {
                row.id: property_values(row) | {"api_user_id": api_user_id}
                for row in listed
                if row.id not in taken
            }
            renamed = _write_catalog(connection, properties, rows, mine, revision)
            renamed += _mark_unlisted(connection, api_user_id, revision)
            for property_id, listed_here in facilities_of.items():
                if property_id in taken:
                    continue
                rows = {row.id: facility_values(row) for row in listed_here}
                _write_catalog(
                    connection, facilities, rows, facilities.c.property_id == property_id, revision
                )
            if renamed:  # facilities' feeds show name, zone and state of the property
                here = facilities.c.property_id.in_(renamed)
                connection.execute(update(facilities).where(here).values(**revision.values))
            write_changes(connection, changes, revision)

    def learn_zones(self, zones: Mapping[str, str], changes: Changes, *, now: datetime) -> None:
        """Write zones learned from events, and the changes that they cause, all or nothing."""
        with writing(self._opened) as connection:
            revision = Revision(connection, now)
            _write_zones(connection, zones, revision)
            write_changes(connection, changes, revision)

    def apply(self, changes: Changes, *, now: datetime) -> None:
        """Write what was found out apart from any window; all of it or nothing."""
        with writing(self._opened) as connection:
            write_changes(connection, changes, Revision(connection, now))

    def count(self, counted: Mapping[str, int]) -> None:
        """Add to counters, such as `skipped:REASON`, `requests:OUTCOME` and `changes`."""
        with writing(self._opened) as connection:
            for name, by in sorted(counted.items()):
                raise_counter(connection, name, by)

    def forget(self, ended_before: datetime, *, now: datetime) -> int:
        """Delete entries that ended before a time, and events without any; return how many."""
        with writing(self._opened) as connection:
            return delete_old(connection, ended_before, Revision(connection, now))

    def note_read(self, property_ids: Iterable[str], *, now: datetime) -> None:
        """Note that somebody reads these properties."""
        read = update(properties).values(read_at=now)
        with writing(self._opened) as connection:
            for ids in in_parts(set(property_ids)):
                connection.execute(read.where(properties.c.id.in_(ids)))
                raise_activity(connection, "reads", ids, now)

    def claim_recheck(self, event: UncoveredEvent, *, now: datetime) -> bool:
        """Note that an event is asked for by its id now; return whether no other worker does."""
        this = and_(
            of_events(events, [event.key]),
            events.c.checked_at.is_not_distinct_from(event.checked),
        )
        return bool(self._write(update(events).where(this).values(checked_at=now)))

    def note_costs(self, api_user_id: str, costs: Mapping[str, RequestCost]) -> None:
        """Take what the latest requests of a key took into the averages, by kind."""
        with writing(self._opened) as connection:
            write_costs(connection, api_user_id, costs)


def _write_catalog(
    connection: Connection,
    table: Table,
    rows: Mapping[str, Values],
    scope: ColumnElement[bool],
    revision: Revision,
) -> list[str]:
    """Make the listed rows of a scope be these, in this order; write only what differs.

    Returns the ids of rows with a difference that a feed may show.
    """
    stored = connection.execute(select(table).where(or_(scope, table.c.id.in_(list(rows)))))
    known = {row.id: row._asdict() for row in stored}
    changed = []
    for position, (row_id, values) in enumerate(rows.items()):
        row_values = values | {"position": position, "listed": True}
        if row_id not in known:
            first = {"first_seen_at": revision.moment, **revision.values}
            connection.execute(insert(table).values(id=row_id, **row_values, **first))
        elif other := {name for name, value in row_values.items() if known[row_id][name] != value}:
            raised = revision.values if other - UNSHOWN else {}
            connection.execute(
                update(table).where(table.c.id == row_id).values(**row_values, **raised)
            )
            changed += [row_id] if raised else []
    gone = [row_id for row_id, row in known.items() if row["listed"] and row_id not in rows]
    if gone:
        connection.execute(
            update(table).where(table.c.id.in_(gone)).values(listed=False, **revision.values)
        )
    return changed


def _write_zones(connection: Connection, zones: Mapping[str, str], revision: Revision) -> None:
    """Write zones learned from events, and make events that were read in another be read again."""
    for property_id, name in sorted(zones.items()):
        mine = properties.c.id == property_id
        rezoned = connection.scalar(select(properties.c.zone).where(mine)) != name
        raised = revision.values if rezoned else {}
        connection.execute(
            update(properties).where(mine).values(zone=name, zone_source="events", **raised)
        )
        other = and_(events.c.property_id == property_id, events.c.zone != name)
        connection.execute(update(events).where(other).values(digest="", zone=name))
        if rezoned:  # a facility's feed bears its property's zone
            connection.execute(
                update(facilities).where(facilities.c.property_id == property_id).values(**raised)
            )


def _mark_unlisted(connection: Connection, api_user_id: str, revision: Revision) -> list[str]:
    """Write since when properties of a key are unlisted; return the ids of the new ones.

    What left may belong to another key, so the others' catalogs are read again.
    """
    back = properties.c.listed & properties.c.unlisted_at.is_not(None)
    if returned := list(connection.scalars(select(properties.c.id).where(back))):
        connection.execute(
            update(properties).where(properties.c.id.in_(returned)).values(unlisted_at=None)
        )
    mine = properties.c.api_user_id == api_user_id
    left = select(properties.c.id).where(
        mine, ~properties.c.listed, properties.c.unlisted_at.is_(None)
    )
    gone = list(connection.scalars(left))
    if gone:
        connection.execute(
            update(properties).where(properties.c.id.in_(gone)).values(unlisted_at=revision.moment)
        )
        others = api_users.c.id != api_user_id
        connection.execute(update(api_users).where(others).values(catalogue_due_at=revision.moment))
    return gone


def _listed_by_others(connection: Connection, api_user_id: str, now: datetime) -> set[str]:
    """Return the listed properties of other keys that are in use."""
    in_use = api_users.c.catalogue_synced_at > now - IN_USE
    query = (
        select(properties.c.id)
        .join(api_users, api_users.c.id == properties.c.api_user_id)
        .where(properties.c.api_user_id != api_user_id, properties.c.listed, in_use)
    )
    return set(connection.scalars(query))
