"""Which request is worth most next: pure arithmetic over what is known, when it was read, and what
the vendor grants.

A property's year is twelve windows of at most 31 calendar days, counted from today in its own zone,
so that both of the vendor's readings of "31 days" hold. Window 0 holds today. A district has one
more, `DAY`: a single request for today that covers all its schools. How often each is asked for is
its tier; when a day's requests do not fit the quota, the tiers' intervals stretch. `run` does the
asking.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.models import CLOCK_TOLERANCE, VENDOR_DAYS_AHEAD, Window, is_future
from icalbridge.store import SpanLimit
from icalbridge.store.leases import CATALOG_SECONDS as CATALOG_SECONDS
from icalbridge.store.leases import LEASE_SECONDS
from icalbridge.store.leases import PARTLY_SECONDS as PARTLY_SECONDS

if TYPE_CHECKING:
    from datetime import date

    from icalbridge.store import PropertyState, SyncState, WindowState

WINDOW_DAYS = 31
WINDOWS = -(-(VENDOR_DAYS_AHEAD + 1) // WINDOW_DAYS)
"""How many windows a property has: today and the 365 days after it."""
DAY = -1
"""The number of a district's request for one day, all its schools included."""

RESERVE = 0.1
"""The share of the day's quota that the plan leaves for people and for retries."""
DISTRICTS_SHARE = 0.25
"""The share of what the plan may spend that the districts' days get at most."""
MINUTE_SHARE = 0.9
"""The share of the minute's rate that the plan counts on; the rest is for what must be asked twice.
"""
GIVEN_UP = 3
"""After so many failures in a row a district's day covers nobody: its schools are asked one by one.
"""
REFUSED_SECONDS = 24 * 3600
"""How long a district's day is left alone after the vendor refused it."""
READ_DAYS = 7
"""A property that nobody read for so long is fetched daily only; the laziest calendar programs ask
once a week.
"""

PLENTY = 3
"""Of a property with this many events to come, a window that comes back empty is not believed the
first time.
"""
DOUBT_SECONDS = 120
"""How much later the second answer must be."""

CLOCKS_DIFFER_SECONDS = 120
"""How far the vendor's clock may be from ours."""
CUT_PATIENCE = 4
"""By so many failures longer a window waits that is asked for in pieces."""
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


