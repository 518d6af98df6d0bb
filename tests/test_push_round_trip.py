"""The round trip: a calendar that is pushed, synced, rendered and read by other people's programs
is what went in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from icalbridge.models import Feed
from icalbridge.sync.windows import WINDOWS
from tests.fixtures.pushing import Pusher, at, calendar, event, pusher
from tests.fixtures.rendering import render_ics
from tests.readers import READERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ZONE = ZoneInfo("America/Los_Angeles")
Shown = tuple[str, datetime, datetime]


@dataclass(frozen=True)
class Case:
    """A calendar, and what people see in it."""

    content: bytes
    shown: list[Shown]


def _one(
    day: date | str,
    begin: str = "18:00",
    end: str = "19:30",
    name: str = "Practice",
    last: str = "",
) -> Shown:
    """Return what is shown of an evening of the school's; `last`: its last day."""
    start, finish = (
        datetime.fromisoformat(f"{date}T{time}").replace(tzinfo=ZONE).astimezone(UTC)
        for date, time in ((day, begin), (last or day, end))
    )
    return name, start, finish


def _every(first: str, count: int, days: int) -> list[Shown]:
    return [
        _one(date.fromisoformat(first) + timedelta(days=days * number)) for number in range(count)
    ]


def _weekly(*more: str) -> tuple[str, ...]:
    return event("a", "20261201", "RRULE:FREQ=WEEKLY;COUNT=4", *more)


EASTERN = """BEGIN:VTIMEZONE
TZID:Our Eastern Time
BEGIN:STANDARD
DTSTART:20071104T020000
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:20070311T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
END:DAYLIGHT
END:VTIMEZONE"""

