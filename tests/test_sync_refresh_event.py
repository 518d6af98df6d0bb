"""`icalbridge.sync.refresh_event`: what was written is in the store, and so in feeds, without any window
being fetched.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.errors import NotFound, VendorUnavailable
from icalbridge.facilitron import (
    Client,
    Created,
    MemoryLedger,
    Moved,
    NewEvent,
    NewTimeslot,
    TimeslotChange,
)
from icalbridge.models import Feed, FeedState
from icalbridge.store import Store
from icalbridge.sync import windows as sync_windows
from icalbridge.sync.refresh_event import EventRefresher, RefreshedEvent
from icalbridge.sync.run import Sync
from tests.fixtures.bridges import KEY, Bridge, synced_bridge
from tests.fixtures.writes import RENTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from icalbridge.models import Entry
    from icalbridge.store import Claim
    from tests.fixtures.stores import Prepared

DAY = datetime(2027, 7, 4, 17, tzinfo=UTC)
"""Nothing else is booked then."""


@pytest.fixture
def district(prepared: Prepared, database_url: str) -> Iterator[Bridge]:
    """A district of two schools, synced."""
    with synced_bridge(
        prepared, database_url, events_per_day=2, windows=sync_windows.WINDOWS
    ) as made:
        made.clock.advance(minutes=5)
        yield made


class Desk:
    """Writes to the vendor and follows, over a bridge."""

    def __init__(
        self,
        district: Bridge,
        event_types: tuple[str, ...] = ("reservation",),
        after: Callable[[], object] = lambda: None,
    ) -> None:
        """`after`: done once, between the first answer and what is made of it."""
        self._bridge = district
        self.requests: list[str] = []
        self.client = Client(
            district.url,
            KEY,
            ledger=MemoryLedger(10**7, 10**7),
            clock=district.clock,
            sleep=lambda seconds: district.clock.advance(seconds=seconds),
            on_request=lambda endpoint, outcome: self.requests.append(f"{endpoint} {outcome}"),
            waiting=_once(after),
        )
        self.follower = EventRefresher(
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

    def create(self, *slots: NewTimeslot) -> str:
        told = NewEvent("push-1", "Recital", RENTER, 12, slots, self.zone)
        made = self.client.create_event(told)
        assert isinstance(made, Created)
        return made.event_id

    def write_and_follow(self) -> None:
        self.follow(self.create(self.slot("one", DAY)))

    def follow(self, event_id: str) -> RefreshedEvent:
        return self.follower.refresh("reservation", event_id)

    def shown(self) -> list[tuple[str, datetime, int]]:
        """Return name, start and sequence of what the facility's feed shows on the day and the
        next.
        """
        known = self._bridge.entries(Feed("facility", self.facility.id))
        until = DAY + timedelta(hours=30)
        return [
            (each.name, each.start, each.sequence) for each in known if DAY <= each.start < until
        ]

    def entries(self, event_id: str) -> list[Entry]:
        return list(
            *self._bridge.store.sync_reads.known([self.follow(event_id).event.key]).values()
        )

    def state(self) -> FeedState:
        found = self._bridge.store.read.feed_state(Feed("facility", self.facility.id))
        assert found
        return found


@pytest.fixture
def desk(district: Bridge) -> Desk:
    return Desk(district)


def test_created_event_is_shown(desk: Desk, district: Bridge) -> None:
    """By the external id, with all its timeslots; the feed's revision is raised, now and in a later
    second.
    """
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
    """RefreshedEvent again, it changes no entry and no revision."""
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
    assert (told.changes, told.left_out) == (
        0,
        "calendars here show no reservation (FACILITRON_EVENT_TYPES)",
    )
    assert desk.shown() == []


def test_event_of_an_unknown_property_is_left_out(
    desk: Desk, district: Bridge, tmp_path: Path
) -> None:
    """An empty catalogue has no place for it."""
    desk.create(desk.slot("one", DAY))
    empty = Store.connect(f"sqlite:///{tmp_path}/empty.db")
    empty.upgrade()
    follower = EventRefresher(
        desk.client,
        empty,
        event_types=("reservation",),
        clock=district.clock,
        sleep=district.naps.append,
    )
    told = follower.refresh("reservation", "push-1")
    empty.close()
    assert (told.changes, told.left_out) == (0, "the catalog does not have its property")


def test_worker_that_asked_before_the_write_does_not_undo_it(desk: Desk, district: Bridge) -> None:
    """An answer of the same second, in which the event is not yet, is applied last: it withdraws
    nothing.
    """
    worker = _worker(district, desk.write_and_follow)
    assert worker.window(_claim(district, desk.facility.property_id)) == 0
    assert desk.shown() == [("Recital", DAY, 0)]


def test_worker_that_wrote_meanwhile_lets_it_be_asked_again(desk: Desk, district: Bridge) -> None:
    """Which of the two answers is newer cannot be told: a third one is."""
    event_id = desk.create(desk.slot("one", DAY))

    def rename() -> None:
        district.world.rename(event_id, "Concert")
        district.clock.advance(seconds=1)
        _worker(district, lambda: None).window(_claim(district, desk.facility.property_id))
        district.world.rename(event_id, "Evensong")

    hasty = Desk(district, after=rename)
    requests: list[str] = hasty.requests
    assert (hasty.follow(event_id).event.name, requests) == (
        "Evensong",
        ["event 200", "event 200"],
    )
    assert desk.shown() == [("Evensong", DAY, 0)]


def _worker(district: Bridge, after: Callable[[], object]) -> Sync:
    """Return a sync that does something between its first answer and what it makes of it."""
    client = Client(
        district.url,
        KEY,
        ledger=MemoryLedger(10**7, 10**7),
        clock=district.clock,
        waiting=_once(after),
    )
    return Sync(
        client, district.store, api_user_id="default", worker_id="late", clock=district.clock
    )


def _once(after: Callable[[], object]) -> Callable[[], AbstractContextManager[None]]:
    left = [after]

    @contextmanager
    def waiting() -> Iterator[None]:
        yield
        if left:
            left.pop()()

    return waiting


def _claim(district: Bridge, property_id: str) -> Claim:
    """Lease the window of the day on which everything is."""
    windows = district.store.windows
    windows.make_due([property_id], now=district.clock())
    while claim := windows.claim(
        "default", "late", now=district.clock(), property_ids=[property_id]
    ):
        if DAY.date() in sync_windows.window_days(claim.number, district.clock().date()):
            return claim
        windows.release(claim, due=district.clock() + timedelta(days=1))
    raise AssertionError("the window is not due")
