"""`icalbridge.cli.doctor`: configuration and database, without which nothing else can be checked."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from icalbridge import sandbox
from icalbridge.cli.doctor import examine, run_doctor
from icalbridge.cli.doctor_database import SPARE_BYTES
from icalbridge.cli.runtime import describe_database
from icalbridge.models import utcnow
from icalbridge.settings import Settings
from icalbridge.store import Store
from tests.fixtures.examined import KEY, NAMES, checks_by_name, simulated_vendor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ABOVE = "not checked: see above"
OTHER_DATABASE = "; set DATABASE_URL to one that can be opened and written"


@pytest.fixture
def vendor() -> Iterator[tuple[str, sandbox.State]]:
    """A district and a school over HTTP."""
    today = sandbox.district_day(utcnow())
    world = sandbox.build_world(seed=3, today=today, schools=1, facilities=1, events_per_day=1)
    with simulated_vendor(world) as started:
        yield started


# configuration

UNUSABLE = " cannot be used; it must be"
GIVEN = "the key {} Facilitron gave"
FILE = "a file that holds it"
DATABASES = "sqlite:///FILE, without options, or postgresql://USER:PASSWORD@HOST/NAME"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "FACILITRON_API_KEY",
            "",
            (
                f" is not set; set it to {GIVEN.format('that')} you, or FACILITRON_API_KEY_FILE to"
                f" {FILE}."
            ),
        ),
        (
            "FACILITRON_API_KEY",
            f"{KEY} twice",
            f"{UNUSABLE} {GIVEN.format('as')} it, without blanks or line breaks.",
        ),
        ("DATABASE_URL", "mysql://root:hunter2@db/bridge", f"{UNUSABLE} {DATABASES}."),
        (
            "FACILITRON_QUOTA_PER_DAY",
            "1e3",
            f" is '1e3' and{UNUSABLE} a whole number from 1 to 100000000.",
        ),
    ],
)
def test_bad_configuration_is_the_only_line(
    name: str, value: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing else can be looked at; the setting is named, and no secret repeated."""
    assert not run_doctor({"FACILITRON_API_KEY": KEY, name: value})
    assert capsys.readouterr().out == f"FAIL  configuration  {name}{sentence}\n"


