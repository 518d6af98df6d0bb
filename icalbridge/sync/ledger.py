"""The quota, kept in the store: one allowance for all workers of one key, and it outlives a
restart.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from icalbridge.facilitron import Allowance, book, pause_end

if TYPE_CHECKING:
    from icalbridge.store import Store


class StoreLedger:
    """A `facilitron.Ledger` that books on a row of the store."""

    def __init__(
        self, store: Store, api_user_id: str, *, rate_per_minute: int, quota_per_day: int
    ) -> None:
        self._store = store
        self._api_user_id = api_user_id
        self._rate = rate_per_minute
        self._quota = quota_per_day
        store.write.add_api_user(api_user_id)

    def take(self, now: datetime) -> float:
        """Book one request; return 0.0 when it may be sent at once, else the seconds after which to
        ask again.

        Raises `QuotaSpent` when the UTC day's quota is used up, `RateLimited` during a long pause.
        """

        def decide(
            day: date | None, used: int, next_at: float, paused_until: float
        ) -> tuple[date, int, float, float]:
            stored = Allowance(day or now.astimezone(UTC).date(), used, next_at, paused_until)
            after, wait = book(stored, now, self._rate, self._quota)
            return after.day, after.used, after.next_at, wait

        return self._store.api_keys.update_allowance(self._api_user_id, decide)

    def pause(self, now: datetime, seconds: float) -> None:
        """Let no worker of the key book anything for some seconds, as the vendor asks."""
        self._store.api_keys.pause(self._api_user_id, pause_end(now, seconds))

    def left(self, now: datetime) -> int:
        """Return how many requests the UTC day's quota still grants."""
        today = now.astimezone(UTC).date()
        counted = {today, today + timedelta(days=1)}  # the days that `book` goes on counting

        def look(
            day: date | None, used: int, next_at: float, _paused_until: float
        ) -> tuple[date | None, int, float, float]:
            return day, used, next_at, float(self._quota - (used if day in counted else 0))

        return int(self._store.api_keys.update_allowance(self._api_user_id, look))
