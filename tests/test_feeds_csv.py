"""`icalbridge.feeds.formats.csv_format`: what spreadsheets read, and never run (RFC 4180; OWASP, "CSV
Injection").
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icalbridge.feeds.audience import Audience, Status
from icalbridge.feeds.formats.csv_format import harmless, line
from tests.any_entries import FEEDS, MANY, STATES, TEXTS, said, title_said
from tests.fixtures.items import CALLED_OFF, COVER, admitted, cover_for, written
from tests.fixtures.rendering import render_ics
from tests.samples import NOW, ZONE, entry

if TYPE_CHECKING:
    from icalbridge.models import Entry, Feed, FeedState

HEADS = [
    "Date",
    "Start",
    "End",
    "Ends on",
    "Time zone",
    "Title",
    "Facility",
    "Location",
    "Type",
    "Status",
    "UID",
]
WHERE = "Main Gym, Lincoln High, 1 Oak St, Sunnyvale, CA, 94087"
ROW = [
    "2026-11-22",
    "12:00",
    "14:00",
    "",
    ZONE,
    "Practice",
    "Main Gym",
    WHERE,
    "Gymnasium",
    "Confirmed",
]
ROW.append("u1@icalbridge")
RUN_BY_SPREADSHEETS = "=+-@＝＋－＠\t\r\n"
UNSEEN = "\u200b\u200e\u202a\u2066\ufeff"


def read(body: bytes) -> list[list[str]]:
    """Read a file as a spreadsheet does; each row is one line that ends in CRLF."""
    assert body.startswith(b"\xef\xbb\xbf")
    text = body[3:].decode()
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert len(rows) == text.count("\n") == text.count("\r\n") == text.count("\r")
    return rows


def test_csv_is_these_octets() -> None:
    """Byte order mark, head, row; a text with a comma or a quotation mark in quotation marks."""
    body = written("csv", [admitted(entry(24, name='The "Owls"'))])
    assert body.decode() == (
        "\ufeffDate,Start,End,Ends on,Time zone,Title,Facility,Location,Type,Status,UID\r\n"
        '2026-11-22,12:00,14:00,,America/Los_Angeles,"The ""Owls""",Main'
        f' Gym,"{WHERE}",Gymnasium,Confirmed,'
        "u1@icalbridge\r\n"
    )


def test_csv_with_nothing_on_has_its_head() -> None:
    """One row, the names of the columns."""
    assert read(written("csv", [])) == [HEADS]


def test_csv_tells_the_day_on_which_a_night_ends() -> None:
    """Only where it is another day."""
    night = entry(0, start=NOW + timedelta(hours=10), end=NOW + timedelta(hours=14))
    assert read(written("csv", [admitted(night)]))[1][:5] == [
        "2026-11-21",
        "22:00",
        "02:00",
        "2026-11-22",
        ZONE,
    ]


def test_csv_in_utc_says_so() -> None:
    """Date, times and zone of one row belong together."""
    rows = read(written("csv", [admitted(entry(5))], replace(COVER, utc=True)))
    assert rows[1][:5] == ["2026-11-22", "01:00", "03:00", "", "UTC"]


@pytest.mark.parametrize(
    ("audience", "heads", "cells"),
    [
        (Audience.PUBLIC, [], []),
        (Audience.OPERATIONS, ["Attendance", "Reservation"], ["120", "R-1"]),
        (
            Audience.STAFF,
            ["Renter", "Email", "Attendance", "Reservation", "Rate category"],
            ["Renata", "renata@renter.example", "120", "R-1", "Youth"],
        ),
    ],
)
def test_csv_has_the_columns_of_its_audience(
    audience: Audience, heads: list[str], cells: list[str]
) -> None:
    """What only private feeds tell stands behind the rest; a public feed has not even the columns."""
    rows = read(written("csv", [admitted(entry(24), audience=audience)], cover_for(audience)))
    assert rows == [[*HEADS, *heads], [*ROW, *cells]]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (Status.CONFIRMED, ("CANCELLED: Practice", "Cancelled")),
        (Status.CANCELLED, ("Practice", "Cancelled")),
    ],
)
def test_csv_tells_what_is_called_off(status: Status, told: tuple[str, str]) -> None:
    """In plain words, however the feed has it told."""
    row = read(written("csv", [admitted(CALLED_OFF, status)]))[1]
    assert (row[5], row[9]) == told


