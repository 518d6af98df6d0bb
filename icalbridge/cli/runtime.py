"""What every command starts with: settings, logging and the database.

The database is imported when it is opened, so that `--help` answers at once.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from icalbridge.errors import ConfigurationError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icalbridge.settings import Settings
    from icalbridge.store import Store


def load_settings(*, quiet: bool = False) -> Settings:
    """Read the settings and start logging as they say; `quiet` logs warnings and errors only."""
    from icalbridge.cli.logs import log_everything, start_logging
    from icalbridge.settings import from_environment, state_directory

    settings = from_environment(os.environ)
    state_directory.create_directory(os.environ)
    debug = bool(click.get_current_context().find_root().params.get("debug"))
    level = "DEBUG" if debug else "WARNING" if quiet else "INFO"
    secrets = [*(user.key for user in settings.api_users()), settings.renter_email]
    start_logging(settings.log_format, level=level, secrets=list(filter(None, secrets)))
    if settings.log_format == "json" and not quiet:
        log_everything()
    return settings


def connect(settings: Settings) -> Store:
    """Return the store for a command or a worker; nothing is opened yet."""
    from icalbridge.store import Store, Timeouts

    limits = Timeouts(settings.database_connect_seconds, settings.database_statement_seconds)
    return Store.connect(settings.database_url, limits)


def connect_for_web(settings: Settings) -> Store:
    """Return the store for feeds and pages, which answer from memory when PostgreSQL is silent."""
    from icalbridge.store import Store, Timeouts

    limits = Timeouts(
        settings.database_connect_seconds,
        settings.database_statement_seconds,
        settings.database_web_seconds,
    )
    return Store.connect(settings.database_url, limits)


@contextmanager
def open_current(settings: Settings) -> Iterator[Store]:
    """Open the database, whose schema must be up to date. Raises `StoreError`."""
    store = connect(settings)
    try:
        store.check()
        yield store
    finally:
        store.close()


def open_upgraded(settings: Settings) -> Store:
    """Open the database and upgrade its schema. Raises `StoreError`, with nothing left open."""
    store = connect(settings)
    try:
        store.upgrade()
    except StoreError:
        store.close()
        raise
    return store


def require_sqlite(settings: Settings, otherwise: str) -> Path:
    """Return the file of a SQLite database.

    Raises `ConfigurationError` for PostgreSQL, with what to do `otherwise`.
    """
    from icalbridge.store.backup import sqlite_file

    file = sqlite_file(settings.database_url)
    if file is None:
        raise ConfigurationError(f"DATABASE_URL names a PostgreSQL database; {otherwise}.")
    return file


def describe_database(settings: Settings) -> str:
    """Return the absolute path of a SQLite database, or name and host of one in PostgreSQL."""
    from sqlalchemy.engine import make_url

    from icalbridge.store.backup import sqlite_file

    file = sqlite_file(settings.database_url)
    if file is not None:
        return str(file)
    url = make_url(settings.database_url)
    return f"PostgreSQL, {url.database} on {url.host or 'this machine'}"
