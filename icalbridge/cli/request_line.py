"""gunicorn reads request lines whose target has raw octets of UTF-8 in it, as browsers and scripts
send some.

RFC 3986 wants them percent-encoded, and gunicorn answers 400 by itself. Here they are
percent-encoded before it reads the line, as nginx and others do; whether they are UTF-8 is checked
by the application, which says so in a sentence.
"""

from __future__ import annotations

from urllib.parse import quote

from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser

_ASCII = bytes(range(0x80)).decode("ascii")


class RawTargetRequest(Request):  # type: ignore[misc]  # gunicorn has no types
    """HTTP request whose target may have raw octets beyond ASCII."""

    def parse_request_line(self, line_bytes: bytes) -> None:
        """Percent-encode such octets, and nothing else."""
        super().parse_request_line(
            line_bytes if line_bytes.isascii() else quote(line_bytes, safe=_ASCII).encode("ascii")
        )


def read_raw_targets() -> None:
    """Let every parser of this process make such requests; the C parser (`gunicorn[fast]`) makes
    none.
    """
    RequestParser.mesg_class = RawTargetRequest
