"""One request for events, and its response as changes, inside the transaction that writes them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from icalbridge.errors import MalformedAnswer, NotFound
from icalbridge.facilitron import EventsResponse, Skipped
from icalbridge.models import window_with
from icalbridge.sync import windows
from icalbridge.sync.interpret import interpret
from icalbridge.sync.reconcile import KnownCatalog
from icalbridge.sync.zone_evidence import learn_zones, zones_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from icalbridge.facilitron import Client
    from icalbridge.store import Store
    from icalbridge.sync.attempt import WindowAttempt
    from icalbridge.sync.interpret import EventsRequest, Interpretation


class EventsFetch:
    """Sends requests for events of one key, and keeps the catalog in memory between them."""

    def __init__(
        self,
        client: Client,
        store: Store,
        *,
        api_user_id: str,
        clock: Callable[[], datetime],
        full: bool,
        tally: Counter[str],
    ) -> None:
        self._client = client
        self._store = store
        self._user = api_user_id
        self._clock = clock
        self._full = full
        self._tally = tally
        self._catalog: KnownCatalog | None = None
        self._catalog_version: object = None

    def known_catalog(self, property_id: str) -> KnownCatalog:
        """Return the stored catalog, read again when a worker has written it or lacks a property.

        A catalog that is being written may already have led to the claim of a new property.
        """
        version = self._store.sync_reads.catalog_version(self._user)
        if (
            self._catalog is None
            or version != self._catalog_version
            or property_id not in self._catalog.properties
        ):
            reads = self._store.sync_reads
            self._catalog = KnownCatalog(*reads.catalog(), reads.unlisted())
            self._catalog_version = version
        return self._catalog

    @contextmanager
    def read_response(
        self, request: EventsRequest, attempt: WindowAttempt
    ) -> Iterator[tuple[Store, Interpretation]]:
        """Send a request; yield its response's changes inside the transaction to write them in."""
        requested_at, null = self._clock(), None
        try:
            answer = self.send(request, attempt)
        except MalformedAnswer as error:
            if not error.null_list:
                raise
            answer, null = EventsResponse((), frozenset(), (), (), error.invocation_id), error
        self._tally.update(f"skipped:{item.reason}" for item in (*answer.skipped, *answer.ignored))
        with self._store.alone(self._user) as store:
            now = self._clock()
            attempt.catalog, moved = learn_zones(
                store, attempt.catalog, answer, requested_at=requested_at, now=now
            )
            request = request.with_places(attempt.catalog)
            result = interpret(
                store,
                attempt.catalog,
                request,
                answer,
                requested_at=requested_at,
                now=now,
                moved=moved,
            )
            if null and (result.changes.withdrawn or result.uncovered_ids):
                raise null  # where something is known, null is no list
            yield store, result

    def follow_up(self, store: Store, result: Interpretation, attempt: WindowAttempt) -> None:
        """Make the windows due that decide on what an answer lacks elsewhere, and count what
        answers contradict.
        """
        if result.older:
            self._tally["disagreements:older version of an event"] += result.older
        if result.trimmed:
            self._tally["disagreements:events cut to the requested days"] += 1
            return
        own = set()
        for entry in result.changes.elsewhere:
            zone = attempt.catalog.properties[entry.property_id].timezone
            day = windows.today(entry.start, zone)
            offset = (day - windows.today(self._clock(), zone)).days
            own.add((entry.property_id, window_with(max(offset, 0))))
        if own:
            store.windows.make_own_due(own, now=self._clock())

    def send(self, request: EventsRequest, attempt: WindowAttempt) -> EventsResponse:
        """Send a request; events whose bytes are known are not parsed."""
        anew = self._full or attempt.claim.from_future
        members = [member.id for member in request.members]
        span = windows.bounds(request.days, request.owner.timezone)
        known = {} if anew else self._store.sync_reads.digests(members, *span)
        zones, unsure = zones_of(attempt.catalog.properties)
        if not request.facility_id:
            return self._client.property_events(
                request.owner.id,
                request.days,
                zones=zones,
                unsure=unsure,
                known=known,
                include_child_events=bool(request.schools),
            )
        try:
            return self._client.facility_events(
                request.facility_id,
                request.owner.id,
                request.days,
                zones=zones,
                unsure=unsure,
                known=known,
            )
        except NotFound:  # only timeslots name it: nothing can be fetched, so nothing is withdrawn
            return EventsResponse((), frozenset(), (Skipped("facility", "not listed"),), (), "")

    def forget_catalog(self) -> None:
        """Read the catalog again before the next window: this process has written it."""
        self._catalog = None
