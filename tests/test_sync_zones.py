"""Time zones end to end: no guess outranks evidence, in whatever order the vendor's answers come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.model import Feed
from icalbridge.sync.follow import Follower
from tests.fixtures.bridges import KEY, START, Bridge, bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.model import Entry, Property

NEW_YORK, LOS_ANGELES, CHICAGO = "America/New_York", "America/Los_Angeles", "America/Chicago"
UNUSABLE = [None, "  ", "Eastern Standrd Time", ["America/New_York"]]


@dataclass
class District:
    """A district in Los Angeles with a school that is in New York, whatever its `timezone` says."""

    bridge: Bridge
    school_id: str

    def give(self, timezone: object) -> None:
        """Let the catalogue give a time zone for the school."""
        self.bridge.world.property(self.school_id)["timezone"] = timezone  # type: ignore[index]

    def name(self, timezone: object, *, which: slice = slice(None)) -> None:
        """Let events of the school name a time zone."""
        for event in self.events[which]:
            event["property_timezone"] = timezone
        self.bridge.world.edited()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [each for each in self.bridge.world.events.values() if each["property_id"] == self.school_id]

    def sync(self, *, full: bool = False) -> int:
        """Sync everything some minutes later; return how many entries changed."""
        self.bridge.clock.advance(minutes=5)
        done = self.bridge.run(full=full)
        assert done.failures == []
        return done.changes

    @property
    def school(self) -> Property:
        found = self.bridge.store.read.property(self.school_id)
        assert found
        return found

    @property
    def shown(self) -> tuple[str, str]:
        """The school's zone and where it comes from; all that shows the zone agrees."""
        facility = self.bridge.world.facilities_of(self.school_id)[0]["_id"]
        feeds = Feed("property", self.school_id), Feed("facility", facility)
        states = map(self.bridge.store.read.feed_state, feeds)
        assert {each.zone for each in states if each} == {self.school.timezone or "UTC"}
        return self.school.timezone, self.school.zone_source

    def entries(self) -> dict[str, Entry]:
        return {each.uid: each for each in self.bridge.entries(Feed("property", self.school_id))}

    def moments(self) -> list[tuple[str, datetime, datetime]]:
        return sorted((each.event_id, each.start, each.end) for each in self.entries().values())

    def truth(self, zone: str) -> list[tuple[str, datetime, datetime]]:
        """Return what the school's feed must show, if its local times are those of a zone."""
        found = []
        now, tz = self.bridge.clock(), ZoneInfo(zone)
        for event in self.events:
            for slot in event["timeslots"]:
                start, end = (
                    datetime.fromisoformat(slot[name]).replace(tzinfo=tz, microsecond=0).astimezone(UTC)
                    for name in ("start_datetime", "end_datetime")
                )
                on = event["status"].lower() == "approved" and slot["status"] == "active" and start < end
                if on and end > now - timedelta(days=60) and start < now + timedelta(days=365):
                    found.append((event["_id"], start, end))
        return sorted(found)


@pytest.fixture
def district(database_url: str) -> Iterator[District]:
    with bridge(database_url, schools=1, facilities=1, events_per_day=2) as made:
        school_id = made.world.properties[1]["_id"]
        away = {school_id: ZoneInfo(NEW_YORK)}  # where the vendor's own clock is, whatever it says
        made.world.zone_of = lambda property_id: away.get(property_id, ZoneInfo(LOS_ANGELES))  # type: ignore[method-assign]
        opened = District(made, school_id)
        opened.name(NEW_YORK)
        yield opened


@pytest.mark.parametrize("given", UNUSABLE, ids=repr)
def test_zone_of_events_comes_before_the_districts(district: District, given: object) -> None:
    """A school without a usable zone is shown in the one that its events name, from the first sync on."""
    district.give(given)
    district.sync()
    assert district.shown == (NEW_YORK, "events")
    assert district.moments() == district.truth(NEW_YORK)
    assert {each.zone for each in district.entries().values()} == {NEW_YORK}
    assert district.sync(full=True) == 0


@pytest.mark.parametrize("given", ["america/new_york", " Eastern Standard Time "])
def test_other_names_of_a_zone_are_the_propertys_own(district: District, given: str) -> None:
    """Case, blanks, Windows and common names: the vendor gave it, so it outranks what events name."""
    district.give(given)
    district.name(CHICAGO)
    district.sync()
    assert district.shown == (NEW_YORK, "property")
    assert district.moments() == district.truth(NEW_YORK)


@pytest.mark.parametrize("named", [None, "Mars/Olympus"])
def test_district_lends_its_zone_where_events_name_none(district: District, named: str | None) -> None:
    """It is shown, and is no fact: the first event that names another replaces it."""
    district.give(None)
    district.name(named)
    district.sync()
    assert district.shown == (LOS_ANGELES, "parent")
    assert district.moments() == district.truth(LOS_ANGELES)


@pytest.mark.parametrize("given", UNUSABLE, ids=repr)
def test_known_zone_outlives_worse_evidence(district: District, given: object) -> None:
    """One null in one answer changes nothing at all: no entry, no SEQUENCE, no revision."""
    district.give(NEW_YORK)
    district.sync()
    before, state = district.entries(), district.bridge.store.read.feed_state(Feed("property", district.school_id))
    district.give(given)
    assert district.sync() == 0
    assert district.shown == (NEW_YORK, "stored")
    assert district.sync(full=True) == 0
    assert district.entries() == before
    assert district.bridge.store.read.feed_state(Feed("property", district.school_id)) == state
    district.give(NEW_YORK)
    assert district.sync() == 0
    assert district.shown == (NEW_YORK, "property")


