"""A PostgreSQL that does not answer: nobody waits for it for long, and what is in memory is served
all the time.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import pytest
import requests
from sqlalchemy import text

from icalbridge import sandbox
from icalbridge.cli.runtime import connect, connect_for_web
from icalbridge.errors import StoreError
from icalbridge.models import utcnow
from icalbridge.settings import Settings, from_environment
from icalbridge.store import Store, Timeouts
from icalbridge.store import timeouts as timeouts_module
from icalbridge.store.engine import shared_timeouts_of, without_time_limit, writing
from icalbridge.store.postgresql import TimedConnection
from icalbridge.store.timeouts import HURRY_SECONDS, Breaker, SharedTimeouts
from icalbridge.web import create_app
from tests.fixtures.bridges import KEY, bridge
from tests.fixtures.commands import answer, either_signal, free_port, run, running, until
from tests.fixtures.freezing import Proxy, frozen_at_will

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from icalbridge.sandbox import State

PATIENCE_SECONDS = 60
SHORT = Timeouts(connect=0.5, silence=0.5)


@pytest.fixture
def proxy(postgresql_url: str) -> Iterator[Proxy]:
    """An empty database with the current schema, which can be frozen."""
    store = Store.connect(_ours(postgresql_url))
    store.upgrade()
    store.close()
    with frozen_at_will(postgresql_url) as made:
        yield made


def _ours(url: str) -> str:
    """Return a URL as `settings` reads it."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def _open(proxy: Proxy, timeouts: Timeouts = SHORT) -> Store:
    return Store.connect(_ours(proxy.url), timeouts)


# connections


def test_statement_is_given_up_when_nothing_comes(proxy: Proxy) -> None:
    """On a connection that is open already; the next one is new, and works as soon as the server
    does.
    """
    store = _open(proxy)
    store.read.properties()
    proxy.freeze()
    with pytest.raises(StoreError, match="does not answer"):
        store.read.properties()
    proxy.thaw()
    _until_answered(store)
    store.close()


def test_connection_is_given_up_when_nothing_comes(proxy: Proxy) -> None:
    """The kernel takes the connection, as that of a stopped server does; the server never says a
    word.
    """
    proxy.freeze()
    store = _open(proxy)
    with pytest.raises(StoreError, match="no connection to the server could be made in time"):
        store.read.properties()
    proxy.thaw()
    _until_answered(store)
    store.close()


def _until_answered(store: Store) -> None:
    def answered() -> bool | None:
        try:
            store.read.properties()
        except StoreError:
            return None
        return True

    until(answered, "answer of the database")


def test_open_breaker_asks_nobody(proxy: Proxy) -> None:
    """After one wait in vain no thread waits any more, nor is a connection made, until one may try."""
    store = _open(proxy)
    proxy.freeze()
    shared = shared_timeouts_of(store.engine)
    assert shared is not None
    assert shared.breaker is not None
    shared.breaker._pause = 3600
    with pytest.raises(StoreError):
        store.read.properties()
    before = proxy.accepted
    for _ in range(100):
        with pytest.raises(StoreError, match="it is tried again in a moment"):
            store.read.properties()
    assert proxy.accepted == before
    store.close()


def test_breaker_lets_one_try_after_each_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody else until that one is back."""
    ticks = [100.0]
    monkeypatch.setattr(timeouts_module, "time", type("_", (), {"monotonic": lambda: ticks[0]}))
    breaker = Breaker(pause=3)
    breaker.check()
    breaker.trip()
    for moment, passes in (
        (102.9, False),
        (103.0, True),
        (103.1, False),
        (105.9, False),
        (106.0, True),
    ):
        ticks[0] = moment
        if passes:
            breaker.check()
        else:
            with pytest.raises(StoreError):
                breaker.check()
    breaker.reset()
    breaker.check()


def test_server_that_sends_something_now_and_then_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long it takes in all: a large answer is no silence."""
    ticks = [0.0]
    monkeypatch.setattr(
        "icalbridge.store.postgresql.time", type("_", (), {"monotonic": lambda: ticks[0]})
    )

    def statement() -> Generator[int, int, str]:
        for _ in range(50):
            yield 1
        return "rows"

    shared = SharedTimeouts(1.0, 1.0, None)
    watched = TimedConnection._watch(cast("Any", None), statement(), shared)
    next(watched)
    signs = itertools.cycle([0, 1])

    def run_to_the_end() -> None:
        while True:
            ticks[0] += 0.4
            watched.send(next(signs))

    with pytest.raises(StopIteration) as end:
        run_to_the_end()
    assert end.value.value == "rows"
    assert ticks[0] > 10 * shared.silence


