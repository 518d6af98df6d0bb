"""Edits, faults, syncs, restarts and midnights in any order: after a quiet full sync the store is
the vendor's truth.

Hypothesis finds the order. What must hold at every moment is checked after each step, what a sync
brings after a quiet one. Timeslots are followed by a serial number, which the vendor's objects
carry and our client never reads.
"""

from __future__ import annotations

import itertools
import shutil
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from icalbridge import sandbox
from icalbridge.errors import VendorError, WindowBroken
from icalbridge.models import LAST_DISTRICT_DAY
from icalbridge.store import Store
from icalbridge.store.rows import SHOWN
from icalbridge.store.tables import counters, entries, events, facilities, metadata, properties
from icalbridge.sync import windows as sync_windows
from icalbridge.sync.uids import REVIVAL
from tests.fixtures.bridges import START, Bridge, bridge
from tests.upstream import (
    DOUBT,
    EMPTY,
    FAULTS,
    FEWEST,
    HEAVY,
    HISTORY,
    LEASE,
    SCHOOL,
    Memory,
    Place,
    Stage,
    Upstream,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icalbridge.models import Entry


class Machine(Upstream):
    """Upstream, with a bridge that follows it."""

    # the vendor's failures

    @rule(spec=st.sampled_from(["", "", *FAULTS, *HEAVY]))
    def fail(self, spec: str) -> None:
        """From now on; nothing fails for an empty text."""
        self._vendor.state.faults[:] = [sandbox.parse_fault(each) for each in filter(None, [spec])]
        self._heavy = spec in HEAVY

    @precondition(lambda self: not self._emptied)
    @rule(spec=st.sampled_from(EMPTY), heavy=st.booleans())
    def answer_nothing(self, spec: str, *, heavy: bool) -> None:
        """Until the next quiet sync the clock hardly moves: two minutes later the same answer is
        believed.
        """
        horizon = sync_windows.horizon(self.now, str(self._zone))
        if len(self.bridge.store.sync_reads.present(SCHOOL, self.now, horizon)) >= FEWEST:
            self._vendor.state.faults[:] = [
                sandbox.parse_fault(each) for each in (spec, *([HEAVY[1]] * heavy))
            ]
            self._heavy = heavy
            self._emptied = True

    @rule(days=st.sampled_from([-1, 0, 1, 6, 7, 8, 20, 45, 89, 90]))
    def answer_districts(self, days: int) -> None:
        """From now on the vendor answers a district's day so far ahead."""
        self._vendor.state.answers = sandbox.AnswerLimits(child_events_days=days)

    # the bridge

    @precondition(lambda self: not self._emptied)
    @rule(offset=st.integers(0, LAST_DISTRICT_DAY), times=st.integers(1, 2))
    def fetch_districts_day(self, offset: int, times: int) -> None:
        """Whatever the plan says: a day near or far, answered, refused or broken."""
        store, number = self.bridge.store, sync_windows.day_number(offset)
        for _ in range(times):
            ranked = [
                each for each in store.windows.state("default").windows if each.number == number
            ]
            claim = store.windows.claim_planned(ranked, "machine", now=self.now)
            if claim:
                with suppress(VendorError, WindowBroken):
                    self.bridge.sync.window(claim)
            self._vendor.clock.advance(seconds=1)

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
            self.bridge.store.api_keys.claim_catalog("default", "killed", now=self.now)
        self._open.close()
        self._start()

    @precondition(lambda self: not self._emptied)
    @rule(
        to=st.sampled_from(["minutes", "hours", "days", "here", "utc", "change"]),
        seconds=st.integers(-1, 1),
    )
    def wait(self, to: str, seconds: int) -> None:
        """Let time pass: by a span, or to about a midnight of the school or of UTC, or its next
        clock change.
        """
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

    @precondition(lambda self: not self._emptied)
    @rule(days=st.sampled_from([0.1, 1, 30, 200]), works=st.booleans())
    def clock_stands_ahead(self, days: float, *, works: bool) -> None:
        """For a while this machine's clock and the vendor's are ahead; a worker or a whole pass
        believes it.
        """
        right, self._vendor.clock.now = self.now, self.now + timedelta(days=days)
        if works:
            self.hired.work()
        elif not self._heavy:
            self.bridge.run()
        self._vendor.clock.now = right
        self.memory.at = datetime.min.replace(tzinfo=UTC)  # what moved meanwhile may have a new UID

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
            lately = (
                now - before.at < REVIVAL
                and min(before.ends.get(serial, [now])) > now
                and old[3] > now
            )
            external = new[0] in self._externals()
            if serial not in before.moved or (lately and (alone or external)):
                assert uids[new] == before.uids[old], (old, new)
        kept = {serial: place for serial, place in shown.items() if place in uids}
        self.memory = Memory(now, kept, uids, {each.uid: each for each in told})

    def _externals(self) -> set[str]:
        return {
            key
            for key, each in self.world.events.items()
            if each["timeslots"][0]["external_system_timeslot_id"]
        }

    # what holds at every moment

    @invariant()
    def nothing_is_lost_or_made_up(self) -> None:
        """What the vendor still has stays, an event that nobody touched to the last letter; nothing
        else is shown.
        """
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
        assert {
            uid: found[uid] for uid, least in self._sequences.items() if found[uid] < least
        } == {}
        self._sequences = found

    @invariant()
    def what_was_shown_when_it_ended_stays(self) -> None:
        """Unless its event was cancelled, or it was moved to a later time before the bridge had
        heard of it.
        """
        with self.bridge.store.engine.connect() as connection:
            over = entries.c.end_at <= self.now
            rows = connection.execute(
                select(entries.c.uid, entries.c.event_id, SHOWN.label("shown")).where(over)
            ).all()
        lost = {row.event_id for row in rows if row.uid in self._past_shown and not row.shown}
        assert lost <= self._called_off
        self._past_shown = {row.uid for row in rows if row.shown}

    @invariant()
    def the_revision_rises_with_changes_only(self) -> None:
        with self.bridge.store.engine.connect() as connection:
            asked = select(counters.c.value).where(counters.c.name == "revision")
            number = connection.scalar(asked) or 0
            rows: list[Any] = [
                tuple(row) for row in connection.execute(select(entries).order_by(entries.c.uid))
            ]
            named = select(events.c.event_id, events.c.name).order_by(events.c.event_id)
            rows += [tuple(row) for row in connection.execute(named)]
            places = (
                select(properties.c.id, properties.c.zone, properties.c.listed),
                select(facilities.c.id, facilities.c.listed),
            )
            for query in places:
                rows += map(tuple, connection.execute(query.order_by("id")))
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
    url = f"sqlite:///{folder}/unused.db"
    with bridge(
        url, schools=1, facilities=1, events_per_day=1, windows=sync_windows.WINDOWS
    ) as made:
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
    play(on_sqlite, 2, 12, derandomize=True)


@pytest.mark.soak
def test_any_order_of_very_many_ends_in_the_truth(on_sqlite: Stage) -> None:
    """Other orders in each run, as many as there is patience."""
    play(on_sqlite, 300, 40)


@pytest.mark.soak
def test_any_order_ends_in_the_truth_on_postgresql(on_postgresql: Stage) -> None:
    """The same on the other database."""
    play(on_postgresql, 60, 40)
