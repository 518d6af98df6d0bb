"""`icalbridge status --check`: one line and an exit code for Nagios, out of a real database."""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url, update

from icalbridge.cli.status_check import Level, check_health
from icalbridge.models import Changes, utcnow
from icalbridge.settings import from_environment
from icalbridge.store.age_limits import AgeLimits
from icalbridge.store.tables import properties, windows
from icalbridge.sync.ledger import StoreLedger
from tests.fixtures.commands import run
from tests.fixtures.stores import USER, WINDOW, list_catalogue
from tests.samples import NOW

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.cli.status_check import CheckResult
    from icalbridge.settings import Settings
    from icalbridge.store import Store

QUOTA = 500
LINE = re.compile(
    r"(OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+"
    r"(?: \|(?: [a-z_]+=[0-9.]+%?(?:;[0-9.]*:?){0,2}(?:;[0-9.]*){0,2})+)?\n"
)
"""What Nagios reads: the state, a text, and performance data without blanks in them."""


@pytest.fixture
def settings(database_url: str) -> Settings:
    return from_environment({"DATABASE_URL": database_url, "FACILITRON_QUOTA_PER_DAY": str(QUOTA)})


def fetch(store: Store, now: datetime, numbers: int = 1) -> None:
    """Let the first windows of both properties have been fetched at a moment."""
    for name in ("district", "school"):
        store.windows.ensure([name], numbers, now=now)
        store.windows.make_due([name], now=now)
        for _ in range(numbers):
            claim = store.windows.claim(USER, "w", now=now, property_ids=[name])
            assert claim is not None
            store.windows.finish(claim, WINDOW, Changes(), now=now, due=now + timedelta(days=9))


def keep_up(store: Store, now: datetime) -> None:
    """Let everything be as it should at a moment."""
    list_catalogue(store)
    fetch(store, now)
    assert store.api_keys.claim_catalog(USER, "w", now=now, at_once=True)
    store.api_keys.finish_catalog(USER, now=now, due=now + timedelta(days=1))
    store.workers.beat("w", now=now)
    store.write.note_read(["district"], now=now)


@pytest.fixture
def healthy(store: Store) -> Store:
    """All was fetched at noon, and somebody reads it."""
    keep_up(store, NOW)
    return store


def check(store: Store, settings: Settings, minutes: float, *, alive: bool = True) -> CheckResult:
    """Check some minutes after noon, with or without a worker alive then."""
    now = NOW + timedelta(minutes=minutes)
    if alive:
        store.workers.beat("w", now=now)
    result = check_health(store.read.health(now), settings, now)
    assert LINE.fullmatch(result.line() + "\n"), result.line()
    return result


def test_all_is_well(healthy: Store, settings: Settings) -> None:
    """The line says so, and has the figures with their thresholds."""
    assert check(healthy, settings, 5).line() == (
        "OK - all properties (2) are up to date"
        " | workers=1;;1: properties=2 today=14%;100;200;0 later=1%;100;200;0 stretch=1;10;;1"
        " quota_used=0;;499;0;500"
    )


@pytest.mark.parametrize(
    ("minutes", "level", "text"),
    [
        (34, Level.OK, "all properties (2) are up to date"),
        (36, Level.WARNING, "today's bookings up to 36 min old (limit 35 min)"),
        (69, Level.WARNING, "today's bookings up to 1 h old (limit 35 min)"),
        (71, Level.CRITICAL, "today's bookings up to 1 h old (limit 35 min)"),
    ],
)
def test_limit_follows_the_interval_of_a_month(
    healthy: Store, settings: Settings, minutes: int, level: Level, text: str
) -> None:
    """Twice ten minutes and a quarter of an hour; twice that is critical."""
    result = check(healthy, settings, minutes)
    assert result.level is level
    assert text in result.line()


def test_limits_follow_the_settings(healthy: Store, database_url: str) -> None:
    """Whoever fetches once an hour is not told to look after 36 minutes."""
    values = {"DATABASE_URL": database_url, "ICALBRIDGE_MONTH_SECONDS": "3600"}
    settings = from_environment(values)
    assert check(healthy, settings, 134).level is Level.OK
    assert check(healthy, settings, 136).level is Level.WARNING


def test_unread_property_may_wait_two_days(store: Store, settings: Settings) -> None:
    """It is fetched once a day."""
    keep_up(store, NOW)
    for name in ("district", "school"):
        store.write.note_read([name], now=NOW - timedelta(days=30))
    store.write.note_read(["district"], now=NOW)
    later = NOW + timedelta(days=8)
    fetch(store, later)
    limits = AgeLimits(settings, store.read.health(later), later)
    assert {limits.today(state) for state in store.read.health(later).properties} == {
        2 * 86_400 + 900.0
    }


def test_month_that_waits_long_is_found(healthy: Store, settings: Settings) -> None:
    """Today is fresh, a later month is not: twice four hours and a quarter."""
    minutes = 8 * 60 + 16
    fetch(healthy, NOW, numbers=2)
    fetch(healthy, NOW + timedelta(minutes=minutes))
    result = check(healthy, settings, minutes)
    assert result.level is Level.WARNING
    assert "later bookings up to 8 h old (limit 8 h): " in result.line()
    assert "today's" not in result.line()


@pytest.mark.parametrize(
    ("days", "level"), [(2, Level.OK), (2.02, Level.WARNING), (4.1, Level.CRITICAL)]
)
def test_catalog_is_fetched_daily(
    healthy: Store, settings: Settings, days: float, level: Level
) -> None:
    """Its limits follow from that."""
    fetch(healthy, NOW + timedelta(days=days))
    result = check(healthy, settings, days * 24 * 60)
    assert result.level is level
    assert ("the catalog is" in result.line()) is (level is not Level.OK)


