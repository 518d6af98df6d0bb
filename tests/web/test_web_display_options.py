"""Options in a display's address: theme, dimming, margin and QR code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icalbridge.feeds.saved_feed import Saved
from icalbridge.feeds.saved_feed_toml import to_keep
from icalbridge.web import create_app
from tests.samples import NOW
from tests.web.qr_modules import dark_modules, expected_modules
from tests.web.seen import Seen, look
from tests.web_world import PRIVATE

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from icalbridge.store import Store
    from tests.web_world import Clock

GYM = "/display/facility/gym"
DISTRICT = "/display/property/district"


@pytest.mark.parametrize(
    ("query", "theme"), [("", "dark"), ("?theme=light", "light"), ("?theme=%22x", "dark")]
)
def test_display_is_dark_unless_asked(client: FlaskClient, query: str, theme: str) -> None:
    """A wall is dark by default; what is not understood changes nothing."""
    tag, attributes = look(client, GYM + query).elements[0]
    assert (tag, attributes["class"]) == ("html", theme)


@pytest.mark.parametrize(
    ("query", "classes"),
    [("", "dark"), ("?margin=0", "dark"), ("?margin=5", "dark margin-5"), ("?margin=", "dark")],
)
def test_display_takes_a_margin(client: FlaskClient, query: str, classes: str) -> None:
    """The style sheet has a class for each percentage."""
    assert look(client, GYM + query).elements[0] == ("html", {"lang": "en", "class": classes})


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (f"{GYM}?qr=1", "/facility/gym"),
        (f"{DISTRICT}?theme=light&qr=1&q=varsity&lang=en", "/property/district?q=varsity"),
    ],
)
def test_display_has_the_code_of_its_page(client: FlaskClient, path: str, address: str) -> None:
    """At the public address, with the filters; drawn in the page, so that nothing else is
    fetched.
    """
    answer = client.get(path)
    base = "https://calendars.example.org"
    assert dark_modules(answer.text) == expected_modules(base + address, "l")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert client.get(address).status_code == 200
    assert "style=" not in answer.text


def test_display_has_the_code_of_the_requests_address(store: Store, clock: Clock) -> None:
    """Where no public address is set, as on a poster; no cache keeps it for another host then."""
    client = create_app(PRIVATE, store, clock=clock).test_client()
    answer = client.get(f"{GYM}?qr=1", headers={"Host": "10.0.0.5:8000"})
    assert dark_modules(answer.text) == expected_modules("http://10.0.0.5:8000/facility/gym", "l")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert client.get(GYM).headers["Cache-Control"] == "no-cache"
    unusable = client.get(f"{GYM}?qr=1", environ_overrides={"HTTP_HOST": "a b"})
    assert "<svg" not in unusable.text


@pytest.mark.parametrize(
    "path",
    [
        GYM,
        f"{GYM}?qr=0",
        "/display/feed/gyms?qr=1",
        "/display/facility/unknown?qr=1",
        f"{GYM}?qr=1&q={'x' * 130}",
    ],
)
def test_display_has_no_code_without_a_page(client: FlaskClient, store: Store, path: str) -> None:
    """Nor where nobody asks for one, or its address is too long to be read from two meters."""
    store.saved.put([to_keep(Saved("gyms", "All gyms", facility_ids=("gym",)))], now=NOW)
    answer = client.get(path)
    assert "data-path" in answer.text
    assert "<svg" not in answer.text


@pytest.mark.parametrize(
    ("dim", "hours"),
    [("22-6", "22-6"), ("0-24", "0-24"), ("25-6", ""), ("22", ""), ("a-b", ""), ("٢-٣", "")],
)
def test_display_takes_hours_to_dim(client: FlaskClient, dim: str, hours: str) -> None:
    """Full hours of the school's zone; anything else dims nothing."""
    seen = look(client, f"{GYM}?dim={dim}")
    assert (
        next(attributes["data-dim"] for _, attributes in seen.elements if "data-dim" in attributes)
        == hours
    )


def test_display_refuses_a_margin_in_spanish(client: FlaskClient) -> None:
    """Also on the display of a saved feed, before it is looked up."""
    page = client.get("/display/feed/gyms?margin=50&lang=es")
    assert (page.status_code, Seen(page.text).texts[0]) == (
        400,
        "margin es '50' y debe ser un número entero del 0 al 10.",
    )
