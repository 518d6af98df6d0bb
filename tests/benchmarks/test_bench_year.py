"""An accelerated year of a district: outages, clock changes, quota cuts, growth; nothing is lost.

The real parts, as in `simulation.py`, with a quota of a few requests a day, so that a day takes
seconds. The vendor fails on some days, grants less on others, and gets new bookings all year.
"""

from __future__ import annotations

import copy
import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge import sandbox
from icalbridge.models import Feed
from icalbridge.store.entries import TimeRange
from icalbridge.sync.pace import Grant
from icalbridge.sync.windows import horizon
from icalbridge.sync.worker import LONGEST_NAP_SECONDS
from tests.benchmarks.simulation import USER, Simulation, open_store, simulation

if TYPE_CHECKING:
    from pathlib import Path

    from icalbridge.models import Entry
    from icalbridge.store import Store

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
OUTAGES = ("503", "reset:p=0.5", "garbage:p=0.3", "429:p=0.2", "empty:p=0.1", "trimmed")
IDLE_SECONDS = 900
"""How long time goes on at least where a worker would look again sooner."""
QUOTA_A_SCHOOL = 3
"""Requests a day and school: little more than the plan needs, so that half of it is too little."""
EDITS_A_DAY = 6


class Year:
    """A simulated year and what must stay of it."""

    def __init__(self, simulated: Simulation, quota: int) -> None:
        self._simulated = simulated
        self._quota = quota
        self._rng = random.Random(3)
        self._touched: set[str] = set()
        self.first = {entry.uid: entry for entry in self._coming(simulated.store)}
        self.cpu: list[float] = []

    def _coming(self, store: Store) -> list[Entry]:
        """Return what a store shows of the rest of the vendor's year."""
        simulated = self._simulated
        now = simulated.clock()
        district = simulated.world.properties[0]
        found = store.read.entries(Feed("property", district["_id"]), TimeRange(now))
        return [
            entry for entry in found if entry.shown and now < entry.start < horizon(now, entry.zone)
        ]

    def live(self, days: int) -> None:
        """Live through some days, and send no request too many on a good one."""
        simulated = self._simulated
        (limits,) = simulated.state.limits.values()
        for day in range(days):
            bad, cut = day % 7 == 3, day % 11 == 5
            limits.quota_per_day = self._quota // 2 if cut else self._quota
            if bad:
                simulated.state.faults.append(sandbox.parse_fault(self._rng.choice(OUTAGES)))
            self._edit()
            begun, sent = time.process_time(), len(simulated.state.requests)
            self._live_until(BEGIN + timedelta(days=day + 1))
            self.cpu.append(time.process_time() - begun)
            simulated.state.faults.clear()
            statuses = {status for *_, status in simulated.state.requests[sent:]}
            assert bad or cut or 429 not in statuses, day
            if day % 30 == 29:
                print(f"day {day + 1}: {sum(self.cpu):.0f} s of CPU", flush=True)

    def _live_until(self, end: datetime) -> None:
        """Let the worker work; where it has nothing to do, time leaps to what is due next."""
        simulated = self._simulated
        clock, worker = simulated.clock, simulated.worker
        while clock.now < end:
            nap = worker.step()
            if nap >= LONGEST_NAP_SECONDS:
                due = min(worker.next_due or end, end)
                nap = max((due - clock.now).total_seconds(), IDLE_SECONDS)
            clock.wait(nap)

    def _edit(self) -> None:
        """Rename, cancel and delete a few bookings, and make new ones, a year ahead too."""
        world, rng = self._simulated.world, self._rng
        for event_id in rng.sample(sorted(world.events), EDITS_A_DAY):
            event = world.events[event_id]
            match rng.randrange(4):
                case 0:
                    world.rename(event_id, f"Renamed {rng.randrange(1000)}")
                case 1:
                    world.set_status(event_id, "Cancelled")
                case 2:
                    world.delete(event_id)
                case _:
                    world.add_event(self._later(event, rng.choice((7, 70, 350))))
                    continue
            self._touched.add(event_id)

    def _later(self, event: dict[str, Any], days: int) -> dict[str, Any]:
        """Return a new event like another one, some days later."""
        new = copy.deepcopy(event) | {"_id": f"new-{self._rng.randrange(10**12)}"}
        new["external_system_event_id"] = None
        for slot in new["timeslots"] or ():
            for name in ("start_datetime", "end_datetime"):
                text = slot[name]
                if isinstance(text, str):
                    moved = datetime.fromisoformat(text) + timedelta(days=days)
                    slot[name] = moved.isoformat()
        return new

    def require_truth(self, folder: Path) -> None:
        """After quiet days it shows what a new database shows, and nothing changed its UID."""
        simulated = self._simulated
        for _ in range(4):
            simulated.clock.wait(86_400)
            simulated.sync_everything(simulated.store)
        anew = open_store(folder / "anew.db")
        simulated.sync_everything(anew)
        now = simulated.clock()
        coming, expected = self._coming(simulated.store), Counter(map(_shown, self._coming(anew)))
        anew.close()
        assert Counter(map(_shown, coming)) == expected
        uids = {(entry.event_id, entry.start): entry.uid for entry in coming}
        for uid, entry in self.first.items():
            if entry.event_id not in self._touched and entry.start > now:
                assert uids[entry.event_id, entry.start] == uid


def _shown(entry: Entry) -> tuple[object, ...]:
    """Return what readers see of an entry."""
    return entry.key, entry.start, entry.end, entry.facility_id, entry.name, entry.location


def _live(folder: Path, schools: int, days: int) -> None:
    quota = max(QUOTA_A_SCHOOL * schools, 100)
    grant = Grant(120, quota, 3600, 4 * 3600, 86_400, 3 * 86_400, 7 * 86_400)
    with simulation(
        folder,
        schools=schools,
        vendor="days-90",
        begin=BEGIN - timedelta(hours=1),  # the first sync takes from the quota of that day
        grant=grant,
        facilities=2,
        bookings=1,
        first_quota=10**6,
    ) as simulated:
        year = Year(simulated, quota)
        begun = len(simulated.state.requests)
        before = (folder / "simulated.db").stat().st_size
        year.live(days)
        statuses = Counter(status for *_, status in simulated.state.requests[begun:])
        after = (folder / "simulated.db").stat().st_size
        year.require_truth(folder)
        counted = simulated.store.read.health(simulated.clock()).counters
    wrong = {name: count for name, count in counted.items() if name.startswith("disagreements")}
    print(
        f"\n{schools} schools, {days} days: {statuses.total():,} requests {dict(statuses)},"
        f" {sum(year.cpu):.0f} s of CPU;"
        f" database {before / 1e6:.1f} MB, then {after / 1e6:.1f} MB; contradictions {wrong};"
        f" key {USER}"
    )


def test_two_weeks(tmp_path: Path) -> None:
    """A short form, with two bad days and a cut of the quota."""
    _live(tmp_path, 4, 14)


@pytest.mark.soak
def test_year(tmp_path: Path) -> None:
    """Sixty schools, and both clock changes."""
    _live(tmp_path, 60, 365)
