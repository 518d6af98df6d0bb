"""`name=`: one team's bookings, and no other's, at every kind of address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.samples import POOL, entry
from tests.web.filling import Filling
from tests.web.seen import Seen
from tests.web_world import added, sync

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from icalbridge.store import Store

TEAMS = [f"Liga de Voleibol {number}" for number in (1, 11, 16, 17)]
TEAM = "Liga+de+Voleibol+1"


@pytest.fixture
def teams(store: Store, client: FlaskClient) -> FlaskClient:
    """A client of a school where four teams practice on the same day."""
    booked = [
        entry(4 + number, uid=f"team{number}", event_id=f"t{number}", name=name)
        for number, name in enumerate(TEAMS)
    ]
    sync(store, "school", added(booked))
    return client


@pytest.mark.parametrize(
    "address",
    [
        "/ical/property/school.ics?name={}",
        "/ical/property/district.ics?name={}",
        "/ical/facility/gym.ics?name={}",
        "/ical/facility/gym.json?name={}",
        "/ical/property/school.csv?name={}",
        "/ical/property/school.atom?name={}",
        "/property/school?name={}",
        "/property/school?view=week&name={}",
        "/property/school?view=month&name={}",
        "/facility/gym?view=day&name={}",
        "/facility/gym?name={}",
        "/facility/gym?view=month&name={}",
        "/property/school?view=list&name={}",
        "/property/district?view=list&name={}",
        "/facility/gym?view=list&name={}",
        "/embed/property/school?name={}",
        "/embed/facility/gym?view=week&name={}",
        "/embed/property/school?view=month&name={}",
        "/display/property/school?name={}",
        "/display/facility/gym?name={}",
        "/display/property/school.json?name={}",
        "/api/v1/properties/school/entries?name={}",
        "/api/v1/facilities/gym/entries?name={}",
    ],
)
def test_calendar_of_one_team_shows_no_other(teams: FlaskClient, address: str) -> None:
    """By its exact name, by all words of it, and as a phrase; team 11, 16 and 17 are other teams."""
    for query in (TEAM, "LIGA de  voleibol 1"):
        assert _teams(teams, address.format(query)) == {"1"}
    words = address.replace("name={}", "q={}")
    for query in (TEAM, "1+volei", '"Liga de Voleibol 1"', '"voleibol 1" liga'):
        assert _teams(teams, words.format(query)) == {"1"}
    assert _teams(teams, address.format(f"{TEAM},Liga de Voleibol 16")) == {"1", "16"}
    assert _teams(teams, address.format(f"{TEAM}&name=Liga+de+Voleibol+16")) == {"1", "16"}
    assert _teams(teams, address.format("Liga de Voleibol")) == set()


def _teams(client: FlaskClient, address: str) -> set[str]:
    answer = client.get(address)
    assert answer.status_code == 200
    # in a CSV a comma ends the name, elsewhere only a filter has one behind it
    text = answer.text.replace(",", "\n") if answer.mimetype == "text/csv" else answer.text
    return set(re.findall(r"Liga de Voleibol (\d+)\b(?!,|&)", _told(text)))


def _told(text: str) -> str:
    """Leave out the fields and addresses that repeat the filter, and the data of the whole page."""
    text = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    return re.sub(r'<input[^>]*>|(?:href|src|content|value|data-[a-z-]+)="[^"]*"', "", text)


# to tick in the builder


def _ticks(client: FlaskClient, query: str) -> list[tuple[str, bool]]:
    """Return the names to tick at `/build`, with what stands beside them, and whether they are."""
    html = client.get(f"/build?feed={query}").text
    part = html.partition('id="names"')[2].partition("</fieldset>")[0]
    checked = ["checked" in row for tag, row in Seen(part).elements if tag == "input"]
    texts = re.findall(r'<label class="tick">(.*?)</label>', part, re.DOTALL)
    return list(zip([Seen(text).text for text in texts], checked, strict=True))


def _hints(client: FlaskClient, query: str) -> list[str]:
    return Seen(client.get(f"/build?feed={query}").text).texts


def test_builder_lists_the_names_that_are_booked(teams: FlaskClient, store: Store) -> None:
    """By their next dates, with how many are coming; what is over or pending is not booked."""
    booked = [
        entry(28, uid="team9", event_id="t9", name="LIGA de Voleibol 1"),
        entry(-30, uid="over", name="Over"),
        entry(9, uid="pending", name="Pending", status="pending"),
        entry(50, uid="swim", name="Swim, all", facility=POOL),
    ]
    sync(store, "school", added(booked))
    names = [name for name, _ in _ticks(teams, "property:school")]
    assert names[:3] == [
        "Open Gym Sat, Nov 21, 11:00 AM · 1 booking",
        "Practice Sat, Nov 21, 3:00 PM · 30 bookings",
        "Liga de Voleibol 1 Sat, Nov 21, 4:00 PM · 2 bookings",
    ]
    assert names[-1] == "Swim, all Mon, Nov 23, 2:00 PM · 1 booking"
    assert len(names) == 7
    pool = [name for name, _ in _ticks(teams, "facility:pool")]
    assert pool == ["Swim, all Mon, Nov 23, 2:00 PM · 1 booking"]
    found = [name for name, _ in _ticks(teams, "property:district&find=liga+1")]
    assert found == ["Liga de Voleibol 1 Sat, Nov 21, 4:00 PM · 2 bookings"]


def test_ticked_names_are_in_the_address(teams: FlaskClient, store: Store) -> None:
    """Several of them, as the form sends them; they stay ticked whatever is looked for."""
    swim = entry(50, uid="swim", name="Swim, all", facility=POOL)
    sync(store, "school", added([swim]))
    filling = Filling(teams.get("/build?feed=property:school").text, "builder")
    offered = filling.choices("name")
    assert {"Liga de Voleibol 1", "Swim\\, all"} < set(offered)
    query = "property:school&name=Liga+de+Voleibol+1&name=Swim%5C,+all&name=Gone&find=16"
    page = teams.get(f"/build?feed={query}")
    address = "/ical/property/school.ics?name=gone,liga%20de%20voleibol%201,swim%5C,%20all"
    assert f"https://calendars.example.org{address}" in page.text
    assert _ticks(teams, query) == [
        ("gone nothing coming up", True),
        ("Liga de Voleibol 1 Sat, Nov 21, 4:00 PM · 1 booking", True),
        ("Swim, all Mon, Nov 23, 2:00 PM · 1 booking", True),
        ("Liga de Voleibol 16 Sat, Nov 21, 6:00 PM · 1 booking", False),
    ]
    assert _teams(teams, address) == {"1"}


def test_builder_says_what_it_does_not_list(
    teams: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many names some, and of a large district those of one school or with a word."""
    monkeypatch.setattr("icalbridge.web.booked_names.MOST_NAMES", 2)
    assert len(_ticks(teams, "property:school")) == 2
    hint = "These are some of the names; look for a word to find others."
    assert any(hint in text for text in _hints(teams, "property:school"))
    assert not any(hint in text for text in _hints(teams, "property:school&find=16"))
    assert "Nothing with that name is coming up." in _hints(teams, "property:school&find=nobody")
    monkeypatch.setattr("icalbridge.web.routes.builder.MOST_SCHOOLS", 1)
    hint = "This calendar has many names: choose a school above, or look for a word of the name."
    assert any(hint in text for text in _hints(teams, "property:district"))
    assert _ticks(teams, "property:district") == []
    assert len(_ticks(teams, "property:district&find=16")) == 1
    assert len(_ticks(teams, "property:district&school=school")) == 2
