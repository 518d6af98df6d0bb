"""Reads the first entries of each day of a span, and counts the others: a week or a month of a
large district has tens of thousands.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.feeds.outward import DAY
from icalbridge.store.entries import TimeRange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from icalbridge.models import Entry, Feed
    from icalbridge.store.counts import SpanCount
    from icalbridge.store.entries import EntryCriteria
    from icalbridge.store.reading import Reading

SECOND = timedelta(seconds=1)
MOST_ENTRIES = 1000
"""So many entries of a span are read at once; of more, the first ones of each day."""
NIGHT = timedelta(hours=4)
"""What ends so soon after midnight still belongs to the day on which it began."""


@dataclass(frozen=True, slots=True)
class DaysRead:
    """The first entries of each day, and how many there are on it."""

    entries: list[Entry]
    counts: dict[date, int]


@dataclass(slots=True)
class _DaySpans:
    begins: datetime
    spans: list[SpanCount] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(span.number for span in self.spans)


def read_days(
    reading: Reading,
    feed: Feed,
    criteria: EntryCriteria,
    zone: str,
    since: datetime,
    until: datetime,
    limit: int,
) -> DaysRead | None:
    """Read the first entries, at most `limit`, of each day that overlaps [since, until), and of
    what goes on for days as many.

    None where all of them can be read at once: they are few, or an entry's days are not the
    feed's, as it is in another zone. An entry that ends at midnight is on the evening before only.
    """
    spans = reading.count_by_span(feed, TimeRange(since, until), criteria, NIGHT)
    total = sum(span.number for span in spans)
    if total <= MOST_ENTRIES or any(span.zone != zone for span in spans):
        return None
    days = _by_day(spans, zone, since, until)
    booked = [day for day in days.values() if day.spans]
    ranges = [times for day in booked for times in _first_times(day, since, limit, zone)]
    uids = {uid for day in booked for uid in islice(_long_uids(day, zone), limit)}
    entries = reading.first_entries(feed, ranges, criteria, limit, uids)
    return DaysRead(entries, {date: day.count for date, day in days.items()})


def is_long(start: datetime, end: datetime, zone: str) -> bool:
    """Say whether what is on goes on into another day, by more than a few hours of the night."""
    if end - start <= NIGHT:
        return False
    return timezones.local_date(end - NIGHT, zone) > timezones.local_date(start, zone)


def _by_day(
    spans: Sequence[SpanCount], zone: str, since: datetime, until: datetime
) -> dict[date, _DaySpans]:
    """Arrange spans, in order of start, by the days on which they are."""
    first = timezones.local_date(since, zone)
    count = (timezones.local_date(until - SECOND, zone) - first).days + 1
    dates = [first + number * DAY for number in range(count)]
    days = [_DaySpans(timezones.midnight(date, zone)) for date in dates]
    midnights = [day.begins for day in days]
    for span in spans:
        begins = max(bisect_right(midnights, span.start) - 1, 0)
        ends = bisect_left(midnights, max(span.end, span.start + SECOND))
        for day in days[begins:ends]:
            day.spans.append(span)
    return dict(zip(dates, days, strict=True))


def _first_times(day: _DaySpans, since: datetime, limit: int, zone: str) -> Iterator[TimeRange]:
    """Yield narrow ranges in which the first entries of a day are, but for those that go on for
    days: of those that began before it, and of its own.
    """
    left, last = limit, day.spans[0]
    for last in day.spans:
        left -= last.number
        if left <= 0:
            break
    before = last.start + SECOND
    earlier = takewhile(lambda span: span.start < min(day.begins, before), day.spans)
    if nights := [span.start for span in earlier if not is_long(span.start, span.end, zone)]:
        yield TimeRange(max(day.begins, since), nights[-1] + SECOND, starts_from=nights[0])
    if before > day.begins:
        yield TimeRange(max(day.begins - SECOND, since), before, starts_from=day.begins)


def _long_uids(day: _DaySpans, zone: str) -> Iterator[str]:
    """Yield the UIDs of what goes on for days, in order: a month's days begin with it."""
    for span in day.spans:
        if is_long(span.start, span.end, zone):
            yield from span.uids
