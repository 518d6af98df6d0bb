"""Backup of a SQLite database: a consistent copy while others write, and the way back.

Both make a new file beside the target, check it, and rename it: whatever fails, the target stays as
it was.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url

from icalbridge.errors import SchemaOutdated, StoreError
from icalbridge.models import CLOCK_TOLERANCE
from icalbridge.store import Store
from icalbridge.store.health import WORKER_ALIVE
from icalbridge.store.migrate import versions
from icalbridge.store.tables import reader_days, reader_hashes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

COMPANIONS = ("-wal", "-shm", "-journal")
"""Suffixes of the files that belong to an open SQLite database."""
PREVIOUS = ".before-restore"
"""Suffix of the database that a restore replaced."""
BUSY_SECONDS = 5
_OUR_TABLES = frozenset({"alembic_version", "api_users", "entries", "properties"})


@dataclass(frozen=True, slots=True)
class Restored:
    """Result of a restore."""

    upgraded: bool
    """Whether the file had an older schema."""
    previous: Path | None
    """Where the database is now that was replaced, if there was one."""


def sqlite_file(database_url: str) -> Path | None:
    """Return the file of a `DATABASE_URL`, without symbolic links; None for PostgreSQL."""
    url = make_url(database_url)
    return Path(url.database or "").resolve() if url.get_backend_name() == "sqlite" else None


def back_up(database: Path, target: Path, *, force: bool) -> int:
    """Copy the database to a file that only its owner can read; return its size in bytes.

    Raises `StoreError`, with the target as it was.
    """
    with _file_errors(target):
        _require_database(database)
        _require_apart(database, target)
        if target.exists() and not force:
            raise StoreError(f"{target} exists already; add --force to overwrite it.")
        with _new_file(target) as part:
            _copy(database, part)
            _read_version(part, database)
            _forget_readers(part)
            _flush(part)
            _move(part, target)
        return target.stat().st_size


def restore(source: Path, database: Path, *, force: bool, now: datetime) -> Restored:
    """Replace the database with a backup, upgraded to the current schema.

    Raises `StoreError`, with the database as it was: for a file that is no intact database of ours
    or has a newer schema, while a process uses the database, and without `force` where there is
    one.
    """
    with _file_errors(database):
        _require_database(source)
        _require_apart(database, source)
        _require_replaceable(database, force=force, now=now)
        with _new_file(database) as part:
            _copy(source, part)
            upgraded = _upgrade(part, source)
            _flush(part)
            previous = _keep_previous(database, part, now) if database.exists() else None
            for suffix in COMPANIONS:  # of a database that is gone: SQLite would apply them
                _beside(database, suffix).unlink(missing_ok=True)
            _move(part, database)
    return Restored(upgraded, previous)


@contextmanager
def _file_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}.") from error


def _require_database(path: Path) -> None:
    if not (os.access(path, os.R_OK) and path.is_file()):
        raise StoreError(f"There is no database at {path} that can be read.")


def _require_apart(database: Path, file: Path) -> None:
    """Refuse a backup that is the database itself, or one of the files that belong to it."""
    own = [_beside(database, suffix) for suffix in ("", *COMPANIONS)]
    if file.resolve() in own or any(
        file.exists() and path.exists() and file.samefile(path) for path in own
    ):
        raise StoreError(f"{file} is the database itself; give another file.")


def _require_replaceable(database: Path, *, force: bool, now: datetime) -> None:
    """Refuse to replace a database without `force` or while it is used, and to lose one that was
    replaced earlier.
    """
    if not database.exists():
        return
    previous = _previous(database)
    if not force:
        raise StoreError(
            f"There is a database at {database} already; add --force to replace it and keep it as"
            f" {previous}."
        )
    if previous.exists():
        raise StoreError(f"{previous} exists, from an earlier restore; move it away first.")
    _require_unused(database, now)


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """Yield a new file with mode 0600 beside the target, for `_move`; remove what is left of it."""
    handle, name = mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
    finally:
        for suffix in ("", *COMPANIONS):
            _beside(part, suffix).unlink(missing_ok=True)


def _move(part: Path, target: Path) -> None:
    part.replace(target)
    _flush(target.parent)


def _copy(source: Path, part: Path) -> None:
    """Copy a database in one reading transaction, which no writer has to wait for, into one file
    without a write-ahead log.
    """
    try:
        with closing(_open(source)) as opened, closing(sqlite3.connect(part)) as copy:
            opened.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE").close()
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied: {error}.") from error


def _open(path: Path) -> sqlite3.Connection:
    """Open a database that exists; for reading only where it cannot be written."""
    uri = f"{path.resolve().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)


def _read_version(part: Path, named: Path) -> str:
    """Return the schema's version of an intact database of ours; errors name `named`."""
    try:
        with closing(sqlite3.connect(part)) as opened:
            (verdict,) = opened.execute("PRAGMA integrity_check(1)").fetchone()
            if verdict != "ok":
                raise StoreError(f"{named} is damaged: {' '.join(verdict.split())}.")
            tables = {name for (name,) in opened.execute("SELECT name FROM sqlite_master")}
            row = (
                opened.execute("SELECT version_num FROM alembic_version").fetchone()
                if tables >= _OUR_TABLES
                else None
            )
    except sqlite3.Error as error:
        raise StoreError(f"{named} is damaged: {error}.") from error
    if row is None:
        raise StoreError(f"{named} is no database of icalbridge.")
    return str(row[0])


