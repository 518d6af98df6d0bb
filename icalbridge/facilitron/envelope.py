"""The vendor's envelope: what stands around a list or an object in an answer, and whether the answer counts at all."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from icalbridge.facilitron.lenient import UNREADABLE, as_text, loose, mend, one_line, text

ERROR_CODED = "the answer has the code of an error, so nothing in it is believed"
_SUCCESS = re.compile(r"A[0-9]+")
_CODE = re.compile(r"[A-Za-z]{1,4}[0-9]{1,6}")

_NULL = msgspec.Raw(b"null")


class Malformed(ValueError):
    """The body is no answer at all: cut off, no JSON, without its list, or with the code of an error.

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
    message_code: msgspec.Raw = _NULL


_LISTS = {
    name: msgspec.json.Decoder(
        msgspec.defstruct(name, [(name, list[msgspec.Raw] | None)], bases=(_Listed,), kw_only=True)
    )
    for name in ("properties", "facilities", "events")
}
_SINGLES = {
    name: msgspec.json.Decoder(msgspec.defstruct(name, [(name, msgspec.Raw)], bases=(_Listed,), kw_only=True))
    for name in ("property", "event")
}


def items_of(body: bytes, name: str) -> tuple[list[msgspec.Raw], str]:
    """Return the items of an answer, undecoded, and its `invocation_id`; raises `Malformed`."""
    told = _envelope(_LISTS[name], body, name)
    items: list[msgspec.Raw] | None = getattr(told, name)
    if items is None:
        raise NullList(f"the answer has null for its {name}", _called(told))
    return items, _called(told)


def single_of(body: bytes, name: str) -> tuple[bytes, str]:
    told = _envelope(_SINGLES[name], body, name)
    return bytes(getattr(told, name)), _called(told)


def _called(told: _Listed) -> str:
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
            raise Malformed(reason, trace(body), shown_code(code)) from None
    if code := _error_code(loose(bytes(told.message_code))):
        raise Malformed(ERROR_CODED, _called(told), shown_code(code))
    return told


def error_code(body: bytes) -> str:
    """Return the `message_code` of an answer if it is not one of success; empty if it is, or if there is none."""
    told = loose(body)
    return _error_code(told.get("message_code")) if isinstance(told, dict) else ""


def _error_code(code: object) -> str:
    """Success is `A` and digits (api/README). Any field may be null, and a blank text says as little."""
    if code is None:
        return ""
    text_of = code.strip() if isinstance(code, str) else str(code)
    return "" if text_of == "" or _SUCCESS.fullmatch(text_of) else text_of


def shown_code(code: str) -> str:
    """Return a code as an error may repeat it: empty for what is not letters and digits, which could be anything."""
    return code if _CODE.fullmatch(code) else ""


def trace(body: bytes) -> str:
    """Return the `invocation_id` of an answer of any kind, empty where it has none."""
    told = loose(body)
    return one_line(text(told, "invocation_id") or text(told, "invocationId")) if isinstance(told, dict) else ""
