"""`icalbridge doctor` on the public address: the server as it is shipped, straight and behind
proxies that are right and wrong.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from icalbridge.cli.doctor_address import check_address
from icalbridge.models import utcnow
from icalbridge.settings import Settings
from icalbridge.web.routes.health import ARRIVED, CHALLENGE, DATABASE
from tests.fixtures.commands import answer, free_port, run, running, until
from tests.fixtures.migrated import new_store
from tests.fixtures.nginx import proxying
from tests.web_world import filled_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from icalbridge.store import Store

pytestmark = pytest.mark.xdist_group("doctor address")  # one server serves all of them
ABOVE = (None, "not checked: see above")
ADVICE = "; check the name in DNS, the firewall and the reverse proxy"


class Silent(BaseHTTPRequestHandler):
    """Another program's server: it refuses all methods, and logs nothing."""

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The database that is served."""
    opened = filled_store(tmp_path_factory.mktemp("served"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def served(store: Store) -> Iterator[str]:
    """The address of the server."""
    port = free_port()
    settings = {"DATABASE_URL": str(store.engine.url), "PORT": str(port)}
    with running("serve", "--no-sync", "--workers", "2", FACILITRON_API_KEY="k", **settings):
        until(lambda: answer(f"http://127.0.0.1:{port}/healthz"), "the server")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def proxy(upstream: str, headers: Mapping[str, str], path: str = "") -> Iterator[str]:
    """Serve what a reverse proxy makes of requests; yield its address, with `path` below it."""

    class Forwards(Silent):
        """Passes the doctor's header on, with those that the proxy sets."""

        def do_GET(self) -> None:  # the name is http.server's
            passed = {**headers, CHALLENGE: self.headers[CHALLENGE]}
            response = requests.get(
                upstream + self.path.removeprefix(path), headers=passed, timeout=30
            )
            self.send_response(response.status_code)
            for name in (DATABASE, ARRIVED):
                if name in response.headers:
                    self.send_header(name, response.headers[name])
            self.end_headers()

    with _listening(Forwards) as base:
        yield base + path


@contextmanager
def _listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def checked(public_url: str, store: Store) -> list[tuple[bool | None, str]]:
    """Return what is found at an address."""
    checks = check_address(Settings(public_url=public_url), store, runs=True)
    assert [check.name for check in checks] == ["address", "proxy"]
    return [(check.good, check.message) for check in checks]


def test_own_address_is_recognized(served: str, store: Store) -> None:
    """By the command itself, once a worker is alive; nothing of it stays in the database."""
    store.workers.beat("w", now=utcnow())
    settings = {
        "FACILITRON_API_KEY": "k",
        "FACILITRON_API_URL": "http://127.0.0.1:1/v1",
        "DATABASE_URL": str(store.engine.url),
        "ICALBRIDGE_PUBLIC_URL": served,
    }
    counters = dict(store.read.health(utcnow()).counters)
    lines = run("doctor", **settings).stdout.splitlines()
    assert f"ok    address        {served} leads here" in lines
    assert f"ok    proxy          requests arrive for {_host(served)}" in lines
    assert dict(store.read.health(utcnow()).counters) == counters


def test_proxy_that_says_what_was_requested_is_right(served: str, store: Store) -> None:
    """Below a path, which it removes."""
    with _same_host(served) as base:
        assert checked(base, store) == [
            (True, f"{base} leads here"),
            (True, f"requests arrive for {_host(base)}"),
        ]


@contextmanager
def _same_host(served: str) -> Iterator[str]:
    """Serve a proxy below a path that passes on the host of each request."""
    headers: dict[str, str] = {}
    with proxy(served, headers, "/calendars") as base:
        headers["Host"] = _host(base)
        yield base


def _host(address: str) -> str:
    """Return host and port of an address."""
    return urlsplit(address).netloc


