"""`icalbridge.sync.worker`: failures wait, nothing but a stop ends it, and a stop leaves nothing
behind.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from icalbridge.facilitron import MemoryLedger
from icalbridge.store.tables import properties
from icalbridge.sync import catalog, fetch_events
from icalbridge.sync.interpret import interpret
from icalbridge.sync.worker import LONGEST_NAP_SECONDS
from tests.fixtures.bridges import KEY, START, Bridge, bridge
from tests.fixtures.workers import (
    GRANTED,
    Agency,
    Stop,
    WorkedOnce,
    asked,
    due,
    key,
    leased,
    present,
    read,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.store import Store, WindowState
    from icalbridge.sync.interpret import EventsRequest, Interpretation
    from icalbridge.sync.reconcile import KnownCatalog
    from tests.fixtures.stores import Prepared


@pytest.fixture
def district(database_url: str) -> Iterator[Bridge]:
    """A district of two schools, of which nothing is known yet, on either database."""
    with bridge(database_url, windows=2) as made:
        made.store.write.add_api_user("default")
        yield made


@pytest.fixture
def agency(district: Bridge, database_url: str) -> Iterator[Agency]:
    """Workers on demand."""
    with ExitStack() as open_stores:
        yield Agency(district, database_url, open_stores)


@pytest.fixture
def worked(prepared: Prepared, database_url: str) -> Iterator[Bridge]:
    """The same district after a worker has fetched everything."""
    prepared.fill(database_url, WorkedOnce(2))
    with bridge(database_url, windows=2) as made:
        yield made


@pytest.fixture
def crew(worked: Bridge, database_url: str) -> Iterator[Agency]:
    """Workers on demand, for that district."""
    with ExitStack() as open_stores:
        yield Agency(worked, database_url, open_stores)


SECRET = "Privada"
"""Part of an exception's own text that no log may repeat."""


# failures


def test_failing_windows_back_off(worked: Bridge, crew: Agency) -> None:
    """Each window is tried again after 30 s, 1, 2, 4, 8, 16 and then every 30 minutes; the others
    are not held up.
    """
    hired = crew.hire("w1")
    read(worked)
    worked.clock.advance(seconds=2400)
    worked.fail("garbage:endpoint=property-events")
    waits = []
    for _ in range(7):
        while hired.work() and min(due(worked)) <= 0:  # naps are for a vendor in trouble
            pass
        wait = min(due(worked))
        waits.append(wait)
        worked.clock.advance(seconds=wait)
    assert waits == [30, 60, 120, 240, 480, 960, 1800]
    worked.heal()
    worked.clock.advance(minutes=10)
    hired.work()
    assert (due(worked)[60.0], due(worked)[180.0]) == (1, 3)


def test_worker_leases_nothing_before_the_end_of_a_retry_after(
    worked: Bridge, crew: Agency
) -> None:
    """What another worker of the key was told holds for this one, and no window fails of it."""
    hired = crew.hire("w1")
    sent = len(worked.state.requests)
    worked.store.api_keys.pause("default", (worked.clock() + timedelta(hours=1)).timestamp())
    for _ in range(3):
        assert hired.worker.step() == LONGEST_NAP_SECONDS
        worked.clock.advance(minutes=19)
    assert (len(worked.state.requests), key(worked).error) == (sent, "")
    read(worked)
    worked.clock.advance(minutes=4)
    hired.work()
    assert len(worked.state.requests) > sent


