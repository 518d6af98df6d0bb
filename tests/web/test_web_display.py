"""The displays' addresses: a page that tells everything by itself, and data that everybody may
read.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge.errors import StoreError
from icalbridge.feeds.audience import Audience
from icalbridge.feeds.query import Surface, names_of
from icalbridge.feeds.saved_feed import Action, Rule, Saved
from icalbridge.feeds.saved_feed_toml import to_keep
from icalbridge.models import Changes
from icalbridge.store.reading import Reading
from icalbridge.web import responses
from icalbridge.web.routes.feeds import SAVED_QUERY_REFUSED
from icalbridge.web.views.board import MOST_ENTRIES
from tests.samples import NOW, POOL, entry
from tests.web.seen import Seen, look
from tests.web_world import HOSTILE, added, sync

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask.testing import FlaskClient

    from icalbridge.models import Entry, Feed
    from icalbridge.store import Store
    from tests.web_world import Clock

GYM = "/display/facility/gym"
DISTRICT = "/display/property/district"


def data(client: FlaskClient, path: str = GYM) -> Any:
    answer = client.get(f"{path}.json")
    assert answer.status_code == 200
    return answer.get_json()


# pages


def test_display_of_a_facility_tells_everything_by_itself(client: FlaskClient) -> None:
    """Name, time, state, what is on and what comes: all in the first HTML."""
    assert look(client, GYM).texts[1:24] == [
        "Main Gym", "Lincoln High", "12:00 PM", "Saturday, November 21",
        "In use", "until 1:00 PM", "1 h",
        "Now", "11:00 AM", "–", "1:00 PM", "Open Gym", "Now", "Main Gym",
        "Next", "3:00 PM", "–", "5:00 PM", "Practice: Varsity", "Main Gym",
        "Later today", "As of 12:00 PM", "–",
    ]  # fmt: skip


def test_display_of_a_district_names_its_schools(client: FlaskClient) -> None:
    """Today's board is grouped by school, and sorted by start in each; each line says the facility."""
    seen = look(client, DISTRICT)
    places = [
        attributes for tag, attributes in seen.elements if attributes.get("data-field") == "place"
    ]
    assert len(places) == 2 + 5 + 1 + 1
    assert seen.after("Open Gym", 2) == ["Now", "Main Gym"]
    assert seen.after("Today", 1) == [HOSTILE]
    assert seen.after("Lincoln High", 3) == ["11:00 AM", "–", "1:00 PM"]


def test_display_page_has_the_policy_of_displays(client: FlaskClient) -> None:
    """Scripts, data and worker of our own, nobody else's, and nothing inline."""
    policy = client.get(GYM).headers["Content-Security-Policy"]
    assert policy == responses.DISPLAY_POLICY
    assert "unsafe" not in policy
    assert "script-src 'self'; " in policy
    assert "connect-src 'self'; worker-src 'self'; " in policy


def test_display_page_has_nothing_inline(client: FlaskClient) -> None:
    """The only script elements without an address hold data, and no element has a style or a
    handler.
    """
    seen = look(client, GYM)
    inline = [
        attributes
        for tag, attributes in seen.elements
        if tag == "script" and "src" not in attributes
    ]
    assert [attributes["type"] for attributes in inline] == ["application/json"] * 2
    names = {name for _, attributes in seen.elements for name in attributes}
    assert [name for name in names if name.startswith("on") or name == "style"] == []


def test_display_shows_hostile_names_as_text(client: FlaskClient) -> None:
    """Markup in a name is text in the HTML and in the data beside it."""
    answer = client.get("/display/facility/long").text
    seen = Seen(answer)
    assert HOSTILE in seen.texts
    assert [tag for tag, _ in seen.elements if tag in {"img", "b"}] == []
    assert answer.count("<script") == 3
    assert answer.count("</title>") == 1


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/display/facility/unknown", 404, "There is nothing at this address"),
        ("/display/property/unknown", 404, "There is nothing at this address"),
        ("/display/property/never", 503, "This schedule is being loaded"),
    ],
)
def test_display_without_data_is_a_display_all_the_same(
    client: FlaskClient, path: str, status: int, words: str
) -> None:
    """What is missing is said on a page that goes on asking, not on one that hangs there for ever."""
    answer = client.get(path)
    seen = Seen(answer.text)
    assert (answer.status_code, seen.texts[1]) == (status, words)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"] == responses.DISPLAY_POLICY
    assert "Refresh" not in answer.headers
    assert f"{path}.json" in {attributes.get("data-path") for _, attributes in seen.elements}
    assert client.get(f"{path}.json").status_code == status


