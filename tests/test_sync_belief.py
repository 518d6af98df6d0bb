"""Answers that lack most of what is known: nothing goes before a second, later answer agrees; over
HTTP.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.errors import ImplausibleAnswer
from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.store import Store
from icalbridge.sync import windows as sync_windows
from icalbridge.sync.run import Sync
from tests.fixtures.bridges import KEY, Bridge, bridge, synced_bridge
from tests.fixtures.scripted import scripted, told
from tests.fixtures.workers import GRANTED, Agency, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icalbridge.models import Entry
    from icalbridge.sandbox.world import Dto
    from tests.fixtures.stores import Prepared

USER = "default"
HEAVY = "503:endpoint=property-events"


@pytest.fixture
def district(prepared: Prepared, database_url: str) -> Iterator[Bridge]:
    """A district of two schools, synced once, on either database."""
    with synced_bridge(prepared, database_url, windows=2) as made:
        yield made


def _school(district: Bridge) -> str:
    return str(district.world.properties[1]["_id"])


def _hide(district: Bridge, keep: Callable[[Dto], bool]) -> list[Dto]:
    """Let the vendor forget events of the first school; return them."""
    hidden = [
        each
        for each in district.world.events.values()
        if each["property_id"] == _school(district) and not keep(each)
    ]
    for each in hidden:
        district.world.delete(each["_id"])
    return hidden


def _one(district: Bridge) -> str:
    """Return the id of an event of the first school that has a timeslot in its first window."""
    return next(each.event_id for each in _coming(district) if each.start > district.clock())


def _coming(district: Bridge) -> list[Entry]:
    return [
        each
        for each in district.entries()
        if each.property_id == _school(district) and each.end > district.clock()
    ]


def _window(district: Bridge) -> list[Entry]:
    """Return what is to come in the first window of the first school."""
    zone = "America/Los_Angeles"
    since, until = sync_windows.bounds(
        sync_windows.window_days(0, sync_windows.today(district.clock(), zone)), zone
    )
    return [each for each in _coming(district) if since <= each.start < until]


def _fetch(district: Bridge, number: int = 0, sync: Sync | None = None) -> int:
    """Fetch one window of the first school."""
    store, now = district.store, district.clock()
    store.windows.make_due([_school(district)], now=now)
    while claim := store.windows.claim(USER, "test", now=now, property_ids=[_school(district)]):
        if claim.number == number:
            return (sync or district.sync).window(claim)
        store.windows.release(claim, due=now + timedelta(days=1))
    raise AssertionError("not due")


def test_short_answer_is_believed_the_second_time(
    district: Bridge, caplog: pytest.LogCaptureFixture
) -> None:
    """Most of a window is gone at once: nothing is withdrawn, until two minutes later the vendor
    says the same.
    """
    kept = _one(district)
    _hide(district, lambda each: each["_id"] == kept)
    before = _coming(district)
    district.world.rename(kept, "New name")
    with pytest.raises(ImplausibleAnswer, match="not believed until a later answer agrees"):
        _fetch(district)
    after = _coming(district)
    assert {each.uid for each in after} == {each.uid for each in before}
    assert {each.name for each in after if each.event_id == kept} == {"New name"}
    assert "withdrawn by Facilitron" not in caplog.text
    district.clock.advance(seconds=119)
    with pytest.raises(ImplausibleAnswer):
        _fetch(district)
    assert {each.uid for each in _coming(district)} == {each.uid for each in before}
    district.clock.advance(seconds=1)
    with caplog.at_level(logging.WARNING):
        assert _fetch(district) > 0
    assert {each.event_id for each in _window(district)} == {kept}
    (withdrawal,) = district.store.read.health(district.clock()).withdrawals
    assert (withdrawal.property_id, withdrawal.at) == (_school(district), district.clock())
    assert 3 < withdrawal.count < withdrawal.known
    assert caplog.messages == [str(withdrawal)]
    name = district.world.properties[1]["name"]
    assert (
        f": {withdrawal.count} of {withdrawal.known} bookings of {name} were withdrawn by"
        " Facilitron" in str(withdrawal)
    )


def test_answer_that_is_whole_again_ends_the_doubt(district: Bridge) -> None:
    """Nothing ever went, and the next short answer is the first one again."""
    kept, before = _one(district), {each.uid for each in _coming(district)}
    hidden = _hide(district, lambda each: each["_id"] == kept)
    with pytest.raises(ImplausibleAnswer):
        _fetch(district)
    for each in hidden:
        district.world.add_event(each)
    district.clock.advance(minutes=3)
    _fetch(district)
    _hide(district, lambda each: each["_id"] == kept)
    district.clock.advance(minutes=3)
    with pytest.raises(ImplausibleAnswer):
        _fetch(district)
    assert {each.uid for each in _coming(district)} == before
    assert district.store.read.health(district.clock()).withdrawals == ()


def test_short_answers_that_differ_withdraw_only_what_both_lack(district: Bridge) -> None:
    """What either of them has is there; what both lack goes; what the second alone lacks is doubted
    anew.
    """
    window = _window(district)
    here = sorted({each.event_id for each in window})
    first, second = here[: len(here) * 9 // 20], here[len(here) * 9 // 20 : len(here) * 7 // 10]
    hidden = _hide(district, lambda each: each["_id"] in first)
    with pytest.raises(ImplausibleAnswer):
        _fetch(district)
    for each in hidden:
        if each["_id"] in second:
            district.world.add_event(each)
    _hide(district, lambda each: each["_id"] in second)
    district.clock.advance(minutes=2)
    with pytest.raises(ImplausibleAnswer):
        _fetch(district)
    assert {each.uid for each in _window(district)} == {
        each.uid for each in window if each.event_id in {*first, *second}
    }
    district.clock.advance(minutes=2)
    _fetch(district)
    assert {each.event_id for each in _window(district)} == set(second)


def test_event_that_lost_its_year_loses_it_window_by_window(district: Bridge) -> None:
    """The event is present in the first; what it has in the others is left to these."""
    weekly = max(
        {each.event_id for each in _coming(district)},
        key=lambda key: sum(each.event_id == key for each in _coming(district)),
    )
    _hide(district, lambda each: each["_id"] == weekly)
    district.clock.advance(minutes=3)
    report = district.run()
    district.clock.advance(minutes=3)
    assert report.failures
    assert district.run().failures == []
    before = [each for each in _coming(district) if each.event_id == weekly]
    slots = district.world.events[weekly]["timeslots"]
    coming = next(each for each in slots if each["start_datetime"] > "2026-11-22")
    district.world.set_field(weekly, "timeslots", [coming])
    district.clock.advance(minutes=10)
    near = {each.uid for each in _window(district)}
    _fetch(district)
    assert {each.uid for each in before} - near <= {each.uid for each in _coming(district)}
    for _ in range(2):
        district.run()
        district.clock.advance(minutes=3)
    assert len(_coming(district)) == 1


def test_full_sync_believes_at_once(district: Bridge, caplog: pytest.LogCaptureFixture) -> None:
    """The operator's word; it is reported all the same."""
    kept = _one(district)
    _hide(district, lambda each: each["_id"] == kept)
    assert district.run(full=True).failures == []
    now = district.clock()
    assert [each for each in district.told() if each[3] > now] == [
        each for each in district.truth() if each[3] > now
    ]
    assert "withdrawn by Facilitron" in caplog.text
    (withdrawal,) = district.store.read.health(district.clock()).withdrawals
    assert withdrawal.property_id == _school(district)


