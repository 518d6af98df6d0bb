"""`docs/deploy/nginx.conf` in Debian's nginx, in front of a real `serve`."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from icalbridge.web.responses import wants_gzip
from tests.fixtures.commands import free_port, run, until
from tests.fixtures.nginx import DIFFERS, HOST, Nginx, proxying, seen
from tests.fixtures.origins import Origin, serving_origin

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("nginx")  # one nginx serves all of them
SPELLINGS = (
    "gzip",
    "gzip, deflate",
    "gzip,deflate,br",
    "gzip, deflate, br, zstd",
    "gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
    "br;q=1.0, gzip;q=0.8, *;q=0.1",
    "identity",
    "",
)
OTHER_SPELLINGS = (
    "GZIP",
    "x-gzip",
    "*",
    "gzip;q=0",
    "gzip; q=0.000",
    "gzip;q=1.000",
    "deflate",
    "identity;q=1, gzip;q=0.5",
    "gzip ; q=0.001",
    "nogzip",
    "br",
)


@pytest.fixture(scope="module")
def running_origin(
    synced_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Origin]:
    """One origin for the tests that leave it alive."""
    with serving_origin(synced_database, tmp_path_factory.mktemp("origin")) as origin:
        yield origin


@pytest.fixture
def own_origin(synced_database: Path, tmp_path: Path) -> Iterator[Origin]:
    """An origin of the test's own."""
    with serving_origin(synced_database, tmp_path) as origin:
        yield origin


@pytest.fixture(scope="module")
def shared_nginx(
    running_origin: Origin, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nginx]:
    with proxying(tmp_path_factory.mktemp("nginx"), running_origin.address) as nginx:
        yield nginx


@pytest.fixture
def own_nginx(running_origin: Origin, tmp_path: Path) -> Iterator[Nginx]:
    """An nginx with an empty cache."""
    with proxying(tmp_path, running_origin.address) as nginx:
        yield nginx


def addresses(origin: Origin) -> list[str]:
    """Return one address of every kind."""
    school, facility = origin.school, origin.facility
    page = origin.get(f"/facility/{facility}").text
    feeds = [
        f"/ical/{kind}.{suffix}"
        for suffix in ("ics", "json", "csv", "atom")
        for kind in (f"facility/{facility}", f"property/{school}", "feed/staff")
    ]
    booking = re.findall(r'href="(/booking/[^"]+)"', page)[0]
    return [
        *feeds,
        "/",
        f"/property/{school}",
        f"/property/{school}?view=week",
        f"/facility/{facility}?lang=es",
        f"/facility/{facility}",
        booking,
        f"/ical{booking}.ics",
        f"/embed/facility/{facility}?theme=dark",
        f"/embed/property/{school}",
        "/embed.js",
        "/embed.css",
        f"/embed?feed=property:{school}",
        f"/display/property/{school}",
        f"/display/facility/{facility}.json",
        "/display/sw.js",
        f"/poster/facility/{facility}",
        f"/qr/facility/{facility}.svg",
        "/free",
        "/build",
        "/status",
        "/api/v1/",
        "/api/v1/openapi.json",
        "/api/v1/properties",
        f"/api/v1/properties/{school}/now",
        f"/api/v1/facilities/{facility}/entries",
        "/robots.txt",
        "/sitemap.xml",
        "/site.css",
        "/site.webmanifest",
        "/favicon.ico",
        "/healthz",
        "/feed.schema.json",
        *re.findall(r'"(/static/[^"]+)"', page),
        "/nowhere",
        f"/ical/facility/{facility}.ics?colour=red",
        "/ical/facility/unknown.ics",
    ]


@pytest.mark.parametrize("coding", [pytest.param("identity", marks=pytest.mark.soak), "gzip"])
def test_every_address_has_the_bytes_of_the_origin(
    running_origin: Origin, own_nginx: Nginx, coding: str
) -> None:
    """Status, body and headers, also out of the cache."""
    cached = set()
    for path in addresses(running_origin):
        before = seen(running_origin.get(path, Accept_Encoding=coding))
        first = seen(own_nginx.get(path, Accept_Encoding=coding))
        assert first in (before, seen(running_origin.get(path, Accept_Encoding=coding))), path
        again = own_nginx.get(path, Accept_Encoding=coding)
        if again.headers.get("X-Cache-Status") == "HIT":
            assert seen(again) == first, path
            cached.add(path.split("/")[1])
        head = own_nginx.get(path, method="HEAD", Accept_Encoding=coding)
        assert (head.status_code, head.content) == (first[0], b"")
        if head.headers.get("X-Cache-Status") == "HIT":
            assert seen(head)[2] == first[2], path
    assert {"ical", "", "property", "facility", "booking", "embed", "static", "api"} <= cached


@pytest.mark.parametrize("path", ["/healthz", "/display/property/{}", "/api/v1/properties/{}/now"])
def test_answers_of_this_moment_are_not_cached(
    running_origin: Origin, shared_nginx: Nginx, path: str
) -> None:
    """They say which time it is, or that somebody is there."""
    for _ in range(2):
        got = shared_nginx.get(path.format(running_origin.school))
        assert got.status_code == 200
        assert got.headers.get("X-Cache-Status") in (None, "MISS")


