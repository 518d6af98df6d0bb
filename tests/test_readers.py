"""The five readers agree on a calendar written by hand, so a disagreement on a feed is the feed's
fault.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from ical.exceptions import CalendarParseError

from tests.machine import HERE
from tests.readers import READERS, Reading

HANDWRITTEN = (HERE / "data/handwritten.ics").read_bytes().replace(b"\n", b"\r\n")
READINGS = [
    Reading(
        uid="1-july@icalbridge",
        start=datetime(2026, 7, 16, 1, 0, tzinfo=UTC),
        end=datetime(2026, 7, 16, 2, 30, tzinfo=UTC),
        summary="Volleyball, girls; “junior” league: práctica de verano 日本語の練習 🏐",
        location="Gym A, North High, 1 Main St, Sunnyvale, CA, 94087",
        description="First line\nsecond line, back\\slash",
        status="CONFIRMED",
        sequence=3,
        categories=("reservation",),
    ),
    Reading(
        uid="2-december@icalbridge",
        start=datetime(2026, 12, 16, 2, 0, tzinfo=UTC),
        end=datetime(2026, 12, 16, 8, 30, tzinfo=UTC),
        summary="Winter concert",
        location="",
        description="",
        status="CANCELLED",
        sequence=0,
        categories=("internal", "notice"),
    ),
    Reading(
        uid="3-utc@icalbridge",
        start=datetime(2026, 11, 1, 8, 30, tzinfo=UTC),
        end=datetime(2026, 11, 1, 9, 30, tzinfo=UTC),
        summary="The second half past one",
        location="",
        description="",
        status="TENTATIVE",
        sequence=0,
        categories=(),
    ),
]


@pytest.mark.parametrize("reader", READERS)
def test_reader_understands_handwritten_calendar(reader: str) -> None:
    """Zones on both sides of a clock change, UTC, folds inside multi-byte text and escapes come out
    the same.
    """
    assert READERS[reader](HANDWRITTEN) == READINGS


@pytest.mark.parametrize("reader", ["ical.js", "libical"])
def test_reader_without_zone_data_follows_the_files_vtimezone(reader: str) -> None:
    """A VTIMEZONE that puts summer time an hour off moves July by that hour: nothing else was
    asked.
    """
    wrong_summer = HANDWRITTEN.replace(b"TZOFFSETTO:-0700", b"TZOFFSETTO:-0600")
    july = READERS[reader](wrong_summer)[0]
    assert (july.start, july.end) == (
        datetime(2026, 7, 16, 0, 0, tzinfo=UTC),
        datetime(2026, 7, 16, 1, 30, tzinfo=UTC),
    )


@pytest.mark.parametrize("reader", ["ical.js", "libical"])
def test_reader_without_zone_data_refuses_a_missing_vtimezone(reader: str) -> None:
    """A TZID that the file does not define is an error, not a guess."""
    bare = re.sub(rb"BEGIN:VTIMEZONE.*END:VTIMEZONE\r\n", b"", HANDWRITTEN, flags=re.DOTALL)
    with pytest.raises(ValueError, match="zone"):
        READERS[reader](bare)


@pytest.mark.parametrize("reader", READERS)
def test_reader_refuses_what_is_no_calendar(reader: str) -> None:
    """A page of HTML in place of a feed is an error in every reader, never an empty calendar."""
    with pytest.raises((ValueError, CalendarParseError)):
        READERS[reader](b"<html><body>502 Bad Gateway</body></html>\r\n")
