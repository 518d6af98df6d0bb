"""The feeds' addresses over real HTTP, and the service behind them: looked up, rendered once, kept,
and never wrong.
"""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import pytest
import requests

from icalbridge.models import Feed
from icalbridge.web import create_app
from icalbridge.web.routes.feeds import named
from tests.fixtures.serving import serving
from tests.web_world import PUBLIC, Clock, filled_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

GYM_FEED = "/ical/facility/gym.ics"
ANSWERED = {"Date", "Server", "Connection"}
"""What the server adds."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The application behind a real socket, over a database that nobody changes, at a moment that
    does not pass.
    """
    store = filled_store(tmp_path_factory.mktemp("served"))
    with serving(create_app(PUBLIC, store, clock=Clock())) as served:
        yield served
    store.close()


def get(address: str, method: str = "GET", **headers: str) -> requests.Response:
    """Ask without following redirects and without the headers that requests adds by itself."""
    asked = {"Accept-Encoding": "identity", "User-Agent": "test", **headers}
    return requests.request(method, address, headers=asked, allow_redirects=False, timeout=10)


def said(answer: requests.Response) -> tuple[int, dict[str, str], bytes]:
    """Return all of an answer that is ours."""
    return (
        answer.status_code,
        {k: v for k, v in answer.headers.items() if k not in ANSWERED},
        answer.content,
    )


def said_by(answer: TestResponse) -> tuple[str, list[tuple[str, str]], bytes]:
    return answer.status, list(answer.headers), answer.data


# one feed


