"""The matrix: every parameter alone and pairs of them, on every kind of feed and in every format,
against the vendor.

A simulated district is synced over HTTP, edited, and synced again; what feeds then show is compared
with what `shape_truth` chooses from the vendor's own objects.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from icalbridge.settings import Settings
from icalbridge.sync.windows import WINDOWS
from icalbridge.web import create_app
from tests.any_entries import parted
from tests.fixtures.bridges import Bridge, Clock, bridge
from tests.readers import Reading, read_icalendar
from tests.shape_truth import TITLES, Fact, Told, Wishes, expected, facts, query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.test import Client, TestResponse

    from icalbridge.store import Store

LATER = timedelta(hours=1)

pytestmark = pytest.mark.xdist_group("shapes")  # one district serves all of them


@dataclass
class Stage:
    """A district as it was synced twice, with edits in between, and two deployments that serve it."""

    known: list[Fact]
    paths: dict[str, list[Fact]]
    """Without a suffix, with what they hold."""
    store: Store
    clock: Clock
    open: Client
    """Shows pending bookings to everybody."""
    shut: Client
    facility_ids: list[str]

    @property
    def district(self) -> str:
        return max(self.paths, key=lambda path: len(self.paths[path]))

    def some(self, number: int) -> list[str]:
        """Return the path of an event and of a place, other ones for other numbers; at times the
        district, which holds all and is slow.
        """
        events = [path for path in self.paths if "/event/" in path]
        places = [path for path in self.paths if path not in {*events, self.district}]
        whole = [] if number % 9 else [self.district]
        return [*whole, *(paths[number % len(paths)] for paths in (events, places))]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    url = f"sqlite:///{tmp_path_factory.mktemp('shapes')}/bridge.db"
    with bridge(url, schools=2, facilities=3, events_per_day=1, windows=WINDOWS) as made:
        first = made.clock()
        made.run(full=True)
        before = copy.deepcopy(made.world.events)
        edit(made)
        made.clock.advance(hours=1)
        made.run(full=True)
        known = facts(made.world, before, first=first, now=made.clock())
        clock = Clock(made.clock())
        operators = [Settings(public_pending=each, public_category=True) for each in (True, False)]
        apps = [create_app(each, made.store, clock=clock) for each in operators]
        clients = [each.test_client() for each in apps]
        ids = [each["_id"] for each in made.world.facilities]
        yield Stage(known, paths_of(made, known), made.store, clock, clients[0], clients[1], ids)


def edit(made: Bridge) -> None:
    """Call off events and timeslots in every way there is; move some, approve one, ask for one
    anew.
    """
    world, today = made.world, str(made.clock().date())
    coming = [
        event_id
        for event_id, event in world.events.items()
        if event["status"] == "Approved"
        and sum(slot["start_datetime"] > today for slot in event["timeslots"]) > 1
    ]
    picked = iter(coming[:: max(1, len(coming) // 12)])
    world.set_status(
        next(each["_id"] for each in world.events.values() if each["status"] == "Pending"),
        "Approved",
    )
    world.set_status(next(picked), "Cancelled")
    world.set_status(next(picked), "Declined")
    world.set_status(next(picked), "Pending")
    world.delete(next(picked))
    world.delete(next(picked))
    for index in (-1, -2):
        world.suspend_timeslot(next(picked), index)
    world.move_timeslot(next(picked), -1, timedelta(minutes=30))
    world.rename(next(picked), "Renamed, at last")


def paths_of(made: Bridge, known: list[Fact]) -> dict[str, list[Fact]]:
    """Return each feed with what it holds: all facilities and properties, the district, and the
    events with most.
    """
    found = {}
    for facility in made.world.facilities:
        found[f"/ical/facility/{facility['_id']}"] = [
            each for each in known if each.facility_id == facility["_id"]
        ]
    for school in made.world.properties:
        family = {school["_id"], *school["properties"]}
        found[f"/ical/property/{school['_id']}"] = [
            each for each in known if each.property_id in family
        ]
    for event_id, _ in Counter(each.event_id for each in known if each.fate == "on").most_common(3):
        found[f"/ical/event/reservation/{event_id}"] = [
            each for each in known if each.event_id == event_id
        ]
    return found


def get(client: Client, path: str, suffix: str, wishes: Wishes) -> TestResponse:
    return client.get(f"{path}.{suffix}?{query(wishes)}")


def told_ics(readings: list[Reading]) -> list[tuple[Told, str]]:
    """Return what icalendar read, with descriptions: long texts go on there."""
    return sorted(
        (
            Told(
                each.start,
                each.end,
                each.summary,
                each.location,
                each.status,
                "".join(each.categories),
            ),
            each.description,
        )
        for each in readings
    )


def told_json(body: bytes) -> list[Told]:
    return sorted(
        Told(
            datetime.fromisoformat(each["start"]).astimezone(UTC),
            datetime.fromisoformat(each["end"]).astimezone(UTC),
            each["title"],
            each["location"],
            each["status"].upper(),
            each["type"],
        )
        for each in json.loads(body)["entries"]
    )


def cut(told: Told) -> tuple[Told, str]:
    """Return an item as iCalendar has it: texts of 255 units at most, and the rest in the
    description.
    """
    (title, more), (location, rest) = parted(told.title), parted(told.location)
    return told._replace(title=title, location=location), "\n".join(filter(None, (more, rest)))


def compare(stage: Stage, path: str, wishes: Wishes) -> None:
    """Ask for a feed in all formats, and compare each with the truth."""
    right = expected(stage.paths[path], wishes, stage.clock())
    answers = {
        suffix: get(stage.open, path, suffix, wishes) for suffix in ("ics", "json", "csv", "atom")
    }
    assert {suffix: each.status_code for suffix, each in answers.items()} == dict.fromkeys(
        answers, 200
    )
    grouped = "group" in wishes and "view" not in wishes

    def typed(told: Told) -> Told:
        return told._replace(type="") if grouped else told

    readings = read_icalendar(answers["ics"].data)
    assert [(typed(each), more) for each, more in told_ics(readings)] == [
        cut(each) for each in right
    ]
    assert sorted(map(typed, told_json(answers["json"].data))) == right
    uids = [each.uid for each in readings]
    assert len(set(uids)) == len(uids)
    assert (b"TZID" in answers["ics"].data) == (bool(right) and "tz" not in wishes)
    rows = list(csv.DictReader(io.StringIO(answers["csv"].data.decode("utf-8-sig"))))
    assert sorted(each["UID"] for each in rows) == sorted(uids)
    assert sorted(each["Title"].removeprefix("'") for each in rows) == sorted(
        each.title.removeprefix("'") for each in right
    )
    lately = (
        wishes if wishes.get("cancelled", "drop") != "drop" else wishes | {"cancelled": "tombstone"}
    )
    entries = ET.fromstring(answers["atom"].data).findall("{http://www.w3.org/2005/Atom}entry")
    assert len(entries) == min(100, len(expected(stage.paths[path], lately, stage.clock())))


ALONE: list[Wishes] = [
    {},
    {"type": "Gymnasium"},
    {"type": "theater,FIELD"},
    {"type": "reservation"},
    {"type": "nothing"},
    {"category": "external privada"},
    {"category": "Internal Privada,District Internal Privada"},
    {"activity": "SETUP,warm-up"},
    {"activity": "ensayo general"},
    {"name": "PRACTICE"},
    {"q": "practice"},
    {"q": "QUINCEANERA"},
    {"q": "gym league"},
    {"q": "日本語"},
    {"not": "practice league"},
    {"not": "main"},
    {"past": "0"},
    {"past": "14"},
    {"past": "3000"},
    {"ahead": "0"},
    {"ahead": "30"},
    {"status": "approved"},
    {"status": "pending"},
    {"status": "approved,pending"},
    {"cancelled": "drop"},
    {"cancelled": "mark"},
    {"cancelled": "tombstone"},
    {"detail": "name"},
    {"detail": "busy"},
    {"group": "event"},
    {"tz": "utc"},
    *({"title": title} for title in TITLES),
    {"view": "occupancy"},
    {"view": "occupancy", "before": "30"},
    {"view": "occupancy", "after": "600"},
    {"view": "occupancy", "before": "1440", "after": "15"},
]


@pytest.mark.parametrize("wishes", ALONE, ids=query)
def test_parameter_alone_shows_what_the_vendor_has(stage: Stage, wishes: Wishes) -> None:
    """On a facility, a property or an event, in every format; the plain feed on every one."""
    for path in stage.paths if not wishes else stage.some(ALONE.index(wishes)):
        compare(stage, path, wishes)


@pytest.mark.soak
@pytest.mark.parametrize("wishes", ALONE, ids=query)
def test_parameter_alone_shows_what_the_vendor_has_on_every_feed(
    stage: Stage, wishes: Wishes
) -> None:
    """The same, nothing left out."""
    for path in stage.paths:
        compare(stage, path, wishes)


def test_edits_are_seen(stage: Stage) -> None:
    """The world of this module holds some of everything, so that the matrix is about something."""
    fates = Counter(each.fate for each in stage.known)
    assert set(fates) == {"on", "off", "pending", "was, pending"}
    assert fates["off"] > 4
    sizes = [len(expected(stage.paths[stage.district], wishes, stage.clock())) for wishes in ALONE]
    assert len(set(sizes)) > len(ALONE) // 2


@pytest.mark.parametrize(
    "number",
    [each if each < 2 else pytest.param(each, marks=pytest.mark.soak) for each in range(7)],
)
def test_facility_narrows_to_facilities(stage: Stage, number: int) -> None:
    """One of them, or one and the next, wherever these are."""
    ids = [stage.facility_ids[number], stage.facility_ids[(number + 1) % 7]]
    for path in stage.some(number):
        compare(stage, path, {"facility": ids[0]})
        compare(stage, path, {"facility": ",".join(ids)})


@given(st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_parameters_together_show_what_the_vendor_has(stage: Stage, data: st.DataObject) -> None:
    """Two or three parameters at once, on any feed."""
    _together(stage, data)


@pytest.mark.soak
@given(st.data())
@settings(max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_very_many_parameters_together_show_what_the_vendor_has(
    stage: Stage, data: st.DataObject
) -> None:
    """The same, for as many as there is patience."""
    _together(stage, data)


def _together(stage: Stage, data: st.DataObject) -> None:
    places = [
        {"facility": ",".join(some)} for some in (stage.facility_ids[:1], stage.facility_ids[2:5])
    ]
    some = data.draw(st.lists(st.sampled_from([*ALONE[1:], *places]), min_size=2, max_size=3))
    wishes: Wishes = {}
    for each in some:
        wishes |= each
    # Of facilities with several types, a title in a group names any one.
    assume("group" not in wishes or "{type}" not in wishes.get("title", ""))
    compare(stage, data.draw(st.sampled_from(list(stage.paths))), wishes)


def test_tombstones_are_gone_after_thirty_days(stage: Stage) -> None:
    """What was called off is told for thirty days from when it was noticed; marks stay."""
    clock = Clock()
    app = create_app(Settings(public_pending=True, public_category=True), stage.store, clock=clock)
    later = replace(stage, clock=clock, open=app.test_client())
    path = min(
        (path for path, facts in stage.paths.items() if any(each.fate == "off" for each in facts)),
        key=lambda path: len(stage.paths[path]),
    )
    told: list[int] = []
    for seconds in (-1, 0):
        clock.now = stage.clock() + timedelta(days=30, seconds=seconds)
        for wishes in ({"cancelled": "mark"}, {"view": "occupancy"}, {"cancelled": "tombstone"}):
            compare(later, path, wishes)
        told.append(
            sum(each.status == "CANCELLED" for each in expected(stage.paths[path], wishes, clock()))
        )
    assert told[0] > 0 == told[1]


def test_called_off_has_a_raised_sequence(stage: Stage) -> None:
    """Calendars believe a cancellation only when its SEQUENCE is higher than that of what they
    know.
    """
    for path in stage.paths:
        text = get(stage.open, path, "ics", {"cancelled": "tombstone"}).text
        for each in text.split("BEGIN:VEVENT\r\n")[1:]:
            status = re.findall(r"^STATUS:(\w+)\r$", each, re.MULTILINE)
            assert status in ([], ["CONFIRMED"]) or "\r\nSEQUENCE:1\r\n" in each


def test_pending_is_the_operators_to_allow(stage: Stage) -> None:
    """Where they do not, an address that asks for it is refused, in every format, and a narrower
    one is not.
    """
    for path in stage.paths:
        for suffix in ("ics", "json", "csv", "atom"):
            for status in ("pending", "approved,pending"):
                answer = get(stage.shut, path, suffix, {"status": status})
                assert (answer.status_code, answer.mimetype) == (400, "text/plain")
                assert (
                    answer.text
                    == "Bookings that are still pending are not shown here; leave status out.\n"
                )
            assert get(stage.shut, path, suffix, {"status": "approved"}).status_code == 200


def test_what_others_may_ask_for_changes_nothing(stage: Stage) -> None:
    """A feed without wishes has the same bytes wherever pending bookings may be asked for and
    wherever not.
    """
    for path in stage.paths:
        assert stage.shut.get(f"{path}.ics").data == stage.open.get(f"{path}.ics").data
