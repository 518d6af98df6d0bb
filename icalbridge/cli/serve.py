"""`serve`: gunicorn and one sync worker, supervised by this process.

The socket is opened here, so that a taken port is one sentence, and handed down. The children are
forked: the web child becomes gunicorn's master, the other the sync worker. A worker that dies is
started again, ever more slowly if it dies at once; when the web child ends, everything ends. If
this process is killed, its children end by themselves.
"""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from icalbridge.cli.cores import default_workers
from icalbridge.cli.options import host_option, port_option
from icalbridge.cli.runtime import load_settings
from icalbridge.cli.worker import run_worker
from icalbridge.errors import ConfigurationError, IcalbridgeError, StoreError
from icalbridge.models import utcnow

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import ForkProcess

    from icalbridge.settings import Settings

log = logging.getLogger(__name__)

THREADS = 8
BACKLOG = 2048
STOP_SECONDS = 35
"""How long children get to end: longer than the one request that the vendor may keep a worker
waiting for.
"""
STEADY_SECONDS = 60
"""A worker that lived this long did not die at once."""
LONGEST_PAUSE_SECONDS = 60
WATCH_SECONDS = 1.0
"""How long the supervisor waits for its children at a time."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PR_SET_PDEATHSIG = 1
METRICS = "icalbridge-metrics-"
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # malloc.h
MALLOC_OPTIONS = {M_ARENA_MAX: 1, M_MMAP_THRESHOLD: 131_072, M_TRIM_THRESHOLD: 131_072}


@click.command("serve")
@host_option()
@port_option(8000, envvar="PORT")
@click.option(
    "--workers",
    default=default_workers,
    show_default="one a core, 2 to 8",
    envvar="WEB_CONCURRENCY",
    show_envvar=True,
    type=click.IntRange(1, 64),
    help="Processes that serve.",
)
@click.option(
    "--no-sync", is_flag=True, help="Serve only; a worker elsewhere keeps the database true."
)
def serve_command(host: str, port: int, workers: int, no_sync: bool) -> None:
    """Serve feeds and pages, and keep them true with one sync worker. PORT is honoured."""
    settings = load_settings()
    if not no_sync:
        settings.require_keys()
    run_server(settings, ListenAddress(host, port), workers=workers, sync=not no_sync)


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int


class _ServerStopped(Exception):  # not an error: SIGTERM or Ctrl-C reached the supervisor
    """Raised out of the signal handler."""


def listen(address: ListenAddress) -> socket.socket:
    """Open the listening socket; raises `ConfigurationError` when that cannot be."""
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise cannot_listen(address, error) from None


def cannot_listen(address: ListenAddress, error: OSError) -> ConfigurationError:
    """Return the error for a socket that cannot be opened."""
    reason = os.strerror(error.errno).lower() if error.errno and error.errno > 0 else "no such host"
    return ConfigurationError(
        f"Cannot listen on {address.host} port {address.port}: {reason}; choose another with --host"
        " or --port."
    )


def run_server(settings: Settings, address: ListenAddress, *, workers: int, sync: bool) -> None:
    """Serve until SIGTERM or Ctrl-C, then end cleanly."""
    from icalbridge.feeds.policy_file import read_policy

    read_policy(settings.policy_file)
    with listen(address) as opened:
        _prepare(settings)
        host, port = opened.getsockname()[:2]
        log.info("serving on http://%s:%d", f"[{host}]" if ":" in host else host, port)
        try:
            supervise(settings, opened, workers=workers, sync=sync)
        finally:
            _leave_one_file(settings)


def _prepare(settings: Settings) -> None:
    """Bring the database up to date. One that is so and cannot be written is served as it is;
    raises `StoreError`.
    """
    from icalbridge.store import Store

    with closing(Store.connect(settings.database_url)) as store:
        try:
            store.upgrade()
            if not settings.policy_file:
                store.policies.end(now=utcnow())
        except StoreError:
            store.check()


def _leave_one_file(settings: Settings) -> None:
    """Merge SQLite's `-wal` file into the database, also where a child was killed."""
    from icalbridge.store import Store

    with closing(Store.connect(settings.database_url)) as store, suppress(StoreError):
        store.merge_log()


