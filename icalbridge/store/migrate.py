"""The database's schema, version by version (Alembic). `migrations/versions` holds one file a
version, oldest first.

A start brings an older database up to date by itself; a newer one is left alone, since this program
cannot know it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import inspect, text

from icalbridge.errors import SchemaOutdated
from icalbridge.store.engine import reading, without_time_limit, writing

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

LOCK = 0x1CA1
"""PostgreSQL's advisory lock: alone for migrations, with a second number for an API key."""


NEWER = "The database was made by a newer icalbridge; install that version."
EMPTY = (
    "There is nothing in the database yet; run `icalbridge sync`, or `icalbridge serve`, which"
    " syncs too."
)


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).parent / "migrations").replace("%", "%%")
    )
    config.attributes["connection"] = connection
    return config


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _latest() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _versions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def is_known(version: str) -> bool:
    """Return whether this program knows a version, current or older."""
    return version in _versions()


def check(engine: Engine) -> None:
    """Raise `SchemaOutdated` unless the schema is the one this program was written for."""
    with reading(engine) as connection:
        version = _version(connection)
        empty = version is None and not inspect(connection).get_table_names()
    if empty:
        raise SchemaOutdated(EMPTY)
    if version is not None and version not in _versions():
        raise SchemaOutdated(NEWER)
    if version != _latest():
        raise SchemaOutdated(
            "The database's schema is not this program's; run `icalbridge db upgrade`."
        )


def upgrade(engine: Engine) -> None:
    """Bring the schema up to date in one transaction, one process at a time, without limit.

    Raises `SchemaOutdated` for a database that a newer program made.
    """
    with reading(engine) as connection:
        if _version(connection) == _latest():
            return
    with writing(engine) as connection, without_time_limit(connection):
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if _version(connection) is None and inspect(connection).get_table_names():
            raise SchemaOutdated(
                "The database holds tables of another program; set DATABASE_URL to one of our own."
            )
        try:
            command.upgrade(_config(connection), "head")
        except CommandError:
            raise SchemaOutdated(NEWER) from None
