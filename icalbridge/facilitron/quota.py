"""What the vendor grants: so many requests a minute, so many a UTC day. Booked before a request is
sent, never after.

`book` is the arithmetic, pure; where an allowance is kept is for a `Ledger`: in memory here, in the
store for `sync`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import Protocol

from icalbridge.errors import QuotaSpent

MINUTE = 61.0
"""A second more than the vendor's minute: requests may arrive closer together than they were sent.
"""
BURST = 0.1
"""The share of a minute's rate that may be sent at once; the rest is spread evenly."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What was used of a grant so far."""

    day: date
    """The UTC day that `used` counts."""
    used: int = 0
    next_at: float = 0.0
    """When the next request is due if they come evenly, in seconds since 1970 (GCRA's theoretical
    arrival time).
    """


class Ledger(Protocol):
    """Where requests are booked."""

    def take(self, now: datetime) -> float:
        """Book one request; return 0.0 when it may be sent at once, else the seconds after which to
        ask again.

        Raises `QuotaSpent` when the UTC day's quota is used up.
        """


def book(
    allowance: Allowance, now: datetime, rate_per_minute: int, quota_per_day: int
) -> tuple[Allowance, float]:
    """Book one request, or say how many seconds later to try again; nothing is used up then.

    No span of a minute ever holds more than the rate: a burst of `b` is paid for by sending the
    others `MINUTE / (rate - b + 1)` seconds apart. Raises `QuotaSpent` when the day's quota is used
    up; the day is UTC's.
    """
    today = now.astimezone(UTC).date()
    if (
        not today <= allowance.day <= today + timedelta(days=1)
    ):  # set back over midnight, a clock begins no day anew
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
    """An allowance of this process alone."""

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