# the database


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:////no/such/folder/bridge.db", "unable to open database file"),
        ("sqlite:///{folder}", "unable to open database file"),
        ("sqlite:///{folder}/text.db", "file is not a database"),
        ("sqlite:///{folder}/newer.db", "attempt to write a readonly database"),
        ("postgresql://bridge:hunter2@127.0.0.1:1/bridge", "connection failed: "),
    ],
    ids=["no folder", "a folder", "no database", "read only", "nobody there"],
)
def test_unusable_database_says_what_to_do(
    tmp_path: Path, url: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason, the setting, and no password; the vendor is not asked."""
    (tmp_path / "text.db").write_text("this is a text, and not a short one either\n" * 100)
    with closing(sqlite3.connect(tmp_path / "newer.db")) as made:
        made.execute("CREATE TABLE anything (it TEXT)")
    with (tmp_path / "newer.db").open("r+b") as file:
        file.seek(
            18
        )  # "file format write version"; SQLite writes nothing into one that is newer than itself
        file.write(b"\3")
    settings = {"FACILITRON_API_KEY": KEY, "DATABASE_URL": url.format(folder=tmp_path)}
    told = checks_by_name(examine(settings))
    assert not run_doctor(settings)
    good, sentence = told["database"]
    assert good is False
    assert sentence.startswith(f"The database cannot be used: {reason}")
    assert sentence.endswith(OTHER_DATABASE)
    names = [name for name in NAMES[2:] if name in told]
    assert names[-5:] == NAMES[-5:]
    assert [told[name] for name in names] == [(None, ABOVE)] * len(names)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == len(told)
    assert "hunter2" not in out


def test_database_that_cannot_be_written_is_a_failed_line(
    vendor: tuple[str, sandbox.State], postgresql_url: str
) -> None:
    """A user of PostgreSQL who may only read opens a current schema; that is not enough, and is no
    crash either.
    """
    store = Store.connect(postgresql_url.replace("postgresql://", "postgresql+psycopg://"))
    store.upgrade()
    store.close()
    only_reads = f"{postgresql_url}&options=-c%20default_transaction_read_only%3Don"
    told = checks_by_name(
        examine(
            {"FACILITRON_API_KEY": KEY, "FACILITRON_API_URL": vendor[0], "DATABASE_URL": only_reads}
        )
    )
    assert told["database"] == (
        False,
        (
            "The database cannot be used: cannot execute INSERT in a read-only"
            f" transaction{OTHER_DATABASE}"
        ),
    )
    names = [name for name in NAMES[2:] if name in told]
    assert names[-5:] == NAMES[-5:]
    assert [told[name] for name in names] == [(None, ABOVE)] * len(names)
    assert vendor[1].requests == []


def test_newer_database_asks_for_a_newer_program(
    vendor: tuple[str, sandbox.State], database_url: str
) -> None:
    """Another DATABASE_URL is not what helps."""
    store = Store.connect(database_url)
    store.upgrade()
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'of-tomorrow'")
    store.close()
    assert checks_by_name(
        examine(
            {
                "FACILITRON_API_KEY": KEY,
                "FACILITRON_API_URL": vendor[0],
                "DATABASE_URL": database_url,
            }
        )
    )["database"] == (
        False,
        "The database was made by a newer icalbridge; install that version",
    )


@pytest.fixture
def environ(vendor: tuple[str, sandbox.State], database_url: str) -> dict[str, str]:
    """What an operator set, over a database that was made earlier."""
    store = Store.connect(database_url)
    store.upgrade()
    store.close()
    return {
        "FACILITRON_API_KEY": KEY,
        "FACILITRON_API_URL": vendor[0],
        "FACILITRON_RATE_PER_MINUTE": "60000",
        "DATABASE_URL": database_url,
    }


def test_damage_is_a_failed_line(environ: dict[str, str]) -> None:
    """In SQLite a page of an index that nothing else reads; in PostgreSQL an index that a build
    left unfinished.
    """
    url = environ["DATABASE_URL"]
    if not url.startswith("sqlite"):
        _leave_invalid_index(url)
        expected = "the index ix_unfinished is invalid; rebuild it with REINDEX INDEX"
        assert checks_by_name(examine(environ))["integrity"] == (False, expected)
        return
    _damage_page(url.removeprefix("sqlite:///"))
    good, sentence = checks_by_name(examine(environ))["integrity"]
    assert good is False
    assert sentence.startswith("damaged: ")
    assert sentence.endswith("; stop icalbridge and restore a backup with `icalbridge restore`")
    assert len(sentence.splitlines()) == 1


def _damage_page(file: str) -> None:
    with closing(sqlite3.connect(file)) as opened:
        (page,) = opened.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_entries_start_at_end_at'"
            " OR (type = 'index' AND tbl_name = 'pushed') ORDER BY rootpage DESC LIMIT 1"
        ).fetchone()
        (size,) = opened.execute("PRAGMA page_size").fetchone()
        opened.execute("PRAGMA journal_mode=DELETE")
    with open(file, "r+b") as raw:  # noqa: PTH123
        raw.seek((page - 1) * size)
        raw.write(b"\xff" * 100)


def _leave_invalid_index(url: str) -> None:
    """Make an index in the way that fails half-way: over values that are twice there."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as opened:
        opened.execute("INSERT INTO counters (name, value) VALUES ('one', 1), ('two', 1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            opened.execute("CREATE UNIQUE INDEX CONCURRENTLY ix_unfinished ON counters (value)")


def test_full_disk_is_a_failed_line(environ: dict[str, str], tmp_path: Path) -> None:
    """A database that is larger than what is free: a sparse file. PostgreSQL's disk is elsewhere."""
    url = environ["DATABASE_URL"]
    if not url.startswith("sqlite"):
        assert "disk" not in checks_by_name(examine(environ))
        return
    file = url.removeprefix("sqlite:///")
    assert checks_by_name(examine(environ))["disk"][0] is True
    os.truncate(file, shutil.disk_usage(tmp_path).free + SPARE_BYTES)
    good, sentence = checks_by_name(examine(environ))["disk"]
    assert good is False
    assert f" MB are free in {tmp_path}, and a copy of the database needs " in sentence
    assert sentence.endswith("; delete what is not needed there, or move the database")


# where it is


def test_database_of_postgresql_is_named_without_its_password() -> None:
    """Nor the user; the options of the address may hold secrets, too."""
    url = "postgresql+psycopg://user:hunter2@db.example.org/bridge?password=hunter2&host=a"
    named = [
        describe_database(Settings(database_url=given))
        for given in (url, url.replace("@db.example.org", "@"))
    ]
    assert named == ["PostgreSQL, bridge on db.example.org", "PostgreSQL, bridge on this machine"]


def test_database_in_the_state_directory_is_named(
    vendor: tuple[str, sandbox.State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without DATABASE_URL: its absolute path, in a folder that is for its owner only."""
    monkeypatch.chdir(tmp_path)
    environ = {
        "FACILITRON_API_KEY": KEY,
        "FACILITRON_API_URL": vendor[0],
        "FACILITRON_RATE_PER_MINUTE": "60000",
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    file = tmp_path / "state" / "icalbridge" / "icalbridge.db"
    place = f"opens, can be written, and its schema is current: {file}"
    assert checks_by_name(examine(environ))["database"] == (True, place)
    assert file.exists()
    assert file.parent.stat().st_mode & 0o777 == 0o700
    monkeypatch.chdir(file.parent)
    assert checks_by_name(examine(environ))["database"] == (True, place)
    monkeypatch.chdir(tmp_path)
    Store.connect(f"sqlite:///{tmp_path}/icalbridge.db").upgrade()
    assert checks_by_name(examine(environ))["database"] == (
        True,
        (
            f"opens, can be written, and its schema is current: {tmp_path}/icalbridge.db; it is"
            " found from this working directory only, so set"
            f" DATABASE_URL=sqlite:///{tmp_path}/icalbridge.db, or stop icalbridge and move it to"
            f" {file.parent}"
        ),
    )
