"""`icalbridge backup` and `restore`: a copy while others write, and the way back, all or nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.config import Config

from icalbridge.errors import StoreError
from icalbridge.models import utcnow
from icalbridge.store import Store, backup
from icalbridge.store.engine import writing
from icalbridge.store.health import WORKER_ALIVE
from tests.fixtures.commands import run, run_process
from tests.test_store_migrate import MIGRATIONS
from tests.web_world import filled_store

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

PLACES = ["district", "school", "odd", "alone", "never"]
COUNTER = "SELECT value FROM counters WHERE name = 'copied'"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A filled database, open as under a running `serve`."""
    opened = filled_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The database's file."""
    return tmp_path / "bridge.db"


@pytest.fixture
def copy(store: Store, database: Path, tmp_path: Path) -> Path:
    """A backup of it, whose bridge has ended."""
    file = tmp_path / "copy.db"
    backup.back_up(database, file, force=False)
    store.close()
    return file


def _run(database: Path, *args: str | Path) -> subprocess.CompletedProcess[str]:
    return run(*map(str, args), DATABASE_URL=f"sqlite:///{database}")


def _ids(file: Path) -> list[str]:
    store = Store.connect(f"sqlite:///{file}")
    try:
        store.check()
        return [place.id for place in store.read.properties()]
    finally:
        store.close()


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _require_refusal(ended: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"icalbridge: {sentence}\n"


def _change(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as opened:
        for statement in statements:
            opened.execute(statement)
        opened.commit()


# both commands as processes


def test_backup_of_an_open_database_is_restored(
    store: Store, database: Path, tmp_path: Path
) -> None:
    """What only the write-ahead log holds is in the copy; the copy is one file of mode 0600."""
    url = f"sqlite:///{database}"
    store.write.count({"copied": 7})
    assert (tmp_path / "bridge.db-wal").stat().st_size
    made = run_process("backup", str(tmp_path / "copy.db"), DATABASE_URL=url)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith(f"Wrote {tmp_path}/copy.db: ")
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    store.write.count({"copied": 1})
    store.close()
    assert _files(tmp_path) == ["bridge.db", "copy.db"]
    restored = run_process("restore", str(tmp_path / "copy.db"), "--force", DATABASE_URL=url)
    assert (restored.returncode, restored.stderr) == (0, "")
    assert restored.stdout.splitlines() == [
        f"Restored {database} from {tmp_path}/copy.db.",
        f"The database of before is {database}.before-restore; remove it when all is well.",
    ]
    assert _ids(database) == PLACES
    for file, count in (("bridge.db", 7), ("bridge.db.before-restore", 8)):
        with closing(sqlite3.connect(tmp_path / file)) as opened:
            assert opened.execute(COUNTER).fetchone() == (count,)
    assert _files(tmp_path) == ["bridge.db", "bridge.db.before-restore", "copy.db"]


# backup


def test_backups_while_another_writes_hold_whole_transactions(
    store: Store, database: Path, tmp_path: Path
) -> None:
    """A writer raises two counters in each transaction; in every copy they are equal."""
    end = threading.Event()
    written: list[int] = []

    def write() -> None:
        while not end.is_set():
            store.write.count({"copied": 1, "twin": 1})
            written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            backup.back_up(database, tmp_path / f"{number}.db", force=False)
    finally:
        end.set()
        writer.join()
    assert written
    query = "SELECT name, value FROM counters WHERE name IN ('copied', 'twin')"
    for number in range(5):
        with closing(sqlite3.connect(tmp_path / f"{number}.db")) as opened:
            values = dict(opened.execute(query).fetchall())
        assert values.get("copied") == values.get("twin")


@pytest.mark.usefixtures("store")
def test_backup_overwrites_with_force_only(database: Path, tmp_path: Path) -> None:
    """The file is as it was until the new one is complete."""
    file = tmp_path / "copy.db"
    file.write_text("older")
    ended = _run(database, "backup", file)
    _require_refusal(ended, f"{file} exists already; add --force to overwrite it.")
    assert file.read_text() == "older"
    assert _run(database, "backup", file, "--force").returncode == 0
    assert _ids(file) == PLACES


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", ["bridge.db", "bridge.db-wal", "link.db"])
def test_backup_never_overwrites_the_database(database: Path, tmp_path: Path, name: str) -> None:
    """By whatever name it goes, and whatever is forced."""
    (tmp_path / "link.db").symlink_to(database)
    ended = _run(database, "backup", tmp_path / name, "--force")
    _require_refusal(ended, f"{tmp_path / name} is the database itself; give another file.")
    assert _ids(database) == PLACES


def test_backup_without_a_database_or_folder_is_a_sentence(store: Store, tmp_path: Path) -> None:
    """Nothing is made."""
    ended = _run(tmp_path / "none.db", "backup", tmp_path / "copy.db")
    _require_refusal(ended, f"There is no database at {tmp_path}/none.db that can be read.")
    ended = _run(tmp_path / "bridge.db", "backup", tmp_path / "no" / "copy.db")
    _require_refusal(ended, f"{tmp_path}/no/copy.db cannot be written: No such file or directory.")
    store.close()
    assert _files(tmp_path) == ["bridge.db"]


def test_backup_of_a_damaged_database_is_refused(copy: Path, tmp_path: Path) -> None:
    """The last good backup is not overwritten by a bad one."""
    _damage(copy)
    target = tmp_path / "last.db"
    target.write_text("last good one")
    ended = _run(copy, "backup", target, "--force")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"icalbridge: {copy} ")
    assert ended.stderr.count("\n") == 1
    assert target.read_text() == "last good one"
    assert _files(tmp_path) == ["bridge.db", "copy.db", "last.db"]


@pytest.mark.parametrize(("name", "tool"), [("backup", "pg_dump"), ("restore", "pg_restore")])
def test_postgresql_has_tools_of_its_own(name: str, tool: str) -> None:
    """A sentence names them, with code 2 and without the password."""
    ended = run(name, "file", DATABASE_URL="postgresql://user:secret@127.0.0.1:1/bridge")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"`{tool} " in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "secret" not in ended.stderr


# restore


def test_restore_to_where_no_database_is(copy: Path, tmp_path: Path) -> None:
    """Needs no force; a log of a database that is gone is not applied to the new one."""
    target = tmp_path / "new.db"
    shutil.copy(copy, tmp_path / "new.db-wal")
    ended = _run(target, "restore", copy)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"Restored {target} from {copy}.\n"
    assert _ids(target) == PLACES


def test_restore_replaces_with_force_only(copy: Path, database: Path) -> None:
    """And never the database that an earlier restore put aside."""
    previous = f"{database}.before-restore"
    ended = _run(database, "restore", copy)
    _require_refusal(
        ended,
        f"There is a database at {database} already; add --force to replace it and keep it as"
        f" {previous}.",
    )
    assert _run(database, "restore", copy, "--force").returncode == 0
    before = database.read_bytes()
    ended = _run(database, "restore", copy, "--force")
    _require_refusal(ended, f"{previous} exists, from an earlier restore; move it away first.")
    assert database.read_bytes() == before


def test_restored_database_keeps_its_mode(copy: Path, database: Path) -> None:
    """Whoever could read the old one can read the new one."""
    database.chmod(0o640)
    assert _run(database, "restore", copy, "--force").returncode == 0
    assert database.stat().st_mode & 0o777 == 0o640


def test_restore_refuses_while_a_process_has_the_database_open(
    copy: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that only reads, as `serve --no-sync`."""
    monkeypatch.setattr(backup, "BUSY_SECONDS", 0)
    reader = Store.connect(f"sqlite:///{database}")
    assert reader.read.properties()
    ended = _run(database, "restore", copy, "--force")
    _require_refusal(ended, f"{database} is in use; stop icalbridge first, on every machine.")
    assert reader.read.properties()
    reader.close()
    assert _run(database, "restore", copy, "--force").returncode == 0


def test_restore_refuses_while_a_worker_lives(copy: Path, database: Path) -> None:
    """Of its heartbeat, since it may be on another machine; a silent one is dead."""
    store = Store.connect(f"sqlite:///{database}")
    now = utcnow()
    store.workers.beat("w", now=now)
    store.close()
    with pytest.raises(StoreError, match=r"A sync worker used .* in the last 5 minutes"):
        backup.restore(copy, database, force=True, now=now)
    assert not database.with_name("bridge.db.before-restore").exists()
    later = now + WORKER_ALIVE
    assert backup.restore(copy, database, force=True, now=later).previous


def test_restored_database_has_no_workers(store: Store, database: Path, tmp_path: Path) -> None:
    """Those of the backup are gone, and what they had leased is free."""
    now = utcnow()
    store.workers.beat("w", now=now)
    store.windows.make_due(["school"], now=now)
    assert store.windows.claim("default", "w", now=now, property_ids=["school"])
    backup.back_up(database, tmp_path / "copy.db", force=False)
    backup.restore(tmp_path / "copy.db", tmp_path / "new.db", force=False, now=now)
    restored = Store.connect(f"sqlite:///{tmp_path}/new.db")
    assert restored.read.health(now).workers_alive == 0
    assert restored.windows.claim("default", "v", now=now, property_ids=["school"])
    restored.close()


def test_restore_upgrades_an_older_schema(copy: Path, database: Path, tmp_path: Path) -> None:
    """The backup itself stays as it was."""
    older = tmp_path / "older.db"
    opened = Store.connect(f"sqlite:///{older}")
    with writing(opened.engine) as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    opened.close()
    before = older.read_bytes()
    ended = _run(database, "restore", older, "--force")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Its schema was older and is up to date now." in ended.stdout
    assert _ids(database) == []
    assert older.read_bytes() == before
    assert copy.exists()


def test_restore_refuses_what_it_cannot_use(copy: Path, database: Path, tmp_path: Path) -> None:
    """Newer, foreign, no database, damaged, cut off or missing: the database stays as it was."""
    before = database.read_bytes()
    names = ("newer", "foreign", "text", "damaged", "cut", "empty")
    files = {name: tmp_path / f"{name}.db" for name in names}
    for file in files.values():
        shutil.copy(copy, file)
    _change(files["newer"], "UPDATE alembic_version SET version_num = '9999'")
    _change(files["foreign"], "DROP TABLE entries")
    files["text"].write_text("BEGIN:VCALENDAR\n" * 100)
    _damage(files["damaged"])
    os.truncate(files["cut"], copy.stat().st_size // 2)
    os.truncate(files["empty"], 0)
    sentences = {
        "newer": "was made by a newer icalbridge; install that version.",
        "foreign": "is no database of icalbridge.",
        "text": "cannot be copied: file is not a database.",
        "empty": "is no database of icalbridge.",
    }
    for name, file in files.items():
        ended = _run(database, "restore", file, "--force")
        assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
        assert ended.stderr.startswith(f"icalbridge: {file} {sentences.get(name, '')}")
        assert "unexpected" not in ended.stderr
    _require_refusal(
        _run(database, "restore", tmp_path / "none", "--force"),
        f"There is no database at {tmp_path}/none that can be read.",
    )
    _require_refusal(
        _run(database, "restore", database, "--force"),
        f"{database} is the database itself; give another file.",
    )
    assert database.read_bytes() == before
    assert not list(tmp_path.glob("*.part*"))


def test_restore_over_a_damaged_database(copy: Path, database: Path) -> None:
    """What restoring is for; the damaged file and its log are kept, and not applied."""
    database.write_bytes(b"damaged")
    database.with_name("bridge.db-wal").write_bytes(b"log")
    ended = _run(database, "restore", copy, "--force")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert _ids(database) == PLACES
    assert database.with_name("bridge.db.before-restore").read_bytes() == b"damaged"


def _damage(file: Path) -> None:
    """Overwrite the second half of every page but the first with another byte."""
    content = bytearray(file.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 2048] = b"\xa5" * 2048
    file.write_bytes(content)