def test_csv_tells_what_is_pending() -> None:
    """Tentative."""
    assert read(written("csv", [admitted(entry(24), Status.TENTATIVE)]))[1][9] == "Tentative"


def test_csv_too_large_leaves_whole_days_out() -> None:
    """It is no larger than it may be, and what is there is whole."""
    body = written(
        "csv",
        [admitted(entry(hours, uid=f"u{hours}")) for hours in range(24, 24 * 60, 24)],
        most=2_000,
    )
    assert 1_800 < len(body) <= 2_000
    days = [row[0] for row in read(body)[1:]]
    assert days == [f"{NOW + timedelta(days=ahead):%Y-%m-%d}" for ahead in range(1, 1 + len(days))]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1", "'＝1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠x", "'＠x"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("  =1", "'  =1"),
        ("\u00a0\u3000=1", "'\u00a0\u3000=1"),
        ("\u200b\ufeff=1", "'\u200b\ufeff=1"),
        ("Jazz = fun", "Jazz = fun"),
        ("'=1", "'=1"),
        ("3-on-3", "3-on-3"),
        ("", ""),
    ],
)
def test_harmless_puts_an_apostrophe_before_formulas(text: str, told: str) -> None:
    """Also behind blanks and in full width; all else stays as it is."""
    assert harmless(text) == told


@given(st.text(st.sampled_from(f"{RUN_BY_SPREADSHEETS}{UNSEEN} 'a1\u3000"), max_size=6))
def test_nothing_that_is_run_comes_through(text: str) -> None:
    """What is left when a spreadsheet drops blanks begins with nothing that it runs."""
    kept = harmless(text)
    assert kept in (text, f"'{text}")
    assert not kept.startswith(tuple(RUN_BY_SPREADSHEETS))
    assert not kept.lstrip(f"{UNSEEN} \u3000").startswith(tuple("=+-@＝＋－＠"))


@given(st.lists(TEXTS.map(said), min_size=2, max_size=5))
def test_row_is_read_back_as_it_was(texts: list[str]) -> None:
    """Whatever the texts say, one line and the same cells."""
    told = line(texts).decode()
    assert list(csv.reader(io.StringIO(told, newline=""), strict=True)) == [
        [harmless(text) for text in texts]
    ]
    assert told.endswith("\r\n")


@settings(deadline=None)
@given(FEEDS, STATES, MANY)
def test_csv_holds_the_entries_as_they_are(
    feed: Feed, state: FeedState, entries: list[Entry]
) -> None:
    """Read back by another reader: the texts as the contract says them, the moments to the minute."""
    body = render_ics(
        feed, state, entries, now=NOW, public_url="", max_bytes=10**9, suffix="csv"
    ).body
    rows = read(body)[1:]
    assert [(row[4], row[6], row[9], row[10]) for row in rows] == [
        (each.zone, "", "Confirmed", each.uid) for each in entries
    ]
    texts = [
        (title_said(each.name, each.activity), said(each.location), said(each.type))
        for each in entries
    ]
    assert [(row[5], row[7], row[8]) for row in rows] == [
        tuple(map(harmless, some)) for some in texts
    ]
    assert [_minutes(row[0], row[1]) for row in rows] == [
        _clock(each.start, each.zone) for each in entries
    ]
    assert [_minutes(row[3] or row[0], row[2]) for row in rows] == [
        _clock(each.end, each.zone) for each in entries
    ]


def _minutes(day: str, clock: str) -> str:
    return f"{day} {clock}"


def _clock(moment: datetime, zone: str) -> str:
    """Return what clocks show, reckoned by the offset alone."""
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return f"{(moment.astimezone(UTC) + offset).replace(tzinfo=None):%Y-%m-%d %H:%M}"
