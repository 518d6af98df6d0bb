"""Reads a feed from today outward, as far as its size allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.feeds.size_limit import NEAR_DAYS
from icalbridge.store.entries import TimeRange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from icalbridge.models import Entry, Feed
    from icalbridge.store.entries import EntryCriteria
    from icalbridge.store.reading import Reading

DAY = timedelta(days=1)


@dataclass(slots=True)
class EntriesRead:
    """What was read of a whole feed."""

    entries: list[Entry]
    complete_from: datetime | None = None
    complete_until: datetime | None = None
    expires: datetime | None = None
    """When other days would be read."""


@dataclass(frozen=True, slots=True)
class OutwardReader:
    """Reads the entries of one feed in the order in which days are kept where size is limited."""

    reading: Reading
    feed: Feed
    criteria: EntryCriteria
    zone: str
    now: datetime
    oldest: datetime
    """After when entries end."""
    newest: datetime
    """Before when entries start."""
    margin: timedelta
    """How much more is read before today."""

    def read(self, count: int) -> EntriesRead:
        """Read from today outward until at least so many entries are there: today and the next 30
        days, then the past, nearest first, then further ahead.
        """
        zone = self.zone
        today = timezones.local_date(self.now, zone)
        midnight, tomorrow = (timezones.midnight(today + number * DAY, zone) for number in (0, 1))
        near = min(timezones.midnight(today + NEAR_DAYS * DAY, zone), self.newest)
        read = EntriesRead(self._of(TimeRange(midnight - self.margin, tomorrow)), expires=tomorrow)
        read.complete_until = self._ahead(read, tomorrow, near, count)
        if read.complete_until is not None:
            read.complete_from = self.past_from(midnight)
            return read
        read.complete_from = self._back(read, midnight - self.margin, count)
        if read.complete_from is not None:
            read.complete_until = self.reading.first_start(self.feed, near, self.criteria)
            return read
        read.complete_until = self._ahead(read, near, self.newest, count)
        return read

    def _of(self, times: TimeRange, limit: int | None = None, *, back: bool = False) -> list[Entry]:
        return self.reading.entries(self.feed, times, self.criteria, limit=limit, newest_first=back)

    def _ahead(
        self, read: EntriesRead, since: datetime, until: datetime, count: int
    ) -> datetime | None:
        """Read ahead; return from when on something is left out, None where nothing is."""
        for begins, ends in steps(since, until):
            # What is over today may have to go for what is to come.
            limit = count - sum(entry.end > self.now for entry in read.entries) + 1
            if limit <= 0:
                return self.reading.first_start(self.feed, begins, self.criteria)
            times = TimeRange(self.oldest, ends, starts_from=begins)
            result = self._of(times, limit)
            read.entries += result
            if len(result) == limit:
                return self._midnight_of(result[-1].start)
        return None

    def _back(self, read: EntriesRead, before: datetime, count: int) -> datetime | None:
        """Read the past, nearest first; return up to when something is left out."""
        for begins, ends in _steps_back(before, self.oldest - DAY):
            limit = count - len(read.entries) + 1
            if limit <= 0:
                return self.past_from(ends)
            times = TimeRange(self.oldest, ends, starts_from=begins, ends_by=before)
            result = self._of(times, limit, back=True)
            read.entries += result
            if len(result) == limit:
                return self._midnight_of(result[0].start) + DAY
        long_ago = TimeRange(self.oldest, self.oldest - DAY, ends_by=before)
        read.entries += self._of(long_ago)
        return None

    def past_from(self, before: datetime) -> datetime | None:
        """Return up to when the past is left out where none of it is read; None where there is
        none.
        """
        last = self.reading.latest_start(self.feed, before, self.criteria)
        if last is None or last < self.oldest - DAY:
            return None
        return self._midnight_of(last) + DAY

    def _midnight_of(self, moment: datetime) -> datetime:
        zone = self.zone
        return timezones.midnight(timezones.local_date(moment, zone), zone)


def steps(since: datetime, until: datetime, growth: int = 2) -> Iterator[tuple[datetime, datetime]]:
    """Yield spans of one day, then each `growth` times as long as the one before, up to `until`."""
    length = DAY
    while since < until:
        ends = min(since + length, until)
        yield since, ends
        since, length = ends, length * growth


def _steps_back(until: datetime, since: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield spans backward likewise, down to `since`."""
    length = DAY
    while since < until:
        begins = max(until - length, since)
        yield begins, until
        until, length = begins, length * 2
