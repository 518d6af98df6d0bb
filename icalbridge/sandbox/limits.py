"""Limits of a key: requests in any 60 seconds, requests in a UTC day; limits of answers: how large,
how slow, how far ahead a whole district is answered.

The pages do not say whether a refused request counts. Here it counts against neither, which is what
a gateway does.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from threading import Lock

MINUTE = timedelta(minutes=1)
MEGABYTE = 1_000_000
FUNCTION_SECONDS = 30.0
"""How long the vendor's functions run."""


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """What the vendor answers at once; its pages contradict each other or do not say."""

    child_events_days: int = 90
    """How far from today a district's day with all schools is answered; -1: it never is."""
    max_answer_mb: float | None = None
    """The largest answer, in MB; None: any."""
    too_large_status: int = 502
    """What a larger one gets: 413 or 502."""
    seconds_per_mb: float = 0.0
    """How long an answer takes, by its size; one that takes longer than a function runs is 503."""

    def status(self, octets: int) -> int:
        """Return the status of an answer of a size."""
        if self.seconds_per_mb * octets / MEGABYTE > FUNCTION_SECONDS:
            return 503
        too_large = self.max_answer_mb is not None and octets > self.max_answer_mb * MEGABYTE
        return self.too_large_status if too_large else 200

    def seconds(self, octets: int) -> float:
        """Return how long the vendor takes for an answer of a size."""
        return min(self.seconds_per_mb * octets / MEGABYTE, FUNCTION_SECONDS)


class Limits:
    """Limits of one key, and what is used of them."""

    def __init__(self, rate_per_minute: int, quota_per_day: int) -> None:
        self.rate_per_minute = rate_per_minute
        self.quota_per_day = quota_per_day
        self.day = date.min
        self.used = 0
        self._recent: deque[datetime] = deque()
        self._lock = Lock()

    def allow(self, now: datetime) -> bool:
        """Count a request, unless it is one too many in the 60 s before `now` or in its UTC day."""
        with self._lock:
            today = now.astimezone(UTC).date()
            if today != self.day:
                self.day, self.used = today, 0
            while self._recent and self._recent[0] <= now - MINUTE:
                self._recent.popleft()
            if self.used >= self.quota_per_day or len(self._recent) >= self.rate_per_minute:
                return False
            self.used += 1
            self._recent.append(now)
            return True
