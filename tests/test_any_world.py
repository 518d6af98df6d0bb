"""Any world: what the feeds say, read back, is what the world says, and still is after the world
was edited.
"""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.settings import Settings
from icalbridge.store import Store
from icalbridge.sync.run import Sync
from icalbridge.web import create_app
from tests.any_world import Edit, edit, fill, make_unreadable, worlds
from tests.fixtures.bridges import KEY, Bridge, bridge
from tests.readers import Reading, read_icalendar
from tests.world_truth import feeds, truth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icalbridge.sandbox import World

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@dataclass
class Stage:
    """A vendor whose world is exchanged for each example, and an empty database to begin with."""

    vendor: Bridge
    folder: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def fresh(self) -> Store:
        """Open an empty database, in a file of its own: what was read of the last one is noted
        seconds later.
        """
        path = self.folder / f"{next(self.numbers)}.db"
        shutil.copy(self.folder / "empty.db", path)
        return Store.connect(f"sqlite:///{path}")

    def sync(self, store: Store) -> None:
        """Fetch everything, taking an empty answer at its word."""
        ledger = MemoryLedger(10_000_000, 10_000_000)
        client = Client(
            self.vendor.url,
            KEY,
            ledger=ledger,
            clock=self.vendor.clock,
            sleep=self.vendor.naps.append,
        )
        made = Sync(
            client,
            store,
            api_user_id="default",
            worker_id="test",
            clock=self.vendor.clock,
            full=True,
        )
        assert made.everything().failures == []

    def told(self, store: Store, paths: list[str]) -> dict[str, list[Reading]]:
        """Return what icalendar reads in each feed."""
        client = create_app(Settings(), store, clock=self.vendor.clock).test_client()
        answers = {path: client.get(path) for path in paths}
        assert {path: each.status_code for path, each in answers.items()} == dict.fromkeys(
            paths, 200
        )
        return {path: read_icalendar(each.data) for path, each in answers.items()}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    empty = Store.connect(f"sqlite:///{folder}/empty.db")
    empty.upgrade()
    empty.close()
    with bridge(
        f"sqlite:///{folder}/unused.db", schools=1, facilities=1, events_per_day=1
    ) as vendor:
        yield Stage(vendor, folder)


def plain(readings: list[Reading]) -> list[Reading]:
    """Leave out what the vendor does not tell: UID, and how often a timeslot changed."""
    return sorted(replace(each, uid="", sequence=0) for each in readings)


def play(stage: Stage, drawn: World, edits: list[Edit], unreadable: list[int]) -> None:
    """Compare after a first sync, and after edits and a second; what is past by then stays as it
    was.

    An answer in which something cannot be read withdraws nothing, so nothing is deleted before it.
    """
    world, now = stage.vendor.world, stage.vendor.clock()
    fill(world, drawn)
    for which in unreadable if world.events else ():
        make_unreadable(world, which)
    store = stage.fresh()
    try:
        stage.sync(store)
        expected = feeds(world, truth(world, now))
        told = stage.told(store, list(expected))
        assert {path: plain(readings) for path, readings in told.items()} == expected
        for each in edits if not unreadable else ():
            edit(world, each)
        stage.sync(store)
        expected = feeds(world, truth(world, now))
        told = stage.told(store, list(expected))
        for path, readings in told.items():
            coming = [each for each in expected[path] if each.end > now]
            assert plain([each for each in readings if each.end > now]) == coming, path
            assert len({each.uid for each in readings}) == len(readings), path
    finally:
        store.close()


@given(worlds(), st.one_of(st.just([]), st.lists(st.integers(0, 99), max_size=2)))
@settings(max_examples=3, deadline=None, suppress_health_check=SLOW)
def test_feeds_say_what_any_world_says(
    stage: Stage, drawn: tuple[World, list[Edit]], unreadable: list[int]
) -> None:
    """Whatever the vendor's world holds, and whatever is then done to it, is what is read in every
    feed.
    """
    play(stage, *drawn, unreadable)


@pytest.mark.soak
@given(worlds(), st.one_of(st.just([]), st.lists(st.integers(0, 99), max_size=2)))
@settings(max_examples=600, deadline=None, suppress_health_check=SLOW)
def test_feeds_say_what_very_many_worlds_say(
    stage: Stage, drawn: tuple[World, list[Edit]], unreadable: list[int]
) -> None:
    """The same, for as many worlds as there is patience."""
    play(stage, *drawn, unreadable)