def test_no_worker_is_critical(healthy: Store, settings: Settings) -> None:
    """Nothing is fetched; what else is wrong comes after it."""
    result = check(healthy, settings, 40, alive=False)
    assert result.level is Level.CRITICAL
    assert result.line().startswith("CRITICAL - no sync worker is alive; today's bookings")
    assert "workers=0;;1:" in result.line()


def test_what_was_never_fetched(store: Store, settings: Settings) -> None:
    """Some is a warning; everything, and a catalog that never came, is critical."""
    result = check(store, settings, 0)
    assert result.line().startswith("CRITICAL - the catalog was never fetched |")
    keep_up(store, NOW)
    assert check(store, settings, 0).level is Level.OK
    store.windows.ensure(["district", "school"], 1, now=NOW)
    with store.engine.begin() as connection:
        never = update(windows).values(synced_at=None)
        connection.execute(never.where(windows.c.property_id == "school"))
    result = check(store, settings, 0)
    assert result.line().startswith("WARNING - never fetched: Lincoln High |")
    with store.engine.begin() as connection:
        connection.execute(never)
    assert check(store, settings, 0).level is Level.CRITICAL


def test_clock_ahead_is_critical(healthy: Store, settings: Settings) -> None:
    """Nobody knows then how old anything is."""
    result = check(healthy, settings, -60)
    assert result.line().startswith("CRITICAL - stored times are in the future: set the clock")


def test_key_in_trouble(healthy: Store, settings: Settings) -> None:
    """A refused key is a warning, in our words; a quota that is used up is critical."""
    vendor = "401 AU001 ask jane@example.org | now"
    healthy.api_keys.note_trouble(USER, vendor, now=NOW)
    result = check(healthy, settings, 3)
    text = "WARNING - key default: Facilitron refuses it or does not respond, last 3 min ago |"
    assert result.line().startswith(text)
    assert "jane" not in result.line()
    ledger = StoreLedger(healthy, USER, rate_per_minute=100_000, quota_per_day=QUOTA)
    for _ in range(QUOTA):
        ledger.take(NOW)
    result = check(healthy, settings, 3)
    assert result.line().startswith("CRITICAL - key default: all 500 requests of the day are used;")


@pytest.mark.parametrize(("stretch", "level"), [(10, Level.OK), (10.5, Level.WARNING)])
def test_small_quota_is_a_warning(
    healthy: Store, settings: Settings, stretch: float, level: Level
) -> None:
    """The limits of ages stretch with the plan, so the stretch has a limit of its own."""
    healthy.api_keys.note_pace(USER, stretch, QUOTA)
    assert check(healthy, settings, 36).level is level


def test_school_of_no_district_shows_the_stretch_of_its_day(
    healthy: Store, settings: Settings
) -> None:
    """Its day gets as slow as a month before anything else is stretched: at 10, nothing is."""
    with healthy.engine.begin() as connection:
        connection.execute(update(properties).values(child_ids=(), read_at=NOW))
    healthy.api_keys.note_pace(USER, 10, QUOTA)
    assert check(healthy, settings, 34).level is Level.OK
    assert check(healthy, settings, 36).level is Level.WARNING


def test_names_cannot_break_the_line(healthy: Store, settings: Settings) -> None:
    """A bar would begin the performance data, a line break a second line; three names are enough."""
    with healthy.engine.begin() as connection:
        connection.execute(update(properties).values(name="a|b\nc"))
    line = check(healthy, settings, 36).line()
    assert ": a b c, a b c |" in line


def test_command_exits_as_nagios_wants(store: Store, database_url: str) -> None:
    """0, 1, 2 and 3; one line on stdout, nothing on stderr."""

    def seen() -> tuple[int, str]:
        done = run("status", "--check", DATABASE_URL=database_url)
        assert done.stderr == ""
        assert LINE.fullmatch(done.stdout), done.stdout
        return done.returncode, done.stdout.partition(" - ")[0]

    assert seen() == (2, "CRITICAL")
    keep_up(store, utcnow())
    assert seen() == (0, "OK")
    store.api_keys.note_trouble(USER, "401", now=utcnow())
    assert seen() == (1, "WARNING")


def test_what_cannot_be_checked_is_unknown(tmp_path: Path) -> None:
    """No database yet, settings that are wrong; a database that is there and broken is critical."""
    url = f"sqlite:///{tmp_path}/none.db"
    done = run("status", "--check", DATABASE_URL=url)
    assert (done.returncode, done.stdout.count("\n")) == (3, 1)
    assert done.stdout.startswith("UNKNOWN - There is nothing in the database yet")
    done = run("status", "--check", DATABASE_URL="mongodb://x")
    assert done.returncode == 3
    assert done.stdout.startswith("UNKNOWN - DATABASE_URL")
    (tmp_path / "broken.db").write_bytes(b"no database" * 1000)
    done = run("status", "--check", DATABASE_URL=f"sqlite:///{tmp_path}/broken.db")
    assert done.returncode == 2
    assert done.stdout.startswith("CRITICAL - the database cannot be used; `icalbridge doctor`")
    done = run("status", "--check", "--json")
    assert (done.returncode, done.stdout) == (2, "")


def test_check_writes_nothing(database_url: str, healthy: Store) -> None:
    """A monitor may call it each minute, and may not be able to write."""
    if healthy.engine.dialect.name != "sqlite":
        return
    healthy.close()
    file = Path(make_url(database_url).database or "")
    sqlite3.connect(file).execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    before = file.read_bytes()
    assert run("status", "--check", DATABASE_URL=database_url).returncode == 2
    assert file.read_bytes() == before
