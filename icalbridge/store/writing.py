"""What the sync writes apart from windows: the catalog, zones, counters, and when somebody read.

A window's changes are written by `windows`, since they settle the window's lease in the same
transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from icalbridge.store.catalog import listed_by_others, mark_unlisted, write_catalog, write_zones
from icalbridge.store.changes import delete_old, write_changes
from icalbridge.store.engine import Repository, writing
from icalbridge.store.revisions import Revision, raise_counter
from icalbridge.store.rows import facility_values, property_values
from icalbridge.store.statements import in_parts, insert_missing
from icalbridge.store.tables import api_users, facilities, properties

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from icalbridge.models import Changes, Facility, Property


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
            taken = listed_by_others(connection, api_user_id, now)
            rows = {
                row.id: property_values(row) | {"api_user_id": api_user_id}
                for row in listed
                if row.id not in taken
            }
            renamed = write_catalog(connection, properties, rows, mine, revision)
            renamed += mark_unlisted(connection, api_user_id, revision)
            for property_id, listed_here in facilities_of.items():
                if property_id in taken:
                    continue
                rows = {row.id: facility_values(row) for row in listed_here}
                write_catalog(
                    connection, facilities, rows, facilities.c.property_id == property_id, revision
                )
            if (
                renamed
            ):  # a facility's feed bears its property's name and zone, and whether that is listed
                here = facilities.c.property_id.in_(renamed)
                connection.execute(update(facilities).where(here).values(**revision.values))
            write_changes(connection, changes, revision)

    def learn_zones(self, zones: Mapping[str, str], changes: Changes, *, now: datetime) -> None:
        """Write zones learned from events, and the changes that they cause, all or nothing."""
        with writing(self._opened) as connection:
            revision = Revision(connection, now)
            write_zones(connection, zones, revision)
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
        with writing(self._opened) as connection:
            for ids in in_parts(property_ids):
                connection.execute(
                    update(properties).where(properties.c.id.in_(ids)).values(read_at=now)
                )
