"""`icalbridge.web.usage`: who is read is noted aside, for the planner; no reader waits for it or
is harmed by it.
"""

from __future__ import annotations

import logging
from threading import Timer, current_thread
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from icalbridge.models import Changes
from icalbridge.store.tables import properties
from icalbridge.sync.schedule import Grant, Schedule
from icalbridge.sync.windows import DAY
from icalbridge.web import create_app, usage
from icalbridge.web.usage import AGAIN_SECONDS, WRITE_SECONDS, ReadCounts
from tests.samples import NOW
from tests.web_world import PUBLIC, USER, WINDOW, Clock

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from flask.testing import FlaskClient

    from icalbridge.store import Store


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> list[Timer]:
    """Every timer that was begun; none runs out by itself."""
    begun: list[Timer] = []

    class Kept(Timer):
        def start(self) -> None:
            begun.append(self)

    monkeypatch.setattr(usage, "Timer", Kept)
    return begun


@pytest.fixture
def noting(store: Store, clock: Clock, timers: list[Timer]) -> ReadCounts:
    assert timers == []
    return ReadCounts(store, clock)


@pytest.fixture
def client(store: Store, clock: Clock, timers: list[Timer]) -> FlaskClient:
    """The application, whose timers are kept."""
    assert timers == []
    return create_app(PUBLIC, store, clock=clock).test_client()


def _run_out(timers: list[Timer]) -> None:
    """Let every timer run out."""
    for timer in timers:
        timer.function()
    timers.clear()


def _read(store: Store) -> dict[str, float]:
    """Return who was noted as read, and how many seconds after `NOW`."""
    with store.engine.connect() as connection:
        rows = connection.execute(select(properties.c.id, properties.c.read_at)).all()
    return {
        property_id: (read_at - NOW).total_seconds()
        for property_id, read_at in rows
        if read_at is not None
    }


def test_reading_is_written_aside(
    store: Store, clock: Clock, noting: ReadCounts, timers: list[Timer]
) -> None:
    """What is noted is collected for some seconds and then written once, by a thread that keeps no
    process alive.
    """
    for property_id in ("school", "odd", "school"):
        noting.note(property_id)
    assert _read(store) == {}
    assert [(timer.interval, timer.daemon) for timer in timers] == [(WRITE_SECONDS, True)]
    clock.advance(WRITE_SECONDS)
    _run_out(timers)
    assert _read(store) == {"school": WRITE_SECONDS, "odd": WRITE_SECONDS}


