"""`tests.at_hours`: the tests pass at any hour of any day; and it shifts the clock of every
program.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.at_hours import dated_tests, moments, run_at, shifted_clock
from tests.fixtures.commands import ROOT
from tests.fixtures.parts import absent
from tests.machine import COMPILER, sentence

PROBE = """
import subprocess, sys, threading, time
from datetime import UTC, datetime
threading.Event().wait(0.01)
time.sleep(0.01)
print(datetime.now(UTC).isoformat(), subprocess.check_output(["date", "-uIseconds"], text=True))
"""


@pytest.fixture(autouse=True)
def compiler() -> None:
    """The library that shifts the clock is compiled."""
    missing = [each for each in COMPILER if each.find() is None]
    if missing:
        absent(sentence(missing))


@pytest.mark.soak
def test_clock_is_shifted_for_a_program_and_its_children() -> None:
    """The clock goes on, and what waits with a time-out wakes."""
    moment = datetime(2027, 3, 14, 7, 30, tzinfo=UTC)
    with shifted_clock(moment) as environment:
        told = subprocess.check_output(
            [sys.executable, "-c", PROBE], env=environment, cwd=ROOT, text=True
        ).split()
    found = [datetime.fromisoformat(each) for each in told]
    assert all(
        moment - timedelta(seconds=1) <= each < moment + timedelta(minutes=10) for each in found
    )


@pytest.mark.soak
@pytest.mark.parametrize("moment", moments(), ids=lambda moment: f"{moment:%Y-%m-%dT%H:%M}Z")
def test_suite_passes_at(moment: datetime) -> None:
    """Every test that may depend on the date."""
    assert run_at(moment, dated_tests()) == 0
