"""gunicorn reads request lines whose target has raw octets of UTF-8 in it, as browsers and scripts
send some.

RFC 3986 wants them percent-encoded, and gunicorn answers 400 by itself. Here they are
percent-encoded before it reads the line, as nginx and others do; whether they are UTF-8 is checked
by the application, which says so in a sentence. The C parser refuses such lines, so where it is
installed it reads the other requests only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser

if TYPE_CHECKING:
    from gunicorn.http.unreader import Unreader

_ASCII = bytes(range(0x80)).decode("ascii")


class RawTargetRequest(Request):  # type: ignore[misc]  # gunicorn has no types
    """HTTP request whose target may have raw octets beyond ASCII."""

    def parse_request_line(self, line_bytes: bytes) -> None:
        """Percent-encode such octets, and nothing else."""
        super().parse_request_line(
            line_bytes if line_bytes.isascii() else quote(line_bytes, safe=_ASCII).encode("ascii")
        )

    def _parse_fast(self, unreader: Unreader, buf: bytearray) -> Any:
        """Leave to the C parser what it can read; `connections` hands whole headers over."""
        if buf.partition(b"\r\n")[0].isascii():
            return super()._parse_fast(unreader, buf)
        return self._parse_python(unreader, buf)


def read_raw_targets() -> None:
    """Let every parser of this process make such requests."""
    RequestParser.mesg_class = RawTargetRequest