def test_feed_is_answered_with_all_that_calendars_need(address: str) -> None:
    """The contract's headers, each with its value."""
    answer = get(address + GYM_FEED)
    headers = dict(answer.headers)
    assert answer.status_code == 200
    assert answer.content.startswith(b"BEGIN:VCALENDAR\r\n")
    assert {name: headers[name] for name in headers if name not in ANSWERED | {"ETag"}} == {
        "Content-Type": "text/calendar; charset=utf-8",
        "Content-Disposition": 'inline; filename="main-gym-lincoln-high.ics"',
        "Content-Length": str(len(answer.content)),
        "Last-Modified": "Sat, 21 Nov 2026 20:00:00 GMT",
        "Cache-Control": "public, max-age=60, stale-while-revalidate=300, stale-if-error=604800",
        "Vary": "Accept-Encoding",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "ETag, Last-Modified",
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
            " connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none';"
            " frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    assert re.fullmatch('"[0-9a-f]{32}"', headers["ETag"])


@pytest.mark.parametrize(
    ("path", "entries"),
    [
        ("/ical/facility/gym.ics", 31),
        ("/ical/facility/nameless.ics", 0),
        ("/ical/facility/odd.id%20%C3%A9%2F1.ics", 2),
        ("/ical/property/school.ics", 32),
        ("/ical/property/district.ics", 38),
        ("/ical/event/reservation/e1.ics", 30),
    ],
)
def test_feed_of_each_kind_has_its_entries(address: str, path: str, entries: int) -> None:
    """A facility, a school, a district with its schools, one event; also with nothing on, and an id
    of any text.
    """
    answer = get(address + path)
    assert (answer.status_code, answer.text.count("BEGIN:VEVENT")) == (200, entries)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize(
    "condition",
    [{}, {"If-None-Match": "*"}, {"If-Modified-Since": "Sat, 21 Nov 2026 20:00:00 GMT"}],
)
def test_feed_is_the_same_through_both_doors(
    client: FlaskClient, clock: Clock, method: str, encoding: str, condition: dict[str, str]
) -> None:
    """Whether Flask answers, or the layer in front of it out of memory, no header and no octet
    differs.
    """
    headers = {"Accept-Encoding": encoding, **condition}
    rendered = client.open(GYM_FEED, method=method, headers=headers)
    from_memory = client.open(GYM_FEED, method=method, headers=headers)
    clock.advance(1)
    asked_again = client.open(GYM_FEED, method=method, headers=headers)
    assert said_by(rendered) == said_by(from_memory) == said_by(asked_again)
    assert rendered.status == ("304 Not Modified" if condition else "200 OK")


def test_feed_head_has_the_headers_of_get_and_no_body(address: str) -> None:
    """HEAD on the wire: the length of the body that GET would bring, and nothing after the headers."""
    whole = get(address + GYM_FEED)
    head = get(address + GYM_FEED, "HEAD")
    assert said(head) == (200, said(whole)[1], b"")


def test_feed_in_gzip_is_the_same_calendar(address: str) -> None:
    """Compressed once, kept, with a tag of its own; unpacked it is the plain form."""
    plain = get(address + GYM_FEED)
    with requests.get(
        address + GYM_FEED, headers={"Accept-Encoding": "gzip"}, stream=True, timeout=10
    ) as packed:
        body = packed.raw.read(decode_content=False)
    assert gzip.decompress(body) == plain.content
    assert (packed.headers["Content-Encoding"], packed.headers["Content-Length"]) == (
        "gzip",
        str(len(body)),
    )
    assert packed.headers["ETag"] == plain.headers["ETag"][:-1] + '-gzip"'


def test_feed_with_parameters_that_say_nothing_is_the_same_feed(address: str) -> None:
    """A form sends fields that were left empty, and defaults: that is the feed as it is by itself."""
    assert said(get(f"{address}{GYM_FEED}?q=&past=&detail=name&status=approved")) == said(
        get(address + GYM_FEED)
    )


def test_feed_refuses_a_parameter_that_it_does_not_know(address: str) -> None:
    """Nothing is guessed at: one sentence says what there is."""
    answer = get(f"{address}{GYM_FEED}?refresh=1")
    assert answer.status_code == 400
    assert answer.text.startswith("There is no parameter 'refresh'; a feed takes view, facility, ")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", [GYM_FEED, "/ical/facility/unknown.ics"])
def test_feed_can_only_be_read(address: str, method: str, path: str) -> None:
    """Any other method is a 405 that says what is allowed."""
    get(address + GYM_FEED)
    answer = get(address + path, method)
    assert (answer.status_code, answer.headers["Allow"], answer.headers["Content-Type"]) == (
        405,
        "GET, HEAD, OPTIONS",
        "text/plain; charset=utf-8",
    )


# what is not there


@pytest.mark.parametrize(
    "path",
    [
        "/ical/facility/unknown.ics",
        "/ical/property/gym.ics",
        "/ical/event/reservation/unknown.ics",
        "/ical/event/unknown/e1.ics",
        "/ical/event/e1.ics",
        "/ical/facility/gym/",
        "/ical/facility/gym",
        "/ical/facility/GYM.ics",
        "/ical/facility/.ics",
        "/ical/facility//gym.ics",
        "/ical//facility/gym.ics",
        "/ical/school/gym.ics",
        "/ical/facility/%00.ics",
        "/ical/facility/gym%0A.ics",
        "/ical/facility/%FF%FE.ics",
        "/ical/facility/..%2f..%2fetc%2fpasswd.ics",
        "/ical/facility/' OR 1=1 --.ics",
        "/ical/",
    ],
)
def test_feed_unknown_is_one_plain_sentence(address: str, path: str) -> None:
    """Unknown ids and paths that mean nothing are 404 in text/plain, and redirect nowhere."""
    answer = get(address + path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        404,
        "text/plain; charset=utf-8",
    )
    assert (answer.text.count("."), answer.text.count("\n")) == (1, 1)
    assert (answer.headers["Cache-Control"], answer.headers["Access-Control-Allow-Origin"]) == (
        "no-store",
        "*",
    )


def test_feed_unknown_writes_nothing(client: FlaskClient, statements: list[str]) -> None:
    """A 404 reads, once, and leaves no trace in the database."""
    client.get("/ical/facility/unknown.ics")
    assert [statement.split()[0] for statement in statements] == ["BEGIN", "SELECT"]


@pytest.mark.parametrize("path", ["/ical/facility/never-gym.ics", "/ical/property/never.ics"])
def test_feed_never_synced_asks_for_patience(address: str, path: str) -> None:
    """Known but never fetched: 503, with the time after which to ask again."""
    answer = get(address + path)
    assert (answer.status_code, answer.headers["Retry-After"], answer.headers["Cache-Control"]) == (
        503,
        "30",
        "no-store",
    )


def test_feed_sets_no_cookies_and_negotiates_nothing(address: str) -> None:
    """Whatever the asker says of languages, types and sessions, the answer is the same."""
    odd = {"Accept": "text/html", "Accept-Language": "ja", "Cookie": "session=1"}
    answer = get(address + GYM_FEED, **odd)
    assert said(answer) == said(get(address + GYM_FEED))
    assert "Set-Cookie" not in answer.headers


def test_named_reads_the_path_as_it_stands() -> None:
    """An id is everything between its kind and `.ics`; texts that no id can be mean no feed."""
    assert named("/ical/facility/a.b.ics.ics") == (Feed("facility", "a.b.ics"), "ics")
    assert named("/ical/property/\xc3\xa9 x.ics") == (Feed("property", "é x"), "ics")
    assert named("/ical/event/reservation/a/b.ics") == (Feed("event", "a/b", "reservation"), "ics")
    assert named("/ical/facility/\xff.ics") is None
