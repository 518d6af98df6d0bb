"""`icalbridge.push.collisions`: what overlaps in the same facility, and what does not count."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.push.collisions import StoredBookings
from tests.fixtures.pushing import Pusher, calendar, event, pusher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def push(tmp_path: Path) -> Iterator[Pusher]:
    with pusher(f"sqlite:///{tmp_path}/bridge.db") as opened:
        yield opened


def test_two_that_change_places_do_not_collide(push: Pusher) -> None:
    """Each leaves the span that the other takes; a third event there still counts."""
    day = f"{push.bridge.clock() + timedelta(days=9):%Y%m%d}"
    names = ("a", "100000", "110000"), ("b", "120000", "130000"), ("c", "123000", "124500")
    push.push(
        calendar(*(event(uid, day, name=uid, begin=begin, end=end) for uid, begin, end in names))
    )
    since, store = push.bridge.clock(), push.bridge.store
    entries = store.read.entries_between([push.school_id], since, since + timedelta(days=30))
    first, second, third = sorted(entries, key=lambda entry: entry.name)
    taken = [(second.facility_id, second.start, second.end)]
    bookings = StoredBookings(store, [push.school_id], taken)
    leaving = {
        (entry.event_id, entry.facility_id, entry.start, entry.end) for entry in (first, second)
    }
    assert bookings.overlapping(taken, {first.event_id}) == [second, third]
    assert bookings.overlapping(taken, {first.event_id}, leaving) == [third]
    later = {(second.event_id, second.facility_id, second.start, second.end + timedelta(hours=1))}
    assert bookings.overlapping(taken, {first.event_id}, later) == [second, third]
