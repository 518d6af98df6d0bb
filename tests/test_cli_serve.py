"""`icalbridge serve` and `demo` as real processes: they come up, survive what they should, and end
cleanly.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from icalbridge import sandbox
from icalbridge.models import utcnow
from tests.fixtures.commands import (
    ROOT,
    answer,
    either_signal,
    environment,
    free_port,
    run,
    running,
    running_anew,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "key-that-nobody-may-see"


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    """A small district over HTTP."""
    world = sandbox.build_world(
        seed=3,
        today=sandbox.district_day(utcnow()),
        schools=1,
        facilities=2,
        events_per_day=1,
        hostile=True,
    )
    app = sandbox.create_app(world, keys=(KEY,), rate_per_minute=100_000, quota_per_day=1_000_000)
    with sandbox.serve_in_thread(app) as url:
        yield url


def _settings(vendor: str, folder: Path) -> dict[str, str]:
    return {
        "FACILITRON_API_KEY": KEY,
        "FACILITRON_API_URL": vendor,
        "FACILITRON_RATE_PER_MINUTE": "60000",
        "DATABASE_URL": f"sqlite:///{folder / 'bridge.db'}",
        "PORT": str(free_port()),
        "WEB_CONCURRENCY": "1",
    }


@pytest.fixture
def settings(vendor: str, tmp_path: Path) -> dict[str, str]:
    """What an operator sets; the database is yet to be made."""
    return _settings(vendor, tmp_path)


@pytest.fixture(scope="module")
def synced_file(vendor: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synced")
    assert run("sync", **_settings(vendor, folder)).returncode == 0
    return folder / "bridge.db"


@pytest.fixture
def synced(settings: dict[str, str], synced_file: Path, tmp_path: Path) -> dict[str, str]:
    """The same, over a database that was synced once."""
    shutil.copy(synced_file, tmp_path)
    return settings


def _children(pid: int) -> dict[int, str]:
    """Return the direct children of a process, by id, with what they are; of one that is gone
    what was found until then.
    """
    found = {}
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found[int(child)] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
    return found


def _descendants(pid: int) -> set[int]:
    found = set(_children(pid))
    return found.union(*(_descendants(child) for child in found))


def _alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists() and "Z" not in _state(pid)}


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def _end(process: subprocess.Popen[str], number: int) -> str:
    process.send_signal(number)
    told, _ = process.communicate(timeout=60)
    return told


@pytest.mark.parametrize("number", either_signal(signal.SIGTERM, signal.SIGINT))
def test_serve_syncs_serves_and_ends_cleanly(
    settings: dict[str, str], tmp_path: Path, number: int
) -> None:
    """PORT is honoured; it gets ready by itself; a signal ends it with code 0 and leaves no process
    behind, and of the database the one file with everything in it.
    """
    base = f"http://127.0.0.1:{settings['PORT']}"
    with running("serve", **settings) as process:
        until(lambda: answer(f"{base}/readyz"), "readiness")
        directory = requests.get(f"{base}/", timeout=10)
        facility_id = re.findall(r'href="/facility/([^"]+)"', directory.text)[0]
        feed = requests.get(f"{base}/ical/facility/{facility_id}.ics", timeout=10)
        assert (feed.status_code, feed.content[:15]) == (200, b"BEGIN:VCALENDAR")
        family = _descendants(process.pid)
        told = _end(process, number)
        assert process.returncode == 0
        assert _alive(family) == set()
    assert "Traceback" not in told
    assert KEY not in told
    assert _files(tmp_path) == ["bridge.db"]
    assert _entries(tmp_path / "bridge.db") > 0


def _entries(database_file: Path) -> int:
    """Count what a copy of one file holds, wherever the original has the rest."""
    with closing(sqlite3.connect(f"file:{database_file}?immutable=1", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM entries").fetchone()[0])


def _files(folder: Path) -> list[str]:
    return [each.name for each in folder.glob("bridge.db*")]


@pytest.mark.parametrize("command", ["sync", "status"])
def test_ended_command_leaves_one_file(
    synced: dict[str, str], tmp_path: Path, command: str
) -> None:
    """Nothing is left beside the database file, and the file holds everything."""
    before = _entries(tmp_path / "bridge.db")
    assert run(command, **synced).returncode == 0
    assert _files(tmp_path) == ["bridge.db"]
    assert _entries(tmp_path / "bridge.db") == before > 0


@pytest.mark.parametrize("number", either_signal(signal.SIGHUP, signal.SIGTERM))
def test_ended_worker_leaves_one_file(synced: dict[str, str], tmp_path: Path, number: int) -> None:
    """The end of its terminal is a signal too."""
    before = _entries(tmp_path / "bridge.db")
    with running("worker", **synced) as process:
        until(lambda: (tmp_path / "bridge.db-wal").exists() or None, "work with the database")
        until(lambda: signal_is_caught(process.pid, number), "handler")
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert _files(tmp_path) == ["bridge.db"]
    assert _entries(tmp_path / "bridge.db") == before > 0


def test_reload_replaces_the_processes(synced: dict[str, str]) -> None:
    """SIGHUP: other web workers and another sync worker take over while everything is answered; it
    is no error.
    """
    base = f"http://127.0.0.1:{synced['PORT']}"
    with running("serve", "--workers", "2", **synced) as process:
        until(lambda: answer(f"{base}/readyz"), "readiness")
        # gunicorn's master with two web workers, and the sync worker
        before = until(
            lambda: found if len(found := _descendants(process.pid)) == 4 else None, "all processes"
        )
        (master,) = {pid for pid in _children(process.pid) if _children(pid)}
        before -= {master}
        process.send_signal(signal.SIGHUP)
        while _alive(before):
            assert requests.get(f"{base}/healthz", timeout=30).ok
        until(lambda: True if len(_descendants(process.pid)) == 4 else None, "other processes")
        assert master in _children(process.pid)
        assert answer(f"{base}/readyz") is not None
        told = _end(process, signal.SIGTERM)
        assert process.returncode == 0
    assert "ERROR" not in told


def signal_is_caught(pid: int, number: int) -> bool | None:
    """Whether a process has a handler for a signal; None while it has none."""
    caught = re.findall(
        r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE
    )[0]
    return bool(int(caught, 16) >> (number - 1) & 1) or None


class Refusing:
    """A SQLite database that can be read and not written: a trigger stands for a disk that is full
    or read-only.
    """

    def __init__(self, database_file: Path) -> None:
        self._file = database_file

    def __enter__(self) -> Refusing:
        with closing(sqlite3.connect(self._file)) as connection, connection:
            for table in ("api_users", "workers", "properties", "windows"):
                for change in ("INSERT", "UPDATE"):
                    connection.execute(
                        f"CREATE TRIGGER refuse_{change}_{table} BEFORE {change} ON {table} "
                        "BEGIN SELECT RAISE(ABORT, 'attempt to write a readonly database'); END"
                    )
        return self

    def __exit__(self, *_error: object) -> None:
        with closing(sqlite3.connect(self._file)) as connection, connection:
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE name LIKE 'refuse_%'"
            ).fetchall():
                connection.execute(f"DROP TRIGGER {name}")


def test_worker_on_a_database_that_cannot_be_written_is_one_sentence(
    synced: dict[str, str], tmp_path: Path
) -> None:
    """It ends at once, with a code that is not 0."""
    with Refusing(tmp_path / "bridge.db"):
        ended = run("worker", **synced)
    assert ended.returncode == 1
    assert (
        ended.stderr
        == "icalbridge: The database cannot be used: attempt to write a readonly database\n"
    )


def test_serve_goes_on_with_a_database_that_cannot_be_written(
    synced: dict[str, str], tmp_path: Path
) -> None:
    """Feeds are served; the sync says so in one sentence and waits; nothing is started again and
    again.
    """
    base = f"http://127.0.0.1:{synced['PORT']}"
    with Refusing(tmp_path / "bridge.db"), running("serve", **synced) as process:
        log: list[str] = []
        assert process.stdout
        while not any("nothing is fetched until it can be written" in line for line in log):
            log.append(process.stdout.readline())
        directory = until(lambda: answer(f"{base}/"), "directory")
        for path in set(re.findall(r'href="(/facility/[^"]+)"', directory.text)):
            assert answer(f"{base}/ical{path}.ics")
        family = set(_children(process.pid))
        assert len(family) == 2
        log += _end(process, signal.SIGTERM).splitlines()
        assert process.returncode == 0
    assert [line[21:28].strip() for line in log] == ["INFO", "ERROR", "INFO"]


def test_serve_starts_a_dead_worker_again(synced: dict[str, str], tmp_path: Path) -> None:
    """The sync worker is killed; another takes its place while pages go on. When all are killed,
    the server ends; a killed child closes nothing, and still the one file is left.
    """
    base = f"http://127.0.0.1:{synced['PORT']}"
    with running("serve", **synced) as process:
        until(lambda: answer(f"{base}/readyz"), "readiness")
        before = set(_children(process.pid))
        masters = {pid for pid in before if _children(pid)}
        (worker,) = before - masters
        os.kill(worker, signal.SIGKILL)
        until(lambda: (set(_children(process.pid)) - before) or None, "second worker")
        assert answer(f"{base}/healthz") is not None
        for pid in _descendants(process.pid):
            os.kill(pid, signal.SIGKILL)
        told, _ = process.communicate(timeout=60)
        assert process.returncode == 1
    assert "the sync worker ended with code -9" in told
    assert _files(tmp_path) == ["bridge.db"]
    assert _entries(tmp_path / "bridge.db") > 0


def test_serve_killed_outright_leaves_no_child(synced: dict[str, str]) -> None:
    """SIGKILL of the supervisor ends gunicorn and the worker too."""
    with running("serve", **synced) as process:
        until(lambda: answer(f"http://127.0.0.1:{synced['PORT']}/healthz"), "server")
        family = _descendants(process.pid)
        assert len(family) >= 3
        process.kill()
        process.wait()
        until(lambda: True if not _alive(family) else None, "end of the children")


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_taken_port_is_one_sentence(settings: dict[str, str], command: str) -> None:
    """It names the port and what to do."""
    with socket.create_server(("127.0.0.1", int(settings["PORT"]))):
        ended = run(command, **settings)
    assert ended.returncode == 2
    assert (
        ended.stderr
        == f"icalbridge: Cannot listen on 127.0.0.1 port {settings['PORT']}: address already in"
        " use; "
        "choose another with --host or --port.\n"
    )


def test_serve_without_sync_needs_no_key_and_gives_the_same_bytes_after_a_restart(
    synced: dict[str, str], tmp_path: Path
) -> None:
    """`--no-sync` serves what another machine keeps true, and leaves the one file. Another server
    on the same database answers alike, validators included.
    """
    before = _entries(tmp_path / "bridge.db")
    del synced["FACILITRON_API_KEY"]
    seen = set()
    for port in (synced["PORT"], str(free_port())):
        # Each with a seed of hashes of its own.
        with running_anew("serve", "--no-sync", **{**synced, "PORT": port}) as process:
            base = f"http://127.0.0.1:{port}"
            until(partial(answer, f"{base}/readyz"), "readiness")
            directory = requests.get(f"{base}/", timeout=10)
            for path in sorted(
                set(re.findall(r'href="(/(?:facility|property)/[^"]+)"', directory.text))
            ):
                found = requests.get(f"{base}/ical{path}.ics", timeout=10)
                seen.add(
                    (path, found.content, found.headers["ETag"], found.headers["Last-Modified"])
                )
            _end(process, signal.SIGTERM)
            assert process.returncode == 0
        assert _files(tmp_path) == ["bridge.db"]
        assert _entries(tmp_path / "bridge.db") == before > 0
    assert len(seen) == len({path for path, *_ in seen}) >= 4


ONE_SCHOOL = """
from functools import partial
from icalbridge import sandbox

