"""`icalbridge.store.migrate`: a database that an older version made becomes one of ours, with what
it holds.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text

from icalbridge import store as store_package
from icalbridge.models import EventKey, Feed
from icalbridge.store import Store
from icalbridge.store.engine import reading, writing
from icalbridge.store.entries import TimeRange
from icalbridge.store.migrate import VERSION_TABLE, versions
from icalbridge.store.tables import metadata
from icalbridge.store.texts import TextCriteria
from tests.samples import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

MIGRATIONS = Path(store_package.__file__).parent / "migrations"
WITHDRAWN = int(NOW.timestamp())

API_USER = "INSERT INTO api_users (id) VALUES ('default')"
PROPERTY = """INSERT INTO properties (id, api_user_id, position, listed, first_seen_at, revision, changed_at)
    VALUES ('school', 'default', 0, TRUE, 1, 1, 1)"""
EVENT = """INSERT INTO events (event_type, event_id, property_id, name, first_seen_at, revision, changed_at)
    VALUES ('reservation', 'e1', 'school', 'Practice', 1, 1, 1)"""


def _migrate(store: Store, version: str) -> None:
    """Run the migrations one by one on an empty database."""
    with writing(store.engine) as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def _schema(store: Store) -> dict[str, object]:
    """Everything that the database says of its tables, and its version, whatever the order of the
    columns.
    """
    inspector = inspect(store.engine)
    with reading(store.engine) as connection:
        versions_stored = connection.scalars(select(VERSION_TABLE)).all()
    return {"version": versions_stored} | {
        table: (
            sorted(
                (
                    column["name"],
                    str(column["type"]),
                    column["nullable"],
                    column["default"],
                    column.get("autoincrement"),
                )
                for column in inspector.get_columns(table)
            ),
            inspector.get_pk_constraint(table),
            sorted(map(repr, inspector.get_foreign_keys(table))),
            sorted(map(repr, inspector.get_unique_constraints(table))),
            sorted(map(repr, inspector.get_check_constraints(table))),
            sorted(
                (
                    str(index["name"]),
                    index["column_names"],
                    index["unique"],
                    {name: str(value) for name, value in index["dialect_options"].items()},
                )
                for index in inspector.get_indexes(table)
            ),
        )
        for table in inspector.get_table_names()
    }


LONG_ONES = (
    "EXPLAIN QUERY PLAN SELECT uid FROM entries WHERE {0}_id = 'x'"
    " AND end_at - start_at > 86400 AND start_at < 5 AND end_at > 6"
)


def _require_plans(store: Store) -> None:
    """SQLite takes the index of the few long entries; the others would do, but for their size."""
    with reading(store.engine) as connection:
        for scope in ("property", "facility"):
            (row,) = connection.exec_driver_sql(LONG_ONES.format(scope))
            assert f"ix_entries_{scope}_long ({scope}_id=? AND end_at>?)" in row[3]


def test_new_database_is_as_the_migrations_make_it(database_url: str) -> None:
    """Run one by one on an empty database, they make exactly the tables that a new one gets, and
    both are searched alike.
    """
    store = Store.connect(database_url)
    _migrate(store, "head")
    with reading(store.engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    migrated = _schema(store)
    on_sqlite = store.engine.dialect.name == "sqlite"
    if on_sqlite:
        _require_plans(store)
    with writing(store.engine) as connection:
        metadata.drop_all(connection)
        VERSION_TABLE.drop(connection)
    assert inspect(store.engine).get_table_names() == []
    store.upgrade()
    store.check()
    assert _schema(store) == migrated
    if on_sqlite:
        _require_plans(store)
    store.close()


def test_versions_are_those_of_the_files() -> None:
    """Their names say what Alembic reads in them, in its order."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert [script.revision for script in scripts][::-1] == list(versions())


@pytest.fixture
def older(database_url: str) -> Iterator[Store]:
    """A database at version 0002 with one school and one event."""
    opened = Store.connect(database_url)
    _migrate(opened, "0002")
    with writing(opened.engine) as connection:
        for statement in (API_USER, PROPERTY, EVENT):
            connection.execute(text(statement))
    yield opened
    opened.close()


def _keep(
    older: Store, uid: str, *, status: str = "approved", timeslot: str = "active", withdrawn: bool
) -> None:
    values = {
        "uid": uid,
        "status": status,
        "timeslot": timeslot,
        "start": WITHDRAWN + 3600,
        "end": WITHDRAWN + 7200,
        "withdrawn": WITHDRAWN if withdrawn else None,
    }
    insert = text(
        "INSERT INTO entries (uid, event_type, event_id, property_id, facility_id, status,"
        " timeslot_status, zone, start_at, end_at, sequence, modified_at, first_seen_at,"
        " withdrawn_at) VALUES (:uid, 'reservation', 'e1', 'school', 'gym', :status, :timeslot,"
        " 'UTC', :start, :end, 1, 50, 40, :withdrawn)"
    )
    with writing(older.engine) as connection:
        connection.execute(insert, values)


def test_upgrade_takes_what_was_on_and_withdrawn_for_cancelled(older: Store) -> None:
    """When it was withdrawn is when it ceased; what was pending, suspended or is still there never
    did.
    """
    _keep(older, "gone", withdrawn=True)
    _keep(older, "on", withdrawn=False)
    _keep(older, "pending", status="pending", withdrawn=True)
    _keep(older, "suspended", timeslot="suspended", withdrawn=True)
    _keep(older, "unknown", status="cancelled", withdrawn=False)
    older.upgrade()
    older.check()
    known = older.sync_reads.known([EventKey("reservation", "e1")])[EventKey("reservation", "e1")]
    assert {each.uid: each.cancelled for each in known} == {
        "gone": NOW,
        "on": None,
        "pending": None,
        "suspended": None,
        "unknown": None,
    }
    assert [each.uid for each in older.read.entries(Feed("facility", "gym"), TimeRange(NOW))] == [
        "on"
    ]
    assert {int(each.first_seen.timestamp()) for each in known if each.first_seen} == {40}


def test_upgrade_makes_entries_searchable(older: Store) -> None:
    """By their words, as phrases and not from one text into the next, and by their names."""
    _keep(older, "gym", withdrawn=False)
    with writing(older.engine) as connection:
        connection.execute(text("UPDATE entries SET name = 'Open Gym', activity = 'Été 1'"))
    older.upgrade()
    counts = [
        len(older.read.text_ids("school", TextCriteria(words=(word,)))[0])
        for word in ("ete", '"open gym"', '"gym ete"', "1")
    ]
    assert counts == [1, 1, 0, 1]
    with reading(older.engine) as connection:
        assert connection.scalars(text("SELECT name FROM entry_texts")).all() == ["open gym"]


def test_upgrade_keeps_zones_and_settles_their_sources_first(older: Store) -> None:
    """A zone of before stays, of a source that nobody knows; the catalogue is due before any window
    is read.
    """
    with writing(older.engine) as connection:
        connection.execute(text("UPDATE properties SET zone = 'America/Denver'"))
        connection.execute(text("UPDATE api_users SET catalogue_due_at = 4000000000"))
    older.upgrade()
    older.check()
    known = older.read.property("school")
    assert known
    assert (known.timezone, known.zone_source, known.vendor_zone, known.zone_known) == (
        "America/Denver",
        "",
        "",
        False,
    )
    assert older.api_keys.claim_catalog("default", "w", now=NOW)
