"""Cross-origin requests: what scripts of other sites may read, and what they may ask (Fetch, "CORS
protocol").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icalbridge import tokens
from icalbridge.feeds.saved_feed import Saved
from icalbridge.feeds.saved_feed_toml import to_keep
from tests.samples import NOW

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from icalbridge.store import Store

FEEDS = [f"/ical/facility/gym.{suffix}" for suffix in ("ics", "json", "csv", "atom")]


@pytest.fixture(autouse=True)
def token(store: Store) -> str:
    """What opens a private address of a saved feed."""
    store.saved.put([to_keep(Saved("gyms", "All gyms", facility_ids=("gym", "pool")))], now=NOW)
    made = tokens.new_token()
    assert store.saved.add_token("gyms", "Coach", tokens.digest(made), now=NOW) is not None
    return made


@pytest.mark.parametrize(
    "path",
    [
        *FEEDS,
        "/ical/facility/unknown.ics",
        "/ical/feed/gyms.ics",
        "/api/v1/properties",
        "/api/v1/facilities/gym/entries",
        "/api/v1/unknown",
        "/display/facility/gym.json",
        "/ical/facility/gym.ICS/?utm_source=x",
    ],
)
def test_preflight_is_answered(client: FlaskClient, path: str) -> None:
    """204 with what a page may send, without any look at the database."""
    answer = client.options(
        path,
        headers={
            "Origin": "https://www.example.org",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "if-none-match,x-requested-with",
        },
    )
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"if-none-match", "if-modified-since", "cache-control", "x-requested-with"} <= set(
        allowed
    )
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert not {"Content-Length", "Content-Type", "Access-Control-Allow-Credentials"} & set(
        answer.headers.keys()
    )


def test_preflight_does_not_ask_the_database(client: FlaskClient, statements: list[str]) -> None:
    """Whoever sends many of them costs little."""
    client.options("/ical/facility/gym.ics")
    client.options("/api/v1/facilities/gym/entries")
    assert statements == []


def test_preflight_of_a_private_feed_allows_no_page(client: FlaskClient, token: str) -> None:
    """The same for every token: no page of another site may read a private feed."""
    answers = [client.options(tokens.path(each)) for each in (token, tokens.new_token())]
    assert [each.status_code for each in answers] == [204, 204]
    assert [
        name for each in answers for name, _ in each.headers if name.startswith("Access-Control")
    ] == []
    assert answers[0].headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/facility/gym", "/", "/embed/facility/gym", "/status"])
def test_preflight_of_a_page_is_refused(client: FlaskClient, path: str) -> None:
    """Pages are for no other site's scripts."""
    answer = client.options(path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ical/facility/gym.ics", 200),
        ("/ical/facility/gym.ics", 304),
        ("/ical/facility/gym.json?q=open", 200),
        ("/ical/feed/gyms.ics", 200),
        ("/ical/facility/gym.ics?colour=red", 400),
        ("/ical/facility/unknown.ics", 404),
        ("/ical/property/never.ics", 503),
        ("/ical/facility", 404),
        ("/api/v1/properties", 200),
        ("/api/v1/properties", 304),
        ("/api/v1/facilities/gym/now", 200),
        ("/api/v1/facilities/gym/now", 304),
        ("/api/v1/openapi.json", 200),
        ("/api/v1/properties?colour=red", 400),
        ("/api/v1/properties/unknown", 404),
        ("/api/v1/properties/never/entries", 503),
        ("/api/v2", 404),
    ],
)
def test_scripts_of_other_sites_may_read_tag_and_date(
    client: FlaskClient, path: str, status: int
) -> None:
    """Of every answer of a feed and the API, refusals too."""
    headers = {"If-None-Match": client.get(path).headers["ETag"]} if status == 304 else {}
    answer = client.get(path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed >= {"ETag", "Last-Modified"}
    assert ("Retry-After" in exposed) == (status >= 400)
    assert ("Server-Now" in exposed) == path.endswith("/now")
