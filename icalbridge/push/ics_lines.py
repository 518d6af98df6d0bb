"""Octets of a calendar → unfolded content lines → components (RFC 5545, sections 3.1 and 3.6).

Tolerant of what a push does not need: an unreadable line is dropped with a note. Only events and
calendars must begin and end as they should, since what is missing must not be taken for gone.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DATED = frozenset(["DTSTART", "DTEND", "RDATE", "EXDATE", "RECURRENCE-ID"])
"""Properties whose value has no colon, so that an unquoted TZID may have one."""
ESSENTIAL = DATED | {"UID", "DURATION", "RRULE", "EXRULE", "STATUS"}
"""Properties that decide when an event takes place: unreadable, they make it impossible."""
VITAL = {"VEVENT", "VCALENDAR"}
DAMAGED = "is damaged: not everything that begins in it ends"
NOTED = 3
"""So many lines are named in a note; the rest is counted."""

_BEGIN = re.compile(rb"BEGIN:VCALENDAR", re.IGNORECASE)
_LAST_END = re.compile(rb"(?:^|.*[\r\n])(END:VCALENDAR)", re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(rb"\r*\n|\r+")
_NAME = re.compile(r"\s*([A-Za-z0-9-]+)\s*(?=[;:])")
_LINE = re.compile(r'((?:;(?:[^":]|"[^"]*")*)?):(.*)', re.DOTALL)
_PARAM = re.compile(r';\s*([A-Za-z0-9-]+)\s*=\s*("[^"]*"|[^;"]*)\s*')

_MOMENT = r"(?!0000)\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(T\d{6}Z?)?"
_UNUSED = {
    **dict.fromkeys(["CREATED", "LAST-MODIFIED", "DTSTAMP", "COMPLETED", "DUE"], _MOMENT),
    **dict.fromkeys(["SEQUENCE", "PRIORITY", "REPEAT"], r"[+-]?\d{1,9}"),
    "TRIGGER": rf"[+-]?P[0-9TWDHMS]+|{_MOMENT}",
    "GEO": r"[+-]?[\d.]+;[+-]?[\d.]+",
}
"""Values of properties that no booking depends on; others are dropped with a note."""


class NotACalendar(ValueError):
    """Raised for bytes that are no usable calendar; the text is the end of a sentence."""


@dataclass(frozen=True, slots=True)
class ContentLine:
    """Property as it stands in the file."""

    number: int
    """Of its first line, from 1."""
    name: str
    """In upper case."""
    params: Mapping[str, str]
    """By name in upper case, without quotes and surrounding blanks."""
    value: str


@dataclass(slots=True)
class CalendarPart:
    """Component: a calendar, an event, a time zone …"""

    name: str
    number: int
    """Of its BEGIN line."""
    lines: list[ContentLine] = field(default_factory=list)
    parts: list[CalendarPart] = field(default_factory=list)
    unreadable: dict[str, int] = field(default_factory=dict)
    """Essential properties that could not be read, with their line's number."""

    def all(self, name: str) -> list[ContentLine]:
        """Return the lines of a property, in order."""
        return [line for line in self.lines if line.name == name]

    def value(self, name: str) -> str:
        """Return the first value of a property; "" where it has none."""
        return next((line.value.strip() for line in self.lines if line.name == name), "")


@dataclass(slots=True)
class LineNotes:
    """Notes about lines, one for all lines of which the same is to be said."""

    numbers: dict[str, list[int]] = field(default_factory=dict)

    def add(self, number: int, text: str) -> None:
        """Note about a line: a clause such as "is not UTF-8"."""
        self.numbers.setdefault(text, []).append(number)

    def sentences(self) -> Iterator[str]:
        for text, numbers in self.numbers.items():
            shown = ", ".join(map(str, sorted(numbers)[:NOTED]))
            more = f" and {len(numbers) - NOTED} more" if len(numbers) > NOTED else ""
            yield f"Line{'s' if len(numbers) > 1 else ''} {shown}{more}: {text}."


def parse_components(content: bytes, charset: str, notes: LineNotes) -> CalendarPart:
    """Return a part that holds the calendars; `charset`: of HTTP, if any. Raises `NotACalendar`."""
    root = CalendarPart("", 0)
    stack = [root]
    for number, text in _lines(content, charset, notes):
        line = _parse_line(number, text)
        if line is None:
            _drop(number, text, stack[-1], notes)
        elif line.name == "BEGIN":
            _begin(CalendarPart(line.value.strip().upper(), number), stack, notes)
        elif line.name == "END":
            _end(line, stack, notes)
        elif line.name in _UNUSED and not re.fullmatch(_UNUSED[line.name], line.value.strip()):
            notes.add(number, f"{line.name} cannot be read; left out")
        else:
            stack[-1].lines.append(line)
    if len(stack) > 1:
        raise NotACalendar(DAMAGED)
    return root


