"""Schedule: which window is worth fetching next, given how old each is, who reads it, and what the
vendor grants. Pure.

How often a window is fetched is its tier; when a day's requests do not fit the quota, the tiers'
intervals stretch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from icalbridge.models import CLOCK_TOLERANCE, is_future
from icalbridge.store.leases import CATALOG_SECONDS as CATALOG_SECONDS
from icalbridge.store.leases import LEASE_SECONDS, READ_DAYS
from icalbridge.store.leases import PARTLY_SECONDS as PARTLY_SECONDS
from icalbridge.sync.windows import DAY, WINDOW_DAYS

if TYPE_CHECKING:
    from icalbridge.store import PropertyState, SyncState, WindowState

RESERVE = 0.1
"""The share of the day's quota that the plan leaves for people and for retries."""
DISTRICTS_SHARE = 0.25
"""The share of what the plan may spend that the districts' days get at most."""
MINUTE_SHARE = 0.9
"""The share of the minute's rate that the plan counts on; the rest is for what must be sent twice.
"""
GIVEN_UP = 3
"""After so many failures in a row a district's day covers no school: each is fetched by itself.
"""
REFUSED_SECONDS = 24 * 3600
"""How long a district's day is left alone after the vendor refused it."""
PLENTY = 3
"""Of a property with this many events to come, a window that comes back empty is not believed the
first time.
"""
DOUBT_SECONDS = 120
"""How much later the second answer must be."""

CLOCKS_DIFFER_SECONDS = 120
"""How far the vendor's clock may be from ours."""
CUT_PATIENCE = 4
"""By so many failures longer a window waits that is fetched in pieces."""
FIRST_RETRY_SECONDS = 30
LAST_RETRY_SECONDS = 1800


class Tier(StrEnum):
    """How soon a change must show."""

    TODAY = "today"
    MONTH = "month"
    YEAR = "year"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Grant:
    """What the vendor granted to a key, what is left of it, and how often we would like to ask, in
    seconds.
    """

    rate_per_minute: int = 120
    quota_per_day: int = 15_000
    today: int = 60
    month: int = 600
    year: int = 6 * 3600
    unread: int = 24 * 3600


class Schedule:
    """What one key's windows look like at one moment. Pure: the same arguments give the same
    plan.
    """

    def __init__(self, sync_state: SyncState, grant: Grant, now: datetime) -> None:
        self._now = now
        self._grant = grant
        self._properties = sync_state.properties
        self._windows = tuple(_credible(window, now) for window in sync_state.windows)
        self._covered = _covered(sync_state)
        self._read = _read(sync_state, now)
        used = sync_state.quota_used if sync_state.quota_day == now.astimezone(UTC).date() else 0
        self._quota_spent = used >= grant.quota_per_day
        self._set_pace(_affordable(grant, used, now))

    def _set_pace(self, affordable: float) -> None:
        """Find the intervals that a number of requests a second can pay for.

        A district's day, one request for many schools, keeps its interval as long as it takes no
        more than a share. A school that no district covers is fetched as often as today would need,
        if nobody else has to wait for that. When even the tiers' own intervals do not fit, all
        stretch by one factor.
        """
        grant = self._grant
        days = sum(
            window.number == DAY and self.tier(window) is Tier.TODAY for window in self._windows
        )
        self._today = max(grant.today, days / (affordable * DISTRICTS_SHARE))
        catalog = (len(self._properties) + 1) / CATALOG_SECONDS
        left = max(affordable - days / self._today - catalog, affordable * DISTRICTS_SHARE)
        costs = dict.fromkeys(Tier, 0)
        alone = 0
        for window in self._windows:
            if window.number == DAY:
                continue
            tier = self.tier(window)
            cost = _cost(window, self._properties[window.property_id])
            costs[Tier.MONTH if tier is Tier.TODAY else tier] += cost
            alone += cost if tier is Tier.TODAY else 0
        needed = (
            costs[Tier.MONTH] / grant.month
            + costs[Tier.YEAR] / grant.year
            + costs[Tier.UNREAD] / grant.unread
        )
        self._factor = max(1.0, needed / left)
        spare = max(0.0, left - needed)
        self._alone = (
            max(grant.today, alone / (alone / grant.month + spare)) if alone else grant.today
        )
        self.stretch = max(
            self._factor, self._today / grant.today, self._alone * self._factor / grant.today
        )

    def tier(self, window: WindowState) -> Tier:
        """Return how soon a change in a window must show.

        TODAY is a district's day, and window 0 of a school that no district's day covers.
        """
        state = self._properties[window.property_id]
        if window.number == DAY:
            return (
                Tier.UNREAD
                if self._read.isdisjoint((window.property_id, *state.child_ids))
                else Tier.TODAY
            )
        if window.property_id not in self._read:
            return Tier.UNREAD
        if window.number:
            return Tier.YEAR
        return Tier.MONTH if window.property_id in self._covered else Tier.TODAY

    def interval(self, window: WindowState) -> float:
        """Return how often a window is fetched at this pace, in seconds."""
        match self.tier(window):
            case Tier.TODAY if window.number == DAY:
                return self._today
            case Tier.TODAY:
                return self._alone * self._factor
            case Tier.MONTH:
                return self._grant.month * self._factor
            case Tier.YEAR:
                return self._grant.year * self._factor
            case Tier.UNREAD:
                return self._grant.unread * self._factor

    def due(self, window: WindowState) -> datetime:
        """Return when a window is due: when it was set to be, else an interval after it was last
        fetched.

        A due time later than this plan would ever set was written by a clock that stood ahead, and
        counts as now.
        """
        if window.due is not None:
            return self._now if window.due > self._latest_due(window) else window.due
        if window.synced is None:
            return self._now
        return window.synced + timedelta(seconds=self.interval(window))

    def _latest_due(self, window: WindowState) -> datetime:
        """Return the latest due time that a window in this state may have been given."""
        if is_future(window.attempted, self._now):
            return self._now
        longest = max(self.interval(window), DOUBT_SECONDS)
        if window.failures:
            longest = max(longest, LAST_RETRY_SECONDS)
        if window.number == DAY and window.failures >= GIVEN_UP:
            longest = max(longest, REFUSED_SECONDS)
        latest = self._now + timedelta(seconds=longest) + CLOCK_TOLERANCE
        return max(latest, next_utc_midnight(self._now)) if self._quota_spent else latest

    def ranked(self) -> list[WindowState]:
        """Return what is due now, what is worth most first, without what is leased.

        1. what holds today of a school never fetched: there is no feed without it
        2. a district's day
        3. the rest by how late it is in terms of its own interval; what was never fetched counts as
          one interval late
        """
        due = [
            window
            for window in self._windows
            if not self._leased(window) and self.due(window) <= self._now
        ]
        return sorted(due, key=self._worth)

    def _worth(self, window: WindowState) -> tuple[int, float, int, int]:
        position = self._properties[window.property_id].position
        if window.number == 0 and window.synced is None and not window.failures:
            return 0, 0.0, 0, position
        if window.number == DAY:
            return 1, 0.0, 0, position
        late = 1.0
        if window.synced is not None:
            late = (self._now - self.due(window)).total_seconds() / self.interval(window)
        return 2, -late, window.number, position

    def next_due(self) -> datetime | None:
        """Return when the next window that no worker has leased is due; None when there is none."""
        return min(
            (self.due(window) for window in self._windows if not self._leased(window)), default=None
        )

    def outlook(self) -> dict[str, tuple[Tier, datetime]]:
        """Return each property's tier, as of the window that holds today, and when any window of it
        is next due.
        """
        by_property: dict[str, tuple[Tier, datetime]] = {}
        for window in sorted(self._windows, key=lambda window: abs(window.number)):
            tier, due = by_property.get(window.property_id, (self.tier(window), self.due(window)))
            by_property[window.property_id] = (tier, min(due, self.due(window)))
        return by_property

    def _leased(self, window: WindowState) -> bool:
        return window.leased_until is not None and window.leased_until > self._now


