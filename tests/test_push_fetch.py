"""`icalbridge.push.fetch` and `network`: bytes from a file or a public address, so many, in so
much time.
"""

from __future__ import annotations

import gzip
import os
import socket
import time
import tracemalloc
from contextlib import contextmanager, suppress
from hashlib import sha256
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from icalbridge.errors import BadCalendar, CalendarUnreachable, IcalbridgeError
from icalbridge.push import network
from icalbridge.push.fetch import CalendarSource, FetchedCalendar, fetch_calendar
from icalbridge.push.network import is_public
from tests.fixtures.commands import free_port
from tests.fixtures.scripted import Reply, Script, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOLD = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
PRIVATE = (
    "The calendar at 127.0.0.1 is in a private network, where a push does not go by itself; give "
    "--allow-private-address if that is meant."
)


def _at(script: Script, path: str = "") -> CalendarSource:
    return CalendarSource(f"{script.url}{path}", allow_private=True)


def _told(source: CalendarSource, before: FetchedCalendar | None = None, **more: float) -> bytes:
    parsed = fetch_calendar(source, before, **more)
    assert parsed
    return parsed.content


def test_file_is_read(tmp_path: Path) -> None:
    """As it is; and not again while it is the same."""
    file = tmp_path / "season.ics"
    file.write_bytes(TOLD)
    source = CalendarSource(str(file))
    assert source.shown == f"The file {file}"
    first = fetch_calendar(source)
    assert first == FetchedCalendar(TOLD)
    assert fetch_calendar(source, first) is None
    file.write_bytes(TOLD * 2)
    assert fetch_calendar(source, first) == FetchedCalendar(TOLD * 2)


def test_files_of_one_name_are_two_calendars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the way to one is written, it is the same."""
    girls, boys = (tmp_path / item / "practice.ics" for item in ("girls", "boys"))
    girls.parent.mkdir()
    monkeypatch.chdir(girls.parent)
    names = [
        CalendarSource(str(item)).name
        for item in (girls, "practice.ics", "../girls/practice.ics", boys)
    ]
    digest = sha256(str(girls.resolve()).encode()).hexdigest()[:8]
    assert names[:3] == [f"practice-{digest}"] * 3
    assert names[3] not in names[:3]


def test_file_that_is_none_is_bad(tmp_path: Path) -> None:
    """Each with a sentence; a pipe or a device is not waited for."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    sentences = {
        "nothing.ics": "{} cannot be read: no such file or directory.",
        "folder": "{} is no file.",
        "pipe": "{} is no file.",
    }
    for name, sentence in sentences.items():
        where = str(tmp_path / name)
        with pytest.raises(BadCalendar) as caught:
            fetch_calendar(CalendarSource(where))
        assert str(caught.value) == sentence.format(where)


