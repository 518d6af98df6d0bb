"""One key's client over the open database, for one `event` command."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from icalbridge.cli.after_write import AfterWrite, ReadPace, follow_write
from icalbridge.cli.clients import (
    choose_user,
    open_client,
)
from icalbridge.cli.runtime import open_current
from icalbridge.cli.signals import Stop
from icalbridge.facilitron import OvernightCreator
from icalbridge.models import Feed
from icalbridge.sync.clock import DatabaseClock
from icalbridge.sync.refresh_event import EventRefresher
from icalbridge.sync.zone_evidence import zones_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.facilitron import Client
    from icalbridge.models import Event
    from icalbridge.push.requested import RequestedState
    from icalbridge.settings import ApiUser, Settings
    from icalbridge.store import Store


@dataclass(frozen=True, slots=True)
class EventSession:
    """Client of one key over the open database, for one command."""

    settings: Settings
    store: Store
    user: ApiUser
    client: Client
    clock: DatabaseClock
    stop: Stop

    def fetch(self, event_type: str, event_id: str) -> Event:
        """Return an event as the vendor has it. Raises `VendorError`."""
        zones, unsure = zones_of({place.id: place for place in self.store.read.properties()})
        return self.client.event(event_type, event_id, zones=zones, unsure=unsure)

    def overnight_creator(self) -> OvernightCreator:
        """Return what creates events, and remembers how the key books past midnight."""
        keys, user = self.store.api_keys, self.user.name
        return OvernightCreator(
            self.client, keys.splits_nights(user), lambda: keys.note_split_nights(user)
        )

    def follow(self, written: Event, requested: RequestedState) -> AfterWrite:
        """Update the store after a write; `written`: the requested event, with its id."""
        types, clock = self.user.event_types, self.clock
        follower = EventRefresher(
            self.client, self.store, event_types=types, clock=clock, sleep=self.stop.sleep
        )
        return follow_write(
            ReadPace(self.settings, self.store, self.user), follower, written, requested, clock
        )


@contextmanager
def open_session(
    settings: Settings, key: str, event_type: str, event_id: str
) -> Iterator[EventSession]:
    """Open the database and the client of the right key: of the event's property by default."""
    settings.require_keys()
    with open_current(settings) as store:
        known = store.read.feed_state(Feed("event", event_id, event_type))
        with open_key(settings, store, known.property_id if known else "", key) as session:
            yield session


@contextmanager
def open_key(
    settings: Settings, store: Store, property_id: str, key: str
) -> Iterator[EventSession]:
    unknown = "Which key this is for is not known here; say it with --key, one of"
    user = choose_user(
        settings, key, lambda: store.read.api_user_of(property_id) if property_id else None, unknown
    )
    stop = Stop()
    stop.listen()
    with open_client(user, store, stop) as client:
        yield EventSession(settings, store, user, client, DatabaseClock(store), stop)
