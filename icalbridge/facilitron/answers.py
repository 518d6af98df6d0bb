"""What an HTTP answer that is no success means: one of the errors, with the vendor's words and
without the key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from icalbridge.errors import (
    AccessRefused,
    KeyRefused,
    MalformedAnswer,
    NotFound,
    RateLimited,
    RequestRefused,
    VendorError,
    VendorTimeout,
    VendorUnavailable,
)
from icalbridge.facilitron.lenient import loose, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

_KINDS: dict[int, type[VendorError]] = {
    401: KeyRefused,
    403: AccessRefused,
    404: NotFound,
    429: RateLimited,
    503: VendorTimeout,
    504: VendorTimeout,
}

_PLAIN = {
    401: "the vendor refuses the key",
    403: "the key may not see this",
    404: "the vendor knows nothing of that id",
    429: "more requests than the vendor grants",
}


def error_of(request: str, status: int, body: bytes, *, secrets: Sequence[str]) -> VendorError:
    """Return the error that an answer other than 200 means.

    The vendor's own words are taken from its JSON error, from a problem document (RFC 9457) or from
    the bare 429; any other body, such as a proxy's HTML page, is not repeated. `secrets`, however
    their letters are cased, are cut out wherever they should stand.
    """
    hidden = re.compile("|".join(map(re.escape, secrets)), re.IGNORECASE)
    told = loose(body)
    said = told if isinstance(told, dict) else {}

    def text(*names: str) -> str:
        found = next(
            (said[name] for name in names if isinstance(said.get(name), str) and said[name]), ""
        )
        return one_line(hidden.sub("…", found))

    message = text("message", "detail", "title") or _PLAIN.get(status) or _guess(status)
    return _kind(status)(
        request, message, status, text("message_code"), text("invocation_id", "invocationId")
    )


def _kind(status: int) -> type[VendorError]:
    if status in _KINDS:
        return _KINDS[status]
    if status >= 500:
        return VendorUnavailable
    return RequestRefused if status >= 300 else MalformedAnswer


def _guess(status: int) -> str:
    if status >= 500:
        return "the vendor is not available"
    if status >= 400:
        return "the vendor refuses the request"
    if status >= 300:
        return "the vendor sends us elsewhere; check FACILITRON_API_URL"
    return "an answer without what was asked for"
