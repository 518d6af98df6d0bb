"""The block that says how to subscribe: every way with its honest time, a code, and a download
apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icalbridge.feeds import Address
from icalbridge.feeds.query import parse
from icalbridge.models import Feed
from icalbridge.web.views.subscribe import poster_path, qr_path, shown_at, subscription
from tests.web.seen import look

if TYPE_CHECKING:
    from flask.testing import FlaskClient


def test_subscribe_says_what_happens_with_every_way(client: FlaskClient) -> None:
    """Beside each kind of calendar stands where it works, what it does and how often it updates."""
    seen = look(client, "/facility/gym")
    apple, phone, computer, outlook, microsoft365 = (
        seen.after(name, 2)
        for name in (
            "Apple Calendar",
            "Google Calendar on a phone",
            "Google Calendar on a computer",
            "Outlook.com",
            "Microsoft 365",
        )
    )
    assert apple[0] == (
        "On iPhone, iPad and Mac: Calendar opens and asks whether to subscribe. Updates every 1 to"
        " 3 hours, on some devices once a week."
    )
    assert phone[0].startswith("Google asks whether to add this calendar.")
    assert computer == [
        "Copy the address and paste it into the page that opens. Updates every 4 to 24 hours.",
        (
            "Copies the address and opens Google’s page: paste the address there. Updates every 4"
            " to 24 hours."
        ),
    ]
    for way in (outlook, microsoft365):
        assert "n a computer: opens Outlook with the address filled in." in way[0]
        assert way[0].endswith("Updates every 3 to 24 hours.")


def test_subscribe_opens_services_in_a_new_tab(client: FlaskClient) -> None:
    """Nobody loses the page; `webcal:` opens an app and needs no tab."""
    links = {
        (attributes["href"] or "").partition(":")[0]: attributes.get("target")
        for tag, attributes in look(client, "/facility/gym").elements
        if tag == "a" and "://" in (attributes["href"] or "")
    }
    assert links == {"webcal": None, "https": "_blank"}
    html = client.get("/facility/gym").text
    assert html.count('target="_blank" rel="noopener"') == html.count("_blank") == 4


def test_subscribe_marks_its_ways_for_the_script(client: FlaskClient) -> None:
    """Each way has a name by which the script puts the device's own first; the page is the same for
    every device.
    """
    plain = client.get("/facility/gym")
    phone = client.get("/facility/gym", headers={"User-Agent": "Mozilla/5.0 (Linux; Android 14)"})
    ways = [
        attributes["data-way"]
        for _, attributes in look(client, "/facility/gym").elements
        if "data-way" in attributes
    ]
    assert ways == ["apple", "android", "google", "outlook", "microsoft365", "other"]
    assert (phone.data, phone.headers["Vary"]) == (plain.data, plain.headers["Vary"])
    assert "User-Agent" not in plain.headers["Vary"]


def test_subscribe_download_is_apart(client: FlaskClient) -> None:
    """A copy is a plain link in a part of its own, and says that it never updates."""
    seen = look(client, "/facility/gym")
    link = next(
        attributes for tag, attributes in seen.elements if tag == "a" and "download" in attributes
    )
    assert (link["href"], link.get("class")) == ("/ical/facility/gym.ics", None)
    assert seen.after("Download once", 1) == ["A copy of how things are now. It never updates."]


def test_subscribe_offers_code_and_poster(client: FlaskClient) -> None:
    """The code and the poster are those of the same calendar."""
    seen = look(client, "/facility/odd.id%20%C3%A9%2F1")
    images = [attributes["src"] for tag, attributes in seen.elements if tag == "img"]
    assert images == ["/qr/facility/odd.id%20%C3%A9%2F1.svg"]
    assert "/poster/facility/odd.id%20%C3%A9%2F1" in seen.links()


def test_subscribe_paths_keep_the_shape() -> None:
    """What a calendar was narrowed down to goes along to its page, its code and its poster."""
    address = Address(Feed("property", "a/b"), parse("q=basketball"))
    assert shown_at(address) == "/property/a%2Fb?q=basketball"
    assert qr_path(address) == "/qr/property/a%2Fb.svg?q=basketball"
    assert poster_path(address) == "/poster/property/a%2Fb?q=basketball"


def test_subscription_links_are_those_that_work() -> None:
    """`webcal` for Apple, and encoded for Google on phones; Google's page to paste into; the address
    encoded whole for both Outlooks.
    """
    made = subscription("https://c.example.org/ical/facility/1.ics?q=a", "Gym & Pool")
    wanted = (
        "url=https%3A%2F%2Fc.example.org%2Fical%2Ffacility%2F1.ics%3Fq%3Da&name=Gym%20%26%20Pool"
    )
    assert made.webcal == "webcal://c.example.org/ical/facility/1.ics?q=a"
    assert made.google == "https://calendar.google.com/calendar/u/0/r/settings/addbyurl"
    assert made.google_phone == (
        "https://calendar.google.com/calendar/r?cid="
        "webcal%3A%2F%2Fc.example.org%2Fical%2Ffacility%2F1.ics%3Fq%3Da"
    )
    assert made.outlook == f"https://outlook.live.com/calendar/0/addfromweb?{wanted}"
    assert made.microsoft365 == f"https://outlook.office.com/calendar/0/addfromweb?{wanted}"