class Plan:
    """What one key's windows look like at one moment. Pure: the same arguments give the same
    plan.
    """

    def __init__(self, situation: SyncState, grant: Grant, now: datetime) -> None:
        self._now = now
        self._grant = grant
        self._subjects = situation.subjects
        self._standings = tuple(_credible(each, now) for each in situation.standings)
        self._covered = _covered(situation)
        self._read = _read(situation, now)
        used = situation.quota_used if situation.quota_day == now.astimezone(UTC).date() else 0
        self._quota_spent = used >= grant.quota_per_day
        self._set_pace(_affordable(grant, used, now))

    def _set_pace(self, affordable: float) -> None:
        """Find the intervals that a number of requests a second can pay for.

        A district's day, one request for many schools, keeps its interval as long as it takes no
        more than a share. A school that no district covers is asked as often as today would need,
        if nobody else has to wait for that. When even the tiers' own intervals do not fit, all
        stretch by one factor.
        """
        grant = self._grant
        days = sum(each.number == DAY and self.tier(each) is Tier.TODAY for each in self._standings)
        self._today = max(grant.today, days / (affordable * DISTRICTS_SHARE))
        catalogue = (len(self._subjects) + 1) / CATALOG_SECONDS
        left = max(affordable - days / self._today - catalogue, affordable * DISTRICTS_SHARE)
        costs = dict.fromkeys(Tier, 0)
        alone = 0
        for each in self._standings:
            if each.number == DAY:
                continue
            tier = self.tier(each)
            cost = _cost(each, self._subjects[each.property_id])
            costs[Tier.MONTH if tier is Tier.TODAY else tier] += cost
            alone += cost if tier is Tier.TODAY else 0
        wanted = (
            costs[Tier.MONTH] / grant.month
            + costs[Tier.YEAR] / grant.year
            + costs[Tier.UNREAD] / grant.unread
        )
        self._factor = max(1.0, wanted / left)
        spare = max(0.0, left - wanted)
        self._alone = (
            max(grant.today, alone / (alone / grant.month + spare)) if alone else grant.today
        )
        self.stretch = max(
            self._factor, self._today / grant.today, self._alone * self._factor / grant.today
        )

    def tier(self, standing: WindowState) -> Tier:
        """Return how soon a change in a window must show.

        TODAY is a district's day, and window 0 of a school that no district's day covers.
        """
        subject = self._subjects[standing.property_id]
        if standing.number == DAY:
            return (
                Tier.UNREAD
                if self._read.isdisjoint((standing.property_id, *subject.child_ids))
                else Tier.TODAY
            )
        if standing.property_id not in self._read:
            return Tier.UNREAD
        if standing.number:
            return Tier.YEAR
        return Tier.MONTH if standing.property_id in self._covered else Tier.TODAY

    def interval(self, standing: WindowState) -> float:
        """Return how often a window is asked for at this pace, in seconds."""
        match self.tier(standing):
            case Tier.TODAY if standing.number == DAY:
                return self._today
            case Tier.TODAY:
                return self._alone * self._factor
            case Tier.MONTH:
                return self._grant.month * self._factor
            case Tier.YEAR:
                return self._grant.year * self._factor
            case Tier.UNREAD:
                return self._grant.unread * self._factor

    def due(self, standing: WindowState) -> datetime:
        """Return when a window is due: when it was told to be, else an interval after it was last
        fetched.

        A due time later than this plan would ever set was written by a clock that stood ahead, and
        counts as now.
        """
        if standing.due is not None:
            return self._now if standing.due > self._latest_due(standing) else standing.due
        if standing.synced is None:
            return self._now
        return standing.synced + timedelta(seconds=self.interval(standing))

    def _latest_due(self, standing: WindowState) -> datetime:
        """Return the latest due time that a window in this state may have been given."""
        if is_future(standing.attempted, self._now):
            return self._now
        longest = max(self.interval(standing), DOUBT_SECONDS)
        if standing.failures:
            longest = max(longest, LAST_RETRY_SECONDS)
        if standing.number == DAY and standing.failures >= GIVEN_UP:
            longest = max(longest, REFUSED_SECONDS)
        latest = self._now + timedelta(seconds=longest) + CLOCK_TOLERANCE
        return max(latest, next_utc_midnight(self._now)) if self._quota_spent else latest

    def ranked(self) -> list[WindowState]:
        """Return what is due now, what is worth most first, without what some worker is at.

        1. what holds today of a school never fetched: there is no feed without it
        2. a district's day
        3. the rest by how late it is in terms of its own interval; what was never fetched counts as
          one interval late
        """
        due = [
            each
            for each in self._standings
            if not self._leased(each) and self.due(each) <= self._now
        ]
        return sorted(due, key=self._worth)

    def _worth(self, standing: WindowState) -> tuple[int, float, int, int]:
        position = self._subjects[standing.property_id].position
        if standing.number == 0 and standing.synced is None and not standing.failures:
            return 0, 0.0, 0, position
        if standing.number == DAY:
            return 1, 0.0, 0, position
        late = 1.0
        if standing.synced is not None:
            late = (self._now - self.due(standing)).total_seconds() / self.interval(standing)
        return 2, -late, standing.number, position

    def next_due(self) -> datetime | None:
        """Return when the next window that nobody is at is due; None when there is none."""
        return min(
            (self.due(each) for each in self._standings if not self._leased(each)), default=None
        )

    def outlook(self) -> dict[str, tuple[Tier, datetime]]:
        """Return each property's tier, as of the window that holds today, and when any window of it
        is next due.
        """
        found: dict[str, tuple[Tier, datetime]] = {}
        for each in sorted(self._standings, key=lambda each: abs(each.number)):
            tier, due = found.get(each.property_id, (self.tier(each), self.due(each)))
            found[each.property_id] = (tier, min(due, self.due(each)))
        return found

    def _leased(self, standing: WindowState) -> bool:
        return standing.leased_until is not None and standing.leased_until > self._now


def _credible(standing: WindowState, now: datetime) -> WindowState:
    """Return a window without what a clock that stood ahead wrote: when it was fetched, and until
    when it is leased.
    """
    if is_future(standing.synced, now):
        standing = replace(standing, synced=None)
    if is_future(standing.leased_until, now + timedelta(seconds=LEASE_SECONDS)):
        standing = replace(standing, leased_until=None)
    return standing


