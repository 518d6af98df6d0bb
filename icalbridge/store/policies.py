"""The public policy as it was last read from its file, by any process."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, select, update

from icalbridge.store.engine import Repository, writing
from icalbridge.store.revisions import Revision
from icalbridge.store.statements import insert_missing
from icalbridge.store.tables import events, facilities, properties, public_policy

if TYPE_CHECKING:
    from datetime import datetime


class StoredPolicy(NamedTuple):
    """A policy, and since when it holds."""

    digest: str
    text: str
    changed: datetime


class Policies(Repository):
    """Stores one policy, the last."""

    def last(self) -> StoredPolicy | None:
        row = self._row(select(public_policy))
        return None if row is None else StoredPolicy(*row)

    def switch(self, digest: str, text: str, *, now: datetime) -> datetime:
        """Store a policy unless it is stored; return since when it holds."""
        own = public_policy.c.digest == digest
        row = {"digest": digest, "text": text, "changed_at": now}
        with writing(self._opened) as connection:
            connection.execute(delete(public_policy).where(~own))
            insert_missing(connection, public_policy, [row])  # another process may be first
            changed: datetime = connection.scalars(select(public_policy.c.changed_at)).one()
            return changed

    def end(self, *, now: datetime) -> None:
        """Forget the policy, if there is one; every feed is as new as that then."""
        if self.last() is None:
            return
        with writing(self._opened) as connection:
            connection.execute(delete(public_policy))
            values = Revision(connection, now).values
            for table in (properties, facilities, events):
                connection.execute(update(table).values(**values))
