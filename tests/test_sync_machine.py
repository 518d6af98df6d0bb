"""Edits, faults, syncs, restarts and midnights in any order: after a quiet full sync the store is the vendor's truth.

Hypothesis finds the order. What must hold at every moment is checked after each step, what a sync brings after a quiet
one. Timeslots are followed by a serial number, which the vendor's objects carry and our client never reads.
"""

from __future__ import annotations

import copy
import itertools
import shutil
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from icalbridge import sandbox
from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.store import Store
from icalbridge.store.tables import counters, entries, events, metadata
from icalbridge.sync import plan
from icalbridge.sync.identity import REVIVAL
from icalbridge.sync.run import Sync
from tests.any_world import fill
from tests.fixtures.bridges import KEY, START, Bridge, bridge
from tests.fixtures.workers import GRANTED, Agency, Hired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from icalbridge.model import Entry
    from icalbridge.sandbox.world import Dto

Place = tuple[str, str, datetime, datetime]
"""What is compared: event, facility, start and end."""

DISTRICT, SCHOOL = "district", "school"
ZONES = ("America/Los_Angeles", "America/New_York", "Pacific/Auckland")
HISTORY = timedelta(days=60)
FEWEST = plan.PLENTY + 2
"""So many events stay to come, so that an empty answer is always an implausible one."""
LEASE = timedelta(seconds=301)
DOUBT = timedelta(seconds=plan.DOUBT_SECONDS)

FAULTS = (
    *("401", "403", "404", "500", "503", "reset", "truncated", "html", "garbage", "null"),
    *("503:p=0.3", "truncated:p=0.5", "reset:p=0.3", "429:first=4", "hang:seconds=0,p=0.3"),
    *("null:endpoint=property-events,p=0.5", "empty:endpoint=facilities", "empty:endpoint=properties"),
)
EMPTY = ("empty", "empty:endpoint=property-events", "empty:p=0.5", "empty:endpoint=facility-events")
EDITS = ("rename", "move", "move", "place_anew", "suspend", "cancel", "delete", "activate again", "add")
MOVES = (-48, -24, -3, 1, 2, 24, 24 * 7, 24 * 31, 24 * 100)
"""In hours."""
HEAVY = ("503:endpoint=property-events,days=17", "504:endpoint=property-events,days=9")


@dataclass
class Stage:
    """A vendor whose world is exchanged for each run, and a way to an empty database."""

    vendor: Bridge
    fresh: Callable[[], str]


@dataclass
class Memory:
    """What the last quiet sync left, and what was done upstream since."""

    at: datetime
    shown: dict[int, Place] = field(default_factory=dict)
    """By serial number."""
    uids: dict[Place, str] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    """Events that were edited in any way."""
    moved: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    """Timeslots that were not to be seen for a while, or still are not."""
    ends: dict[int, list[datetime]] = field(default_factory=dict)
    """All ends that a timeslot had."""


