"""How many web processes this machine, or this container, is good for."""

from __future__ import annotations

import os
from math import ceil, inf
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FEWEST, MOST = 2, 8
"""Two, so that one answers while the other is busy; more than eight only where they are set."""
PROCESS_BYTES = 512_000_000
"""Memory for one web process with a large district, and its share of the sync worker."""


def default_workers(root: Path = Path("/")) -> int:
    """Return one process a core, as far as the memory goes, within `FEWEST` and `MOST`."""
    cores = min(_usable_cores(), ceil(min(_limits(root, "cpu"), default=MOST)))
    memory = min([_physical_memory(), *_limits(root, "memory")])
    return int(max(FEWEST, min(MOST, cores, memory // PROCESS_BYTES)))


def _usable_cores() -> int:
    """Return the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _physical_memory() -> float:
    try:
        pages = os.sysconf("SC_PHYS_PAGES")
        return float(pages * os.sysconf("SC_PAGE_SIZE")) if pages > 0 else inf
    except (ValueError, OSError):
        return inf


def _limits(root: Path, controller: str) -> Iterator[float]:
    """Yield what the control groups of this process limit it to: cores, or bytes."""
    for folder in _groups(root, controller):
        if controller == "memory":
            yield from _numbers(folder / "memory.max")
            yield from _numbers(folder / "memory.limit_in_bytes")
            continue
        quota = [*_numbers(folder / "cpu.max")] or [
            *_numbers(folder / "cpu.cfs_quota_us"),
            *_numbers(folder / "cpu.cfs_period_us"),
        ]
        if len(quota) == 2 and min(quota) > 0:
            yield quota[0] / quota[1]


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of a controller, version 2 or 1, from this process's group to the top."""
    mounted = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        number, controllers, name = line.split(":", 2)
        if number != "0" and controller not in controllers.split(","):
            continue
        top = mounted if number == "0" else mounted / controller
        group = top / name.lstrip("/")
        yield from (group, *(parent for parent in group.parents if parent.is_relative_to(top)))


def _numbers(file: Path) -> list[float]:
    """Return the whole numbers in a file; nothing for `max`, and for one that is not there."""
    try:
        words = file.read_text().split()
    except OSError:
        return []
    return [float(word) for word in words] if all(word.isdigit() for word in words) else []
