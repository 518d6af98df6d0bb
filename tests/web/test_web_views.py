"""List, week and month of a school or a facility: which days, narrowed down, and how heavy such a
page is.
"""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.models import Facility
from icalbridge.web.static_files import FOLDER
from icalbridge.web.views.time_grid import MOST_LANES, MOST_ROWS
from tests.samples import NOW, POOL, entry
from tests.web.seen import Seen, look
from tests.web_world import FACILITIES, HOSTILE, Clock, add_catalogue, added, sync

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from icalbridge.store import Store

MOST_BYTES = 30 * 1024
VIEWS = ["", "?view=day", "?view=week", "?view=month", "?view=list", "?date=2026-11-25"]


def captions(seen: Seen) -> int:
    return sum(tag == "caption" for tag, _ in seen.elements)


def marked(seen: Seen) -> list[str]:
    """Return the elements that are marked as today."""
    return [tag for tag, attributes in seen.elements if attributes.get("aria-current") == "date"]


def heads(seen: Seen) -> list[str | None]:
    return [attributes.get("scope") for tag, attributes in seen.elements if tag == "th"]


def classes(seen: Seen, name: str) -> list[str]:
    """Return the classes of all elements that have one of them."""
    found = (str(attributes.get("class") or "") for _, attributes in seen.elements)
    return [each for each in found if name in each.split()]


def test_week_of_a_district_is_a_table_with_today_marked(client: FlaskClient) -> None:
    """Seven days, each the head of its row, and one of them is today."""
    seen = look(client, "/property/district?view=week")
    assert (captions(seen), heads(seen), marked(seen)) == (1, ["row"] * 7, ["tr"])


def test_week_of_a_school_is_facilities_by_days(client: FlaskClient) -> None:
    """Seven heads of columns, and a row for each facility that is booked."""
    seen = look(client, "/property/school?view=week")
    assert (captions(seen), heads(seen), marked(seen)) == (1, ["col"] * 7 + ["row"], ["th"])
    assert seen.after("Main Gym", 2) == ["Sat, Nov 21", "11:00 AM – 1:00 PM"]


def test_week_of_a_facility_is_seven_columns_of_hours(client: FlaskClient) -> None:
    """By itself a facility shows the days from today on; its entries are placed by classes."""
    for query in ("", "?view=week", "?date=2026-11-18"):
        seen = look(client, f"/facility/gym{query}")
        assert classes(seen, "columns") in (
            ["columns hours-15 columns-7 hide-over"],
            ["columns hours-15 columns-7"],
        )
        assert marked(seen) == ["h3"]
    seen = look(client, "/facility/gym")
    today = ["item h4 m0 H2 M0 l0 o1 running", "item h8 m0 H2 M0 l0 o1"]
    assert classes(seen, "h4") + classes(seen, "h8")[1:2] == [
        "h4",
        today[0],
        today[1],
    ]
    assert classes(seen, "now-line") == ["now-line h5 m0"]


def test_day_of_a_school_is_a_timeline(client: FlaskClient) -> None:
    """A row for each facility, empty ones too, and the entries in order of time."""
    seen = look(client, "/property/school")
    assert classes(seen, "timeline") == ["timeline hours-15 hide-over"]
    assert classes(seen, "r1") == [
        "r1 R1",
        "item r1 h4 m0 H2 M0 l0 o1 running",
        "item r1 h8 m0 H2 M0 l0 o1",
    ]
    assert classes(seen, "r2") == ["r2 R1"]


