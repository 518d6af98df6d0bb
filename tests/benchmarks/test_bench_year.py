"""An accelerated year of a district: outages, clock changes, quota cuts, growth; nothing is lost.

The real parts, as in `simulation.py`, with a quota of a few requests a day, so that a day takes
seconds. The vendor fails on some days, grants less on others, and gets new bookings all year.
"""

from __future__ import annotations

import copy
import random
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge import sandbox
from icalbridge.models import Feed
from icalbridge.store.entries import TimeRange
from icalbridge.sync.pace import Grant
from icalbridge.sync.worker import LONGEST_NAP_SECONDS
from tests.benchmarks.simulation import USER, Simulation, simulation

if TYPE_CHECKING:
    from pathlib import Path

    from icalbridge.models import Entry

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
OUTAGES = ("503", "reset:p=0.5", "garbage:p=0.3", "429:p=0.2", "empty:p=0.1", "trimmed")
IDLE_SECONDS = 900
"""How long time goes on where a worker would look again sooner."""
QUOTA_A_SCHOOL = 8
"""Requests a day and school."""


class Year:
    """A simulated year and what must stay of it."""

    def __init__(self, simulated: Simulation, quota: int) -> None:
        self._simulated = simulated
        self._quota = quota
        self._rng = random.Random(3)
        self._touched: set[str] = set()
        self.first = {entry.uid: entry for entry in self._coming()}
        self.cpu: list[float] = []

    def _coming(self) -> list[Entry]:
        simulated = self._simulated
        district = Feed("property", simulated.world.properties[0]["_id"])
        found = simulated.store.read.entries(district, TimeRange(simulated.clock()))
        return [entry for entry in found if entry.shown and entry.end > simulated.clock()]

    def live(self, days: int) -> None:
        """Live through some days."""
        simulated = self._simulated
        for day in range(days):
            end = BEGIN + timedelta(days=day + 1)
            cut = day % 11 == 5
            (limits,) = simulated.state.limits.values()
            limits.quota_per_day = self._quota // 2 if cut else self._quota
            simulated.state.faults[:] = (
                [sandbox.parse_fault(self._rng.choice(OUTAGES))] if day % 7 == 3 else []
            )
            self._edit()
            begun = time.process_time()
            while simulated.clock.now < end:
                nap = simulated.worker.step()
                simulated.clock.wait(nap if nap < LONGEST_NAP_SECONDS else IDLE_SECONDS)
            self.cpu.append(time.process_time() - begun)
            if day % 7 == 3:
                simulated.state.faults.clear()

    def _edit(self) -> None:
        """Rename, cancel and delete a few bookings, and make new ones, a year ahead too."""
        world, rng = self._simulated.world, self._rng
        for event_id in rng.sample(sorted(world.events), 6):
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

    def require_truth(self) -> None:
        """After a quiet day everything is as the vendor has it, and nothing changed its UID."""
        simulated = self._simulated
        (limits,) = simulated.state.limits.values()
        limits.quota_per_day = limits.rate_per_minute = 10**9
        for _ in range(4):
            simulated.clock.wait(86_400)
            report = simulated.sync.everything()
        assert report.failures == []
        now = simulated.clock()
        shown = {(entry.event_id, entry.start): entry.uid for entry in self._coming()}
        assert {event_id for event_id, _ in shown} <= set(simulated.world.events)
        for uid, entry in self.first.items():
            if entry.event_id not in self._touched and entry.start > now:
                assert shown[entry.event_id, entry.start] == uid


def _live(folder: Path, schools: int, days: int) -> None:
    quota = max(QUOTA_A_SCHOOL * schools, 100)
    grant = Grant(120, quota, 3600, 4 * 3600, 86_400, 3 * 86_400, 7 * 86_400)
    with simulation(
        folder,
        schools=schools,
        vendor="days-90",
        begin=BEGIN,
        grant=grant,
        facilities=2,
        bookings=1,
        first_quota=10**6,
    ) as simulated:
        year = Year(simulated, quota)
        begun = len(simulated.state.requests)
        before = (folder / "simulated.db").stat().st_size
        year.live(days)
        statuses = [status for *_, status in simulated.state.requests[begun:]]
        after = (folder / "simulated.db").stat().st_size
        year.require_truth()
        counted = simulated.store.read.health(simulated.clock()).counters
    wrong = {name: count for name, count in counted.items() if name.startswith("disagreements")}
    print(
        f"\n{schools} schools, {days} days: {len(statuses):,} requests, {sum(year.cpu):.0f} s of CPU;"
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
