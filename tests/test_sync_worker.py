"""`icalbridge.sync.worker`: what is due is done once, by one of many; failures wait; nothing but a stop ends it."""

from __future__ import annotations

import logging
import re
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from icalbridge import sandbox
from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.model import utcnow
from icalbridge.store import Store
from icalbridge.store.tables import properties, windows
from icalbridge.store.tables import workers as workers_table
from icalbridge.sync.run import Sync
from icalbridge.sync.worker import LONGEST_NAP_SECONDS, Worker
from tests.fixtures.bridges import KEY, Bridge, bridge
from tests.fixtures.commands import running, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from icalbridge.facilitron import Ledger

GRANTED = 10_000_000


class Stop(Exception):
    """What a signal raises out of a nap."""


@dataclass
class Hired:
    """A worker with a database connection and a client of its own, and the naps it took."""

    worker: Worker
    store: Store
    worker_id: str
    naps: list[float] = field(default_factory=list)

    def work(self) -> float:
        """Step until there is nothing to do; return for how many seconds."""
        while not (nap := self.worker.step()):
            pass
        return nap


class Agency:
    """Hires workers for one bridge, as processes would be started: nothing is shared but the database."""

    def __init__(self, district: Bridge, database_url: str, open_stores: ExitStack) -> None:
        self._district = district
        self._database_url = database_url
        self._open_stores = open_stores

    def hire(
        self, name: str, *, ledger: Ledger | None = None, on_request: Callable[[str, str], None] | None = None
    ) -> Hired:
        district = self._district
        store = Store.connect(self._database_url)
        self._open_stores.callback(store.close)
        client = Client(
            district.url,
            KEY,
            ledger=ledger or MemoryLedger(GRANTED, GRANTED),
            clock=district.clock,
            sleep=district.naps.append,
            on_request=on_request,
        )
        sync = Sync(client, store, worker_id=name, quota_per_day=15_000, clock=district.clock)
        naps: list[float] = []

        def sleep(nap: float) -> None:
            naps.append(nap)
            if nap:
                raise Stop

        worker = Worker(sync, store, worker_id=name, clock=district.clock, sleep=sleep)
        return Hired(worker, store, name, naps)


@pytest.fixture
def district(database_url: str) -> Iterator[Bridge]:
    """A district of two schools, of which nothing is known yet, on either database."""
    with bridge(database_url) as made:
        made.store.write.add_api_user("default")
        yield made


@pytest.fixture
def agency(district: Bridge, database_url: str) -> Iterator[Agency]:
    """Workers on demand."""
    with ExitStack() as open_stores:
        yield Agency(district, database_url, open_stores)


def _asked(district: Bridge, since: int = 0) -> list[tuple[str, str]]:
    """Return property and first day of each window asked for, in the order of asking."""
    found = []
    for _, path, query, _ in district.state.requests[since:]:
        if path.endswith("/events"):
            found.append((path.split("/")[-2], query.partition("start_date=")[2][:10]))
    return found


def _due(district: Bridge) -> Counter[float]:
    """Return in how many seconds from now how many windows are due."""
    with district.store.engine.connect() as connection:
        now = district.clock().timestamp()
        return Counter(moment - now for (moment,) in connection.execute(select(windows.c.due_at)))


def _leased(district: Bridge) -> list[str]:
    with district.store.engine.connect() as connection:
        return list(connection.scalars(select(windows.c.leased_by).where(windows.c.leased_by != "")))


def _present(district: Bridge) -> list[tuple[str, float]]:
    """Return each worker on the list, and how many seconds ago it was seen."""
    with district.store.engine.connect() as connection:
        rows = connection.execute(select(workers_table.c.id, workers_table.c.seen_at).order_by(workers_table.c.id))
        return [(name, district.clock().timestamp() - seen) for name, seen in rows]


# what is due


def test_worker_fetches_everything_of_an_empty_database(district: Bridge, agency: Agency) -> None:
    """Catalogue, then all windows, near ones of all properties first; then it naps, and the feed is the truth."""
    hired = agency.hire("w1")
    assert hired.work() == LONGEST_NAP_SECONDS
    paths = [path.rpartition("/")[2] for _, path, _, _ in district.state.requests]
    assert paths == ["properties", *["facilities"] * 3, *["events"] * 36]
    days = [date.fromisoformat(day) for _, day in _asked(district)]
    today = date(2026, 11, 21)
    assert days == sorted(days)
    assert Counter(days) == {today + timedelta(days=31 * number): 3 for number in range(12)}
    assert district.told() == district.truth()
    assert district.store.read.health(district.clock()).ready


