"""How much of a processor nginx takes for a cached feed, beside sending the same bytes from a file,
in one run and one process.
"""

from __future__ import annotations

import gzip
import socket
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest

from icalbridge.web import create_app
from tests.fixtures.commands import free_port, until
from tests.fixtures.nginx import proxying
from tests.fixtures.serving import serving
from tests.samples import NOW, entry
from tests.web_world import PUBLIC, add_catalogue, added, empty_store, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.models import Entry
    from tests.fixtures.nginx import Nginx

PATH = "/ical/facility/gym.ics"
ENTRIES = 480
REQUESTS = 400
ROUNDS = 9
LEAST = 0.75
STATIC = """
    server {{
        listen 127.0.0.1:{port};
        root {root};
        access_log {root}/static.log combined;
        types {{ text/calendar ics; }}
        sendfile on;
        tcp_nopush on;
        gzip_static on;
    }}
"""


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[tuple[Nginx, int]]:
    """One nginx in front of the application, and on another port the same feed as a file."""
    store = empty_store(tmp_path)
    add_catalogue(store)
    sync(store, "school", added(_entries()))
    app = create_app(PUBLIC, store, clock=lambda: NOW + timedelta(seconds=1))
    body = app.test_client().get(PATH).data
    root, folder, port = tmp_path / "root", tmp_path / "nginx", free_port()
    file = root / PATH[1:]
    file.parent.mkdir(parents=True)
    folder.mkdir()
    file.write_bytes(body)
    Path(f"{file}.gz").write_bytes(gzip.compress(body, 6, mtime=0))
    block = STATIC.format(port=port, root=root)
    with serving(app) as url:
        origin = url.removeprefix("http://")
        with proxying(folder, origin, plain=True, more=block) as running:
            yield running, port
    store.close()


def _entries() -> Iterator[Entry]:
    """Make entries with UIDs and names that differ, so that they compress as real ones do."""
    for day in range(ENTRIES):
        uid = blake2b(str(day).encode(), digest_size=16).hexdigest()
        yield entry(day, uid=uid, event_id=uid[:12], name=f"Practice {uid[12:20]}")


def _worker(nginx: Nginx) -> str:
    """Return the one worker process."""
    master = (nginx.folder / "nginx.pid").read_text().strip()
    children = Path(f"/proc/{master}/task/{master}/children")

    def find() -> str | None:
        found = children.read_text().split()
        return next((child for child in found if b"worker" in _command(child)), None)

    return until(find, "worker")


def _command(process: str) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


def _exchange(connection: socket.socket, request: bytes, length: int) -> bytes:
    """Send a request and read `length` octets of body behind the header; return the header."""
    connection.sendall(request)
    received = connection.recv(1 << 20)
    while b"\r\n\r\n" not in received:
        received += connection.recv(1 << 20)
    header, _, body = received.partition(b"\r\n\r\n")
    missing = length - len(body)
    while missing > 0:
        missing -= len(connection.recv(1 << 20))
    return header


def _request(more: str = "") -> bytes:
    return f"GET {PATH} HTTP/1.1\r\nHost: calendars.example.org\r\n{more}\r\n".encode()


def _microseconds(worker: str, port: int, request: bytes, length: int) -> float:
    """Return the processor time of nginx for one request, out of many on one connection."""
    schedule = Path(f"/proc/{worker}/schedstat")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        _exchange(connection, request, length)
        begun = int(schedule.read_text().split()[0])
        for _ in range(REQUESTS):
            _exchange(connection, request, length)
        return (int(schedule.read_text().split()[0]) - begun) / REQUESTS / 1000


def _prepare(port: int, kind: str) -> tuple[bytes, int]:
    """Return a request and the length of the body that it is answered with."""
    coding = "Accept-Encoding: gzip\r\n" if kind == "gzip" else ""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        header = _exchange(connection, _request(coding), 0).decode()
    fields = dict(line.split(": ", 1) for line in header.splitlines()[1:])
    if kind != "304":
        return _request(coding), int(fields["Content-Length"])
    request = _request(f"If-None-Match: {fields['ETag']}\r\n")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        assert b" 304 " in _exchange(connection, request, 0)
    return request, 0


@pytest.mark.parametrize("kind", ["plain", "gzip", "304"])
def test_cached_feed_costs_nginx_little_more_than_a_file(
    nginx: tuple[Nginx, int], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """At least 0.75 of what it does with a file, for 200, compressed 200 and 304."""
    running, file_port = nginx
    worker = _worker(running)
    asked = [(port, *_prepare(port, kind)) for port in (running.port, file_port)]
    assert asked[0][2] == asked[1][2]
    rounds = [[_microseconds(worker, *one) for one in asked] for _ in range(ROUNDS)]
    share = median(file / cache for cache, file in rounds)
    cache, file = (median(column) for column in zip(*rounds, strict=True))
    with capsys.disabled():
        print(
            f"\n{kind:>6} of {asked[0][2]:>7,} octets: {cache:6.1f} µs of nginx out of its cache,"
            f" {file:6.1f} µs from a file, share {share:.2f}"
        )
    assert share >= LEAST
