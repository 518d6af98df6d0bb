"""Schedule: which window is worth fetching next, given how old each is, who reads it, and what the
vendor grants. Pure.

`coverage` decides what each window is for, `pace` how often that is fetched.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from icalbridge.models import CLOCK_TOLERANCE, WINDOW_DAYS, is_future
from icalbridge.store.leases import CATALOG_SECONDS as CATALOG_SECONDS
from icalbridge.store.leases import LEASE_SECONDS, READ_DAYS
from icalbridge.store.leases import PARTLY_SECONDS as PARTLY_SECONDS
from icalbridge.sync.coverage import GIVEN_UP as GIVEN_UP
from icalbridge.sync.coverage import PROBE_EVERY as PROBE_EVERY
from icalbridge.sync.coverage import day_need, find_coverage
from icalbridge.sync.liveliness import find_weights, is_near
from icalbridge.sync.pace import DISTRICTS_SHARE, Need, find_intervals, target_interval
from icalbridge.sync.pace import Grant as Grant
from icalbridge.sync.pace import Tier as Tier
from icalbridge.sync.windows import DAY, WINDOWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icalbridge.store import PropertyState, SyncState, WindowState

RESERVE = 0.06
"""The share of the day's quota that the plan leaves for people and for retries."""
MINUTE_SHARE = 0.9
"""The share of the minute's rate that the plan counts on; the rest is for what must be sent twice.
"""
BUSY_SHARE = 0.8
"""The share of its time that one worker may wait for answers: what takes longer than the quota's
pace costs more than a request.
"""
HEAVY_OCTETS = 10_000_000
"""The size of an answer that costs as much as a request more."""
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
LAST_DAY_RETRY_SECONDS = 6 * 3600
"""The longest wait for a district's day that fails: its schools are fetched by themselves."""

NEAR_FIRST = 2
"""How many times as late a school counts where something begins soon or just changed."""
UNREAD = Need(Tier.UNREAD)


