"""When a facility is free: gaps between bookings, on long and short days, and around midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from icalbridge.web.views.open_times import open_times
from tests.samples import ZONE, entry

EARLIER = datetime(2026, 1, 1, tzinfo=UTC)
SATURDAY = date(2026, 11, 21)


def gaps(
    *hours: tuple[float, float], day: date = SATURDAY, now: datetime = EARLIER
) -> list[tuple[str, str]]:
    """Return the gaps of a day on which there are bookings from and until some local hours of it."""
    midnight = datetime.combine(day, datetime.min.time(), ZoneInfo(ZONE)).astimezone(UTC)
    booked = [
        entry(0, start=midnight + timedelta(hours=start), end=midnight + timedelta(hours=end))
        for start, end in hours
    ]
    return [(gap.starts, gap.ends) for gap in open_times(booked, day, ZONE, now)]


def test_open_times_of_an_empty_day_are_the_opening_hours() -> None:
    """Where nothing is booked, it is free from six to ten."""
    assert gaps() == [("6:00 AM", "10:00 PM")]


def test_open_times_lie_between_bookings() -> None:
    """Bookings that overlap or touch are one, and a gap of less than half an hour is none."""
    assert gaps((8, 10), (9, 12), (12, 13), (13.25, 18), (20, 22)) == [
        ("6:00 AM", "8:00 AM"),
        ("6:00 PM", "8:00 PM"),
    ]


def test_open_times_reach_as_far_as_the_bookings() -> None:
    """What begins before six or ends after ten shows that the doors are open then."""
    assert gaps((5, 5.5), (22.5, 23)) == [("5:30 AM", "10:30 PM")]


def test_open_times_do_not_begin_where_the_night_before_ends() -> None:
    """A booking that goes on past midnight takes its part of the morning and opens no door."""
    assert gaps((-3, 1)) == [("6:00 AM", "10:00 PM")]
    assert gaps((-3, 7)) == [("7:00 AM", "10:00 PM")]


def test_open_times_end_where_a_booking_into_the_night_begins() -> None:
    """The evening belongs to a booking that ends the next day."""
    assert gaps((21, 26)) == [("6:00 AM", "9:00 PM")]


def test_open_times_leave_a_day_that_is_full_empty() -> None:
    """A booking over several days leaves nothing."""
    assert gaps((-24, 48)) == []


def test_open_times_of_today_leave_out_what_is_over() -> None:
    """A gap that has passed is no longer offered; the one that is on is told whole."""
    now = datetime(2026, 11, 21, 20, tzinfo=UTC)
    assert gaps((8, 10), (14, 16), now=now) == [("10:00 AM", "2:00 PM"), ("4:00 PM", "10:00 PM")]


def test_open_times_follow_the_clocks_when_they_change() -> None:
    """On the long and on the short day it is six to ten by the clock on the wall."""
    assert gaps((10, 12), day=date(2026, 11, 1)) == [
        ("6:00 AM", "9:00 AM"),
        ("11:00 AM", "10:00 PM"),
    ]
    assert gaps((10, 12), day=date(2026, 3, 8)) == [
        ("6:00 AM", "11:00 AM"),
        ("1:00 PM", "10:00 PM"),
    ]
