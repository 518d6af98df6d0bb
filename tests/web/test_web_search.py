"""The search on `/`: bookings by their names, beside schools and facilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from icalbridge.store.engine import writing
from tests.samples import NOW, POOL, entry
from tests.web.seen import Seen, look
from tests.web_world import added, sync

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from icalbridge.store import Store

SUBSCRIBE = "/build?feed=property:{}&name={}#result"


@pytest.fixture
def teams(store: Store, client: FlaskClient) -> FlaskClient:
    """A client of a school with two teams and more, and of another that has one of them, too."""
    booked = [
        entry(4, uid="a1", event_id="a", name="Liga de Voleibol 1"),
        entry(28, uid="a2", event_id="a", name="LIGA DE VOLEIBOL  1", activity="Final"),
        entry(5, uid="b", event_id="b", name="Liga de Voleibol 11", facility=POOL),
        entry(6, uid="c", event_id="c", name="Volleyball Camp", activity="Girls"),
        entry(-30, uid="d", event_id="d", name="Volleyball Past"),
        entry(6, uid="e", event_id="e", name="Volleyball Pending", status="pending"),
        entry(6, uid="f", event_id="f", name="Volleyball Withdrawn", withdrawn=NOW),
    ]
    sync(store, "school", added(booked))
    other = entry(7, uid="g", event_id="g", name="Volleyball Camp", property_id="odd")
    sync(store, "odd", added([other]))
    return client


def _part(client: FlaskClient, query: str) -> Seen:
    """Return the part of a search's answer that is about bookings."""
    page = client.get("/", query_string={"q": query})
    assert page.status_code == 200
    return Seen("<h2 " + page.text.partition('id="booked"')[2].partition("</section>")[0])


def _names(client: FlaskClient, query: str) -> list[str]:
    texts = _part(client, query).texts
    return [before for before, after in zip(texts, texts[5:], strict=False) if after[:1] == "–"]


def test_search_lists_names_with_what_is_coming(teams: FlaskClient) -> None:
    """Where, when the next one is, how many there are, the page of the name, and its calendar."""
    part = _part(teams, "voleibol 1")
    assert part.texts[-6:] == [
        "Liga de Voleibol 1",
        "Lincoln High",
        "next: Sat, Nov 21, 4:00 PM",
        "2 bookings",
        "Subscribe to just this",
        "– Liga de Voleibol 1",
    ]
    page, build = part.links()
    assert page == "/property/school?view=list&name=liga%20de%20voleibol%201"
    assert build == SUBSCRIBE.format("school", "liga%20de%20voleibol%201")
    shown = look(teams, page)
    assert "Liga de Voleibol 1" in shown.texts
    assert "Liga de Voleibol 11" not in shown.texts
    address = "https://calendars.example.org/ical/property/school.ics?name=liga%20de%20voleibol%201"
    assert address in shown.text or address in {value.get("value") for _, value in shown.elements}
    assert address in look(teams, build.partition("#")[0]).text


def test_name_of_several_schools_is_one_of_the_district(teams: FlaskClient) -> None:
    """Its next booking is the first of any of them, its calendar that of the district."""
    part = _part(teams, "volley")
    assert part.texts[-6:-1] == [
        "Volleyball Camp",
        "2 schools",
        "next: Sat, Nov 21, 6:00 PM",
        "2 bookings",
        "Subscribe to just this",
    ]
    assert part.links()[1] == SUBSCRIBE.format("district", "volleyball%20camp")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("voleibol", ["Liga de Voleibol 1", "Liga de Voleibol 11"]),
        ("1 LIGA", ["Liga de Voleibol 1"]),
        ('"de voleibol"', ["Liga de Voleibol 1", "Liga de Voleibol 11"]),
        ('"voleibol de"', []),
        ("girls", ["Volleyball Camp"]),
        ("voleibol lincoln", ["Liga de Voleibol 1", "Liga de Voleibol 11"]),
        ("voleibol pool", ["Liga de Voleibol 11"]),
        ("voleibol sunnyvale", ["Liga de Voleibol 1", "Liga de Voleibol 11"]),
        ("voleibol 94087 oak", ["Liga de Voleibol 1", "Liga de Voleibol 11"]),
        ("voleibol phoenix", []),
        ("lincoln", []),
        ("pool", []),
        ("oleibol", []),
        ("!", []),
    ],
)
def test_search_matches_words_of_booking_and_school(
    teams: FlaskClient, query: str, names: list[str]
) -> None:
    """Name, activity, facility, school, address, city and zip; a place alone finds no bookings."""
    assert _names(teams, query) == names