class Schedule:
    """What one key's windows look like at one moment. Pure: the same arguments give the same
    plan.
    """

    def __init__(self, sync_state: SyncState, grant: Grant, now: datetime) -> None:
        self._now = now
        self._grant = grant
        self._properties = sync_state.properties
        used = sync_state.quota_used if sync_state.quota_day == now.astimezone(UTC).date() else 0
        self._quota_spent = used >= grant.quota_per_day
        self._left = max(grant.quota_per_day * (1 - RESERVE) - used, 0.0)
        self._affordable = _affordable(grant, self._left, now)
        self._costs = sync_state.costs
        self._read = _read(sync_state, now)
        self.coverage = find_coverage(sync_state, grant, now, self._price)
        self._weights = find_weights(sync_state.properties, self.coverage.heavy, now)
        self._needs = self._find_needs()
        self._windows = [
            _credible(window, now)
            for window in sync_state.windows
            if window.number >= 0 or self.coverage.fetches(window)
        ]
        self._set_pace()
        self._dues: list[tuple[datetime, WindowState]] | None = None

    def _find_needs(self) -> dict[str, list[Need]]:
        """Return what each property's own windows are for; alike properties share a list."""
        unread, known = [UNREAD] * WINDOWS, dict[tuple[int, int], list[Need]]()
        schools, quiet = self.coverage.schools, self.coverage.quiet
        needs = {}
        for property_id in self._properties:
            kind = schools.get(property_id, -1), quiet.get(property_id, -1)
            if property_id not in self._read:
                needs[property_id] = unread
                continue
            if kind not in known:
                own = range(WINDOWS)
                known[kind] = [self.coverage.need(property_id, number) for number in own]
            needs[property_id] = known[kind]
        return needs

    def _price(self, kind: str) -> float:
        """Return what a request costs, in requests: more if it takes long or is large."""
        known = self._costs.get(kind)
        if known is None:
            return 1.0
        slow = known.seconds * self._affordable / BUSY_SHARE
        return max(1.0, slow) + known.octets / HEAVY_OCTETS

    def _set_pace(self) -> None:
        """Find the intervals that the affordable requests can pay for."""
        costs: dict[Need, float] = {}
        prices = {
            kind: self._price(kind)
            for kind in ("district-day", "property-events", "facility-events")
        }
        for window in self._windows:
            need = self._need(window)
            if window.number < 0 and window.failures >= GIVEN_UP:
                continue  # tried again now and then
            if window.number < 0:
                cost = prices["district-day"]
            elif window.span_limit.days == WINDOW_DAYS:
                cost = prices["property-events"] / self._mean_weight(window, need)
            else:
                state = self._properties[window.property_id]
                cost = _cost(window, state, prices) / self._mean_weight(window, need)
            costs[need] = costs.get(need, 0.0) + cost
        catalog = (len(self._properties) + 1) / CATALOG_SECONDS
        left = max(self._affordable - catalog, self._affordable * DISTRICTS_SHARE)
        self.intervals = find_intervals(costs, self._grant, left, ranked=bool(self.coverage.heavy))
        self._own_intervals = {
            property_id: [
                self.intervals.get(need, target_interval(need, self._grant))
                * self._weight(property_id, need)
                for need in needs
            ]
            for property_id, needs in self._needs.items()
        }
        stretches = [self.intervals[need] / target_interval(need, self._grant) for need in costs]
        self.stretch = max([1.0, *stretches])

    def _need(self, window: WindowState) -> Need:
        if window.number >= 0:
            return self._needs[window.property_id][window.number]
        children = self._properties[window.property_id].child_ids
        if self._read.isdisjoint((window.property_id, *children)):
            return UNREAD
        return day_need(DAY - window.number)

    def _weight(self, property_id: str, need: Need) -> float:
        """Return by what factor a window's interval is longer than its tier's."""
        if need.tier in {Tier.UNREAD, Tier.DISTRICT}:
            return 1.0
        weights = self._weights[property_id]
        return weights.today if need.tier is Tier.TODAY else weights.rest

    def _mean_weight(self, window: WindowState, need: Need) -> float:
        """Return the same over the day to come."""
        if need.tier is Tier.TODAY:
            return self._weights[window.property_id].today_on_average
        return self._weight(window.property_id, need)

    def tier(self, window: WindowState) -> Tier:
        """Return how soon a change in a window must show."""
        return self._need(window).tier

    def interval(self, window: WindowState) -> float:
        """Return how often a window is fetched at this pace, in seconds."""
        if window.number < 0:
            return self.intervals[self._need(window)]
        return self._own_intervals[window.property_id][window.number]

    def due(self, window: WindowState) -> datetime:
        """Return when a window is due: when it was set to be, else an interval after it was last
        fetched.

        A due time later than this plan would ever set was written by a clock that stood ahead, and
        counts as now. What can wait is due tomorrow where only the reserve is left.
        """
        if self._left < 1 and _can_wait(window):
            return max(self._due(window), next_utc_midnight(self._now))
        return self._due(window)

    def _due(self, window: WindowState) -> datetime:
        if window.number < 0 and self._is_probe(window):
            return max(window.due or self._now, self._now)
        if window.due is not None:
            return self._now if window.due > self._latest_due(window) else window.due
        if window.synced is None:
            return self._now
        return window.synced + timedelta(seconds=self.interval(window))

    def _is_probe(self, window: WindowState) -> bool:
        return self.coverage.probe == (window.property_id, DAY - window.number)

    def _latest_due(self, window: WindowState) -> datetime:
        """Return the latest due time that a window in this state may have been given."""
        if is_future(window.attempted, self._now):
            return self._now
        longest = max(self.interval(window), DOUBT_SECONDS)
        if window.failures:
            longest = max(longest, LAST_RETRY_SECONDS)
        if window.number < 0:
            longest = max(longest, LAST_DAY_RETRY_SECONDS, PROBE_EVERY.total_seconds())
        latest = self._now + timedelta(seconds=longest) + CLOCK_TOLERANCE
        return max(latest, next_utc_midnight(self._now)) if self._quota_spent else latest

    def ranked(self) -> list[WindowState]:
        """Return what is due now, what is worth most first, without what is leased.

        1. what has today of a school never fetched: there is no feed without it
        2. a district's today
        3. the rest by how late it is in terms of its own interval; what was never fetched counts as
          one interval late

        What can wait is no more than the day's requests without the reserve.
        """
        due = [window for moment, window in self._free() if moment <= self._now]
        left = itertools.count(self._left, -1)
        return [
            window
            for window in sorted(due, key=self._worth)
            if not _can_wait(window) or next(left) >= 1
        ]

    def _free(self) -> list[tuple[datetime, WindowState]]:
        """Return the windows that no worker has leased, and when they are due."""
        if self._dues is None:
            self._dues = [
                (self.due(window), window)
                for window in self._windows
                if window.leased_until is None or window.leased_until <= self._now
            ]
        return self._dues

    def _worth(self, window: WindowState) -> tuple[int, float, int, int]:
        position = self._properties[window.property_id].position
        if window.number == 0 and window.synced is None and not window.failures:
            return 0, 0.0, 0, position
        if window.number == DAY:
            return 1, 0.0, 0, position
        late = 1.0
        if window.synced is not None:
            late = (self._now - self.due(window)).total_seconds() / self.interval(window)
            if is_near(self._properties[window.property_id], self._now):
                late *= NEAR_FIRST
        return 2, -late, window.number, position

    @property
    def windows(self) -> Sequence[WindowState]:
        """The windows that are fetched at all: not the districts' days that cost too much."""
        return self._windows

    def next_due(self) -> datetime | None:
        """Return when the next window that no worker has leased is due; None when there is none."""
        return min((moment for moment, _ in self._free()), default=None)

    def outlook(self) -> dict[str, tuple[Tier, datetime]]:
        """Return each property's tier, as of the window that holds today, and when any window of it
        is next due.
        """
        by_property: dict[str, tuple[Tier, datetime]] = {}
        for window in sorted(self._windows, key=lambda window: abs(window.number)):
            tier, due = by_property.get(window.property_id, (self.tier(window), self.due(window)))
            by_property[window.property_id] = (tier, min(due, self.due(window)))
        return by_property


