"""`name=`: one team's bookings, and no other's, at every kind of address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.samples import entry
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
        "/property/school?view=list&name={}",
        "/property/district?view=list&name={}",
        "/facility/gym?view=list&name={}",
        "/embed/property/school?name={}",
        "/display/property/school?name={}",
        "/api/v1/properties/school/entries?name={}",
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
    return set(re.findall(r"Liga de Voleibol (\d+)\b(?!,|&)", _told(answer.text)))


def _told(text: str) -> str:
    """Leave out the fields and addresses that repeat the filter, and the data of the whole page."""
    text = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    return re.sub(r'<input[^>]*>|(?:href|src|content|value|data-[a-z-]+)="[^"]*"', "", text)
