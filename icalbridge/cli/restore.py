"""`restore`: a backup becomes the SQLite database again."""

from __future__ import annotations

from pathlib import Path

import click

from icalbridge.cli.options import force_option
from icalbridge.cli.runtime import load_settings, require_sqlite
from icalbridge.models import utcnow

PG_RESTORE = "pg_restore --clean --if-exists --dbname=DATABASE FILE"


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@force_option("Replace the database that there is, and keep it beside as ….before-restore.")
def restore_command(file: Path, force: bool) -> None:
    """Make the backup FILE the database again, while nothing runs.

    FILE is checked first, and upgraded to the current schema; one that a newer version made is
    refused.
    """
    from icalbridge.store.backup import restore

    database = require_sqlite(load_settings(quiet=True), f"restore a dump with `{PG_RESTORE}`")
    restored = restore(file, database, force=force, now=utcnow())
    click.echo(f"Restored {database} from {file}.")
    if restored.upgraded:
        click.echo("Its schema was older and is up to date now.")
    if restored.previous:
        click.echo(f"The database of before is {restored.previous}; remove it when all is well.")