CASES = {
    "single": Case(calendar(event("a", "20261201")), [_one("2026-12-01")]),
    "daily": Case(
        calendar(event("a", "20261201", "RRULE:FREQ=DAILY;COUNT=5")), _every("2026-12-01", 5, 1)
    ),
    "every other day until a day": Case(
        calendar(event("a", "20261201", "RRULE:FREQ=DAILY;INTERVAL=2;UNTIL=20261208T020000Z")),
        _every("2026-12-01", 4, 2),
    ),
    "weekly": Case(calendar(_weekly()), _every("2026-12-01", 4, 7)),
    "weekly on two days": Case(
        calendar(event("a", "20261201", "RRULE:FREQ=WEEKLY;BYDAY=TU,TH;COUNT=5")),
        [_one(f"2026-12-{day}") for day in ("01", "03", "08", "10", "15")],
    ),
    "monthly by weekday": Case(
        calendar(event("a", "20261208", "RRULE:FREQ=MONTHLY;BYDAY=2TU;COUNT=4")),
        [_one(day) for day in ("2026-12-08", "2027-01-12", "2027-02-09", "2027-03-09")],
    ),
    "monthly on the 31st": Case(
        calendar(event("a", "20261231", "RRULE:FREQ=MONTHLY;COUNT=3")),
        [_one(day) for day in ("2026-12-31", "2027-01-31", "2027-03-31")],
    ),
    "exception": Case(
        calendar(_weekly("EXDATE;TZID=America/Los_Angeles:20261208T180000")),
        [_one(f"2026-12-{day}") for day in ("01", "15", "22")],
    ),
    "exception in UTC": Case(
        calendar(_weekly("EXDATE:20261209T020000Z")),
        [_one(f"2026-12-{day}") for day in ("01", "15", "22")],
    ),
    "cancelled instance": Case(
        calendar(
            _weekly(),
            event("a", "20261208", at("20261208", "180000", "RECURRENCE-ID"), "STATUS:CANCELLED"),
        ),
        [_one(f"2026-12-{day}") for day in ("01", "15", "22")],
    ),
    "extra instance": Case(
        calendar(_weekly("RDATE;TZID=America/Los_Angeles:20261210T180000")),
        [_one(f"2026-12-{day}") for day in ("01", "08", "10", "15", "22")],
    ),
    "moved instance": Case(
        calendar(
            _weekly(),
            event(
                "a",
                "20261209",
                at("20261208", "180000", "RECURRENCE-ID"),
                begin="160000",
                end="170000",
            ),
        ),
        [
            _one("2026-12-01"),
            _one("2026-12-09", "16:00", "17:00"),
            _one("2026-12-15"),
            _one("2026-12-22"),
        ],
    ),
    "moved onto another's day": Case(
        calendar(
            _weekly(),
            event(
                "a",
                "20261215",
                at("20261208", "180000", "RECURRENCE-ID"),
                begin="160000",
                end="170000",
            ),
        ),
        [
            _one("2026-12-01"),
            _one("2026-12-15", "16:00", "17:00"),
            _one("2026-12-15"),
            _one("2026-12-22"),
        ],
    ),
    "this and all that follow": Case(
        calendar(
            _weekly(),
            event(
                "a",
                "20261215",
                "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=America/Los_Angeles:20261215T180000",
                begin="200000",
                end="210000",
            ),
        ),
        [
            _one("2026-12-01"),
            _one("2026-12-08"),
            _one("2026-12-15", "20:00", "21:00"),
            _one("2026-12-22", "20:00", "21:00"),
        ],
    ),
    "instance of another name": Case(
        calendar(
            _weekly(),
            event("a", "20261208", at("20261208", "180000", "RECURRENCE-ID"), name="Scrimmage"),
        ),
        [
            _one("2026-12-01"),
            _one("2026-12-08", name="Practice: Scrimmage"),
            _one("2026-12-15"),
            _one("2026-12-22"),
        ],
    ),
    "all day": Case(
        calendar(
            ("UID:a", "SUMMARY:Camp", "DTSTART;VALUE=DATE:20261201", "RRULE:FREQ=WEEKLY;COUNT=2")
        ),
        [
            _one("2026-12-01", "00:00", "23:59", "Camp"),
            _one("2026-12-08", "00:00", "23:59", "Camp"),
        ],
    ),
    "several whole days": Case(
        calendar(
            ("UID:a", "SUMMARY:Camp", "DTSTART;VALUE=DATE:20261201", "DTEND;VALUE=DATE:20261204")
        ),
        [_one("2026-12-01", "00:00", "23:59", "Camp", "2026-12-03")],
    ),
    "past midnight": Case(
        calendar(
            ("UID:a", "SUMMARY:Dance", at("20261201", "200000"), at("20261202", "013000", "DTEND"))
        ),
        [_one("2026-12-01", "20:00", "01:30", "Dance", "2026-12-02")],
    ),
    "until midnight": Case(
        calendar(
            ("UID:a", "SUMMARY:Dance", at("20261201", "200000"), at("20261202", "000000", "DTEND"))
        ),
        [_one("2026-12-01", "20:00", "23:59", "Dance")],
    ),
    "clock put forward": Case(
        calendar(event("a", "20270311", "RRULE:FREQ=DAILY;COUNT=5")), _every("2027-03-11", 5, 1)
    ),
    "clock put back": Case(
        calendar(event("a", "20271105", "RRULE:FREQ=DAILY;COUNT=4")), _every("2027-11-05", 4, 1)
    ),
    "in the hour that is skipped": Case(
        calendar(event("a", "20270314", begin="023000", end="040000")),
        [_one("2027-03-14", "03:30", "04:00")],
    ),
    "in the hour that comes twice": Case(
        calendar(event("a", "20271107", begin="013000", end="030000")),
        [_one("2027-11-07", "01:30", "03:00")],
    ),
    "in UTC": Case(
        calendar(
            (
                "UID:a",
                "SUMMARY:Practice",
                "DTSTART:20261202T020000Z",
                "DTEND:20261202T033000Z",
                "RRULE:FREQ=WEEKLY;COUNT=2",
            )
        ),
        _every("2026-12-01", 2, 7),
    ),
    "in another zone": Case(
        calendar(
            (
                "UID:a",
                "SUMMARY:Practice",
                at("20261201", "210000", zone="America/New_York"),
                at("20261201", "223000", "DTEND", "America/New_York"),
                "RRULE:FREQ=WEEKLY;COUNT=2",
            )
        ),
        _every("2026-12-01", 2, 7),
    ),
    "in a zone that the file describes": Case(
        calendar(
            (
                "UID:a",
                "SUMMARY:Practice",
                at("20261201", "210000", zone="Our Eastern Time"),
                at("20261201", "223000", "DTEND", "Our Eastern Time"),
                "RRULE:FREQ=MONTHLY;COUNT=5",
            ),
            head=tuple(EASTERN.splitlines()),
        ),
        [
            _one(day)
            for day in ("2026-12-01", "2027-01-01", "2027-02-01", "2027-03-01", "2027-04-01")
        ],
    ),
    "without a zone": Case(
        calendar(
            (
                "UID:a",
                "SUMMARY:Practice",
                "DTSTART:20261201T180000",
                "DURATION:PT1H30M",
                "RRULE:FREQ=DAILY;COUNT=2",
            )
        ),
        _every("2026-12-01", 2, 1),
    ),
    "300 instances": Case(
        calendar(event("a", "20261201", "RRULE:FREQ=DAILY;COUNT=300")), _every("2026-12-01", 300, 1)
    ),
    "two events, several lines, odd letters": Case(
        calendar(event("a", "20261201", name="Señor 🎭\\, and friends"), event("b", "20261202")),
        [_one("2026-12-01", name="Señor 🎭, and friends"), _one("2026-12-02")],
    ),
}


