"""List, week and month of a school or a facility: which days, narrowed down, and how heavy such a
page is.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from icalbridge.web.static_files import FOLDER
from tests.samples import entry
from tests.web.seen import Seen, look
from tests.web_world import HOSTILE, added, sync

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from icalbridge.store import Store

MOST_BYTES = 30 * 1024
VIEWS = ["", "?view=week", "?view=month", "?date=2026-11-25"]


def captions(seen: Seen) -> int:
    return sum(tag == "caption" for tag, _ in seen.elements)


@pytest.mark.parametrize("path", ["/facility/gym", "/property/school", "/property/district"])
def test_view_of_a_week_is_a_table_with_today_marked(client: FlaskClient, path: str) -> None:
    """Seven days, each the head of its row, and one of them is today."""
    seen = look(client, f"{path}?view=week")
    heads = [attributes.get("scope") for tag, attributes in seen.elements if tag == "th"]
    marked = [tag for tag, attributes in seen.elements if attributes.get("aria-current") == "date"]
    assert (captions(seen), heads, marked) == (1, ["row"] * 7, ["tr"])


def test_view_of_a_month_links_each_day_to_its_list(client: FlaskClient) -> None:
    """Every day of the sheet leads to the list that begins with it."""
    links = [
        link
        for link in look(client, "/facility/gym?view=month").links()
        if link.startswith("?date=2026-11-")
    ]
    assert links == [f"?date=2026-11-{day:02}#schedule" for day in range(1, 31)]


def test_view_moves_by_its_own_length(client: FlaskClient) -> None:
    """A week leads to the weeks beside it, a month to the months, and both back to today."""
    week, month = look(client, "/facility/gym?view=week"), look(client, "/facility/gym?view=month")
    assert [link for link in week.links() if link.startswith("?view=week&date=")] == [
        "?view=week&date=2026-11-08#schedule",
        "?view=week&date=2026-11-22#schedule",
    ]
    assert [link for link in month.links() if link.startswith("?view=month&date=")] == [
        "?view=month&date=2026-10-01#schedule",
        "?view=month&date=2026-12-01#schedule",
    ]


def test_view_ends_where_the_feeds_end(client: FlaskClient) -> None:
    """Before the first day of the history there is nothing earlier, after the horizon nothing
    later.
    """
    first, last = (
        look(client, f"/facility/gym?view=week&date={day}") for day in ("2026-09-22", "2027-11-21")
    )
    rel = [
        [
            attributes["rel"]
            for tag, attributes in seen.elements
            if tag == "a" and "rel" in attributes
        ]
        for seen in (first, last)
    ]
    assert rel == [["next"], ["prev"]]


@pytest.mark.parametrize(
    "query",
    [
        "view=year",
        "date=tomorrow",
        "date=2026-09-21",
        "date=9999-12-31",
        "facility=nowhere",
        "q=%00",
    ],
)
def test_view_refuses_what_it_cannot_show_in_a_sentence(client: FlaskClient, query: str) -> None:
    """Nonsense is a page with status 400 that nobody keeps, and a way back."""
    answer = client.get(f"/property/school?{query}")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (400, "no-store")
    assert "?" in Seen(answer.text).links()


def test_view_ignores_parameters_that_only_feeds_take(client: FlaskClient) -> None:
    """The code on the poster of a shaped feed leads to the page with the feed's parameters."""
    assert (
        look(client, "/facility/gym?detail=busy&past=3").texts
        == look(client, "/facility/gym").texts
    )


def test_view_is_narrowed_down_like_its_feed(client: FlaskClient) -> None:
    """The list, the address to subscribe to and the links to other views carry the same filter."""
    seen = look(client, "/facility/gym?q=open+gym&view=week")
    feed = "https://calendars.example.org/ical/facility/gym.ics?q=gym%20open"
    assert [
        attributes["value"] for _, attributes in seen.elements if attributes.get("id") == "address"
    ] == [feed]
    assert "?view=month&q=gym%20open#schedule" in seen.links()
    assert (seen.texts.count("Open Gym") > 0, seen.texts.count("Practice: Varsity")) == (True, 0)


def test_view_offers_the_activities_there_are(client: FlaskClient) -> None:
    """One choice for each activity, and the one that is chosen is marked."""
    seen = look(client, "/facility/gym?activity=VARSITY")
    options = [
        (attributes.get("value"), "selected" in attributes)
        for tag, attributes in seen.elements
        if tag == "option"
    ]
    assert options == [("", False), ("Varsity", True)]


def test_view_of_a_day_begins_with_it(client: FlaskClient) -> None:
    """The list of a day far away begins there, also where nothing is on."""
    seen = look(client, "/facility/pool?date=2026-12-24")
    assert "Nothing is booked on this day." in seen.texts


def test_open_times_do_not_depend_on_filters(client: FlaskClient) -> None:
    """What is hidden by a filter is booked all the same."""
    told = ["6:00 AM", "–", "11:00 AM", "1:00 PM", "–", "3:00 PM", "5:00 PM", "–", "10:00 PM"]
    for query in ("", "?q=nothing"):
        assert look(client, f"/facility/gym{query}").after("Open times", 7)[1:] == told[3:]


def test_week_cuts_what_no_page_can_hold(store: Store, client: FlaskClient) -> None:
    """Three hundred entries are told, the others counted."""
    sync(store, "school", added(entry(-1, uid=f"x{number}", event_id="x") for number in range(320)))
    assert "more in these days" in look(client, "/facility/gym?view=week").text


@pytest.mark.parametrize("query", VIEWS)
def test_view_shows_hostile_names_as_text(client: FlaskClient, query: str) -> None:
    """Nothing that anybody typed becomes markup in any view."""
    answer = client.get(f"/property/odd{query}")
    assert HOSTILE not in answer.text
    pictures = [said.get("src", "") for tag, said in Seen(answer.text).elements if tag == "img"]
    assert pictures == ["/qr/property/odd.svg"]


@pytest.mark.parametrize("query", VIEWS)
@pytest.mark.parametrize("path", ["/", "/property/school", "/property/district", "/facility/gym"])
def test_page_weighs_little(client: FlaskClient, path: str, query: str) -> None:
    """A page and its style sheets are at most 30 KB as they are sent."""
    html = client.get(
        path + (query if path != "/" else ""), headers={"Accept-Encoding": "gzip"}
    ).data
    files = (FOLDER / name for name in ("site.css", "pages.css", "week.css"))
    assert len(html) + sum(len(gzip.compress(file.read_bytes())) for file in files) <= MOST_BYTES
