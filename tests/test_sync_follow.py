"""`icalbridge.sync.follow`: what was written is in the store, and so in feeds, without any window being fetched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec import json

from icalbridge.errors import NotFound, VendorUnavailable
from icalbridge.facilitron import Client, Created, MemoryLedger, Moved, NewEvent, NewTimeslot, TimeslotChange
from icalbridge.model import Changes, Feed, FeedState
from icalbridge.store import Store
from icalbridge.sync.follow import Followed, Follower
from tests.fixtures.bridges import KEY, Bridge, bridge
from tests.fixtures.writes import RENTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.model import Entry

DAY = datetime(2027, 7, 4, 17, tzinfo=UTC)
"""Nothing else is booked then."""


@pytest.fixture
def district(database_url: str) -> Iterator[Bridge]:
    """A district of two schools, synced."""
    with bridge(database_url) as made:
        assert made.run().failures == []
        made.clock.advance(minutes=5)
        yield made


class Desk:
    """Writes to the vendor and follows, over a bridge."""

    def __init__(self, district: Bridge, event_types: tuple[str, ...] = ("reservation", "maintenance-block")) -> None:
        self._bridge = district
        self.client = Client(
            district.url,
            KEY,
            ledger=MemoryLedger(10**7, 10**7),
            clock=district.clock,
            sleep=lambda seconds: district.clock.advance(seconds=seconds),
        )
        self.follower = Follower(
            self.client,
            district.store,
            event_types=event_types,
            clock=district.clock,
            sleep=lambda seconds: district.clock.advance(seconds=seconds),
        )
        self.facility = district.store.read.facilities([district.world.properties[1]["_id"]])[0]
        owner = district.store.read.property(self.facility.property_id)
        assert owner
        self.zone = owner.timezone

    def slot(self, name: str, start: datetime) -> NewTimeslot:
        return NewTimeslot(name, start, start + timedelta(hours=1), self.facility.u_id)

    def create(self, *slots: NewTimeslot, event_type: str = "reservation") -> str:
        told = NewEvent("push-1", "Recital", RENTER, 12, slots, self.zone, event_type=event_type)
        made = self.client.create_event(told)
        assert isinstance(made, Created)
        return made.event_id

    def follow(self, event_id: str) -> Followed:
        return self.follower.follow("reservation", event_id)

    def shown(self) -> list[tuple[str, datetime, int]]:
        """Return name, start and sequence of what the facility's feed shows on and after the day."""
        known = self._bridge.entries(Feed("facility", self.facility.id))
        return [(each.name, each.start, each.sequence) for each in known if each.start >= DAY]

    def entries(self, event_id: str) -> list[Entry]:
        return list(*self._bridge.store.write.known([self.follow(event_id).event.key]).values())

    def state(self) -> FeedState:
        found = self._bridge.store.read.feed_state(Feed("facility", self.facility.id))
        assert found
        return found


@pytest.fixture
def desk(district: Bridge) -> Desk:
    return Desk(district)


def test_created_event_is_shown(desk: Desk, district: Bridge) -> None:
    """By the external id, with all its timeslots; the feed's revision is raised, now and in a later second."""
    before, others = desk.state(), district.told()
    begun = district.clock()
    desk.create(desk.slot("one", DAY), desk.slot("two", DAY + timedelta(days=1)))
    told = desk.follow("push-1")
    assert (told.changes, told.left_out, told.event.name) == (2, "", "Recital")
    assert desk.shown() == [("Recital", DAY, 0), ("Recital", DAY + timedelta(days=1), 0)]
    after = desk.state()
    assert (after.revision > before.revision, after.changed) == (True, begun + timedelta(seconds=1))
    added = set(district.told()) - set(others)
    assert (len(added), set(others) - set(district.told())) == (2, set())


def test_event_that_did_not_change_raises_nothing(desk: Desk) -> None:
    """Followed again, it changes no entry and no revision."""
    desk.create(desk.slot("one", DAY))
    desk.follow("push-1")
    before = desk.state()
    assert desk.follow("push-1").changes == 0
    assert desk.state() == before