def supervise(
    settings: Settings,
    opened: socket.socket,
    *,
    workers: int,
    sync: bool,
    on_started: Callable[[], None] | None = None,
) -> None:
    """Run the children until a signal, or until the web child ends; raises `IcalbridgeError` then.

    1. the web child starts, and with `sync` the worker
    2. a worker that ended is started again after a pause
    3. SIGHUP: new processes take over from the ones that serve and sync
    4. SIGTERM or Ctrl-C: both are stopped and waited for
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    _sweep()
    shared = tempfile.mkdtemp(prefix=f"{METRICS}{os.getpid()}-")
    _import_for_children(shared, sync=sync)
    children: dict[str, ForkProcess] = {}
    signal.signal(signal.SIGHUP, lambda _number, _frame: _reload(children))
    try:
        _start(children, "web", _run_web, settings, opened.fileno(), workers)
        if on_started:
            on_started()
        _watch(settings, children, sync=sync)
    except _ServerStopped:
        log.info("stopping")
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        _end(children)
        shutil.rmtree(shared, ignore_errors=True)


def _sweep() -> None:
    """Remove the metrics of supervisors that were killed outright."""
    for folder in Path(tempfile.gettempdir()).glob(f"{METRICS}*-*"):
        owner = folder.name.removeprefix(METRICS).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _watch(settings: Settings, children: dict[str, ForkProcess], *, sync: bool) -> None:
    from multiprocessing.connection import wait

    pause, started = 1.0, 0.0
    while True:
        if sync and "worker" not in children:
            started = time.monotonic()
            _start(children, "worker", partial(run_worker, patient=True), settings)
        # a signal that comes just before the wait does not end it
        if not wait([child.sentinel for child in children.values()], WATCH_SECONDS):
            continue
        if not children["web"].is_alive():
            raise IcalbridgeError(
                f"The web server ended with code {children['web'].exitcode}; its log says why."
            )
        if sync and not children["worker"].is_alive():
            ended = children.pop("worker")
            pause = (
                1.0
                if time.monotonic() - started > STEADY_SECONDS
                else min(pause * 2, LONGEST_PAUSE_SECONDS)
            )
            if not ended.exitcode:  # asked to end, by SIGHUP for instance
                pause = 1.0
                continue
            log.error("the sync worker ended with code %s; again in %d s", ended.exitcode, pause)
            time.sleep(pause)


def _start(
    children: dict[str, ForkProcess], name: str, target: Callable[..., None], *args: Any
) -> None:
    """Start a child. A signal that comes meanwhile is handled once it is among the children: it
    must not run their parent's handlers, and is to end them too.
    """
    import multiprocessing

    child = multiprocessing.get_context("fork").Process(
        target=_child, args=(target, args), name=f"icalbridge-{name}"
    )
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        child.start()
        children[name] = child
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _reload(children: dict[str, ForkProcess]) -> None:
    """Pass SIGHUP on: gunicorn replaces its workers one by one, and another sync worker follows the
    one that ends.
    """
    for name, number in (("web", signal.SIGHUP), ("worker", signal.SIGTERM)):
        if name in children and (pid := children[name].pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _child(target: Callable[..., None], args: tuple[Any, ...]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    signal.signal(
        signal.SIGHUP, signal.SIG_IGN
    )  # a terminal that ends tells all of its processes; the supervisor acts
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        _die_with_parent()
        target(*args)
    except IcalbridgeError as error:
        log.error("%s", error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(0)
    except Exception:
        log.exception("an unexpected error ended this process")
        sys.exit(1)


def _die_with_parent() -> None:
    """Ask Linux for SIGTERM when the supervisor is killed, so that no child stays behind; elsewhere
    do without.
    """
    if sys.platform == "linux":
        import ctypes

        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit(0)


def _stop(_number: int, _frame: object) -> None:
    raise _ServerStopped


def _end(children: dict[str, ForkProcess]) -> None:
    for child in children.values():
        child.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children.values():
        child.join(max(0.0, deadline - time.monotonic()))
        if child.is_alive():
            child.kill()
            child.join()


def _import_for_children(shared: str, *, sync: bool) -> None:
    """Import what the children need: forked processes share its memory while none writes to it.

    `gc.freeze` keeps the garbage collectors from writing.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared  # read when prometheus_client is imported
    import icalbridge.cli.gunicorn
    from icalbridge.web.i18n import load_locales

    load_locales()
    if sync:
        import icalbridge.sync.worker  # noqa: F401
    _return_memory()
    gc.collect()
    gc.freeze()


def _return_memory() -> None:
    """Ask glibc for one heap for all threads, and to return large blocks to the system at once."""
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt:
        for option, value in MALLOC_OPTIONS.items():
            mallopt(option, value)


def _run_web(settings: Settings, descriptor: int, workers: int) -> None:
    """Become gunicorn's master on a socket that is open already."""
    os.environ.pop(
        "WEB_CONCURRENCY", None
    )  # it was read as --workers; gunicorn breaks on one that is empty
    os.environ.pop(
        "SCRIPT_NAME", None
    )  # gunicorn would read it; a sub-path comes from ICALBRIDGE_PUBLIC_URL only
    from icalbridge.cli.gunicorn import Server

    Server(settings, descriptor, workers=workers, threads=THREADS).run()