def test_timer_is_a_thread_of_its_own(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It really runs out, beside the thread that answers."""
    written = []
    begun: list[Timer] = []

    class Seen(Timer):
        def start(self) -> None:
            begun.append(self)
            super().start()

    class Watched(ReadCounts):
        def write(self) -> None:
            super().write()
            written.append(current_thread())

    monkeypatch.setattr(usage, "Timer", Seen)
    monkeypatch.setattr(usage, "WRITE_SECONDS", 0)
    Watched(store, clock).note("school")
    (timer,) = begun
    timer.join()
    assert written == [timer]
    assert _read(store) == {"school": 0}


def test_property_is_noted_once_an_hour(
    store: Store, clock: Clock, noting: ReadCounts, timers: list[Timer]
) -> None:
    """However often it is read; each property for itself."""
    noting.note("school")
    _run_out(timers)
    clock.advance(AGAIN_SECONDS - 1)
    noting.note("school")
    assert timers == []
    noting.note("odd")
    _run_out(timers)
    assert _read(store) == {"school": 0, "odd": AGAIN_SECONDS - 1}
    clock.advance(1)
    noting.note("school")
    _run_out(timers)
    assert _read(store) == {"school": AGAIN_SECONDS, "odd": AGAIN_SECONDS - 1}


def test_dead_database_harms_nobody(
    store: Store,
    clock: Clock,
    noting: ReadCounts,
    timers: list[Timer],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A warning, no error; an hour later it is told again."""
    noting.note("school")
    _rename(store, "properties", "elsewhere")
    _run_out(timers)
    (warned,) = [each for each in caplog.records if each.name == "icalbridge.web.usage"]
    assert warned.levelno == logging.WARNING
    assert warned.getMessage().startswith(
        "who reads what could not be noted: The database cannot be used: "
    )
    _rename(store, "elsewhere", "properties")
    clock.advance(AGAIN_SECONDS)
    noting.note("school")
    _run_out(timers)
    assert _read(store) == {"school": AGAIN_SECONDS}


def _rename(store: Store, old: str, new: str) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")


def test_feed_from_memory_survives_a_database_that_is_gone(
    client: FlaskClient, store: Store, clock: Clock, timers: list[Timer], tmp_path: Path
) -> None:
    """A reader gets the feed, whether or not it can be noted that there was one."""
    assert client.get("/ical/facility/gym.ics").status_code == 200
    store.engine.dispose()
    for left in tmp_path.glob("bridge.db*"):
        left.unlink()
    (tmp_path / "bridge.db").mkdir()
    clock.advance(AGAIN_SECONDS)
    assert client.get("/ical/facility/gym.ics").status_code == 200
    assert len(timers) == 2  # what is read, and how many read it
    _run_out(timers)
    assert client.get("/ical/facility/gym.ics").status_code == 200


@pytest.mark.parametrize(
    ("path", "noted"),
    [
        ("/ical/facility/gym.ics", {"school"}),
        ("/ical/property/school.ics", {"school"}),
        ("/ical/property/district.ics", {"district"}),
        ("/ical/event/reservation/e1.ics", {"school"}),
        ("/facility/gym", {"school"}),
        ("/property/district", {"district"}),
        ("/ical/facility/never-gym.ics", set()),
        ("/ical/facility/unknown.ics", set()),
        ("/", set()),
        ("/readyz", set()),
    ],
)
def test_what_is_answered_is_noted(
    client: FlaskClient, store: Store, timers: list[Timer], path: str, noted: set[str]
) -> None:
    """Feeds and pages note their property; what shows no calendar notes nobody."""
    client.get(path)
    _run_out(timers)
    assert _read(store).keys() == noted


def test_answer_writes_nothing(
    client: FlaskClient, timers: list[Timer], statements: list[str]
) -> None:
    """The request itself only reads the database."""
    client.get("/ical/facility/gym.ics")
    assert {each.split()[0] for each in statements} == {"BEGIN", "SELECT"}
    assert len(timers) == 2  # what is read, and how many read it
    _run_out(timers)
    assert any(each.startswith("UPDATE properties") for each in statements)


def _tiers(store: Store, now: datetime) -> dict[tuple[str, int], str]:
    situation = store.windows.state(USER)
    schedule = Schedule(situation, Grant(), now)
    return {
        (each.property_id, each.number): schedule.tier(each).value for each in situation.windows
    }


def test_reader_of_a_district_counts_for_its_schools(
    client: FlaskClient, store: Store, timers: list[Timer]
) -> None:
    """Who reads the district reads its schools' next weeks and the day that covers them; others stay
    daily.
    """
    store.windows.ensure(["district"], 0, now=NOW, first=DAY)
    days = [each for each in store.windows.state(USER).windows if each.number == DAY]
    claim = store.windows.claim_planned(days, "worker", now=NOW)
    assert claim is not None
    store.windows.finish(claim, WINDOW, Changes(), now=NOW)
    assert set(_tiers(store, NOW).values()) == {"unread"}
    client.get("/ical/property/district.ics")
    _run_out(timers)
    assert _tiers(store, NOW) == {
        ("district", DAY): "today",
        ("district", 0): "week",
        ("school", 0): "week",
        ("odd", 0): "week",
        ("alone", 0): "unread",
        ("never", 0): "unread",
    }


def test_reader_of_a_facility_counts_for_its_school_alone(
    client: FlaskClient, store: Store, timers: list[Timer]
) -> None:
    """A school that no district's day covers is asked for its today."""
    client.get("/ical/facility/nameless.ics")
    _run_out(timers)
    tiers = _tiers(store, NOW)
    assert {each for each in tiers if tiers[each] != "unread"} == {("alone", 0)}
    assert tiers["alone", 0] == "today"