def test_stored_zone_comes_before_the_events(district: District) -> None:
    """What the vendor's catalogue gave once is better evidence than what an event names, whichever comes last."""
    district.give(NEW_YORK)
    district.sync()
    before = district.entries()
    district.give(None)
    district.name(CHICAGO)
    district.sync()
    assert district.shown == (NEW_YORK, "stored")
    assert district.moments() == district.truth(NEW_YORK)
    assert district.entries().keys() == before.keys()


def test_zone_of_events_outlives_events_that_name_none(district: District) -> None:
    """It was evidence, so neither a null nor a single event that names another moves the school."""
    district.give(None)
    district.sync()
    before = district.entries()
    district.name(None)
    district.name(CHICAGO, which=slice(1))
    assert district.sync() == 0
    assert district.shown == (NEW_YORK, "events")
    assert district.sync(full=True) == 0
    assert district.entries() == before


def test_most_events_decide_whatever_their_order(district: District) -> None:
    """One event that names another zone is read in the school's, like all others; the order of answers is nothing."""
    district.give(None)
    district.name(CHICAGO, which=slice(1))
    district.sync()
    assert district.shown == (NEW_YORK, "events")
    assert district.moments() == district.truth(NEW_YORK)
    assert district.sync(full=True) == 0


def test_better_evidence_moves_what_was_read_under_a_guess(district: District) -> None:
    """Weeks later events name the zone: everything moves by three hours in one pass, past ones too; UIDs stay."""
    district.give(None)
    district.name(None)
    district.sync()
    before = district.entries()
    assert any(each.end < START for each in before.values())
    district.name(NEW_YORK, which=slice(1))
    district.sync()
    assert district.shown == (NEW_YORK, "events")
    assert district.moments() == district.truth(NEW_YORK)
    _assert_moved(before, district.entries(), NEW_YORK)
    assert district.sync(full=True) == 0


def test_catalogues_zone_moves_what_was_read_under_a_guess(district: District) -> None:
    """The same when the vendor sets the zone at last, in words of its own."""
    district.give("Eastern Standrd Time")
    district.name(None)
    district.sync()
    before = district.entries()
    district.give("Eastern Time (US & Canada)")
    district.sync()
    assert district.shown == (NEW_YORK, "property")
    assert district.moments() == district.truth(NEW_YORK)
    _assert_moved(before, district.entries(), NEW_YORK)
    assert district.sync(full=True) == 0


def _assert_moved(before: dict[str, Entry], after: dict[str, Entry], zone: str) -> None:
    """Each entry has its UID, its local times and nothing else as before; SEQUENCE rose by one."""
    tz = ZoneInfo(zone)
    common = before.keys() & after.keys()
    assert len(common) > len(before) * 0.95  # but for what is at the ends of the year
    for uid in common:
        old, new = before[uid], after[uid]
        local = [
            each.astimezone(ZoneInfo(old.zone)).replace(tzinfo=tz, fold=0).astimezone(UTC)
            for each in (old.start, old.end)
        ]
        moved = replace(old, zone=zone, start=new.start, end=new.end, sequence=old.sequence + 1, modified=new.modified)
        assert (new, [new.start, new.end]) == (moved, local)


ORDERS: dict[str, list[tuple[str | None, str | None]]] = {
    "null, events, valid": [(None, None), (None, NEW_YORK), (NEW_YORK, NEW_YORK)],
    "events, null, valid": [(None, NEW_YORK), (None, None), (NEW_YORK, None)],
    "valid, null, events": [(NEW_YORK, None), (None, None), (None, NEW_YORK)],
    "valid, events, null": [(NEW_YORK, NEW_YORK), ("Mars/Olympus", NEW_YORK), (None, None)],
    "null, valid, null": [(None, None), (NEW_YORK, None), (None, None)],
    "null, null, events": [(None, None), ("", None), (None, NEW_YORK)],
}


@pytest.mark.parametrize("order", ORDERS)
def test_any_order_of_evidence_ends_in_the_truth(district: District, order: str) -> None:
    """Catalogue and events, usable and not, in any order: New York in the end, and each UID once."""
    for given, named in ORDERS[order]:
        district.give(given)
        district.name(named)
        district.sync()
    assert district.shown[0] == NEW_YORK
    assert district.moments() == district.truth(NEW_YORK)
    assert district.sync(full=True) == 0


def test_followed_event_is_evidence(district: District) -> None:
    """One that is read by its id after a write names the zone too; everything else of the school moves with it."""
    district.give(None)
    district.name(None)
    district.sync()
    district.name(NEW_YORK, which=slice(1))
    event_id = district.events[0]["_id"]
    client = Client(district.bridge.url, KEY, ledger=MemoryLedger(10**7, 10**7), clock=district.bridge.clock)
    follower = Follower(
        client, district.bridge.store, event_types=["reservation"], clock=district.bridge.clock, sleep=lambda _: None
    )
    followed = follower.follow("reservation", event_id)
    assert followed.event.zone == NEW_YORK
    assert district.shown == (NEW_YORK, "events")
    district.sync()
    assert district.moments() == district.truth(NEW_YORK)
