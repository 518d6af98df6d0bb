"""Many workers, one truth: processes on PostgreSQL share one plan, one rate and one quota; keys do
not share anything.

The vendor enforces what it grants: of processes by the real clock, of workers in this process by a
simulated one.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from icalbridge import sandbox
from icalbridge.facilitron import Client
from icalbridge.models import utcnow
from icalbridge.store import Store
from icalbridge.store.tables import windows
from icalbridge.sync import schedule
from icalbridge.sync import windows as sync_windows
from icalbridge.sync.ledger import StoreLedger
from icalbridge.sync.run import Sync
from icalbridge.sync.schedule import Grant
from icalbridge.sync.worker import Worker
from tests.fixtures import commands
from tests.fixtures.bridges import KEY, Bridge, bridge
from tests.fixtures.commands import running
from tests.fixtures.deployments import Deployment, deployment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from flask import Response

WORKERS = 4
"""Of one database; the processes of `make test` are two."""
STEP = timedelta(minutes=10)
BUDGET = 0.85
"""The share of the rate that is used at least, as long as there is work."""


class Watch:
    """When each request was answered, in seconds."""

    def __init__(self, deployed: Deployment) -> None:
        self._deployed = deployed
        self.moments: list[float] = []
        deployed.app.after_request(self._note)

    def _note(self, response: Response) -> Response:
        self.moments.append(time.monotonic())
        return response

    def until(self, requests: int, seconds: float) -> None:
        """Wait until so many were answered."""
        deadline = time.monotonic() + seconds
        while len(self.moments) < requests and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(self.moments) >= requests, (
            f"{len(self.moments)} requests in {seconds} s, {requests} were due"
        )

    def per_minute(self, requests: int) -> float:
        """Return how fast the first requests were."""
        return 60 * requests / (self.moments[requests - 1] - self.moments[0])


@contextmanager
def _staff(deployed: Deployment, number: int = WORKERS) -> Iterator[None]:
    """Run workers until the block ends."""
    with ExitStack() as processes:
        for _ in range(number):
            processes.enter_context(running("worker", **deployed.settings))
        yield


def _asked(deployed: Deployment) -> Counter[tuple[str, str]]:
    """Return how often each address was asked for."""
    return Counter((path, query) for _, path, query, _ in deployed.bridge.state.requests)


def _statuses(deployed: Deployment) -> set[int]:
    return {status for *_, status in deployed.bridge.state.requests}


def _a_pass(deployed: Deployment) -> int:
    """Return how many requests everything takes once: catalogue, facilities, twelve windows, the
    district's day.
    """
    return 1 + len(deployed.bridge.world.properties) * (1 + sync_windows.WINDOWS) + 1


def _unfetched(deployed: Deployment) -> int:
    with deployed.bridge.store.engine.connect() as connection:
        missing = select(func.count()).select_from(windows).where(windows.c.synced_at.is_(None))
        return connection.execute(missing).scalar_one()


def _require_truth(deployed: Deployment) -> None:
    deployed.bridge.clock.now = utcnow()
    assert deployed.bridge.told() == deployed.bridge.truth()


def _first_sync(deployed: Deployment, rate: int) -> None:
    """Fetch everything once with four workers, then the windows once more, and see how they shared
    the work.
    """
    watch, whole = Watch(deployed), _a_pass(deployed)
    properties = [each["_id"] for each in deployed.bridge.world.properties]
    with _staff(deployed):
        watch.until(whole, seconds=whole / rate * 60 * 2 + 60)
        commands.until(lambda: _unfetched(deployed) == 0 or None, "windows all fetched")
        assert set(_asked(deployed).values()) == {1}
        assert watch.per_minute(whole) >= rate * BUDGET
        again = deployed.bridge.store.windows.make_due(properties[:2], now=utcnow())
        watch.until(whole + again, seconds=again / rate * 60 * 2 + 60)
    assert _statuses(deployed) == {200}
    assert Counter(_asked(deployed).values()) == {1: whole - again, 2: again}
    _require_truth(deployed)


def test_four_workers_share_plan_and_rate(postgresql_url: str) -> None:
    """Never a request over the rate, no window twice, and at least 85 % of the rate used until all
    is fetched.
    """
    rate = 300
    with (
        bridge(postgresql_url, schools=3, facilities=1, events_per_day=1) as district,
        ExitStack() as open_stores,
    ):
        district.state.limits[KEY].rate_per_minute = rate
        properties = [item["_id"] for item in district.world.properties]
        whole = 1 + len(properties) * (1 + sync_windows.WINDOWS) + 1
        begun = district.clock()
        workers = [
            _simulated(district, postgresql_url, f"w{number}", rate, open_stores)
            for number in range(WORKERS)
        ]
        _work_until(district, workers, whole)
        assert whole / ((district.clock() - begun).total_seconds() / 60) >= rate * BUDGET
        assert set(_requests(district).values()) == {1}
        again = district.store.windows.make_due(properties[:2], now=district.clock())
        _work_until(district, workers, whole + again)
        assert {status for *_, status in district.state.requests} == {200}
        assert Counter(_requests(district).values()) == {1: whole - again, 2: again}
        assert district.told() == district.truth()


def _simulated(
    district: Bridge, database_url: str, name: str, rate: int, open_stores: ExitStack
) -> Worker:
    """Return a worker with connections of its own, whose waits for the rate turn the clock."""
    store = Store.connect(database_url)
    open_stores.callback(store.close)
    clock = district.clock
    store.write.add_api_user("default")
    ledger = StoreLedger(store, "default", rate_per_minute=rate, quota_per_day=15_000)
    client = Client(
        district.url,
        KEY,
        ledger=ledger,
        clock=clock,
        sleep=lambda seconds: clock.advance(seconds=seconds),
    )
    sync = Sync(client, store, api_user_id="default", worker_id=name, clock=clock)
    grant = Grant(rate_per_minute=rate)
    return Worker(
        sync, store, grant, api_user_id="default", worker_id=name, clock=clock, sleep=_rest
    )


def _work_until(district: Bridge, workers: Sequence[Worker], requests: int) -> None:
    """Let workers step in turn, and the clock go on where none has anything to do."""
    deadline = district.clock() + timedelta(minutes=1)
    while len(district.state.requests) < requests:
        naps = [worker.step() for worker in workers if len(district.state.requests) < requests]
        if all(naps):
            district.clock.advance(seconds=1)
        assert district.clock() < deadline


def _requests(district: Bridge) -> Counter[tuple[str, str]]:
    """Return how often each address was requested."""
    return Counter((path, query) for _, path, query, _ in district.state.requests)


@pytest.mark.parametrize(
    ("vendor", "schools", "minutes"),
    [
        ("days-7", 4, 2),
        *(pytest.param(name, 24, 10, marks=pytest.mark.soak) for name in sandbox.VENDORS),
    ],
)
def test_four_workers_keep_the_rules_of_any_vendor(
    vendor: str, schools: int, minutes: int, postgresql_url: str
) -> None:
    """Some minutes with the limits that the vendor grants: never a 429; a refused date is tried
    once, and one that is too large a few times.
    """
    with (
        bridge(
            postgresql_url, schools=schools, facilities=1, events_per_day=2 * schools
        ) as district,
        ExitStack() as open_stores,
    ):
        limits, state = district.state.limits[KEY], district.state
        limits.rate_per_minute, limits.quota_per_day = 120, 15_000
        state.wait = lambda seconds: district.clock.advance(seconds=seconds)
        district.clock.now = schedule.next_utc_midnight(district.clock())
        state.answers = _small(vendor, _largest_day(district))
        workers = [
            _simulated(district, postgresql_url, f"w{number}", 120, open_stores)
            for number in range(WORKERS)
        ]
        end = district.clock() + timedelta(minutes=minutes)
        read = False
        while district.clock() < end:
            naps = [worker.step() for worker in workers]
            if all(naps):
                district.clock.advance(seconds=max(min(naps), 4))
            if not read and district.store.read.properties():
                listed = [item["_id"] for item in district.world.properties]
                district.store.write.note_read(listed, now=district.clock())
                read = True
        statuses = Counter(status for *_, status in state.requests)
        assert statuses[429] == 0
        assert set(statuses) <= {200, 400, 502, 503}
        days = [(query, status) for _, _, query, status in state.requests if "child" in query]
        refused = [query for query, status in days if status == 400]
        assert len(refused) == statuses[400] == len(set(refused)) <= 2
        assert statuses[502] + statuses[503] <= 60
        reach = district.store.windows.state("default").reach.days
        assert reach == {"days-90": 30, "days-refused": -1}.get(vendor, 7)
        assert {*district.told()} <= {*district.truth()}
        if vendor != "days-too-heavy":  # its answers take up to half a minute each
            assert district.told() == district.truth()


def _largest_day(district: Bridge) -> int:
    """Return the octets of the largest district's day of the next week."""
    owners = [item["_id"] for item in district.world.properties]
    today = sandbox.district_day(district.clock())
    days = [today + timedelta(days=number) for number in range(8)]
    return max(
        len(json.dumps(district.world.events_of(owners, day, day, ["reservation"]))) for day in days
    )