@pytest.fixture
def push(tmp_path: Path) -> Iterator[Pusher]:
    """A bridge and a vendor in which nothing is booked."""
    with pusher(f"sqlite:///{tmp_path}/bridge.db", windows=WINDOWS) as opened:
        yield opened


def _read_back(push: Pusher, reader: str) -> list[Shown]:
    feed = Feed("facility", push.facility())
    store = push.bridge.store
    state = store.read.feed_state(feed)
    assert state
    entries = push.bridge.entries(feed)
    rendered = render_ics(
        feed, state, entries, now=push.bridge.clock(), public_url="", max_bytes=1_000_000
    )
    return sorted((item.summary, item.start, item.end) for item in READERS[reader](rendered.body))


@pytest.mark.parametrize("reader", ["ical", pytest.param("ical.js", marks=pytest.mark.soak)])
@pytest.mark.parametrize("name", CASES)
def test_calendar_that_went_in_comes_out(push: Pusher, name: str, reader: str) -> None:
    """As the store followed it, and after everything was fetched anew; two readers agree."""
    push.push(CASES[name].content)
    assert push.decided.impossible == ()
    expected = sorted(CASES[name].shown)
    assert _read_back(push, "icalendar") == expected
    push.bridge.full.everything([push.school_id])
    assert _read_back(push, "icalendar") == expected
    assert _read_back(push, reader) == expected
    assert push.push(CASES[name].content) == []


HOURS = ((0, 0), (7, 0), (13, 0), (16, 30), (18, 30), (20, 0), (23, 58))
"""Before, during and after most of what takes place, on the school's clock: on either side of UTC's
midnight.
"""


SMALL = [name for name in CASES if name != "300 instances"]


@pytest.mark.parametrize(
    "name", [*SMALL[::2], *(pytest.param(name, marks=pytest.mark.soak) for name in SMALL[1::2])]
)
def test_nothing_is_done_on_the_day_itself(push: Pusher, name: str) -> None:
    """The same calendar, pushed again at hours of its first day: what is over, and what is not yet,
    is not gone.
    """
    push.push(CASES[name].content)
    first = min(start for _name, start, _end in CASES[name].shown).astimezone(ZONE)
    for hour, minute in HOURS:
        moment = first.replace(hour=hour, minute=minute).astimezone(UTC)
        push.bridge.clock.advance(seconds=(moment - push.bridge.clock()).total_seconds())
        assert push.push(CASES[name].content) == [], moment


@pytest.mark.parametrize("name", ["single", "daily", "without a zone"])
def test_what_staff_lengthened_while_it_was_on_stays(push: Pusher, name: str) -> None:
    """For the calendar it is over, for the vendor not yet; that is not gone."""
    push.push(CASES[name].content)
    made = next(
        item for item in push.bridge.world.events.values() if item["created_by_external_api"]
    )
    made["timeslots"][0]["end_datetime"] = "2026-12-01T22:00:00"
    push.bridge.world.edited()
    moment = datetime(2026, 12, 1, 20, tzinfo=ZONE).astimezone(UTC)
    push.bridge.clock.advance(seconds=(moment - push.bridge.clock()).total_seconds())
    assert push.push(CASES[name].content) == []


def test_edits_come_out_as_well(push: Pusher) -> None:
    """One case after the other under the same UID, each the difference to the one before."""
    for name in ("weekly", "moved instance", "exception", "daily", "all day", "single"):
        push.push(CASES[name].content)
        push.bridge.clock.advance(minutes=1)
        assert _read_back(push, "ical.js") == sorted(CASES[name].shown), name
