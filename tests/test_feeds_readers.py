"""Feeds read back by five calendars that people use: the instants, texts and UIDs that went in, in
each zone.

Every zone is asked half hour by half hour over each clock change, hostile texts by the dozen, and,
by the readers that need no process of their own, any entries that hypothesis thinks of.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from icalbridge.sandbox import hostile_names as names
from tests.any_entries import (
    CHANGES,
    FEEDS,
    MANY,
    PIECES,
    STATES,
    ZONES,
    as_read_by,
    reading,
    seasons,
)
from tests.fixtures.rendering import render_ics
from tests.golden import GYM_FEED, STATE
from tests.readers import READERS, Reading
from tests.samples import NOW, entry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icalbridge.models import Entry, Feed, FeedState

HALF_HOUR = timedelta(minutes=30)
STILL = ("America/Phoenix", "Pacific/Honolulu")
IN_PROCESS = ("icalendar", "ical", "libical")


def feed_of(entries: list[Entry], feed: Feed = GYM_FEED, state: FeedState = STATE) -> bytes:
    return render_ics(
        feed, state, entries, now=NOW, public_url="https://calendars.example.org", max_bytes=10**9
    ).body


def read(reader: str, entries: Iterable[Entry]) -> list[Reading]:
    """Return what a reader must find."""
    return sorted(as_read_by(reader, reading(each)) for each in entries)


@given(FEEDS, STATES, MANY)
def test_any_entries_are_read_as_they_are(
    feed: Feed, state: FeedState, entries: list[Entry]
) -> None:
    """Whatever a feed holds, three readers find exactly that in it."""
    body = feed_of(entries, feed, state)
    for name in IN_PROCESS:
        assert READERS[name](body) == read(name, entries), name


def half_hours(zone: str) -> list[datetime]:
    """Return each half hour around every clock change of 2026 and 2027, and of a day in the middle
    of each season.

    Zones that never change their clocks are asked when Los Angeles does.
    """
    changes = CHANGES["America/Los_Angeles" if zone in STILL else zone]
    around = [change + step * HALF_HOUR for change in changes for step in range(-12, 13)]
    return sorted(
        {*around, *(noon + step * HALF_HOUR for noon in seasons(zone) for step in range(-24, 24))}
    )


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("reader", READERS)
def test_zone_is_read_right_over_clock_changes(reader: str, zone: str) -> None:
    """Timeslots of 30 and of 90 minutes, from each half hour on, are at the instants at which they
    are.
    """
    entries = [
        entry(
            0, uid=f"{number:04}-{length}", start=start, end=start + length * HALF_HOUR, zone=zone
        )
        for number, start in enumerate(half_hours(zone))
        for length in (1, 3)
    ]
    assert READERS[reader](feed_of(entries)) == read(reader, entries)


HOSTILE = (
    *(name for name in names.ODD_NAMES if name is not None),
    names.HOSTILE_ACTIVITY,
    *(f"a{piece}b" for piece in PIECES),
    *PIECES,
    "".join(PIECES),
    "".join(map(chr, range(0x250))),
    "".join(map(chr, range(0x2000, 0x2070))),
    "BEGIN:VEVENT\r\nUID:x\r\nEND:VEVENT",
    "MAILTO:renata@renter.example",
    '"quoted" and "again"',
    "%0D%0A%00 &amp; &#10; ${x} {{ x }}",
    "TZID=America/New_York:20260101T000000",
    ":;,=" * 40,
    "\\" * 200,
    "x" * 255,
    "x" * 256,
    "🏀" * 127 + "xx",
)


@pytest.mark.parametrize("reader", READERS)
def test_hostile_texts_are_read_whole(reader: str) -> None:
    """As a name, an activity, a location and a category, each comes out as the contract says, and
    is nothing else.
    """
    entries = [
        each
        for index, text in enumerate(HOSTILE)
        for each in (
            entry(index, uid=f"{index:03}name", name=text),
            entry(index, uid=f"{index:03}activity", activity=text),
            entry(index, uid=f"{index:03}location", location=text),
            entry(index, uid=f"{index:03}category", type=text),
        )
    ]
    assert READERS[reader](feed_of(entries)) == read(reader, entries)