def test_display_outlives_its_database(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database is away a display gets its page, and is told that there are no data."""

    def fail(_reading: Reading, _feed: Feed, *_rest: object, **_more: object) -> Sequence[Entry]:
        raise StoreError("away")

    monkeypatch.setattr(Reading, "entries", fail)
    answer = client.get(GYM)
    assert (answer.status_code, Seen(answer.text).texts[1]) == (
        503,
        "This schedule cannot be read right now",
    )
    assert client.get(f"{GYM}.json").headers["Retry-After"] == "30"


def test_display_links_lie_below_a_proxys_folder(client: FlaskClient) -> None:
    """Behind a proxy that serves us in a folder, data, worker and assets are asked for there."""
    answer = client.get(GYM, environ_overrides={"SCRIPT_NAME": "/calendars"})
    seen = Seen(answer.text)
    assert "/display/facility/gym.json" in {
        attributes.get("data-path") for _, attributes in seen.elements
    }


# data


def test_display_data_may_be_read_by_anybody(client: FlaskClient) -> None:
    """Any page may read it, any cache may keep it for half a minute, and the clock comes beside it."""
    answer = client.get(f"{GYM}.json")
    shown = {
        name: answer.headers[name]
        for name in ("Content-Type", "Cache-Control", "Access-Control-Allow-Origin")
    }
    assert shown == {
        "Content-Type": "application/json; charset=utf-8",
        "Cache-Control": "public, max-age=30",
        "Access-Control-Allow-Origin": "*",
    }
    assert answer.headers["Access-Control-Expose-Headers"] == (
        "Display-Now, Display-Kept, X-Icalbridge, Age"
    )
    assert answer.headers["Display-Now"] == str(int(NOW.timestamp()))


@pytest.mark.parametrize(
    "path",
    [
        GYM,
        f"{GYM}.json",
        f"{GYM}.json?past=1",
        "/display/facility/unknown",
        "/display/property/never.json",
        "/display/sw.js",
    ],
)
def test_display_is_marked_with_its_version(client: FlaskClient, path: str) -> None:
    """Every answer that a display may get from us, so that a portal's can be told from it; the page
    says the same version to its script.
    """
    version = client.get(path).headers["X-Icalbridge"]
    shown = {attributes.get("data-version") for _, attributes in look(client, GYM).elements}
    assert version in shown
    assert client.get("/static/display.js").headers["X-Icalbridge"]


def test_display_data_that_are_the_same_are_not_sent_again(
    client: FlaskClient, clock: Clock
) -> None:
    """A minute later nothing but the clock has changed, and the clock comes with the 304."""
    tag = client.get(f"{GYM}.json").headers["ETag"]
    clock.advance(60)
    again = client.get(f"{GYM}.json", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Display-Now"] == str(int(NOW.timestamp()) + 60)


def test_display_data_have_rows_for_data_sets(client: FlaskClient) -> None:
    """The rows are a flat array of texts."""
    assert data(client)["rows"] == [
        {
            "facility": "Main Gym",
            "school": "Lincoln High",
            "title": title,
            "start": start,
            "end": end,
            "date": "2026-11-21",
            "status": status,
        }
        for title, start, end, status in (
            ("Open Gym", "11:00 AM", "1:00 PM", "now"),
            ("Practice: Varsity", "3:00 PM", "5:00 PM", "upcoming"),
        )
    ]


def test_display_data_reach_over_the_next_midnight(client: FlaskClient) -> None:
    """A facility is known for a week, a property for today and tomorrow, so that an outage does not
    end at midnight.
    """
    found = data(client)
    assert {each["start"]["date"] for each in found["entries"]} == {
        f"2026-11-{day}" for day in range(21, 29)
    }
    district = data(client, DISTRICT)
    assert {each["start"]["date"] for each in district["entries"]} == {"2026-11-21", "2026-11-22"}


def test_display_data_are_as_old_as_the_school_that_waits_longest(
    client: FlaskClient, store: Store
) -> None:
    """What is fetched anew for one school does not make the district's board new."""
    sync(store, "school", now=NOW + timedelta(minutes=5))
    assert data(client)["as_of"]["text"] == "12:05 PM"
    assert data(client, DISTRICT)["as_of"]["text"] == "12:00 PM"


def test_display_tells_what_was_called_off(client: FlaskClient, store: Store, clock: Clock) -> None:
    """An entry that the vendor withdrew is told as cancelled, without its feed's word in the title,
    until its end.
    """
    gone = entry(3, uid="gym0", event_id="e1", activity="Varsity", withdrawn=NOW, cancelled=NOW)
    sync(store, "school", Changes(withdrawn=(replace(gone, sequence=1, modified=NOW),)))
    clock.advance(2)
    cancelled = [each["title"] for each in data(client)["entries"] if each["cancelled"]]
    assert cancelled == ["Practice: Varsity"]
    assert look(client, GYM).after("Later today", 5) == [
        "3:00 PM",
        "–",
        "5:00 PM",
        "Practice: Varsity",
        "Canceled",
    ]
    clock.advance(5 * 3600)
    assert [each["title"] for each in data(client)["entries"] if each["cancelled"]] == []


def test_display_data_of_odd_ids(client: FlaskClient) -> None:
    """Nothing in an id is interpreted: it is quoted, and whatever stands before the last .json is
    the id.
    """
    path = "/display/facility/odd.id%20%C3%A9%2F1"
    assert data(client, path)["id"] == "odd.id é/1"
    links = {attributes.get("data-path") for _, attributes in look(client, path).elements}
    assert f"{path}.json" in links


def test_display_asks_the_store_as_often_for_a_district_as_for_a_school(
    client: FlaskClient, statements: list[str]
) -> None:
    """How much is asked does not grow with how much there is to show."""
    counts = []
    for path in ("/display/property/school", DISTRICT):
        client.get(f"{path}.json")
        statements.clear()
        client.get(f"{path}.json")
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_display_of_a_large_district_counts_what_it_leaves_out(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """Where more is on right now than a board holds, it is neither empty nor silent about the rest;
    the API says of each facility how it stands.
    """
    on = [
        entry(-1, uid=f"on{number}", event_id=f"on{number}", facility=POOL)
        for number in range(MOST_ENTRIES + 20)
    ]
    sync(store, "school", added(on), now=NOW)
    clock.advance(2)
    board = data(client, DISTRICT)
    today = board["days"][0]
    assert (len(today["lines"]), len(board["entries"])) == (MOST_ENTRIES, MOST_ENTRIES)
    assert today["more"] == 20 + 2 + 5
    assert f"More today: {today['more']}" in look(client, DISTRICT).texts
    known = client.get("/api/v1/properties/district/now").get_json()
    assert {each["facility_id"]: each["state"] for each in known["facilities"]} == {
        "gym": "busy",
        "pool": "busy",
        "long": "free",
        "odd.id é/1": "free",
        "rtl": "free",
    }


def test_display_worker_may_fetch_from_us_only(client: FlaskClient) -> None:
    """The worker lies where its scope is all displays, and its own policy lets it ask for pages and
    data.
    """
    answer = client.get("/display/sw.js")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == responses.DISPLAY_POLICY


def test_display_page_has_the_data_of_its_json(client: FlaskClient) -> None:
    """What the script starts with is what it would fetch, but for the rows, which it has no use
    for.
    """
    html = client.get(GYM).text
    block = html.partition('id="board">')[2].partition("</script>")[0]
    assert json.loads(block) == data(client) | {"rows": []}


def test_display_that_asks_again_costs_the_database_little(
    client: FlaskClient, clock: Clock, statements: list[str]
) -> None:
    """While nothing changes, entries are not read again, however many displays and programs ask."""
    data(client)
    statements.clear()
    for _ in range(5):
        clock.advance(10)
        data(client)
        client.get("/api/v1/facilities/gym/now")
    assert [each for each in statements if "FROM entries" in each and "end_at >" in each] == []


# filters and saved feeds


def titles(client: FlaskClient, path: str, query: str = "") -> set[str]:
    answer = client.get(f"{path}.json{query}")
    assert answer.status_code == 200
    return {each["title"] for each in answer.get_json()["entries"]}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?q=varsity", {"Practice: Varsity"}),
        ("?activity=varsity&theme=light", {"Practice: Varsity"}),
        ("?not=varsity", {"Open Gym"}),
        ("?detail=busy", {"Reserved"}),
        ("?q=nobody", set()),
    ],
)
def test_display_shows_what_its_filters_leave(
    client: FlaskClient, query: str, shown: set[str]
) -> None:
    """They mean the same as in a feed's address; page and data agree."""
    assert titles(client, GYM, query) == shown
    assert (shown or {"Free"}) & set(look(client, GYM + query).texts)


