"""docs/deploy: the Procfile, executed as a platform does: in a checkout, line by line."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import requests

from icalbridge import sandbox
from icalbridge.models import utcnow
from tests.fixtures.commands import answer, free_port, until
from tests.fixtures.documents import code_spans, section, table
from tests.fixtures.strangers import bare_environment, checkout, started, stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "key-of-a-platform"


@pytest.fixture
def vendor() -> Iterator[str]:
    """A small district in place of Facilitron."""
    today = sandbox.district_day(utcnow())
    world = sandbox.build_world(seed=3, today=today, schools=1, facilities=2, events_per_day=1)
    app = sandbox.create_app(world, keys=(KEY,), rate_per_minute=100_000, quota_per_day=1_000_000)
    with sandbox.serve_in_thread(app) as url:
        yield url


def test_processes_of_the_procfile_run(vendor: str, postgresql_url: str, tmp_path: Path) -> None:
    """`release` ends well without a key, before anything else; then `web` alone gets ready on PORT,
    with `worker` beside it, on the PostgreSQL that the platform names.
    """
    folder = checkout(tmp_path / "app")
    lines = (folder / "Procfile").read_text().splitlines()
    processes = dict(line.split(": ", 1) for line in lines)
    rows = table(section("docs/deploy/README.md", "Heroku and the like"))
    assert [*processes] == [code_spans(row[0])[0] for row in rows] == ["release", "web", "worker"]
    port = free_port()
    environment = {
        **bare_environment(tmp_path),
        "DATABASE_URL": postgresql_url.replace("postgresql://", "postgres://"),
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
    }
    done = subprocess.run(
        ["/bin/sh", "-c", processes["release"]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "The database is up to date.\n"), done.stderr
    environment |= {
        "FACILITRON_API_KEY": KEY,
        "FACILITRON_API_URL": vendor,
        "FACILITRON_RATE_PER_MINUTE": "60000",
    }
    ready = f"http://127.0.0.1:{port}/readyz"
    web = ["/bin/sh", "-c", f"exec {processes['web']}"]
    worker = ["/bin/sh", "-c", f"exec {processes['worker']}"]
    with started(web, folder, environment) as served:
        until(lambda: answer(ready), "readiness")
        with started(worker, folder, environment) as syncing:
            until(
                lambda: requests.get(ready, timeout=30).json()["workers_alive"] == 2 or None,
                "a second worker",
            )
            stop(syncing)
        stop(served)
