"""A clock that once stood ahead: what it wrote is no evidence, and everything is right again one
pass later.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, update

from icalbridge.cli.status import age
from icalbridge.facilitron import Client
from icalbridge.models import Changes, EventKey
from icalbridge.settings import Settings
from icalbridge.store import PropertyState, SyncState, WindowState
from icalbridge.store.health import TIMES_IN_FUTURE
from icalbridge.store.tables import api_users, events, properties, windows, workers
from icalbridge.store.windows import LEASE_SECONDS
from icalbridge.sync import schedule
from icalbridge.sync import windows as sync_windows
from icalbridge.sync.clock import DatabaseClock
from icalbridge.sync.run import Sync
from icalbridge.sync.schedule import Grant, Schedule
from icalbridge.web import create_app
from icalbridge.web.usage import ReadCounts
from tests.fixtures.bridges import KEY, START, Bridge, bridge, synced_bridge
from tests.fixtures.stores import USER, apply_changes
from tests.fixtures.workers import Agency, Unlimited, read
from tests.samples import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from icalbridge.store import Store
    from tests.fixtures.stores import Prepared

AHEAD = [timedelta(minutes=10), timedelta(hours=5), timedelta(days=30)]
FULL_STACK = [
    timedelta(hours=5),
    *(pytest.param(each, marks=pytest.mark.soak) for each in (AHEAD[0], AHEAD[2])),
]
SIZE = {"schools": 1, "facilities": 2, "events_per_day": 3, "windows": 2}


def _unlimited(district: Bridge) -> Bridge:
    client = Client(
        district.url, KEY, ledger=Unlimited(), clock=district.clock, sleep=district.naps.append
    )
    sync = Sync(
        client,
        district.store,
        api_user_id="default",
        worker_id="test",
        clock=district.clock,
        windows=district.windows,
    )
    return replace(district, sync=sync)


def _nothing(url: str) -> None:
    with bridge(url, **SIZE):
        pass


@pytest.fixture
def district(prepared: Prepared, database_url: str) -> Iterator[Bridge]:
    """A school, never synced."""
    prepared.fill(database_url, _nothing)
    with bridge(database_url, **SIZE) as made:
        made.store.write.add_api_user("default")
        yield _unlimited(made)


@pytest.fixture
def agency(district: Bridge, database_url: str) -> Iterator[Agency]:
    with ExitStack() as open_stores:
        yield Agency(district, database_url, open_stores)


def _web(district: Bridge) -> FlaskClient:
    return create_app(Settings(), district.store, clock=district.clock).test_client()


def _future_times(district: Bridge) -> dict[str, Any]:
    """Return every stored moment of the sync that is later than now."""
    now = district.clock() + timedelta(minutes=1)
    found = {}
    with district.store.engine.connect() as connection:
        for table in (windows, api_users):
            for row in connection.execute(select(table)).mappings():
                for name, value in row.items():
                    later = isinstance(value, datetime) and value > now
                    if (
                        later
                        and name.endswith("_at")
                        and not name.endswith("due_at")
                        and row.get("number") != sync_windows.DAY
                    ):
                        found[f"{table.name}.{name}"] = value
        for moment in connection.scalars(
            select(properties.c.read_at).where(properties.c.read_at > now)
        ):
            found["read_at"] = moment
    return found


# the whole stack


@pytest.mark.parametrize("ahead", FULL_STACK, ids=str)
def test_worker_goes_on_at_its_normal_pace(
    district: Bridge, agency: Agency, ahead: timedelta
) -> None:
    """The first step after the clock is right fetches everything again, and then sleeps as it
    always does.
    """
    district.clock.now = START + ahead
    agency.hire("ahead", ledger=Unlimited()).work()
    read(district)
    client = _web(district)
    assert client.get("/readyz").status_code == 200
    district.clock.now = START
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert (answer.json["ready"], answer.json["error"]) == (False, TIMES_IN_FUTURE)
    assert answer.json["workers_alive"] == 0
    begun = len(district.state.requests)
    nap = agency.hire("right", ledger=Unlimited()).work()
    assert 0 < nap <= 30
    assert len(district.state.requests) - begun >= 2 * district.windows
    assert _future_times(district) == {}
    assert client.get("/readyz").status_code == 200
    assert district.told() == district.truth()
    district.clock.advance(seconds=60)
    begun = len(district.state.requests)
    agency.hire("right", ledger=Unlimited()).work()
    assert len(district.state.requests) > begun


@pytest.mark.parametrize("ahead", FULL_STACK, ids=str)
def test_one_pass_mends_all_times(district: Bridge, ahead: timedelta) -> None:
    """`icalbridge sync`, once the clock is right: no time in the future is left, and feeds are the
    vendor's truth.
    """
    district.clock.now = START + ahead
    assert district.run().failures == []
    read(district)
    district.clock.now = START
    assert district.run().failures == []
    assert _future_times(district) == {}
    assert district.told() == district.truth()


def test_worker_that_lives_through_it_goes_on(district: Bridge, agency: Agency) -> None:
    """The clock is put right while it runs: also after the key was refused, and in the middle of a
    plan.
    """
    hired = agency.hire("w", ledger=Unlimited())
    hired.work()
    district.clock.now = START + timedelta(days=30)
    district.fail("401")
    hired.work()
    district.heal()
    district.clock.now = START + timedelta(hours=1)
    begun = len(district.state.requests)
    assert 0 < hired.work() <= 30
    assert len(district.state.requests) - begun > len(district.world.properties)
    assert district.told() == district.truth()
    assert _web(district).get("/readyz").json["workers_alive"] == 1  # type: ignore[index]


def test_what_moved_meanwhile_is_read_again(district: Bridge) -> None:
    """To a clock that is ahead a booking of next week is past, and is left alone; not so once the
    clock is right.

    The event's bytes are known by then, and are read again nevertheless.
    """
    assert district.run().failures == []
    coming = {
        event_id: number
        for event_id, event in district.world.events.items()
        for number, slot in enumerate(event["timeslots"] or ())
        if "2026-11-23" < slot["start_datetime"] < "2026-12-10" and event["status"] == "Approved"
    }
    assert len(coming) > 8
    for event_id in list(coming)[:5]:
        district.world.move_timeslot(event_id, coming[event_id], timedelta(days=40))
    for event_id in list(coming)[5:8]:
        district.world.delete(event_id)
    district.clock.now = START + timedelta(days=30)
    assert district.run().failures == []
    district.clock.now = START
    assert district.run().failures == []
    coming_now = [each for each in district.told() if each[3] > START]
    assert coming_now == [each for each in district.truth() if each[3] > START]


def test_what_was_forgotten_too_soon_comes_back(district: Bridge) -> None:
    """A clock that is months ahead deletes bookings that are still to come; the next pass reads
    them again.
    """
    assert district.run().failures == []
    truth = [each for each in district.truth() if each[3] > START]
    district.clock.now = START + timedelta(days=60)
    assert district.run().failures == []
    assert district.store.write.forget(district.clock(), now=district.clock()) > 0
    district.clock.now = START
    assert district.run().failures == []
    assert [each for each in district.told() if each[3] > START] == truth


# the plan


def test_moment_in_the_future_counts_as_never() -> None:
    """Whatever it says of a window: when it was fetched, when it is due, until when it is leased."""
    grant = Grant()
    for standing, due in (
        (WindowState("p", 0, synced=NOW + timedelta(days=30)), True),
        (WindowState("p", 0, synced=NOW + timedelta(minutes=2)), True),
        (WindowState("p", 0, synced=NOW), False),
        (WindowState("p", 0, synced=NOW, due=NOW + timedelta(days=30)), True),
        (WindowState("p", 0, synced=NOW, due=NOW + timedelta(days=2), failures=3), True),
        (WindowState("p", 0, synced=NOW, due=NOW + timedelta(minutes=30), failures=3), False),
        (
            WindowState(
                "p",
                0,
                synced=NOW,
                attempted=NOW + timedelta(hours=1),
                due=NOW + timedelta(minutes=9),
            ),
            True,
        ),
        (
            WindowState(
                "p", sync_windows.DAY, due=NOW + timedelta(hours=24), failures=schedule.GIVEN_UP
            ),
            False,
        ),
        (
            WindowState(
                "p", sync_windows.DAY, due=NOW + timedelta(days=30), failures=schedule.GIVEN_UP
            ),
            True,
        ),
        (WindowState("p", 0, leased_until=NOW + timedelta(days=30)), True),
        (WindowState("p", 0, leased_until=NOW + timedelta(seconds=LEASE_SECONDS)), False),
    ):
        planned = Schedule(_situation(standing), grant, NOW)
        if standing.number >= 0:
            assert bool(planned.ranked()) is due, standing
        else:  # of a district without schools no day is fetched
            assert (planned.due(standing) <= NOW) is due, standing


def test_window_left_to_the_next_day_for_want_of_quota_stays_so() -> None:
    """While the quota is used up the next UTC midnight is a due time as good as any."""
    midnight = schedule.next_utc_midnight(NOW)
    situation = _situation(WindowState("p", 0, synced=NOW, due=midnight))
    spent = replace(situation, quota_day=NOW.date(), quota_used=15_000)
    assert Schedule(spent, Grant(), NOW).ranked() == []
    (standing,) = spent.windows
    assert Schedule(spent, Grant(), NOW).due(standing) == midnight


def _situation(standing: WindowState) -> SyncState:
    return SyncState({"p": PropertyState(0, read=NOW)}, (standing,))


# the store


@pytest.mark.both_databases
def test_lease_of_the_future_is_free(school: Store) -> None:
    """Of a window and of the catalogue."""
    later = NOW + timedelta(days=30)
    assert school.api_keys.claim_catalog(USER, "ahead", now=later)
    for _ in range(6):
        assert school.windows.claim(USER, "ahead", now=later)
    assert school.api_keys.claim_catalog(USER, "right", now=NOW)
    assert school.windows.claim(USER, "right", now=NOW)


@pytest.mark.parametrize("ahead", AHEAD, ids=str)
@pytest.mark.parametrize("error", ["", "GET /properties: 503"])
def test_catalogue_of_the_future_is_due(school: Store, ahead: timedelta, error: str) -> None:
    """Also one that could not be read then, if it would wait for longer than it ever does."""
    later = NOW + ahead
    for _ in range(2):
        assert school.api_keys.claim_catalog(USER, "ahead", now=later, at_once=True)
    longest = timedelta(seconds=schedule.PARTLY_SECONDS if error else schedule.CATALOG_SECONDS)
    school.api_keys.finish_catalog(USER, now=later, due=later + longest, error=error)
    assert school.api_keys.claim_catalog(USER, "right", now=NOW)


def test_doubt_of_the_future_is_none(school: Store) -> None:
    """A second answer could never be later than it."""
    later = NOW + timedelta(days=30)
    school.windows.make_due(["school"], now=NOW)
    claim = school.windows.claim(USER, "w", now=NOW, property_ids=["school"])
    assert claim is not None
    school.windows.doubt(claim, now=later, due=NOW)
    again = school.windows.claim(USER, "w", now=NOW, property_ids=["school"])
    assert again is not None
    assert (again.number, again.doubted) == (claim.number, None)


def test_worker_of_the_future_is_not_alive(school: Store) -> None:
    """It is off the list as soon as another gives a sign."""
    school.workers.beat("ahead", now=NOW + timedelta(days=30))
    assert school.read.health(NOW).workers_alive == 0
    school.workers.beat("right", now=NOW)
    with school.engine.connect() as connection:
        assert connection.scalars(select(workers.c.id)).all() == ["right"]


def test_district_that_answered_in_the_future_is_not_believed_to_be_fresh(school: Store) -> None:
    """What its days covered then makes nothing look newer than it is."""
    later = NOW + timedelta(days=30)
    apply_changes(school, Changes())
    with school.engine.begin() as connection:
        connection.execute(update(windows).values(covered_at=later, spanned_at=later, due_at=None))
    health = school.read.health(NOW)
    assert health.ahead_seconds == timedelta(days=30).total_seconds()
    assert not health.ready


def test_change_of_the_future_holds_no_answer_back(school: Store) -> None:
    """An event that a clock ahead wrote is not newer than every answer until then."""
    with school.engine.begin() as connection:
        row = {"event_type": "reservation", "event_id": "e", "property_id": "school", "revision": 1}
        moments = {"changed_at": NOW + timedelta(days=30), "first_seen_at": NOW}
        connection.execute(insert(events).values(**row, **moments))
    key = EventKey("reservation", "e")
    assert school.sync_reads.changed_since([key], NOW, now=NOW) == frozenset()
    later = NOW + timedelta(days=30)
    assert school.sync_reads.changed_since([key], NOW, now=later) == {key}


# the web


@pytest.fixture
def shown(prepared: Prepared, database_url: str) -> Iterator[Bridge]:
    """The same, synced once."""
    with synced_bridge(prepared, database_url, **SIZE) as made:
        yield made


@pytest.mark.parametrize("query", ["", "?past=60", "?view=occupancy"])
def test_feed_rendered_in_the_future_is_rendered_anew(shown: Bridge, query: str) -> None:
    """What had left by then is back; nothing that only a clock ahead could see is left."""
    address = f"/ical/property/{shown.world.properties[0]['_id']}.ics{query}"
    right = _web(shown).get(address)
    client = _web(shown)
    shown.clock.now = START + timedelta(days=200)
    ahead = client.get(address)
    assert ahead.data != right.data
    shown.clock.now = START
    for _ in range(2):
        assert client.get(address).data == right.data


def test_outage_does_not_make_a_rendering_of_the_future_good(
    shown: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is served while the database is down, for want of another, and not any longer."""
    address = f"/ical/property/{shown.world.properties[0]['_id']}.ics"
    right = _web(shown).get(address)
    client = _web(shown)
    shown.clock.now = START + timedelta(days=200)
    ahead = client.get(address)
    shown.clock.now = START
    with shown.store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE properties RENAME TO gone")
    assert client.get(address).data == ahead.data
    with shown.store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO properties")
    shown.clock.advance(seconds=2)
    assert client.get(address).data == right.data