def _forget_readers(part: Path) -> None:
    """Delete what tells today's readers apart, which must not outlive the day: see `readers`."""
    with closing(sqlite3.connect(part)) as opened, opened:
        opened.execute("PRAGMA secure_delete=ON").close()
        names = {name for (name,) in opened.execute("SELECT name FROM sqlite_master")}
        for table in (reader_hashes.name, reader_days.name):
            if table in names:
                opened.execute(f"DELETE FROM {table}").close()  # noqa: S608  # our own names


def _upgrade(part: Path, named: Path) -> bool:
    """Upgrade a copy to the current schema and forget the workers of back then; return whether the
    schema was older.
    """
    version = _read_version(part, named)
    if version not in versions():
        raise SchemaOutdated(f"{named} was made by a newer icalbridge; install that version.")
    store = Store.connect(f"sqlite:///{part}")
    try:
        store.upgrade()
        store.workers.forget_all()
    finally:
        store.close()
    return _read_version(part, named) != version


def _keep_previous(database: Path, part: Path, now: datetime) -> Path:
    """Rename the database that is replaced; its successor takes over owner and mode."""
    _require_unused(database, now)  # once more: the copy took a while
    previous = _previous(database)
    state = database.stat()
    part.chmod(state.st_mode & 0o777)
    with suppress(PermissionError):
        os.chown(part, state.st_uid, state.st_gid)
    for suffix in ("-wal", "-journal", ""):
        path = _beside(database, suffix)
        if path.exists():
            path.replace(_beside(previous, suffix))
    return previous


def _require_unused(database: Path, now: datetime) -> None:
    """Refuse a database that a process has open, or whose workers were alive lately.

    What cannot be read is in nobody's use.
    """
    try:
        with closing(_open(database)) as opened:
            opened.execute("PRAGMA locking_mode=EXCLUSIVE").close()  # idle readers count, too
            opened.execute("BEGIN EXCLUSIVE").close()
            seen = [moment for (moment,) in opened.execute("SELECT seen_at FROM workers")]
    except sqlite3.Error as error:
        if _is_busy(error):
            raise StoreError(
                f"{database} is in use; stop icalbridge first, on every machine."
            ) from error
        return
    first, last = now - WORKER_ALIVE, now + CLOCK_TOLERANCE
    if any(first.timestamp() < moment <= last.timestamp() for moment in seen):
        raise StoreError(
            f"A sync worker used {database} in the last {WORKER_ALIVE.seconds // 60} minutes; stop"
            " icalbridge first, or wait so long if it was killed."
        )


def _is_busy(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _previous(database: Path) -> Path:
    return _beside(database, PREVIOUS)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _flush(path: Path) -> None:
    """Have a file or folder written to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
