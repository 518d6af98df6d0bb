"""The order of the vendor's answers never matters: the same UIDs at first, and no change of a byte
later.
"""

from __future__ import annotations

import copy
import itertools
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.settings import Settings
from icalbridge.store import Store
from icalbridge.store.tables import counters, entries, facilities, particulars, properties
from icalbridge.sync.run import Sync
from icalbridge.web import create_app
from tests.any_world import fill, worlds
from tests.fixtures.bridges import KEY, Bridge, bridge
from tests.world_truth import feeds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

    from icalbridge.sandbox import World
    from icalbridge.sandbox.world import Dto

WRITTEN = {"revision", "changed_at"}
"""Columns that tell which transaction wrote a row."""


@dataclass
class Stage:
    """A vendor whose world is exchanged for each example, and an empty database to begin with."""

    vendor: Bridge
    folder: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def synced(self) -> Store:
        path = self.folder / f"{next(self.numbers)}.db"
        shutil.copy(self.folder / "empty.db", path)
        store = Store.connect(f"sqlite:///{path}")
        self.sync(store)
        return store

    def sync(self, store: Store) -> None:
        ledger, vendor = MemoryLedger(10_000_000, 10_000_000), self.vendor
        client = Client(
            vendor.url, KEY, ledger=ledger, clock=vendor.clock, sleep=vendor.naps.append
        )
        made = Sync(
            client, store, api_user_id="default", worker_id="test", clock=vendor.clock, full=True
        )
        assert made.everything().failures == []

    def answers(self, store: Store) -> dict[str, tuple[bytes, str | None, str | None]]:
        """Return what every feed gives."""
        client = create_app(Settings(), store, clock=self.vendor.clock).test_client()
        found = {path: client.get(path) for path in feeds(self.vendor.world, [])}
        return {
            path: (each.data, each.headers.get("ETag"), each.headers.get("Last-Modified"))
            for path, each in found.items()
        }


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("order")
    empty = Store.connect(f"sqlite:///{folder}/empty.db")
    empty.upgrade()
    empty.close()
    with bridge(
        f"sqlite:///{folder}/unused.db", schools=1, facilities=1, events_per_day=1
    ) as vendor:
        yield Stage(vendor, folder)


def _rows(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Return all that calendars are made from, and the revision."""
    revision = select(counters).where(counters.c.name == "revision")
    queries = {
        table.name: select(table).order_by(*table.primary_key)
        for table in (entries, particulars, properties, facilities)
    }
    with store.engine.connect() as connection:
        found = {
            name: [dict(row) for row in connection.execute(query).mappings()]
            for name, query in {**queries, "revision": revision}.items()
        }
    for row in (*found["properties"], *found["facilities"]):
        del row["position"]  # the vendor's order is the order in which places are listed
    for row in found["properties"]:
        del row["read_at"]  # the reads of `answers` are written a few seconds later
        del row["named_at"]  # when a district's day last had something of the school
    return found


def _entries(store: Store) -> list[dict[str, Any]]:
    return [
        {name: each[name] for name in each.keys() - WRITTEN} for each in _rows(store)["entries"]
    ]


TWINS = st.fixed_dictionaries(
    {},
    optional={
        "activity_name": st.sampled_from([None, "Boys", "Girls"]),
        "status": st.sampled_from(["active", "suspended", None]),
        "external_system_timeslot_id": st.sampled_from([None, "slot"]),
        "facility": st.sampled_from(
            [None, {"_id": None, "name": "Hall"}, {"_id": None, "name": "Annex"}]
        ),
    },
)


@st.composite
def worlds_with_twins(draw: st.DrawFn) -> World:
    """Draw a world in which events have up to three more timeslots at the time and place of
    another.
    """
    world = draw(worlds())[0]
    for event in world.events.values():
        for twin in draw(st.lists(TWINS, max_size=3)):
            event["timeslots"].append(
                {**copy.deepcopy(draw(st.sampled_from(event["timeslots"]))), **twin}
            )
        if draw(st.booleans()):
            event["property_id"] = None
    return world


def _shuffle(world: World, random: Random) -> None:
    """Answer everything in another order."""
    with world.lock:
        lists: list[list[Dto]] = [world.properties, world.facilities]
        lists += [each["properties"] for each in world.properties]
        lists += [each["timeslots"] for each in world.events.values()]
        for each in lists:
            each[:] = random.sample(each, len(each))
        shuffled = random.sample(list(world.events.items()), len(world.events))
        world.events.clear()
        world.events.update(shuffled)
        world.edited()


def play(stage: Stage, drawn: World, random: Random) -> None:
    fill(stage.vendor.world, drawn)
    first = stage.synced()
    rows, answers = _rows(first), stage.answers(first)
    _shuffle(stage.vendor.world, random)
    other = stage.synced()
    try:
        assert _entries(other) == _entries(first)
        stage.sync(first)
        assert _rows(first) == rows
        assert stage.answers(first) == answers
    finally:
        first.close()
        other.close()


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@given(worlds_with_twins(), st.randoms(use_true_random=False))
@settings(max_examples=2, deadline=None, suppress_health_check=SLOW)
def test_any_order_of_answers_changes_nothing(stage: Stage, drawn: World, random: Random) -> None:
    """Events, timeslots, properties, children and facilities in any order, twins among them."""
    play(stage, drawn, random)


@pytest.mark.soak
@given(worlds_with_twins(), st.randoms(use_true_random=False))
@settings(max_examples=400, deadline=None, suppress_health_check=SLOW)
def test_any_order_of_very_many_answers_changes_nothing(
    stage: Stage, drawn: World, random: Random
) -> None:
    """The same, for as many worlds as there is patience."""
    play(stage, drawn, random)
