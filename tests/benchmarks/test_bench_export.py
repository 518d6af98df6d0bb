"""How long an export takes that finds nothing changed."""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from icalbridge.web.export import Exporter
from icalbridge.web.export_tree import opened_tree
from tests.samples import GYM, entry
from tests.web_world import PUBLIC, Clock, add_catalogue, added, empty_store, sync

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FACILITIES = 2000
RUNS = 3
LIMIT_SECONDS = 20


def test_unchanged_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 20 s for 2,000 facilities, and no file is written. The first export puts something
    short into each file: what it would render does not matter for the later ones.
    """
    store = empty_store(tmp_path)
    rooms = [replace(GYM, id=f"room{number}") for number in range(FACILITIES)]
    add_catalogue(store, {"school": rooms})
    classes = (
        entry(day, uid=f"{room.id}-{day}", event_id=f"{room.id}-{day}", facility=room)
        for room in rooms
        for day in range(3)
    )
    sync(store, "school", added(classes))
    folder, seconds = tmp_path / "site", []
    with monkeypatch.context() as patched:
        patched.setattr(
            Exporter,
            "_put",
            lambda self, tree, target, *_: tree.put(target.file, b"x", stamp=self._stamp(target)),
        )
        written = _export(Exporter(PUBLIC, store, clock=Clock()), folder)[0]
    for _ in range(RUNS):
        begun = time.perf_counter()
        assert _export(Exporter(PUBLIC, store, clock=Clock()), folder) == (0, written)
        seconds.append(time.perf_counter() - begun)
    print(f"\n{written:,} files of {FACILITIES:,} facilities unchanged: {median(seconds):.1f} s")
    store.close()
    assert median(seconds) <= LIMIT_SECONDS


def _export(exporter: Exporter, folder: Path) -> tuple[int, int]:
    """Return how many files were written, and how many were not."""
    with opened_tree(folder) as tree:
        exporter.export(tree, lambda _done, _total: None)
    return tree.written, tree.unchanged
