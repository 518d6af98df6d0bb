"""Every fault of the sandbox at every endpoint: the feeds' bytes stay as they were, and follow when
it is over. Only the first month of one school and its district is due, so that a case is quick.
"""

from __future__ import annotations

import copy
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from icalbridge.errors import VendorError, WindowBroken
from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.sandbox import World, parse_fault
from icalbridge.sandbox.faults import KINDS, SECONDS
from icalbridge.settings import Settings
from icalbridge.store.tables import windows
from icalbridge.sync.run import Sync
from icalbridge.web import create_app
from tests.any_world import fill
from tests.fixtures.bridges import KEY, START, Bridge, bridge
from tests.fixtures.workers import GRANTED, Agency, Hired
from tests.world_truth import feeds, truth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from icalbridge.store import Store

pytestmark = pytest.mark.xdist_group("faults")  # one district serves all of them
ASKED = ("properties", "facilities", "property-events", "facility-events")
"""The endpoints that a sync asks; the others are for people."""
WINDOW = "property-events"
HEAVY = "503:endpoint=property-events"
"""What makes a sync ask facility by facility."""
BELIEVED = {("short", "property-events"), ("short", "facility-events")}
"""What may change something: a window that lost a handful of bookings is believed at once; see
`test_sync_belief`.
"""
STRIKES = [
    pytest.param(
        kind,
        endpoint,
        marks=[pytest.mark.soak] if endpoint != WINDOW and (number - 2 * place) % 6 else [],
    )
    for number, kind in enumerate(KINDS)
    for place, endpoint in enumerate(ASKED)
    if (kind, endpoint) not in BELIEVED
]
"""Every kind for the window itself, of the other endpoints every sixth, each other ones; all in
`make soak`.
"""
STEPS = 2


@dataclass(frozen=True)
class Stage:
    """A vendor, its world as it was at first, and the folder with a database that has all of it."""

    vendor: Bridge
    pristine: World
    folder: Path
    paths: tuple[str, ...]
    """The district, which has every booking, its school, a facility and an event."""
    fair: str
    """The event that is edited while the fault lasts."""
    before: dict[str, bytes] = field(default_factory=dict)
    """The feeds as the database in the folder has them."""

    def feeds(self, store: Store, *paths: str) -> dict[str, bytes]:
        """Return what every feed gives, or some of them, rendered anew."""
        vendor = self.vendor
        client = create_app(Settings(), store, clock=vendor.clock).test_client()
        answers = {path: client.get(path) for path in paths or self.paths}
        assert {path: each.status_code for path, each in answers.items()} == dict.fromkeys(
            answers, 200
        )
        return {path: each.data for path, each in answers.items()}

    def sync(self, store: Store) -> list[str]:
        """Fetch the catalog and the first month of each property; return what failed."""
        ledger, vendor = MemoryLedger(GRANTED, GRANTED), self.vendor
        client = Client(
            vendor.url, KEY, ledger=ledger, clock=vendor.clock, sleep=vendor.naps.append
        )
        made = Sync(client, store, api_user_id="default", worker_id="healed", clock=vendor.clock)
        failed: list[object] = [*(made.fetch_catalog(at_once=True) or ())]
        make_first_month_due(store, vendor.clock())
        while claim := store.windows.claim("default", "healed", now=vendor.clock()):
            try:
                made.window(claim)
            except (VendorError, WindowBroken) as error:
                failed.append(error)
        return [str(error) for error in failed]


def make_first_month_due(store: Store, now: datetime) -> None:
    """Let the windows of the coming 31 days be due now, and all others in a year."""
    with store.engine.begin() as connection:
        for condition, days in ((windows.c.number == 0, 0), (windows.c.number != 0, 365)):
            due = now + timedelta(days=days)
            connection.execute(update(windows).where(condition).values(due_at=due))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with bridge(
        f"sqlite:///{folder}/synced.db", schools=1, facilities=2, events_per_day=2, windows=2
    ) as vendor:
        assert vendor.run().failures == []
        now = vendor.clock()
        vendor.store.api_keys.finish_catalog("default", now=now, due=now)
        make_first_month_due(vendor.store, now)
        world = vendor.world
        pristine = World(*copy.deepcopy((world.properties, world.facilities, world.events)))
        expected = feeds(pristine, truth(pristine, now))
        fair = min(key for key, each in world.events.items() if each["name"] == "Health Fair")
        facility = min(path for path in expected if "/facility/" in path)
        properties = [path for path in expected if "/property/" in path]
        watched = (*properties, facility, f"/ical/event/reservation/{fair}.ics")
        stage = Stage(vendor, pristine, folder, watched, fair)
        stage.before.update(stage.feeds(vendor.store))
        vendor.store.close()
        yield stage


@pytest.fixture
def hired(stage: Stage, tmp_path: Path) -> Iterator[Hired]:
    """A worker with a database of its own, for which the catalogue and all windows are due."""
    stage.vendor.heal()
    stage.vendor.clock.now = START
    fill(stage.vendor.world, stage.pristine)
    shutil.copy(stage.folder / "synced.db", tmp_path / "copy.db")
    with ExitStack() as open_stores:
        yield Agency(stage.vendor, f"sqlite:///{tmp_path}/copy.db", open_stores).hire("w1")


def _strike(vendor: Bridge, kind: str, endpoint: str) -> None:
    """Let a kind of fault befall an endpoint; nothing really takes time."""
    fault = parse_fault(f"{kind}:endpoint={endpoint}" + (",seconds=0" if kind in SECONDS else ""))
    vendor.state.faults[:] = [
        fault,
        *([parse_fault(HEAVY)] if endpoint == "facility-events" else []),
    ]


@pytest.mark.parametrize(("kind", "endpoint"), STRIKES)
def test_no_fault_changes_a_byte(stage: Stage, hired: Hired, kind: str, endpoint: str) -> None:
    """While it lasts each feed is what it was; when it is over, what was edited meanwhile shows,
    and nothing else.
    """
    vendor = stage.vendor
    before = stage.before
    _strike(vendor, kind, endpoint)
    for _ in range(STEPS):
        hired.worker.step()
        vendor.clock.advance(seconds=1)
    assert [fault.matched > 0 for fault in vendor.state.faults[:1]] == [True]
    district = stage.paths[0]  # has every booking
    assert stage.feeds(hired.store, district) == {district: before[district]}
    vendor.world.rename(stage.fair, "Healthier Fair")
    vendor.heal()
    vendor.clock.advance(minutes=61)
    assert stage.sync(hired.store) == []
    healed = stage.feeds(hired.store)
    bearing = {path for path, each in healed.items() if b"Healthier Fair" in each}
    assert f"/ical/event/reservation/{stage.fair}.ics" in bearing
    assert {path for path in before if healed[path] != before[path]} == bearing


def test_piece_that_was_emptied_is_believed_when_asked_again(stage: Stage, hired: Hired) -> None:
    """A day of a facility that loses its only event: the window's other pieces are written, this
    one two minutes on.
    """
    vendor = stage.vendor
    vendor.state.faults[:] = [parse_fault(HEAVY)]
    for event_id in list(vendor.world.events):
        if vendor.world.events[event_id]["name"] == "Health Fair":
            vendor.world.delete(event_id)
    told = stage.sync(hired.store)
    assert told
    assert all("not believed until a later answer agrees" in each for each in told)
    assert b"Health Fair" in stage.feeds(hired.store)[stage.paths[-1]]
    vendor.clock.advance(seconds=120)
    assert stage.sync(hired.store) == []
    left = stage.feeds(hired.store)[stage.paths[-1]]
    assert b"BEGIN:VEVENT" not in left