def test_process_that_ends_waits_no_longer(proxy: Proxy) -> None:
    """Also where it waits already: the limit is looked at all the time."""
    store = _open(proxy, Timeouts(connect=600, statement=600))
    store.read.properties()
    proxy.freeze()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(store.read.properties)
        store.hurry()
        with pytest.raises(StoreError, match="does not answer"):
            waiting.result(PATIENCE_SECONDS)
    assert HURRY_SECONDS < 20
    store.close()


def test_server_knows_the_limits_too(proxy: Proxy) -> None:
    """So that nothing is locked for longer by a client that is cut off; migrations have none."""
    settings = Settings(database_url=_ours(proxy.url), database_statement_seconds=7)
    for store in (connect(settings), connect_for_web(settings)):
        with writing(store.engine) as connection:
            names = ("statement", "idle_in_transaction_session")
            shown = [connection.scalar(text(f"SHOW {name}_timeout")) for name in names]
            assert shown == ["7s", "5min"]
            with without_time_limit(connection):
                assert connection.scalar(text("SHOW statement_timeout")) == "0"
                assert cast("Any", connection.connection.dbapi_connection).shared is None
            assert cast("Any", connection.connection.dbapi_connection).shared is shared_timeouts_of(
                store.engine
            )
        store.close()


def test_long_statement_ends_by_the_servers_own_limit(proxy: Proxy) -> None:
    """A server that is alive says so itself, and the connection stays."""
    store = _open(proxy, Timeouts(statement=0.2))
    with pytest.raises(StoreError, match="statement timeout"), writing(store.engine) as connection:
        connection.execute(text("SELECT pg_sleep(3600)"))
    before = proxy.accepted
    store.read.properties()
    assert proxy.accepted == before
    store.close()


@pytest.mark.parametrize("name", ["CONNECT", "STATEMENT", "WEB"])
def test_limits_are_settings(name: str) -> None:
    """In whole seconds, at least one."""
    variable = f"ICALBRIDGE_DATABASE_{name}_SECONDS"
    settings = from_environment({variable: "17"})
    assert getattr(settings, f"database_{name.lower()}_seconds") == 17
    with pytest.raises(Exception, match=variable):
        from_environment({variable: "0"})


# the web


@pytest.fixture
def filled(postgresql_url: str) -> Iterator[tuple[Proxy, list[str]]]:
    """A synced district whose database can be frozen, and the addresses of its feeds."""
    size = {"schools": 1, "facilities": 2, "events_per_day": 1, "windows": 2}
    with bridge(_ours(postgresql_url), **size) as district, frozen_at_will(postgresql_url) as made:
        district.clock.now = utcnow()
        assert district.run().failures == []
        schools = district.store.read.properties()
        rooms = district.store.read.facilities()
        yield (
            made,
            [
                *(f"/ical/property/{each.id}.ics" for each in schools),
                *(f"/ical/facility/{each.id}.ics" for each in rooms),
            ],
        )


def test_feeds_in_memory_are_served_while_nothing_answers(filled: tuple[Proxy, list[str]]) -> None:
    """Each with the bytes that it had, the directory too; what is not in memory is a 503 with a
    sentence, and all is well afterwards.
    """
    proxy, addresses = filled
    store = connect_for_web(Settings(database_url=_ours(proxy.url), database_web_seconds=3))
    client = create_app(Settings(), store).test_client()
    before = {address: client.get(address).data for address in addresses[:-1]}
    page = client.get("/").data
    proxy.freeze()
    for _ in range(2):
        assert client.get("/healthz").status_code == 200
        for address, body in before.items():
            answered = client.get(address)
            assert (answered.status_code, answered.data) == (200, body)
        assert client.get("/").status_code == 200
        unread = f"/facility/{addresses[-1].removeprefix('/ical/facility/').removesuffix('.ics')}"
        for address in (addresses[-1], unread, "/readyz"):
            assert client.get(address).status_code == 503
        assert b"icalbridge_database_up 0.0" in client.get("/metrics").data
    proxy.thaw()
    until(lambda: client.get(addresses[-1]).status_code == 200 or None, "the feed")
    assert client.get("/").data == page
    assert client.get(addresses[-1]).status_code == 200
    store.close()


