"""`icalbridge.sandbox.server`: real connections, kept; a taken port; a clean end."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading

import pytest
import requests

from icalbridge import sandbox
from tests.fixtures.commands import ROOT, answer, environment, free_port, until
from tests.fixtures.vendor import HEADERS, TODAY, vendor

SERVE = """
import sys
from datetime import date
from icalbridge import sandbox
app = sandbox.create_app(sandbox.build_world(seed=1, today=date(2026, 11, 21), schools=1, facilities=1, hostile=True))
sandbox.run(app, "127.0.0.1", int(sys.argv[1]))
print("ended")
"""


def _exchange(url: str, *requests_made: str) -> bytes:
    """Send raw requests on one connection and read until it closes."""
    host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall("".join(requests_made).encode())
        told = b""
        while part := connection.recv(65536):
            told += part
        return told


def _get(path: str, *headers: str, method: str = "GET") -> str:
    lines = [
        f"{method} /v1{path} HTTP/1.1",
        "Host: sandbox",
        "Authorization: Bearer sandbox-key",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""])


def test_connection_is_kept() -> None:
    """Requests on one connection are answered in order, also when they come together, until the
    client closes.
    """
    with vendor() as api:
        told = _exchange(
            api.url, _get("/properties"), _get("/nowhere"), _get("/properties", "Connection: close")
        )
    assert re.findall(rb"HTTP/1\.1 (\d+)", told) == [b"200", b"404", b"200"]
    assert told.count(b"Connection: close") == 1


def test_connection_is_kept_after_a_body() -> None:
    """A body is read whole, whatever is made of its request, and the next request on the connection
    is answered.
    """
    with vendor() as api:
        posted = _get("/nowhere", "Content-Length: 2", method="POST") + "{}"
        told = _exchange(api.url, posted, _get("/properties", "Connection: close"))
    assert re.findall(rb"HTTP/1\.1 (\d+)", told) == [b"404", b"200"]


@pytest.mark.parametrize(
    "header", ["Content-Length: 9999999", "Content-Length: x", "Transfer-Encoding: chunked"]
)
def test_body_of_no_good_length_closes_the_connection(header: str) -> None:
    """What is too long, or does not tell its length, is not read on, so nothing may follow it."""
    with vendor() as api:
        told = _exchange(api.url, _get("/nowhere", header, method="POST"))
    assert told.startswith(b"HTTP/1.1 404 NOT FOUND\r\n")
    assert b"\r\nConnection: close\r\n" in told


def test_head_has_no_body() -> None:
    """The length of what GET would send, and nothing after the head."""
    with vendor() as api:
        told = _exchange(api.url, _get("/properties", "Connection: close", method="HEAD"))
        length = len(api.get("/properties").content)
    head, _, body = told.partition(b"\r\n\r\n")
    assert f"\r\nContent-Length: {length}\r\n".encode() in head + b"\r\n"
    assert body == b""


def test_broken_connection_harms_no_other() -> None:
    """After a reset the next connection is as good as ever."""
    with vendor() as api:
        api.fail("reset:first=1")
        with pytest.raises(requests.ConnectionError):
            api.get("/properties")
        assert api.get("/properties").status_code == 200


def test_many_clients_are_served_at_once() -> None:
    """One slow request keeps nobody waiting."""
    with vendor() as api:
        api.fail("hang:seconds=3000,first=1")
        hanging = threading.Thread(target=_hang, args=(api.url,))
        hanging.start()
        until(lambda: api.state.faults[0].matched or None, "first request")
        assert requests.get(f"{api.url}/properties", headers=HEADERS, timeout=30).status_code == 200
    hanging.join()


def _hang(url: str) -> None:
    with pytest.raises(ConnectionResetError):
        _exchange(url, _get("/properties"))


def test_application_may_be_served_again() -> None:
    """What was stopped starts anew, with its delays."""
    app = sandbox.create_app(
        sandbox.build_world(seed=1, today=TODAY, schools=1, facilities=1, hostile=True)
    )
    for _ in range(2):
        with sandbox.serve_in_thread(app) as url:
            assert requests.get(f"{url}/properties", headers=HEADERS, timeout=30).status_code == 200
            assert not app.extensions["sandbox"].stopping.is_set()


def test_nothing_is_left_after_the_block() -> None:
    """The port is free and no thread remains, though a client kept its connection."""
    before = set(threading.enumerate())
    with vendor() as api:
        api.get("/properties")
        port = int(api.url.split(":")[2].removesuffix("/v1"))
    with socket.create_server(("127.0.0.1", port)):
        pass
    until(lambda: set(threading.enumerate()) <= before or None, "end of the threads")


def test_taken_port_is_an_os_error(capsys: pytest.CaptureFixture[str]) -> None:
    """OSError, and not a word on the terminal."""
    app = sandbox.create_app(
        sandbox.build_world(seed=1, today=TODAY, schools=1, facilities=1, hostile=True)
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="Address already in use"):
            sandbox.run(app, "127.0.0.1", port)
        with (
            pytest.raises(OSError, match="Address already in use"),
            sandbox.serve_in_thread(app, port),
        ):
            pass
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_ends_cleanly(number: int) -> None:
    """A signal ends it: it returns, with nothing said on stderr."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port)],
        cwd=ROOT,
        env=environment({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        until(lambda: _status(f"http://127.0.0.1:{port}/v1/properties"), "answer")
        assert answer(f"http://127.0.0.1:{port}/v1/properties") is None
        process.send_signal(number)
        told = process.communicate(timeout=60)
    assert (process.returncode, told) == (0, ("ended\n", ""))


def _status(url: str) -> int | None:
    try:
        return requests.get(url, timeout=30).status_code
    except requests.ConnectionError:
        return None
