"""After a write: that one event is fetched by its id and written at once, so that feeds show it
within seconds.

What its answer means is `reconcile`'s, as for any event that is present in a window: it covers
all its timeslots that are neither past nor beyond the horizon, and for no other event.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.sync import windows
from icalbridge.sync.interpret import placed
from icalbridge.sync.reconcile import KnownCatalog, SpanResponse, reconcile
from icalbridge.sync.zone_evidence import learn_zones, zones_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from icalbridge.facilitron import Client, EventsResponse
    from icalbridge.models import Changes, Event
    from icalbridge.store import Store

ATTEMPTS = 3
"""How often an event is fetched that other workers keep changing meanwhile."""


@dataclass(frozen=True, slots=True)
class RefreshedEvent:
    """What became of an event in the store."""

    event: Event
    """As the vendor has it now."""
    changes: int
    """How many entries changed."""
    left_out: str = ""
    """Why the store does not keep it, as a clause; empty: it does."""


class EventRefresher:
    """Brings single events up to date with one key's client."""

    def __init__(
        self,
        client: Client,
        store: Store,
        *,
        event_types: Collection[str],
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`event_types`: those that the sync asks for; it would withdraw what is of any other."""
        self._client = client
        self._store = store
        self._event_types = event_types
        self._clock = clock
        self._sleep = sleep

    def refresh(self, event_type: str, event_id: str, *, property_id: str = "") -> RefreshedEvent:
        """Fetch an event by the vendor's id or the external one, after it was written, and keep
        its current state.

        `property_id` stands in where the event names none that is known. Raises `VendorError` when
        it cannot be fetched: the store is then as it was, and the next sync finds out.
        """
        begun = requested_at = self._clock()
        left = ATTEMPTS
        while True:
            left -= 1
            catalog = KnownCatalog(*self._store.sync_reads.catalog())
            zones, unsure = zones_of(catalog.properties)
            answer = self._client.event_response(
                event_type, event_id, property_id=property_id, zones=zones, unsure=unsure
            )
            event = placed(answer.events[0], property_id, catalog)
            owner = self._store.read.api_user_of(event.property_id)
            if owner is None:
                return RefreshedEvent(event, 0, "the catalog does not have its property")
            if event.type not in self._event_types:
                return RefreshedEvent(
                    event, 0, f"calendars here show no {event.type} (FACILITRON_EVENT_TYPES)"
                )
            now = self._after(begun)
            with self._store.alone(owner) as alone:
                if not left or not alone.sync_reads.changed_since(
                    [event.key], requested_at, now=now
                ):
                    catalog, _ = learn_zones(
                        alone, catalog, answer, requested_at=requested_at, now=now
                    )
                    changes = _understood(alone, catalog, event, answer, now)
                    alone.write.apply(changes, now=now)
                    return RefreshedEvent(event, changes.count)
            requested_at = (
                self._clock()
            )  # what another worker wrote meanwhile may be older or newer than ours

    def _after(self, begun: datetime) -> datetime:
        """Return a moment in a later second than the one in which the write was over.

        So every answer that a worker requested before that counts as older than what is written
        now: see `understand`, which goes by whole seconds.
        """
        later = begun + timedelta(seconds=1)
        if self._clock() < later:
            self._sleep(1.0)
        return max(self._clock(), later)


def _understood(
    store: Store, catalog: KnownCatalog, event: Event, answer: EventsResponse, now: datetime
) -> Changes:
    return reconcile(
        SpanResponse((event,), frozenset(), answer.complete, now, now, whole=True),
        present=frozenset(),
        known=store.sync_reads.known([event.key]),
        catalog=catalog,
        now=now,
        horizon=windows.horizon(now, catalog.properties[event.property_id].timezone),
    )
