"""How much memory `serve` takes (issue 14): 12 schools at most 250 MB in all, one school of 38,000
timeslots under distinct queries at most 300 MB in each web process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fixtures.deployments import deployment
from tests.fixtures.memory import memory_of_queries, memory_of_serve, one_school, queries
from tests.test_memory import SERVE_MEGABYTES, WEB_PROCESS_MEGABYTES

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_serve_with_twelve_schools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As dense as the sandbox makes them by default: some 48,000 bookings."""
    url = f"sqlite:///{tmp_path}/bridge.db"
    with deployment(url, schools=12, facilities=8, events_per_day=110) as deployed:
        taken = memory_of_serve(deployed.settings)
    with capsys.disabled():
        print(f"\n12 schools: {sum(taken):.0f} MB; processes: {taken}")
    assert sum(taken) <= SERVE_MEGABYTES


def test_web_process_with_distinct_queries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No two of 300 requests are alike."""
    url = f"sqlite:///{tmp_path}/bridge.db"
    one_school(tmp_path, 38_000).close()
    taken = memory_of_queries(url, queries(300))
    with capsys.disabled():
        print(f"\n38,000 timeslots: at most {max(taken):.0f} MB a process; processes: {taken}")
    assert max(taken) <= WEB_PROCESS_MEGABYTES