def test_conditional_requests_are_answered_304(running_origin: Origin, shared_nginx: Nginx) -> None:
    """By either tag and by date, for feeds and pages, plain and compressed; with what a 304 has."""
    feed = f"/ical/facility/{running_origin.facility}.ics"
    for path in (feed, f"/facility/{running_origin.facility}"):
        for coding in ("identity", "gzip"):
            full = shared_nginx.get(path, Accept_Encoding=coding)
            conditions = [{"If_None_Match": full.headers["ETag"]}]
            conditions += [{"If_None_Match": f'"x", W/{full.headers["ETag"]}'}]
            if path == feed:
                conditions += [{"If_Modified_Since": full.headers["Last-Modified"]}]
                conditions += [{"If_Modified_Since": full.headers["Date"]}]
            for condition in conditions:
                ask = {**condition, "Accept_Encoding": coding}
                got = shared_nginx.get(path, **ask)
                expected = running_origin.get(path, **ask)
                assert (got.status_code, expected.status_code) == (304, 304), (path, condition)
                assert got.content == b""
                missing = expected.headers.items() - got.headers.items()
                assert {name for name, _ in missing} <= DIFFERS
            stale = shared_nginx.get(path, If_None_Match='"x"', Accept_Encoding=coding)
            assert seen(stale) == seen(full)
    old = shared_nginx.get(feed, If_Modified_Since="Thu, 01 Jan 2015 00:00:00 GMT")
    assert old.status_code == 200


def test_one_copy_for_each_coding_however_it_is_spelled(
    running_origin: Origin, own_nginx: Nginx
) -> None:
    """nginx reads Accept-Encoding as icalbridge does, and asks it twice at most."""
    path = f"/ical/facility/{running_origin.facility}.ics"
    plain, packed = (running_origin.get(path, Accept_Encoding=name) for name in ("", "gzip"))
    before = running_origin.feed_requests
    for spelling in (*SPELLINGS, *OTHER_SPELLINGS):
        expected = packed if wants_gzip(spelling) else plain
        assert seen(own_nginx.get(path, Accept_Encoding=spelling)) == seen(expected), spelling
    assert running_origin.feed_requests - before == 2


@pytest.mark.parametrize(
    "language",
    [
        "es",
        "es-MX,es;q=0.9,en;q=0.8",
        "en-GB",
        "EN-us,en;q=0.5",
        "fr,es;q=0.5",
        "en;q=0.5, es",
        "*",
    ],
)
def test_page_is_in_the_language_that_the_origin_would_choose(
    running_origin: Origin, shared_nginx: Nginx, language: str
) -> None:
    """With the region's clock, also where the address names the language."""
    for path in (f"/facility/{running_origin.facility}", "/free?lang=es", "/api/v1/"):
        expected = running_origin.get(path, Accept_Language=language)
        got = shared_nginx.get(path, Accept_Language=language)
        assert got.headers["Content-Language"] == expected.headers["Content-Language"]
        assert seen(got) in (
            seen(expected),
            seen(running_origin.get(path, Accept_Language=language)),
        )


@pytest.mark.parametrize("subscribers", [200, pytest.param(1000, marks=pytest.mark.soak)])
def test_many_subscribers_ask_the_origin_twice_for_each_feed(
    running_origin: Origin, own_nginx: Nginx, subscribers: int
) -> None:
    """All at once, with an empty cache, in every spelling of headers and with whatever their
    programs add to the address.
    """
    feeds = [
        f"/ical/facility/{running_origin.facility}.ics",
        f"/ical/property/{running_origin.school}.ics",
    ]
    added = ("", "?_={}", "?utm_source=x&fbclid={}", "?nocache={}", "?amp;t={}&")
    before = running_origin.feed_requests

    def subscribe(number: int) -> tuple[int, bool]:
        got = own_nginx.get(
            feeds[number % 2] + added[number // 2 % len(added)].format(number),
            Accept_Encoding=SPELLINGS[number % len(SPELLINGS)],
            Accept_Language=("en-US", "es", "fr-FR,fr;q=0.9")[number % 3],
            User_Agent=f"Calendar/{number}",
        )
        return got.status_code, got.content in bodies[number % 2]

    bodies = [
        {running_origin.get(feed, Accept_Encoding=name).content for name in ("", "gzip")}
        for feed in feeds
    ]
    before = running_origin.feed_requests
    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(subscribe, range(subscribers))) == {(200, True)}
    assert running_origin.feed_requests - before <= 2 * len(feeds)


