"""Connections: SQLite as a server needs it (WAL, foreign keys, writers in line), PostgreSQL as it comes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from icalbridge.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

SQLITE_PATIENCE_SECONDS = 30


def connect(url: str) -> Engine:
    """Return an engine for a URL of `settings.database_url`; nothing is opened yet.

    Raises `StoreError` for a URL that names no usable database; the sentence holds no password.
    """
    try:
        if make_url(url).get_backend_name() == "sqlite":
            return _sqlite(url)
        return create_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=10, hide_parameters=True)
    except (ArgumentError, NoSuchModuleError):
        raise StoreError("DATABASE_URL names no database; use sqlite:///FILE or postgresql://…") from None
    except ModuleNotFoundError:
        raise StoreError("PostgreSQL needs one more package; install icalbridge[postgresql].") from None


def _sqlite(url: str) -> Engine:
    patience = {"timeout": SQLITE_PATIENCE_SECONDS, "check_same_thread": False}
    engine = create_engine(url, connect_args=patience, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so, below, not where the driver guesses
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


@contextmanager
def reading(source: Engine | Connection) -> Iterator[Connection]:
    """Open one transaction that reads, or go on in the one that is open; the driver's errors become `StoreError`."""
    if isinstance(source, Connection):
        yield source
        return
    with _sentences(), source.connect() as connection:
        yield connection


@contextmanager
def writing(source: Engine | Connection) -> Iterator[Connection]:
    """Open one transaction that writes, or go on in the one that is open: all of it or nothing.

    On SQLite it takes the write lock at once, so that it cannot fail half-way for having read first.
    """
    if isinstance(source, Connection):
        yield source
        return
    with _sentences(), source.connect().execution_options(writing=True) as connection, connection.begin():
        yield connection


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).strip().partition("\n")[0][:200]
        raise StoreError(f"The database cannot be used: {reason}") from error
    except PoolTimeoutError:
        raise StoreError("The database cannot be used: all its connections are busy") from None
