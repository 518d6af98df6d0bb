"""docs/deploy/upgrade.md, typed as the page has it, over a database that an earlier version made and
filled.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from alembic import command
from alembic.config import Config

from icalbridge import store as store_package
from icalbridge.store import Store
from icalbridge.store.engine import writing
from icalbridge.store.migrate import NEWER
from tests.fixtures.commands import ROOT, environment, run
from tests.fixtures.documents import section, typed_lines
from tests.fixtures.parts import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fixtures.postgresql import Cluster

PAGE = "docs/deploy/upgrade.md"
EARLIER = "0007"
MIGRATIONS = Path(store_package.__file__).parent / "migrations"
ROWS = """
INSERT INTO api_users (id) VALUES ('default');
INSERT INTO properties (id, api_user_id, name, position, listed, first_seen_at, revision, changed_at)
    VALUES ('school', 'default', 'Lincoln High', 0, TRUE, 1, 1, 1);
INSERT INTO facilities (id, property_id, name, position, listed, first_seen_at, revision, changed_at)
    VALUES ('gym', 'school', 'Gym', 0, TRUE, 1, 1, 1);
INSERT INTO events (event_type, event_id, property_id, name, first_seen_at, revision, changed_at)
    VALUES ('reservation', 'e1', 'school', 'Practice', 1, 1, 1);
INSERT INTO windows (property_id, number, due_at) VALUES ('school', 0, 1);
INSERT INTO entries (uid, event_type, event_id, property_id, facility_id, name, status,
        timeslot_status, zone, start_at, end_at, sequence, modified_at, first_seen_at)
    VALUES ('u1', 'reservation', 'e1', 'school', 'gym', 'Practice', 'approved', 'active', 'UTC',
        1795000000, 1795003600, 1, 50, 40)
