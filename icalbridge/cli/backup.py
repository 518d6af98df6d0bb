"""`backup`: a consistent copy of a SQLite database while everything runs."""

from __future__ import annotations

from pathlib import Path

import click

from icalbridge.cli.options import force_option
from icalbridge.cli.runtime import load_settings, require_sqlite

PG_DUMP = "pg_dump --format=custom --file=FILE"


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@force_option("Overwrite FILE.")
def backup_command(file: Path, force: bool) -> None:
    """Copy the database to FILE while everything runs.

    The copy is checked before it gets its name, and only its owner can read it.
    """
    from icalbridge.store.backup import back_up

    database = require_sqlite(load_settings(quiet=True), f"make a backup with `{PG_DUMP}`")
    size = back_up(database, file, force=force)
    click.echo(f"Wrote {file}: {size / 1_000_000:.1f} MB, checked.")
