"""Five calendar readers that people really use, each giving the same plain form of what it
understood.

A test renders a feed, reads it with each of these and compares with what the world says. The
readers are other people's programs; this module only brings their answers to one form: instants in
UTC, absent texts as "".
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypedDict

import icalendar
from ical.calendar_stream import IcsCalendarStream

from tests import libical
from tests.fixtures.parts import node, require, require_js
from tests.machine import HERE

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, order=True)
class Reading:
    """One VEVENT as a reader understood it. Instants are aware and in UTC; an absent text is ""; no
    SEQUENCE is 0.
    """

    uid: str
    start: datetime
    end: datetime
    summary: str
    location: str
    description: str
    status: str
    sequence: int
    categories: tuple[str, ...]


class _Printed(TypedDict):
    """What the scripts in tests/js print for each event; instants as ISO 8601 with Z."""

    uid: str
    start: str
    end: str
    summary: str
    location: str
    description: str
    status: str
    sequence: int
    categories: list[str]


def _instant(moment: date | datetime | None) -> datetime:
    """The same moment in UTC. ValueError for a date without time and for a floating time."""
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise ValueError(f"not a moment in time: {moment!r}")
    return moment.astimezone(UTC)


def read_icalendar(calendar: bytes) -> list[Reading]:
    """python-icalendar. For a TZID that IANA knows it takes Python's zone data, not the file's
    VTIMEZONE.
    """
    parsed = icalendar.Calendar.from_ical(calendar)
    return sorted(_from_icalendar(event) for event in parsed.events)


def _from_icalendar(event: icalendar.Event) -> Reading:
    if event.errors:
        raise ValueError(f"icalendar found errors: {event.errors}")
    return Reading(
        uid=str(event["UID"]),
        start=_instant(event.DTSTART),
        end=_instant(event.DTEND),
        summary=str(event.get("SUMMARY", "")),
        location=str(event.get("LOCATION", "")),
        description=str(event.get("DESCRIPTION", "")),
        status=str(event.get("STATUS", "")),
        sequence=int(event.get("SEQUENCE", 0)),
        categories=tuple(str(category) for category in event.categories),
    )


def read_ical(calendar: bytes) -> list[Reading]:
    """Allen Porter's ical (Home Assistant), in its strict default: any breach of RFC 5545 is an
    error.

    For a TZID that IANA knows it takes Python's zone data, not the file's VTIMEZONE.
    """
    parsed = IcsCalendarStream.calendar_from_ics(calendar.decode())
    return sorted(
        Reading(
            uid=event.uid or "",
            start=_instant(event.dtstart),
            end=_instant(event.dtend),
            summary=event.summary or "",
            location=event.location or "",
            description=event.description or "",
            status=event.status or "",
            sequence=event.sequence or 0,
            categories=tuple(event.categories),
        )
        for event in parsed.events
    )


def read_icaljs(calendar: bytes) -> list[Reading]:
    """ical.js (Thunderbird, Nextcloud). It has no zone data: every instant is the file's own
    VTIMEZONE's doing.
    """
    return _read_with_node("ical.js", "read_icaljs.mjs", calendar)


def read_nodeical(calendar: bytes) -> list[Reading]:
    """node-ical (MagicMirror, Node-RED). For a TZID that IANA knows it takes Node's zone data, not
    the VTIMEZONE.

    It keeps one event for each UID and day, so a feed with doubled UIDs comes out shorter here.
    """
    return _read_with_node("node-ical", "read_nodeical.mjs", calendar)


def _read_with_node(package: str, script: str, calendar: bytes) -> list[Reading]:
    """Run one of tests/js in a far-off zone, where a time read as local or floating comes out
    visibly wrong.
    """
    require_js(package)
    with tempfile.NamedTemporaryFile(suffix=".ics") as file:
        file.write(calendar)
        file.flush()
        command = [node(), str(HERE / "js" / script), file.name]
        done = subprocess.run(
            command, capture_output=True, env={**os.environ, "TZ": "Pacific/Kiritimati"}
        )
    if done.returncode or done.stderr:
        raise ValueError(f"{package} does not take this calendar: {done.stderr.decode()}")
    printed: list[_Printed] = json.loads(done.stdout)
    return sorted(_from_printed(event) for event in printed)


def _from_printed(event: _Printed) -> Reading:
    return Reading(
        uid=event["uid"],
        start=datetime.fromisoformat(event["start"]),
        end=datetime.fromisoformat(event["end"]),
        summary=event["summary"],
        location=event["location"],
        description=event["description"],
        status=event["status"],
        sequence=event["sequence"],
        categories=tuple(event["categories"]),
    )


def read_libical(calendar: bytes) -> list[Reading]:
    """libical (Evolution, KDE). It is held to the file's own VTIMEZONE; its built-in zones are not
    asked.
    """
    with libical.opened(libical.load(require("libical")), calendar) as events:
        return sorted(_from_libical(event) for event in events)


def _from_libical(event: libical.Vevent) -> Reading:
    return Reading(
        uid="".join(event.texts("UID")),
        start=event.instant("DTSTART"),
        end=event.instant("DTEND"),
        summary="".join(event.texts("SUMMARY")),
        location="".join(event.texts("LOCATION")),
        description="".join(event.texts("DESCRIPTION")),
        status=event.plain("STATUS"),
        sequence=int(event.plain("SEQUENCE") or 0),
        categories=tuple(event.texts("CATEGORIES")),
    )


READERS: dict[str, Callable[[bytes], list[Reading]]] = {
    "icalendar": read_icalendar,
    "ical": read_ical,
    "ical.js": read_icaljs,
    "node-ical": read_nodeical,
    "libical": read_libical,
}
