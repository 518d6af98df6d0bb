"""`icalbridge.sandbox.scenarios`: each situation is what its name says, and changes nothing that
went in.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import product

import pytest
import requests

from icalbridge import sandbox
from tests.fixtures.commands import free_port, running, until
from tests.fixtures.vendor import HEADERS, TODAY

WEEK = [str(TODAY + timedelta(days=step)) for step in range(7)]


@pytest.fixture(scope="module")
def plain() -> sandbox.Scene:
    """A small district that nothing has happened to."""
    return sandbox.Scene(
        sandbox.build_world(
            seed=5, today=TODAY, schools=3, facilities=4, events_per_day=9, hostile=True
        ),
        TODAY,
    )


def _on(event: dict[str, object], days: list[str]) -> bool:
    slots = event["timeslots"]
    assert isinstance(slots, list)
    return any(
        each["start_datetime"][:10] <= days[-1] and each["end_datetime"][:10] >= days[0]
        for each in slots
    )


@pytest.mark.parametrize("name", sandbox.SCENARIOS)
def test_scenario_is_pure(plain: sandbox.Scene, name: str) -> None:
    """The same twice, and the world that went in is as it was; the new one is another, and takes
    edits of its own.
    """
    before = deepcopy(plain.world.events)
    first, second = (sandbox.stage(name, plain) for _ in range(2))
    assert (first.world.events, first.faults) == (second.world.events, second.faults)
    if not first.faults:
        first.world.rename(next(iter(first.world.events)), "Renamed")
    assert (plain.world.events, plain.faults) == (before, ())


@pytest.mark.parametrize("name", sandbox.SCENARIOS)
def test_scenario_keeps_ids(plain: sandbox.Scene, name: str) -> None:
    """Properties and facilities are the plain district's, and what events are left have the ids
    that they had.
    """
    world = sandbox.stage(name, plain).world
    assert (world.properties, world.facilities) == (plain.world.properties, plain.world.facilities)
    new = [each for event_id, each in world.events.items() if event_id not in plain.world.events]
    assert {each["name"] for each in new} <= {"Graduation Day 🎓"}


def test_quiet_week_has_nothing_for_seven_days(plain: sandbox.Scene) -> None:
    """And all that was there before on every other day."""
    world = sandbox.stage("quiet-week", plain).world
    assert [each for each in world.events.values() if _on(each, WEEK)] == []
    later = [str(TODAY + timedelta(days=7))] * 2
    assert [_id for _id, each in world.events.items() if _on(each, later)] == [
        _id for _id, each in plain.world.events.items() if _on(each, later)
    ]
    assert [each for each in plain.world.events.values() if _on(each, WEEK)] != []


@pytest.mark.parametrize("today", [TODAY, date(2026, 11, 18), date(2026, 11, 22)])
def test_graduation_day_is_the_next_saturday(plain: sandbox.Scene, today: date) -> None:
    """Every school, all its facilities, the day and the eve; what else was booked on the day is
    suspended.
    """
    ahead = {date(2026, 11, 18): "2026-11-21"}.get(today, "2026-11-28")
    world = sandbox.stage("graduation-day", sandbox.Scene(plain.world, today)).world
    new = [each for each in world.events.values() if each["name"] == "Graduation Day 🎓"]
    assert [each["property_id"] for each in new] == [
        each["_id"] for each in plain.world.properties[1:]
    ]
    for event in new:
        ceremony = [each for each in event["timeslots"] if each["activity_name"] == "Ceremony"]
        places = [each["_id"] for each in plain.world.facilities_of(event["property_id"])]
        assert [each["facility"]["_id"] for each in ceremony] == places
        assert {each["start_datetime"] for each in ceremony} == {f"{ahead}T10:00:00"}
    active = {
        event["name"]
        for event in world.events.values()
        for each in event["timeslots"]
        if each["start_datetime"][:10] == ahead and each["status"] == "active"
    }
    assert active == {"Graduation Day 🎓"}


def test_mass_cancellation_cancels_the_week(plain: sandbox.Scene) -> None:
    """Whatever touches the seven days from today; nothing else, and nothing is gone."""
    world = sandbox.stage("mass-cancellation", plain).world
    assert list(world.events) == list(plain.world.events)
    for event_id, event in world.events.items():
        was = plain.world.events[event_id]
        assert event == ({**was, "status": "Cancelled"} if _on(was, WEEK) else was)


DAYS = ("2026-11-22", "2026-12-31", "2027-02-28", "2027-03-14", "2027-11-07")
"""An ordinary day, the end of a year, of a February, and both days on which clocks change there."""
MOMENTS = [
    datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)
    for day, clock in product(DAYS, ("00:30", "07:30", "23:45"))
]


@pytest.mark.parametrize("now", MOMENTS, ids=lambda now: f"{now:%Y-%m-%dT%H:%M}Z")
def test_scenario_begins_on_the_day_of_each_school(now: datetime) -> None:
    """Whatever the hour in UTC, and also where it is yesterday at one school and today at another."""
    world = sandbox.build_world(
        seed=1,
        today=sandbox.district_day(now),
        schools=4,
        facilities=2,
        events_per_day=6,
        hostile=True,
    )
    plain = sandbox.Scene(world, now)
    assert len({each["timezone"] for each in world.properties}) == 3
    before = _answered(plain)
    assert any("Approved" in statuses for statuses, _ in before)
    assert _answered(sandbox.stage("quiet-week", plain)) == [(set(), set())] * 4
    cancelled = _answered(sandbox.stage("mass-cancellation", plain))
    assert cancelled == [({"Cancelled"} if names else set(), names) for _, names in before]
    graduation = [
        names & {"Graduation Day 🎓"} != set()
        for _, names in _answered(sandbox.stage("graduation-day", plain))
    ]
    eve = [plain.today(each["_id"]).weekday() == 4 for each in world.properties[1:]]
    assert graduation == eve


def _answered(scene: sandbox.Scene) -> list[tuple[set[str], set[str]]]:
    """Return the statuses and the names of the events that each school answers with when asked for
    today.
    """
    assert isinstance(scene.now, datetime)
    moment = scene.now
    client = sandbox.create_app(scene.world, clock=lambda: moment).test_client()
    found = []
    for school in scene.world.properties[1:]:
        answer = client.get(
            f"/v1/property/{school['_id']}/events?event_types=reservation", headers=HEADERS
        )
        events = answer.json["events"] if answer.json else []
        found.append(({each["status"] for each in events}, {each["name"] for each in events}))
    return found


def test_graduation_is_on_the_saturday_of_each_school() -> None:
    """Early on a Saturday in New York it is a week later than in Los Angeles, where it is Friday
    still.
    """
    now = datetime(2026, 11, 28, 6, tzinfo=UTC)
    world = sandbox.build_world(
        seed=1,
        today=sandbox.district_day(now),
        schools=4,
        facilities=1,
        events_per_day=8,
        hostile=True,
    )
    staged = sandbox.stage("graduation-day", sandbox.Scene(world, now)).world
    days = {
        world.zone_of(event["property_id"]).key: event["timeslots"][-1]["start_datetime"][:10]
        for event in staged.events.values()
        if event["name"] == "Graduation Day 🎓"
    }
    assert days == {
        "America/Los_Angeles": "2026-11-28",
        "America/Phoenix": "2026-11-28",
        "America/New_York": "2026-12-05",
    }


def _statuses(name: str, count: int) -> list[int]:
    """Ask so often, and return the statuses; 0 for a connection that broke."""
    world = sandbox.build_world(
        seed=5, today=TODAY, schools=1, facilities=1, events_per_day=0, hostile=True
    )
    scene = sandbox.stage(name, sandbox.Scene(world, TODAY))
    faults = [sandbox.parse_fault(spec) for spec in scene.faults]
    app = sandbox.create_app(scene.world, faults=faults, rate_per_minute=10_000)
    told = []
    with sandbox.serve_in_thread(app) as url, requests.Session() as session:
        for _ in range(count):
            try:
                told.append(
                    session.get(f"{url}/properties", headers=HEADERS, timeout=30).status_code
                )
            except requests.ConnectionError:
                told.append(0)
    return told


def test_vendor_outage_begins_and_ends() -> None:
    """Forty answers, four hundred failures of two kinds, then answers again."""
    told = _statuses("vendor-outage", 450)
    assert (set(told[:40]), set(told[40:440]), set(told[440:])) == ({200}, {0, 503}, {200})
    assert 10 < told.count(0) < 90


def test_revoked_key_stays_revoked() -> None:
    """Forty answers, then 401 for good."""
    assert _statuses("revoked-key", 60) == [200] * 40 + [401] * 20


def test_strict_creations_refuse_a_night() -> None:
    """The command hands it to the application; without the scenario the night is booked."""
    night = {
        "external_system_timeslot_id": "slot-1",
        "start_datetime": "2027-05-01T22:00",
        "end_datetime": "2027-05-02T02:00",
    }
    body = {
        "external_system_event_id": "event-1",
        "event_type": "reservation",
        "name": "Lock-in",
        "renter_email": "coach@school.example",
        "status": "approved",
        "activity_type_id": 12,
    }
    statuses = []
    for more in ((), ("--scenario", "strict-creations")):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with running("sandbox", "--port", str(port), "--schools", "1", *more):
            until(partial(_answers, f"{url}/openapi.json"), "answer")
            with requests.Session() as session:
                session.headers.update(HEADERS)
                listed = session.get(f"{url}/v1/properties", timeout=30).json()["properties"]
                path = f"{url}/v1/property/{listed[1]['_id']}/facilities"
                facility = session.get(path, timeout=30).json()["facilities"][0]["u_id"]
                slots = [{**night, "facility_u_id": facility}]
                made = session.post(
                    f"{url}/v1/event", json={**body, "timeslots": slots}, timeout=30
                )
                statuses.append(made.status_code)
    assert statuses == [201, 400]


def test_command_serves_a_scenario() -> None:
    """By its name, with the faults that it brings and those that are given beside it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running(
        "sandbox",
        "--port",
        str(port),
        "--schools",
        "1",
        "--scenario",
        "quiet-week",
        "--fault",
        "502:first=1",
    ):
        until(lambda: _answers(f"{url}/openapi.json"), "answer")
        told = [requests.get(f"{url}/v1/properties", headers=HEADERS, timeout=30) for _ in range(2)]
        assert [each.status_code for each in told] == [502, 200]
        school = told[1].json()["properties"][1]["_id"]
        query = {"event_types": "reservation"}
        events = requests.get(
            f"{url}/v1/property/{school}/events", query, headers=HEADERS, timeout=30
        )
        assert events.json()["events"] == []


def _answers(url: str) -> bool | None:
    try:
        return requests.get(url, timeout=30).ok
    except requests.ConnectionError:
        return None