def test_worker_asks_for_today_every_ten_minutes_and_for_the_rest_every_six_hours(
    district: Bridge, agency: Agency
) -> None:
    """Right after a pass nothing is due; then today's windows are; after six hours all of them."""
    hired = agency.hire("w1")
    hired.work()
    assert _due(district) == {600.0: 3, 21_600.0: 33}
    begun = len(district.state.requests)
    hired.work()
    assert _asked(district, begun) == []
    district.clock.advance(seconds=600)
    hired.work()
    assert Counter(day for _, day in _asked(district, begun)) == {"2026-11-21": 3}
    begun = len(district.state.requests)
    district.clock.advance(hours=6)
    hired.work()
    assert len(_asked(district, begun)) == 36


@pytest.mark.parametrize(("passed", "nap"), [(0, 30.0), (575, 25.0), (599, 1.0)])
def test_worker_naps_until_the_next_window_is_due(district: Bridge, agency: Agency, passed: int, nap: float) -> None:
    """To the second when that is soon, else for as long as it may be silent."""
    hired = agency.hire("w1")
    hired.work()
    district.clock.advance(seconds=passed)
    assert hired.worker.step() == nap


def test_worker_fetches_the_catalogue_once_a_day(district: Bridge, agency: Agency) -> None:
    """A school that joined is in the next day's catalogue, with all its windows."""
    hired = agency.hire("w1")
    hired.work()
    begun = len(district.state.requests)
    district.clock.advance(seconds=86_399)
    hired.work()
    assert "/v1/properties" not in [path for _, path, _, _ in district.state.requests[begun:]]
    district.clock.advance(seconds=1)
    hired.work()
    assert [path for _, path, _, _ in district.state.requests[begun:]].count("/v1/properties") == 1


# leases


def test_workers_in_turn_never_take_the_same_window(district: Bridge, agency: Agency) -> None:
    """Two workers, step by step: one fetches the catalogue, both fetch windows, none twice."""
    first, second = agency.hire("w1"), agency.hire("w2")
    while not first.worker.step() + second.worker.step():
        pass
    assert len(_asked(district)) == len(set(_asked(district))) == 36
    assert [path for _, path, _, _ in district.state.requests].count("/v1/properties") == 1
    assert district.told() == district.truth()


def test_window_in_flight_is_left_to_its_worker(district: Bridge, agency: Agency) -> None:
    """While one worker waits for the vendor, the other takes another window, or none."""
    second = agency.hire("w2")
    leases: list[list[str]] = []

    def meanwhile(endpoint: str, _outcome: str) -> None:
        if endpoint == "property-events":
            leases.append(_leased(district))
            second.worker.step()

    first = agency.hire("w1", on_request=meanwhile)
    first.work()
    assert leases == [["w1"]] * 18
    assert len(_asked(district)) == len(set(_asked(district))) == 36


def test_workers_at_once_never_take_the_same_window(district: Bridge, agency: Agency) -> None:
    """Four workers of one database, truly at the same time, ask for each window exactly once."""
    agency.hire("w0").work()
    district.clock.advance(hours=7)
    begun = len(district.state.requests)
    hired = [agency.hire(f"w{number}") for number in range(1, 5)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: each.work(), hired))
    assert len(_asked(district, begun)) == len(set(_asked(district, begun))) == 36
    assert _due(district) == {600.0: 3, 21_600.0: 33}
    assert _leased(district) == []


def test_dead_workers_window_is_taken_over_after_its_lease(district: Bridge, agency: Agency) -> None:
    """What a killed worker had is nobody's for five minutes, then the next one's."""
    hired = agency.hire("w1")
    hired.work()
    district.clock.advance(seconds=600)
    claim = district.store.windows.claim("default", "dead", now=district.clock())
    assert claim is not None
    begun = len(district.state.requests)
    hired.work()
    district.clock.advance(seconds=299)
    hired.work()
    assert claim.property_id not in [property_id for property_id, _ in _asked(district, begun)]
    district.clock.advance(seconds=1)
    hired.work()
    assert _asked(district, begun).count((claim.property_id, "2026-11-21")) == 1


