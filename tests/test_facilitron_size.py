"""`icalbridge.facilitron.http`: an answer is read up to 64 MB, after decompression too; over
HTTP, to order.
"""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest

from icalbridge.errors import (
    AnswerTooLarge,
    RequestRefused,
    VendorError,
    VendorTimeout,
    VendorUnavailable,
)
from icalbridge.facilitron.http import MOST_OCTETS
from tests.fixtures.scripted import PROPERTIES, Reply, client_of, scripted

if TYPE_CHECKING:
    from collections.abc import Callable

MB = 1_000_000
TOO_LARGE = "the answer is larger than 64 MB; the rest of it was not read"


def _padded(octets: int, octet: bytes = b" ") -> bytes:
    """Return an answer that can be read if it may be so large."""
    return PROPERTIES.body + octet * (octets - len(PROPERTIES.body))


def _gzipped(octets: int, coding: int = 16 + zlib.MAX_WBITS) -> bytes:
    """Return a small body that decompresses to a large one."""
    packer = zlib.compressobj(1, zlib.DEFLATED, coding)
    packed = [packer.compress(PROPERTIES.body)]
    packed += [packer.compress(b" " * MB) for _ in range(octets // MB)]
    return b"".join([*packed, packer.flush()])


def _coded(coding: str, body: bytes, status: int = 200) -> Reply:
    return Reply(status, body, {"Content-Encoding": coding})


LARGE: dict[str, Callable[[], Reply]] = {
    "plain": lambda: Reply(200, _padded(MOST_OCTETS + 1)),
    "created": lambda: Reply(201, _padded(MOST_OCTETS + 1)),
    "without a length": lambda: Reply(
        200, body := _padded(MOST_OCTETS + 1), {"Content-Length": ""}, cut=len(body)
    ),
    "chunked": lambda: Reply(
        200,
        b"%x\r\n%b\r\n0\r\n\r\n" % (MOST_OCTETS + 1, _padded(MOST_OCTETS + 1)),
        {"Content-Length": "", "Transfer-Encoding": "chunked"},
    ),
    "gzip": lambda: _coded("gzip", _gzipped(200 * MB)),
    "deflate": lambda: _coded("deflate", _gzipped(200 * MB, zlib.MAX_WBITS)),
    "raw deflate": lambda: _coded("deflate", _gzipped(200 * MB, -zlib.MAX_WBITS)),
    "gzip twice": lambda: _coded("gzip, gzip", gzip.compress(_gzipped(200 * MB))),
    "gzip in many members": lambda: _coded("gzip", _gzipped(10 * MB) * 20),
}
OFTEN = ("plain", "chunked", "gzip in many members")
"""The cases of `make test`; all are in `make soak`."""


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case in OFTEN else pytest.mark.soak) for case in LARGE],
)
def test_answer_of_more_than_64_mb_is_too_large(case: str) -> None:
    """It is asked once and read no further, so that it takes little memory; the next request is
    answered.
    """
    with scripted(LARGE[case](), PROPERTIES) as script:
        client = client_of(script)
        tracemalloc.start()
        try:
            with pytest.raises(AnswerTooLarge) as caught:
                client.properties()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert (caught.value.message, len(script.asked)) == (TOO_LARGE, 1)
        assert peak < 100 * MB
        assert [each.id for each in client.properties().items] == ["p1"]


def test_connection_is_closed_when_an_answer_is_not_read_to_its_end() -> None:
    """The next request has another."""
    with scripted(Reply(200, _padded(MOST_OCTETS + MB)), PROPERTIES) as script:
        client = client_of(script)
        with pytest.raises(AnswerTooLarge):
            client.properties()
        client.properties()
    assert len({each.port for each in script.asked}) == 2


@pytest.mark.parametrize(
    "pack", [lambda body: Reply(200, body), lambda body: _coded("gzip", gzip.compress(body, 1))]
)
def test_answer_of_64_mb_is_read(pack: Callable[[bytes], Reply]) -> None:
    """The bound itself is within it."""
    with scripted(pack(_padded(MOST_OCTETS))) as script:
        assert [each.id for each in client_of(script).properties().items] == ["p1"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (503, VendorTimeout),
        *(
            pytest.param(status, kind, marks=pytest.mark.soak)
            for status, kind in (
                (302, RequestRefused),
                (400, RequestRefused),
                (500, VendorUnavailable),
            )
        ),
    ],
)
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_error_with_a_large_body_means_what_its_status_means(
    status: int, kind: type[VendorError], coding: str
) -> None:
    """Its body is not read to the end, nor repeated."""
    body = json.dumps({"message": "x" * 70 * MB}).encode()
    headers = {"Location": "http://127.0.0.1:9/", "Content-Encoding": coding}
    reply = Reply(status, gzip.compress(body, 1) if coding else body, headers)
    with scripted(reply) as script:
        tracemalloc.start()
        try:
            with pytest.raises(VendorError) as caught:
                client_of(script).properties()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (type(caught.value), caught.value.status) == (kind, status)
    assert "xx" not in str(caught.value)
    assert peak < 10 * MB


def test_redirect_that_never_ends_is_given_up() -> None:
    """Its body is read within the deadline, although it is not followed."""
    endless = Reply(
        302, headers={"Location": "http://127.0.0.1:9/", "Content-Length": "1000000"}, dripping=True
    )
    with scripted(endless) as script, pytest.raises(VendorTimeout):
        client_of(script, timeout=0.2, deadline=0.2).properties()
    assert len(script.asked) == 1


def test_answer_is_requested_in_codings_that_can_be_bounded() -> None:
    """Whatever else the machine's Python could decompress."""
    with scripted(PROPERTIES) as script:
        client_of(script).properties()
    assert script.asked[0].headers["accept-encoding"] == "gzip, deflate"
