"""`doctor` on the database: where it is, whether it is intact, and whether its disk has room."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from icalbridge.cli.check import Check
from icalbridge.cli.runtime import describe_database

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from icalbridge.settings import Settings
    from icalbridge.store import Store

SPARE_BYTES = 100_000_000
"""What shall be free beyond a second copy of the database, for its write-ahead log."""
MEGABYTE = 1_000_000


def check_place(environ: Mapping[str, str], settings: Settings) -> Check:
    """Name the database that was opened, and say what to do where only this folder leads to it."""
    from icalbridge.settings import state_directory

    message = f"opens, can be written, and its schema is current: {describe_database(settings)}"
    if state_directory.uses_default(environ) and (here := state_directory.file_here()):
        usual = state_directory.state_directory(environ)
        if here.parent != usual:
            message += (
                "; it is found from this working directory only, so set"
                f" DATABASE_URL=sqlite:///{here}, or stop icalbridge and move it to {usual}"
            )
    return Check("database", True, message)


def check_integrity(store: Store) -> Check:
    """Let SQLite check its file; look for indexes that PostgreSQL no longer uses."""
    from icalbridge.store.integrity import find_damage

    damage = find_damage(store)
    if not damage:
        return Check("integrity", True, "the database is intact")
    advice = (
        "stop icalbridge and restore a backup with `icalbridge restore`"
        if store.engine.dialect.name == "sqlite"
        else "rebuild it with REINDEX INDEX"
    )
    return Check("integrity", False, f"{damage}; {advice}")


def check_disk(settings: Settings) -> list[Check]:
    """Compare the free space beside a SQLite database with what a migration or a backup needs;
    the disk of PostgreSQL is its server's.
    """
    from icalbridge.store.backup import sqlite_file

    file = sqlite_file(settings.database_url)
    if file is None:
        return []
    free, needed = shutil.disk_usage(file.parent).free, _size(file) + SPARE_BYTES
    message = f"{free // MEGABYTE} MB are free in {file.parent}"
    if free < needed:
        message += (
            f", and a copy of the database needs {needed // MEGABYTE} MB; delete what is not needed"
            " there, or move the database"
        )
    return [Check("disk", free >= needed, message)]


def _size(file: Path) -> int:
    from icalbridge.store.backup import COMPANIONS

    files = (file, *(file.with_name(file.name + suffix) for suffix in COMPANIONS))
    return sum(path.stat().st_size for path in files if path.exists())
