"""`icalbridge.sync.run` and `catalogue`: the store follows the vendor, over HTTP, whatever the
vendor does.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.models import Feed
from icalbridge.sync.windows import WINDOWS
from tests.fixtures.bridges import KEY, Bridge, bridge, synced_bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.models import Entry
    from tests.fixtures.stores import Prepared


START = "2026-11-24"


@pytest.fixture
def district(prepared: Prepared, database_url: str) -> Iterator[Bridge]:
    """A district of two schools, synced once, on either database."""
    with synced_bridge(prepared, database_url) as made:
        yield made


def _by_uid(entries: tuple[Entry, ...]) -> dict[str, Entry]:
    return {each.uid: each for each in entries}


def _weekly(district: Bridge) -> str:
    """Return the id of an approved event with many timeslots to come."""
    approved = [each for each in district.world.events.values() if each["status"] == "Approved"]
    return str(
        max(
            approved,
            key=lambda each: sum(slot["start_datetime"] > START for slot in each["timeslots"]),
        )["_id"]
    )


def _future(district: Bridge, event_id: str) -> int:
    """Return the index of a timeslot of an event that is weeks ahead."""
    slots = district.world.events[event_id]["timeslots"]
    return next(index for index, slot in enumerate(slots) if slot["start_datetime"] > "2026-12-05")


def _others(district: Bridge, event_id: str) -> tuple[Entry, ...]:
    return tuple(each for each in district.entries() if each.event_id != event_id)


def test_sync_shows_what_the_vendor_shows(district: Bridge) -> None:
    """After one pass the district's feed is the vendor's truth, timeslot by timeslot."""
    assert len(district.truth()) > 100
    assert district.told() == district.truth()


def test_sync_asks_for_each_window_once(database_url: str) -> None:
    """One request for the properties, one a property for its facilities, twelve a property for its
    year.
    """
    with bridge(database_url, facilities=1, events_per_day=1, windows=WINDOWS) as empty:
        assert empty.run().failures == []
        asked = Counter(path.rpartition("/")[2] for _, path, _, _ in empty.state.requests)
        assert asked == {"properties": 1, "facilities": 3, "events": 36}
        assert {status for *_, status in empty.state.requests} == {200}


def test_sync_of_an_unchanged_world_changes_nothing(district: Bridge) -> None:
    """No change, no revision, the same entries to the last field."""
    before, revision = district.entries(), district.store.read.feed_state(_district(district))
    assert district.run().changes == 0
    assert district.entries() == before
    assert district.store.read.feed_state(_district(district)) == revision


def _district(district: Bridge) -> Feed:
    return Feed("property", district.world.properties[0]["_id"])


def test_full_sync_reads_anew_and_changes_nothing(district: Bridge) -> None:
    """`--full` decodes all that is known already, and finds it the same."""
    before = district.entries()
    assert district.run(full=True).changes == 0
    assert district.entries() == before


def test_renamed_event_keeps_uids_and_sequence(district: Bridge) -> None:
    """A new name is new LAST-MODIFIED and nothing else; other events do not move."""
    event_id = _weekly(district)
    before, others = _by_uid(district.entries()), _others(district, event_id)
    district.clock.advance(minutes=5)
    district.world.set_field(event_id, "name", "Renamed")
    assert district.run().failures == []
    changed = {
        uid: each for uid, each in _by_uid(district.entries()).items() if each.event_id == event_id
    }
    assert changed == {
        uid: replace(each, name="Renamed", modified=district.clock())
        for uid, each in before.items()
        if each.event_id == event_id
    }
    assert _others(district, event_id) == others


@pytest.mark.parametrize("by", [timedelta(hours=1), timedelta(days=3), timedelta(days=60)])
def test_moved_timeslot_keeps_its_uid(district: Bridge, by: timedelta) -> None:
    """Moved by an hour, a few days, or into another window: the same UID, a higher SEQUENCE,
    nothing else changed.
    """
    event_id = _weekly(district)
    before = _by_uid(district.entries())
    district.world.move_timeslot(event_id, _future(district, event_id), by)
    district.clock.advance(minutes=5)
    assert district.run().failures == []
    after = _by_uid(district.entries())
    assert after.keys() == before.keys()
    (uid,) = [uid for uid in after if after[uid] != before[uid]]
    assert after[uid].sequence > before[uid].sequence
    assert district.told() == district.truth()


@pytest.mark.parametrize("edit", ["suspend", "cancel", "delete", "declined", "re-roomed"])
def test_edits_are_followed_exactly(district: Bridge, edit: str) -> None:
    """After each kind of edit the feed is the truth again, and events that were not touched are as
    before.
    """
    event_id = _weekly(district)
    others = _others(district, event_id)
    index = _future(district, event_id)
    match edit:
        case "suspend":
            district.world.set_timeslot_field(event_id, index, "status", "suspended")
        case "cancel":
            district.world.set_field(event_id, "status", "Cancelled")
        case "declined":
            district.world.set_field(event_id, "status", "DECLINED")
        case "delete":
            district.world.delete(event_id)
        case _:
            other = district.world.facilities_of(district.world.events[event_id]["property_id"])[-1]
            district.world.set_timeslot_field(event_id, index, "facility", {**other})
    district.clock.advance(minutes=5)
    assert district.run().failures == []
    told = district.told()
    if edit == "delete":
        told = [
            each for each in told if each[2] > district.clock() or each[0] != event_id
        ]  # its past stays
    assert told == district.truth()
    assert _others(district, event_id) == others


def test_reactivated_event_has_its_uids_again(district: Bridge) -> None:
    """Cancelled, seen as cancelled, and approved again: the same UIDs, each with a risen SEQUENCE."""
    event_id = _weekly(district)
    before = _by_uid(district.entries())
    for status in ("Cancelled", "Approved"):
        district.world.set_field(event_id, "status", status)
        assert district.run().failures == []
    after = _by_uid(district.entries())
    assert after.keys() == before.keys()
    assert {
        after[uid].sequence - before[uid].sequence
        for uid in after
        if after[uid].event_id == event_id
    } == {2}


def test_past_stays_when_the_vendor_forgets_it(district: Bridge) -> None:
    """A week later the vendor has dropped last week; the feed has not."""
    before = [each for each in district.entries() if each.end <= district.clock()]
    assert before
    district.clock.advance(days=7)
    today = district.clock().date().isoformat()
    for event in district.world.events.values():
        event["timeslots"] = [slot for slot in event["timeslots"] if slot["start_datetime"] > today]
    district.world.edited()
    assert district.run().failures == []
    oldest = district.clock() - timedelta(days=60)
    kept = {
        each.uid: each
        for each in district.entries()
        if each.end <= district.clock() - timedelta(days=7)
    }
    assert kept == {each.uid: each for each in before if each.end > oldest}


FAULTS = (("429", "properties"), ("truncated", "facilities"), ("empty", "property-events"))
"""A few that a whole pass meets: test_sync_faults has them all."""


@pytest.mark.parametrize(("kind", "endpoint"), FAULTS)
def test_no_fault_changes_a_feed(district: Bridge, kind: str, endpoint: str) -> None:
    """Whatever the vendor does at whichever endpoint: the feed is the same during it, and follows
    after it.
    """
    before = district.entries()
    district.fail(f"{kind}:endpoint={endpoint}")
    district.clock.advance(minutes=5)
    told = district.run().failures
    assert told
    assert KEY not in repr(told)
    assert district.entries() == before
    district.heal()
    district.clock.advance(minutes=60)
    event_id = _weekly(district)
    district.world.set_field(event_id, "status", "Cancelled")
    assert district.run().failures == []
    assert district.told() == district.truth()


def test_refused_key_stops_the_pass_at_once(district: Bridge) -> None:
    """A revoked key is not tried for every window."""
    district.fail("401")
    asked = len(district.state.requests)
    assert len(district.run().failures) == 1
    assert len(district.state.requests) - asked == 1


@pytest.mark.parametrize(("kind", "schools"), [("429", 3), ("503", 3), ("401", 1), ("404", 7)])
def test_catalog_stops_asking_a_vendor_that_does_not_answer(
    database_url: str, kind: str, schools: int
) -> None:
    """What fails for each school alike is not tried for all; what only some lack is."""
    with bridge(database_url, schools=6, facilities=1, events_per_day=1, windows=1) as made:
        made.run()
        before = made.store.read.facilities([each.id for each in made.store.read.properties()])
        made.fail(f"{kind}:endpoint=facilities")
        begun = len(made.state.requests)
        assert made.sync.fetch_catalog(at_once=True)
        asked = {path for _, path, *_ in made.state.requests[begun:] if "facilities" in path}
        assert len(asked) == schools
        after = made.store.read.facilities([each.id for each in made.store.read.properties()])
        assert after == before != []


def test_emptied_window_is_believed_the_second_time(district: Bridge) -> None:
    """An answer with nothing, where plenty was, is doubted; a later one that agrees is believed."""
    for event in list(district.world.events):
        district.world.delete(event)
    before = district.entries()
    first = district.run()
    assert first.failures
    assert all("not believed until a later answer agrees" in each for each in first.failures)
    doubted = {each.uid for each in before}
    assert {each.uid for each in district.entries()} <= doubted
    assert len(district.entries()) > len(before) / 2
    district.clock.advance(seconds=120)
    assert district.run().failures == []
    assert [each for each in district.entries() if each.end > district.clock()] == []


def test_unreadable_timeslot_withdraws_nothing_of_its_event_and_is_counted(
    district: Bridge, caplog: pytest.LogCaptureFixture
) -> None:
    """What is readable beside it still adds and changes, and another event that goes is withdrawn."""
    before = district.entries()
    early = next(each for each in district.world.events.values() if each["name"] == "Early Birds")
    gone = next(
        each["_id"]
        for each in district.world.events.values()
        if each["property_id"] == early["property_id"] and each["name"] == "Health Fair"
    )
    district.world.delete(gone)
    unreadable = {**early["timeslots"][0], "start_datetime": None}
    district.world.set_field(early["_id"], "timeslots", [*early["timeslots"], unreadable])
    district.world.set_field(early["_id"], "name", "Changed")
    with caplog.at_level(logging.WARNING, logger="icalbridge"):
        assert district.run().failures == []
    stay = {each.uid for each in before if each.event_id != gone or each.end <= district.clock()}
    assert {each.uid for each in district.entries()} == stay
    assert {each.name for each in district.entries() if each.event_id == early["_id"]} == {
        "Changed"
    }
    assert district.store.read.health(district.clock()).skipped > 0
    assert "unreadable time" in caplog.text


def test_renamed_school_reaches_every_location(district: Bridge) -> None:
    """The catalogue's change is a change of place in each entry there, and UIDs stay."""
    school = district.world.properties[1]
    before = _by_uid(district.entries())
    school["name"] = "Renamed High"
    district.clock.advance(days=1)
    assert district.run().failures == []
    here = [each for each in district.entries() if each.property_id == school["_id"]]
    assert here
    assert all("Renamed High" in each.location for each in here)
    assert {each.sequence - before[each.uid].sequence for each in here if each.uid in before} == {1}


