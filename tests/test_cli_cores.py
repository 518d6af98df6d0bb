"""`icalbridge.cli.cores`: how many web processes there are where nobody says it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from icalbridge.cli import cores
from icalbridge.cli.cores import default_workers

if TYPE_CHECKING:
    from pathlib import Path

GIGABYTE = 1 << 30


@pytest.fixture
def large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 cores and 256 GB."""
    monkeypatch.setattr(cores, "_usable_cores", lambda: 64)
    monkeypatch.setattr(cores, "_physical_memory", lambda: 256.0 * GIGABYTE)


def machine(root: Path, group: str, **files: str) -> Path:
    """Write what the kernel shows of a process's control group, below a folder."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(group)
    for name, text in files.items():
        file = root / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    return root


@pytest.mark.usefixtures("large_machine")
@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "300000 100000"}, 3),
        ({"cpu.max": "250000 100000"}, 3),
        ({"cpu.max": "50000 100000"}, 2),
        ({"cpu.max": "0 100000"}, 8),
        ({"system.slice/web.service/cpu.max": "400000 100000"}, 4),
        (
            {
                "system.slice/cpu.max": "300000 100000",
                "system.slice/web.service/cpu.max": "400000 100000",
            },
            3,
        ),
        ({"memory.max": str(2 * GIGABYTE)}, 4),
        ({"memory.max": str(GIGABYTE // 2)}, 2),
        ({"memory.max": "max", "cpu.max": "500000 100000"}, 5),
    ],
)
def test_container_limits_processes(tmp_path: Path, files: dict[str, str], count: int) -> None:
    """Its cores, rounded up, and its memory, also those of the groups above."""
    assert default_workers(machine(tmp_path, "0::/system.slice/web.service\n", **files)) == count


@pytest.mark.usefixtures("large_machine")
def test_older_control_groups_limit_processes_too(tmp_path: Path) -> None:
    """Version 1 has a tree for each controller; -1 is no limit."""
    files = {
        "cpu/docker/c1/cpu.cfs_quota_us": "600000",
        "cpu/docker/c1/cpu.cfs_period_us": "100000",
        "cpu/cpu.cfs_quota_us": "-1",
        "cpu/cpu.cfs_period_us": "100000",
        "memory/docker/c1/memory.limit_in_bytes": str(3 * GIGABYTE),
    }
    group = "4:memory:/docker/c1\n3:cpu,cpuacct:/docker/c1\n1:name=systemd:/docker/c1\n"
    assert default_workers(machine(tmp_path, group, **files)) == 6


@pytest.mark.usefixtures("large_machine")
def test_machine_without_control_groups_has_its_cores(tmp_path: Path) -> None:
    """Such as one of BSD."""
    assert default_workers(tmp_path) == 8


def test_cores_that_a_process_may_use_count() -> None:
    """Here one, so two processes; what this machine is given is within the bounds."""
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from icalbridge.cli.cores import default_workers; print(default_workers())"
    )
    done = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert done == "2\n"
    assert 2 <= default_workers() <= min(8, max(2, os.cpu_count() or 1))
