"""A calendar as list, week and month: clock changes, what goes on past midnight, schools in another
zone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge import timezones
from icalbridge.feeds.audience import Audience, Status, admit, view
from icalbridge.web.views.calendar_grid import (
    GridContext,
    GridSpan,
    grid_days,
    list_days,
    month_beside,
    month_sheet,
    page_title,
    span,
    week_start,
    with_spans,
)
from tests.samples import NOW, ZONE, entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.models import Entry
    from icalbridge.web.views.calendar_grid import CalendarDay, CalendarList

HONOLULU = "Pacific/Honolulu"
SATURDAY = date(2026, 11, 21)
CONTEXT = GridContext(NOW, ZONE)


def shown(of: Entry) -> Item:
    """Return an entry as the public sees it."""
    return admit(of, Status.CONFIRMED, view(Audience.PUBLIC))


def listed(entries: Sequence[Entry], until: datetime, limit: int) -> CalendarList:
    return list_days([shown(each) for each in entries], until, CONTEXT, limit)


def days_of(
    entries: Sequence[Entry], first: date, count: int, in_all: int | None = None
) -> tuple[CalendarDay, ...]:
    days = GridSpan("week", first, first, count)
    return grid_days([shown(each) for each in entries], days, CONTEXT, in_all=in_all)


# a list


def test_list_of_what_runs_over_midnight_is_todays() -> None:
    """What began yesterday and is on still stands first, under today, and says when it began."""
    night = entry(-20, uid="night", end=NOW + timedelta(hours=1))
    plan = listed([night, entry(2)], NOW + timedelta(days=1), 100)
    assert [(day.heading, [item.starts for item in day.lines]) for day in plan.days] == [
        ("Today, Saturday, November 21", ["Fri, Nov 20, 4:00 PM", "2:00 PM"])
    ]
    assert [item.item.uid for item in plan.running] == [night.uid]


def test_list_boundaries_are_exact() -> None:
    """What ends now is over, what begins now is on, and what begins when the span ends is not in it
    but may be next.
    """
    over, on, later = entry(-2, uid="over"), entry(0, uid="on"), entry(24, uid="later")
    plan = listed([over, on, later], NOW + timedelta(days=1), 100)
    assert [item.item.uid for day in plan.days for item in day.lines] == [on.uid]
    assert [item.item.uid for item in plan.running] == [on.uid]
    assert plan.upcoming is not None
    assert (plan.upcoming.item.uid, plan.upcoming_day) == (
        later.uid,
        "Tomorrow, Sunday, November 22",
    )


def test_list_keeps_days_together_across_zones() -> None:
    """Each entry falls on its own school's day; a day has one heading however the moments
    interleave.
    """
    hawaii = replace(entry(13, uid="hawaii"), zone=HONOLULU)
    plan = listed([entry(12.5, uid="a"), hawaii, entry(14, uid="b")], NOW + timedelta(days=2), 100)
    assert [
        (day.heading, [(item.starts, item.zone) for item in day.lines]) for day in plan.days
    ] == [
        ("Today, Saturday, November 21", [("11:00 PM", "HST")]),
        ("Tomorrow, Sunday, November 22", [("12:30 AM", ""), ("2:00 AM", "")]),
    ]


def test_list_survives_a_zone_that_does_not_exist() -> None:
    """An entry without a usable zone is told in the page's."""
    plan = listed([replace(entry(1), zone="Mars/Olympus")], NOW + timedelta(days=1), 100)
    assert [(item.starts, item.zone) for item in plan.days[0].lines] == [("1:00 PM", "")]


def test_list_says_how_much_it_leaves_out() -> None:
    """The limit counts entries of the span."""
    plan = listed(
        [entry(hour, uid=f"u{hour}") for hour in range(1, 30)],
        NOW + timedelta(days=1),
        5,
    )
    assert (sum(len(day.lines) for day in plan.days), plan.left_out) == (5, 18)


