"""`db`: the database's schema."""

from __future__ import annotations

import click

from icalbridge.cli.runtime import load_settings, open_upgraded


@click.group("db")
def db_command() -> None:
    """Look after the database."""


@db_command.command("upgrade")
def upgrade() -> None:
    """Bring the database to the current schema."""
    open_upgraded(load_settings(quiet=True)).close()
    click.echo("The database is up to date.")
