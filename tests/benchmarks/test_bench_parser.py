"""How long gunicorn takes to read a request with its parser in C (the extra `fast`), beside its
parser in Python, in one run.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from gunicorn.config import Config
from gunicorn.http.parser import RequestParser

from icalbridge.cli.request_line import read_raw_targets
from tests.fixtures.parts import require_fast_parser

if TYPE_CHECKING:
    import pytest

REQUEST = (
    b"GET /ical/facility/67cb01934e4730d413100001.ics HTTP/1.1\r\n"
    b"Host: calendars.example.org\r\n"
    b"User-Agent: Google-Calendar-Importer\r\n"
    b"Accept: */*\r\n"
    b"Accept-Encoding: gzip, deflate, br\r\n"
    b'If-None-Match: "0123456789abcdef0123456789abcdef"\r\n'
    b"X-Forwarded-For: 192.0.2.1\r\n"
    b"X-Forwarded-Proto: https\r\n"
    b"\r\n"
)
CALLS = 500
ROUNDS = 15


def microseconds(parser: str) -> float:
    """Return the time of one request, out of many."""
    settings = Config()
    settings.set("http_parser", parser)
    reading = RequestParser(settings, iter([REQUEST] * CALLS), ("127.0.0.1", 1))
    begun = perf_counter()
    for _ in range(CALLS):
        reading.mesg = None
        next(reading)
    return (perf_counter() - begun) / CALLS * 1e6


def test_parser_in_c_is_faster(capsys: pytest.CaptureFixture[str]) -> None:
    """Else there is no reason to use it."""
    require_fast_parser()
    read_raw_targets()
    rounds = [(microseconds("fast"), microseconds("python")) for _ in range(ROUNDS)]
    fast, python = (median(column) for column in zip(*rounds, strict=True))
    with capsys.disabled():
        print(f"\nparser in C {fast:.1f} µs, in Python {python:.1f} µs, ratio {fast / python:.2f}")
    assert fast < 0.9 * python