def test_title_is_the_feeds_summary() -> None:
    """The same words in the calendar and on the page."""
    assert [
        page_title(shown(entry(1, name=name, activity=activity)))
        for name, activity in (
            ("Practice", ""),
            ("Practice", "Varsity"),
            (" ", ""),
            ("", "Varsity"),
            ("Two\r\nlines", ""),
        )
    ] == ["Practice", "Practice: Varsity", "Reserved", "Reserved: Varsity", "Two lines"]


def test_whole_days_have_no_hours() -> None:
    """One day is all day; several are told by their days, of which the last is the one before the
    midnight at which they end.
    """
    midnight = NOW + timedelta(hours=12)
    one = entry(0, uid="one", start=midnight, end=midnight + timedelta(days=1))
    camp = entry(0, uid="camp", start=midnight, end=midnight + timedelta(days=3))
    night = entry(0, uid="night", start=midnight, end=midnight + timedelta(hours=23))
    plan = listed([one, camp, night], NOW + timedelta(days=9), 9)
    lines = {line.item.uid.partition("@")[0]: line for day in plan.days for line in day.lines}
    assert {uid: (line.starts, line.ends, line.is_all_day) for uid, line in lines.items()} == {
        "one": ("All day", "Sun, Nov 22", True),
        "camp": ("All day", "Tue, Nov 24", False),
        "night": ("12:00 AM", "11:00 PM", False),
    }
    sunday, monday, tuesday, wednesday = days_of([camp], date(2026, 11, 22), 4)
    assert [(line.starts, line.ends) for line in monday.lines] == [("Sun, Nov 22", "Tue, Nov 24")]
    assert [day.count for day in (sunday, monday, tuesday, wednesday)] == [1, 1, 1, 0]


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)])
def test_whole_day_has_as_many_hours_as_the_clocks_give_it(day: date) -> None:
    bounds = timezones.day_bounds(day, ZONE)
    found = grid_days([shown(entry(0, start=bounds[0], end=bounds[1]))], span("day", day), CONTEXT)
    assert [(line.is_all_day, line.starts) for line in found[0].lines] == [(True, "All day")]


# a week


def test_week_starts_as_the_region_has_it() -> None:
    """A Saturday's week begins on the Sunday before, or on the Monday before, as it is asked for."""
    assert week_start(SATURDAY, 6) == date(2026, 11, 15)
    assert week_start(SATURDAY, 0) == date(2026, 11, 16)
    assert week_start(date(2026, 11, 22)) == date(2026, 11, 22)