def test_modification_in_the_future_is_not_sent(district: Bridge) -> None:
    """No Last-Modified is later than the answer (RFC 9110, section 8.8.2.1), and no such date
    brings a 304.
    """
    district.clock.now = START + timedelta(days=30)
    assert district.run().failures == []
    client = _web(district)
    address = f"/ical/property/{district.world.properties[0]['_id']}.ics"
    sent = client.get(address).headers["Last-Modified"]
    district.clock.now = START
    assert "Last-Modified" not in client.get(address).headers
    for moment in (sent, format_datetime(START + timedelta(days=1), usegmt=True)):
        assert client.get(address, headers={"If-Modified-Since": moment}).status_code == 200


def test_date_that_is_still_to_come_brings_no_304(shown: Bridge) -> None:
    """A copy of the future proves nothing (RFC 9110, section 13.1.3); one of today does, through
    either door.
    """
    client = _web(shown)
    address = f"/ical/property/{shown.world.properties[0]['_id']}.ics"
    for _ in range(2):
        for moment, status in ((START, 304), (START + timedelta(days=30), 200)):
            headers = {"If-Modified-Since": format_datetime(moment, usegmt=True)}
            assert client.get(address, headers=headers).status_code == status


def test_pages_count_the_future_as_never(district: Bridge) -> None:
    """The status page and `status` do not call it fresh."""
    district.clock.now = START + timedelta(days=30)
    assert district.run().failures == []
    district.clock.now = START
    client = _web(district)
    page = client.get("/status").get_data(as_text=True)
    assert page.count("Waiting for the first update.") == 2
    assert "just now" not in page
    assert age(START + timedelta(days=30), START) == "30 d in the future"
    assert age(START + timedelta(seconds=1), START) == "0 s ago"


def test_reader_is_noted_though_the_clock_was_put_back(shown: Bridge) -> None:
    """Who reads what is remembered for an hour, not until the date that a clock once stood at."""
    demand = ReadCounts(shown.store, shown.clock)
    school_id = shown.world.properties[1]["_id"]
    for moment in (START + timedelta(days=30), START):
        shown.clock.now = moment
        demand.note(school_id)
        demand.write()
    situation = shown.store.windows.state("default")
    assert situation.properties[school_id].read == START


# this machine's clock


@pytest.mark.both_databases
def test_machine_whose_clock_is_set_is_noticed_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the database has a clock, a jump of this machine's is over with the next question."""
    if store.now() is None:
        return
    clock = DatabaseClock(store)
    right = clock()
    monkeypatch.setattr(
        "icalbridge.sync.clock.utcnow", lambda: datetime.now(UTC) + timedelta(days=30)
    )
    assert abs(clock() - right) < timedelta(hours=1)
