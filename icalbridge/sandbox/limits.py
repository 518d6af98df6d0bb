"""Limits of a key: requests in any 60 seconds, requests in a UTC day.

The pages do not say whether a refused request counts. Here it counts against neither, which is what
a gateway does.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, date, datetime, timedelta
from threading import Lock

MINUTE = timedelta(minutes=1)


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
