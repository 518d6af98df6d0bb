"""`icalbridge.feeds.completeness`: what is said of a day with thousands of bookings holds for its
file.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.feeds.calendar import CalendarRequest
from icalbridge.feeds.completeness import MEASURED
from icalbridge.feeds.load import bound_completeness
from icalbridge.feeds.policy_file import PolicyFile
from icalbridge.feeds.public_reading import PublicReading
from icalbridge.feeds.source import Source
from icalbridge.models import Feed
from icalbridge.settings import Settings
from icalbridge.web import create_app
from tests.samples import NOW, entry
from tests.web_world import Clock, add_catalogue, added, empty_store, sync

if TYPE_CHECKING:
    from pathlib import Path

    from icalbridge.store import Store

SCHOOL = Feed("property", "school")
SETTINGS = Settings(public_url="https://calendars.example.org", feed_max_bytes=600_000)
MIDNIGHT = NOW - timedelta(hours=12)


def _source(store: Store) -> Source:
    policies = PolicyFile("", store.policies, Clock(NOW))
    return Source(store, SETTINGS, PublicReading(store, policies))


def _store(folder: Path, a_day: int) -> Store:
    """Return a school with so many bookings a day, yesterday, today and tomorrow, from 6 to 22."""
    store = empty_store(folder)
    add_catalogue(store)
    apart = 16 / a_day
    many = [
        entry(24 * day - 6 + apart * number, uid=f"u{day}-{number}", event_id=f"e{number % 40}")
        for day in (-1, 0, 1)
        for number in range(a_day)
    ]
    sync(store, "school", added(many))
    return store


def _moment(name: str, file: str) -> datetime:
    match = re.search(rf"^X-ICALBRIDGE-COMPLETE-{name}:(\S+)\r$", file, re.MULTILINE)
    assert match is not None
    return datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "hours",
    [
        7,
        21,
        pytest.param(0.1, marks=pytest.mark.soak),
        pytest.param(12, marks=pytest.mark.soak),
    ],
)
def test_bound_of_a_very_busy_day_holds_for_its_file(tmp_path: Path, hours: float) -> None:
    """At night, in the morning, at noon, and when more is coming tomorrow than today."""
    now = MIDNIGHT + timedelta(hours=hours)
    store = _store(tmp_path, MEASURED + 100)
    state = store.read.feed_state(SCHOOL)
    assert state is not None
    bound = bound_completeness(_source(store), CalendarRequest(SCHOOL), state, now)
    client = create_app(SETTINGS, store, clock=Clock(now)).test_client()
    file = client.get("/ical/property/school.ics").text
    assert bound is not None
    assert bound.complete_from == _moment("FROM", file)
    assert bound.complete_until is not None
    assert now < bound.complete_until <= _moment("UNTIL", file)
    assert bound.expires is not None
    assert bound.expires > now
    store.close()


def test_usual_days_are_measured(tmp_path: Path) -> None:
    store = _store(tmp_path, MEASURED)
    state = store.read.feed_state(SCHOOL)
    assert state is not None
    assert bound_completeness(_source(store), CalendarRequest(SCHOOL), state, NOW) is None
    store.close()
