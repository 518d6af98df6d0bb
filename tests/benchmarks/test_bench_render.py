"""What rendering a feed costs: time and memory for each VEVENT, beside icalendar doing the same in
the same run.
"""

from __future__ import annotations

import time
import tracemalloc
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import icalendar

from icalbridge.feeds.audience import Audience, Status, admit, view
from icalbridge.models import Feed, FeedState
from tests.fixtures.rendering import render_ics
from tests.samples import NOW, entry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from icalbridge.models import Entry

COUNT = 10_000
RUNS = 7
LIMIT_MICROSECONDS = 30.0
LIMIT_MEMORY = 4.0
PUBLIC = "https://calendars.example.org"
FEED = Feed("property", "school")
STATE = FeedState("Lincoln High", "America/Los_Angeles", 1, NOW, "school", True)


def _entries() -> list[Entry]:
    """A year of a big school: hundreds of starting times, names that repeat weekly and some that do
    not.
    """
    return [
        entry(
            number * 0.8,
            uid=f"{number:032x}",
            event_id=f"68aa00934e4730d41{number % 700:07}",
            name=f"Ligue juvénile de basketball {number % 700}",
            activity="Varsity practice" if number % 3 else "",
        )
        for number in range(COUNT)
    ]


def _ours(entries: Sequence[Entry]) -> bytes:
    return render_ics(FEED, STATE, entries, now=NOW, public_url=PUBLIC, max_bytes=100_000_000).body


def written_by_icalendar(entries: Sequence[Entry]) -> bytes:
    """The same with icalendar alone, as its documentation shows it."""
    calendar = icalendar.Calendar.new(name=STATE.title, refresh_interval=timedelta(hours=1))
    for each in entries:
        zone = ZoneInfo(each.zone)
        calendar.add_component(
            icalendar.Event.new(
                uid=each.uid,
                stamp=each.modified,
                last_modified=each.modified,
                sequence=each.sequence,
                start=each.start.astimezone(zone),
                end=each.end.astimezone(zone),
                summary=admit(each, Status.CONFIRMED, view(Audience.PUBLIC)).title,
                location=each.location,
                status=icalendar.STATUS.CONFIRMED,
                categories=[each.type],
                url=f"{PUBLIC}/facility/{each.facility_id}",
            )
        )
    calendar.add_missing_timezones()
    rendered: bytes = calendar.to_ical()
    return rendered


def _seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _peak(work: Callable[[], object]) -> int:
    """Return the most octets that the work held at once, its result included."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_rendering_ten_thousand() -> None:
    """At most 30 µs for each VEVENT and four times the output in memory."""
    entries = _entries()
    body = _ours(entries)
    reference = written_by_icalendar(entries)
    assert body.count(b"\r\nBEGIN:VEVENT\r\n") == reference.count(b"\r\nBEGIN:VEVENT\r\n") == COUNT
    ours = [_seconds(lambda: _ours(entries)) for _ in range(RUNS)]
    theirs = [_seconds(lambda: written_by_icalendar(entries)) for _ in range(3)]
    memory = _peak(lambda: _ours(entries))
    each, other = (median(spent) / COUNT * 1e6 for spent in (ours, theirs))
    print(
        f"\nrender {COUNT} VEVENTs, {len(body) / 1e6:.1f} MB, {len(body) / COUNT:.0f} octets each"
        f"\n  ours                                 {each:8.1f} µs per VEVENT"
        f"\n  icalendar                            {other:8.1f} µs per VEVENT"
        f"\n  ratio                                {other / each:8.1f}"
        f"\n  memory, as multiple of the output    {memory / len(body):8.1f}"
    )
    assert each <= LIMIT_MICROSECONDS
    assert memory <= LIMIT_MEMORY * len(body)