def _small(vendor: str, octets: int) -> sandbox.AnswerLimits:
    """Return a vendor's limits for so small a district that its largest day is just too large."""
    limits = sandbox.VENDORS[vendor]
    size = octets * 0.9 / 1_000_000
    return replace(
        limits,
        max_answer_mb=None if limits.max_answer_mb is None else size,
        seconds_per_mb=30 / size if vendor == "days-too-heavy" else 0.0,
    )


@pytest.mark.soak
def test_four_workers_share_what_the_vendor_grants(postgresql_url: str) -> None:
    """The vendor's own figures: 120 a minute, 15,000 a day, for four minutes and more."""
    limits = {"rate_per_minute": 120, "quota_per_day": 15_000}
    with deployment(
        postgresql_url, schools=40, facilities=3, events_per_day=3, **limits
    ) as deployed:
        _first_sync(deployed, 120)


@pytest.mark.parametrize("number", [2, pytest.param(WORKERS, marks=pytest.mark.soak)])
def test_workers_share_the_quota(postgresql_url: str, number: int) -> None:
    """When it is used up none sends anything more: the vendor refuses nothing, and had to answer
    exactly as many.
    """
    quota = 40
    with deployment(
        postgresql_url, schools=4, facilities=1, events_per_day=1, quota_per_day=quota
    ) as deployed:
        watch = Watch(deployed)
        with _staff(deployed, number):
            watch.until(quota, seconds=60)
            told = commands.until(lambda: _trouble(deployed), "word that the quota is used up")
        assert (
            told
            == f"quota: all {quota} requests of {utcnow().date()} (UTC) are used; it begins anew at"
            " midnight UTC"
        )
        assert _statuses(deployed) == {200}
        assert len(watch.moments) == quota
        assert set(_asked(deployed).values()) == {1}


