"""How long a person waits for a command: `--help`, and `serve` with a filled database, beside a
bare interpreter.
"""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from icalbridge import sandbox
from icalbridge.models import utcnow
from tests.fixtures.commands import answer, environment, free_port, run, running_anew, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

RUNS = 7
HELP_SECONDS = 0.3
READY_SECONDS = 2.0
KEY = "sandbox-key"


def _run(*args: str) -> None:
    subprocess.run([sys.executable, *args], check=True, capture_output=True, env=environment({}))


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def test_help() -> None:
    """At most 0.3 s."""
    ours = median(_seconds(lambda: _run("-m", "icalbridge", "--help")) for _ in range(RUNS))
    bare = median(_seconds(lambda: _run("-c", "import click")) for _ in range(RUNS))
    print(
        f"\nicalbridge --help {ours:.3f} s; an interpreter that imports click {bare:.3f} s; ratio"
        f" {ours / bare:.2f}"
    )
    assert ours <= HELP_SECONDS


def test_serve_with_a_filled_database(tmp_path: Path) -> None:
    """Ready in at most 2 s, its worker beside it."""
    world = sandbox.build_world(seed=1, today=sandbox.district_day(utcnow()), hostile=True)
    app = sandbox.create_app(world, keys=(KEY,), rate_per_minute=1_000_000, quota_per_day=1_000_000)
    with sandbox.serve_in_thread(app) as url:
        settings = {
            "FACILITRON_API_KEY": KEY,
            "FACILITRON_API_URL": url,
            "FACILITRON_RATE_PER_MINUTE": "100000",
            "DATABASE_URL": f"sqlite:///{tmp_path / 'bridge.db'}",
        }
        assert run("sync", **settings).returncode == 0
        spent = [_ready_seconds(settings) for _ in range(RUNS)]
    bare = median(
        _seconds(lambda: _run("-c", "import flask, gunicorn.app.base, sqlalchemy"))
        for _ in range(RUNS)
    )
    size = (tmp_path / "bridge.db").stat().st_size / 1e6
    print(
        f"\nserve with a database of {size:.0f} MB, ready in {median(spent):.2f} s; an interpreter"
        f" that imports Flask, gunicorn and SQLAlchemy {bare:.2f} s; ratio"
        f" {median(spent) / bare:.2f}"
    )
    assert median(spent) <= READY_SECONDS


def _ready_seconds(settings: dict[str, str]) -> float:
    """Return how long after the command /readyz says yes."""
    url = f"http://127.0.0.1:{free_port()}"
    begun = time.perf_counter()
    with running_anew("serve", "--port", url.rpartition(":")[2], **settings):
        until(partial(_ready, url), "readiness")
        return time.perf_counter() - begun


def _ready(url: str) -> requests.Response | None:
    return answer(f"{url}/readyz")
