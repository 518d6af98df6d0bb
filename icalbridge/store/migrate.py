"""The database's schema, version by version (Alembic). `migrations/versions` holds one file a
version, oldest first.

A start brings an older database up to date by itself; a newer one is left alone, since this program
cannot know it. Alembic is imported for a migration only: to look at a version needs none of it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from icalbridge.errors import SchemaOutdated
from icalbridge.store.engine import reading, without_time_limit, writing

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x1CA1
"""PostgreSQL's advisory lock: alone for migrations, with a second number for an API key."""


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
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


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
    from alembic import command
    from alembic.util import CommandError

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
