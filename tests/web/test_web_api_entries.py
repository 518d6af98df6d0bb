"""The API's entries: those of the calendar with the same filters, a page at a time, each exactly
once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge.models import Changes
from icalbridge.settings import Settings
from icalbridge.web import create_app
from tests.samples import GYM, NOW, POOL, entry
from tests.web.test_web_api import OPEN_GYM, PRACTICE, told
from tests.web_world import PUBLIC, Clock, add_catalogue, added, empty_store, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from icalbridge.models import Entry
    from icalbridge.store import Store

GYM_ENTRIES = "/facilities/gym/entries"
SUMMER, WINTER = datetime(2027, 3, 14, 10, tzinfo=UTC), datetime(2027, 11, 7, 9, tzinfo=UTC)
"""When clocks change in Los Angeles."""
SPANS = (
    ("2026-11-21", "2026-12-31"),
    ("2027-03-10", "2027-03-18"),
    ("2027-11-01", "2027-11-12"),
    ("2027-11-07", "2027-11-07"),
    ("2027-11-07T08:30:00Z", "2027-11-07T01:30:00-08:00"),
)


def uids(found: Any) -> list[str]:
    return [each["uid"].removesuffix("@icalbridge") for each in found["entries"]]


def starts(client: FlaskClient, query: str, path: str = GYM_ENTRIES) -> list[str]:
    return [each["start"][:16] for each in told(client, f"{path}?{query}")["entries"]]


def walked(client: FlaskClient, path: str) -> list[list[str]]:
    """Return the uids of all pages, as somebody meets them who follows `next`."""
    pages = []
    while path:
        found = told(client, path)
        pages.append(uids(found))
        path = (found["next"] or "").removeprefix("/api/v1")
    return pages


# which


def test_entries_are_of_a_week_unless_asked(client: FlaskClient) -> None:
    """From today's midnight in the school's zone, seven days; by start, with everything that the
    public may see.
    """
    found = told(client, GYM_ENTRIES)
    assert {name: found[name] for name in found if name != "entries"} == {
        "title": "Main Gym, Lincoln High",
        "zone": "America/Los_Angeles",
        "from": "2026-11-21T00:00:00-08:00",
        "to": "2026-11-28T00:00:00-08:00",
        "next": None,
    }
    assert found["entries"][:2] == [OPEN_GYM, PRACTICE]
    assert uids(found) == ["now", *(f"gym{day}" for day in range(7))]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("from=2026-11-23&to=2026-11-24", ["2026-11-23T15:00", "2026-11-24T15:00"]),
        ("from=2026-11-23&to=2026-11-23", ["2026-11-23T15:00"]),
        ("to=2026-11-21", ["2026-11-21T11:00", "2026-11-21T15:00"]),
        ("from=2026-11-21T21:00:00Z&to=2026-11-22", ["2026-11-21T15:00", "2026-11-22T15:00"]),
        ("from=2026-11-21T20:59:59.5Z&to=2026-11-21T15:00:00-08:00", ["2026-11-21T11:00"]),
        ("from=2026-11-21T16:59:59-08:00&to=2026-11-21T17:00:00-08:00", ["2026-11-21T15:00"]),
        ("from=2026-11-21t22:00:00%2B00:00&to=2026-11-21T23:00:01+00:00", ["2026-11-21T15:00"]),
        ("from=2026-12-21", []),
    ],
)
def test_entries_overlap_their_span(client: FlaskClient, query: str, wanted: list[str]) -> None:
    """A day is the whole day there, also as the last one; a moment is a moment, and what only
    touches it is not in.
    """
    assert starts(client, query) == wanted


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("q=open", ["now"]),
        ("not=practice&limit=1", ["now"]),
        ("activity=VARSITY&to=2026-11-21", ["gym0"]),
        ("type=pool&to=2026-11-23", ["pool"]),
        ("facility=pool,gym&to=2026-11-21", ["now", "gym0"]),
        ("facility=pool", ["pool"]),
        ("status=approved&to=2026-11-21", ["now", "gym0"]),
    ],
)
def test_entries_are_narrowed_as_calendars_are(
    client: FlaskClient, query: str, wanted: list[str]
) -> None:
    """The filters of a calendar's address mean the same here."""
    assert uids(told(client, f"/properties/school/entries?{query}")) == wanted


