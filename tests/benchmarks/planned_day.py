"""A day of the plan alone: the real decisions, a vendor and a store that are three lines each.

What takes minutes with every part (`simulation.py`) takes seconds here, so that all sizes and all
vendors can be lived through. A worker does one request after another; an edit shows when a request
that covers its day and its school comes after it.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from icalbridge.models import LAST_DISTRICT_DAY, RequestCost, window_with
from icalbridge.store import DaysGranted, PropertyState, SyncState, WindowState
from icalbridge.sync import windows as sync_windows
from icalbridge.sync.coverage import GIVEN_UP
from icalbridge.sync.schedule import Grant, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
SECONDS = 1.0
"""How long a request takes."""
PLAN_AGAIN = timedelta(minutes=3)
"""How often the plan is made anew; a worker makes it for each request."""
BOOKINGS_A_DAY = 2
"""Of each school, between 8 and 22 o'clock."""
NEAR = timedelta(hours=2)
RETRY = timedelta(hours=6)
"""How often a district's day that is too heavy is tried."""
TIERS = {"today": (0, 0), "week": (1, 7), "month": (8, 30), "quarter": (31, 90), "year": (91, 365)}
EDITS = 400
"""Of each tier."""
VENDORS = {
    "days-90": (DaysGranted(90), 0),
    "days-7": (DaysGranted(7, 30, MIDNIGHT), 0),
    "days-refused": (DaysGranted(-1, 0, MIDNIGHT), 0),
    "days-too-heavy": (DaysGranted(7, 30, MIDNIGHT), GIVEN_UP),
    "answers-6-mb": (DaysGranted(7, 30, MIDNIGHT), GIVEN_UP),
}
"""How far ahead districts' days are answered, and how often today failed."""


@dataclass
class PlannedEdit:
    """An edit of a school's booking, so many days ahead."""

    made: datetime
    tier: str
    school: str
    offset: int
    seen: datetime | None = None

    @property
    def seconds(self) -> float:
        end = MIDNIGHT + timedelta(days=1)
        return ((self.seen or end) - self.made).total_seconds()


@dataclass
class PlannedDay:
    """What a day came to."""

    requests: int = 0
    edits: list[PlannedEdit] = field(default_factory=list)
    stretches: list[float] = field(default_factory=list)

    def late(self, tier: str, share: float) -> float:
        """Return how many seconds that share of a tier's edits took at most."""
        spans = sorted(edit.seconds for edit in self.edits if edit.tier == tier)
        return spans[min(int(len(spans) * share), len(spans) - 1)]

    @property
    def stretch(self) -> float:
        """By how much the intervals were stretched, half of the day."""
        return sorted(self.stretches)[len(self.stretches) // 2]


class Simulated:
    """A district of some schools and its windows, by what a vendor answers."""

    def __init__(self, schools: int, vendor: str, seed: int, bookings: int) -> None:
        rng = random.Random(seed)
        self._bookings = bookings
        self.reach, failures = VENDORS[vendor]
        self.names = [f"school-{number}" for number in range(schools)]
        self.starts = {name: sorted(self._starts(rng)) for name in self.names}
        begun = MIDNIGHT - timedelta(hours=12)
        named = MIDNIGHT if self.reach.days >= 0 and not failures else None
        self.windows = {
            (name, number): WindowState(name, number, begun + timedelta(hours=12) * rng.random())
            for name in (*self.names, "district")
            for number in range(sync_windows.WINDOWS)
        }
        for offset in range(LAST_DISTRICT_DAY + 1):
            number = sync_windows.day_number(offset)
            last = MIDNIGHT - timedelta(seconds=60 * rng.random())
            self.windows["district", number] = WindowState(
                "district",
                number,
                last,
                failures=failures,
                due=MIDNIGHT + RETRY if failures else None,
            )
        self.named = named
        self.edits = list(self._edits(rng))

    def _starts(self, rng: random.Random) -> Iterator[datetime]:
        for _ in range(self._bookings):
            yield MIDNIGHT + timedelta(hours=8 + 14 * rng.random())

    def _edits(self, rng: random.Random) -> Iterator[PlannedEdit]:
        for tier, (first, last) in TIERS.items():
            for _ in range(EDITS):
                school = rng.choice(self.names)
                made = MIDNIGHT + timedelta(days=1) * rng.random() * (0.6 if tier == "year" else 1)
                if tier == "today":
                    made = MIDNIGHT + (rng.choice(self.starts[school]) - MIDNIGHT) * rng.random()
                yield PlannedEdit(made, tier, school, rng.randint(first, last))
        for _ in range(EDITS):
            school = rng.choice(self.names)
            made = rng.choice(self.starts[school]) - NEAR * rng.random()
            yield PlannedEdit(made, "near", school, 0)

    def state(self, now: datetime, used: int) -> SyncState:
        known = {
            name: PropertyState(
                1,
                read=now,
                named=self.named and now,
                next_start=next((start for start in self.starts[name] if start > now), None),
                starts=sum(start > now for start in self.starts[name]),
            )
            for name in self.names
        }
        known["district"] = PropertyState(0, tuple(self.names), 1, now, self.named and now)
        costs = {"property-events": RequestCost(100, 0, 100_000, SECONDS)}
        return SyncState(known, tuple(self.windows.values()), now.date(), used, self.reach, costs)


def live_a_planned_day(
    schools: int, vendor: str, *, seed: int = 5, bookings: int = BOOKINGS_A_DAY
) -> PlannedDay:
    """Live through a day from midnight to midnight UTC."""
    simulated, day, now = Simulated(schools, vendor, seed, bookings), PlannedDay(), MIDNIGHT
    day.edits = simulated.edits
    waiting: dict[tuple[str, int], list[PlannedEdit]] = {}
    for edit in simulated.edits:
        waiting.setdefault((edit.school, window_with(edit.offset)), []).append(edit)
        if edit.offset <= LAST_DISTRICT_DAY:
            key = ("district", sync_windows.day_number(edit.offset))
            waiting.setdefault(key, []).append(edit)
    grant, end = Grant(), MIDNIGHT + timedelta(days=1)
    while now < end:
        planned = Schedule(simulated.state(now, day.requests), grant, now)
        day.stretches.append(planned.stretch)
        until = now + PLAN_AGAIN
        due = [_entry(planned, window) for window in planned.windows]
        heapq.heapify(due)
        while due[0][0] < until and now < until:
            moment, property_id, number = heapq.heappop(due)
            window = simulated.windows[property_id, number]
            asked = max(now, moment)
            now = asked + timedelta(seconds=SECONDS)
            day.requests += 1
            if window.failures:
                window = window._replace(due=now + RETRY)
            else:
                window = window._replace(synced=now, due=None)
                for edit in waiting.get((property_id, number), ()):
                    if edit.seen is None and edit.made <= asked:
                        edit.seen = now
            simulated.windows[property_id, number] = window
            heapq.heappush(due, _entry(planned, window))
        now = max(now, until)
    return day


def _entry(planned: Schedule, window: WindowState) -> tuple[datetime, str, int]:
    """Return when a window is fetched; a district's today comes before what is due with it."""
    ahead = timedelta(seconds=2 * SECONDS if window.number == sync_windows.DAY else 0)
    return planned.due(window) - ahead, window.property_id, window.number