sandbox.build_world = partial(sandbox.build_world, schools=1, facilities=2, events_per_day=1)
"""


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_demo_shows_everything_and_leaves_nothing_behind(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    *,
    whole: bool,
) -> None:
    """It prints addresses that answer, ends with 0 on Ctrl-C, and its temporary folders are gone;
    with the whole district in `make soak`.
    """
    monkeypatch.chdir(tmp_path)
    port = str(free_port())
    folders = {"TMPDIR": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    if not whole:
        smaller = tmp_path_factory.mktemp("smaller")
        (smaller / "sitecustomize.py").write_text(ONE_SCHOOL)
        folders["PYTHONPATH"] = f"{smaller}:{ROOT}"
    with running("demo", "--port", port, **folders) as process:
        base = f"http://127.0.0.1:{port}"
        until(lambda: answer(f"{base}/readyz"), "readiness")
        assert any(tmp_path.iterdir())
        assert not (tmp_path / "state").exists()
        district = answer(f"{base}/")
        assert district is not None
        told = _end(process, signal.SIGINT)
        assert process.returncode == 0
    addresses = re.findall(rf"{base}(/\S*)", told)
    assert addresses[0] == "/"
    assert [address for address in addresses if address.endswith(".ics")]
    assert told.endswith("Stopped; nothing is left behind.\n")
    assert list(tmp_path.iterdir()) == []


STOPPED_AT_ITS_START = """
import os, signal
from icalbridge.cli import main

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.kill(os.getpid(), signal.SIGTERM)
main(["serve", "--no-sync"])
"""


def test_signal_while_a_child_starts_ends_that_child_too(tmp_path: Path) -> None:
    """It is handled when the child has just been started; before, the child lived on, and `serve`
    waited for it without end.
    """
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/bridge.db", "PORT": str(free_port())}
    ended = subprocess.run(
        [sys.executable, "-c", STOPPED_AT_ITS_START],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "stopping" in ended.stderr
    assert "Traceback" not in ended.stderr
