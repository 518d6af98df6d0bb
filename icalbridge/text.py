"""The vendor's texts on their way into a file: cleaned, escaped, folded and cut, and otherwise byte
for byte.

RFC 5545, section 3.1 (lines, folding), 3.3.11 (TEXT).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_OCTETS = 75
"""A line's length without its CRLF (RFC 5545, section 3.1)."""

MAX_UNITS = 255
"""UTF-16 code units past which Outlook cuts a SUMMARY or a LOCATION."""

_BREAKS = re.compile("[\r\n\x85\u2028\u2029]+")
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_ODD = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ESCAPED = re.compile(r"[\\;,\n]")


@lru_cache(maxsize=8192)  # a weekly practice bears the same texts all year
def display_text(text: str, *, missing: str = "") -> str:
    """Return a text fit for one line: each run of line breaks is one space, control characters and
    lone surrogates are gone (a TAB is none: RFC 5545, section 3.1), and no white space surrounds
    it. `missing` stands in for an empty one.
    """
    if _ODD.search(text):
        text = _UNSEEN.sub("", _BREAKS.sub(" ", text))
    return text.strip() or missing


def marked(message: str) -> str:
    """Return a text as it is, but mark it for translation later (gettext's `N_`)."""
    return message


def facility_with_school(facility: str, school: str) -> str:
    """Return the names of a facility and its school: `Main Gym, Lincoln High`."""
    return ", ".join(filter(None, (display_text(facility), display_text(school))))


def escape(text: str) -> str:
    """Return a text as a TEXT value (RFC 5545, section 3.3.11)."""
    if not _ESCAPED.search(text):
        return text
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def fold(line: str) -> bytes:
    """Return a content line with its CRLF, folded at 75 octets and never inside a character."""
    octets = line.encode("utf-8")
    if len(octets) <= MAX_OCTETS:
        return octets + b"\r\n"
    parts = []
    start, limit = 0, MAX_OCTETS
    while len(octets) - start > limit:
        end = start + limit
        while octets[end] & 0xC0 == 0x80:
            end -= 1
        parts.append(octets[start:end])
        start, limit = end, MAX_OCTETS - 1
    parts.append(octets[start:])
    return b"\r\n ".join(parts) + b"\r\n"


@lru_cache(maxsize=8192)
def line(name: str, text: str) -> bytes:
    """Return a property with a TEXT value as a content line; empty for an empty text."""
    return fold(f"{name}:{escape(text)}") if text else b""


@lru_cache(maxsize=8192)
def cut(text: str, units: int = MAX_UNITS) -> tuple[str, str]:
    """Return as much of a text as fits in so many UTF-16 code units, and the rest; both without
    white space around.
    """
    if (
        len(text) * 2 <= units
        or len(text) + sum(character > "\uffff" for character in text) <= units
    ):
        return text, ""
    left = units
    for index, character in enumerate(text):
        left -= 1 + (character > "\uffff")
        if left < 0:
            return text[:index].rstrip(), text[index:].strip()
    return text, ""


def search_key(text: str) -> str:
    """Return a text as it is compared in searches: without case, accents and extra spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    # Some letters have a case only once they are taken apart, and some come apart only without
    # their case.
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).casefold()
    return " ".join("".join(mark for mark in parts if not unicodedata.combining(mark)).split())


@lru_cache(maxsize=1 << 13)  # what is on every week is called the same every week
def name_key(text: str) -> str:
    """Return a name or kind as it is compared with others: the `search_key` of what is shown."""
    return search_key(display_text(text))