def test_display_of_a_district_is_narrowed_to_facilities_and_types(client: FlaskClient) -> None:
    """Its data are fetched with the same filters, in the order of a feed's address."""
    seen = look(client, f"{DISTRICT}?q=varsity&facility=gym&lang=en&theme=light")
    paths = {attributes.get("data-path") for _, attributes in seen.elements}
    assert f"{DISTRICT}.json?lang=en&facility=gym&q=varsity" in paths
    assert titles(client, DISTRICT, "?facility=gym") == {"Open Gym", "Practice: Varsity"}
    assert titles(client, DISTRICT, "?type=nothing") == set()


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (
            "past=1",
            (
                "There is no parameter 'past'; this address takes theme, dim, margin, qr,"
                f" lang, {', '.join(names_of(Surface.DISPLAY))}."
            ),
        ),
        ("margin=11", "margin is '11' and must be a whole number from 0 to 10."),
        ("margin=5px", "margin is '5px' and must be a whole number from 0 to 10."),
        ("qr=yes", "qr is 'yes' and must be 0 or 1."),
        ("detail=all", "detail is 'all' and must be name or busy."),
        (
            "facility=nope",
            "There is no facility 'nope' here; look its id up in the directory.",
        ),
        (
            "category=x",
            "Calendars cannot be narrowed by rate category here; leave category out.",
        ),
    ],
)
def test_display_refuses_what_a_feed_refuses(client: FlaskClient, query: str, reason: str) -> None:
    """With the same sentence, on a display and in its data."""
    page, answer = client.get(f"{GYM}?{query}"), client.get(f"{GYM}.json?{query}")
    assert (page.status_code, Seen(page.text).texts[0]) == (400, reason)
    assert (answer.status_code, answer.text.strip()) == (400, reason)