def test_server_answers_in_all_threads_while_nothing_answers_it(
    filled: tuple[Proxy, list[str]],
) -> None:
    """As shipped: more readers than threads, of feeds, of pages and of `/healthz`, and nobody waits
    for the thaw.
    """
    proxy, addresses = filled
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "DATABASE_URL": proxy.url,
        "PORT": str(port),
        "ICALBRIDGE_DATABASE_WEB_SECONDS": "5",
    }
    with running("serve", "--no-sync", "--workers", "1", **settings) as process:
        until(lambda: answer(f"{url}/readyz"), "server")
        for address in addresses:
            assert requests.get(url + address, timeout=PATIENCE_SECONDS).status_code == 200
        proxy.freeze()
        paths = [*addresses, "/", "/healthz", "/api/v1/properties", "/healthz"] * 4
        begun = time.monotonic()
        with ThreadPoolExecutor(len(paths)) as pool:
            answers = list(
                pool.map(
                    lambda path: requests.get(url + path, timeout=PATIENCE_SECONDS).status_code,
                    paths,
                )
            )
        print(f"{len(paths)} answers in {time.monotonic() - begun:.2f} s")
        assert answers == [503 if path in {"/", "/api/v1/properties"} else 200 for path in paths]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0


# workers and commands


@pytest.fixture
def vendor() -> Iterator[tuple[dict[str, str], State]]:
    world = sandbox.build_world(
        seed=3, today=utcnow().date(), schools=1, facilities=1, events_per_day=1, hostile=True
    )
    app = sandbox.create_app(world, keys=(KEY,), rate_per_minute=100_000, quota_per_day=1_000_000)
    with sandbox.serve_in_thread(app) as url:
        settings = {
            "FACILITRON_API_KEY": KEY,
            "FACILITRON_API_URL": url,
            "FACILITRON_RATE_PER_MINUTE": "60000",
        }
        yield settings, app.extensions["sandbox"]


@pytest.mark.parametrize("number", either_signal(signal.SIGTERM, signal.SIGINT))
@pytest.mark.parametrize(("command", "codes"), [("worker", {0}), ("sync", {1, 130})])
def test_process_ends_though_the_database_does_not_answer(
    proxy: Proxy, vendor: tuple[dict[str, str], State], command: str, codes: set[int], number: int
) -> None:
    """In the middle of everything, while its threads wait for the database: without a traceback,
    and soon.
    """
    settings, state = vendor

    def busy() -> bool | None:
        return True if len(state.requests) > 4 else None

    with running(command, **settings, DATABASE_URL=proxy.url, PYTHONFAULTHANDLER="1") as process:
        until(busy, "busy process")
        proxy.freeze()
        process.send_signal(number)
        begun = time.monotonic()
        told, _ = process.communicate(timeout=PATIENCE_SECONDS)
        print(f"{command} ended in {time.monotonic() - begun:.2f} s")
    assert process.returncode in codes
    assert "Traceback" not in told
    assert KEY not in told


def test_command_says_that_the_database_does_not_answer(proxy: Proxy) -> None:
    """One sentence and a code, not a wait without end."""
    proxy.freeze()
    ended = run("status", DATABASE_URL=proxy.url, ICALBRIDGE_DATABASE_CONNECT_SECONDS="1")
    assert ended.returncode == 1
    assert (
        "The database cannot be used: no connection to the server could be made in time"
        in ended.stderr
    )
    assert len(ended.stderr.splitlines()) == 1


def test_stopped_server_processes_are_noticed(proxy: Proxy, postgresql_url: str) -> None:
    """SIGSTOP to the very process that serves a connection, without a proxy."""
    store = Store.connect(_ours(postgresql_url), SHORT)
    with store.engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreError, match="does not answer"):
            store.read.properties()
    finally:
        os.kill(pid, signal.SIGCONT)
    _until_answered(store)
    store.close()
