"""How much memory `serve` takes: a small form of `tests/benchmarks/test_bench_memory.py`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.deployments import deployment
from tests.fixtures.memory import memory_of_queries, memory_of_serve, one_school, queries

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux counts shared memory.")

SERVE_MEGABYTES = 250
WEB_PROCESS_MEGABYTES = 300


def test_twelve_schools_fit(tmp_path: Path) -> None:
    """All processes of `serve` together, after all calendars and pages were read."""
    with deployment(f"sqlite:///{tmp_path}/bridge.db", schools=12, facilities=2) as deployed:
        taken = memory_of_serve(deployed.settings)
    assert len(taken) == 5
    assert sum(taken) <= SERVE_MEGABYTES, taken


def test_distinct_queries_fit(tmp_path: Path) -> None:
    """One school under queries that nobody asked before: no process grows past the limit."""
    url = f"sqlite:///{tmp_path}/bridge.db"
    one_school(tmp_path, 4_000).close()
    taken = memory_of_queries(url, queries(60))
    assert max(taken) <= WEB_PROCESS_MEGABYTES, taken
