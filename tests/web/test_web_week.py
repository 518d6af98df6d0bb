"""Entries by day: weeks with a clock change, what goes on past midnight, schools in another zone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from icalbridge.web.views.week import by_day, shortened, week_start
from tests.samples import NOW, ZONE, entry

SATURDAY = date(2026, 11, 21)


def test_week_starts_as_the_region_has_it() -> None:
    """A Saturday's week begins on the Sunday before, or on the Monday before, as it is asked for."""
    assert week_start(SATURDAY, 6) == date(2026, 11, 15)
    assert week_start(SATURDAY, 0) == date(2026, 11, 16)
    assert week_start(date(2026, 11, 22)) == date(2026, 11, 22)


def test_week_has_every_day_and_marks_today() -> None:
    """A day with nothing on is there too, and one of them is today."""
    days = by_day([entry(24)], date(2026, 11, 19), 5, NOW, ZONE)
    assert [(day.date.day, day.count, day.today) for day in days] == [
        (19, 0, False), (20, 0, False), (21, 0, True), (22, 1, False), (23, 0, False),
    ]  # fmt: skip
    assert [days[2].heading, days[2].weekday, days[2].short] == [
        "Today, Saturday, November 21",
        "Sat",
        "Nov 21",
    ]


def test_week_tells_an_entry_on_each_of_its_days() -> None:
    """What goes on past midnight says where it ends, and on the next day where it began."""
    late = entry(10, end=NOW + timedelta(hours=13))
    saturday, sunday, monday = by_day([late], SATURDAY, 3, NOW, ZONE)
    assert [(line.starts, line.ends) for line in saturday.lines] == [
        ("10:00 PM", "1:00 AM, Sun, Nov 22")
    ]
    assert [(line.starts, line.ends) for line in sunday.lines] == [
        ("Sat, Nov 21, 10:00 PM", "1:00 AM")
    ]
    assert monday.lines == ()


def test_week_leaves_midnight_to_the_evening_before() -> None:
    """What ends at midnight is not on the day that begins then."""
    until_midnight = entry(10, end=NOW + timedelta(hours=12))
    assert [day.count for day in by_day([until_midnight], SATURDAY, 2, NOW, ZONE)] == [1, 0]


def test_week_follows_the_clocks_when_they_change() -> None:
    """Seven days are seven days, and noon is noon, on either side of the hour that comes twice."""
    noons = [
        entry(-24 * days - (days > 20), uid=f"u{days}") for days in (24, 23, 22, 21, 20, 19, 18)
    ]
    days = by_day(noons, date(2026, 10, 28), 7, NOW, ZONE)
    assert [[line.starts for line in day.lines] for day in days] == [["12:00 PM"]] * 7


def test_week_puts_an_entry_on_its_own_schools_day() -> None:
    """Ten in the evening in Los Angeles is tomorrow in New York, and its zone is named."""
    east = replace(entry(10), zone="America/New_York")
    saturday, sunday = by_day([east], SATURDAY, 2, NOW, ZONE)
    assert saturday.lines == ()
    assert [(line.starts, line.ends, line.zone) for line in sunday.lines] == [
        ("1:00 AM", "3:00 AM", "EST")
    ]


def test_week_marks_what_is_on() -> None:
    """Only what has begun and not ended is on now, and only on today's side of midnight."""
    days = by_day(
        [entry(-24, end=NOW + timedelta(hours=1)), entry(0), entry(1)],
        date(2026, 11, 20),
        2,
        NOW,
        ZONE,
    )
    assert [[line.running for line in day.lines] for day in days] == [[False], [True, True, False]]


def test_week_is_cut_after_so_many_lines() -> None:
    """Later days lose theirs first, and what is left out is counted."""
    days = by_day(
        [entry(hours, uid=f"u{hours}") for hours in (0, 1, 24, 25)], SATURDAY, 2, NOW, ZONE
    )
    kept, left_out = shortened(days, 3)
    assert ([day.count for day in kept], left_out) == ([2, 1], 1)