def _trouble(deployed: Deployment) -> str | None:
    return next(
        (each.error for each in deployed.bridge.store.read.health(utcnow()).keys if each.error),
        None,
    )


def _rest(_seconds: float) -> None:
    """Stand for a nap: the test turns the clock itself."""


def test_plan_leaves_the_reserve(tmp_path: Path) -> None:
    """A day with a quota that is far too small: the plan spends all of it but the reserve, and at
    least 85 % of that; only a district's today goes on.
    """
    quota = 100
    with bridge(
        f"sqlite:///{tmp_path}/bridge.db", schools=2, facilities=1, events_per_day=1
    ) as district:
        clock, store = district.clock, district.store
        clock.now = schedule.next_utc_midnight(clock())
        ledger = StoreLedger(store, "default", rate_per_minute=120, quota_per_day=quota)
        client = Client(
            district.url,
            KEY,
            ledger=ledger,
            clock=clock,
            sleep=lambda seconds: clock.advance(seconds=seconds),
        )
        sync = Sync(client, store, api_user_id="default", worker_id="w1", clock=clock)
        grant = Grant(quota_per_day=quota)
        worker = Worker(
            sync, store, grant, api_user_id="default", worker_id="w1", clock=clock, sleep=_rest
        )
        evening = schedule.next_utc_midnight(clock()) - STEP
        while clock() < evening:
            if worker.step():
                clock.now += STEP
                store.write.note_read(
                    [each["_id"] for each in district.world.properties], now=clock()
                )
        planned = quota * (1 - schedule.RESERVE)
        assert planned * BUDGET <= district.state.quota_used <= planned + 2
        assert {status for *_, status in district.state.requests} == {200}


def test_hanging_vendor_of_one_key_slows_no_other(postgresql_url: str, tmp_path: Path) -> None:
    """One process, two keys: all of one is fetched before the other had a single answer."""
    with deployment(postgresql_url, seed=1) as quick, deployment(postgresql_url, seed=2) as slow:
        slow.bridge.fail("hang:seconds=600")
        watch = Watch(quick)
        with running("worker", **_two_keys(tmp_path, quick, slow)):
            watch.until(_a_pass(quick), seconds=60)
        assert slow.bridge.state.faults[0].matched > 0
        assert slow.bridge.state.requests == []
        assert _statuses(quick) == {200}
        assert set(_asked(quick).values()) == {1}


def _two_keys(folder: Path, *deployed: Deployment) -> dict[str, str]:
    """Return the settings of one deployment with a key for each vendor."""
    file = folder / "keys.toml"
    tables = [
        f'[district-{number}]\nkey = "{KEY}"\nurl = "{each.settings["FACILITRON_API_URL"]}"\n'
        for number, each in enumerate(deployed)
    ]
    file.write_text("\n".join(tables))
    kept = {
        name: value for name, value in deployed[0].settings.items() if name != "FACILITRON_API_KEY"
    }
    return {**kept, "FACILITRON_API_KEYS_FILE": str(file)}