def _read(situation: SyncState, now: datetime) -> frozenset[str]:
    """Return the properties that somebody reads; who reads a district reads its schools."""
    lately = [
        (property_id, *each.child_ids)
        for property_id, each in situation.subjects.items()
        if each.read and now - each.read <= timedelta(days=READ_DAYS)
    ]
    return frozenset(property_id for family in lately for property_id in family)


def _covered(situation: SyncState) -> frozenset[str]:
    """Return the schools whose today a district's request brings."""
    working = [
        each for each in situation.standings if each.number == DAY and each.failures < GIVEN_UP
    ]
    return frozenset(
        member
        for each in working
        for member in (each.property_id, *situation.subjects[each.property_id].child_ids)
    )


def _affordable(grant: Grant, used: int, now: datetime) -> float:
    """Return how many requests a second may be spent from now to the end of the vendor's day; never
    zero.
    """
    left = max(grant.quota_per_day * (1 - RESERVE) - used, 1.0)
    seconds = max((next_utc_midnight(now) - now).total_seconds(), 60.0)
    return min(left / seconds, grant.rate_per_minute * MINUTE_SHARE / 60)


def _cost(standing: WindowState, subject: PropertyState) -> int:
    """Return how many requests a window takes, as far as it is known to be too heavy for one."""
    if standing.reach.days:
        return -(-WINDOW_DAYS // standing.reach.days)
    return WINDOW_DAYS * max(subject.facilities, 1)


# days and windows


def today(now: datetime, zone: str) -> date:
    """Return the calendar day at `now` in a property's zone; UTC's where the property has none."""
    return timezones.local_date(now, zone or "UTC")


def window(number: int, day: date) -> Window:
    """Return the window of a number, seen from today; the last one ends with the vendor's
    horizon.
    """
    if number == DAY:
        return Window(day, day)
    start = day + timedelta(days=number * WINDOW_DAYS)
    end = min(start + timedelta(days=WINDOW_DAYS - 1), day + timedelta(days=VENDOR_DAYS_AHEAD))
    return Window(start, end)


def bounds(wanted: Window, zone: str) -> tuple[datetime, datetime]:
    """Return a window's first moment and the first one after it, in UTC."""
    name = zone or "UTC"
    return timezones.midnight(wanted.start, name), timezones.day_bounds(wanted.end, name)[1]


def horizon(now: datetime, zone: str) -> datetime:
    """Return the moment from which on an answer says nothing: the end of the vendor's year."""
    return bounds(window(WINDOWS - 1, today(now, zone)), zone)[1]


# windows that are too heavy


LONGEST_PATIENCE = 64


def to_try(reach: SpanLimit) -> int:
    """Return the span to ask for, in days: what held, and once in a while twice as much."""
    return _longer(reach.days) if reach.steady >= reach.patience else reach.days


def learned(reach: SpanLimit, tried: int, held: int) -> SpanLimit:
    """Return what is known after a window was fetched: `tried` days at first, and `held` those that
    were answered.

    A span that grew and held counts as new; one that grew in vain is tried again only after twice
    as long a wait.
    """
    if held < reach.days:
        return shrunk(reach, held)
    if held > reach.days:
        return SpanLimit(held)
    if tried > held:
        return SpanLimit(held, 0, min(reach.patience * 2, LONGEST_PATIENCE))
    return reach if held == WINDOW_DAYS else reach._replace(steady=reach.steady + 1)


def shrunk(reach: SpanLimit, held: int) -> SpanLimit:
    """Return what is known after a window failed, having been cut down to `held` days for good
    reason or not at all.
    """
    return SpanLimit(held, 0, reach.patience) if held < reach.days else reach


def _longer(days: int) -> int:
    return min(days * 2, WINDOW_DAYS) if days else 1


def pieces(wanted: Window, days: int) -> list[Window]:
    """Cut a window into pieces of at most so many days; of single days for 0."""
    step = days or 1
    return [
        Window(start, min(start + timedelta(days=step - 1), wanted.end))
        for start in (
            wanted.start + timedelta(days=offset) for offset in range(0, wanted.days, step)
        )
    ]


def shorter(days: int) -> int | None:
    """Return the span to try when one was too heavy: half of it, down to 0 for facility by
    facility; None below.
    """
    if days == 0:
        return None
    return 0 if days == 1 else -(-days // 2)


# failures


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
