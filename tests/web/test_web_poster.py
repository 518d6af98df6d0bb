"""The poster for the door and its QR code: the code is that of the address which the poster spells
out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icalbridge.web import create_app
from icalbridge.web.qr import QUIET, draw_code
from icalbridge.web.routes.posters import name_size
from tests.web.qr_modules import dark_modules, expected_modules
from tests.web.seen import look
from tests.web_world import HOSTILE, PRIVATE, Clock

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from icalbridge.store import Store

BASE = "https://calendars.example.org"


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/qr/facility/gym.svg", f"{BASE}/facility/gym"),
        ("/qr/property/district.svg", f"{BASE}/property/district"),
        ("/qr/facility/odd.id%20%C3%A9%2F1.svg", f"{BASE}/facility/odd.id%20%C3%A9%2F1"),
        ("/qr/facility/gym.svg?q=varsity", f"{BASE}/facility/gym?q=varsity"),
        (
            "/qr/facility/gym.svg?to=calendar",
            "webcal://calendars.example.org/ical/facility/gym.ics",
        ),
        ("/qr/facility/gym.svg?lang=es&q=varsity", f"{BASE}/facility/gym?q=varsity"),
        (
            "/qr/facility/gym.svg?q=a&to=calendar",
            "webcal://calendars.example.org/ical/facility/gym.ics?q=a",
        ),
    ],
)
def test_code_is_drawn_as_its_address_has_it(client: FlaskClient, path: str, address: str) -> None:
    """Module by module the drawing is the matrix of the address, in black on white, and may be kept
    for a day.
    """
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (200, "image/svg+xml")
    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    assert dark_modules(answer.text) == expected_modules(address)


def test_code_is_crisp_and_has_its_quiet_zone() -> None:
    """It scales without blur, and four light modules are around it."""
    svg = draw_code(f"{BASE}/facility/gym").decode()
    dark = {(row + QUIET, column + QUIET) for row, column in dark_modules(svg)}
    assert svg.startswith(
        '<svg shape-rendering="crispEdges" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 37 37">'
    )
    assert ({min(place) for place in dark} & {0, 1, 2, 3}, max(max(place) for place in dark)) == (
        set(),
        32,
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/qr/facility/nowhere.svg", 404),
        ("/qr/facility/gym.png", 404),
        ("/qr/facility/never-gym.svg", 404),
        ("/qr/facility/gym.svg?past=x", 400),
        (f"/qr/facility/gym.svg?q={'x' * 150}&q={'y' * 150}&not={'z' * 190}", 404),
        ("/poster/facility/nowhere", 404),
        ("/poster/facility/never-gym", 503),
        ("/poster/facility/gym?past=x", 400),
    ],
)
def test_poster_of_nothing_is_none(client: FlaskClient, path: str, status: int) -> None:
    """There is no poster and no code of what is not there, or of an address that no phone would
    read off a door.
    """
    assert client.get(path).status_code == status


def test_poster_says_what_is_needed(client: FlaskClient) -> None:
    """School, name, three short lines, the code and the short address."""
    seen = look(client, "/poster/facility/gym?q=varsity")
    assert seen.after("Lincoln High", 5) == [
        "Main Gym",
        "See what is booked here, today and every day.",
        "Point your phone’s camera at the code.",
        "Subscribe, and it stays in your own calendar.",
        "calendars.example.org/facility/gym?q=varsity",
    ]
    images = [attributes["src"] for tag, attributes in seen.elements if tag == "img"]
    assert images == ["/qr/facility/gym.svg?q=varsity"]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("Gym", "giant"),
        ("Main Gym", "giant"),
        ("Auxiliary Gymnasium", "large"),
        ("Lincoln High School", "large"),
        ("Multipurpose Room and Cafeteria", "medium"),
        ("体育館", "giant"),
        ("第二体育館（だいにたいいくかん）", "medium"),
        (HOSTILE, "small"),
        ("", "giant"),
    ],
)
def test_poster_name_is_as_large_as_it_fits(name: str, size: str) -> None:
    """By its length and its longest word, since words are not broken while there is another way."""
    assert name_size(name) == size


def test_poster_shows_hostile_names_as_text(client: FlaskClient) -> None:
    """A name made of markup is printed as it is."""
    seen = look(client, "/poster/property/odd")
    assert HOSTILE in seen.texts
    assert [attributes for tag, attributes in seen.elements if "onerror" in attributes] == []


def test_poster_says_when_phones_cannot_reach_it(store: Store) -> None:
    """Without a public address the code holds the address of the request, and is kept by nobody."""
    client = create_app(PRIVATE, store, clock=Clock()).test_client()
    seen = look(client, "/poster/facility/gym")
    assert "This address works on this computer only; phones cannot reach it." in seen.texts
    answer = client.get("/qr/facility/gym.svg")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert dark_modules(answer.text) == expected_modules("http://localhost/facility/gym")