def test_documented_nginx_is_right(
    served: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its TLS and its cache, over and over; a certificate that nobody vouches for is a
    failure.
    """
    with proxying(tmp_path, _host(served)) as nginx:
        reason = f"{nginx.url}/healthz has no valid certificate{ADVICE}"
        assert checked(nginx.url, store)[0] == (False, reason)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", nginx.certificate)
        for _ in range(2):
            assert checked(nginx.url, store) == [
                (True, f"{nginx.url} leads here"),
                (True, "requests arrive for 127.0.0.1"),
            ]


def test_proxy_that_ends_tls_says_so(served: str) -> None:
    """As nginx and others do; a host in its own header counts too."""
    for name in ("Host", "X-Forwarded-Host"):
        headers = {name: "calendars.example.org", "X-Forwarded-Proto": "https", CHALLENGE: "x"}
        response = requests.get(f"{served}/healthz", headers=headers, timeout=30)
        assert response.headers[ARRIVED] == "https://calendars.example.org"


@pytest.mark.parametrize(
    ("headers", "arrived"),
    [
        ({"Host": "backend:8000"}, "backend:8000"),
        ({"X-Forwarded-Host": "other.example.org"}, "other.example.org"),
        ({"X-Forwarded-Proto": "https"}, "https://{host}"),
    ],
)
def test_proxy_that_says_something_else_is_wrong(
    served: str, store: Store, headers: dict[str, str], arrived: str
) -> None:
    """The line says as what requests arrive, and which headers to set."""
    with proxy(served, headers) as base:
        arrived = arrived.format(host=_host(served))
        assert checked(base, store) == [
            (True, f"{base} leads here"),
            (
                False,
                (
                    f"requests for {base} arrive for {arrived}; let the reverse proxy set Host, and"
                    " X-Forwarded-Proto if it sets that, to what the client requested"
                ),
            ),
        ]


def test_address_where_nobody_listens_is_a_failure(store: Store) -> None:
    """What is requested there has no answer."""
    base = f"http://127.0.0.1:{free_port()}"
    assert checked(base, store) == [
        (False, f"{base}/healthz cannot be connected to{ADVICE}"),
        ABOVE,
    ]


def test_address_that_stays_silent_is_a_failure(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a firewall: the connection is there, and no answer comes."""
    monkeypatch.setattr("icalbridge.cli.doctor_address.TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"http://127.0.0.1:{silent.getsockname()[1]}"
        reason = f"{base}/healthz did not answer in 0.2 s{ADVICE}"
        assert checked(base, store)[0] == (False, reason)


def test_address_of_another_site_is_a_failure(store: Store) -> None:
    """It answers, and not as icalbridge does."""
    with _listening(Silent) as base:
        assert checked(base, store) == [
            (False, f"{base}/healthz answers 501, and not as icalbridge does{ADVICE}"),
            ABOVE,
        ]


def test_address_without_tls_is_a_failure(store: Store) -> None:
    """https where only http is spoken."""
    with _listening(Silent) as plain:
        base = plain.replace("http:", "https:")
        reason = f"{base}/healthz has no valid certificate{ADVICE}"
        assert checked(base, store)[0] == (False, reason)


def test_address_that_redirects_is_a_failure(store: Store) -> None:
    """Such as one of http, where the site is on https."""

    class Redirects(Silent):
        """Leads everybody elsewhere."""

        def do_GET(self) -> None:  # the name is http.server's
            self.send_response(301)
            self.send_header("Location", "https://calendars.example.org/healthz")
            self.end_headers()

    with _listening(Redirects) as base:
        assert checked(base, store)[0] == (False, f"{base}/healthz redirects elsewhere{ADVICE}")


def test_another_database_at_the_address_is_a_failure(served: str, tmp_path: Path) -> None:
    """Such as that of the machine from which icalbridge moved, however alike they are."""
    other = new_store(f"sqlite:///{tmp_path}/other.db")
    try:
        assert checked(served, other) == [
            (
                False,
                (
                    f"{served}/healthz leads to an icalbridge with another database; check the name"
                    " in DNS, the reverse proxy, and DATABASE_URL on both sides"
                ),
            ),
            ABOVE,
        ]
    finally:
        other.close()


def test_address_is_not_checked_before_the_start(store: Store) -> None:
    """Nor where there is none."""
    settings = Settings(public_url="http://127.0.0.1:1")
    assert [check.good for check in check_address(settings, store, runs=False)] == [None, None]
    assert check_address(Settings(), store, runs=True) == ()