@pytest.mark.parametrize("fault", [f"{HEAVY},days=9", HEAVY])
def test_pieces_of_a_window_are_doubted_too(district: Bridge, fault: str) -> None:
    """In weeks, or facility by facility: no window is lost bit by bit, and all goes together after
    the second pass.
    """
    before = {each.uid for each in _coming(district)}
    kept = _one(district)
    hidden = _hide(district, lambda each: each["_id"] == kept)
    gone = {each["_id"] for each in hidden}
    district.fail(fault)
    with pytest.raises(ImplausibleAnswer):
        _fetch(district)
    assert len(before - {each.uid for each in _coming(district)}) <= 3
    district.clock.advance(minutes=2)
    _fetch(district)
    places = {
        each.id for each in district.store.read.facilities()
    }  # of others the vendor answers nothing
    assert [
        each for each in _window(district) if each.event_id in gone and each.facility_id in places
    ] == []


def test_doubt_survives_a_restart_and_is_shared(district: Bridge, database_url: str) -> None:
    """Another process with a client of its own settles what the first one doubted."""
    kept = _one(district)
    _hide(district, lambda each: each["_id"] == kept)
    with pytest.raises(ImplausibleAnswer):
        _fetch(district)
    district.clock.advance(minutes=2)
    other = Store.connect(database_url)
    client = Client(district.url, KEY, ledger=MemoryLedger(GRANTED, GRANTED), clock=district.clock)
    fresh = Sync(client, other, api_user_id=USER, worker_id="test", clock=district.clock)
    assert _fetch(district, sync=fresh) > 0
    other.close()


def test_two_workers_settle_a_doubt_by_themselves(district: Bridge, database_url: str) -> None:
    """The window is asked again after two minutes, by whoever is free."""
    kept = _one(district)
    before = {each.uid for each in _coming(district)}
    _hide(district, lambda each: each["_id"] == kept)
    read(district)
    district.clock.advance(minutes=10)
    with ExitStack() as open_stores:
        agency = Agency(district, database_url, open_stores)
        first, second = agency.hire("w1"), agency.hire("w2")
        first.work()
        assert len(_coming(district)) > len(before) / 2
        assert len(_window(district)) > 4
        district.clock.advance(minutes=2)
        second.work()
        assert {each.event_id for each in _window(district)} == {kept}


