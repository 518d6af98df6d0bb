"""The pages: what they show, to whom, and that nothing anybody typed into a booking system becomes
markup.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from icalbridge.models import Changes, Feed, Property
from icalbridge.web import create_app, templates_dir
from tests.samples import GYM, NOW, ZONE, entry
from tests.web.seen import Seen, look
from tests.web_world import (
    FACILITIES,
    HOSTILE,
    JAPANESE,
    PRIVATE,
    PUBLIC,
    USER,
    Clock,
    add_catalogue,
    added,
    empty_store,
    sync,
)

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

    from icalbridge.store import Store

PAGES = [
    "/",
    "/?q=gym",
    "/property/district",
    "/property/school",
    "/facility/gym",
    "/facility/nameless",
    "/nowhere",
]

ODD_FACILITIES = ["/facility/long", "/facility/odd.id%20%C3%A9%2F1", "/facility/rtl"]


# the directory


def test_directory_lists_districts_schools_and_facilities(client: FlaskClient) -> None:
    """All that is listed is a link, in the vendor's order, districts ahead of schools; then status
    and language.
    """
    assert look(client, "/").links()[2:] == [
        "/free",
        "/free",
        "/build",
        "/embed",
        "/?q=Gymnasium",
        "/?q=Field",
        "/?q=Multipurpose%20room",
        "/?q=Pool",
        "/?q=%E4%BD%93%E8%82%B2%E9%A4%A8",
        "/property/district",
        "/property/school",
        "/facility/gym",
        "/facility/pool",
        "/property/odd",
        "/facility/long",
        "/facility/odd.id%20%C3%A9%2F1",
        "/facility/rtl",
        "/property/alone",
        "/facility/nameless",
        "/property/never",
        "/facility/never-gym",
        "/free",
        "/status",
        "/api/v1/",
        "?lang=es",
    ]


def test_directory_says_what_is_left_of_today(client: FlaskClient, clock: Clock) -> None:
    """Each facility says how it stands and how much is to come in its own day; schools and the
    district add up.
    """
    seen = look(client, "/")
    assert seen.after("Sunny Union District", 1) == ["7 left today"]
    assert seen.after("Lincoln High", 9) == [
        "Sunnyvale", "·", "2 left today", "Main Gym", "Gymnasium", "in use now", "2 left today", "Pool", "free now",
    ]  # fmt: skip
    clock.advance(3600)
    after = look(client, "/").after("Lincoln High", 7)
    assert after[2:] == ["1 left today", "Main Gym", "Gymnasium", "free now", "1 left today"]


def test_directory_day_is_the_schools_own(client: FlaskClient, clock: Clock) -> None:
    """At half past nine in Los Angeles it is tomorrow in New York: the counts differ by school."""
    clock.advance(9.5 * 3600)
    seen = look(client, "/")
    assert seen.after("Lincoln High", 3)[-1] == "nothing more today"
    assert seen.after(HOSTILE, 3)[-1] == "1 left today"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("main gym", ["/property/district", "/property/school", "/facility/gym"]),
        ("POOL lincoln", ["/property/district", "/property/school", "/facility/pool"]),
        ("phoenix", ["/property/alone", "/facility/nameless"]),
        (
            "だいにたいいくかん 体育館",
            ["/property/district", "/property/odd", "/facility/odd.id%20%C3%A9%2F1"],
        ),
        ("onerror", ["/property/district", "/property/odd", *ODD_FACILITIES]),
    ],
)
def test_directory_search_narrows_it_down(
    client: FlaskClient, query: str, found: list[str]
) -> None:
    """Every word must be in the name, the kind, the school or its address; case does not matter.
    Bookings are apart.
    """
    answer = client.get("/", query_string={"q": query})
    links = [
        link
        for link in Seen(answer.text).links()
        if link.startswith(("/property", "/facility")) and "?" not in link
    ]
    assert (answer.status_code, links) == (200, found)


def test_directory_search_without_a_hit_says_so(client: FlaskClient) -> None:
    """What was looked for is repeated as text, with a way back to everything."""
    answer = client.get("/", query_string={"q": HOSTILE + " nowhere"})
    seen = Seen(answer.text)
    assert (
        f"Nothing matches “ {' '.join((HOSTILE + ' nowhere').split())} ”. Show everything"
        in seen.text
    )
    assert ("input", HOSTILE + " nowhere") in [
        (tag, attributes.get("value")) for tag, attributes in seen.elements
    ]


def test_directory_of_hundreds_of_schools_is_short(tmp_path: Path) -> None:
    """Each school has a line, without its facilities; the first sixty are seen at once."""
    store = empty_store(tmp_path)
    schools = [Property(f"s{number}", f"School {number}", timezone=ZONE) for number in range(200)]
    facilities = {place.id: [replace(GYM, id=place.id, property_id=place.id)] for place in schools}
    store.write.apply_catalog(USER, schools, facilities, Changes(), now=NOW)
    client = create_app(PUBLIC, store, clock=Clock()).test_client()
    answer = client.get("/")
    assert len(answer.data) <= 100_000
    links = [link for link in Seen(answer.text).links() if link.startswith("/property/")]
    assert links == [f"/property/s{number}" for number in range(200)]
    at_once = Seen(answer.text.partition("<details")[0]).links()
    assert sum(link.startswith("/property/") for link in at_once) == 60
    assert "140 more schools" in answer.text
    store.close()


def test_directory_without_a_catalogue_is_a_page(tmp_path: Path) -> None:
    """Before the first sync people are told that there will be something."""
    store = empty_store(tmp_path)
    seen = look(create_app(PUBLIC, store, clock=Clock()).test_client(), "/")
    assert "No schools are listed yet. They appear here once they have been loaded." in seen.texts
    store.close()


# a schedule


def test_facility_lists_what_is_coming(client: FlaskClient) -> None:
    """Times are the school's, in 12-hour form, and the zone is named."""
    seen = look(client, "/facility/gym?view=list")
    assert seen.after("Coming up", 7) == [
        "Today and the next 14 days.",
        "Times in Pacific Time.",
        "Today, Saturday, November 21",
        "11:00 AM", "–", "1:00 PM",
        "Open Gym",
    ]  # fmt: skip
    assert "As of 12:00 PM, November 21, 2026 (just now)." in seen.text