class Machine(RuleBasedStateMachine):
    """One deployment, one vendor, one clock."""

    stage: Stage
    """Where it is played; said by `play`."""

    def __init__(self) -> None:
        super().__init__()
        stage = self.stage
        self._serials = itertools.count()
        self._names = itertools.count()
        self._open = ExitStack()
        self._vendor = stage.vendor
        self._vendor.heal()
        self._vendor.clock.now = START
        self._url = stage.fresh()
        self._deleted: dict[str, Dto] = {}
        self._ever: set[Place] = set()
        self._sequences: dict[str, int] = {}
        self._revision: tuple[int, object] = (0, None)
        self._emptied = False
        self._heavy = False
        self._left_behind = False
        self._start()

    def _start(self) -> None:
        store = Store.connect(self._url)
        store.write.add_api_user("default")
        self._open.callback(store.close)
        vendor = self._vendor
        client = Client(
            vendor.url, KEY, ledger=MemoryLedger(GRANTED, GRANTED), clock=vendor.clock, sleep=vendor.naps.append
        )
        sync = Sync(
            client, store, api_user_id="default", worker_id="sync", clock=vendor.clock, sleep=self._wait_for_leases
        )
        self.bridge = replace(vendor, store=store, sync=sync, full=sync)
        self.hired: Hired = Agency(self.bridge, self._url, self._open).hire(f"w{next(self._names)}")

    def _wait_for_leases(self, seconds: float) -> None:
        self._vendor.clock.advance(seconds=seconds)

    def teardown(self) -> None:
        """However it went, it ends in the truth."""
        try:
            if sys.exc_info()[0] is None:
                self.sync_quietly()
        finally:
            self._open.close()

    @property
    def now(self) -> datetime:
        return self._vendor.clock()

    @property
    def world(self) -> sandbox.World:
        return self._vendor.world

    # the world

    @initialize(zone=st.sampled_from(ZONES), begun=st.sampled_from([True, True, True, False]))
    def open_school(self, zone: str, *, begun: bool) -> None:
        """A district with a school, its gym and its pool, and one event of each kind that is hard."""
        self._zone = ZoneInfo(zone)
        district: Dto = {"_id": DISTRICT, "name": "District", "timezone": ZONES[0], "properties": [SCHOOL]}
        school: Dto = {"_id": SCHOOL, "name": "School", "timezone": zone, "properties": []}
        facilities: list[Dto] = [
            {"_id": each, "property_id": SCHOOL, "name": each.title(), "type": "Gymnasium"} for each in ("gym", "pool")
        ]
        fill(self.world, sandbox.World([district, school], facilities))
        self.memory = Memory(self.now)
        for days, hours, external in (
            ([1, 8, 15, 22, 29, 36], (18, 20), False),  # a weekly series over two windows
            ([2], (9, 10), False),
            ([40], (9, 10), False),
            ([0, 100], (20, 21), False),
            ([31], (0, 1), False),  # the first hour of the second window
            ([5, 35, 65], (16, 18), True),
            ([-7, -1, 3], (8, 9), False),  # with a past
            ([1], (23, 25), False),  # over midnight
            ([113], (1, 4), False),  # over the clock change
            ([364], (12, 13), False),  # at the vendor's horizon
        ):
            self._add(days, hours, external=external)
        if begun:
            self.sync_quietly()

    def _add(self, days: list[int], hours: tuple[int, int], *, external: bool) -> None:
        event_id = f"event{next(self._names):04}"
        today = self.now.astimezone(self._zone).date()
        timeslots: list[Dto] = []
        for day in days:
            serial = next(self._serials)
            midnight = datetime.combine(today + timedelta(days=day), time())
            start, end = (midnight + timedelta(hours=hour) for hour in hours)
            timeslots.append(
                {
                    "serial": serial,
                    "external_system_timeslot_id": f"slot-{serial}" if external else None,
                    "activity_name": None,
                    "facility": {"_id": "gym", "name": "Gym", "type": "Gymnasium"},
                    "start_datetime": start.isoformat(),
                    "end_datetime": end.isoformat(),
                    "status": "active",
                }
            )
        self.world.add_event(
            {
                "_id": event_id,
                "name": f"Event {event_id}",
                "status": "Approved",
                "property_id": SCHOOL,
                "timeslots": timeslots,
                "type": "reservation",
                "property_timezone": str(self._zone),
            }
        )
        self._edited(event_id)

    def _shown(self) -> dict[int, Place]:
        """Return the place of every timeslot that the vendor shows."""
        return {
            slot["serial"]: self._place(event, slot)
            for event in self.world.events.values()
            for slot in event["timeslots"]
            if event["status"] == "Approved" and slot["status"] == "active"
        }

    def _place(self, event: Dto, slot: Dto) -> Place:
        start, end = (
            datetime.fromisoformat(slot[name]).replace(tzinfo=self._zone).astimezone(UTC)
            for name in ("start_datetime", "end_datetime")
        )
        return event["_id"], slot["facility"]["_id"], start, end

    def _edited(self, event_id: str) -> None:
        """Note what an edit did."""
        memory, shown = self.memory, self._shown()
        memory.touched.add(event_id)
        memory.gone |= memory.shown.keys() - shown.keys()
        memory.moved |= {serial for serial in memory.shown.keys() & shown if shown[serial] != memory.shown[serial]}
        for serial, place in shown.items():
            memory.ends.setdefault(serial, []).append(place[3])
        self._ever |= set(shown.values())

    def _coming(self, which: int) -> tuple[str, int] | None:
        """Choose a timeslot that has not begun; event and index."""
        found = [
            (event["_id"], index)
            for event in self.world.events.values()
            for index, slot in enumerate(event["timeslots"])
            if self._place(event, slot)[2] > self.now
        ]
        return found[which % len(found)] if found else None

    # edits

    @rule(
        edits=st.lists(
            st.tuples(st.sampled_from(EDITS), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=4
        )
    )
    def edit(self, edits: list[tuple[str, int, int]]) -> None:
        """Rename, move, change facility, suspend, resume, cancel, approve, delete, activate again, add."""
        for kind, which, how in edits:
            chosen = self._coming(which)
            if kind == "add":
                self._add([how, how + 40, how + 9][: which % 3 + 1], (how % 22, how % 22 + 2), external=how % 4 == 0)
            elif kind == "activate again":
                self._activate_again(which)
            elif chosen:
                getattr(self, f"_{kind}")(*chosen, how)
                self._edited(chosen[0])

    def _activate_again(self, which: int) -> None:
        if self._deleted:
            event_id = sorted(self._deleted)[which % len(self._deleted)]
            self.world.add_event(self._deleted.pop(event_id))
            self._edited(event_id)

    def _rename(self, event_id: str, index: int, how: int) -> None:
        if how % 2:
            self.world.rename(event_id, f"Name {how}")
        else:
            self.world.set_timeslot_field(event_id, index, "activity_name", f"Activity {how}")

    def _move(self, event_id: str, index: int, how: int) -> None:
        """Move a timeslot to where none of its event is, and that is still to come."""
        event, by = self.world.events[event_id], timedelta(hours=MOVES[how % len(MOVES)])
        after = copy.deepcopy(event["timeslots"][index])
        for name in ("start_datetime", "end_datetime"):
            after[name] = (datetime.fromisoformat(after[name]) + by).isoformat()
        start = self._place(event, after)[2]
        others = {self._place(event, slot)[2] for slot in event["timeslots"]}
        if start not in others and self.now < start < self.now + timedelta(days=360):
            self.world.move_timeslot(event_id, index, by)

    def _place_anew(self, event_id: str, index: int, how: int) -> None:
        chosen = ("gym", "pool")[how % 2]
        place = {"_id": chosen, "name": chosen.title(), "type": "Gymnasium"}
        self.world.set_timeslot_field(event_id, index, "facility", place)

    def _suspend(self, event_id: str, index: int, how: int) -> None:
        self.world.set_timeslot_field(event_id, index, "status", "suspended" if how % 2 else "active")

    def _cancel(self, event_id: str, _index: int, how: int) -> None:
        self.world.set_status(event_id, ("Cancelled", "Pending", "Approved", "Approved")[how % 4])

    def _delete(self, event_id: str, _index: int, _how: int) -> None:
        coming = {found[0] for number in range(99) if (found := self._coming(number))}
        if len(coming) > FEWEST:
            self._deleted[event_id] = self.world.events[event_id]
            self.world.delete(event_id)

    # the vendor's failures

    @rule(spec=st.sampled_from(["", "", *FAULTS, *HEAVY]))
    def fail(self, spec: str) -> None:
        """From now on; nothing fails for an empty text."""
        self._vendor.state.faults[:] = [sandbox.parse_fault(each) for each in filter(None, [spec])]
        self._heavy = spec in HEAVY

    @precondition(lambda self: not self._emptied)
    @rule(spec=st.sampled_from(EMPTY), heavy=st.booleans())
    def answer_nothing(self, spec: str, *, heavy: bool) -> None:
        """Until the next quiet sync the clock hardly moves: two minutes later the same answer is believed."""
        horizon = plan.horizon(self.now, str(self._zone))
        if len(self.bridge.store.write.present(SCHOOL, self.now, horizon)) >= FEWEST:
            self._vendor.state.faults[:] = [sandbox.parse_fault(each) for each in (spec, *([HEAVY[1]] * heavy))]
            self._heavy = heavy
            self._emptied = True

    # the bridge

    @rule(steps=st.integers(1, 8))
    def work(self, steps: int) -> None:
        for _ in range(1 if self._heavy else steps):
            self.hired.worker.step()
            if not self._emptied:
                self._vendor.clock.advance(seconds=1)

    @precondition(lambda self: not (self._heavy or (self._emptied and self._left_behind)))
    @rule()
    def sync(self) -> None:
        self.bridge.run()

    @rule(left_behind=st.booleans())
    def restart(self, *, left_behind: bool) -> None:
        """Everything that is only in memory is lost; what a killed worker had leased stays leased."""
        self._left_behind |= left_behind
        if left_behind:
            self.bridge.store.windows.claim("default", "killed", now=self.now)
            self.bridge.store.windows.claim_catalogue("default", "killed", now=self.now)
        self._open.close()
        self._start()

    @precondition(lambda self: not self._emptied)
    @rule(to=st.sampled_from(["minutes", "hours", "days", "here", "utc", "change"]), seconds=st.integers(-1, 1))
    def wait(self, to: str, seconds: int) -> None:
        """Let time pass: by a span, or to about a midnight of the school or of UTC, or its next clock change."""
        more = timedelta(seconds=seconds)
        match to:
            case "minutes" | "hours" | "days":
                self._vendor.clock.now += timedelta(**{to: 7}) + more
            case "change":
                self._wait_until(self._change() + more)
            case _:
                zone = self._zone if to == "here" else UTC
                tomorrow = self.now.astimezone(zone).date() + timedelta(days=1)
                self._wait_until(datetime.combine(tomorrow, time(), zone).astimezone(UTC) + more)

    def _wait_until(self, moment: datetime) -> None:
        self._vendor.clock.now = max(self.now, moment)

    def _change(self) -> datetime:
        """Return the zone's first clock change, months after the start."""
        hours = (START.replace(minute=0) + timedelta(hours=number) for number in range(24 * 365))
        return next(
            after
            for before, after in itertools.pairwise(hours)
            if before.astimezone(self._zone).utcoffset() != after.astimezone(self._zone).utcoffset()
        )

    @rule()
    def sync_quietly(self) -> None:
        """Nothing fails any more, leases run out, doubts are settled: now the store is the truth."""
        self.fail("")
        self._emptied = self._left_behind = False
        self._vendor.clock.now += LEASE
        for _ in range(3):
            if not self.bridge.run().failures:
                break
            self._vendor.clock.now += DOUBT
        else:
            raise AssertionError(self.bridge.run().failures)
        self._compare()

    def _compare(self) -> None:
        told = self.bridge.entries()
        now, before, shown = self.now, self.memory, self._shown()
        assert [each for each in self.bridge.told() if each[3] > now] == [
            each for each in self.bridge.truth() if each[3] > now
        ]
        uids = {_place_of(each): each.uid for each in told}
        assert len(uids) == len(told)
        for serial in before.shown.keys() & shown.keys():
            old, new = before.shown[serial], shown[serial]
            if old not in before.uids or new not in uids or new[3] <= now:
                continue
            alone = len(self.world.events[new[0]]["timeslots"]) == 1 and serial not in before.gone
            lately = now - before.at < REVIVAL and min(before.ends.get(serial, [now])) > now and old[3] > now
            external = new[0] in self._externals()
            if serial not in before.moved or (lately and (alone or external)):
                assert uids[new] == before.uids[old], (old, new)
        kept = {serial: place for serial, place in shown.items() if place in uids}
        self.memory = Memory(now, kept, uids, {each.uid: each for each in told})

    def _externals(self) -> set[str]:
        return {key for key, each in self.world.events.items() if each["timeslots"][0]["external_system_timeslot_id"]}

    # what holds at every moment

    @invariant()
    def nothing_is_lost_or_made_up(self) -> None:
        """What the vendor still has stays, an event that nobody touched to the last letter; nothing else is shown."""
        if not hasattr(self, "memory"):
            return
        told = {each.uid: each for each in self.bridge.entries()}
        oldest, memory = self.now - HISTORY, self.memory
        for uid, each in memory.entries.items():
            if each.event_id not in memory.touched and each.end > oldest:
                assert told[uid] == each
        places = {_place_of(each) for each in told.values()}
        for serial, place in memory.shown.items():
            if serial not in memory.moved | memory.gone and place[3] > oldest:
                assert place in places
        assert places <= self._ever

    @invariant()
    def no_sequence_falls_and_no_row_is_forgotten(self) -> None:
        with self.bridge.store.engine.connect() as connection:
            rows = connection.execute(select(entries.c.uid, entries.c.sequence))
            found = {row.uid: row.sequence for row in rows}
        assert {uid: found[uid] for uid, least in self._sequences.items() if found[uid] < least} == {}
        self._sequences = found

    @invariant()
    def the_revision_rises_with_changes_only(self) -> None:
        with self.bridge.store.engine.connect() as connection:
            asked = select(counters.c.value).where(counters.c.name == "revision")
            number = connection.scalar(asked) or 0
            rows: list[Any] = [tuple(row) for row in connection.execute(select(entries).order_by(entries.c.uid))]
            named = select(events.c.event_id, events.c.name).order_by(events.c.event_id)
            rows += [tuple(row) for row in connection.execute(named)]
        before, old_rows = self._revision
        if old_rows is not None:
            assert number >= before
            assert (rows == old_rows) == (number == before) or before == 0
        self._revision = (number, rows)


def _place_of(entry: Entry) -> Place:
    return entry.event_id, entry.facility_id, entry.start, entry.end


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    folder = tmp_path_factory.mktemp("machine")
    with bridge(f"sqlite:///{folder}/unused.db", schools=1, facilities=1, events_per_day=1) as made:
        yield made


@pytest.fixture
def on_sqlite(vendor: Bridge, tmp_path: Path) -> Stage:
    empty = Store.connect(f"sqlite:///{tmp_path}/empty.db")
    empty.upgrade()
    empty.close()
    numbers = itertools.count()

    def fresh() -> str:
        path = tmp_path / f"{next(numbers)}.db"
        shutil.copy(tmp_path / "empty.db", path)
        return f"sqlite:///{path}"

    return Stage(vendor, fresh)


@pytest.fixture
def on_postgresql(vendor: Bridge, postgresql_url: str) -> Iterator[Stage]:
    store = Store.connect(postgresql_url)
    store.upgrade()

    def fresh() -> str:
        with store.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        return postgresql_url

    yield Stage(vendor, fresh)
    store.close()


def play(stage: Stage, examples: int, steps: int, *, derandomize: bool = False) -> None:
    class Here(Machine):
        pass

    Here.stage = stage
    wanted = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=derandomize,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Here, settings=wanted)


def test_any_order_ends_in_the_truth(on_sqlite: Stage) -> None:
    """A few orders, the same in every run."""
    play(on_sqlite, 8, 20, derandomize=True)


@pytest.mark.soak
def test_any_order_of_very_many_ends_in_the_truth(on_sqlite: Stage) -> None:
    """Other orders in each run, as many as there is patience."""
    play(on_sqlite, 300, 40)


@pytest.mark.soak
def test_any_order_ends_in_the_truth_on_postgresql(on_postgresql: Stage) -> None:
    """The same on the other database."""
    play(on_postgresql, 60, 40)
