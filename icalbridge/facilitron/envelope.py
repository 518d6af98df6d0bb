"""Envelope of a response: its list or item, its `invocation_id`, and its `message_code`."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from icalbridge.facilitron.lenient_json import (
    UNREADABLE,
    decode_json,
    decode_object,
    get_text,
    one_line,
    repair_json,
    to_text,
)

ERROR_CODED = "the answer has the code of an error, so nothing in it is believed"
_SUCCESS = re.compile(r"A[0-9]+")
_CODE = re.compile(r"[A-Za-z]{1,4}[0-9]{1,6}")


class Malformed(ValueError):
    """Raised for a body that is no response: truncated, no JSON, without its list, or error-coded.

    Has the body's `invocation_id` and `message_code`, if there are any.
    """

    def __init__(self, reason: str, invocation_id: str = "", message_code: str = "") -> None:
        super().__init__(reason)
        self.invocation_id = invocation_id
        self.message_code = message_code


class NullList(Malformed):
    """Raised for a response with `null` in place of its list."""


class _Envelope(msgspec.Struct):
    invocation_id: msgspec.Raw = msgspec.Raw(b'""')
    message_code: msgspec.Raw = msgspec.Raw(b"null")


_LISTS = {
    name: msgspec.json.Decoder(
        msgspec.defstruct(
            name, [(name, list[msgspec.Raw] | None)], bases=(_Envelope,), kw_only=True
        )
    )
    for name in ("properties", "facilities", "events")
}
_SINGLES = {
    name: msgspec.json.Decoder(
        msgspec.defstruct(name, [(name, msgspec.Raw)], bases=(_Envelope,), kw_only=True)
    )
    for name in ("property", "event")
}


def read_list(body: bytes, name: str) -> tuple[list[msgspec.Raw], str]:
    """Return the items of a response, undecoded, and its `invocation_id`; raises `Malformed`."""
    envelope = _decode_envelope(_LISTS[name], body, name)
    items: list[msgspec.Raw] | None = getattr(envelope, name)
    if items is None:
        raise NullList(f"the answer has null for its {name}", _invocation_id(envelope))
    return items, _invocation_id(envelope)


def read_single(body: bytes, name: str) -> tuple[bytes, str]:
    """Return the item of a response, undecoded, and its `invocation_id`; raises `Malformed`."""
    envelope = _decode_envelope(_SINGLES[name], body, name)
    return bytes(getattr(envelope, name)), _invocation_id(envelope)


def _invocation_id(envelope: _Envelope) -> str:
    return one_line(to_text(decode_json(bytes(envelope.invocation_id))))


def _decode_envelope(decoder: msgspec.json.Decoder[Any], body: bytes, name: str) -> _Envelope:
    envelope: _Envelope
    try:
        envelope = decoder.decode(body)
    except UNREADABLE:
        try:
            envelope = decoder.decode(repair_json(body))
        except UNREADABLE:
            code = error_code(body)
            reason = ERROR_CODED if code else f"the answer cannot be read, or lacks its {name}"
            raise Malformed(reason, invocation_id_of(body), shown_code(code)) from None
    if code := _error_code(decode_json(bytes(envelope.message_code))):
        raise Malformed(ERROR_CODED, _invocation_id(envelope), shown_code(code))
    return envelope


def error_code(body: bytes) -> str:
    """Return the `message_code` of a response; empty if it is one of success, or missing."""
    fields = decode_object(body)
    return _error_code(fields.get("message_code")) if fields else ""


def _error_code(code: object) -> str:
    """Success is `A` and digits (api/README); null and a blank text are success too."""
    if code is None:
        return ""
    text = code.strip() if isinstance(code, str) else str(code)
    return "" if text == "" or _SUCCESS.fullmatch(text) else text


def shown_code(code: str) -> str:
    """Return a code as an error may repeat it: empty unless it is letters and digits."""
    return code if _CODE.fullmatch(code) else ""


def invocation_id_of(body: bytes) -> str:
    """Return the `invocation_id` of any response, empty where it has none."""
    fields = decode_object(body) or {}
    return one_line(get_text(fields, "invocation_id") or get_text(fields, "invocationId"))
