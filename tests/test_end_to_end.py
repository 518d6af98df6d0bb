"""The whole way: the vendor's world over HTTP, a sync, a database, the web, and the calendars that
people use.

What comes out at the end is compared with what `tests/world_truth.py` reads off the vendor's world.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from icalbridge.settings import Settings
from icalbridge.store import Store
from icalbridge.sync.windows import WINDOWS
from icalbridge.web import create_app
from tests.any_entries import as_read_by
from tests.fixtures.bridges import Bridge, bridge
from tests.readers import READERS, Reading, read_icalendar
from tests.world_truth import feeds, truth

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("end_to_end")  # one district serves all of them

SETTINGS = Settings(public_url="https://calendars.example.org")
NIGHTS = (
    "Night into the gap",
    "Night out of the gap",
    "Night into the overlap",
    "Night out of the overlap",
)
ALL_KINDS = ("property", "facility", "event")
ONCE = ("facility", "event")
"""Kinds of feeds that hold every booking once; those of properties hold them again."""
TOLD_EVENTS = (
    *NIGHTS,
    "Tricky Activity",
    "Half Suspended",
    "Health Fair",
    "Twins",
    "Early Birds",
    "Spelled Otherwise",
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """A district with schools in Los Angeles, Phoenix and New York, fetched once."""
    path = tmp_path_factory.mktemp("demo") / "bridge.db"
    with bridge(
        f"sqlite:///{path}", schools=3, facilities=2, events_per_day=1, windows=WINDOWS
    ) as made:
        assert made.run().failures == []
        yield made


@pytest.fixture(scope="module")
def expected(demo: Bridge) -> dict[str, list[Reading]]:
    """What each address must give: all facilities, properties and the district, and the events that
    are odd.
    """
    named = {event["_id"] for event in demo.world.events.values() if event["name"] in TOLD_EVENTS}
    told = feeds(demo.world, truth(demo.world, demo.clock()))
    return {
        path: readings
        for path, readings in told.items()
        if not path.startswith("/ical/event/") or path.split("/")[-1].removesuffix(".ics") in named
    }


@pytest.fixture(scope="module")
def bodies(demo: Bridge, expected: dict[str, list[Reading]]) -> dict[str, bytes]:
    """What each address gives."""
    client = create_app(SETTINGS, demo.store, clock=demo.clock).test_client()
    answers = {path: client.get(path) for path in expected}
    assert {path: answer.status for path, answer in answers.items()} == dict.fromkeys(
        expected, "200 OK"
    )
    return {path: answer.data for path, answer in answers.items()}


def anonymous(readings: list[Reading]) -> list[Reading]:
    return sorted(replace(each, uid="") for each in readings)


@pytest.fixture(scope="module")
def readings(bodies: dict[str, bytes]) -> dict[str, list[Reading]]:
    """What icalendar makes of each."""
    return {path: read_icalendar(body) for path, body in bodies.items()}


@pytest.mark.parametrize(
    ("reader", "kinds"),
    [
        ("icalendar", ALL_KINDS),
        ("ical.js", ONCE),
        *(
            pytest.param(reader, ALL_KINDS, marks=pytest.mark.soak)
            for reader in READERS
            if reader != "icalendar"
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "-".join(each),
)
def test_every_feed_of_a_district_says_what_the_world_says(
    reader: str,
    kinds: tuple[str, ...],
    expected: dict[str, list[Reading]],
    bodies: dict[str, bytes],
    readings: dict[str, list[Reading]],
) -> None:
    """Facilities, schools, the district and single events, in three zones: the same instants, texts
    and UIDs.
    """
    read = {
        path: READERS[reader](body) for path, body in bodies.items() if path.split("/")[2] in kinds
    }
    for path, found in read.items():
        assert anonymous(found) == sorted(as_read_by(reader, each) for each in expected[path]), path
        assert found == sorted(as_read_by(reader, each) for each in readings[path]), path


def test_the_district_is_worth_reading(demo: Bridge, expected: dict[str, list[Reading]]) -> None:
    """The world has what is hard: three zones, all clock-change nights of two of them, and every
    feed has something.
    """
    zones = {str(demo.world.zone_of(each["_id"])) for each in demo.world.properties}
    assert zones == {"America/Los_Angeles", "America/Phoenix", "America/New_York"}
    assert [path for path, readings in expected.items() if not readings] == []
    shown = [
        each.summary for each in expected[f"/ical/property/{demo.world.properties[0]['_id']}.ics"]
    ]
    assert {name: shown.count(name) for name in NIGHTS} == dict.fromkeys(NIGHTS, 2)


def test_a_timeslot_has_one_uid_in_all_feeds(
    demo: Bridge, readings: dict[str, list[Reading]]
) -> None:
    """Every feed tells of a timeslot what the district's tells, under the same UID, which is nobody
    else's.
    """
    district = readings[f"/ical/property/{demo.world.properties[0]['_id']}.ics"]
    by_uid = {each.uid: each for each in district}
    assert len(by_uid) == len(district)
    assert all(uid.endswith("@icalbridge") and len(uid.encode()) <= 255 for uid in by_uid)
    for path, found in readings.items():
        assert found == [by_uid[each.uid] for each in found], path


def test_a_restart_gives_the_same_bytes(demo: Bridge, bodies: dict[str, bytes]) -> None:
    """Another application over the same database, later in the hour: the same bytes and tags."""
    first = create_app(SETTINGS, demo.store, clock=demo.clock).test_client()
    url = demo.store.engine.url.render_as_string(hide_password=False)
    again = Store.connect(url)
    second = create_app(SETTINGS, again, clock=demo.clock).test_client()
    for path, body in bodies.items():
        one, other = first.get(path), second.get(path)
        assert (other.data, list(other.headers)) == (body, list(one.headers))
    again.close()


def test_another_bridge_gives_the_same_bytes(
    demo: Bridge, bodies: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A second bridge that meets the same world at the same moment, in a database of its own, says
    the same.
    """
    path = tmp_path_factory.mktemp("another") / "bridge.db"
    with bridge(
        f"sqlite:///{path}", schools=3, facilities=2, events_per_day=1, windows=WINDOWS
    ) as other:
        assert other.run().failures == []
        client = create_app(SETTINGS, other.store, clock=other.clock).test_client()
        assert {path: client.get(path).data for path in bodies} == bodies