def test_vendor_that_gives_no_answer_is_left_alone_ever_longer(
    worked: Bridge, crew: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    """2, 4, 8 seconds and so on up to a minute; from the third silence on `status` says so, until
    an answer comes.
    """
    caplog.set_level(logging.INFO)
    hired = crew.hire("w1")
    read(worked)
    worked.clock.advance(hours=6)
    worked.fail("500")
    naps, troubles = [], []
    for _ in range(8):
        naps.append(hired.work())
        troubles.append(bool(key(worked).error))
        worked.clock.advance(seconds=naps[-1])
    assert naps == [2, 4, 8, 16, 32, 60, 60, 60]
    assert troubles == [False, False, *[True] * 6]
    assert key(worked).error.startswith("the vendor gives no answer (")
    assert key(worked).error.endswith("); feeds go on from what is known")
    worked.heal()
    assert hired.worker.step() == 0
    assert (key(worked).error, key(worked).error_at) == ("", None)
    said = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert [each.partition(" (")[0] for each in said] == ["the vendor gives no answer"]
    assert [each.getMessage() for each in caplog.records].count("the vendor answers again") == 1
    worked.fail("500")
    assert hired.work() == 2


@pytest.mark.parametrize("kind", ["404", "500", "reset", "truncated", "html", "garbage"])
def test_failure_of_a_window_is_kept_and_logged(
    district: Bridge, agency: Agency, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The worker goes on with the next window; one warning a failure, and `status` knows the last
    one.
    """
    hired = agency.hire("w1")
    school_id = district.world.properties[1]["_id"]
    district.fail(f"{kind}:endpoint=property-events,property={school_id}")
    while hired.work() and min(due(district)) <= 0:  # naps are for a vendor in trouble
        pass
    failed = [
        each.property_id
        for each in district.store.read.health(district.clock()).properties
        if each.error
    ]
    assert failed == [school_id]
    warned = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(warned) == district.windows
    assert all(each.startswith(f"GET /property/{school_id}/events: ") for each in warned)
    assert KEY not in caplog.text


def test_first_catalogue_that_fails_is_tried_again_in_a_minute(
    district: Bridge, agency: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    """Without any catalogue there is nothing to do but wait; a warning says why."""
    hired = agency.hire("w1")
    district.fail("503:endpoint=properties")
    assert hired.work() == LONGEST_NAP_SECONDS
    asked = len(district.state.requests)
    district.clock.advance(seconds=59)
    hired.work()
    assert len(district.state.requests) == asked
    district.heal()
    district.clock.advance(seconds=1)
    hired.work()
    assert district.told() == district.truth()
    assert caplog.text.count("GET /properties: 503") == 1


def test_refused_key_leaves_the_vendor_alone_and_the_worker_alive(
    worked: Bridge, crew: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    """One request in five minutes, said as an error; meanwhile the worker is seen to live, and then
    it goes on.
    """
    hired = crew.hire("w1")
    read(worked)
    worked.clock.advance(seconds=600)
    worked.fail("401")
    begun = len(worked.state.requests)
    passed = 0.0
    while passed < 300:
        nap = hired.work()
        assert nap <= LONGEST_NAP_SECONDS
        worked.clock.advance(seconds=nap)
        passed += nap
        assert worked.store.read.health(worked.clock()).workers_alive == 1
    assert [status for *_, status in worked.state.requests[begun:]] == [401]
    (error,) = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert error.startswith("GET /property/")
    assert error.endswith("; feeds go on from what is known")
    assert KEY not in caplog.text
    assert (key(worked).error, key(worked).error_at) == (
        error,
        worked.clock() - timedelta(seconds=300),
    )
    worked.heal()
    hired.work()
    assert (key(worked).error, key(worked).error_at) == ("", None)
    assert worked.store.read.health(worked.clock()).properties[0].today_synced == worked.clock()


def test_key_refused_to_a_new_worker_is_asked_about_once(worked: Bridge, crew: Agency) -> None:
    """The catalogue tells it already: no window is tried, though all are due."""
    worked.clock.advance(days=1)
    worked.fail("401")
    begun = len(worked.state.requests)
    crew.hire("w1").work()
    assert [path for _, path, _, _ in worked.state.requests[begun:]] == ["/v1/properties"]


def test_spent_quota_is_waited_for_until_midnight_utc(
    district: Bridge, agency: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    """Not one request more that day; what was not fetched is fetched right after midnight, and
    counts as no failure.
    """
    hired = agency.hire("w1", ledger=MemoryLedger(GRANTED, 5))
    hired.work()
    assert len(district.state.requests) == 5
    assert "all 5 requests of 2026-11-21 (UTC) are used" in caplog.text
    for _ in range(20):
        district.clock.advance(seconds=hired.work())
    assert len(district.state.requests) == 5
    assert {each.error for each in district.store.read.health(district.clock()).properties} == {""}
    assert "all 5 requests of 2026-11-21 (UTC) are used" in key(district).error
    district.clock.now = district.clock().replace(hour=0, minute=0, second=0) + timedelta(days=1)
    hired.work()
    assert len(district.state.requests) == 10
    assert "all 5 requests of 2026-11-22 (UTC) are used" in key(district).error


def test_zone_that_is_no_more_is_survived(
    worked: Bridge, crew: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    """A property whose kept zone this machine does not know costs naps; every other property is
    fetched.
    """
    school_id = worked.world.properties[1]["_id"]
    with worked.store.engine.begin() as connection:
        connection.execute(
            update(properties).where(properties.c.id == school_id).values(zone="Mars/Base")
        )
    fresh = crew.hire("w2")
    read(worked)
    worked.clock.advance(seconds=600)
    begun = len(worked.state.requests)
    assert [fresh.work() for _ in range(3)] == [LONGEST_NAP_SECONDS] * 3
    assert {owner for owner, _ in asked(worked, begun)} == {
        each["_id"] for each in worked.world.properties if each["_id"] != school_id
    }
    assert "Mars/Base" in caplog.text


@pytest.mark.parametrize("kind", [KeyError, MemoryError, RecursionError, ZeroDivisionError])
def test_window_that_breaks_is_postponed_alone(
    worked: Bridge,
    crew: Agency,
    kind: type[Exception],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An exception that nobody foresaw is that window's error: it waits ever longer, the others are
    fetched.
    """
    school_id = worked.world.properties[1]["_id"]
    hired = crew.hire("w1")
    read(worked)
    with monkeypatch.context() as patched:
        _break(patched, school_id, kind)
        worked.clock.advance(seconds=600)
        begun = len(worked.state.requests)
        waits = []
        for _ in range(4):
            hired.work()
            failed = _standing(worked, school_id)
            assert failed.due is not None
            waits.append((failed.failures, (failed.due - worked.clock()).total_seconds()))
            worked.clock.now = failed.due
        assert waits == [(1, 30), (2, 60), (3, 120), (4, 240)]
        others = {owner for owner, _ in asked(worked, begun)}
    assert {each["_id"] for each in worked.world.properties} == others
    health = worked.store.read.health(worked.clock())
    errors = {each.property_id: each.error for each in health.properties if each.error}
    sentence = (
        f"property {school_id} window 0: an unexpected {kind.__name__} broke it; the log says where"
    )
    assert errors == {school_id: sentence}
    assert caplog.text.count(sentence) == 4
    assert ", in _raise" in caplog.text
    assert SECRET not in caplog.text
    hired.work()
    assert worked.store.read.health(worked.clock()).properties[1].error == ""


def _break(patched: pytest.MonkeyPatch, school_id: str, kind: type[BaseException]) -> None:
    """Let the first window of a school break where its answer is understood."""
    understood = interpret

    def _raise(
        store: Store, places: KnownCatalog, asked: EventsRequest, *rest: Any, **more: Any
    ) -> Interpretation:
        if asked.owner.id == school_id and asked.days.start == START.date():
            raise kind(SECRET)
        return understood(store, places, asked, *rest, **more)

    patched.setattr(fetch_events, "interpret", _raise)


def _standing(district: Bridge, property_id: str, number: int = 0) -> WindowState:
    standings = district.store.windows.state("default").windows
    return next(
        each for each in standings if (each.property_id, each.number) == (property_id, number)
    )


def test_sync_counts_a_window_that_breaks_as_failed(
    district: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are fetched in the same pass; an interruption is none of this."""
    school_id = district.world.properties[1]["_id"]
    with monkeypatch.context() as patched:
        _break(patched, school_id, ValueError)
        report = district.run()
    sentence = (
        f"property {school_id} window 0: an unexpected ValueError broke it; the log says where"
    )
    assert (report.windows, report.failures) == (5, [sentence])
    with monkeypatch.context() as patched:
        _break(patched, school_id, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            district.run()
    district.store.workers.leave("test")
    assert district.run().failures == []


def test_catalogue_that_breaks_is_postponed(
    worked: Bridge,
    crew: Agency,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is known of it serves on, and every window is fetched."""
    hired = crew.hire("w1")
    read(worked)
    worked.clock.advance(days=1)
    begun = len(worked.state.requests)

    def broken(*_arguments: object, **_more: object) -> None:
        raise KeyError(SECRET)

    with monkeypatch.context() as patched:
        patched.setattr(catalog, "apply", broken)
        hired.work()
    health = worked.store.read.health(worked.clock())
    assert (
        health.catalogue_error == "catalogue: an unexpected KeyError broke it; the log says where"
    )
    assert len(asked(worked, begun)) == 6
    assert SECRET not in caplog.text
    worked.clock.advance(minutes=30)
    hired.work()
    assert worked.store.read.health(worked.clock()).catalogue_error == ""


def test_unusable_database_is_survived(
    district: Bridge, agency: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    """A table that is gone for a while stops nothing: the worker says so, naps, and goes on when it
    is back.
    """
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
    """Busy or idle, never is a worker silent for longer than one nap; a silent one is forgotten
    after a day.
    """
    busy, idle = agency.hire("busy"), agency.hire("idle")
    busy.work()
    idle.work()
    assert present(district) == [("busy", 0.0), ("idle", 0.0)]
    district.clock.advance(seconds=30)
    idle.work()
    assert present(district) == [("busy", 30.0), ("idle", 0.0)]
    district.clock.advance(days=1)
    idle.work()
    assert present(district) == [("idle", 0.0)]


def test_long_catalogue_is_no_silence(district: Bridge, agency: Agency) -> None:
    """A catalogue that takes longer than a lease in all: its worker is seen to live, and nobody
    else begins another.
    """
    silence = []
    second = agency.hire("w2")

    def slowly(endpoint: str, _outcome: str) -> None:
        if endpoint in {"properties", "facilities"}:
            district.clock.advance(seconds=25)
            silence.append(dict(present(district))["w1"])
            second.worker.step()

    agency.hire("w1", on_request=slowly).worker.step()
    assert silence == [25.0] * 4
    assert [path for _, path, _, _ in district.state.requests].count("/v1/properties") == 1


def test_stopped_worker_leaves_nothing_behind(district: Bridge, agency: Agency) -> None:
    """A stop in a nap ends `run`; it is off the list, holds no lease, and napped only when idle."""
    hired = agency.hire("w1")
    with pytest.raises(Stop):
        hired.worker.run()
    assert hired.naps == [*[0.0] * 7, LONGEST_NAP_SECONDS]
    assert present(district) == []
    assert leased(district) == []


def test_worker_stopped_in_a_request_frees_its_window(district: Bridge, agency: Agency) -> None:
    """A stop while the vendor is being asked: the next worker need not wait for the lease to run
    out.
    """

    def stop(endpoint: str, _outcome: str) -> None:
        if endpoint == "property-events":
            raise Stop

    hired = agency.hire("w1", on_request=stop)
    with pytest.raises(Stop):
        hired.worker.run()
    assert len(asked(district)) == 1
    assert leased(district) == []
    assert present(district) == []
    agency.hire("w2").work()
    assert len(asked(district)) == 7


def test_stop_is_a_stop_though_the_database_is_gone(district: Bridge, agency: Agency) -> None:
    """What cannot be tidied up runs out by itself; the stop is not turned into another error."""
    hired = agency.hire("w1")
    hired.work()
    _rename_table(district, "workers", "elsewhere")
    with pytest.raises(Stop):
        hired.worker.run()
