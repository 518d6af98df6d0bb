"""`icalbridge serve` and clients that are silent, slow or hostile: everybody else is served
meanwhile.
"""

from __future__ import annotations

import os
import re
import resource
import socket
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.fixtures.commands import answer, free_port, running, until
from tests.samples import entry
from tests.web_world import add_catalogue, added, empty_store, sync

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

SECONDS = 15
"""How long an answer may take; the product needs milliseconds, a busy machine more."""
FEED = "/ical/facility/gym.ics"


@dataclass(frozen=True)
class Server:
    """A running `serve --no-sync`."""

    port: int
    process: subprocess.Popen[str]

    def connect(self, sent: str = "") -> socket.socket:
        """Open a connection and send something."""
        opened = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        opened.sendall(sent.encode("latin-1"))
        return opened

    def ask(self, sent: str) -> tuple[int, dict[str, str], bytes]:
        """Send a request as it stands, on a connection of its own; return status, headers and body."""
        with self.connect(sent) as opened, opened.makefile("rb") as stream:
            status = int(stream.readline().split()[1])
            head = iter(lambda: stream.readline().decode("latin-1").strip(), "")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head)
            }
            return status, headers, stream.read(int(headers["content-length"]))

    def feed(self) -> requests.Response:
        """Read a feed as any client does."""
        return requests.get(f"http://127.0.0.1:{self.port}{FEED}", timeout=SECONDS)


@contextmanager
def serving(folder: Path, *, descriptors: int = 1024, **settings: str) -> Iterator[Server]:
    """Serve a small district out of a database that nobody keeps true, with so many file
    descriptors a process.
    """
    store = empty_store(folder)
    add_catalogue(store)
    sync(store, "school", added(entry(number, uid=f"u{number}") for number in range(100)))
    store.close()
    port = free_port()
    told = {"DATABASE_URL": f"sqlite:///{folder / 'bridge.db'}", "PORT": str(port)}
    with running("serve", "--no-sync", **{"WEB_CONCURRENCY": "1", **told, **settings}) as process:
        resource.prlimit(
            process.pid, resource.RLIMIT_NOFILE, (descriptors, descriptors)
        )  # inherited by its children
        until(lambda: answer(f"http://127.0.0.1:{port}{FEED}"), "feed")
        yield Server(port, process)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all that leaves it as it was."""
    with serving(tmp_path_factory.mktemp("server")) as started:
        yield started


def _is_open(connection: socket.socket) -> bool:
    """Whether the server has neither sent anything nor closed its side."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) is None
    except BlockingIOError:
        return True


def test_silent_clients_keep_nobody_waiting(server: Server) -> None:
    """200 connections without a request and 64 with half a header, all of them open: a feed is
    answered.
    """
    with ExitStack() as stack:
        silent = [stack.enter_context(server.connect()) for _ in range(200)]
        halves = [
            f"GET {FEED} HTTP/1.1\r\n",
            f"GET {FEED} HTTP/1.1\r\nHost: x\r\nAccept",
            "G",
            f"HEAD {FEED}",
        ]
        silent += [stack.enter_context(server.connect(halves[number % 4])) for number in range(64)]
        assert [server.feed().status_code for _ in range(5)] == [200] * 5
        assert all(_is_open(each) for each in silent)


def test_connections_are_shared_by_the_processes(tmp_path: Path) -> None:
    """Of 200 connections, each process of two has 40 to 160, also on a busy machine; one would
    have all of them otherwise.
    """
    with serving(tmp_path, WEB_CONCURRENCY="2") as started, ExitStack() as stack:
        for number in range(200):
            stack.enter_context(started.connect("" if number % 2 else "GET / HTTP/1.1\r\n"))
        counts = until(lambda: _connections(started, 200), "200 connections")
        assert len(counts) == 2
        assert max(counts) <= 160


def _connections(server: Server, total: int) -> list[int] | None:
    """Return how many connections each web process has; None while they are fewer in all."""
    lines = Path(f"/proc/{server.process.pid}/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    local, established = f"0100007F:{server.port:04X}", "01"
    inodes = {row[9] for row in rows if row[1] == local and row[3] == established}
    counts = [len(inodes & _sockets(pid)) for pid in _group(server.process.pid)]
    return [count for count in counts if count] if sum(counts) >= total else None


def _group(leader: int) -> list[int]:
    """Return the processes of a group."""
    pids = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and os.getpgid(pid) == leader]


