"""Rate limit of the vendor: requests a minute and requests a UTC day, booked before they are sent.

`book` is the pure arithmetic. A `Ledger` stores the allowance: in memory here, in the database for
`sync`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import Protocol

from icalbridge.errors import QuotaSpent

MINUTE = 61.0
"""Seconds; one more than the vendor's minute, since requests may arrive closer together than they
were sent.
"""
BURST = 0.1
"""The share of a minute's rate that may be sent at once; the rest is spread evenly."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """The used part of the rate and the quota."""

    day: date
    """The UTC day that `used` counts."""
    used: int = 0
    next_at: float = 0.0
    """When the next request is due if they come evenly, in seconds since 1970 (GCRA's theoretical
    arrival time).
    """


class Ledger(Protocol):
    """Books requests."""

    def take(self, now: datetime) -> float:
        """Book one request; return 0.0 when it may be sent at once, else the seconds to wait before
        the next attempt to book.

        Raises `QuotaSpent` when the UTC day's quota is used up.
        """


def book(
    allowance: Allowance, now: datetime, rate_per_minute: int, quota_per_day: int
) -> tuple[Allowance, float]:
    """Book one request, or return the seconds to wait; then nothing is used up.

    No span of a minute ever has more requests than the rate: a burst of `b` is paid for by sending
    the others `MINUTE / (rate - b + 1)` seconds apart. Raises `QuotaSpent` when the UTC day's quota
    is used up.
    """
    today = now.astimezone(UTC).date()
    if (
        not today <= allowance.day <= today + timedelta(days=1)
    ):  # a clock that is set back over midnight starts no new day
        allowance = replace(allowance, day=today, used=0)
    if allowance.used >= quota_per_day:
        raise QuotaSpent(
            "quota",
            f"all {quota_per_day} requests of {allowance.day} (UTC) are used; it begins anew at"
            " midnight UTC",
        )
    burst = max(1, int(rate_per_minute * BURST))
    spacing = MINUTE / (rate_per_minute - burst + 1)
    moment = now.timestamp()
    fullest = (
        moment + burst * spacing
    )  # later than any booking leaves it, unless the clock was set back since
    due = min(max(allowance.next_at, moment), fullest)
    wait = due - (burst - 1) * spacing - moment
    if wait > 0:
        return replace(allowance, next_at=due), wait
    return replace(allowance, used=allowance.used + 1, next_at=due + spacing), 0.0


class MemoryLedger:
    """A ledger in the memory of this process."""

    def __init__(self, rate_per_minute: int, quota_per_day: int) -> None:
        self._rate = rate_per_minute
        self._quota = quota_per_day
        self._allowance = Allowance(date.min)
        self._lock = Lock()

    def take(self, now: datetime) -> float:
        """See `Ledger.take`."""
        with self._lock:
            self._allowance, wait = book(self._allowance, now, self._rate, self._quota)
            return wait
