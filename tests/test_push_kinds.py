"""Kinds of things that other programs write: what dates a series then has, in the school's clock."""

from __future__ import annotations

import pytest

from icalbridge.push.ics_parser import parse_calendar, span_at
from tests.fixtures.pushing import ZONE, at, calendar, event, utc
from tests.test_push_readers import CLOCK

SPAN = span_at(utc(2026, 12, 1, 20), ZONE)
FLOATING = ("UID:a", "DTSTART:20270105T180000", "DTEND:20270105T193000")
ALL = ["01-05T18:00", "01-12T18:00", "01-19T18:00"]
WITHOUT_12 = ["01-05T18:00", "01-19T18:00"]


def _starts(*events: tuple[str, ...]) -> tuple[list[str], list[str]]:
    parsed = parse_calendar(calendar(*events), SPAN)
    starts = [
        instance.start.astimezone(CLOCK) if instance.start.tzinfo else instance.start
        for instance in parsed.instances
    ]
    return sorted(f"{start:%m-%dT%H:%M}" for start in starts), [
        item.reason for item in parsed.unusable
    ]


def _weekly(*more: str) -> tuple[str, ...]:
    return event("a", "20270105", "RRULE:FREQ=WEEKLY;COUNT=3", *more)


@pytest.mark.parametrize(
    "line",
    [
        "EXDATE;VALUE=DATE:20270112",
        "EXDATE;VALUE=DATE:20270112T000000",
        "EXDATE;TZID=America/New_York:20270112T210000",
        "EXDATE:20270112T180000",
        "EXDATE:20270113T020000Z",
        "EXDATE:,20270112T180000,",
        "EXRULE:FREQ=MONTHLY;BYMONTHDAY=12",
    ],
)
@pytest.mark.parametrize("floats", [False, True])
def test_exdate_excludes_what_it_means(line: str, floats: bool) -> None:
    series = (*FLOATING, "RRULE:FREQ=WEEKLY;COUNT=3", line) if floats else _weekly(line)
    assert _starts(series) == (WITHOUT_12, [])


@pytest.mark.parametrize(
    "recurrence",
    [
        "RECURRENCE-ID;VALUE=DATE:20270112",
        "RECURRENCE-ID:20270113T020000Z",
        "RECURRENCE-ID:20270112T180000",
        "RECURRENCE-ID;TZID=America/New_York:20270112T210000",
    ],
)
@pytest.mark.parametrize("floats", [False, True])
def test_override_is_for_the_instance_that_it_means(recurrence: str, floats: bool) -> None:
    series = (*FLOATING, "RRULE:FREQ=WEEKLY;COUNT=3") if floats else _weekly()
    assert _starts(series, ("UID:a", recurrence, "STATUS:Canceled")) == (WITHOUT_12, [])


@pytest.mark.parametrize(
    ("until", "count"),
    [
        ("20270119", 3),
        ("20270119T180000", 3),
        ("20270119T175959", 2),
        ("20270120T020000Z", 3),
        ("20270120T015959Z", 2),
    ],
)
@pytest.mark.parametrize("floats", [False, True])
def test_until_is_on_the_clock_of_the_series(until: str, count: int, floats: bool) -> None:
    """A day to its end, a moment as a moment, anything else as the clock says."""
    lines = FLOATING if floats else event("a", "20270105")
    assert _starts((*lines, f"RRULE:FREQ=WEEKLY;UNTIL={until}")) == (ALL[:count], [])


def test_count_counts_the_start() -> None:
    """Also where the rule does not have it (RFC 5545, section 3.8.5.3)."""
    series = event("a", "20270105", "RRULE:FREQ=WEEKLY;COUNT=3;BYDAY=TH")
    assert _starts(series)[0] == ["01-05T18:00", "01-07T18:00", "01-14T18:00"]


@pytest.mark.parametrize(
    "name",
    [
        *("Pacific Standard Time", "Pacific Time (US & Canada)", '"Pacific Time (US & Canada)"'),
        *("(UTC-08:00) Pacific Time (US & Canada)", " America/Los_Angeles ", "US/Pacific"),
        "/freeassociation.sourceforge.net/America/Los_Angeles",
    ],
)
def test_zone_by_any_usual_name_is_known(name: str) -> None:
    lines = ("UID:a", at("20270105", "180000", zone=name), "DURATION:PT1H")
    assert _starts(lines) == (["01-05T18:00"], [])


IMPOSSIBLE = {
    "its duration is negative": (at("20270105", "180000"), "DURATION:-PT1H"),
    "its start is a time with a zone and its end a day": (
        at("20270105", "180000"),
        "DTEND;VALUE=DATE:20270106",
    ),
    "its start is a time without one and its end a time with a zone": (
        "DTSTART:20270105T180000",
        "DTEND:20270106T030000Z",
    ),
    "its DTSTART has a TZID that names no time zone": ("DTSTART;TZID=None:20270105T180000",),
    "it has DTSTART more than once": (at("20270105", "180000"), "DTSTART:20270106T180000Z"),
    "its EXRULE cannot be read (line 8)": (at("20270105", "180000"), "EXRULE:FREQ=SOMETIMES"),
    "its RRULE cannot be read (line 8)": (at("20270105", "180000"), "RRULE FREQ=DAILY"),
    "its DTSTART is no date (line 7)": ("DTSTART:20270230T180000",),
}


@pytest.mark.parametrize("reason", IMPOSSIBLE)
def test_what_cannot_be_is_impossible_with_its_reason(reason: str) -> None:
    assert _starts(("UID:a", *IMPOSSIBLE[reason])) == ([], [reason])


def test_broken_override_leaves_the_rest_of_its_series() -> None:
    """Only that instance is impossible."""
    broken = ("UID:a", "RECURRENCE-ID:20270113T020000Z", at("20270112", "180000"), "DTEND:later")
    assert _starts(_weekly(), broken) == (WITHOUT_12, ["its DTEND cannot be read (line 17)"])


def test_override_that_is_newer_than_the_cancellation_is_booked() -> None:
    override = event("a", "20270112", "RECURRENCE-ID:20270113T020000Z", "SEQUENCE:2")
    assert _starts(_weekly("STATUS:CANCELLED", "SEQUENCE:1"), override)[0] == ["01-12T18:00"]