def _sockets(pid: int) -> set[str]:
    """Return the inodes of a process's sockets."""
    targets = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
    return {name[8:-1] for name in targets if name.startswith("socket:[")}


def test_half_a_header_on_a_used_connection_keeps_nobody_waiting(server: Server) -> None:
    """The same for the second request of a connection, sent together with the first."""
    request = f"GET {FEED} HTTP/1.1\r\nHost: x\r\n\r\n"
    with ExitStack() as stack:
        halves = [
            stack.enter_context(server.connect(f"{request}{request[:-2]}")) for _ in range(64)
        ]
        assert server.feed().status_code == 200
        for each in halves:
            each.sendall(b"Connection: close\r\n\r\n")
            each.settimeout(SECONDS)
        answers = [b"".join(iter(lambda each=each: each.recv(65536), b"")) for each in halves]  # type: ignore[misc]
        assert {each.count(b"HTTP/1.1 200 OK") for each in answers} == {2}


def test_clients_that_do_not_read_keep_nobody_waiting(server: Server) -> None:
    """40 clients that ask for megabytes and read nothing; what they asked for comes when they read."""
    times = 150
    size = len(server.feed().content)
    assert size * times > 4_000_000
    with ExitStack() as stack:
        request = f"GET {FEED} HTTP/1.1\r\nHost: x\r\n\r\n"
        lazy = [stack.enter_context(server.connect(request * times)) for _ in range(40)]
        assert server.feed().status_code == 200
        lazy[0].shutdown(socket.SHUT_WR)
        whole = b"".join(iter(lambda: lazy[0].recv(1_000_000), b""))
        assert (whole.count(b"HTTP/1.1 200 OK"), whole.count(b"END:VCALENDAR")) == (times, times)


def test_bodies_that_do_not_come_keep_nobody_waiting(server: Server) -> None:
    """A request with a body is refused at once, and its connection ends."""
    post = f"POST {FEED} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhalf"
    with ExitStack() as stack:
        for _ in range(64):
            stack.enter_context(server.connect(post))
        assert server.feed().status_code == 200
        status, headers, _ = server.ask(post)
        assert (status, headers["connection"]) == (405, "close")


def test_closing_is_left_to_clients_that_wait_for_it(server: Server) -> None:
    """Who asks for the end of a connection and does not close it keeps nobody waiting."""
    with ExitStack() as stack:
        for _ in range(64):
            stack.enter_context(server.connect(f"GET {FEED} HTTP/1.0\r\n\r\n"))
        assert server.feed().status_code == 200


def test_header_without_end_is_refused(server: Server) -> None:
    """More than 32 KB of header are not collected."""
    status, headers, _ = server.ask(f"GET {FEED} HTTP/1.1\r\nHost: x\r\nX-Long: {'x' * 40_000}")
    assert (status, headers["connection"]) == (431, "close")


def test_requests_in_pieces_are_answered(server: Server) -> None:
    """A header that comes octet by octet, after empty lines, is a request like any other."""
    with server.connect() as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in f"\r\n\r\nGET {FEED} HTTP/1.1\r\nHost: x\r\n\r\n".encode():
            opened.sendall(bytes([octet]))
        assert opened.recv(15) == b"HTTP/1.1 200 OK"


def test_more_clients_than_descriptors_are_no_traceback(tmp_path: Path) -> None:
    """The clients that have waited longest make room; the log has no line for each."""
    with serving(tmp_path, descriptors=64) as server, ExitStack() as stack:
        for sent in ("", f"GET {FEED} HTTP/1.1\r\n"):
            for _ in range(150):
                stack.enter_context(server.connect(sent))
            assert [server.feed().status_code for _ in range(5)] == [200] * 5
        server.process.terminate()
        log, _ = server.process.communicate(timeout=60)
        assert server.process.returncode == 0
    assert not re.findall("Traceback|ERROR|CRITICAL", log)
    assert len(log.splitlines()) < 10