def test_new_zone_of_a_school_moves_its_entries(district: Bridge) -> None:
    """The same bytes mean other moments in another zone, so they are read again."""
    school = district.world.properties[1]
    school["timezone"] = "America/Denver"
    assert district.run().failures == []
    assert district.told() == district.truth()


def test_past_date_refusal_at_midnight_is_planned_again(district: Bridge) -> None:
    """When midnight passes between plan and request, the vendor refuses a past date, and that is no
    failure.
    """
    district.store.windows.make_due(
        [each["_id"] for each in district.world.properties], now=district.clock()
    )
    claim = district.store.windows.claim("default", "test", now=district.clock())
    assert claim is not None
    district.clock.now = district.clock().replace(hour=7, minute=59, second=59) + timedelta(
        days=1
    )  # 23:59:59 there
    send = district.sync._fetch._events._client.property_events

    def late(*args: object, **options: object) -> object:
        district.clock.advance(seconds=2)
        return send(*args, **options)  # type: ignore[arg-type]

    district.sync._fetch._events._client.property_events = late  # type: ignore[method-assign,assignment]
    assert district.sync.window(claim) == 0
    health = district.store.read.health(district.clock())
    assert {each.error for each in health.properties} == {""}
    assert district.state.requests[-1][3] == 400


def test_key_is_in_no_log(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """At the most talkative level, through failures of every kind."""
    with (
        caplog.at_level(logging.DEBUG),
        bridge(database_url, schools=1, facilities=1, events_per_day=1) as made,
    ):
        made.run()
        for kind in ("401", "503", "reset", "garbage"):
            made.fail(kind)
            made.run()
    assert len(caplog.records) >= 20
    assert KEY not in caplog.text
    assert "Privada" not in caplog.text
    assert "renter.example" not in caplog.text
