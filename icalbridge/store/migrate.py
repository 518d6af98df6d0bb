"""The database's schema, version by version (Alembic). `migrations/versions` holds one file a
version, oldest first.

A start brings an older database up to date by itself; a newer one is left alone, since this program
cannot know it. An empty one gets the current tables at once: Alembic is imported for an older one
only.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    select,
    text,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from icalbridge.errors import SchemaOutdated
from icalbridge.store.engine import reading, without_time_limit, writing
from icalbridge.store.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x1CA1
"""PostgreSQL's advisory lock: alone for migrations, with a second number for an API key."""

VERSION_TABLE = Table(  # as Alembic makes it
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

NEWER = "The database was made by a newer icalbridge; install that version."
EMPTY = (
    "There is nothing in the database yet; run `icalbridge sync`, or `icalbridge serve`, which"
    " syncs too."
)


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE.name):
        return None
    return connection.scalar(select(VERSION_TABLE.c.version_num))


@cache
def versions() -> tuple[str, ...]:
    """Return the versions that this program knows, the latest last; files begin with them."""
    return tuple(sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")))


def check(engine: Engine) -> None:
    """Raise `SchemaOutdated` unless the schema is the one this program was written for."""
    with reading(engine) as connection:
        version = _version(connection)
        empty = version is None and not inspect(connection).get_table_names()
    if empty:
        raise SchemaOutdated(EMPTY)
    if version is not None and version not in versions():
        raise SchemaOutdated(NEWER)
    if version != versions()[-1]:
        raise SchemaOutdated(
            "The database's schema is not this program's; run `icalbridge db upgrade`."
        )


def upgrade(engine: Engine) -> None:
    """Bring the schema up to date in one transaction, one process at a time, without limit.

    Raises `SchemaOutdated` for a database that a newer program made.
    """
    with reading(engine) as connection:
        if _version(connection) == versions()[-1]:
            return
    with writing(engine) as connection, without_time_limit(connection):
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if _version(connection) is not None:
            _migrate(connection)
        elif inspect(connection).get_table_names():
            raise SchemaOutdated(
                "The database holds tables of another program; set DATABASE_URL to one of our own."
            )
        else:
            _create(connection)


def _create(connection: Connection) -> None:
    """Create all tables. Of indexes that seem to serve a query equally well SQLite takes the one
    created last: those of a part of the rows come last, as the migrations have it.
    """
    for table in (*metadata.sorted_tables, VERSION_TABLE):
        connection.execute(CreateTable(table))
        for index in sorted(table.indexes, key=_creation_order):
            connection.execute(CreateIndex(index))
    connection.execute(VERSION_TABLE.insert().values(version_num=versions()[-1]))


def _creation_order(index: Index) -> tuple[bool, str]:
    return bool(index.dialect_kwargs), str(index.name)


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(_config(connection), "head")
    except CommandError:
        raise SchemaOutdated(NEWER) from None