def test_worker_whose_lease_was_lost_writes_nothing_and_goes_on(
    district: Bridge, agency: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that comes after another worker took the window over is thrown away; no feed is touched twice."""
    agency.hire("w0").work()
    district.clock.advance(seconds=600)
    other: list[str] = []

    def take_over(_endpoint: str, _outcome: str) -> None:
        if not other:
            other.append("w2")
            with district.store.engine.begin() as connection:
                connection.execute(update(windows).where(windows.c.leased_by == "w1").values(leased_by="w2"))

    late = agency.hire("w1", on_request=take_over)
    assert late.worker.step() == LONGEST_NAP_SECONDS
    assert _leased(district) == ["w2"]
    assert re.findall(r"The lease of .* ran out; its answer was thrown away\.", caplog.text)
    assert late.worker.step() == 0
    assert _leased(district) == ["w2"]


def test_catalogue_of_another_worker_is_known_at_once(district: Bridge, agency: Agency) -> None:
    """A school that another worker found is fetched by this one, though that worker's catalogue was not whole."""
    joining = district.world.properties.pop()
    first, second = agency.hire("w1"), agency.hire("w2")
    first.work()
    district.clock.advance(days=1)
    district.world.properties.append(joining)
    district.fail(f"503:endpoint=facilities,property={district.world.properties[0]['_id']}")
    second.worker.step()
    begun = len(district.state.requests)
    first.work()
    assert [owner for owner, _ in _asked(district, begun)].count(joining["_id"]) == 12


def test_rename_that_another_worker_found_is_known_at_once(district: Bridge, agency: Agency) -> None:
    """Events are placed by the catalogue as it is now, though the other worker's was not whole."""
    first, second = agency.hire("w1"), agency.hire("w2")
    first.work()
    district.clock.advance(days=1)
    school = district.world.properties[1]
    school["name"] = "Renamed High"
    district.fail(f"503:endpoint=facilities,property={district.world.properties[0]['_id']}")
    second.worker.step()
    district.heal()
    for event in district.world.events.values():
        event["name"] = "Edited"
    district.world.edited()
    first.work()
    here = {
        each.location.partition(", ")[2].partition(", ")[0]
        for each in district.entries()
        if each.name == "Edited" and each.property_id == school["_id"]
    }
    assert here == {"Renamed High"}


# failures


def test_failing_windows_back_off(district: Bridge, agency: Agency) -> None:
    """Each window is tried again after 30 s, 1, 2, 4, 8, 16 and then every 30 minutes; the others are not held up."""
    hired = agency.hire("w1")
    hired.work()
    district.clock.advance(seconds=600)
    district.fail("503:endpoint=property-events")
    waits = []
    for _ in range(8):
        hired.work()
        wait = min(_due(district))
        waits.append(wait)
        district.clock.advance(seconds=wait)
    assert waits == [30, 60, 120, 240, 480, 960, 1800, 1800]
    district.heal()
    hired.work()
    assert _due(district)[600.0] == 3


@pytest.mark.parametrize("kind", ["404", "500", "reset", "truncated", "html", "garbage"])
def test_failure_of_a_window_is_kept_and_logged(
    district: Bridge, agency: Agency, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker goes on with the next window; one warning a failure, and `status` knows the last one."""
    hired = agency.hire("w1")
    school_id = district.world.properties[1]["_id"]
    district.fail(f"{kind}:endpoint=property-events,property={school_id}")
    hired.work()
    failed = [each.property_id for each in district.store.read.health(district.clock()).properties if each.error]
    assert failed == [school_id]
    warned = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(warned) == 12
    assert all(each.startswith(f"GET /property/{school_id}/events: ") for each in warned)
    assert KEY not in caplog.text


def test_failed_catalogue_is_tried_again_in_eight_minutes(
    district: Bridge, agency: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    """Without any catalogue there is nothing to do but wait; a warning says why."""
    hired = agency.hire("w1")
    district.fail("503:endpoint=properties")
    assert hired.work() == LONGEST_NAP_SECONDS
    asked = len(district.state.requests)
    district.clock.advance(seconds=479)
    hired.work()
    assert len(district.state.requests) == asked
    district.heal()
    district.clock.advance(seconds=1)
    hired.work()
    assert district.told() == district.truth()
    assert caplog.text.count("GET /properties: 503") == 1


def test_refused_key_leaves_the_vendor_alone_and_the_worker_alive(
    district: Bridge, agency: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    """One request in five minutes, said as an error; meanwhile the worker is seen to live, and then it goes on."""
    hired = agency.hire("w1")
    hired.work()
    district.clock.advance(seconds=600)
    district.fail("401")
    begun = len(district.state.requests)
    passed = 0.0
    while passed < 300:
        nap = hired.work()
        assert nap <= LONGEST_NAP_SECONDS
        district.clock.advance(seconds=nap)
        passed += nap
        assert district.store.read.health(district.clock()).workers_alive == 1
    assert [status for *_, status in district.state.requests[begun:]] == [401]
    (error,) = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert error.startswith("GET /property/")
    assert error.endswith("; feeds go on from what is known")
    assert KEY not in caplog.text
    district.heal()
    hired.work()
    assert district.store.read.health(district.clock()).properties[0].today_synced == district.clock()


def test_key_refused_to_a_new_worker_is_asked_about_once(district: Bridge, agency: Agency) -> None:
    """The catalogue tells it already: no window is tried, though all are due."""
    agency.hire("w0").work()
    district.clock.advance(days=1)
    district.fail("401")
    begun = len(district.state.requests)
    agency.hire("w1").work()
    assert [path for _, path, _, _ in district.state.requests[begun:]] == ["/v1/properties"]


def test_spent_quota_is_waited_for_until_midnight_utc(
    district: Bridge, agency: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    """Not one request more that day; what was not fetched is fetched right after midnight, and counts as no failure."""
    hired = agency.hire("w1", ledger=MemoryLedger(GRANTED, 20))
    hired.work()
    assert len(district.state.requests) == 20
    assert "all 20 requests of 2026-11-21 (UTC) are used" in caplog.text
    for _ in range(20):
        district.clock.advance(seconds=hired.work())
    assert len(district.state.requests) == 20
    assert {each.error for each in district.store.read.health(district.clock()).properties} == {""}
    district.clock.now = district.clock().replace(hour=0, minute=0, second=0) + timedelta(days=1)
    hired.work()
    assert len(district.state.requests) == 40


def test_zone_that_is_no_more_is_survived(district: Bridge, agency: Agency, caplog: pytest.LogCaptureFixture) -> None:
    """A property whose kept zone this machine does not know costs naps; every other property is fetched."""
    hired = agency.hire("w1")
    hired.work()
    school_id = district.world.properties[1]["_id"]
    with district.store.engine.begin() as connection:
        connection.execute(update(properties).where(properties.c.id == school_id).values(zone="Mars/Base"))
    fresh = agency.hire("w2")
    district.clock.advance(seconds=600)
    begun = len(district.state.requests)
    assert [fresh.work(), fresh.work()] == [LONGEST_NAP_SECONDS, 1.0]
    assert {owner for owner, _ in _asked(district, begun)} == {
        each["_id"] for each in district.world.properties if each["_id"] != school_id
    }
    assert "Mars/Base" in caplog.text


def test_unusable_database_is_survived(district: Bridge, agency: Agency, caplog: pytest.LogCaptureFixture) -> None:
    """A table that is gone for a while stops nothing: the worker says so, naps, and goes on when it is back."""
    hired = agency.hire("w1")
    _rename_table(district, "windows", "elsewhere")
    assert hired.work() == LONGEST_NAP_SECONDS
    assert "The database cannot be used: " in caplog.text
    _rename_table(district, "elsewhere", "windows")
    district.clock.advance(seconds=300)
    hired.work()
    assert district.store.read.health(district.clock()).ready


def _rename_table(district: Bridge, old: str, new: str) -> None:
    with district.store.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")


# signs of life, and the end


def test_every_step_is_a_sign_of_life(district: Bridge, agency: Agency) -> None:
    """Busy or idle, never is a worker silent for longer than one nap; a silent one is forgotten after a day."""
    busy, idle = agency.hire("busy"), agency.hire("idle")
    busy.work()
    idle.work()
    assert _present(district) == [("busy", 0.0), ("idle", 0.0)]
    district.clock.advance(seconds=30)
    idle.work()
    assert _present(district) == [("busy", 30.0), ("idle", 0.0)]
    district.clock.advance(days=1)
    idle.work()
    assert _present(district) == [("idle", 0.0)]


def test_long_catalogue_is_no_silence(district: Bridge, agency: Agency) -> None:
    """A catalogue longer than a lease: its worker is seen to live all the time, and nobody else begins another."""
    silence = []
    second = agency.hire("w2")

    def slowly(endpoint: str, _outcome: str) -> None:
        if endpoint in {"properties", "facilities"}:
            district.clock.advance(seconds=80)
            silence.append(dict(_present(district))["w1"])
            second.worker.step()

    agency.hire("w1", on_request=slowly).worker.step()
    assert silence == [80.0] * 4
    assert [path for _, path, _, _ in district.state.requests].count("/v1/properties") == 1


def test_stopped_worker_leaves_nothing_behind(district: Bridge, agency: Agency) -> None:
    """A stop in a nap ends `run`; it is off the list, holds no lease, and napped only when idle."""
    hired = agency.hire("w1")
    with pytest.raises(Stop):
        hired.worker.run()
    assert hired.naps == [*[0.0] * 36, LONGEST_NAP_SECONDS]
    assert _present(district) == []
    assert _leased(district) == []


def test_worker_stopped_in_a_request_frees_its_window(district: Bridge, agency: Agency) -> None:
    """A stop while the vendor is being asked: the next worker need not wait for the lease to run out."""

    def stop(endpoint: str, _outcome: str) -> None:
        if endpoint == "property-events":
            raise Stop

    hired = agency.hire("w1", on_request=stop)
    with pytest.raises(Stop):
        hired.worker.run()
    assert len(_asked(district)) == 1
    assert _leased(district) == []
    assert _present(district) == []
    agency.hire("w2").work()
    assert len(_asked(district)) == 37


def test_stop_is_a_stop_though_the_database_is_gone(district: Bridge, agency: Agency) -> None:
    """What cannot be tidied up runs out by itself; the stop is not turned into another error."""
    hired = agency.hire("w1")
    hired.work()
    _rename_table(district, "workers", "elsewhere")
    with pytest.raises(Stop):
        hired.worker.run()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("fault", ["", "hang:endpoint=property-events"])
def test_worker_command_stops_at_once(tmp_path: Path, number: int, fault: str) -> None:
    """`icalbridge worker` ends with code 0 on a signal, idle or in the middle of a request, and leaves no lease."""
    world = sandbox.build_world(seed=3, today=utcnow().date(), schools=1, facilities=1, events_per_day=1)
    faults = [sandbox.parse_fault(fault)] if fault else []
    app = sandbox.create_app(world, keys=(KEY,), rate_per_minute=100_000, quota_per_day=1_000_000, faults=faults)
    store = Store.connect(f"sqlite:///{tmp_path / 'bridge.db'}")
    store.upgrade()
    wanted = 1 if fault else 0
    with sandbox.serve_in_thread(app) as url:
        settings = {
            "FACILITRON_API_KEY": KEY,
            "FACILITRON_API_URL": url,
            "FACILITRON_RATE_PER_MINUTE": "60000",
            "DATABASE_URL": f"sqlite:///{tmp_path / 'bridge.db'}",
        }

        def there() -> bool | None:
            health = store.read.health(utcnow())
            with store.engine.connect() as connection:
                leased = connection.execute(select(windows.c.number).where(windows.c.leased_by != "")).all()
            settled = all(each.oldest_synced for each in health.properties) or bool(wanted)
            return True if health.properties and settled and len(leased) == wanted else None

        with running("worker", **settings) as process:
            until(there, "worker at the point of interest")
            process.send_signal(number)
            told, _ = process.communicate(timeout=20)
        assert process.returncode == 0
    with store.engine.connect() as connection:
        assert connection.execute(select(windows.c.number).where(windows.c.leased_by != "")).all() == []
        assert connection.execute(select(workers_table.c.id)).all() == []
    store.close()
    assert "Traceback" not in told
    assert KEY not in told
