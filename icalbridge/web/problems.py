"""How the API refuses: problem documents (RFC 9457) with one sentence, which any page may read and
nobody keeps.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from icalbridge.feeds.formats.json_format import dumps
from icalbridge.web import responses
from icalbridge.web.cross_origin import REFUSED

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX = "/api/"
"""Below it everything that goes wrong is told like this."""
CONTENT_TYPE = "application/problem+json"


class Problem(Struct, frozen=True, kw_only=True):
    """What went wrong (RFC 9457)."""

    type: Annotated[
        str, Meta(description="Always `about:blank`: the status says what kind of problem it is.")
    ]
    title: Annotated[str, Meta(description="The status in words, such as `Not Found`.")]
    status: Annotated[int, Meta(description="The HTTP status.", ge=400, le=599)]
    detail: Annotated[
        str,
        Meta(description="One sentence for people: what is wrong, and what to do.", min_length=1),
    ]


def problem(status: int, sentence: str, extra: Sequence[tuple[str, str]] = ()) -> responses.Answer:
    """Refuse in one sentence; what may come soon says when to ask again."""
    body = (
        dumps(
            Problem(
                type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=sentence
            )
        )
        + b"\n"
    )
    again = (
        [("Retry-After", str(responses.RETRY_SECONDS))]
        if status == HTTPStatus.SERVICE_UNAVAILABLE
        else []
    )
    headers = [
        ("Content-Type", CONTENT_TYPE),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        *REFUSED,
        *again,
        *extra,
        *responses.SECURITY_HEADERS,
    ]
    return responses.Answer(status, headers, body)