def test_origin_that_is_killed_leaves_feeds_and_pages(own_origin: Origin, tmp_path: Path) -> None:
    """What was asked for once is still answered, 304 included; for the rest there is a sentence
    and a time to come back.
    """
    folder = tmp_path / "nginx"
    folder.mkdir()
    paths = [
        path
        for path in addresses(own_origin)
        if path.startswith(("/ical/f", "/ical/p", "/facility", "/property", "/embed/"))
    ]
    with proxying(folder, own_origin.address) as nginx:
        before = {path: seen(nginx.get(path)) for path in paths if nginx.get(path).ok}
        os.killpg(own_origin.process.pid, signal.SIGKILL)
        own_origin.process.wait()
        assert {path: seen(nginx.get(path)) for path in before} == before
        tag = before[paths[0]][2]["ETag"]
        assert nginx.get(paths[0], If_None_Match=tag).status_code == 304
        missing = nginx.get("/ical/facility/other.ics")
        assert (missing.status_code, missing.headers["Retry-After"]) == (503, "30")
        assert missing.headers["Cache-Control"] == "no-store"
        assert missing.text.startswith("The calendars cannot be reached right now")


def test_private_address_is_dead_within_a_second_of_its_end(
    running_origin: Origin, shared_nginx: Nginx
) -> None:
    """It is in no cache, and whatever became of a request, in no log."""
    path = running_origin.private_address()
    secret = path.rpartition("/")[2].removesuffix(".ics")
    spellings = (path, path.replace("private", "%70rivate"), path.replace("/ical", "//ical/."))
    assert shared_nginx.get(path).status_code == 200
    assert shared_nginx.get(path).headers.get("X-Cache-Status") is None
    tag = shared_nginx.get(path).headers["ETag"]
    assert shared_nginx.get(path, If_None_Match=tag).status_code == 304
    for spelling in spellings:
        shared_nginx.get(spelling)
    shared_nginx.get(f"/facility/{running_origin.facility}", Referer=f"https://{HOST}{path}")
    _send(shared_nginx, f"GET {path} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    _send(shared_nginx, f"GET {path} HTTP/7.1\r\nHost: a\r\n\r\n")
    listed = run("feed", "token", "list", "staff", **running_origin.settings).stdout
    (number,) = re.findall(r"^\s*(\d+)\s", listed, re.MULTILINE)
    assert run("feed", "token", "revoke", number, **running_origin.settings).returncode == 0
    # A second is what the origin grants itself; nginx adds nothing to it.
    until(lambda: True if shared_nginx.get(path).status_code == 404 else None, "refusal")
    assert shared_nginx.get(path, If_None_Match=tag).status_code == 404
    assert secret.encode() not in shared_nginx.cached_bytes
    shared_nginx.get("/robots.txt")
    until(lambda: True if "/robots.txt" in shared_nginx.access_log else None, "log")
    assert secret not in shared_nginx.access_log
    assert secret not in shared_nginx.error_log


def test_private_address_is_in_no_log_while_the_origin_is_down(tmp_path: Path) -> None:
    """nginx would write the request into its error log."""
    with proxying(tmp_path, f"127.0.0.1:{free_port()}") as nginx:
        assert nginx.get("/ical/private/secret.ics").status_code == 503
        assert nginx.get("/ical/facility/public.ics").status_code == 503
        until(lambda: True if "/public.ics" in nginx.access_log else None, "log")
        assert "/public.ics" in nginx.error_log
        assert "secret" not in nginx.access_log + nginx.error_log


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/readyz",
        "/metrics/",
        "/readyz.",
        "//metrics",
        "/%6detrics",
        "/./readyz/./",
        "/x/../metrics",
        "/metrics?x=1",
        "/metrics//",
        "/readyz%2F",
        "/metrics%2e",
    ],
)
def test_what_is_for_the_inside_is_closed(shared_nginx: Nginx, path: str) -> None:
    """In every spelling that icalbridge would answer."""
    for method in ("GET", "HEAD", "OPTIONS"):
        got = _send(
            shared_nginx, f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        )
        assert got.startswith(b"HTTP/1.1 404"), path
        assert b"icalbridge_" not in got


def test_half_sent_requests_and_slow_readers_harm_nobody(
    running_origin: Origin, shared_nginx: Nginx
) -> None:
    """200 clients that never finish a request, and 200 that never read an answer, reach the origin
    with nothing; everybody else is served.
    """
    feed = f"/ical/property/{running_origin.school}.ics"
    with ExitStack() as stack:
        for number in range(400):
            connection = stack.enter_context(_connected(shared_nginx))
            sent = f"GET {feed} HTTP/1.1\r\nHost: {HOST}\r\n"
            connection.sendall(f"{sent}\r\n".encode() if number % 2 else sent.encode())
        for path in (feed, f"/facility/{running_origin.facility}", "/free", "/healthz"):
            assert shared_nginx.get(path).status_code == 200
        assert _connections_of(running_origin) <= 32


def _connected(nginx: Nginx) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=nginx.certificate)
    raw = socket.create_connection(("127.0.0.1", nginx.port), timeout=30)
    return context.wrap_socket(raw, server_hostname=HOST)


def _send(nginx: Nginx, request: str) -> bytes:
    """Send octets as they are; return the beginning of the answer."""
    with _connected(nginx) as connection:
        connection.sendall(request.encode())
        return connection.recv(4096)


def _connections_of(origin: Origin) -> int:
    """How many clients are connected to the origin, out of Linux's table."""
    port = f":{int(origin.settings['PORT']):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return sum(row[1].endswith(port) and row[3] == "01" for row in rows[1:])
