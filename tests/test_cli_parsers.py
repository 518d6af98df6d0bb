"""`icalbridge.cli.request_line`: gunicorn's two parsers read requests alike, also those that were
made to be read differently.
"""

from __future__ import annotations

from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser

from icalbridge.cli.request_line import read_raw_targets
from tests.fixtures.parts import require_fast_parser

REFUSED = "refused"
HEAD = b"Host: calendars.example.org\r\n"
LINES = [
    b"GET / HTTP/1.1",
    b"GET /\tHTTP/1.1",
    b"GET / HTTP/1.0",
    b"GET / HTTP/2.0",
    b"GET / http/1.1",
    b"get / HTTP/1.1",
    b"G@T / HTTP/1.1",
    b"GET /a#b HTTP/1.1",
    b"GET http://x/a HTTP/1.1",
    b"GET a HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"CONNECT a:1 HTTP/1.1",
    b"GET / HTTP/1.1 ",
    b" GET / HTTP/1.1",
    b"GET /\x00 HTTP/1.1",
    b"GET /\x7f HTTP/1.1",
    b"GET /%zz HTTP/1.1",
    b"GET //[ HTTP/1.1",
    b"GET /" + b"a" * 4070 + b" HTTP/1.1",
    b"GET /" + b"a" * 5000 + b" HTTP/1.1",
    "GET /Fußball?q=é HTTP/1.1".encode(),
    b"GET /?q=\xff HTTP/1.1",
    b"GET /\xff b HTTP/1.1",
    b"\r\nGET / HTTP/1.1",
    b"GET /",
    b"GET / HTTP/1.1x",
]
HEADERS = [
    b"Content-Length: 3\r\n\r\nabc",
    b"Content-Length: +3\r\n\r\nabc",
    b"Content-Length: 3, 3\r\n\r\nabc",
    b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    b"Content-Length: -1\r\n\r\n",
    b"Content-Length: 0x3\r\n\r\nabc",
    b"Content-Length: \xc2\xb2\r\n\r\nabc",
    b"Content-Length:\r\n\r\n",
    b"Content-Length : 3\r\n\r\nabc",
    b"Content_Length: 3\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: xchunked\r\n\r\n",
    b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: identity\r\n\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: \r\n\r\n",
    b"A: b\r\n c\r\n\r\n",
    b"A b\r\n\r\n",
    b": b\r\n\r\n",
    b"A\x00: b\r\n\r\n",
    b"A: b\x00c\r\n\r\n",
    b"A: \xe9\r\n\r\n",
    b"A:\tb \t\r\n\r\n",
    b"A: b\nB: c\r\n\r\n",
    b"A: b\rB: c\r\n\r\n",
    b"A: " + b"x" * 8300 + b"\r\n\r\n",
    b"".join(b"A%d: b\r\n" % number for number in range(110)) + b"\r\n",
    b"SCRIPT_NAME: /x\r\n\r\n",
    b"X-Forwarded-Proto: https\r\n\r\n",
    b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n",
    b"Expect: nonsense\r\n\r\n",
    b"Connection: close\r\n\r\n",
    b"Host: b\r\n\r\n",
]
REQUESTS = [
    *(line + b"\r\n" + HEAD + b"\r\n" for line in LINES),
    *(b"GET / HTTP/1.1\r\n" + HEAD + each for each in HEADERS),
    *(b"POST / HTTP/1.0\r\n" + HEAD + each for each in HEADERS),
    *(b"GET / HTTP/1.1\n\n", b"GET / HTTP/1.1\r\nHost: a\n\r\n", b"\n\nGET / HTTP/1.1\r\n\r\n"),
]


def read(parser: str, request: bytes) -> object:
    """Return all that one parser reads, or that it refuses the request."""
    settings = Config()
    options: dict[str, Any] = {
        "http_parser": parser,
        "forwarder_headers": "",
        "header_map": "drop",
    }
    for name, value in options.items():
        settings.set(name, value)
    read_raw_targets()
    try:
        found = next(RequestParser(settings, iter([request]), ("127.0.0.1", 1)))
        line = (found.method, found.uri, found.path, found.query, found.version, found.scheme)
        return line, found.headers, found.should_close(), found.body.read()
    except (StopIteration, Exception):  # noqa: BLE001  # each has its own words for it
        return REFUSED


@pytest.mark.parametrize("request_", REQUESTS, ids=[str(each[:60]) for each in REQUESTS])
def test_parsers_read_a_request_alike(request_: bytes) -> None:
    """Or both refuse it: where a request ends, above all."""
    require_fast_parser()
    assert read("fast", request_) == read("python", request_)


def test_parsers_differ_in_the_request_line_only_as_is_known() -> None:
    """The one in C takes several blanks after a method, and no version but 1.0 and 1.1."""
    require_fast_parser()
    blanks, later = (
        line + b"\r\n" + HEAD + b"\r\n" for line in (b"GET  / HTTP/1.1", b"GET / HTTP/1.2")
    )
    plain = b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n"
    assert (read("python", blanks), read("fast", later)) == (REFUSED, REFUSED)
    assert read("fast", blanks) == read("fast", plain)
