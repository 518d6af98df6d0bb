"""No command of the product tells the key or who booked, whatever the vendor answers."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

import pytest
import requests

from icalbridge import sandbox
from icalbridge.models import utcnow
from tests.fixtures.bridges import KEY
from tests.fixtures.commands import answer, free_port, run, running, until
from tests.test_privacy import ODD_PATHS, leaks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def vendor() -> Iterator[tuple[str, sandbox.State]]:
    """A small vendor for commands, which read the real clock."""
    world = sandbox.build_world(
        seed=3,
        today=sandbox.district_day(utcnow()),
        schools=1,
        facilities=1,
        events_per_day=1,
        hostile=True,
    )
    app = sandbox.create_app(world, keys=(KEY,), rate_per_minute=100_000, quota_per_day=1_000_000)
    with sandbox.serve_in_thread(app) as url:
        yield url, app.extensions["sandbox"]


@pytest.fixture
def given(vendor: tuple[str, sandbox.State], tmp_path: Path) -> Iterator[dict[str, str]]:
    """What an operator sets."""
    url, state = vendor
    yield {
        "FACILITRON_API_KEY": KEY,
        "FACILITRON_API_URL": url,
        "FACILITRON_RATE_PER_MINUTE": "60000",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'bridge.db'}",
    }
    state.faults.clear()


@pytest.mark.parametrize("log_format", [pytest.param("text", marks=pytest.mark.soak), "json"])
def test_no_command_tells(log_format: str, given: dict[str, str]) -> None:
    """`sync`, `doctor` and `status` with every log line there is."""
    commands = (["sync"], ["doctor"], ["status"], ["status", "--json"])
    ended = [
        run("--debug", *command, **given, ICALBRIDGE_LOG_FORMAT=log_format) for command in commands
    ]
    assert [each.returncode for each in ended] == [0, 0, 0, 0]
    assert "GET /properties: 200" in ended[0].stderr
    assert leaks(*(each.stdout + each.stderr for each in ended)) == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"FACILITRON_API_URL": "http://127.0.0.1:1/v1"},
        {"FACILITRON_API_URL": f"http://{KEY}@127.0.0.1:1/v1"},
        {"FACILITRON_API_KEY": f"{KEY}-refused"},
        {"FACILITRON_API_KEY": f"{KEY}\nX-Injected: 1"},
        {"ICALBRIDGE_HISTORY_DAYS": "many"},
    ],
    ids=[
        "dead vendor",
        "key in the address",
        "refused key",
        "key that no header takes",
        "bad setting",
    ],
)
def test_no_failing_command_tells(wrong: dict[str, str], given: dict[str, str]) -> None:
    """A dead vendor, a refused or impossible key, a bad setting; with tracebacks."""
    ended = [run("--debug", command, **{**given, **wrong}) for command in ("sync", "doctor")]
    assert [each.returncode != 0 for each in ended] == [True, True]
    assert leaks(*(each.stdout + each.stderr for each in ended)) == set()


@pytest.mark.parametrize(
    "fault",
    [
        "html",
        "truncated",
        *(pytest.param(each, marks=pytest.mark.soak) for each in ("garbage", "401")),
    ],
)
def test_no_command_tells_of_a_broken_answer(
    fault: str, given: dict[str, str], vendor: tuple[str, sandbox.State]
) -> None:
    """Answers that are no answers, first of the windows only, then of everything."""
    vendor[1].faults[:] = [sandbox.parse_fault(f"{fault}:endpoint=property-events,first=3")]
    ended = [run("--debug", "sync", **given, ICALBRIDGE_LOG_FORMAT="json")]
    vendor[1].faults[:] = [sandbox.parse_fault(fault)]
    ended += [run("--debug", "doctor", **given), run("--debug", "status", "--json", **given)]
    assert [each.returncode for each in ended] == [1, 1, 0]
    assert leaks(*(each.stdout + each.stderr for each in ended)) == set()


def test_the_server_tells_nothing(given: dict[str, str], vendor: tuple[str, sandbox.State]) -> None:
    """`serve` with every log line: feeds, pages, errors, and a request that is none."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    schools = [each["_id"] for each in vendor[1].world.properties]
    paths = [
        *(f"/property/{each}" for each in schools),
        *(f"/ical/property/{each}.ics" for each in schools),
        *ODD_PATHS,
    ]
    paths += ["/", "/readyz", "/metrics", "/healthz"]
    with running(
        "--debug", "serve", "--workers", "1", **given, PORT=str(port), ICALBRIDGE_LOG_FORMAT="json"
    ) as process:
        until(lambda: answer(f"{base}/readyz"), "readiness")
        answers = [requests.get(base + path, timeout=10) for path in paths]
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
            raw.sendall(b"NONSENSE\r\n\r\n")
            refused = raw.recv(65_536)
        process.send_signal(signal.SIGTERM)
        logged, _ = process.communicate(timeout=60)
    assert {each.status_code for each in answers} == {200, 404}
    assert refused.startswith(b"HTTP/1.1 400 ")
    assert "GET /properties: 200" in logged
    assert (
        leaks(*(f"{each.headers}".encode() + each.content for each in answers), refused, logged)
        == set()
    )