def test_saved_feed_has_a_display(client: FlaskClient, store: Store) -> None:
    """Under its own name and with its own rules; filters are refused, as at its address."""
    rename = Rule(Action.RENAME, words=("varsity",), title="Team")
    spec = Saved("gyms", "All gyms", facility_ids=("gym", "pool"), rules=(rename,))
    store.saved.put([to_keep(spec)], now=NOW)
    path = "/display/feed/gyms"
    seen = look(client, f"{path}?theme=light")
    assert seen.texts[1] == "All gyms"
    assert "Team" in seen.texts
    assert f"{path}.json" in {attributes.get("data-path") for _, attributes in seen.elements}
    found = data(client, path)
    assert (found["kind"], found["id"], found["title"]) == ("saved", "gyms", "All gyms")
    assert "Practice: Varsity" not in titles(client, path)
    refused = client.get(f"{path}?q=x")
    assert (refused.status_code, Seen(refused.text).texts[0]) == (400, SAVED_QUERY_REFUSED)


def test_saved_feed_for_staff_has_no_display(client: FlaskClient, store: Store) -> None:
    """It is at private addresses only."""
    spec = Saved("gyms", audience=Audience.STAFF, facility_ids=("gym",))
    store.saved.put([to_keep(spec)], now=NOW)
    assert client.get("/display/feed/gyms").status_code == 404
    assert client.get("/display/feed/gyms.json").status_code == 404


def test_page_links_to_its_display_with_its_filters(client: FlaskClient) -> None:
    """Whoever narrowed the page gets the screen of what is on it."""
    links = look(client, "/property/school?facility=gym&q=varsity&lang=en").links()
    assert "/display/property/school?facility=gym&q=varsity&lang=en" in links