def _credible(window: WindowState, now: datetime) -> WindowState:
    """Return a window without what a clock that stood ahead wrote: when it was fetched, and until
    when it is leased.
    """
    if is_future(window.synced, now):
        window = replace(window, synced=None)
    if is_future(window.leased_until, now + timedelta(seconds=LEASE_SECONDS)):
        window = replace(window, leased_until=None)
    return window


def _read(sync_state: SyncState, now: datetime) -> frozenset[str]:
    """Return the properties that somebody reads; who reads a district reads its schools."""
    lately = [
        (property_id, *state.child_ids)
        for property_id, state in sync_state.properties.items()
        if state.read and now - state.read <= timedelta(days=READ_DAYS)
    ]
    return frozenset(property_id for family in lately for property_id in family)


def _covered(sync_state: SyncState) -> frozenset[str]:
    """Return the schools whose today a district's request brings."""
    working = [
        window
        for window in sync_state.windows
        if window.number == DAY and window.failures < GIVEN_UP
    ]
    return frozenset(
        member
        for window in working
        for member in (window.property_id, *sync_state.properties[window.property_id].child_ids)
    )


def _affordable(grant: Grant, used: int, now: datetime) -> float:
    """Return how many requests a second may be spent from now to the end of the vendor's day; never
    zero.
    """
    left = max(grant.quota_per_day * (1 - RESERVE) - used, 1.0)
    seconds = max((next_utc_midnight(now) - now).total_seconds(), 60.0)
    return min(left / seconds, grant.rate_per_minute * MINUTE_SHARE / 60)


def _cost(window: WindowState, state: PropertyState) -> int:
    """Return how many requests a window takes, as far as it is known to be too heavy for one."""
    if window.span_limit.days:
        return -(-WINDOW_DAYS // window.span_limit.days)
    return WINDOW_DAYS * max(state.facilities, 1)


def due_after_failure(now: datetime, failures: int) -> datetime:
    """Return when a window is tried again after failing `failures` times in a row: soon at first,
    then ever later.
    """
    return now + timedelta(
        seconds=min(FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 10), LAST_RETRY_SECONDS)
    )


def next_utc_midnight(now: datetime) -> datetime:
    """Return when the vendor's quota begins anew."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


def believable(known: int, doubted: datetime | None, now: datetime) -> bool:
    """Say whether an empty answer may be taken at its word, where events were: a second, later one
    settles it.

    `known` is how many events to come the whole property has: where there was little, little may
    well be left.
    """
    if known < PLENTY:
        return True
    return doubted is not None and now - doubted >= timedelta(seconds=DOUBT_SECONDS)