def test_facility_groups_two_weeks_by_local_day(client: FlaskClient) -> None:
    """Fifteen days beginning with today, each with its heading; what comes later is left to the
    calendar.
    """
    told = look(client, "/facility/gym?view=list").texts
    headings = [
        text
        for text in told[told.index("Coming up") :]
        if re.search(r"day, (November|December) \d+$", text)
    ]
    assert (len(headings), headings[:2], headings[-1]) == (
        15,
        ["Today, Saturday, November 21", "Tomorrow, Sunday, November 22"],
        "Saturday, December 5",
    )


def test_facility_lists_at_most_a_hundred(store: Store, client: FlaskClient) -> None:
    """A facility in heavy use is cut, and a link leads to what comes after."""
    sync(
        store,
        "school",
        added(entry(30 + number, uid=f"x{number}", event_id="x") for number in range(120)),
    )
    seen = look(client, "/facility/gym?view=list")
    assert (
        sum(
            tag == "li" and "running" in str(attributes.get("class"))
            for tag, attributes in seen.elements
        )
        == 1
    )
    assert sum(link.startswith("/booking/") for link in seen.links()) == 100
    assert "What comes after these" in seen.texts


def test_facility_with_nothing_on_says_so(client: FlaskClient) -> None:
    """An empty schedule is a schedule, with its subscription."""
    seen = look(client, "/facility/nameless?view=list")
    assert "Free; nothing is booked." in seen.texts
    assert "Nothing is booked today or in the next 14 days." in seen.texts
    assert "webcal://calendars.example.org/ical/facility/nameless.ics" in seen.links()


def test_property_of_a_district_shows_all_its_schools(client: FlaskClient) -> None:
    """A district's page has its schools, and every school's entries with their places; another zone
    is named.
    """
    seen = look(client, "/property/district")
    assert seen.after("Schools", 5) == [
        "Lincoln High", "1 on now", "2 left today", HOSTILE, "5 left today",
    ]  # fmt: skip
    first = seen.texts.index(JAPANESE, seen.texts.index("Day"))
    assert seen.texts[first - 4 : first + 3] == [
        "5:00 PM",
        "–",
        "7:00 PM",
        "EST",
        JAPANESE,
        JAPANESE,
        HOSTILE,
    ]


def test_page_lists_a_long_entry_under_the_day_it_starts(client: FlaskClient) -> None:
    """What ends on another day says on which."""
    seen = look(client, "/facility/long?view=list")
    first = seen.texts.index("Night of dance")
    assert seen.texts[first - 4 : first] == [
        "Tomorrow, Sunday, November 22",
        "9:00 PM",
        "–",
        "3:00 AM, Tue, Nov 24",
    ]


def test_page_says_how_old_its_data_is(client: FlaskClient, clock: Clock) -> None:
    """Data that was not renewed for hours is said to be old, with its time."""
    clock.advance(3 * 3600 + 60)
    seen = look(client, "/facility/gym")
    assert "As of 12:00 PM, November 21, 2026 (3 hours ago)." in seen.text
    assert (
        "The booking system has not answered since then; later changes are missing here."
        in seen.texts
    )


def test_page_says_until_when_a_cut_calendar_is_complete(store: Store, clock: Clock) -> None:
    """Where the far future was left out for size, the subscribe block says from when on."""
    names = added(
        entry(24 * day, uid=f"big{day}", event_id=f"big{day}", name="x" * 200)
        for day in range(1, 90)
    )
    sync(store, "school", names)
    settings = type(PUBLIC)(public_url=PUBLIC.public_url, feed_max_bytes=10_000)
    seen = look(create_app(settings, store, clock=clock).test_client(), "/facility/gym")
    told = [text for text in seen.texts if text.startswith("This calendar is very large")]
    assert len(told) == 1
    assert re.search(
        r"it holds everything until (November|December|January) \d+, 202[67], and later", told[0]
    )