def _begin(part: CalendarPart, stack: list[CalendarPart], notes: LineNotes) -> None:
    """Open a component; a new event ends what is open and is no event."""
    if part.name == "VEVENT":
        _close_until({"", *VITAL}, stack, notes)
    twice = part.name == stack[-1].name == "VEVENT"
    if twice or (part.name == "VCALENDAR" and len(stack) > 1):
        raise NotACalendar(DAMAGED)
    stack[-1].parts.append(part)
    stack.append(part)


def _end(line: ContentLine, stack: list[CalendarPart], notes: LineNotes) -> None:
    name = line.value.strip().upper()
    if name in {part.name for part in stack[1:]}:
        _close_until({name}, stack, notes)
        stack.pop()
    elif name in VITAL:
        raise NotACalendar(DAMAGED)
    else:
        notes.add(line.number, "ends what has not begun; left out")


def _close_until(names: set[str], stack: list[CalendarPart], notes: LineNotes) -> None:
    """Close what has no end of its own, up to a component with one of the names."""
    while (part := stack[-1]).name not in names:
        if part.name in VITAL:
            raise NotACalendar(DAMAGED)
        notes.add(part.number, f"{part.name[:80]} has no end")
        stack.pop()


def _drop(number: int, text: str, part: CalendarPart, notes: LineNotes) -> None:
    """Drop an unreadable line; an event depends on some."""
    name = next(iter(re.findall(r"[A-Z-]+", text.upper())), "")
    if part.name == "VEVENT" and name in ESSENTIAL:
        part.unreadable.setdefault(name, number)
    elif text.strip():
        notes.add(number, "cannot be read; left out")


def _parse_line(number: int, text: str) -> ContentLine | None:
    match = _NAME.match(text)
    if not match:
        return None
    name, rest = match[1].upper(), text[match.end() :]
    split = _LINE.fullmatch(rest)
    if name in DATED:
        head, colon, value = rest.rpartition(":")
        if _PARAM.sub("", head).strip():
            return None
    elif split:
        head, colon, value = split[1], ":", split[2]
    else:
        head, (_, colon, value) = "", rest.partition(":")
    if not colon:
        return None
    params = {key.upper(): param.strip().strip('"').strip() for key, param in _PARAM.findall(head)}
    return ContentLine(number, name, params, value)


def _lines(content: bytes, charset: str, notes: LineNotes) -> Iterator[tuple[int, str]]:
    """Yield unfolded lines with the number of their first; octets are unfolded, then decoded."""
    content, encoding = _recoded(content, charset)
    number, content = _cut(content)
    parts: list[bytes] = []
    first = number
    for octets in [*_BREAK.split(content), b"END"]:
        if parts and octets[:1] in (b" ", b"\t"):
            parts.append(octets[1:])
        elif octets.strip():
            if parts:
                yield first, _decoded(b"".join(parts), encoding, first, notes)
            parts, first = [octets], number
        number += 1


def _cut(content: bytes) -> tuple[int, bytes]:
    """Return the number of the first line of a calendar, and all to its last END:VCALENDAR.

    What surrounds that is ignored. Raises `NotACalendar`.
    """
    begin = _BEGIN.search(content)
    if begin is None:
        text = content.strip(b"\xef\xbb\xbf \t\r\n")
        if not text:
            raise NotACalendar("is empty")
        if text.startswith(b"<"):
            raise NotACalendar(
                "is a web page and no calendar; look for the address that ends in .ics"
            )
        raise NotACalendar("is no calendar: it does not begin with BEGIN:VCALENDAR")
    end = _LAST_END.match(content, begin.start())
    if end is None or re.search(rb"[\r\n]BEGIN:VCALENDAR", content[end.end() :], re.IGNORECASE):
        raise NotACalendar("is cut off: it does not end with END:VCALENDAR")
    before = len(_BREAK.findall(content, 0, begin.start()))
    return before + 1, content[begin.start() : end.end(1)]


def _recoded(content: bytes, charset: str) -> tuple[bytes, str]:
    """Return the content in a charset that has ASCII's octets, and that charset's name."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace").encode(), "utf-8"
    try:
        name = codecs.lookup(charset.strip("\"' ") or "utf-8").name
        if "BEGIN".encode(name) != b"BEGIN":
            return content.decode(name, "replace").encode("utf-8", "replace"), "utf-8"
    except (LookupError, ValueError, TypeError):  # an unknown charset, or none of text
        return content, "utf-8"
    # as browsers do (WHATWG Encoding, section 4.2)
    return content, {"ascii": "utf-8", "iso8859-1": "cp1252"}.get(name, name)


def _decoded(octets: bytes, encoding: str, number: int, notes: LineNotes) -> str:
    try:
        text = octets.decode(encoding)
    except UnicodeDecodeError:
        if encoding == "utf-8":
            encoding = "cp1252"
            notes.add(number, "not UTF-8; read as Windows-1252")
        text = octets.decode(encoding, "replace")
    return text.replace("\0", "")
