"""`icalbridge.push.decide.tally`: every instance in a calendar has one fate, whatever the calendar is."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import icalendar
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.push.decide import decide, tally
from icalbridge.push.ics_lines import NotACalendar
from icalbridge.push.ics_parser import parse_calendar, span_at
from icalbridge.push.instances import PushTally
from icalbridge.push.mapping import PushRules, map_calendar
from icalbridge.push.places import parse_places
from tests.fixtures.pushing import ZONE, at, calendar, event, pusher, utc
from tests.test_push_places import KNOWN

if TYPE_CHECKING:
    from pathlib import Path

NOW = utc(2026, 12, 1, 20)
TABLE = parse_places(KNOWN, {"school": ZONE}, ["Gym=gym", "Away=", "gym"])
CLOCK = ZoneInfo(ZONE)
FIRST = datetime(2026, 11, 1, 18)  # noqa: DTZ001  # its zone is drawn
STARTS = st.integers(0, 900).map(lambda hours: FIRST + timedelta(hours=7 * hours))
TYPES: list[Any] = [
    lambda start: start,
    lambda start: start.replace(tzinfo=CLOCK),
    lambda start: start.replace(tzinfo=UTC),
    lambda start: start.date(),
]
PIECES = [
    *(b"\r\n", b"\n ", b":", b";", b"=", b",", b"\xff", b"\x00", b"T", b"Z", b"-", b"9"),
    *(b"\r\nDTEND:20270101T180000Z\r\n", b"\r\nDTSTART;VALUE=DATE:20270101\r\n"),
    *(b"\r\nBEGIN:VALARM\r\n", b"\r\nTRIGGER:bad\r\n", b"\r\nSTATUS:CANCELED\r\n"),
    *(b"\r\nSEQUENCE:x\r\n", b"\r\nDURATION:-PT1H\r\n", b";TZID=Mars/Phobos"),
    *(b"\r\nRECURRENCE-ID:20270101T020000Z\r\n", b"\r\nRRULE:FREQ=DAILY;COUNT=3\r\n"),
]


@st.composite
def events(draw: st.DrawFn, uid: str) -> icalendar.Event:
    """An event whose start, end and dates may be of different types."""
    made = icalendar.Event()
    made.add("UID", uid)
    made.add("SUMMARY", draw(st.sampled_from(["Practice", "Señores", "A; B, C\\n", "x" * 90])))
    start = draw(STARTS)
    kinds = st.sampled_from(TYPES)
    kind = draw(kinds)
    made.add("DTSTART", kind(start))
    other = kind if draw(st.booleans()) else draw(kinds)
    if draw(st.booleans()):
        made.add("DTEND", other(start + timedelta(hours=draw(st.integers(-3, 60)))))
    if draw(st.booleans()):
        rule: dict[str, Any] = {"FREQ": draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]))}
        if draw(st.booleans()):
            rule |= draw(
                st.sampled_from(
                    [
                        {"COUNT": 3},
                        {"UNTIL": date(2027, 3, 1)},
                        {"UNTIL": datetime(2027, 3, 1, 8, tzinfo=UTC)},
                    ]
                )
            )
        made.add("RRULE", rule)
        if draw(st.booleans()):
            made.add("RDATE", other(start + timedelta(days=2)))
    if draw(st.booleans()):
        made.add("LOCATION", draw(st.sampled_from(["Gym", "Away", "Nowhere"])))
    if draw(st.booleans()):
        made.add("STATUS", draw(st.sampled_from(["CANCELLED", "Canceled", "CONFIRMED"])))
    return made


@st.composite
def calendars(draw: st.DrawFn) -> bytes:
    """A calendar as icalendar writes it, then mangled."""
    whole = icalendar.Calendar()
    whole.add("PRODID", "-//Own//EN")
    whole.add("VERSION", "2.0")
    for letter in "abcd"[: draw(st.integers(1, 4))]:
        whole.add_component(draw(events(letter * 6)))
    content: bytes = whole.to_ical()
    for _ in range(draw(st.integers(0, 4))):
        position = draw(st.integers(0, len(content)))
        gone = draw(st.sampled_from([0, 0, 1, 2, 9]))
        content = content[:position] + draw(st.sampled_from(PIECES)) + content[position + gone :]
    return content


def _tally(content: bytes, rules: PushRules | None = None) -> PushTally:
    parsed = parse_calendar(content, span_at(NOW, ZONE))
    requests, plan = decide(map_calendar(parsed, TABLE, NOW, rules or PushRules()), [], TABLE, NOW)
    return tally(requests, plan)


def _is_whole(numbers: PushTally) -> bool:
    counts = asdict(numbers)
    return bool(counts.pop("instances") == sum(counts.values()))


@given(calendars())
def test_no_instance_is_lost(content: bytes) -> None:
    """A calendar is refused as a whole, or each instance is in the sum, and no event in none."""
    try:
        numbers = _tally(content)
    except NotACalendar:
        return
    assert _is_whole(numbers), numbers
    unfolded = re.sub(rb"[\r\n]+[ \t]", b"", content)
    assert numbers.instances >= len(re.findall(rb"(?mi)^BEGIN:VEVENT\s*$", unfolded))


def test_each_fate_is_counted() -> None:
    """By instances, of which one may be several bookings."""
    numbers = _tally(
        calendar(
            event("weekly", "20261117", "RRULE:FREQ=WEEKLY;COUNT=5"),
            event("away", "20261205", "LOCATION:Away"),
            event("nowhere", "20261205", "LOCATION:Nowhere"),
            event("off", "20261206", "STATUS:CANCELLED", "RRULE:FREQ=DAILY;COUNT=2"),
            ("UID:night", at("20261207", "220000"), at("20261208", "010000", "DTEND")),
            ("UID:bad", "DTSTART:tomorrow"),
            event("free", "20261209", "TRANSP:TRANSPARENT"),
        ),
        PushRules(skip_free=True),
    )
    assert numbers == PushTally(12, created=4, cancelled=2, impossible=2, over=2, left_out=2)
    assert _is_whole(numbers)


def test_what_is_skipped_is_left_out_even_where_it_is_impossible() -> None:
    """By title, as free or as private; what has another title is impossible still."""
    instance = ("UID:w", at("20261208", "180000", "RECURRENCE-ID"), at("20261208", "180000"))
    content = calendar(
        ("UID:bad", "SUMMARY:Away game", "DTSTART:tomorrow"),
        ("UID:free", "TRANSP:TRANSPARENT", "DTSTART:tomorrow"),
        ("UID:private", "CLASS:PRIVATE", "DTSTART:tomorrow"),
        event("w", "20261201", "RRULE:FREQ=WEEKLY;COUNT=3"),
        (*instance, "SUMMARY:Away game", "DTEND:later"),
        ("UID:other", "SUMMARY:Home game", "DTSTART:tomorrow"),
    )
    assert _tally(content) == PushTally(7, created=2, impossible=5)
    rules = PushRules(skip_free=True, skip_private=True, skip=("away game",))
    assert _tally(content, rules) == PushTally(7, created=2, impossible=1, left_out=4)


def test_second_push_counts_what_moves_and_what_stays(tmp_path: Path) -> None:
    """The file's instances, not the steps: what is gone from the file is in none."""
    with pusher(f"sqlite:///{tmp_path}/bridge.db") as push:
        days = [event(uid, "20270112") for uid in ("a", "b", "c")]
        push.push(calendar(*days))
        push.push(calendar(days[0], event("b", "20270113")))
        assert tally(push.requested, push.decided) == PushTally(2, moved=1, unchanged=1)
