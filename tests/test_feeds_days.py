"""`icalbridge.feeds.days`: the first entries of each day and how many there are, as from all."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.event import listen

from icalbridge import timezones
from icalbridge.feeds.audience import Audience, Status, admit, view
from icalbridge.feeds.days import MOST_ENTRIES, read_days
from icalbridge.models import Changes, Feed
from icalbridge.store.entries import SHOWN_ENTRIES, TimeRange
from icalbridge.web.views.calendar_grid import GridContext, grid_days, span
from tests.fixtures.stores import apply_changes
from tests.samples import NOW, ZONE, entry, event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icalbridge.feeds.audience import Item
    from icalbridge.models import Entry
    from icalbridge.store import Store

SCHOOL = Feed("property", "school")
SHEET = span("month", datetime(2026, 11, 10, tzinfo=UTC).date())
SINCE, UNTIL = (timezones.midnight(day, ZONE) for day in (SHEET.first, SHEET.end))
CONTEXT = GridContext(NOW, ZONE)
QUARTER = timedelta(minutes=15)
LENGTHS = (0, 1, 2, 4, 8, 8, 16, 70, 100, 200, 1_000)
"""In quarters of an hour."""


def _booked(count: int) -> list[Entry]:
    """Return entries of a month and of the days around, many of which cross or touch midnight."""
    chance = random.Random(count)
    quarters = (UNTIL - SINCE) // QUARTER
    booked = []
    for number in range(count):
        start = SINCE + QUARTER * chance.randrange(-400, quarters + 100)
        if chance.random() < 0.3:
            start = timezones.midnight(timezones.local_date(start, ZONE), ZONE)
        end = start + QUARTER * chance.choice(LENGTHS)
        if chance.random() < 0.1:
            end = timezones.midnight(timezones.local_date(end, ZONE), ZONE)
        booked.append(entry(0, uid=f"u{number:04}", start=start, end=max(start, end)))
    return sorted(booked, key=lambda each: (each.start, each.end, each.uid))


def _items(entries: Sequence[Entry]) -> list[Item]:
    return [admit(each, Status.CONFIRMED, view(Audience.PUBLIC)) for each in entries]


@pytest.mark.parametrize("limit", [1, 4, 30])
def test_days_are_those_of_all_entries(school: Store, limit: int) -> None:
    """Long entries, such as end at midnight, and those that take no time are on the same days."""
    booked = _booked(MOST_ENTRIES + 200)
    apply_changes(school, Changes(added=tuple(booked), parsed=(event(),)))
    read = read_days(school.read, SCHOOL, SHOWN_ENTRIES, ZONE, SINCE, UNTIL, limit)
    assert read is not None
    assert len(read.entries) < len(booked)
    there = school.read.entries(SCHOOL, TimeRange(SINCE, UNTIL))
    expected = grid_days(_items(there), SHEET, CONTEXT, per_day=limit)
    items = _items(read.entries)
    result = grid_days(items, SHEET, CONTEXT, per_day=limit, counts=read.counts)
    assert result == expected
    assert sum(day.count for day in result) > MOST_ENTRIES


def test_days_of_another_zone_are_read_at_once(school: Store) -> None:
    """An entry in another zone is on another day there, so all are to be read."""
    booked = _booked(MOST_ENTRIES + 200)
    booked[600] = replace(booked[600], zone="America/New_York")
    apply_changes(school, Changes(added=tuple(booked), parsed=(event(),)))
    assert read_days(school.read, SCHOOL, SHOWN_ENTRIES, ZONE, SINCE, UNTIL, 4) is None


def test_what_goes_on_for_days_is_read_by_a_few_statements(school: Store) -> None:
    """However many there are, all of them at different times."""
    nights = [
        entry(0, uid=f"n{number:03}", start=start, end=start + timedelta(hours=30, minutes=number))
        for number in range(600)
        for start in [SINCE + QUARTER * 6 * number]
    ]
    short = [replace(each, end=each.start + QUARTER) for each in _booked(MOST_ENTRIES)]
    apply_changes(school, Changes(added=(*short, *nights), parsed=(event(),)))
    statements: list[str] = []
    listen(school.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    read = read_days(school.read, SCHOOL, SHOWN_ENTRIES, ZONE, SINCE, UNTIL, 15)
    assert read is not None
    assert len({each.uid for each in read.entries if each.uid.startswith("n")}) > 300
    assert len(statements) < 4 * len(read.counts)


def test_few_entries_are_read_at_once(school: Store) -> None:
    apply_changes(school, Changes(added=tuple(_booked(200)), parsed=(event(),)))
    assert read_days(school.read, SCHOOL, SHOWN_ENTRIES, ZONE, SINCE, UNTIL, 4) is None
