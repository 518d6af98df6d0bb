"""`icalbridge.push.ics_parser` and `ics_parser`: bad calendars get a sentence, in bounded time and memory."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from icalbridge.errors import BadCalendar
from icalbridge.push.ics_parser import (
    LOOKS_BACK,
    TOO_MUCH,
    parse_calendar,
    parse_in_process,
    span_at,
)
from icalbridge.push.instances import CalendarSpan
from tests.fixtures.pushing import at, calendar, event, utc

if TYPE_CHECKING:
    from pathlib import Path

    from icalbridge.push.instances import ParsedCalendar

NOW = utc(2026, 11, 21, 20)
SPAN = span_at(NOW)
GOOD = event("good", "20261202", name="Good")


def _expanded(content: bytes) -> ParsedCalendar:
    return parse_calendar(content, SPAN)


def test_span_ends_in_two_years_and_rules_with_a_half_year() -> None:
    """So that an endless rule brings new instances twice a year, and not every day."""
    assert span_at(NOW) == CalendarSpan(NOW - LOOKS_BACK, utc(2028, 7, 1))
    assert span_at(utc(2027, 1, 1)) == CalendarSpan(utc(2026, 12, 30), utc(2028, 7, 1))
    assert span_at(utc(2027, 7, 5)).rules_until == utc(2029, 7, 1)
    assert span_at(utc(2028, 1, 1)).rules_until == utc(2029, 7, 1)


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "The calendar is empty."),
    "blank": (b"\xef\xbb\xbf \r\n", "The calendar is empty."),
    "html": (
        b"<!DOCTYPE html><html><body>Sign in</body></html>",
        "The calendar is a web page and no calendar; look for the address that ends in .ics.",
    ),
    "json": (
        b'{"events": []}',
        "The calendar is no calendar: it does not begin with BEGIN:VCALENDAR.",
    ),
    "binary": (
        bytes(range(256)),
        "The calendar is no calendar: it does not begin with BEGIN:VCALENDAR.",
    ),
    "cut off": (
        calendar(GOOD)[:-40],
        "The calendar is cut off: it does not end with END:VCALENDAR.",
    ),
    "ends too early": (
        calendar(GOOD).replace(b"END:VEVENT\r\n", b""),
        "The calendar is damaged: not everything that begins in it ends.",
    ),
    "hebrew days": (
        calendar(GOOD, head=("CALSCALE:HEBREW",)),
        "The calendar does not count days as the Gregorian calendar does.",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_calendar_is_told(name: str) -> None:
    """In one sentence, out of the process that found it."""
    content, sentence = BAD[name]
    with pytest.raises(BadCalendar) as caught:
        parse_in_process(content, SPAN)
    assert str(caught.value) == sentence


def test_good_calendar_comes_whole_out_of_its_process() -> None:
    """The same as without one."""
    content = calendar(
        GOOD,
        event("w", "20261201", "RRULE:FREQ=WEEKLY", "LOCATION:Gym"),
        ("UID:d", "DTSTART;VALUE=DATE:20261201"),
    )
    assert parse_in_process(content, SPAN) == _expanded(content)


def test_calendar_that_takes_too_long_is_ended() -> None:
    """Rules that are never met, one after the other, until the time that it has of the processor is
    over.
    """
    never = [
        event(f"never-{item}", "20261201", "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")
        for item in range(100)
    ]
    with pytest.raises(BadCalendar) as caught:
        parse_in_process(calendar(*never), SPAN, cpu_seconds=1)
    assert str(caught.value) == TOO_MUCH


def test_calendar_that_takes_too_much_memory_is_ended() -> None:
    """In its own process: this one never had it."""
    content = calendar(*(event(f"e{item}", "20261201") for item in range(3_000)))
    with pytest.raises(BadCalendar) as caught:
        parse_in_process(content, SPAN, memory_bytes=40_000_000)
    assert str(caught.value) == TOO_MUCH


def test_long_texts_are_cut_where_they_are_read() -> None:
    """Every instance repeats them, and the process that asks has to hold them all."""
    content = calendar(
        event("w", "20261201", "RRULE:FREQ=DAILY", f"LOCATION:{'p' * 2_000}", name="n" * 200_000)
    )
    parsed = parse_in_process(content, SPAN).instances
    assert len(parsed) == 577
    assert {(len(item.name), len(item.summary), len(item.location)) for item in parsed} == {
        (1_000, 1_000, 1_000)
    }


def test_calendar_that_would_fill_the_memory_of_who_asks_is_refused() -> None:
    """Short of every other bound: many instances, each with long texts."""
    long = {"name": "n" * 1_000}
    daily = [
        event(f"{item}{'u' * 999}", "20261201", "RRULE:FREQ=DAILY", **long) for item in range(25)
    ]
    with pytest.raises(BadCalendar) as caught:
        parse_in_process(calendar(*daily), SPAN)
    assert (
        str(caught.value) == "The calendar has more than 20 MB of instances in the two years ahead."
    )


@pytest.mark.parametrize(
    ("module", "how"),
    [
        ("raise KeyError('secret of the calendar')", "exit code 1, KeyError"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
    ],
    ids=["error", "killed"],
)
def test_reader_that_breaks_is_no_endless_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, how: str
) -> None:
    """It is said to be what it is, without a word of the calendar."""
    (tmp_path / "icalendar.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(BadCalendar) as caught:
        parse_in_process(calendar(GOOD), SPAN)
    assert (
        str(caught.value)
        == "The calendar could not be worked out: the bridge's own program for it broke off"
        f" ({how})."
    )


def test_times_do_not_depend_on_the_zones_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be years old, or none at all."""
    wrong = tmp_path / "America" / "Los_Angeles"
    wrong.parent.mkdir()
    wrong.write_bytes((resources.files("tzdata") / "zoneinfo" / "Asia" / "Tokyo").read_bytes())
    monkeypatch.setenv("PYTHONTZPATH", str(tmp_path))
    assert [item.start for item in parse_in_process(calendar(GOOD), SPAN).instances] == [
        utc(2026, 12, 3, 2)
    ]


