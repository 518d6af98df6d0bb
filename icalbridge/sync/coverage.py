"""Coverage: which days of a school a district's days cover, and which its own windows do. Pure.

A district's day is one request for one day of all schools, a school's window one for 31 days of one
school. Districts' days are taken as far ahead as they are answered, cost less, and succeeded nearer
by. How far ahead the vendor answers them is learned by a probe now and then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.models import LAST_DISTRICT_DAY
from icalbridge.store.district_days import NAMED_SECONDS
from icalbridge.sync import windows as sync_windows
from icalbridge.sync.pace import Need, Tier, target_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from icalbridge.store import DaysGranted, PropertyState, SyncState, WindowState
    from icalbridge.sync.pace import Grant

GIVEN_UP = 3
"""After so many failures in a row a district's day covers no school: each is fetched by itself.
"""
LAST_DAYS = (0, 7, 30, 61, LAST_DISTRICT_DAY)
"""Up to which day districts' days may be taken: where a tier or a school's window ends."""
PROBE_EVERY = timedelta(days=1)
"""How long after a refusal a district's day that far ahead is tried again."""


def day_need(offset: int) -> Need:
    """Return what a district's day is for."""
    ends = zip((0, 7, 30), (Tier.TODAY, Tier.WEEK, Tier.MONTH), strict=True)
    return Need(next((tier for last, tier in ends if offset <= last), Tier.QUARTER), by_day=True)


@dataclass(slots=True)
class Coverage:
    """What districts' days cover at one moment."""

    last: dict[str, int] = field(default_factory=dict)
    """Up to which day the days of a district are fetched; -1: none."""
    tried: dict[str, int] = field(default_factory=dict)
    """Up to which day those that fail are tried again."""
    probe: tuple[str, int] | None = None
    """The district and the day to find out how far ahead days are answered."""
    schools: dict[str, int] = field(default_factory=dict)
    """Up to which day a school is covered."""
    quiet: dict[str, int] = field(default_factory=dict)
    """Up to which day the others might be covered: nothing is known of them that could show it."""
    heavy: set[str] = field(default_factory=set)
    """The members of districts whose day is too heavy."""

    def fetches(self, window: WindowState) -> bool:
        """Return whether a district's day is fetched."""
        offset = sync_windows.DAY - window.number
        if offset <= self.tried.get(window.property_id, -1):
            return True
        return self.probe == (window.property_id, offset)

    def need(self, property_id: str, number: int) -> Need:
        """Return what an own window of a property that is read is for."""
        last = self.schools.get(property_id, -1)
        if sync_windows.offsets(number)[1] <= last:
            return Need(Tier.DISTRICT)
        if number == 0:
            last = max(last, self.quiet.get(property_id, -1))
            return Need({-1: Tier.TODAY, 0: Tier.WEEK}.get(last, Tier.MONTH))
        return Need(Tier.QUARTER if number in {1, 2} else Tier.YEAR)


def find_coverage(
    state: SyncState, grant: Grant, now: datetime, price: Callable[[str], float]
) -> Coverage:
    """Return what the districts' days of a key cover.

    `price`: what a request of a kind costs, in requests.
    """
    coverage = Coverage()
    for district_id, days in _days_by_district(state).items():
        district = state.properties[district_id]
        members = [
            member for member in (district_id, *district.child_ids) if member in state.properties
        ]
        if len(members) == 1:
            continue
        possible, blocked = _possible(days, state.reach)
        best = _cheapest(possible, len(members), grant, price)
        coverage.last[district_id] = best
        coverage.tried[district_id] = blocked if best == possible else best
        far = _cheapest(LAST_DISTRICT_DAY, len(members), grant, price)
        offset = _probed(state.reach, now)
        usable = max((last for last in LAST_DAYS if last <= state.reach.days), default=-1)
        if offset in days and possible == usable and far > best and not coverage.probe:
            coverage.probe = (district_id, offset)
        if possible < 0 <= state.reach.days and days[0].failures >= GIVEN_UP:
            coverage.heavy.update(members)
        _add_schools(coverage, state, members, days.values(), best, now)
    return coverage


def _days_by_district(state: SyncState) -> dict[str, dict[int, WindowState]]:
    days: dict[str, dict[int, WindowState]] = {}
    for window in state.windows:
        if window.number < 0:
            days.setdefault(window.property_id, {})[sync_windows.DAY - window.number] = window
    return {
        district_id: of_district for district_id, of_district in days.items() if 0 in of_district
    }


def _possible(days: Mapping[int, WindowState], reach: DaysGranted) -> tuple[int, int]:
    """Return up to which day all days work, and up to which those that fail are tried again.

    What is further than a step ahead is tried only when the nearer days were fetched.
    """
    possible = -1
    for last in LAST_DAYS:
        step = range(possible + 1, last + 1)
        if last > reach.days or any(offset not in days for offset in step):
            return possible, possible
        if any(days[offset].failures >= GIVEN_UP for offset in step):
            return possible, last
        possible = last
        if any(days[offset].synced is None for offset in step):
            return possible, possible
    return possible, possible


def _cheapest(possible: int, members: int, grant: Grant, price: Callable[[str], float]) -> int:
    """Return up to which day districts' days cost less than windows, at the target intervals."""
    day, window = price("district-day"), price("property-events") * members

    def cost(last: int) -> float:
        days = sum(day / target_interval(day_need(offset), grant) for offset in range(last + 1))
        near = {-1: grant.today, 0: grant.week, 7: grant.month}.get(last, grant.unread)
        middle = (last < 61) + (last < LAST_DISTRICT_DAY)
        return days + window / near + window * middle / grant.quarter

    return min((last for last in (-1, *LAST_DAYS) if last <= possible), key=cost)


def _probed(reach: DaysGranted, now: datetime) -> int | None:
    """Return which day to try: the next that would be of use, a day after it was refused."""
    waits = reach.refused_at is not None and now - PROBE_EVERY < reach.refused_at <= now
    further = (last for last in LAST_DAYS if last > reach.days)
    return None if waits else next(further, None)


def _add_schools(
    coverage: Coverage,
    state: SyncState,
    members: Iterable[str],
    days: Iterable[WindowState],
    last: int,
    now: datetime,
) -> None:
    """Note which members of a district its days cover: those that a day had something of lately."""
    silent = frozenset().union(*(window.silent for window in days))
    for member in members:
        if member in silent or last < 0:
            continue
        if _named_lately(state.properties[member], now):
            coverage.schools[member] = max(coverage.schools.get(member, -1), last)
        else:
            coverage.quiet[member] = max(coverage.quiet.get(member, -1), last)


def _named_lately(known: PropertyState, now: datetime) -> bool:
    return known.named is not None and now - known.named <= timedelta(seconds=NAMED_SECONDS)