def test_entries_with_nothing_but_busy_say_nothing_else(client: FlaskClient) -> None:
    """As in a calendar with `detail=busy`: when and where."""
    first, *_ = told(client, f"{GYM_ENTRIES}?detail=busy")["entries"]
    assert first == OPEN_GYM | {
        "title": "Reserved",
        "name": "",
        "type": "",
        "page": "/facility/gym",
    }


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", []),
        ("&cancelled=mark", [("CANCELLED: Open Gym", "confirmed")]),
        ("&cancelled=tombstone", [("Open Gym", "cancelled")]),
    ],
)
def test_entries_tell_what_was_called_off_if_asked(
    client: FlaskClient, store: Store, clock: Clock, query: str, wanted: list[tuple[str, str]]
) -> None:
    """Left out, marked, or told as cancelled, and since when."""
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
    found = told(client, f"{GYM_ENTRIES}?q=open{query}")["entries"]
    assert [(each["title"], each["status"]) for each in found] == wanted
    assert [each["cancelled"] for each in found] == ["2026-11-21T20:00:00Z"] * len(wanted)


def test_entries_are_pending_only_where_the_operator_allows_it(store: Store, clock: Clock) -> None:
    """Told as tentative then."""
    sync(store, "school", added([entry(5, uid="maybe", event_id="e7", status="pending")]))
    allowing = create_app(Settings(public_pending=True), store, clock=clock).test_client()
    found = told(allowing, f"{GYM_ENTRIES}?status=pending")["entries"]
    assert [(each["uid"], each["status"]) for each in found] == [("maybe@icalbridge", "tentative")]


def test_entries_follow_a_change(client: FlaskClient, store: Store, clock: Clock) -> None:
    """What was kept of a calendar is told no more once it has changed."""
    before = uids(told(client, f"{GYM_ENTRIES}?to=2026-11-21"))
    sync(store, "school", added([entry(8, uid="late", event_id="e8")]))
    clock.advance(2)
    assert (before, uids(told(client, f"{GYM_ENTRIES}?to=2026-11-21"))) == (
        ["now", "gym0"],
        ["now", "gym0", "late"],
    )


def test_entries_that_are_known_cost_the_database_little(
    client: FlaskClient, clock: Clock, statements: list[str]
) -> None:
    """Within a second nothing is asked at all; after it no entries are read."""
    queries = ("limit=1", "from=2026-11-25", "to=2026-12-12&limit=3")
    for query in queries:
        told(client, f"{GYM_ENTRIES}?{query}")
    statements.clear()
    for query in queries:
        told(client, f"{GYM_ENTRIES}?{query}")
    assert statements == []
    clock.advance(2)
    told(client, f"{GYM_ENTRIES}?{queries[0]}")
    assert [each for each in statements if "FROM entries" in each] == []


# pages


def test_pages_say_where_the_next_is(client: FlaskClient) -> None:
    """The next page has the same span, also when it is asked for tomorrow, and the same filters in
    their one order.
    """
    found = told(client, f"{GYM_ENTRIES}?q=practice&limit=2&activity=Varsity")
    path, _, query = found["next"].partition("?")
    asked = [part.partition("=")[::2] for part in query.split("&")]
    assert path == "/api/v1/facilities/gym/entries"
    assert [name for name, _ in asked] == ["from", "to", "limit", "after", "activity", "q"]
    assert [value for name, value in asked if name != "after"] == [
        "2026-11-21",
        "2026-11-27",
        "2",
        "varsity",
        "practice",
    ]


def test_pages_lie_below_a_proxys_folder(store: Store, clock: Clock) -> None:
    """The next page is where this one is."""
    client = create_app(Settings(), store, clock=clock).test_client()
    answer = client.get(
        "/api/v1/facilities/gym/entries?limit=1", environ_overrides={"SCRIPT_NAME": "/calendars"}
    )
    assert answer.get_json()["next"].startswith("/calendars/api/v1/facilities/gym/entries?from=")


def test_pages_hold_what_moves_on_at_midnight(client: FlaskClient, clock: Clock) -> None:
    """Who walks from the first day that there is may go on the next day."""
    first = told(client, f"{GYM_ENTRIES}?from=2026-09-22&to=2026-11-30&limit=4")
    clock.advance(86_400)
    assert client.get(f"/api/v1{GYM_ENTRIES}?from=2026-09-22&to=2026-11-30").status_code == 400
    assert uids(told(client, first["next"].removeprefix("/api/v1"))) == [
        f"gym{day}" for day in (3, 4, 5, 6)
    ]