TROUBLES: dict[str, tuple[tuple[str, ...], str]] = {
    "no uid": (
        ("SUMMARY:Bad", at("20261201", "180000")),
        "it has no UID, and could not be found again",
    ),
    "no start": (("UID:bad", "SUMMARY:Bad"), "it has no DTSTART"),
    "start that is none": (("UID:bad", "DTSTART:tomorrow"), "its DTSTART cannot be read (line 7)"),
    "end that is none": (
        ("UID:bad", at("20261201", "180000"), "DTEND:later"),
        "its DTEND cannot be read (line 8)",
    ),
    "unknown zone": (
        ("UID:bad", at("20261201", "180000", zone="Mars/Phobos")),
        "its time zone 'Mars/Phobos' is none that is known, and the calendar does not describe it",
    ),
    "unknown zone of an exception": (
        event(
            "bad", "20261201", "RRULE:FREQ=DAILY;COUNT=3", "EXDATE;TZID=Mars/Phobos:20261202T180000"
        ),
        "its time zone 'Mars/Phobos' is none that is known, and the calendar does not describe it",
    ),
    "every second": (
        event("bad", "20261201", "RRULE:FREQ=SECONDLY"),
        "its rule repeats within a day, which no booking does",
    ),
    "every minute": (
        event("bad", "20261201", "RRULE:FREQ=MINUTELY"),
        "its rule repeats within a day, which no booking does",
    ),
    "every hour": (
        event("bad", "20261201", "RRULE:FREQ=HOURLY"),
        "its rule repeats within a day, which no booking does",
    ),
    "many times a day": (
        event("bad", "20261201", "RRULE:FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=0,10,20,30,40,50"),
        "its rule repeats more than 24 times a day",
    ),
    "too often in all": (
        event("bad", "20261201", "RRULE:FREQ=DAILY;BYHOUR=8,18"),
        "it has more than 1,000 instances in the two years ahead",
    ),
    "rule that is none": (
        event("bad", "20261201", "RRULE:FREQ=SOMETIMES"),
        "its RRULE cannot be read (line 10)",
    ),
    "rule without a frequency": (
        event("bad", "20261201", "RRULE:COUNT=3"),
        "its RRULE cannot be read (line 10)",
    ),
    "booking of ours": (
        event("1a2b@icalbridge", "20261201"),
        "it is a booking already, copied from one of the bridge's own calendars",
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_event_that_cannot_be_is_told_and_the_others_stay(name: str) -> None:
    """By itself, in words; a neighbour is read as ever."""
    lines, why = TROUBLES[name]
    parsed = _expanded(calendar(lines, GOOD))
    assert [item.reason for item in parsed.unusable] == [why]
    assert [item.uid for item in parsed.instances] == ["good"]


def test_endless_rule_ends_with_a_half_year() -> None:
    """And its neighbours, which do not recur, reach on to the two years."""
    parsed = _expanded(
        calendar(event("w", "20261201", "RRULE:FREQ=WEEKLY"), event("late", "20281101"))
    )
    assert [
        (parsed.instances[number].uid, parsed.instances[number].slot_id) for number in (0, -2, -1)
    ] == [("w", "20261202T020000Z"), ("w", "20280628T010000Z"), ("late", "single")]
    assert len(parsed.instances) == 84


def test_old_rule_is_followed_to_today() -> None:
    """However long ago it began."""
    parsed = _expanded(calendar(event("w", "19700106", "RRULE:FREQ=WEEKLY;BYDAY=TU")))
    assert parsed.instances[0].start == utc(2026, 11, 25, 2)


@pytest.mark.parametrize(
    "content",
    [
        calendar(GOOD).replace(b"-//Athletics//Season//EN", b"-//icalbridge//icalbridge//EN"),
        calendar(event("1a2b@icalbridge", "20261201")),
        calendar(
            event("1a2b@icalbridge", "20261201"),
            event("3c4d@icalbridge_R20261201@google.com", "20261202"),
        ),
    ],
    ids=["feed", "copy", "mangled"],
)
def test_own_feed_is_known(content: bytes) -> None:
    """By its PRODID, or by its UIDs where another service has put its own PRODID there."""
    assert parse_in_process(content, SPAN).ours


def test_floating_and_whole_days_are_known_as_such() -> None:
    """Which moments these are is for the property's zone to say."""
    parsed = _expanded(
        calendar(("UID:f", "DTSTART:20261201T180000"), ("UID:d", "DTSTART;VALUE=DATE:20261201"))
    )
    assert [(item.kind, item.start, item.end) for item in parsed.instances] == [
        (
            "floating",
            datetime.fromisoformat("2026-12-01T18:00"),
            datetime.fromisoformat("2026-12-01T18:00"),
        ),
        ("day", datetime.fromisoformat("2026-12-01"), datetime.fromisoformat("2026-12-02")),
    ]


def test_zone_of_the_calendar_is_that_of_floating_times() -> None:
    """As Google means its X-WR-TIMEZONE."""
    content = calendar(
        ("UID:f", "DTSTART:20261201T180000", "DURATION:PT1H"),
        head=("X-WR-TIMEZONE:America/Denver",),
    )
    assert [(item.kind, item.start) for item in _expanded(content).instances] == [
        ("moment", utc(2026, 12, 2, 1))
    ]


def test_utc_is_kept() -> None:
    """Every moment that comes out is in UTC."""
    assert {item.start.tzinfo for item in _expanded(calendar(GOOD)).instances} == {UTC}
