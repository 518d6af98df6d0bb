"""The ground under the other tests: databases are fresh, of both kinds, and leave nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import create_engine, inspect, make_url, text

if TYPE_CHECKING:
    from tests.fixtures.postgresql import Cluster


def _with_driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


@pytest.mark.parametrize("time", ["first", "second"])
def test_database_url_is_fresh_each_time(database_url: str, time: str) -> None:
    """What one test writes, the next does not find."""
    engine = create_engine(_with_driver(database_url))
    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == []
        connection.execute(text(f"CREATE TABLE {time} (id INTEGER)"))
    engine.dispose()


def test_postgresql_url_is_dropped_despite_open_connections(postgresql_cluster: Cluster) -> None:
    """A test that forgets a connection does not keep its database alive."""
    with postgresql_cluster.fresh_database() as url:
        forgotten = psycopg.connect(url)
    with forgotten, pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")
    name = make_url(url).database
    known = postgresql_cluster.admin.execute("SELECT datname FROM pg_database WHERE datname = %s", [name])
    assert known.fetchall() == []


def test_postgresql_sorts_by_language(postgresql_url: str) -> None:
    """The cluster sorts unlike SQLite, so an ORDER BY that relies on either one's collation shows itself."""
    with psycopg.connect(postgresql_url) as connection:
        rows = connection.execute("SELECT name FROM (VALUES ('Zoo'), ('apple')) AS t (name) ORDER BY name").fetchall()
    assert rows == [("apple",), ("Zoo",)]