"""


def migrate(url: str, version: str) -> None:
    """Bring a database to a version, as the program of back then did."""
    opened = Store.connect(url)
    with writing(opened.engine) as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    opened.close()


def version(file: Path) -> str:
    """Return the version of a SQLite database's schema."""
    with closing(sqlite3.connect(file)) as opened:
        return str(opened.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def bookings(file: Path) -> list[tuple[str, str]]:
    """Return what there is in a SQLite database."""
    with closing(sqlite3.connect(file)) as opened:
        return opened.execute("SELECT uid, name FROM entries").fetchall()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder in place of `/`, with the new version where the page has it."""
    for folder in ("var/lib/icalbridge", "opt/icalbridge-new/.venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for name in ("bin", "opt/icalbridge-new/.venv/bin"):
        program = tmp_path / name / "icalbridge"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m icalbridge "$@"\n')
        program.chmod(0o755)
    return tmp_path


@pytest.fixture
def earlier(root: Path) -> Path:
    """The database of an earlier version, with a school, a gym and a booking."""
    file = root / "var/lib/icalbridge/icalbridge.db"
    migrate(f"sqlite:///{file}", EARLIER)
    with closing(sqlite3.connect(file)) as opened:
        opened.executescript(ROWS)
        opened.commit()
    return file


def type_lines(root: Path, lines: list[str], settings: Mapping[str, str]) -> str:
    """Type lines one after the other, with their paths below a folder; return their output."""
    moved = [
        line.replace("/var/", f"{root}/var/").replace("/opt/", f"{root}/opt/") for line in lines
    ]
    done = subprocess.run(
        ["/bin/sh", "-c", "\n".join(["set -e", *moved])],
        env={**environment({}), "PATH": f"{root}/bin:{os.environ['PATH']}", **settings},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_rehearsal_leaves_the_database_alone(root: Path, earlier: Path) -> None:
    """The copy is migrated, and has what was there; the database is as it was, and the copy is
    removed at the end.
    """
    lines = typed_lines(section(PAGE, "Rehearse on a copy"))[:6]
    *rehearsal, removed = lines
    service = {"STATE_DIRECTORY": str(earlier.parent)}
    out = type_lines(root, rehearsal, service)
    assert "The database is up to date.\n" in out
    assert "Lincoln High" in out
    assert "Bookings    1 shown" in out
    copy = earlier.with_name("rehearsal.db")
    assert f"Database    {copy}" in out
    assert bookings(copy) == bookings(earlier) == [("u1", "Practice")]
    assert version(earlier) == version(earlier.with_name("before-upgrade.db")) == EARLIER
    assert version(copy) > EARLIER
    type_lines(root, [rehearsal[0], removed], service)
    assert not copy.exists()


def test_rehearsal_on_postgresql_leaves_the_database_alone(
    root: Path, postgresql_cluster: Cluster
) -> None:
    """The same with a database of PostgreSQL, called as in the page, and its own programs."""
    admin, folder = postgresql_cluster.admin, postgresql_cluster.folder
    admin.execute("CREATE DATABASE icalbridge")
    try:
        url = f"postgresql://postgres@/icalbridge?host={folder}"
        migrate(url.replace("postgresql://", "postgresql+psycopg://"), EARLIER)
        with psycopg.connect(url) as opened:
            opened.execute(ROWS)
        settings = {
            "PGHOST": str(folder),
            "PGUSER": "postgres",
            "PATH": f"{require('postgresql')}:{os.environ['PATH']}",
        }
        created, copied, upgraded, dropped = typed_lines(section(PAGE, "Rehearse on a copy"))[6:]
        out = type_lines(root, [created, copied, upgraded], settings)
        assert "The database is up to date.\n" in out
        with psycopg.connect(url.replace("/icalbridge?", "/rehearsal?")) as opened:
            (rehearsed,) = (
                opened.execute("SELECT version_num FROM alembic_version").fetchone() or ()
            )
            assert opened.execute("SELECT uid FROM entries").fetchall() == [("u1",)]
        with psycopg.connect(url) as opened:
            (left,) = opened.execute("SELECT version_num FROM alembic_version").fetchone() or ()
        assert left == EARLIER < rehearsed
        type_lines(root, [dropped], settings)
        assert not admin.execute("SELECT 1 FROM pg_database WHERE datname = 'rehearsal'").fetchall()
    finally:
        admin.execute("DROP DATABASE IF EXISTS rehearsal WITH (FORCE)")
        admin.execute("DROP DATABASE icalbridge WITH (FORCE)")


def test_older_version_refuses_and_the_backup_leads_back(root: Path, earlier: Path) -> None:
    """A version that this program does not know stands for a newer one: each command says so in
    the page's sentence and changes nothing; then the page's line restores the backup.
    """
    service = {"STATE_DIRECTORY": str(earlier.parent)}
    type_lines(root, typed_lines(section(PAGE, "Rehearse on a copy"))[:2], service)
    assert run("db", "upgrade", **service).returncode == 0
    with closing(sqlite3.connect(earlier)) as opened:
        opened.execute("UPDATE alembic_version SET version_num = 'of-tomorrow'")
        opened.commit()
    before = earlier.read_bytes()
    assert f'"{NEWER}"' in " ".join(section(PAGE, "Downgrade").split())
    for words in (["db", "upgrade"], ["status"], ["serve", "--no-sync", "--port", "0"], ["worker"]):
        done = run(*words, **service, FACILITRON_API_KEY="k")
        assert (done.returncode, done.stdout) == (1, ""), words
        assert NEWER in done.stderr
    assert earlier.read_bytes() == before
    (restore,) = typed_lines(section(PAGE, "Downgrade"))
    assert "Restored" in type_lines(root, [restore], service)
    assert bookings(earlier) == [("u1", "Practice")]
    assert run("status", **service).returncode == 0
    left = earlier.with_name("icalbridge.db.before-restore")
    assert version(left) == "of-tomorrow"


def test_page_is_about_programs_that_there_are() -> None:
    """What the page restarts is the unit of docs/deploy."""
    (restart,) = typed_lines(section(PAGE, "Upgrade"))
    name = restart.split()[-1]
    assert (ROOT / f"docs/deploy/systemd/{name}.service").exists()