def _credible(window: WindowState, now: datetime) -> WindowState:
    """Return a window without what a clock that stood ahead wrote: when it was fetched, and until
    when it is leased.
    """
    if is_future(window.synced, now):
        window = window._replace(synced=None)
    if is_future(window.leased_until, now + timedelta(seconds=LEASE_SECONDS)):
        window = window._replace(leased_until=None)
    return window


def _read(sync_state: SyncState, now: datetime) -> frozenset[str]:
    """Return the properties that somebody reads; who reads a district reads its schools."""
    lately = [
        (property_id, *state.child_ids)
        for property_id, state in sync_state.properties.items()
        if state.read and now - state.read <= timedelta(days=READ_DAYS)
    ]
    return frozenset(property_id for family in lately for property_id in family)


def _affordable(grant: Grant, left: float, now: datetime) -> float:
    """Return how many requests a second may be spent from now to the end of the vendor's day, of
    those that the plan has left; never zero.
    """
    seconds = max((next_utc_midnight(now) - now).total_seconds(), 60.0)
    return min(max(left, 1.0) / seconds, grant.rate_per_minute * MINUTE_SHARE / 60)


def _can_wait(window: WindowState) -> bool:
    """Say whether a window was fetched before and is not a district's today."""
    return window.synced is not None and window.number != DAY


def _cost(window: WindowState, state: PropertyState, prices: Mapping[str, float]) -> float:
    """Return what a window costs that is known to be too heavy for one request, in requests."""
    if window.span_limit.days:
        return -(-WINDOW_DAYS // window.span_limit.days) * prices["property-events"]
    return WINDOW_DAYS * max(state.facilities, 1) * prices["facility-events"]


def due_after_failure(now: datetime, failures: int, longest: int = LAST_RETRY_SECONDS) -> datetime:
    """Return when a window is tried again after failing `failures` times in a row: soon at first,
    then ever later.
    """
    return now + timedelta(seconds=min(FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 10), longest))


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
