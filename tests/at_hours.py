"""Runs tests under a shifted wall clock: `python -m tests.at_hours [--full] [--day D] [--hour H]
[pytest arguments]`.

The moments are the hours in UTC at which a day that is taken in the wrong zone shows, on days at
which calendars go wrong. Without --full only the tests whose outcome may depend on the date run:
those that use the real clock, or start commands, which do. All processes of a run share one clock,
which goes on: PostgreSQL, Chromium and the commands too. `make soak` runs it through
`test_at_hours.py`.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TESTS = Path(__file__).resolve().parent
DAYS = ("2027-01-20", "2026-12-31", "2027-02-28", "2027-03-14", "2027-11-07")
"""An ordinary day, the last of a year and of a February, and both clock changes of a year in the
United States.
"""
HOURS = ("00:30", "07:30", "12:00", "23:45")
REAL_CLOCK = re.compile(
    r"utcnow|datetime\.now|date\.today|time\.time\(\)|fixtures\.(commands|deployments|office|push_shells)"
)
"""What a test that depends on the real clock has in it."""
SHIFT = TESTS / "shift_clock.c"
CLOCK = ("LD_PRELOAD", "SHIFT_CLOCK_SECONDS")
"""Variables that shift a program's clock; a program with an environment of its own needs them."""


def dated_tests() -> list[str]:
    """Return the test modules whose outcome may depend on the date."""
    modules = sorted(TESTS.rglob("test_*.py"))
    return [
        str(each)
        for each in modules
        if "benchmarks" not in each.parts and REAL_CLOCK.search(each.read_text())
    ]


def moments(days: Sequence[str] = DAYS, hours: Sequence[str] = HOURS) -> list[datetime]:
    """Return every hour of every day, in UTC."""
    return [
        datetime.fromisoformat(f"{day}T{hour}").replace(tzinfo=UTC)
        for day, hour in product(days, hours)
    ]


@contextmanager
def shifted_clock(moment: datetime) -> Iterator[dict[str, str]]:
    """Yield the environment of programs for which it is `moment` now; needs a C compiler."""
    with tempfile.TemporaryDirectory(prefix="icalbridge-clock-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user
        library = Path(folder) / "shift_clock.so"
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SHIFT), "-ldl"], check=True
        )
        seconds = round((moment - datetime.now(UTC)).total_seconds())
        yield {**os.environ, **dict(zip(CLOCK, (str(library), str(seconds)), strict=True))}


def run_at(moment: datetime, arguments: Sequence[str]) -> int:
    """Run pytest at a moment; return its exit code."""
    with shifted_clock(moment) as environment:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(command, cwd=TESTS.parent, env=environment, check=False).returncode


def main() -> int:
    """Run at every moment that was named, by default at all of them; return how many runs failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.at_hours")
    parser.add_argument(
        "--full", action="store_true", help="every test, not only those that depend on the date"
    )
    parser.add_argument(
        "--day", action="append", help=f"YYYY-MM-DD, may be repeated (default {' '.join(DAYS)})"
    )
    parser.add_argument(
        "--hour", action="append", help=f"HH:MM in UTC, may be repeated (default {' '.join(HOURS)})"
    )
    given, arguments = parser.parse_known_args()
    named = any(
        not each.startswith("-") and Path(each.partition("::")[0]).exists() for each in arguments
    )
    chosen = [] if given.full or named else dated_tests()
    failed = 0
    for moment in moments(given.day or DAYS, given.hour or HOURS):
        print(f"--- {moment:%Y-%m-%d %H:%M} UTC", flush=True)
        code = run_at(moment, [*chosen, *arguments])
        print(f"--- {moment:%Y-%m-%d %H:%M} UTC: exit code {code}", flush=True)
        failed += code != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
