"""Maps an HTTP response other than a success to one of our errors, with the vendor's message."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from icalbridge.errors import (
    AccessRefused,
    AnswerTooLarge,
    KeyRefused,
    MalformedAnswer,
    NotFound,
    RateLimited,
    RequestRefused,
    VendorError,
    VendorTimeout,
    VendorUnavailable,
)
from icalbridge.facilitron.lenient_json import decode_object, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

_ERRORS: dict[int, type[VendorError]] = {
    401: KeyRefused,
    403: AccessRefused,
    404: NotFound,
    408: VendorUnavailable,
    413: AnswerTooLarge,
    425: VendorUnavailable,
    429: RateLimited,
    502: VendorTimeout,
    503: VendorTimeout,
    504: VendorTimeout,
}

_MESSAGES = {
    401: "the vendor refuses the key",
    403: "the key may not see this",
    404: "the vendor knows nothing of that id",
    408: "the vendor waited too long for the request",
    413: "the answer is larger than the vendor sends",
    425: "the vendor is not ready for the request",
    429: "more requests than the vendor grants",
}


def error_of(request: str, status: int, body: bytes, *, secrets: Sequence[str]) -> VendorError:
    """Return the error for a response.

    The message is the vendor's, out of its JSON error, a problem document (RFC 9457) or the bare
    429; any other body, such as a proxy's HTML page, is not repeated. `secrets` are redacted,
    whatever the case of their letters.
    """
    redact = re.compile("|".join(map(re.escape, secrets)), re.IGNORECASE)
    fields = decode_object(body) or {}

    def first_text(*names: str) -> str:
        texts = (fields.get(name) for name in names)
        text = next((text for text in texts if isinstance(text, str) and text), "")
        return one_line(redact.sub("…", text))

    message = first_text("message", "detail", "title") or _MESSAGES.get(status) or _guess(status)
    return _error_class(status)(
        request,
        message,
        status,
        first_text("message_code"),
        first_text("invocation_id", "invocationId"),
    )


def _error_class(status: int) -> type[VendorError]:
    if status in _ERRORS:
        return _ERRORS[status]
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
