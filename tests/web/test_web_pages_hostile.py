"""Pages under hostile texts, hostile askers, wrong addresses and outages: still one plain page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from icalbridge.web import create_app
from icalbridge.web.site import CACHE_CONTROL
from tests.web.seen import Seen, look
from tests.web_world import HOSTILE, LONG, PRIVATE, PUBLIC, RIGHT_TO_LEFT, Clock

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


# hostile texts and hostile askers


@pytest.mark.parametrize("path", ["/", "/property/odd", "/property/district", "/facility/long"])
def test_page_shows_hostile_names_as_text(client: FlaskClient, path: str) -> None:
    """A name made of markup is read, not run: it adds no element and no attribute, in the title
    either.
    """
    seen = look(client, path)
    assert HOSTILE in seen.texts
    assert {tag for tag, _ in seen.elements} & {"style", "iframe"} == set()
    ours = ("/static/page.js?v=", "/qr/", "application/ld+json")
    brought = [attributes for tag, attributes in seen.elements if tag in {"script", "img"}]
    assert [
        each for each in brought if not (each.get("src") or each.get("type") or "").startswith(ours)
    ] == []
    assert [
        name
        for _, attributes in seen.elements
        for name in attributes
        if name.startswith("on") or name == "style"
    ] == []


def test_page_isolates_names_that_run_the_other_way(client: FlaskClient) -> None:
    """A name in another direction cannot turn its neighbours round: it stands in an element of its
    own.
    """
    html = client.get("/property/odd").text
    assert re.search(f'dir="auto">{RIGHT_TO_LEFT}</a>', html)
    assert f'dir="auto">{LONG.strip()}</a>' in html


@pytest.mark.parametrize(
    "host", ["evil.example", 'evil"><script>', "evil.example, calendars.example.org"]
)
@pytest.mark.parametrize("path", PAGES)
def test_page_of_a_public_site_knows_no_host(client: FlaskClient, path: str, host: str) -> None:
    """With a public address set, pages are the same for every Host, and may be kept by anybody."""
    clean, hostile = client.get(path), client.get(path, headers={"Host": host})
    assert hostile.data == clean.data
    assert b"evil" not in hostile.data
    kept = "no-store" if path == "/nowhere" else CACHE_CONTROL
    assert (
        hostile.headers["Cache-Control"],
        hostile.headers["Vary"] if kept != "no-store" else "",
    ) == (kept, "Accept-Encoding, Accept-Language" if kept != "no-store" else "")


def test_page_of_a_site_without_address_takes_the_request_s(store: Store, clock: Clock) -> None:
    """Without a public address the page shows the one it was asked under, and nobody keeps it."""
    client = create_app(PRIVATE, store, clock=clock).test_client()
    answer = client.get("/facility/gym", headers={"Host": "bridge.example.org:8000"})
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "webcal://bridge.example.org:8000/ical/facility/gym.ics" in Seen(answer.text).links()
    assert client.get("/facility/gym", headers={"Host": 'x"><script>'}).status_code == 400


def test_page_below_a_folder_links_below_it(store: Store, clock: Clock) -> None:
    """A public address with a path, which a proxy takes off, is in every link."""
    settings = type(PUBLIC)(public_url="https://example.org/calendars")
    seen = look(create_app(settings, store, clock=clock).test_client(), "/facility/gym")
    own = [link for link in seen.links() if not link.startswith(("http", "#", "webcal"))]
    builder = "/calendars/build?feed=facility:gym"
    school, feed = "/calendars/property/school", "/calendars/ical/facility/gym"
    poster, embedding = "/calendars/poster/facility/gym", "/calendars/embed?feed=facility:gym"
    elsewhere = [
        "/calendars/display/facility/gym",
        embedding,
        *(f"{feed}.{each}" for each in ("json", "csv", "atom")),
    ]
    assert {link.partition("/")[2].partition("/")[0] for link in own if link[0] != "?"} == {
        "calendars"
    }
    assert {"/calendars/", school, builder, poster, f"{feed}.ics", *elsewhere} <= set(own)
    assert "webcal://example.org/calendars/ical/facility/gym.ics" in seen.links()


@pytest.mark.parametrize(
    "path", [*PAGES, "/property/never", "/static/site.css", "/healthz", "/readyz", "/metrics"]
)
def test_page_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    """Everything we serve forbids scripts but the site's own files, framing, sniffing and cookies."""
    headers = client.get(path).headers
    assert (
        headers["Content-Security-Policy"]
        == "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    )
    assert (
        headers["X-Content-Type-Options"],
        headers["Referrer-Policy"],
        "Set-Cookie" in headers,
    ) == ("nosniff", "strict-origin-when-cross-origin", False)


# what is not there


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/facility/unknown",
        "/property/gym",
        "/facility/%00",
        "/facility/nowhere/",
        "/static/../x",
    ],
)
def test_page_unknown_leads_to_the_directory(client: FlaskClient, path: str) -> None:
    """A 404 is a page with the directory and the search, not a dead end; it redirects nowhere."""
    answer = client.get(path)
    seen = Seen(answer.text)
    assert (answer.status_code, answer.content_type) == (404, "text/html; charset=utf-8")
    assert seen.links() == [
        "#content",
        "/",
        "/free",
        "/",
        "/free",
        "/status",
        "/api/v1/",
        "?lang=es",
    ]
    assert ("form", "/") in [(tag, attributes.get("action")) for tag, attributes in seen.elements]


@pytest.mark.parametrize("path", ["/property/never", "/facility/never-gym"])
def test_page_never_synced_asks_again_by_itself(client: FlaskClient, path: str) -> None:
    """Known but never fetched: 503, said in words, renewed by the browser after half a minute."""
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Retry-After"], answer.headers["Refresh"]) == (
        503,
        "30",
        "30",
    )
    assert "This schedule is being loaded" in Seen(answer.text).texts


def test_page_during_an_outage_is_one_plain_page(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    """Without the database a page is a 503 in words, without a traceback or a file name."""
    store.engine.dispose()
    (tmp_path / "bridge.db").unlink()
    (tmp_path / "bridge.db").mkdir()
    client = create_app(PUBLIC, store, clock=clock).test_client()
    for path in ("/", "/facility/gym", "/property/school"):
        answer = client.get(path)
        assert (
            answer.status_code,
            "This page cannot be shown right now" in Seen(answer.text).texts,
        ) == (503, True)
        assert "bridge.db" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/", "/facility/gym", "/healthz", "/readyz", "/metrics", "/robots.txt", "/static/site.css"],
)
def test_page_can_only_be_read(client: FlaskClient, path: str) -> None:
    """HEAD is GET without a body everywhere; any other method is a 405 with Allow."""
    head, got, posted = client.head(path), client.get(path), client.post(path)
    assert (head.status_code, head.data, head.content_type) == (
        got.status_code,
        b"",
        got.content_type,
    )
    assert (posted.status_code, posted.headers["Allow"]) == (405, "GET, HEAD")


def test_page_that_breaks_is_one_plain_sentence(
    store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A defect of ours shows no traceback to anybody; the log has it."""
    app = create_app(PUBLIC, store, clock=clock)

    def broken() -> str:
        raise ZeroDivisionError("secret")

    app.add_url_rule("/broken", view_func=broken)
    answer = app.test_client().get("/broken")
    assert (answer.status_code, answer.text) == (
        500,
        "Something went wrong on our side; it was noted, please try again later.\n",
    )
    assert [record.getMessage() for record in caplog.records] == ["GET /broken failed"]
