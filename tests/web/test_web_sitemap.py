"""What search engines and other sites are told: the map, a page's own address and formats, its next
events.
"""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge.models import Feed
from icalbridge.settings import Settings
from icalbridge.store.entries import TimeRange
from icalbridge.web import create_app
from tests.samples import NOW
from tests.web.seen import look
from tests.web_world import HOSTILE, PRIVATE, Clock

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from icalbridge.store import Store

BASE = "https://calendars.example.org"


class Data(HTMLParser):
    """The data blocks of a page, as a browser takes them: what is in a `script` ends at the first
    `</script`.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.blocks: list[str] = []
        self._inside = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script" and ("type", "application/ld+json") in attrs

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.blocks.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "script"


def events(client: FlaskClient, path: str) -> list[dict[str, Any]]:
    (block,) = Data(client.get(path).text).blocks
    told: list[dict[str, Any]] = json.loads(block)["@graph"]
    return told


# the map


def test_sitemap_lists_every_page_there_is(client: FlaskClient) -> None:
    """The directory, every school that was fetched and its facilities, absolutely; nothing else."""
    answer = client.get("/sitemap.xml")
    assert (answer.status_code, answer.content_type) == (200, "application/xml; charset=utf-8")
    assert answer.text == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"<url><loc>{BASE}/</loc></url>\n"
        f"<url><loc>{BASE}/property/district</loc></url>\n"
        f"<url><loc>{BASE}/property/school</loc></url>\n"
        f"<url><loc>{BASE}/property/odd</loc></url>\n"
        f"<url><loc>{BASE}/property/alone</loc></url>\n"
        f"<url><loc>{BASE}/facility/gym</loc></url>\n"
        f"<url><loc>{BASE}/facility/pool</loc></url>\n"
        f"<url><loc>{BASE}/facility/long</loc></url>\n"
        f"<url><loc>{BASE}/facility/odd.id%20%C3%A9%2F1</loc></url>\n"
        f"<url><loc>{BASE}/facility/rtl</loc></url>\n"
        f"<url><loc>{BASE}/facility/nameless</loc></url>\n"
        "</urlset>\n"
    )


def test_sitemap_is_none_without_a_public_address(store: Store) -> None:
    """A map of addresses out of a Host header would be anybody's; robots.txt names none then."""
    client = create_app(PRIVATE, store, clock=Clock()).test_client()
    assert client.get("/sitemap.xml").status_code == 404
    assert client.get("/robots.txt").text == "User-agent: *\nDisallow:\n"


# a page's head


def test_page_names_itself_and_its_formats(client: FlaskClient) -> None:
    """Open Graph, the page's one address, and the feed in its formats."""
    elements = look(client, "/facility/gym?q=gym").elements
    told = {
        each["property"]: each["content"]
        for tag, each in elements
        if tag == "meta" and "property" in each
    }
    assert told == {
        "og:title": "Main Gym, Lincoln High",
        "og:site_name": "Facility calendars",
        "og:type": "website",
        "og:description": (
            "What is booked at Main Gym, Lincoln High, and how to have it in your own calendar."
        ),
        "og:url": f"{BASE}/facility/gym",
    }
    links = [
        (each.get("type"), each["href"]) for tag, each in elements if each.get("rel") == "alternate"
    ]
    assert links == [
        ("text/calendar", "/ical/facility/gym.ics"),
        ("application/json", "/ical/facility/gym.json"),
        ("application/atom+xml", "/ical/facility/gym.atom"),
    ]
    assert [client.get(href).status_code for _, href in links if href] == [200, 200, 200]
    assert [each["href"] for _, each in elements if each.get("rel") == "canonical"] == [
        f"{BASE}/facility/gym"
    ]


def test_page_below_a_folder_shares_what_is_below_it(store: Store) -> None:
    """A public address with a path is in every address that is told."""
    client = create_app(
        Settings(public_url="https://example.org/cal"), store, clock=Clock()
    ).test_client()
    elements = look(client, "/property/school").elements
    told = [
        each["href"]
        for _, each in elements
        if each.get("rel") in {"alternate", "canonical", "manifest"}
    ]
    assert [href for href in told if href] == [
        "/cal/site.webmanifest",
        "https://example.org/cal/property/school",
        "/cal/ical/property/school.ics",
        "/cal/ical/property/school.json",
        "/cal/ical/property/school.atom",
    ]


# the next events


def test_page_tells_its_next_events(client: FlaskClient) -> None:
    """The next twenty, in order, each with its times in the school's zone, its place and its page,
    and no more.
    """
    told = events(client, "/facility/gym")
    assert len(told) == 20
    assert told[0] == {
        "@type": "Event",
        "name": "Open Gym",
        "startDate": "2026-11-21T11:00:00-08:00",
        "endDate": "2026-11-21T13:00:00-08:00",
        "eventStatus": "https://schema.org/EventScheduled",
        "eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
        "location": {
            "@type": "Place",
            "name": "Main Gym",
            "address": told[0]["location"]["address"],
        },
        "url": f"{BASE}/booking/now",
    }


@pytest.mark.parametrize("path", ["/property/odd", "/property/district", "/facility/long"])
def test_page_data_cannot_leave_its_block(client: FlaskClient, path: str) -> None:
    """A name made of markup is in the data as it was typed, and not one mark of it is markup."""
    html = client.get(path).text
    (block,) = Data(html).blocks
    assert {mark for mark in "<>&\u2028\u2029" if mark in block} == set()
    assert HOSTILE in [told["name"] for told in events(client, path)]
    assert html.count("<script") == html.count("</script>") == 2


def test_page_data_names_what_the_page_shows(client: FlaskClient, store: Store) -> None:
    """The data of a feed holds what its entries are called, and nothing else that the store knows
    of them.
    """
    names = {
        entry.name or entry.activity
        for entry in store.read.entries(Feed("property", "odd"), TimeRange(NOW))
    }
    assert {told["name"] for told in events(client, "/property/odd")} <= names
    keys = {key for told in events(client, "/property/odd") for key in told}
    assert keys == {
        "@type",
        "name",
        "startDate",
        "endDate",
        "eventStatus",
        "eventAttendanceMode",
        "location",
        "url",
    }


@pytest.mark.parametrize("path", ["/", "/facility/nameless", "/status", "/poster/facility/gym"])
def test_page_without_events_has_no_data(client: FlaskClient, path: str) -> None:
    """Where nothing is on, and on pages that are no calendars, there is no data block."""
    assert Data(client.get(path).text).blocks == []
