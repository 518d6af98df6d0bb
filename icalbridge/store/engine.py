"""Connections: SQLite as a server needs it (WAL, foreign keys, writers in line), PostgreSQL with
time-outs.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from icalbridge.errors import StoreClosed, StoreError
from icalbridge.store.timeouts import Timeouts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine, Row, Select, UpdateBase

    from icalbridge.store.timeouts import SharedTimeouts

SQLITE_BUSY_SECONDS = 30


_SHARED_TIMEOUTS = "icalbridge_patience"
_CLOSED = "icalbridge_closed"


def connect(url: str, timeouts: Timeouts | None = None) -> Engine:
    """Return an engine for a URL of `settings.database_url`; nothing is opened yet.

    `timeouts`: how long to wait for PostgreSQL. Raises `StoreError` for a URL that names no usable
    database, without the password.
    """
    try:
        if make_url(url).get_backend_name() == "sqlite":
            return _sqlite(url)
        return _postgresql(url, timeouts or Timeouts())
    except (ArgumentError, NoSuchModuleError):
        raise StoreError(
            "DATABASE_URL names no database; use sqlite:///FILE or postgresql://…"
        ) from None
    except ModuleNotFoundError:
        raise StoreError(
            "PostgreSQL needs one more package; install icalbridge[postgresql]."
        ) from None


def _postgresql(url: str, timeouts: Timeouts) -> Engine:
    from icalbridge.store import postgresql  # psycopg need not be installed where SQLite is used

    shared = timeouts.share()
    engine = postgresql.connect(url, timeouts, shared)
    engine.update_execution_options(**{_SHARED_TIMEOUTS: shared})
    return engine


def shared_timeouts_of(engine: Engine) -> SharedTimeouts | None:
    """Return how long to wait for the database of an engine; None for SQLite."""
    shared: SharedTimeouts | None = engine.get_execution_options().get(_SHARED_TIMEOUTS)
    return shared


@contextmanager
def without_time_limit(connection: Connection) -> Iterator[None]:
    """Lift the time limit of statements inside one transaction, for migrations."""
    if connection.dialect.name == "sqlite":
        yield
        return
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    client: Any = connection.connection.dbapi_connection
    shared, client.shared = client.shared, None
    try:
        yield
    finally:
        client.shared = shared


def _sqlite(url: str) -> Engine:
    arguments = {"timeout": SQLITE_BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(url, connect_args=arguments, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = (
            None  # transactions begin where we say so, below, not where the driver guesses
        )
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def close(engine: Engine) -> None:
    """Close all connections that are not in use, and open none from now on."""
    engine.update_execution_options(**{_CLOSED: True})
    engine.dispose()


@contextmanager
def reading(source: Engine | Connection) -> Iterator[Connection]:
    """Open a reading transaction, or join the open one. Raises `StoreError` for driver errors."""
    if isinstance(source, Connection):
        yield source
        return
    with _answered(source), source.connect() as connection:
        yield connection


@contextmanager
def snapshot(source: Engine | Connection) -> Iterator[Connection]:
    """Open a reading transaction in which all statements see one moment, or join the open one."""
    with reading(source) as connection:
        if connection is not source and connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


@contextmanager
def writing(source: Engine | Connection) -> Iterator[Connection]:
    """Open a writing transaction, all or nothing, or join the open one.

    SQLite takes the write lock at once: a transaction that read first could fail half-way.
    """
    if isinstance(source, Connection):
        yield source
        return
    with (
        _answered(source),
        source.connect().execution_options(writing=True) as connection,
        connection.begin(),
    ):
        yield connection


class Repository:
    """Queries on one database, or inside one transaction."""

    def __init__(self, opened: Engine | Connection) -> None:
        self._opened = opened

    def _rows(self, *queries: Select[Any]) -> list[Row[*tuple[Any, ...]]]:
        """Return the rows of some queries, read in one transaction."""
        with reading(self._opened) as connection:
            return [row for query in queries for row in connection.execute(query).all()]

    def _row(self, query: Select[Any]) -> Row[*tuple[Any, ...]] | None:
        with reading(self._opened) as connection:
            return connection.execute(query).first()

    def _value(self, query: Select[Any]) -> Any:
        """Return the first column of the first row; None where there is none."""
        with reading(self._opened) as connection:
            return connection.scalar(query)

    def _write(self, *statements: UpdateBase) -> int:
        """Execute statements in one transaction; return how many rows they changed."""
        with writing(self._opened) as connection:
            return sum([connection.execute(statement).rowcount for statement in statements])


@contextmanager
def _answered(engine: Engine) -> Iterator[None]:
    """Check closed flag and circuit breaker; raise the driver's errors as `StoreError`."""
    if engine.get_execution_options().get(_CLOSED):
        raise StoreClosed("The database is closed.")
    shared = shared_timeouts_of(engine)
    breaker = shared.breaker if shared else None
    if breaker:
        breaker.check()
    try:
        yield
        if breaker:
            breaker.reset()
    except DBAPIError as error:
        reason = str(error.orig).strip().partition("\n")[0][:200]
        raise StoreError(f"The database cannot be used: {reason}") from error
    except PoolTimeoutError:
        raise StoreError("The database cannot be used: all its connections are busy") from None
