"""Which of the vendor's events were made out of a calendar: the one thing that a push cannot ask
the vendor for.

A row is written before the vendor is fetched anything, so that whatever interrupts a push, what
it may have made is known here. What became of it is the vendor's to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from icalbridge.store.engine import Repository, writing
from icalbridge.store.statements import in_parts, insert_missing
from icalbridge.store.tables import pushed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Pushed:
    """One event that was made, or was going to be."""

    external_id: str
    source: str
    """The calendar's name, as whoever pushes it calls it."""
    uid: str
    dropped: bool = False
    """Whether it was cancelled by a push, or was going to be."""
    settled: bool = False
    """Whether nothing will become of it any more: it is cancelled, or past."""


class PushedEvents(Repository):
    """All that was pushed, of one database."""

    def of(self, source: str) -> list[Pushed]:
        """Return everything that was pushed from one calendar, by external id."""
        query = select(pushed).where(pushed.c.source == source).order_by(pushed.c.external_id)
        return [
            Pushed(row.external_id, row.source, row.uid, row.dropped_at is not None, row.settled)
            for row in self._rows(query)
        ]

    def intend(self, event: Pushed, *, now: datetime) -> None:
        """Note that an event is about to be made; what is noted already stays as it is."""
        values = {
            "external_id": event.external_id,
            "source": event.source,
            "uid": event.uid,
            "pushed_at": now,
            "dropped_at": now if event.dropped else None,
            "settled": event.settled,
        }
        with writing(self._opened) as connection:
            insert_missing(connection, pushed, [values])

    def drop(self, external_id: str, *, now: datetime) -> None:
        """Note that an event is about to be cancelled."""
        self._update([external_id], dropped_at=now)

    def keep(self, external_ids: Iterable[str]) -> None:
        """Note that events were not cancelled, though they were going to be."""
        self._update(external_ids, dropped_at=None)

    def settle(self, external_ids: Iterable[str]) -> None:
        """Note that events are over and need not be fetched again."""
        self._update(external_ids, settled=True)

    def _update(self, external_ids: Iterable[str], **values: Any) -> None:
        changed = update(pushed).values(**values)
        parts = in_parts(set(external_ids))
        self._write(*(changed.where(pushed.c.external_id.in_(ids)) for ids in parts))
