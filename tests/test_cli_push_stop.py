"""`icalbridge push` that is told to end: at its question, and while it works."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from icalbridge.models import utcnow
from tests.fixtures.commands import PATIENCE_SECONDS, either_signal, environment
from tests.fixtures.deployments import deployment
from tests.fixtures.pushing import calendar, event, know_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROMPT = "[y/N]: "


@pytest.fixture
def terminal() -> Iterator[int]:
    """One end of a terminal at which nobody types."""
    ours, theirs = pty.openpty()
    yield theirs
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("number", either_signal(signal.SIGINT, signal.SIGTERM))
def test_signal_at_the_question_is_a_no(
    tmp_path: Path, terminal: int, number: signal.Signals
) -> None:
    """The command ends at once, and has written nothing."""
    with deployment(f"sqlite:///{tmp_path}/bridge.db", events_per_day=0) as deployed:
        know_catalogue(deployed.bridge)
        world = deployed.bridge.world
        facility = str(world.facilities_of(str(world.properties[1]["_id"]))[0]["_id"])
        file = tmp_path / "season.ics"
        file.write_bytes(calendar(event("game", f"{utcnow().year + 1}0115")))
        settings = {
            **deployed.settings,
            "ICALBRIDGE_ENABLE_WRITES": "1",
            "ICALBRIDGE_RENTER_EMAIL": "a@school.example",
        }
        with subprocess.Popen(
            [
                sys.executable,
                "-m",
                "icalbridge",
                "push",
                str(file),
                "--facility",
                facility,
                "--activity-type",
                "12",
            ],
            env=environment(settings),
            stdin=terminal,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stderr
            shown = b""
            while not shown.endswith(PROMPT.encode()):
                shown += (part := os.read(process.stderr.fileno(), 1000))
                assert part
            try:
                process.send_signal(
                    number
                )  # once is enough, also between the question and the wait for an answer
                process.wait(PATIENCE_SECONDS)
            finally:
                process.kill()
            assert (process.returncode, process.stderr.read().decode().strip()) == (1, "Aborted!")
        assert all(method == "GET" for method, *_ in deployed.bridge.state.requests)
