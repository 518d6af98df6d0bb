"""What one request to a large district, or to a very large school, costs: 200 schools, 1.27 million
entries, nothing cached.

Each request is made in a process of its own, which has answered a request of the same kind for a
small school before; its CPU time and peak memory are measured, again with two million more entries
of history.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks import scale
from tests.fixtures.commands import environment

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
MEGABYTES = 120
PAGE_BYTES = 100_000
"""Of a page, not compressed."""
RECORDS_MEGABYTES = 150
"""Of `icalbridge history`, however many entries there are."""
MORE_WITH_HISTORY = 1.2
ROUNDS = 3
FEED, API = "/ical/property/{}", "/api/v1/properties/{}/entries?from=2026-11-23&to=2026-11-23"
FREE = "/free?date=2026-11-28&property={}"
GOALS: tuple[tuple[str, int], ...] = (
    (f"{FEED}.ics", 400),
    (f"{FEED}.json", 500),
    (f"{FEED}.ics?facility={scale.facility_id(3, 4)}", 400),
    (f"{FEED}.ics?type=gymnasium", 400),
    (f"{FEED}.ics?q=basketball", 400),
    (f"{FEED}.ics?q=eclipse", 400),
    ("/property/{}", 150),
    ("/display/property/{}", 150),
    ("/embed/property/{}", 150),
    ("/property/{}?view=month", 300),
    ("/property/{}?view=week", 300),
    ("/property/{}?view=list&name=volleyball", 300),
    ("/embed/property/{}?view=month", 300),
    ("/embed/property/{}?view=week", 300),
    ("/property/{}?view=list", 300),
    *((f"/property/{{school}}?view={view}", 300) for view in ("day", "week", "month", "list")),
    *((f"/facility/{{facility}}?view={view}", 300) for view in ("day", "week", "month", "list")),
    (API, 50),
    (FREE, 200),
    ("/free?date=2027-06-05&capacity=100&property={}", 200),
    (f"{FREE}&type=gymnasium&from=10:00&to=12:00", 200),
    (f"/api/v1{FREE}&from=10:00&to=12:00", 200),
    ("/", 150),
    ("/?q=volleyball", 150),
    ("/?q=club", 150),
    ("/readyz", 5),
    ("/metrics", 5),
)
"""Paths of the district, and how many ms of CPU each may take."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request took."""

    milliseconds: float
    megabytes: float
    status: int
    size: int


def _measure(database: Path, path: str) -> Cost:
    """Return the cheapest of some rounds: what is above it is the machine's."""
    command = [sys.executable, "-m", "tests.benchmarks.scale", str(database)]
    campus = {"school": scale.CAMPUS, "facility": scale.facility_id(scale.SCHOOLS, 0)}
    paths = [
        path.format("district", **campus),
        path.format("annex", school="annex", facility="room"),
    ]
    costs = []
    for _ in range(ROUNDS):
        run = subprocess.run(
            [*command, *paths], cwd=ROOT, check=True, capture_output=True, text=True
        )
        milliseconds, megabytes, status, size = run.stdout.split()
        costs.append(Cost(float(milliseconds), float(megabytes), int(status), int(size)))
    return min(costs, key=lambda cost: cost.milliseconds)


def test_requests_to_a_large_district(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each stays under its goal, and costs no more for what is long past."""
    database, older = tmp_path / "scale.db", tmp_path / "history.db"
    scale.build(database)
    shutil.copy(database, older)
    with sqlite3.connect(older) as connection:
        scale.add_entries(connection, -scale.DAYS_BACK - scale.HISTORY_DAYS, -scale.DAYS_BACK)
    over = []
    with capsys.disabled():
        print(f"\n{'':60} {'ms':>6} {'goal':>5} {'history':>8} {'MB':>5} {'KB':>5}")
        for path, goal in GOALS:
            cost, more = _measure(database, path), _measure(older, path)
            ratio = more.milliseconds / max(cost.milliseconds, 0.1)
            print(
                f"{path[:60]:60} {cost.milliseconds:6.1f} {goal:5}"
                f" {ratio:7.2f}x {cost.megabytes:5.0f} {cost.size / 1000:5.0f}"
            )
            assert cost.status == more.status == 200
            is_page = path == "/" or path.startswith(("/property", "/facility", "/embed", "/?"))
            heavy = is_page and cost.size > PAGE_BYTES
            slower = ratio > MORE_WITH_HISTORY and more.milliseconds > goal / 2
            if cost.milliseconds > goal or cost.megabytes > MEGABYTES or slower or heavy:
                over.append(path)
        records, megabytes = _write_records(older, tmp_path / "records.csv")
        print(f"icalbridge history of {records:,} entries: {megabytes:.0f} MB")
        if megabytes > RECORDS_MEGABYTES:
            over.append("icalbridge history")
    assert over == []


def _write_records(database: Path, file: Path) -> tuple[int, float]:
    """Write all that a store has as records; return how many they are, and the peak memory."""
    command = (
        "from pathlib import Path; from icalbridge.cli import main\n"
        "try: main()\n"
        "finally: print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    days = ("--from", "2020-01-01", "--to", "2030-01-01", "--output", str(file))
    ended = subprocess.run(
        [sys.executable, "-c", command, "history", *days],
        env=environment({"DATABASE_URL": f"sqlite:///{database}"}),
        capture_output=True,
        text=True,
        check=True,
    )
    with file.open("rb") as lines:
        return sum(1 for _ in lines) - 1, int(ended.stdout) / 1024
