"""Lenient JSON decoder: half surrogate pairs, broken UTF-8, numbers where texts belong.

Knows nothing of the vendor's classes; `schemas` and `events` define the fields.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_MESSAGE = 300
LONGEST_NUMBER = 50
"""Digits of a number that is accepted as an id."""

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises: for broken JSON, broken UTF-8 (a `ValueError`), and endless nesting."""

_LONE_SURROGATES = re.compile(
    rb"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
"""Group 1 is what looks like half of a surrogate pair and is none."""

_decode = msgspec.json.Decoder().decode


def repair_json(raw: bytes) -> bytes:
    """Return JSON without lone surrogates (RFC 8259, section 8.2), BOM and invalid UTF-8."""
    text = raw.decode("utf-8-sig", "replace").encode()
    return _LONE_SURROGATES.sub(lambda match: match[1] or b"", text)


def decode_json(raw: bytes) -> object:
    """Decode JSON as far as possible; None where it cannot be decoded at all."""
    try:
        return _decode(raw)
    except UNREADABLE:
        pass
    try:
        return json.loads(repair_json(raw), parse_int=_parse_int)
    except UNREADABLE:
        return None


def decode_object(raw: bytes) -> dict[str, Any] | None:
    """Decode a JSON object; None for anything else."""
    decoded = decode_json(raw)
    return decoded if isinstance(decoded, dict) else None


def _parse_int(digits: str) -> int | None:
    return int(digits) if len(digits) <= LONGEST_NUMBER else None


def get_text(fields: Mapping[str, Any], name: str) -> str:
    """Return a field as text; empty for null and for other types."""
    return to_text(fields.get(name))


def to_text(value: object) -> str:
    """Return a text or a whole number as text; empty for anything else."""
    match value:
        case str():
            return value
        case int() if not isinstance(value, bool) and abs(value) < 10**LONGEST_NUMBER:
            return str(value)
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case _:
            return ""


def clean_id(identifier: str | None) -> str:
    """Return an id unchanged; empty for one with NUL, which no database stores."""
    return "" if identifier is None or "\0" in identifier else identifier


def clean_word(text: str | None) -> str:
    """Return a text that programs compare, without surrounding white space and NUL."""
    return (text or "").replace("\0", "").strip()


def to_count(value: object) -> int | None:
    """Return a count without its fraction; None for anything but 0 to 2^31 - 1."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**31:
        return int(value)
    return None


def one_line(text: str) -> str:
    """Return a vendor's text as one printable line of at most 300 characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(printable.split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[: LONGEST_MESSAGE - 1]}…"
