"""Events that no window covers any more, asked for by their id: a 404 withdraws them.

A booking of several days that has begun lies before the first day that may be requested. One in a
facility that is not listed is in no answer where a day is fetched facility by facility.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.errors import NotFound
from icalbridge.models import is_future
from icalbridge.sync.reconcile import KnownCatalog, SpanResponse, reconcile
from icalbridge.sync.refresh_event import EventRefresher
from icalbridge.sync.windows import horizon

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from icalbridge.facilitron import Client
    from icalbridge.models import Changes
    from icalbridge.store import Store, UncoveredEvent

EVERY_SECONDS = 3600
"""How often an event is asked for, as long as there are few."""
MOST_A_DAY = 100
"""How many requests a day these events take at most, by key."""


def next_recheck(events: Sequence[UncoveredEvent], now: datetime) -> UncoveredEvent | None:
    """Return the event to ask for: the one that waits longest, if its time has come."""
    every = timedelta(seconds=max(EVERY_SECONDS, 86_400 * len(events) / MOST_A_DAY))
    due = [
        event
        for event in events
        if event.checked is None or is_future(event.checked, now) or now - event.checked >= every
    ]
    return min(
        due, key=lambda event: (event.checked is not None, event.checked, event), default=None
    )


class EventRecheck:
    """Asks for the uncovered events of one key."""

    def __init__(
        self,
        client: Client,
        store: Store,
        *,
        api_user_id: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._store = store
        self._user = api_user_id
        self._clock = clock

    def run(self) -> bool:
        """Ask for the event that waits longest; return whether one was due.

        Raises `VendorError` when no usable answer came.
        """
        now = self._clock()
        event = next_recheck(self._store.sync_reads.uncovered_events(self._user, now), now)
        if event is None or not self._store.write.claim_recheck(event, now=now):
            return False
        refresher = EventRefresher(
            self._client,
            self._store,
            event_types=(event.key.event_type,),
            clock=self._clock,
            sleep=lambda _seconds: None,  # nothing was written that an answer could be older than
        )
        try:
            refresher.refresh(*event.key, property_id=event.property_id)
        except NotFound:
            self._withdraw(event)
        return True

    def _withdraw(self, event: UncoveredEvent) -> None:
        with self._store.alone(self._user) as store:
            catalog = KnownCatalog(*store.sync_reads.catalog(self._user))
            now = self._clock()
            zone = catalog.properties[event.property_id].timezone
            changes: Changes = reconcile(
                SpanResponse((), frozenset(), complete=True, since=now, until=now, whole=True),
                present=frozenset({event.key}),
                known=store.sync_reads.known([event.key]),
                catalog=catalog,
                now=now,
                horizon=horizon(now, zone),
            )
            store.write.apply(changes, now=now)