def test_moved_timeslot_keeps_its_identity(desk: Desk) -> None:
    """The same UID at another time, with SEQUENCE raised."""
    event_id = desk.create(desk.slot("one", DAY))
    desk.follow(event_id)
    (before,) = desk.entries(event_id)
    later = DAY + timedelta(hours=3)
    change = TimeslotChange(later, later + timedelta(hours=1), desk.zone)
    assert isinstance(desk.client.change_timeslot("reservation", event_id, "one", change), Moved)
    assert desk.follow(event_id).changes == 1
    (after,) = desk.entries(event_id)
    assert (after.uid, after.sequence, desk.shown()) == (before.uid, 1, [("Recital", later, 1)])


def test_cancelled_event_leaves_and_is_remembered(desk: Desk) -> None:
    """Feeds show it no more; the entry stays, and says since when."""
    event_id = desk.create(desk.slot("one", DAY))
    desk.follow(event_id)
    desk.client.cancel_event("reservation", event_id)
    desk.follow(event_id)
    (kept,) = desk.entries(event_id)
    assert (desk.shown(), kept.status, kept.cancelled == kept.modified) == ([], "cancelled", True)


def test_next_sync_finds_nothing_to_change(desk: Desk, district: Bridge) -> None:
    """What was followed is what the windows say."""
    desk.create(desk.slot("one", DAY))
    desk.follow("push-1")
    report = district.run(full=True)
    assert (report.failures, report.changes, district.told()) == ([], 0, district.truth())


def test_timeslot_that_is_gone_is_withdrawn(desk: Desk, district: Bridge) -> None:
    """An event speaks for all its timeslots that are to come, but for those that are past."""
    event_id = desk.create(desk.slot("one", DAY), desk.slot("two", DAY + timedelta(days=1)))
    desk.follow(event_id)
    district.world.events[event_id]["timeslots"].pop()
    assert desk.follow(event_id).changes == 1
    assert desk.shown() == [("Recital", DAY, 0)]
    district.clock.now = DAY + timedelta(days=1)
    district.world.events[event_id]["timeslots"].pop()
    assert desk.follow(event_id).changes == 0
    assert desk.shown() == [("Recital", DAY, 0)]


def test_unreadable_timeslot_withdraws_nothing(desk: Desk, district: Bridge) -> None:
    """An answer that could not be read in full may add and change only."""
    event_id = desk.create(desk.slot("one", DAY), desk.slot("two", DAY + timedelta(days=1)))
    desk.follow(event_id)
    district.world.set_timeslot_field(event_id, 1, "start_datetime", "soon")
    assert desk.follow(event_id).changes == 0
    assert len(desk.shown()) == 2


def test_failure_leaves_the_store_as_it_was(desk: Desk, district: Bridge) -> None:
    """An event that cannot be fetched changes nothing, whatever the reason."""
    event_id = desk.create(desk.slot("one", DAY))
    before = desk.state()
    district.fail("503:endpoint=event")
    with pytest.raises(VendorUnavailable):
        desk.follow(event_id)
    district.heal()
    with pytest.raises(NotFound):
        desk.follow("no-such-event")
    assert desk.state() == before


def test_type_that_is_not_synced_is_left_out(district: Bridge) -> None:
    """The sync would withdraw it; the reason names the setting."""
    desk = Desk(district, ("maintenance-block",))
    desk.create(desk.slot("one", DAY))
    told = desk.follow("push-1")
    assert (told.changes, told.left_out) == (0, "calendars here show no reservation (FACILITRON_EVENT_TYPES)")
    assert desk.shown() == []


def test_event_of_an_unknown_property_is_left_out(desk: Desk, district: Bridge, fresh_url: str) -> None:
    """An empty catalogue has no place for it."""
    desk.create(desk.slot("one", DAY))
    empty = Store.connect(fresh_url)
    empty.upgrade()
    follower = Follower(
        desk.client, empty, event_types=("reservation",), clock=district.clock, sleep=district.naps.append
    )
    told = follower.follow("reservation", "push-1")
    empty.close()
    assert (told.changes, told.left_out) == (0, "the catalogue does not have its property")


def test_worker_that_asked_before_the_write_does_not_undo_it(desk: Desk, district: Bridge) -> None:
    """An answer of the same second, in which the event is not yet, comes late: it withdraws nothing."""
    property_id = desk.facility.property_id
    plain, asking = district.sync._fetch._client.property_events, []  # noqa: SLF001  # between a request and its answer

    raise NotImplementedError
