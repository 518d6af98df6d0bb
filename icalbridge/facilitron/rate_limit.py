"""Rate limit of the vendor: requests a minute and requests a UTC day, booked before they are sent,
and none before the end of a `Retry-After`.

`book` is the pure arithmetic. A `Ledger` stores the allowance: in memory here, in the database for
`sync`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from threading import Lock
from typing import Protocol

from icalbridge.errors import QuotaSpent, RateLimited

MINUTE = 61.0
"""Seconds; one more than the vendor's minute, since requests may arrive closer together than they
were sent.
"""
BURST = 0.1
"""The share of a minute's rate that may be sent at once; the rest is spread evenly."""
LONGEST_PAUSE_SECONDS = 3600.0
"""The longest `Retry-After` that is believed."""
LONGEST_WAIT_SECONDS = 60.0
"""The longest pause that a request waits for; before the end of a longer one it fails."""


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
    paused_until: float = 0.0
    """Before when the vendor wants no request (`Retry-After`), in seconds since 1970."""


class Ledger(Protocol):
    """Books requests."""

    def take(self, now: datetime) -> float:
        """Book one request; return 0.0 when it may be sent at once, else the seconds to wait before
        the next attempt to book.

        Raises `QuotaSpent` when the UTC day's quota is used up, `RateLimited` during a long pause.
        """

    def pause(self, now: datetime, seconds: float) -> None:
        """Book nothing for some seconds, as the vendor asks."""


def book(
    allowance: Allowance, now: datetime, rate_per_minute: int, quota_per_day: int
) -> tuple[Allowance, float]:
    """Book one request, or return the seconds to wait; then nothing is used up.

    No span of a minute ever has more requests than the rate: a burst of `b` is paid for by sending
    the others `MINUTE / (rate - b + 1)` seconds apart. Raises `QuotaSpent` when the UTC day's quota
    is used up, `RateLimited` when a pause lasts for longer than a request waits.
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
    pause = allowance.paused_until - now.timestamp()
    if LONGEST_WAIT_SECONDS < pause <= LONGEST_PAUSE_SECONDS:
        raise RateLimited("rate", f"the vendor asks for no requests for {pause:.0f} s")
    if 0 < pause <= LONGEST_WAIT_SECONDS:
        return allowance, pause
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


def pause_end(now: datetime, seconds: float) -> float:
    """Return when a pause ends, in seconds since 1970; one that is too long is cut."""
    return now.timestamp() + min(seconds, LONGEST_PAUSE_SECONDS)


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

    def pause(self, now: datetime, seconds: float) -> None:
        """See `Ledger.pause`."""
        with self._lock:
            until = pause_end(now, seconds)
            self._allowance = replace(self._allowance, paused_until=until)