def test_large_file_is_bad_at_once(tmp_path: Path) -> None:
    """50 MB are neither read nor kept."""
    file = tmp_path / "large.ics"
    with file.open("wb") as opened:
        opened.truncate(50_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(BadCalendar) as caught:
            fetch_calendar(CalendarSource(str(file)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (
        str(caught.value)
        == f"The file {file} is larger than 5 MB; no calendar that can be pushed is."
    )
    assert peak < 12_000_000


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_large_answer_is_bad_at_once(packed: bool) -> None:
    """However small it was packed: what counts is what comes out."""
    body = gzip.compress(bytes(50_000_000)) if packed else bytes(50_000_000)
    with scripted(Reply(200, body, {"Content-Encoding": "gzip"} if packed else {})) as script:
        tracemalloc.start()
        try:
            with pytest.raises(BadCalendar) as caught:
                fetch_calendar(_at(script))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (
        str(caught.value)
        == "The calendar at 127.0.0.1 is larger than 5 MB; no calendar that can be pushed is."
    )
    assert peak < 20_000_000


def test_address_is_read_without_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no password of this machine takes part."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with scripted(Reply(200, TOLD)) as script:
        assert _told(_at(script, "/season.ics?secret=1")) == TOLD
        assert script.paths == ["/v1/season.ics?secret=1"]
        assert "authorization" not in script.asked[0].headers


def test_same_calendar_is_not_sent_again() -> None:
    """The server's own marks are given back to it."""
    marks = {"ETag": '"1"', "Last-Modified": "Sat, 21 Nov 2026 20:00:00 GMT"}
    with scripted(
        Reply(200, TOLD, marks), Reply(304), Reply(200, TOLD), Reply(200, TOLD * 2)
    ) as script:
        first = fetch_calendar(_at(script))
        assert first
        assert fetch_calendar(_at(script), first) is None
        assert [
            script.asked[1].headers[name] for name in ("if-none-match", "if-modified-since")
        ] == list(marks.values())
        assert fetch_calendar(_at(script), first) is None
        assert fetch_calendar(_at(script), first) == FetchedCalendar(TOLD * 2)


def test_charset_of_the_header_is_returned() -> None:
    """Whatever its quotes and case."""
    headers = {"Content-Type": 'text/calendar; Charset="ISO-8859-1"'}
    with scripted(Reply(200, TOLD, headers), Reply(200, TOLD)) as script:
        charsets = [
            fetched and fetched.charset for fetched in map(fetch_calendar, [_at(script)] * 2)
        ]
    assert charsets == ["iso-8859-1", ""]


def test_webcal_is_https() -> None:
    """What subscribers click on is an address, too; a name tells nothing secret of it."""
    source = CalendarSource("webcal://calendar.example.org/private-1a2b/basic.ics")
    assert source.url == "https://calendar.example.org/private-1a2b/basic.ics"
    assert source.name == "calendar.example.org-eb6ca671"
    assert "private-1a2b" not in f"{source.shown} {source!r}"


def test_redirects_are_followed() -> None:
    """Five of them, relative ones too; not a sixth."""
    moved = [
        Reply(status, headers={"Location": "/v1/next"}) for status in (301, 302, 303, 307, 308)
    ]
    with scripted(*moved, Reply(200, TOLD)) as script:
        assert _told(_at(script)) == TOLD
    with scripted(moved[0]) as script, pytest.raises(CalendarUnreachable) as caught:
        fetch_calendar(_at(script))
    assert (
        str(caught.value)
        == "The calendar at 127.0.0.1 leads from one address to the next, and never to a calendar."
    )
    assert len(script.asked) == 6


@pytest.mark.parametrize("scheme", ["http", "https", "webcal"])
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "127.1", "[::1]", "[::127.0.0.1]"]
)
def test_private_address_is_not_called(scheme: str, host: str) -> None:
    """By whatever name, encrypted or not: nothing is sent there."""
    with scripted(Reply(200, TOLD)) as script:
        port = script.url.split(":")[2].split("/")[0]
        with pytest.raises(BadCalendar) as caught:
            fetch_calendar(CalendarSource(f"{scheme}://{host}:{port}/season.ics"))
        assert "is in a private network" in str(caught.value)
        assert script.asked == []


def test_redirect_to_a_private_address_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is judged like the first."""
    monkeypatch.setattr(network, "is_public", lambda address: address == "127.0.0.1")
    with scripted(Reply(200, TOLD)) as inner:
        there = inner.url.replace("127.0.0.1", "127.0.0.2")
        with scripted(Reply(302, headers={"Location": there})) as outer:
            with pytest.raises(BadCalendar) as caught:
                fetch_calendar(CalendarSource(outer.url))
            assert len(outer.asked) == 1
        assert inner.asked == []
    assert str(caught.value) == PRIVATE


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "https://127.0.0.1:0/", "http://[::1/"]
)
def test_redirect_to_what_is_no_address_is_not_followed(location: str) -> None:
    """Another scheme least of all."""
    with (
        scripted(Reply(302, headers={"Location": location})) as script,
        pytest.raises(BadCalendar) as caught,
    ):
        fetch_calendar(_at(script))
    assert (
        str(caught.value) == "The address of the calendar is none; write it as https://HOST/PATH."
    )


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(404), "its server answers 404."),
        (Reply(503), "its server answers 503."),
        (Reply(302), "its server answers 302."),
        (Reply(304), "its server answers 304."),
        (Reply(reset=True), "there is no connection, or it broke."),
        (Reply(200, TOLD, cut=5), "there is no connection, or it broke."),
        (
            Reply(200, b"no gzip", {"Content-Encoding": "gzip"}),
            "there is no connection, or it broke.",
        ),
    ],
    ids=["404", "503", "nowhere", "unasked", "reset", "cut", "garbled"],
)
def test_server_that_fails_is_said_to(reply: Reply, sentence: str) -> None:
    """It may work later, and is another error."""
    with scripted(reply) as script, pytest.raises(CalendarUnreachable) as caught:
        fetch_calendar(_at(script))
    assert str(caught.value) == f"The calendar at 127.0.0.1 cannot be fetched: {sentence}"


def test_server_that_is_not_there_is_said_to_be() -> None:
    """Without the address, which may be a secret."""
    with pytest.raises(CalendarUnreachable) as caught:
        fetch_calendar(CalendarSource(f"http://127.0.0.1:{free_port()}/secret", allow_private=True))
    assert (
        str(caught.value)
        == "The calendar at 127.0.0.1 cannot be fetched: there is no connection, or it broke."
    )


def test_server_that_drips_is_not_waited_for() -> None:
    """The deadline is for all of it."""
    dripping = Reply(200, dripping=True, headers={"Content-Length": "1000000"})
    with scripted(dripping) as script, pytest.raises(CalendarUnreachable) as caught:
        fetch_calendar(_at(script), deadline=0.2)
    assert (
        str(caught.value)
        == "The calendar at 127.0.0.1 cannot be fetched: there is no answer in time."
    )


@contextmanager
def _dripping_headers() -> Iterator[str]:
    """Listen for one request, and answer it with a header that has no end."""
    over = Event()

    def drip(listening: socket.socket) -> None:
        with suppress(OSError), listening.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not over.wait(0.02):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        dripper = Thread(target=drip, args=(listening,))
        dripper.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/season.ics"
        finally:
            over.set()
            dripper.join()


def test_server_that_drips_headers_is_not_waited_for() -> None:
    """Each octet is an answer in time, all of them are none."""
    with _dripping_headers() as url:
        begun = time.monotonic()
        with pytest.raises(CalendarUnreachable) as caught:
            fetch_calendar(CalendarSource(url, allow_private=True), deadline=0.3)
        took = time.monotonic() - begun
    assert (
        str(caught.value)
        == "The calendar at 127.0.0.1 cannot be fetched: there is no answer in time."
    )
    assert took < 20


def test_addresses_of_a_name_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six that do not answer take no longer than one, and a seventh is not tried."""
    asked: list[tuple[str, float]] = []
    now = [0.0]

    def connect(address: tuple[str, int], timeout: float, *_more: object) -> socket.socket:
        asked.append((address[0], timeout))
        now[0] += timeout
        raise TimeoutError

    parsed = [(2, 1, 6, "", (f"93.184.215.{number}", 80)) for number in range(9)]
    monkeypatch.setattr(
        "icalbridge.push.network.socket.getaddrinfo", lambda *_args, **_more: parsed
    )
    monkeypatch.setattr(network, "monotonic", lambda: now[0])
    monkeypatch.setattr(network, "create_connection", connect)
    with pytest.raises(CalendarUnreachable) as caught:
        fetch_calendar(CalendarSource("http://many.example/season.ics"))
    assert (
        str(caught.value)
        == "The calendar at many.example cannot be fetched: there is no answer in time."
    )
    assert asked == [(f"93.184.215.{number}", 2.5) for number in range(6)]


@pytest.mark.parametrize(
    "where", ["ftp://example.org/x.ics", "javascript://x", "https://", "http://:80/", "webcal:///x"]
)
def test_what_is_no_address_is_bad(where: str) -> None:
    """Nothing is asked for."""
    with pytest.raises(IcalbridgeError) as caught:
        fetch_calendar(CalendarSource(where))
    assert isinstance(caught.value, BadCalendar)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.8.9.10",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
        ),
        *(
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::",
            "::1",
            "fe80::1",
            "fe80::1%eth0",
            "fc00::1",
        ),
        *(
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2002:a00:1::1",
        ),
        *(
            "64:ff9b:1::7f00:1",
            "64:ff9b:1::5db8:d70e",
            "fec0::1",
            "feff::1",
            "::127.0.0.1",
            "::10.0.0.1",
        ),
    ],
)
def test_private_address_is_known(address: str) -> None:
    """Also in IPv6's wrappings of IPv4."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"]
)
def test_public_address_is_known(address: str) -> None:
    """As in any feed that people subscribe to."""
    assert is_public(address)