# how to subscribe


def test_page_offers_every_way_to_subscribe(client: FlaskClient) -> None:
    """One address, and for each kind of calendar the link that works; a download is visibly
    something else.
    """
    seen = look(client, "/facility/odd.id%20%C3%A9%2F1")
    address = "https://calendars.example.org/ical/facility/odd.id%20%C3%A9%2F1.ics"
    encoded = (
        "https%3A%2F%2Fcalendars.example.org%2Fical%2Ffacility%2Fodd.id%2520%25C3%25A9%252F1.ics"
    )
    webcal = encoded.replace("https", "webcal")
    shown = next(
        attributes for tag, attributes in seen.elements if attributes.get("id") == "address"
    )
    assert (shown["value"], "readonly" in shown) == (address, True)
    first = next(number for number, link in enumerate(seen.links()) if link.startswith("webcal:"))
    links = [link for link in seen.links()[first:] if not link.startswith("/poster/")]
    assert links[0] == "webcal://calendars.example.org/ical/facility/odd.id%20%C3%A9%2F1.ics"
    assert f"https://calendar.google.com/calendar/r?cid={webcal}" in links
    assert "https://calendar.google.com/calendar/u/0/r/settings/addbyurl" in links
    for host in ("outlook.live.com", "outlook.office.com"):
        start = f"https://{host}/calendar/0/addfromweb?url={encoded}&name=%E7%AC%AC"
        assert [link for link in links if link.startswith(start)]
    assert "/ical/facility/odd.id%20%C3%A9%2F1.ics" in links


@pytest.mark.parametrize("service", ["1 to 3", "4 to 24", "3 to 24"])
def test_page_tells_honestly_how_often_services_ask(client: FlaskClient, service: str) -> None:
    """Beside each service stands how often it asks again."""
    assert f"every {service} hours" in look(client, "/property/school").text


def test_page_warns_of_an_address_that_only_works_here(store: Store, clock: Clock) -> None:
    """On a developer's machine the page says that no service on the Internet can reach it."""
    client = create_app(PRIVATE, store, clock=clock).test_client()
    warning = "This address works on this computer only; Google and Outlook cannot reach it."
    assert warning in look(client, "/facility/gym").texts
    assert (
        warning
        not in Seen(client.get("/facility/gym", headers={"Host": "bridge.example.org"}).text).texts
    )


# files


def test_page_answers_conditions_and_gzip(client: FlaskClient) -> None:
    """Pages speak the same HTTP as feeds: tags, 304, compression."""
    page = client.get("/facility/gym", headers={"Accept-Encoding": "gzip"})
    assert page.headers["Content-Encoding"] == "gzip"
    assert (
        client.get("/facility/gym", headers={"If-None-Match": page.headers["ETag"]}).status_code
        == 304
    )


def test_static_file_is_kept_for_ever_under_its_version(client: FlaskClient) -> None:
    """The address in the page names the content and lasts; any other version of it does not."""
    sheet = next(
        attributes["href"]
        for _, attributes in look(client, "/").elements
        if attributes.get("rel") == "stylesheet"
    )
    assert sheet is not None
    assert re.fullmatch(r"/static/site\.css\?v=[0-9a-f]{16}", sheet)
    lasting = client.get(sheet)
    assert (lasting.content_type, lasting.headers["Cache-Control"]) == (
        "text/css; charset=utf-8",
        "public, max-age=31536000, immutable",
    )
    assert client.get("/static/site.css?v=old").headers["Cache-Control"] == "public, max-age=300"


def test_templates_come_from_the_checkout_or_the_wheel() -> None:
    """Whichever way it was installed, the templates are there."""
    assert (templates_dir() / "base.html").is_file()


def test_page_asks_no_more_of_a_larger_district(tmp_path: Path, clock: Clock) -> None:
    """The number of statements behind a page does not grow with facilities or entries."""
    counts = []
    for number, facilities in enumerate(({"school": FACILITIES["school"][:1]}, FACILITIES)):
        folder = tmp_path / str(number)
        folder.mkdir()
        store = empty_store(folder)
        add_catalogue(store, facilities)
        sync(
            store,
            "school",
            added(
                entry(hour, uid=f"u{hour}", event_id=f"e{hour}") for hour in range(1 + 40 * number)
            ),
        )
        client = create_app(PUBLIC, store, clock=clock).test_client()
        asked: list[str] = []
        event.listen(
            store.engine, "before_cursor_execute", lambda *call, asked=asked: asked.append(call[2])
        )
        client.get("/property/school")
        client.get("/facility/gym")
        counts.append(len(asked))
        assert store.read.feed_state(Feed("facility", "gym")) is not None
        store.close()
    assert counts[0] == counts[1]