def test_pages_lose_nothing_when_something_comes_or_goes(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """What is called off or added on days told already moves nothing of what is still to come."""
    first = told(client, f"{GYM_ENTRIES}?limit=3")
    gone = entry(3, uid="gym0", event_id="e1", activity="Varsity", withdrawn=NOW, cancelled=NOW)
    sync(
        store, "school", replace(added([entry(-3, uid="early", event_id="e9")]), withdrawn=(gone,))
    )
    clock.advance(2)
    rest = walked(client, first["next"].removeprefix("/api/v1"))
    assert [uids(first), *rest] == [
        ["now", "gym0", "gym1"],
        ["gym2", "gym3", "gym4"],
        ["gym5", "gym6"],
    ]


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FlaskClient, list[Entry]]]:
    """A school where much is at once: same start, same end, around both changes of clocks, and over
    them.
    """
    store = empty_store(tmp_path_factory.mktemp("crowded"))
    add_catalogue(store)
    moments = [NOW + timedelta(hours=hours) for hours in range(-30, 300, 7)]
    for change in (SUMMER, WINTER):
        moments += [change + timedelta(minutes=30 * half) for half in range(-100, 100, 3)]
        moments += [change + timedelta(minutes=30 * half) for half in range(-4, 5)]
    booked = [
        entry(
            0,
            uid=f"many{number:03}-{place.id}",
            facility=place,
            event_id=f"e{number}",
            start=start,
            end=start + length,
        )
        for number, start in enumerate(moments)
        for place, length in (
            (GYM, timedelta(minutes=90)),
            (POOL, timedelta(minutes=90 if number % 2 else 3000)),
        )
    ]
    sync(store, "school", added(booked))
    yield create_app(PUBLIC, store, clock=Clock()).test_client(), booked
    store.close()


def moment(text: str, *, ends: bool) -> datetime:
    """Return what `from` and `to` mean, reckoned by the offsets that hold in Los Angeles."""
    if len(text) > len("2026-11-21"):
        return datetime.fromisoformat(text)
    day = datetime.fromisoformat(f"{text}T00:00:00+00:00") + timedelta(days=ends)
    summer = SUMMER - timedelta(hours=2) < day - timedelta(hours=8) < WINTER - timedelta(hours=8)
    return day + timedelta(hours=7 if summer else 8)


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize(("limit", "place"), [(3, "gym"), (7, "all"), (50, "all"), (500, "gym")])
def test_pages_walk_through_everything_once(
    crowded: tuple[FlaskClient, list[Entry]], span: tuple[str, str], limit: int, place: str
) -> None:
    """In pages of any size, in order, nothing twice and nothing missing, on days with 23, 24 and 25
    hours.
    """
    client, booked = crowded
    since, until = moment(span[0], ends=False), moment(span[1], ends=True)
    wanted = sorted(
        (
            each
            for each in booked
            if each.end > since and each.start < until and place in ("all", each.facility_id)
        ),
        key=lambda each: (each.start, each.end, each.uid),
    )
    path = GYM_ENTRIES if place == "gym" else "/properties/school/entries"
    pages = walked(client, f"{path}?from={span[0]}&to={span[1]}&limit={limit}")
    assert [uid for page in pages for uid in page] == [
        each.uid.removesuffix("@icalbridge") for each in wanted
    ]
    assert {len(page) for page in pages[:-1]} <= {limit}
    assert len(wanted) > 3


def test_pages_of_one_entry_walk_through_everything_once(
    crowded: tuple[FlaskClient, list[Entry]],
) -> None:
    """The smallest pages, over the hour that comes twice."""
    client, booked = crowded
    wanted = sorted(
        (
            each
            for each in booked
            if WINTER - timedelta(hours=1) < each.end and each.start < WINTER + timedelta(hours=1)
        ),
        key=lambda each: (each.start, each.end, each.uid),
    )
    path = "/properties/school/entries?from=2027-11-07T01:00:00-07:00&to=2027-11-07T02:00:00-08:00&limit=1"
    assert walked(client, path) == [[each.uid.removesuffix("@icalbridge")] for each in wanted]
    assert len(wanted) > 20


def test_pages_are_no_longer_than_asked_or_usual(crowded: tuple[FlaskClient, list[Entry]]) -> None:
    """A hundred without a limit."""
    client, _ = crowded
    path = "/properties/school/entries?from=2027-11-01&to=2027-11-12"
    assert [len(page) for page in walked(client, path)] == [100, 52]
    assert len(told(client, f"{path}&limit=500")["entries"]) == 152