def test_short_day_of_a_district_leaves_it_to_the_schools(district: Bridge) -> None:
    """A district's day that lacks most of a school's withdraws nothing there; the school's window
    is asked at once.
    """
    now = district.clock()
    since, until = sync_windows.bounds(
        sync_windows.window_days(sync_windows.DAY, sync_windows.today(now, "America/Los_Angeles")),
        "America/Los_Angeles",
    )

    def today() -> list[Entry]:
        return [each for each in _coming(district) if since <= each.start < until]

    events = sorted({each.event_id for each in today()})
    if len(events) < 5:
        model = district.world.events[events[0]]
        for number in range(5):
            district.world.add_event({**model, "_id": f"more{number}"})
        _fetch(district)
        events = sorted({each.event_id for each in today()})
    before = {each.uid for each in today()}
    _day(district)
    for key in events[1:]:
        district.world.delete(key)
    district.clock.advance(minutes=1)
    _day(district)
    assert {each.uid for each in today()} == before
    standings = district.store.windows.state(USER).windows
    (own,) = [
        each for each in standings if (each.property_id, each.number) == (_school(district), 0)
    ]
    assert own.due == district.clock()


def _day(district: Bridge) -> None:
    ranked = [
        each
        for each in district.store.windows.state(USER).windows
        if each.number == sync_windows.DAY
    ]
    claim = district.store.windows.claim_planned(ranked, "test", now=district.clock())
    assert claim is not None
    district.sync.window(claim)


# null in place of a list, and the code of an error


def test_null_is_empty_where_nothing_is_known(district: Bridge) -> None:
    """A window in which nothing was ever booked is synced; one with a booking is not."""
    _hide(district, lambda _each: False)
    district.run()
    district.clock.advance(minutes=2)
    assert district.run().failures == []
    district.fail(f"null:endpoint=property-events,property={_school(district)}")
    _fetch(district)
    other = district.world.properties[2]["_id"]
    district.fail(f"null:endpoint=property-events,property={other}")
    before = district.told()
    failed = district.run().failures
    assert failed
    assert all("null for its events" in each for each in failed)
    assert district.told() == before


def test_null_everywhere_makes_a_new_bridge_ready(database_url: str) -> None:
    """A school whose answers are null from the first day on keeps nobody waiting."""
    with bridge(database_url, schools=1, facilities=1, events_per_day=1) as made:
        made.fail("null:endpoint=property-events")
        assert made.run().failures == []
        assert made.store.read.health(made.clock()).ready
        made.fail("null:endpoint=facilities")
        assert made.run().failures != []


def test_empty_answer_with_an_error_code_withdraws_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """`events: []` with SY002, of a school with two bookings: now, two minutes later, and a day
    later.
    """
    url = f"sqlite:///{tmp_path_factory.mktemp('coded')}/coded.db"
    properties = told(
        {"message_code": "A007", "properties": [{"_id": "p1", "name": "S", "timezone": "UTC"}]}
    )
    slots = [
        {
            "start_datetime": f"2026-11-2{day}T10:00:00",
            "end_datetime": f"2026-11-2{day}T11:00:00",
            "status": "active",
        }
        for day in (3, 4)
    ]
    event = {"_id": "e1", "status": "Approved", "property_id": "p1", "timeslots": slots}
    facilities, events = told({"facilities": []}), told({"message_code": "A001", "events": [event]})
    none = told({"message_code": "A001", "events": []})
    coded = told({"message_code": "SY002", "invocation_id": "i-2", "events": []})
    with (
        bridge(url, schools=1, facilities=1, events_per_day=1) as made,
        scripted(properties, facilities, events, none) as script,
    ):
        client = Client(script.url, KEY, ledger=MemoryLedger(GRANTED, GRANTED), clock=made.clock)
        sync = Sync(client, made.store, api_user_id=USER, worker_id="test", clock=made.clock)
        assert sync.everything().failures == []
        known = {each.uid for each in made.store.sync_reads.upcoming(["p1"], made.clock())}
        assert len(known) == 2
        script.replies = [properties, facilities, coded]
        for minutes in (5, 2, 60 * 20):
            made.clock.advance(minutes=minutes)
            script.asked.clear()
            assert len(sync.everything().failures) == 12
            assert {
                each.uid for each in made.store.sync_reads.upcoming(["p1"], made.clock())
            } == known
        (freshness,) = made.store.read.health(made.clock()).properties
        assert ("SY002" in freshness.error, freshness.invocation_id) == (True, "i-2")