BELIEVED_BY_SOME = {
    "Script-Name": "/evil.example",
    "SCRIPT_NAME": "//evil.example",
    "Path-Info": "/evil.example",
    "PATH_INFO": "/evil.example",
    "X_Forwarded_Prefix": "/evil.example",
    "X-Forwarded-Prefix": "/evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Server": "evil.example",
    "X-Script-Name": "/evil.example",
    "X-Original-URL": "/evil.example",
    "X-Rewrite-URL": "/evil.example",
    "Forwarded": "host=evil.example",
    "HTTP_HOST": "evil.example",
}
PAGES = [
    FEED,
    "/",
    "/facility/gym",
    "/embed/facility/gym",
    "/display/facility/gym",
    "/api/v1/properties",
    "/robots.txt",
]


@pytest.mark.parametrize("path", PAGES)
def test_no_header_of_a_client_says_where_the_site_is(server: Server, path: str) -> None:
    """A client that poses as a proxy on the same machine gets what everybody gets."""
    request = f"GET {path} HTTP/1.1\r\nHost: x.example\r\n"
    expected = server.ask(f"{request}\r\n")
    assert expected[0] == 200
    for name, value in BELIEVED_BY_SOME.items():
        for given in (value, path):
            status, headers, body = server.ask(f"{request}{name}: {given}\r\n\r\n")
            assert (status, _steady(body)) == (200, _steady(expected[2]))
            if not path.startswith("/display"):  # its page names the second
                assert headers.get("etag") == expected[1].get("etag")


def _steady(body: bytes) -> bytes:
    """Return a page without what depends on the moment."""
    return re.sub(rb"[0-9]+", b"", body)


def test_sub_path_is_that_of_the_public_address(tmp_path: Path) -> None:
    """Links lie below the folder of `ICALBRIDGE_PUBLIC_URL`, whatever the environment of the server
    says.
    """
    public = {"ICALBRIDGE_PUBLIC_URL": "https://x.example/calendars", "SCRIPT_NAME": "/elsewhere"}
    with serving(tmp_path, descriptors=1024, **public) as server:
        _, _, body = server.ask("GET / HTTP/1.1\r\nHost: x\r\nSCRIPT_NAME: /evil\r\n\r\n")
        links = re.findall(rb'(?:href|src)="(/[^"]*)"', body)
        assert links
        assert {each.partition(b"/")[2].partition(b"/")[0] for each in links} == {b"calendars"}


TARGETS = [
    *(
        f"{start}{path}"
        for path in (
            "",
            "/",
            "//",
            FEED,
            "/facility/gym",
            "/property/school",
            "/embed/facility/gym",
            "/api/v1",
            "/static",
        )
        for start in (
            "",
            "http://evil.example",
            "http://evil.example/",
            "//evil.example",
            "/",
            "https://evil.example:1",
        )
    ),
    "*",
    "/\\evil.example/..",
    "/%5Cevil.example",
    "//evil.example/%2e%2e",
    "/%2F%2Fevil.example/",
    "/./facility/gym/",
    "/;@evil.example/",
    "/?next=//evil.example",
    "http:///facility/gym/",
    "http://x.example@evil.example/facility/gym/",
    "ftp://evil.example/facility/gym",
    "evil.example:80",
    "facility/gym/",
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_no_request_is_answered_with_a_redirect(server: Server, method: str) -> None:
    """Neither absolute addresses nor doubled, missing and trailing slashes lead anywhere else."""
    hosts = ["x.example", "evil.example/x", "", "evil.example:99999", "[evil", "a b", "é"]
    for target, host in [
        *((each, hosts[0]) for each in filter(None, TARGETS)),
        *((FEED, each) for each in hosts),
    ]:
        request = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        with server.connect(request) as opened:
            received = b"".join(iter(lambda opened=opened: opened.recv(65536), b""))  # type: ignore[misc]
        head = received.partition(b"\r\n\r\n")[0].lower()
        status = int(head.split()[1])
        assert (status // 100 in {2, 4}, b"\nlocation:" in head) == (True, False), (
            target,
            host,
            head,
        )