def test_week_has_every_day_and_marks_today() -> None:
    """A day with nothing on is there too, and one of them is today."""
    days = days_of([entry(24)], date(2026, 11, 19), 5)
    assert [(day.day.day, day.count, day.is_today) for day in days] == [
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
    saturday, sunday, monday = days_of([late], SATURDAY, 3)
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
    assert [day.count for day in days_of([until_midnight], SATURDAY, 2)] == [1, 0]


def test_week_follows_the_clocks_when_they_change() -> None:
    """Seven days are seven days, and noon is noon, on either side of the hour that comes twice."""
    noons = [
        entry(-24 * days - (days > 20), uid=f"u{days}") for days in (24, 23, 22, 21, 20, 19, 18)
    ]
    days = days_of(noons, date(2026, 10, 28), 7)
    assert [[line.starts for line in day.lines] for day in days] == [["12:00 PM"]] * 7


def test_week_puts_an_entry_on_its_own_schools_day() -> None:
    """Ten in the evening in Los Angeles is tomorrow in New York, and its zone is named."""
    east = replace(entry(10), zone="America/New_York")
    saturday, sunday = days_of([east], SATURDAY, 2)
    assert saturday.lines == ()
    assert [(line.starts, line.ends, line.zone) for line in sunday.lines] == [
        ("1:00 AM", "3:00 AM", "EST")
    ]


def test_week_marks_what_is_on() -> None:
    """Only what has begun and not ended is on now, and only on today's side of midnight."""
    days = days_of(
        [entry(-24, end=NOW + timedelta(hours=1)), entry(0), entry(1)], date(2026, 11, 20), 2
    )
    assert [[line.running for line in day.lines] for day in days] == [[False], [True, True, False]]


def test_week_is_cut_after_so_many_lines() -> None:
    """Later days lose theirs first, and what is left out is counted."""
    entries = [entry(hours, uid=f"u{hours}") for hours in (0, 1, 24, 25, 26)]
    days = days_of(entries, SATURDAY, 2, 3)
    assert [(len(day.lines), day.left_out) for day in days] == [(2, 0), (1, 2)]


# a month


@pytest.mark.parametrize(
    ("of", "first_weekday", "found"),
    [
        (date(2026, 11, 21), 6, (date(2026, 11, 1), 35)),
        (date(2026, 11, 21), 0, (date(2026, 10, 26), 42)),
        (date(2026, 2, 1), 6, (date(2026, 2, 1), 28)),
        (date(2026, 12, 31), 6, (date(2026, 11, 29), 35)),
    ],
)
def test_month_is_a_sheet_of_whole_weeks(
    of: date, first_weekday: int, found: tuple[date, int]
) -> None:
    """It begins with the week of the first day and ends with that of the last, and has no week too
    many.
    """
    assert month_sheet(of, first_weekday) == found


def test_month_counts_and_shows_what_comes_first() -> None:
    """Three entries of a day are shown, the others counted; days of the neighbors are marked."""
    items = [shown(entry(hours, uid=f"u{hours}")) for hours in range(5)]
    days = grid_days(items, span("month", date(2026, 11, 1)), CONTEXT, per_day=3)
    saturday = days[20]
    assert (saturday.day, saturday.count, len(saturday.lines), saturday.left_out) == (
        SATURDAY, 5, 3, 2,
    )  # fmt: skip
    assert len(days) == 35
    assert [day.day.day for day in days if day.outside] == [1, 2, 3, 4, 5]


def test_month_has_a_month_on_either_side() -> None:
    """Also across the year, from any day of it."""
    assert month_beside(date(2026, 12, 31), 1) == date(2027, 1, 1)
    assert month_beside(date(2026, 1, 31), -1) == date(2025, 12, 1)
    assert month_beside(date(2026, 3, 31), -1) == date(2026, 2, 1)


def test_month_spans_keep_their_place_over_days() -> None:
    """What goes on for days stands in the same place on each of them, and what follows takes the
    first place that is free; a dance that ends at two is no span.
    """
    sunday = date(2026, 11, 22)
    start = NOW + timedelta(days=1)
    camp = entry(0, uid="camp", start=start, end=start + timedelta(days=3))
    fair = entry(0, uid="fair", start=start + timedelta(days=1), end=start + timedelta(days=5))
    dance = entry(
        0, uid="dance", start=start + timedelta(hours=10), end=start + timedelta(hours=14)
    )
    shown_days = GridSpan("month", sunday, sunday, 7)
    items = sorted(map(shown, (camp, fair, dance)), key=lambda item: item.start)
    days = with_spans(grid_days(items, shown_days, CONTEXT, per_day=5))
    places = [[line and line.item.uid.partition("@")[0] for line in day.spans] for day in days]
    assert places == [
        ["camp"],
        ["camp", "fair"],
        ["camp", "fair"],
        ["camp", "fair"],
        [None, "fair"],
        [None, "fair"],
        [],
    ]
    assert [len(day.lines) for day in days] == [1, 1, 0, 0, 0, 0, 0]
    assert {day.left_out for day in days} == {0}
    assert [day.spans[0].begins for day in days[:2] if day.spans[0]] == [True, False]


def test_month_begins_its_days_with_what_goes_on_for_days() -> None:
    """Also on the first of them, however much else is on, so that nothing begins in the middle."""
    sunday = date(2026, 11, 22)
    start = NOW + timedelta(days=1)
    many = [entry(14 + number / 10, uid=f"u{number}") for number in range(20)]
    camp = entry(0, uid="camp", start=start, end=start + timedelta(days=2))
    days = grid_days(
        [shown(each) for each in (*many, camp)],
        GridSpan("month", sunday, sunday, 7),
        CONTEXT,
        per_day=3,
    )
    assert [day.lines[0].item.uid for day in days[:3]] == [camp.uid] * 3
    assert [days[0].lines[0].begins, len(days[0].lines), days[0].left_out] == [True, 3, 18]