def test_grid_has_classes_for_every_place() -> None:
    """The style sheet knows each class by which an entry can be placed."""
    css = (FOLDER / "grid.css").read_text()
    names = {
        *(f"h{number}" for number in range(28)),
        *(f"m{number}" for number in range(12)),
        *(f"H{number}" for number in range(29)),
        *(f"M{number}" for number in range(12)),
        *(f"l{number}" for number in range(MOST_LANES)),
        *(f"o{number}" for number in range(1, MOST_LANES + 1)),
        *(f"r{number}" for number in range(1, MOST_ROWS + 1)),
        *(f"R{number}" for number in range(1, MOST_ROWS + 1)),
        *(f"hours-{number}" for number in range(15, 29)),
        *(f"columns-{number}" for number in range(1, 8)),
    }
    assert {name for name in names if f".{name}{{" not in css} == set()


def test_view_of_a_month_links_each_day_to_its_list(client: FlaskClient) -> None:
    """Every day of the sheet leads to the list that begins with it."""
    links = [
        link
        for link in look(client, "/facility/gym?view=month").links()
        if link.startswith("?view=day&date=2026-11-")
    ]
    assert links == [f"?view=day&date=2026-11-{day:02}#schedule" for day in range(1, 31)]


def test_view_moves_by_its_own_length(client: FlaskClient) -> None:
    """A week leads to the weeks beside it, a month to the months, and both back to today."""
    week, month = look(client, "/facility/gym?view=week"), look(client, "/facility/gym?view=month")
    assert [link for link in week.links() if link.startswith("?date=")] == [
        "?date=2026-11-08#schedule",
        "?date=2026-11-22#schedule",
    ]
    day = look(client, "/property/school?view=day&date=2026-11-25")
    assert [link for link in day.links() if link.startswith("?date=")] == [
        "?date=2026-11-25#schedule",
        "?date=2026-11-24#schedule",
        "?date=2026-11-26#schedule",
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
        [said["rel"] for tag, said in seen.elements if said.get("rel") in ("next", "prev")]
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
    seen = look(client, "/facility/pool?view=list&date=2026-12-24")
    assert "Nothing is booked on this day." in seen.texts


def test_open_times_do_not_depend_on_filters(client: FlaskClient) -> None:
    """What is hidden by a filter is booked all the same."""
    for query in ("", "?q=nothing"):
        free = look(client, f"/facility/gym{query}").after("Free:", 2)
        assert free == ["1:00 – 3:00 PM,", "5:00 – 10:00 PM"]


def test_open_times_of_a_school_say_of_which_day_they_are(client: FlaskClient) -> None:
    """Beside each facility, for the day that is shown; of a day that is over there are none."""
    seen = look(client, "/property/school?date=2026-11-22")
    assert "With the times at which they are free on Sunday, November 22, 2026." in seen.text
    pool = seen.texts.index("Pool", seen.texts.index("Facilities"))
    assert seen.texts[pool + 1 : pool + 4] == ["free now", "6:00 AM – 2:00 PM", "4:00 – 10:00 PM"]
    assert "at which they are free" not in look(client, "/property/school?date=2026-11-20").text


def test_day_and_week_cut_what_no_page_can_hold(store: Store, client: FlaskClient) -> None:
    """Of a gym with hundreds of bookings at once a timeline shows some rows, the hours of the gym
    some lanes, and a cell of the week some entries; each leads to the others.
    """
    sync(store, "school", added(entry(-1, uid=f"x{number}", event_id="x") for number in range(320)))
    rest = "/facility/gym?view=list&date=2026-11-21#schedule"
    for path, text, link in (
        ("/property/school", "301 more", rest),
        ("/property/school?view=week", "316 more", "?date=2026-11-21#schedule"),
        ("/facility/gym", "309 more", "?view=list&date=2026-11-21#schedule"),
        ("/property/district?view=week", "315 more", ""),
    ):
        seen = look(client, path)
        assert text in seen.text, path
        assert not link or link in seen.links(), path


def test_month_opens_in_place(store: Store, client: FlaskClient) -> None:
    """Three of a day are shown, twelve more open there, and the rest is a link to the day."""
    sync(store, "school", added(entry(1, uid=f"x{number}", event_id="x") for number in range(20)))
    seen = look(client, "/facility/gym?view=month")
    assert "19 more" in seen.texts
    assert sum(tag == "details" for tag, _ in seen.elements) == 3
    assert seen.texts.count("All of this day") == 1


def test_page_says_how_its_place_stands(client: FlaskClient, clock: Clock) -> None:
    """In one line: until when it is in use or free, and what comes next."""
    assert "In use until 1:00 PM: Open Gym · next at 3:00 PM: Practice: Varsity" in (
        look(client, "/facility/gym").texts
    )
    assert "1 on now · next at 3:00 PM: Practice: Varsity, Main Gym" in (
        look(client, "/property/school").texts
    )
    clock.advance(3600)
    assert "Free until 3:00 PM · next: Practice: Varsity" in look(client, "/facility/gym").texts


def test_day_of_a_school_narrowed_down_has_the_rows_of_what_is_left(client: FlaskClient) -> None:
    """A row without anything would say that its facility is free; one that was chosen stays."""
    for query, rows in (
        ("", ["Main Gym", "Pool"]),
        ("?q=varsity", ["Main Gym"]),
        ("?type=pool", []),
        ("?facility=pool", ["Pool"]),
        ("?q=nothing", []),
    ):
        html = client.get(f"/property/school{query}").text
        shown = html.partition('<ul class="rows">')[2].partition("</ul>")[0]
        assert Seen(shown).texts == rows, query


@pytest.mark.parametrize("path", ["/property/school", "/property/district", "/facility/gym"])
@pytest.mark.parametrize(
    "view", ["day", "week", "list", "list&date=2026-11-24", "day&date=2026-11-24"]
)
def test_narrowed_page_does_not_say_that_nothing_is_booked(
    client: FlaskClient, path: str, view: str
) -> None:
    """It knows of nothing but what was chosen."""
    text = look(client, f"{path}?view={view}&q=xyzzy").text
    assert "Nothing is booked" not in text
    assert "Nothing more is booked" not in text
    if (path, view) != ("/property/district", "week"):
        assert "Nothing that you chose is booked in this time." in text


def test_district_of_another_day_leads_to_that_day_of_its_schools(client: FlaskClient) -> None:
    """With the filters; what is left of today is said of today only."""
    seen = look(client, "/property/district?date=2026-11-25&q=varsity")
    assert "/property/school?view=day&date=2026-11-25&q=varsity" in seen.links()
    assert "left today" not in seen.text
    assert "left today" in look(client, "/property/district").text


def test_rows_of_another_day_lead_to_that_day(client: FlaskClient) -> None:
    """With the filters that are not of places."""
    links = look(client, "/property/school?date=2026-11-25&q=varsity&facility=gym").links()
    assert "/facility/gym?view=day&date=2026-11-25&q=varsity" in links
    week = look(client, "/property/school?date=2026-11-25&view=week&lang=es").links()
    assert "/facility/gym?view=week&date=2026-11-25&lang=es" in week


def test_page_says_whole_days_without_hours(store: Store, client: FlaskClient) -> None:
    """In the line of how its place stands, in a list and in a month."""
    start = NOW + timedelta(hours=12)
    camp = entry(0, uid="camp", event_id="camp", facility=POOL, start=start, name="Camp")
    day = replace(camp, end=start + timedelta(days=1))
    sync(store, "school", added([day]))
    assert (
        "Free for the rest of the day · next tomorrow: Camp" in look(client, "/facility/pool").texts
    )
    for view in ("list", "month"):
        seen = look(client, f"/facility/pool?view={view}")
        first = seen.texts.index("Camp", seen.texts.index("List"))
        assert seen.texts[first - 1] == "All day"
    later = replace(day, uid="later", event_id="later", start=start + timedelta(days=2))
    moved = replace(later, end=later.start + timedelta(days=2), facility_id="gym", name="Fair")
    sync(store, "school", added([moved]))
    fair = look(client, "/facility/gym?view=list&date=2026-11-24&q=fair").texts
    first = fair.index("Fair", fair.index("List"))
    assert fair[first - 3 : first] == ["All day", "–", "Wed, Nov 25"]


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
    files = (FOLDER / name for name in ("site.css", "pages.css", "grid.css"))
    assert len(html) + sum(len(gzip.compress(file.read_bytes())) for file in files) <= MOST_BYTES


def test_page_says_what_is_next_however_much_is_on(store: Store, client: FlaskClient) -> None:
    """More is on than a page reads of what is not over."""
    sync(store, "school", added(entry(-1, uid=f"x{number}", event_id="x") for number in range(250)))
    line = "251 on now · next at 3:00 PM: Practice: Varsity, Main Gym"
    assert line in look(client, "/property/school").texts


def test_overlaps_are_explained(store: Store, client: FlaskClient, clock: Clock) -> None:
    """In a sentence below the grid, where there are any."""
    sentence = "Outlined bookings overlap."
    for path in ("/property/school", "/facility/gym"):
        assert sentence not in look(client, path).texts
    sync(store, "school", added([entry(-0.5, uid="x", event_id="x")]))
    clock.advance(2)
    for path in ("/property/school", "/facility/gym"):
        assert sentence in look(client, path).texts


def _dense(store: Store, rooms: int, slots: int) -> None:
    """Book each of some rooms of a school so many times on every day of a month, under ids as long
    as the vendor's.
    """
    names = [f"{number:024}" for number in range(rooms)]
    places = [
        Facility(name, "school", f"Room {int(name)} of the North Building", "Classroom")
        for name in names
    ]
    add_catalogue(store, {**FACILITIES, "school": places})
    hours = 15 / slots
    entries = (
        replace(
            entry(
                day * 24 + slot * hours - 5,
                uid=f"{int(place.id):06}{day + 50:06}{slot:012}",
                event_id="x",
                end=NOW + timedelta(hours=day * 24 + (slot + 1) * hours - 5),
            ),
            facility_id=place.id,
            place=place.name,
            name=f"Community Youth Basketball League, Team {slot}",
        )
        for place in places
        for day in range(-22, 16)
        for slot in range(slots)
    )
    sync(store, "school", added(entries))


@pytest.mark.parametrize(
    ("rooms", "slots"),
    [
        (1, 45),
        (40, 6),
        pytest.param(30, 1, marks=pytest.mark.soak),
        pytest.param(150, 1, marks=pytest.mark.soak),
    ],
)
def test_page_of_a_dense_school_is_bounded(
    store: Store, client: FlaskClient, rooms: int, slots: int
) -> None:
    """One room with lessons of twenty minutes or a hundred rooms, a whole month: at most 100 KB,
    whatever is shown of them.
    """
    _dense(store, rooms, slots)
    for path in ("/property/school", "/property/district", f"/facility/{0:024}"):
        for view in ("day", "week", "month", "list"):
            answer = client.get(f"{path}?view={view}")
            assert answer.status_code == 200
            assert len(answer.data) <= 100_000, (path, view)


def test_district_of_thousands_of_facilities_is_bounded(store: Store, client: FlaskClient) -> None:
    """Nobody chooses one of two thousand from a list; they are a school's to choose."""
    places = [
        Facility(f"{number:024}", "school", f"Room {number}", "Room") for number in range(2000)
    ]
    add_catalogue(store, {**FACILITIES, "odd": places})
    seen = look(client, "/property/district?facility=gym")
    assert sum(tag == "option" for tag, _ in seen.elements) < 20
    hidden = [said["value"] for tag, said in seen.elements if said.get("name") == "facility"]
    assert hidden == ["gym", "gym"], "the forms of the date and of the filters"
    for view in ("day", "week", "month", "list"):
        assert len(client.get(f"/property/district?view={view}").data) <= 100_000
