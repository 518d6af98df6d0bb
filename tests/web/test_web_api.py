"""What the API answers: the catalogue, what is on now, and when a facility is free."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge.models import Changes
from tests.samples import GYM, NOW, SCHOOL, ZONE, entry
from tests.web.seen import look
from tests.web_world import DISTRICT, HOSTILE, sync

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from icalbridge.store import Store
    from tests.web_world import Clock

TOMORROW = date(2026, 11, 22)
SCHOOL_TOLD = {
    "id": "school",
    "name": "Lincoln High",
    "address": "1 Oak St",
    "city": "Sunnyvale",
    "state": "CA",
    "zip": "94087",
    "zone": ZONE,
    "child_ids": [],
    "links": {
        "page": "/property/school",
        "calendar": "/ical/property/school.ics",
        "entries": "/api/v1/properties/school/entries",
        "now": "/api/v1/properties/school/now",
    },
}
GYM_TOLD = {
    "id": "gym",
    "property_id": "school",
    "name": "Main Gym",
    "type": "Gymnasium",
    "capacity": 400,
    "zone": ZONE,
    "links": {
        "page": "/facility/gym",
        "calendar": "/ical/facility/gym.ics",
        "entries": "/api/v1/facilities/gym/entries",
        "now": "/api/v1/facilities/gym/now",
        "open_times": "/api/v1/facilities/gym/open-times",
    },
}
OPEN_GYM = {
    "uid": "now@icalbridge",
    "title": "Open Gym",
    "start": "2026-11-21T11:00:00-08:00",
    "end": "2026-11-21T13:00:00-08:00",
    "zone": ZONE,
    "status": "confirmed",
    "cancelled": None,
    "facility_ids": ["gym"],
    "facility": "Main Gym",
    "location": "Main Gym, Lincoln High, 1 Oak St, Sunnyvale, CA, 94087",
    "type": "Gymnasium",
    "name": "Open Gym",
    "activity": "",
    "property_id": "school",
    "sequence": 0,
    "modified": "2026-11-20T20:00:00Z",
    "first_seen": "2026-11-21T20:00:00Z",
    "page": "/booking/now",
}
PRACTICE = OPEN_GYM | {
    "uid": "gym0@icalbridge",
    "title": "Practice: Varsity",
    "start": "2026-11-21T15:00:00-08:00",
    "end": "2026-11-21T17:00:00-08:00",
    "name": "Practice",
    "activity": "Varsity",
    "page": "/booking/gym0",
}


def told(client: FlaskClient, path: str) -> Any:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == 200
    return answer.get_json()


def ids(found: list[dict[str, str]]) -> list[str]:
    return [each["id"] for each in found]


# the catalogue


def test_properties_are_all_that_are_listed(client: FlaskClient) -> None:
    """In the booking system's order, a district with its schools, each with the zone that holds
    there.
    """
    found = told(client, "/properties")["properties"]
    assert ids(found) == ["district", "school", "odd", "alone", "never"]
    assert found[1] == SCHOOL_TOLD
    assert [(each["zone"], each["child_ids"]) for each in found] == [
        (ZONE, ["school", "odd"]),
        (ZONE, []),
        ("America/New_York", []),
        ("America/Phoenix", []),
        (ZONE, []),
    ]


def test_property_is_told_as_in_the_list(client: FlaskClient) -> None:
    """One by one they are the same, also where nothing was ever fetched, and whatever they are
    called.
    """
    for each in told(client, "/properties")["properties"]:
        assert told(client, f"/properties/{each['id']}") == each
    assert told(client, "/properties/odd")["name"] == HOSTILE


def test_property_has_only_children_that_are_listed(store: Store, client: FlaskClient) -> None:
    """What the key cannot see is not told of, not even its id."""
    hidden = replace(DISTRICT, child_ids=("school", "unseen"))
    store.write.apply_catalog(
        "default", [hidden, SCHOOL], {"district": [], "school": [GYM]}, Changes(), now=NOW
    )
    assert told(client, "/properties/district")["child_ids"] == ["school"]
    assert told(client, "/properties")["properties"][0]["child_ids"] == ["school"]


def test_facilities_are_all_that_are_listed(client: FlaskClient) -> None:
    """With the zone of their property, and where more is."""
    found = told(client, "/facilities")["facilities"]
    assert ids(found) == ["gym", "pool", "long", "odd.id é/1", "rtl", "nameless", "never-gym"]
    assert found[0] == GYM_TOLD
    assert found[3]["links"]["entries"] == "/api/v1/facilities/odd.id%20%C3%A9%2F1/entries"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("property=school", ["gym", "pool"]),
        ("property=district", ["gym", "pool", "long", "odd.id é/1", "rtl"]),
        ("property=alone,school", ["gym", "pool", "nameless"]),
        ("property=alone&property=school", ["gym", "pool", "nameless"]),
        ("type=GYMNASIUM", ["gym", "never-gym"]),
        ("type=gymnasium,p%C3%B3ol&property=school", ["gym", "pool"]),
        ("type=Rink", []),
    ],
)
def test_facilities_are_narrowed_down(client: FlaskClient, query: str, wanted: list[str]) -> None:
    """By property, a district standing for its schools, and by type, whatever its case and accents."""
    assert ids(told(client, f"/facilities?{query}")["facilities"]) == wanted


def test_facility_is_told_as_in_the_list(client: FlaskClient) -> None:
    """Also one whose id has a slash in it."""
    for each in told(client, "/facilities")["facilities"]:
        assert (
            told(client, each["links"]["entries"].removeprefix("/api/v1").removesuffix("/entries"))
            == each
        )


# now


def test_facility_now_is_in_use_until_it_falls_free(client: FlaskClient) -> None:
    """State, until when, what is on and what comes: as its display has it."""
    assert told(client, "/facilities/gym/now") == {
        "id": "gym",
        "title": "Main Gym",
        "zone": ZONE,
        "as_of": "2026-11-21T20:00:00Z",
        "state": "busy",
        "until": "2026-11-21T13:00:00-08:00",
        "now": [OPEN_GYM],
        "next": PRACTICE,
    }


def state(client: FlaskClient, path: str = "/facilities/gym/now") -> tuple[str, str | None]:
    found = told(client, path)
    return found["state"], found["until"]


def test_facility_now_is_free_until_it_is_taken(client: FlaskClient, clock: Clock) -> None:
    """To the second: an entry is on from its start, and no longer at its end."""
    clock.advance(3600 - 1)
    assert state(client) == ("busy", "2026-11-21T13:00:00-08:00")
    clock.advance(1)
    assert state(client) == ("free", "2026-11-21T15:00:00-08:00")
    clock.advance(2 * 3600)
    assert state(client) == ("busy", "2026-11-21T17:00:00-08:00")
    clock.advance(2 * 3600)
    assert state(client) == ("free", None)
    assert told(client, "/facilities/gym/now")["next"]["start"] == "2026-11-22T15:00:00-08:00"


def test_facility_now_tells_what_was_called_off(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """Cancelled is told as cancelled, takes nothing, and is not what comes next."""
    gone = entry(
        -1,
        uid="now",
        event_id="e0",
        name="Open Gym",
        withdrawn=NOW,
        cancelled=NOW,
        sequence=1,
        modified=NOW,
    )
    sync(store, "school", Changes(withdrawn=(gone,)))
    clock.advance(2)
    found = told(client, "/facilities/gym/now")
    assert (found["state"], found["until"]) == ("free", "2026-11-21T15:00:00-08:00")
    cancelled = {"status": "cancelled", "cancelled": "2026-11-21T20:00:00Z", "sequence": 1}
    assert found["now"] == [OPEN_GYM | cancelled | {"modified": "2026-11-21T20:00:00Z"}]


def test_property_now_tells_how_each_facility_stands(client: FlaskClient) -> None:
    """A district has those of all its schools; of a property, busy means that anything is on, one
    after the other.
    """
    found = told(client, "/properties/district/now")
    assert (found["state"], found["until"]) == ("busy", "2026-11-21T19:00:00-08:00")
    assert [
        (each["facility_id"], each["state"], each["until"]) for each in found["facilities"]
    ] == [
        ("gym", "busy", "2026-11-21T13:00:00-08:00"),
        ("pool", "free", None),
        ("long", "free", "2026-11-21T13:00:00-08:00"),
        ("odd.id é/1", "free", "2026-11-21T14:00:00-08:00"),
        ("rtl", "free", "2026-11-21T15:00:00-08:00"),
    ]
    assert found["next"]["start"] == "2026-11-21T16:00:00-05:00"
    assert state(client, "/properties/alone/now") == ("free", None)


def test_now_agrees_with_the_display_all_day(client: FlaskClient, clock: Clock) -> None:
    """Every half hour: the same entries, and the same word for how the facility stands."""
    for _ in range(30):
        clock.advance(1800)
        found = told(client, "/facilities/gym/now")
        board = client.get("/display/facility/gym.json").get_json()
        seconds = clock.now.timestamp()
        on = [
            each["title"]
            for each in board["entries"]
            if each["start"]["at"] <= seconds < each["end"]["at"]
        ]
        assert [each["title"] for each in found["now"]] == on
        assert (
            look(client, "/display/facility/gym").texts[5]
            == {"busy": "In use", "free": "Free"}[found["state"]]
        )


# open times


def gaps(client: FlaskClient, query: str = "", facility_id: str = "gym") -> dict[str, list[str]]:
    found = told(client, f"/facilities/{facility_id}/open-times{query}")
    return {
        day["date"]: [f"{each['start']} {each['end'][11:]}" for each in day["open"]]
        for day in found["days"]
    }


def test_open_times_are_of_today_unless_asked(client: FlaskClient) -> None:
    """What is over is left out; the gap that is on is whole."""
    assert told(client, "/facilities/gym/open-times") == {
        "facility_id": "gym",
        "title": "Main Gym, Lincoln High",
        "zone": ZONE,
        "days": [
            {
                "date": "2026-11-21",
                "open": [
                    {"start": "2026-11-21T13:00:00-08:00", "end": "2026-11-21T15:00:00-08:00"},
                    {"start": "2026-11-21T17:00:00-08:00", "end": "2026-11-21T22:00:00-08:00"},
                ],
            }
        ],
    }


def test_open_times_of_days_of_choice(client: FlaskClient) -> None:
    """One day, or some with both ends counted; a day that is over has none."""
    tomorrow = [
        "2026-11-22T06:00:00-08:00 15:00:00-08:00",
        "2026-11-22T17:00:00-08:00 22:00:00-08:00",
    ]
    assert gaps(client, "?date=2026-11-22") == {"2026-11-22": tomorrow}
    assert gaps(client, "?date=2026-11-20") == {"2026-11-20": []}
    assert list(gaps(client, "?from=2026-11-22&to=2026-12-22")) == [
        (TOMORROW + timedelta(days=number)).isoformat() for number in range(31)
    ]
    assert gaps(client, "?from=2026-11-22&to=2026-11-22") == gaps(client, "?from=2026-11-22")


def test_open_times_are_those_of_the_page(client: FlaskClient) -> None:
    """The pool's page says the same of the day on which something is on there."""
    assert gaps(client, "?date=2026-11-22", "pool") == {
        "2026-11-22": [
            "2026-11-22T06:00:00-08:00 14:00:00-08:00",
            "2026-11-22T16:00:00-08:00 22:00:00-08:00",
        ]
    }
    free = look(client, "/facility/pool?date=2026-11-22").after("Free:", 2)
    assert free == ["6:00 AM – 2:00 PM,", "4:00 – 10:00 PM"]
