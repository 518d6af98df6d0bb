"""The envelope of an answer: its list or item, its `invocation_id`, and whether its code is one of
success.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from icalbridge.facilitron.lenient import UNREADABLE, as_text, loose, mend, one_line, text

ERROR_CODED = "the answer has the code of an error, so nothing in it is believed"
_SUCCESS = re.compile(r"A[0-9]+")
_CODE = re.compile(r"[A-Za-z]{1,4}[0-9]{1,6}")


class Malformed(ValueError):
    """The body is no answer at all: cut off, no JSON, without its list, or with the code of an
    error.

    Holds the `invocation_id` and the `message_code`, if it has them.
    """

    def __init__(self, reason: str, invocation_id: str = "", message_code: str = "") -> None:
        super().__init__(reason)
        self.invocation_id = invocation_id
        self.message_code = message_code


class NullList(Malformed):
    """The body is an answer with `null` in place of its list."""


class _Listed(msgspec.Struct):
    invocation_id: msgspec.Raw = msgspec.Raw(b'""')
    message_code: msgspec.Raw = msgspec.Raw(b"null")


_LISTS = {
    name: msgspec.json.Decoder(
        msgspec.defstruct(name, [(name, list[msgspec.Raw] | None)], bases=(_Listed,), kw_only=True)
    )
    for name in ("properties", "facilities", "events")
}
_SINGLES = {
    name: msgspec.json.Decoder(
        msgspec.defstruct(name, [(name, msgspec.Raw)], bases=(_Listed,), kw_only=True)
    )
    for name in ("property", "event")
}


def read_list(body: bytes, name: str) -> tuple[list[msgspec.Raw], str]:
    """Return the items of an answer, undecoded, and its `invocation_id`; raises `Malformed`."""
    told = _envelope(_LISTS[name], body, name)
    items: list[msgspec.Raw] | None = getattr(told, name)
    if items is None:
        raise NullList(f"the answer has null for its {name}", _invocation_id(told))
    return items, _invocation_id(told)


def read_single(body: bytes, name: str) -> tuple[bytes, str]:
    told = _envelope(_SINGLES[name], body, name)
    return bytes(getattr(told, name)), _invocation_id(told)


def _invocation_id(told: _Listed) -> str:
    return one_line(as_text(loose(bytes(told.invocation_id))))


def _envelope(decoder: msgspec.json.Decoder[Any], body: bytes, name: str) -> _Listed:
    told: _Listed
    try:
        told = decoder.decode(body)
    except UNREADABLE:
        try:
            told = decoder.decode(mend(body))
        except UNREADABLE:
            code = error_code(body)
            reason = ERROR_CODED if code else f"the answer cannot be read, or lacks its {name}"
            raise Malformed(reason, invocation_id_of(body), shown_code(code)) from None
    if code := _error_code(loose(bytes(told.message_code))):
        raise Malformed(ERROR_CODED, _invocation_id(told), shown_code(code))
    return told


def error_code(body: bytes) -> str:
    """Return the `message_code` of an answer if it is not one of success; empty if it is, or if
    there is none.
    """
    told = loose(body)
    return _error_code(told.get("message_code")) if isinstance(told, dict) else ""


def _error_code(code: object) -> str:
    """Success is `A` and digits (api/README). Any field may be null, and a blank text says as
    little.
    """
    if code is None:
        return ""
    text_of = code.strip() if isinstance(code, str) else str(code)
    return "" if text_of == "" or _SUCCESS.fullmatch(text_of) else text_of


def shown_code(code: str) -> str:
    """Return a code as an error may repeat it: empty for what is not letters and digits, which
    could be anything.
    """
    return code if _CODE.fullmatch(code) else ""


def invocation_id_of(body: bytes) -> str:
    """Return the `invocation_id` of an answer of any kind, empty where it has none."""
    told = loose(body)
    return (
        one_line(text(told, "invocation_id") or text(told, "invocationId"))
        if isinstance(told, dict)
        else ""
    )