def test_search_finds_bookings_named_like_their_school(store: Store, client: FlaskClient) -> None:
    """All that is booked there would match by its place: those are listed whose names do."""
    names = ["Lincoln Cup", "Oak Street Fair", "Swim Meet"]
    booked = [
        entry(4, uid=f"n{number}", event_id=f"n{number}", name=name)
        for number, name in enumerate(names)
    ]
    sync(store, "school", added(booked))
    assert _names(client, "lincoln") == ["Lincoln Cup"]
    assert _names(client, "lincoln high cup") == ["Lincoln Cup"]
    assert _names(client, "oak") == ["Oak Street Fair"]
    assert _names(client, "94087") == []


@pytest.mark.parametrize("page", ["/property/school", "/property/district", "/facility/gym"])
def test_page_of_a_name_lists_it_as_far_ahead_as_calendars_reach(
    store: Store, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    """Its next booking may be months ahead; a list of all names has the next days only."""
    booked = [
        entry(24 * day, uid=f"far{day}", event_id="far", name="Spring Gala") for day in (40, 300)
    ]
    sync(store, "school", added(booked))
    path = f"{page}?view=list&name=spring+gala"
    seen = look(client, path)
    bookings = [link for link in seen.links() if link.startswith("/booking/")]
    assert bookings == ["/booking/far40", "/booking/far300"]
    assert any(text.startswith("Today and the next 365 days.") for text in seen.texts)
    assert seen.texts[0].startswith("Spring Gala – ")
    first = seen.texts.index("Only")
    assert seen.texts[first : first + 4] == ["Only", "Spring Gala", ".", "Show everything"]
    more = "What comes after these"
    assert more not in seen.texts
    monkeypatch.setattr("icalbridge.web.schedule.NAME_ENTRIES", 1)
    cut = look(client, path)
    assert [link for link in cut.links() if link.startswith("/booking/")] == ["/booking/far40"]
    assert more in cut.texts
    (rest,) = (
        link for link in cut.links() if link.startswith("?view=list&name=spring%20gala&next=")
    )
    rest = rest.partition("#")[0]
    assert "/booking/far300" in look(client, page + rest).links()
    assert "/booking/far40" not in look(client, f"{page}?view=list").links()


def test_page_of_names_shows_them_as_they_are_booked(teams: FlaskClient) -> None:
    """Three of them; what is not coming is shown as the address has it. In every view."""
    names = "liga+de+voleibol+11&name=gone&name=volleyball+camp&name=liga+de+voleibol+1"
    for view in ("day", "week", "month", "list"):
        seen = look(teams, f"/property/school?view={view}&name={names}")
        assert "gone, Liga de Voleibol 1, Liga de Voleibol 11, …" in seen.texts
    assert "Only" not in look(teams, "/property/school?view=list&q=volley").texts


def test_search_without_a_facility_says_that_bookings_match(teams: FlaskClient) -> None:
    seen = look(teams, "/?q=volley")
    assert "Found for “ volley ”: no facility, but bookings." in seen.text


def test_search_finds_places_by_address(client: FlaskClient) -> None:
    """Street, city and zip code are the school's."""
    for query in ("1 oak", "sunnyvale", "94087"):
        assert "/property/school" in look(client, f"/?q={query}").links()
    assert "/property/school" not in look(client, "/?q=9408").links()


def test_search_without_the_database_says_so(teams: FlaskClient, store: Store) -> None:
    """Places are still found, and bookings that were searched for before."""
    assert _names(teams, "voleibol 1") == ["Liga de Voleibol 1"]
    with writing(store.engine) as connection:
        connection.execute(text("ALTER TABLE entry_texts RENAME TO lost"))
    seen = look(teams, "/?q=lincoln+gym")
    assert "Bookings cannot be searched just now; try again in a minute." in seen.texts
    assert "/facility/gym" in seen.links()
