"""JSON as it ought not to be, read as far as it goes: half surrogate pairs, broken UTF-8, numbers
where texts belong.

Knows nothing of the vendor's classes; `wire` says which field means what.
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
"""Digits of a number that is taken for an id."""

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises: for broken JSON, broken UTF-8 (a `ValueError`), and nesting without end."""

_HALVES = re.compile(
    rb"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
"""Group 1 is what looks like half of a surrogate pair and is none."""

_decode = msgspec.json.Decoder().decode


def mend(raw: bytes) -> bytes:
    """Return JSON without lone halves of surrogate pairs (RFC 8259, section 8.2), BOM and octets
    that are no UTF-8.
    """
    text = raw.decode("utf-8-sig", "replace").encode()
    return _HALVES.sub(lambda found: found[1] or b"", text)


def loose(raw: bytes) -> object:
    """Decode JSON as far as it goes; None where it cannot be decoded at all."""
    try:
        return _decode(raw)
    except UNREADABLE:
        pass
    try:
        return json.loads(mend(raw), parse_int=_number)
    except UNREADABLE:
        return None


def _number(digits: str) -> int | None:
    return int(digits) if len(digits) <= LONGEST_NUMBER else None


def text(told: Mapping[str, Any], name: str) -> str:
    """Return a field as text; empty for null and for what is no text."""
    return as_text(told.get(name))


def as_text(value: object) -> str:
    """Return a text or a whole number as text; anything else is as good as null."""
    match value:
        case str():
            return value
        case int() if not isinstance(value, bool) and abs(value) < 10**LONGEST_NUMBER:
            return str(value)
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case _:
            return ""


def usable(identifier: str | None) -> str:
    """Return an id exactly as it is; one with NUL, which no database keeps, names nothing."""
    return "" if identifier is None or "\0" in identifier else identifier


def word(told: str | None) -> str:
    """Return a text that programs compare: without white space around it and without NUL."""
    return (told or "").replace("\0", "").strip()


def whole(value: object) -> int | None:
    """Return a number that counts something, without its fraction; None for anything else, also for
    2^31 and more.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**31:
        return int(value)
    return None


def one_line(said: str) -> str:
    """Return a vendor's text as one line without control characters, at most 300 characters
    long.
    """
    line = " ".join("".join(each if each.isprintable() else " " for each in said).split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[: LONGEST_MESSAGE - 1]}…"
