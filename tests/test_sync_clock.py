"""`icalbridge.sync.clock`: what time it is, the database says; the machine's clock only counts on
from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from icalbridge.errors import StoreError
from icalbridge.store import Store
from icalbridge.sync.clock import COMPARE_SECONDS, DatabaseClock

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOW = datetime(2026, 11, 21, 20, 0, 0, 250_000, UTC)
"""What the machine's clock says, an hour behind the database's."""
RIGHT = datetime(2026, 11, 21, 21, 0, 0, 750_000, UTC)


@dataclass
class Machine:
    """A machine's two clocks, in place of this one's."""

    moment: datetime = SLOW
    ticks: float = 5_000.0

    def monotonic(self) -> float:
        return self.ticks

    def pass_by(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.ticks += seconds


class Told(Store):
    """A store whose database says what a test wants, and how often it was asked."""

    says: datetime | None = RIGHT
    asked = 0
    down = False

    def now(self) -> datetime | None:
        self.asked += 1
        if self.down:
            raise StoreError("The database cannot be used: gone")
        return self.says


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr("icalbridge.sync.clock.utcnow", lambda: made.moment)
    monkeypatch.setattr("icalbridge.sync.clock.time", made)
    return made


@pytest.fixture
def told(database_url: str) -> Iterator[Told]:
    opened = Told.connect(database_url)
    assert isinstance(opened, Told)
    yield opened
    opened.close()


def test_clock_tells_the_databases_moment(told: Told, machine: Machine) -> None:
    """In UTC and whole seconds, however wrong the machine's clock is."""
    clock = DatabaseClock(told)
    assert clock() == RIGHT.replace(microsecond=0)
    machine.pass_by(40.5)
    assert clock() == (RIGHT + timedelta(seconds=40.5)).replace(microsecond=0)


def test_database_is_asked_once_a_minute(told: Told, machine: Machine) -> None:
    """In between the machine counts on; then the two are compared anew."""
    clock = DatabaseClock(told)
    for _ in range(60):
        clock()
        machine.pass_by(COMPARE_SECONDS / 60)
    assert told.asked == 1
    told.says = RIGHT + timedelta(seconds=30)
    assert clock() == (RIGHT + timedelta(seconds=30)).replace(microsecond=0)
    assert told.asked == 2


def test_machine_whose_clock_is_set_is_put_right(told: Told, machine: Machine) -> None:
    """A jump of the machine's clock lasts until the next comparison."""
    clock = DatabaseClock(told)
    clock()
    machine.moment += timedelta(days=1)
    machine.ticks += COMPARE_SECONDS
    assert clock() == RIGHT.replace(microsecond=0)


def test_clock_outlives_its_database(told: Told, machine: Machine) -> None:
    """While the database is down the last comparison holds, and each call tries again."""
    clock = DatabaseClock(told)
    clock()
    told.down = True
    machine.pass_by(COMPARE_SECONDS)
    for asked in (2, 3):
        assert clock() == (RIGHT + timedelta(seconds=COMPARE_SECONDS)).replace(microsecond=0)
        assert told.asked == asked
    told.down, told.says = False, RIGHT
    assert clock() == RIGHT.replace(microsecond=0)


def test_database_without_a_clock_leaves_it_to_the_machine(told: Told, machine: Machine) -> None:
    """SQLite runs where the program does."""
    told.says = None
    assert DatabaseClock(told)() == machine.moment.replace(microsecond=0)


def test_postgresql_is_the_clock_and_sqlite_has_none(store: Store, machine: Machine) -> None:
    """The server's moment, not the transaction's nor the machine's."""
    clock = DatabaseClock(store)
    if store.engine.dialect.name == "sqlite":
        assert store.now() is None
        assert clock() == machine.moment.replace(microsecond=0)
        return
    before = _server(store)
    said, read = store.now(), clock()
    assert said is not None
    assert before <= said <= _server(store)
    assert before.replace(microsecond=0) <= read <= _server(store)
    assert (said.tzinfo, read.tzinfo) == (UTC, UTC)


def _server(store: Store) -> datetime:
    with store.engine.connect() as connection:
        moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return moment
