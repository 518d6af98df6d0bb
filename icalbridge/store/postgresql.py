"""PostgreSQL connections that do not wait for ever for a server that is stopped or cut off.

A server whose process is stopped still has its packets acknowledged by its kernel, so no TCP option
notices it. What bounds the wait is here: `TimedConnection.wait` gives a connection up when
nothing at all arrives for a while. A server that is busy, and says so by sending something or by
ending a statement in time, is waited for.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from sqlalchemy import create_engine, event

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sqlalchemy import Engine

    from icalbridge.store.timeouts import SharedTimeouts, Timeouts

POOL_SIZE, MAX_OVERFLOW = 5, 10
IDLE_SECONDS = 300
"""How long a transaction may be idle before the server ends it and frees its locks."""

T = TypeVar("T")


class TimedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server sends nothing for `shared.silence` seconds."""

    shared: SharedTimeouts | None = None

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        """Run one of psycopg's generators while the server gives a sign now and then."""
        return super().wait(
            gen if self.shared is None else self._watch(gen, self.shared), *args, **kwargs
        )

    def _watch(self, gen: Generator[Any, Any, T], shared: SharedTimeouts) -> Generator[Any, Any, T]:
        """Pass a generator on; psycopg resumes it with a false value ten times a second."""
        last_sign = time.monotonic()
        try:
            waits_for = next(gen)
            while True:
                ready = yield waits_for
                if ready:
                    last_sign = time.monotonic()
                elif time.monotonic() - last_sign > shared.silence:
                    shared.note_silence()
                    self.pgconn.finish()
                    raise psycopg.OperationalError("the server does not answer")
                waits_for = gen.send(ready)
        except StopIteration as end:
            result: T = end.value
            return result


def connect(url: str, timeouts: Timeouts, shared: SharedTimeouts) -> Engine:
    """Return an engine whose connections keep to these limits; nothing is opened yet."""
    engine = create_engine(
        url,
        pool_pre_ping=True,
        pool_size=POOL_SIZE,
        max_overflow=MAX_OVERFLOW,
        pool_timeout=shared.silence,
        hide_parameters=True,
    )
    milliseconds = int(timeouts.statement * 1000)
    network = {
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": milliseconds,
    }

    @event.listens_for(engine, "do_connect")
    def open_connection(
        _dialect: object, _record: object, args: Any, parameters: dict[str, Any]
    ) -> TimedConnection:
        if shared.lately_silent:
            raise psycopg.OperationalError("the server does not answer")
        return _within(lambda: _open(milliseconds, shared, *args, **network | parameters), shared)

    return engine


def _open(
    milliseconds: int, shared: SharedTimeouts, *args: Any, **parameters: Any
) -> TimedConnection:
    """Open a connection and set the server's limits by a statement: poolers refuse options."""
    connection = TimedConnection.connect(*args, **parameters)
    connection.shared = shared
    try:
        connection.autocommit = True
        connection.execute(
            "SELECT set_config('statement_timeout', %s, false),"
            " set_config('idle_in_transaction_session_timeout', %s, false)",
            (str(milliseconds), str(IDLE_SECONDS * 1000)),
        )
        connection.autocommit = False
    except BaseException:
        connection.close()
        raise
    return connection


def _within(connecting: Callable[[], TimedConnection], shared: SharedTimeouts) -> TimedConnection:
    """Connect in a thread, since neither name resolution nor libpq has limits of seconds."""
    outcome: Future[TimedConnection] = Future()

    def run() -> None:
        try:
            opened = connecting()
        except BaseException as error:  # noqa: BLE001  # it is raised where somebody waits for it
            if not outcome.cancelled():
                outcome.set_exception(error)
            return
        try:
            outcome.set_result(opened)
        except InvalidStateError:  # nobody waits any more
            opened.close()

    Thread(target=run, name="icalbridge-connect", daemon=True).start()
    try:
        return outcome.result(shared.connect)
    except FutureTimeoutError:
        if not outcome.cancel():
            return outcome.result()
        shared.note_silence()
        raise psycopg.OperationalError(
            "no connection to the server could be made in time"
        ) from None
