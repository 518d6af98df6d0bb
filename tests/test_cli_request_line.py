"""`icalbridge serve`: request lines as clients send them that escape nothing."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from icalbridge.feeds.query_values import UNREADABLE
from tests.fixtures.commands import ROOT, answer, free_port, running, until
from tests.fixtures.parts import require_fast_parser
from tests.web_world import filled_store

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.xdist_group("request line")  # one server serves all of them


@pytest.fixture(scope="module", params=["python", "c"])
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where the server as it is shipped listens, with gunicorn's parser in C and without it."""
    folder = tmp_path_factory.mktemp("serve")
    path = str(ROOT)
    if request.param == "c":
        require_fast_parser()
    else:
        (folder / "gunicorn_h1c.py").write_text("raise ImportError")
        path = f"{folder}:{ROOT}"
    store = filled_store(folder)
    store.close()
    chosen = free_port()
    settings = {
        "FACILITRON_API_KEY": "k",
        "DATABASE_URL": f"sqlite:///{folder}/bridge.db",
        "PORT": str(chosen),
        "PYTHONPATH": path,
    }
    with running("serve", "--no-sync", "--workers", "1", **settings):
        until(lambda: answer(f"http://127.0.0.1:{chosen}/healthz"), "the server")
        yield chosen


def ask(port: int, target: bytes) -> tuple[int, bytes]:
    """Send a request line with these octets; return the status and the body."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(
            b"GET " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        )
        with client.makefile("rb") as file:
            head, _, body = file.read().partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize("text", ["Fußball", "é", "体育館", "\U0001f3c0"])
@pytest.mark.parametrize(
    "path", ["/ical/facility/gym.ics", "/facility/gym", "/api/v1/facilities/gym/entries"]
)
def test_raw_text_in_a_query_is_read(port: int, path: str, text: str) -> None:
    """It means what it means escaped."""
    raw, escaped = (ask(port, f"{path}?q={each}".encode()) for each in (text, quote(text)))
    assert raw == escaped
    assert raw[0] == 200


def test_raw_text_in_a_path_is_read(port: int) -> None:
    """The id of a facility, with all but the blank as it is."""
    status, body = ask(port, "/ical/facility/odd.id%20é%2F1.ics".encode())
    assert (status, body) == ask(port, b"/ical/facility/odd.id%20%C3%A9%2F1.ics")
    assert status == 200


@pytest.mark.parametrize("octets", [b"\xff", b"Fu\xdfball", b"\xc3", b"\xed\xa0\x80", b"%FF"])
@pytest.mark.parametrize(
    "path", [b"/ical/facility/gym.ics", b"/facility/gym", b"/api/v1/facilities/gym/entries"]
)
def test_octets_that_are_no_utf8_are_refused_in_a_sentence(
    port: int, path: bytes, octets: bytes
) -> None:
    """Ours, not the server's own."""
    status, body = ask(port, path + b"?q=" + octets)
    assert status == 400
    assert UNREADABLE in body.decode().replace("&amp;", "&").replace("\\u0026", "&")


@pytest.mark.parametrize(
    "target", [b"/a b", b"/a\tb", b"/a\x00b", b"/a\x7fb", "/\u00e9 b".encode(), b"\xc3\xa9"]
)
def test_target_that_is_none_is_still_refused(port: int, target: bytes) -> None:
    """Blanks and control characters end or break a request line; a target begins with a slash."""
    assert ask(port, target)[0] == 400
