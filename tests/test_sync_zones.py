"""Time zones end to end: no guess outranks evidence, in whatever order the vendor's answers come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from icalbridge.cli.check import Check
from icalbridge.cli.doctor import examine
from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.models import Changes, Feed, Window
from icalbridge.store.tables import properties, windows
from icalbridge.sync.interpret import EventsRequest, interpret
from icalbridge.sync.reconcile import KnownCatalog
from icalbridge.sync.refresh_event import EventRefresher
from icalbridge.sync.zone_evidence import learn_zones, zones_of
from tests.fixtures.bridges import KEY, START, Bridge, bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.models import Entry, Property

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
        return [
            each
            for each in self.bridge.world.events.values()
            if each["property_id"] == self.school_id
        ]

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
                    datetime.fromisoformat(slot[name])
                    .replace(tzinfo=tz, microsecond=0)
                    .astimezone(UTC)
                    for name in ("start_datetime", "end_datetime")
                )
                on = (
                    event["status"].lower() == "approved"
                    and slot["status"] == "active"
                    and start < end
                )
                if on and end > now - timedelta(days=60) and start < self.bridge.horizon:
                    found.append((event["_id"], start, end))
        return sorted(found)


@pytest.fixture
def district(database_url: str) -> Iterator[District]:
    with bridge(database_url, schools=1, facilities=1, events_per_day=2, windows=2) as made:
        school_id = made.world.properties[1]["_id"]
        away = {school_id: ZoneInfo(NEW_YORK)}  # where the vendor's own clock is, whatever it says
        made.world.zone_of = lambda property_id: away.get(property_id, ZoneInfo(LOS_ANGELES))  # type: ignore[method-assign]
        opened = District(made, school_id)
        opened.name(NEW_YORK)
        yield opened


@pytest.mark.parametrize("given", UNUSABLE, ids=repr)
def test_zone_of_events_comes_before_the_districts(district: District, given: object) -> None:
    """A school without a usable zone is shown in the one that its events name, from the first sync
    on.
    """
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
def test_district_lends_its_zone_where_events_name_none(
    district: District, named: str | None
) -> None:
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
    before, state = (
        district.entries(),
        district.bridge.store.read.feed_state(Feed("property", district.school_id)),
    )
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
    """What the vendor's catalogue gave once is better evidence than what an event names, whichever
    comes last.
    """
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
    """One event that names another zone is read in the school's, like all others; the order of
    answers is nothing.
    """
    district.give(None)
    district.name(CHICAGO, which=slice(1))
    district.sync()
    assert district.shown == (NEW_YORK, "events")
    assert district.moments() == district.truth(NEW_YORK)
    assert district.sync(full=True) == 0


def test_better_evidence_moves_what_was_read_under_a_guess(district: District) -> None:
    """Weeks later events name the zone: everything moves by three hours in one pass, past ones too;
    UIDs stay.
    """
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
    feeds = {Feed("event", each.event_id, each.event_type) for each in before.values()}
    assert {
        state.zone for each in feeds if (state := district.bridge.store.read.feed_state(each))
    } == {NEW_YORK}
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
        moved = replace(
            old,
            zone=zone,
            start=new.start,
            end=new.end,
            sequence=old.sequence + 1,
            modified=new.modified,
        )
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
    """One that is read by its id after a write names the zone too; everything else of the school
    moves with it.
    """
    district.give(None)
    district.name(None)
    district.sync()
    district.name(NEW_YORK, which=slice(1))
    event_id = district.events[0]["_id"]
    client = Client(
        district.bridge.url, KEY, ledger=MemoryLedger(10**7, 10**7), clock=district.bridge.clock
    )
    follower = EventRefresher(
        client,
        district.bridge.store,
        event_types=["reservation"],
        clock=district.bridge.clock,
        sleep=lambda _: None,
    )
    followed = follower.refresh("reservation", event_id)
    assert followed.event.zone == NEW_YORK
    assert district.shown == (NEW_YORK, "events")
    district.sync()
    assert district.moments() == district.truth(NEW_YORK)


def test_answer_that_was_read_before_the_zone_was_learned_is_read_again(district: District) -> None:
    """Another worker learned it meanwhile: what this one read under the guess is not taken for
    known.
    """
    district.give(None)
    district.name(None)
    district.sync()
    store, now = district.bridge.store, district.bridge.clock()
    stale = KnownCatalog(*store.sync_reads.catalog())
    owner, days = (
        stale.properties[district.school_id],
        Window(now.date(), now.date() + timedelta(days=30)),
    )
    client = Client(
        district.bridge.url, KEY, ledger=MemoryLedger(10**7, 10**7), clock=district.bridge.clock
    )
    named, unsure = zones_of(stale.properties)
    answer = client.property_events(owner.id, days, zones=named, unsure=unsure)
    assert {each.zone for each in answer.events} == {LOS_ANGELES}
    store.write.learn_zones({owner.id: NEW_YORK}, Changes(), now=now)
    with store.alone("default") as alone:
        places, moved = learn_zones(alone, stale, answer, requested_at=now, now=now)
        understood = interpret(
            alone,
            places,
            EventsRequest(owner, days),
            answer,
            requested_at=now,
            now=now,
            moved=moved,
        )
    assert {each.digest for each in understood.changes.parsed} == {""}
    district.sync()
    assert district.moments() == district.truth(NEW_YORK)


def test_today_is_the_learned_zones(district: District) -> None:
    """At 22:00 in Los Angeles the school's day is the next one already: windows begin there, and
    nothing is refused.
    """
    district.give(None)
    district.sync()
    district.bridge.clock.now = datetime(2026, 11, 24, 6, tzinfo=UTC)
    district.sync()
    asked = [
        query
        for _, path, query, _ in district.bridge.state.requests
        if f"{district.school_id}/events" in path
    ]
    assert "start_date=2026-11-24" in asked[-2]
    with district.bridge.store.engine.connect() as connection:
        mine = select(windows.c.start_date).where(
            windows.c.property_id == district.school_id, windows.c.number == 0
        )
        assert connection.scalar(mine) == date(2026, 11, 24)


def test_slots_an_hour_apart_keep_their_uids(district: District) -> None:
    """Read three hours off, one slot's time was another's: each keeps the UID of its own local
    time.
    """
    event = max(district.events, key=lambda each: len(each["timeslots"]))
    slot = event["timeslots"][0]
    event["timeslots"] = [
        {
            **slot,
            "start_datetime": f"2026-12-03T{hour:02}:00",
            "end_datetime": f"2026-12-03T{hour + 1:02}:00",
        }
        for hour in (9, 12, 15, 18)
    ]
    event["status"], slot["status"] = "Approved", "active"
    district.give(None)
    district.name(None)
    district.sync()
    before = {
        uid: each.start.hour
        for uid, each in district.entries().items()
        if each.event_id == event["_id"]
    }
    district.name(NEW_YORK)
    district.sync()
    after = {
        uid: each.start.hour
        for uid, each in district.entries().items()
        if each.event_id == event["_id"]
    }
    assert after == {uid: (hour - 3) % 24 for uid, hour in before.items()}
    assert len(after) == 4


def _of_before(district: District, zone: str) -> None:
    """Make the school one that a version stored which kept no sources, guesses among them."""
    with district.bridge.store.engine.begin() as connection:
        mine = properties.c.id == district.school_id
        connection.execute(
            update(properties).where(mine).values(zone=zone, zone_source="", vendor_zone="")
        )


def test_zone_of_an_older_version_gives_way_to_events(district: District) -> None:
    """It may have been a guess: events that were read under it are read again though their bytes
    are known.
    """
    district.give(LOS_ANGELES)
    district.sync()
    before = district.entries()
    district.give(None)
    _of_before(district, LOS_ANGELES)
    district.sync()
    assert district.shown == (NEW_YORK, "events")
    assert district.moments() == district.truth(NEW_YORK)
    _assert_moved(before, district.entries(), NEW_YORK)


def test_zone_of_an_older_version_outlives_nulls(district: District) -> None:
    """Where nothing better is known it stays, rather than the district's; the vendor's own word
    replaces it.
    """
    district.give(NEW_YORK)
    district.name(None)
    district.sync()
    before = district.entries()
    district.give(None)
    _of_before(district, NEW_YORK)
    assert district.sync() == 0
    assert district.shown == (NEW_YORK, "earlier")
    assert district.sync(full=True) == 0
    assert district.entries() == before
    district.give("Central Standard Time")
    district.sync()
    assert district.shown == (CHICAGO, "property")
    assert district.moments() == district.truth(CHICAGO)


def test_doctor_says_what_is_shown_instead(district: District, database_url: str) -> None:
    """What the vendor gives, what is shown for it and why; names that can be resolved are zones."""
    district.bridge.world.properties[1]["name"] = "Lincoln High"
    district.give("Eastern Standrd Time")
    district.name(None)
    district.sync()
    environ = {
        "FACILITRON_API_KEY": KEY,
        "FACILITRON_API_URL": district.bridge.url,
        "FACILITRON_RATE_PER_MINUTE": "60000",
        "DATABASE_URL": database_url,
    }
    note = (
        "Lincoln High: no usable time zone from the vendor ('Eastern Standrd Time'); times are"
        " shown in America/Los_Angeles, taken from its district"
    )
    failed = f"no time zone that exists: Lincoln High; ask Facilitron to set it. {note}"
    assert Check("zones", False, failed) in examine(environ)
    district.give("pacific standard time")
    assert Check("zones", True, "every property has one that exists") in examine(environ)
