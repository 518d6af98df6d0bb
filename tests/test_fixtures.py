"""The ground under the other tests: fresh databases of both kinds, and no way in from the shell or
out to the net.
"""

from __future__ import annotations

import os
import socket
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy import create_engine, inspect, make_url, text

from tests.fixtures.commands import (
    PATIENCE_SECONDS,
    answer,
    free_port,
    running,
    running_anew,
    until,
)
from tests.fixtures.isolation import LeftTheMachineError
from tests.fixtures.office import quiet_day
from tests.fixtures.parts import absent

if TYPE_CHECKING:
    from tests.fixtures.postgresql import Cluster


def _with_driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


@pytest.mark.parametrize("table", ["first", "second"])
def test_database_url_is_fresh_each_time(database_url: str, table: str) -> None:
    """What one test writes, the next does not find."""
    engine = create_engine(_with_driver(database_url))
    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == []
        connection.execute(text(f"CREATE TABLE {table} (id INTEGER)"))
    engine.dispose()


def test_postgresql_url_is_dropped_despite_open_connections(postgresql_cluster: Cluster) -> None:
    """A test that forgets a connection does not keep its database alive."""
    with postgresql_cluster.fresh_database() as url:
        forgotten = psycopg.connect(url)
    with forgotten, pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")
    name = make_url(url).database
    known = postgresql_cluster.admin.execute(
        "SELECT datname FROM pg_database WHERE datname = %s", [name]
    )
    assert known.fetchall() == []


@pytest.mark.parametrize(
    ("statement", "kept"),
    [
        ("INSERT INTO numbers (name) VALUES ('another')", True),
        ("DELETE FROM numbers", True),
        ("ALTER TABLE numbers ADD COLUMN more INTEGER", False),
        ("DROP TABLE numbers", False),
    ],
)
def test_copy_of_a_postgresql_database_serves_again(
    postgresql_cluster: Cluster, statement: str, kept: bool
) -> None:
    """With what it had at first, whoever is still connected; one with another schema is dropped."""
    cluster = postgresql_cluster
    like = cluster.new_database()
    with psycopg.connect(like) as connection:
        connection.execute("CREATE TABLE numbers (id SERIAL PRIMARY KEY, name TEXT)")
        connection.execute("INSERT INTO numbers (name) VALUES ('first')")
    connection.close()
    ids = []
    for _ in range(2):
        with cluster.fresh_database(exists=False) as url:
            cluster.replace(url, like)
            used = psycopg.connect(url, autocommit=True)
            query = "SELECT oid FROM pg_database WHERE datname = current_database()"
            ids += used.execute(query).fetchall()
            assert used.execute("SELECT id, name FROM numbers").fetchall() == [(1, "first")]
            used.execute(statement)
        used.close()
    assert (ids[0] == ids[1]) is kept


def test_postgresql_sorts_by_language(postgresql_url: str) -> None:
    """The cluster sorts unlike SQLite, so an ORDER BY that relies on either one's collation shows
    itself.
    """
    with psycopg.connect(postgresql_url) as connection:
        rows = connection.execute(
            "SELECT name FROM (VALUES ('Zoo'), ('apple')) AS t (name) ORDER BY name"
        ).fetchall()
    assert rows == [("apple",), ("Zoo",)]


def test_connection_to_another_host_is_refused() -> None:
    """Neither an address nor a name outside this machine is reached, not even asked for."""
    with pytest.raises(LeftTheMachineError, match=r"called 192\.0\.2\.1"):
        socket.create_connection(("192.0.2.1", 9))
    with pytest.raises(LeftTheMachineError, match=r"looked up vendor\.invalid"):
        socket.create_connection(("vendor.invalid", 9))


def test_environment_holds_no_setting_of_the_shell() -> None:
    """A developer's own key and database are out of reach of the tests."""
    assert [
        name for name in os.environ if name.startswith(("FACILITRON_", "ICALBRIDGE_", "DATABASE_"))
    ] == []


def test_command_is_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own session, in this folder, with the given settings only; its end is known here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", "1")
    port = free_port()
    for start in (running, running_anew):
        with start("sandbox", "--port", str(port), "--schools", "1", TZ="Asia/Tokyo") as process:
            until(lambda: answer(f"http://127.0.0.1:{port}/openapi.json"), "answer")
            about = Path(f"/proc/{process.pid}")
            assert int((about / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid()
            assert os.getsid(process.pid) == process.pid
            assert (about / "cwd").resolve() == tmp_path
            process.terminate()
            assert process.wait(PATIENCE_SECONDS) == 0
            assert process.stdout
            assert f":{port}" in process.stdout.read()


def test_absent_part_fails_in_ci_and_skips_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """CI proves everything or fails; a developer without the part is told what to install."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"^install it$"):
        absent("install it")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match=r"^install it$"):
        absent("install it")


@pytest.mark.parametrize("first", [date(2027, 1, 1), date(2028, 1, 1)], ids=str)
def test_quiet_day_of_the_office_is_quiet_all_year(first: date) -> None:
    """Whatever day it is today, no zone of the sandbox changes its clocks on that day, or on one
    beside it.
    """
    for number in range(366):
        day = quiet_day(first + timedelta(days=number))
        assert 193 < (day - first).days - number <= 200
        for zone in (ZoneInfo("America/Los_Angeles"), ZoneInfo("America/New_York")):
            span = [
                datetime.combine(day + timedelta(days=step), time(), zone).utcoffset()
                for step in (-1, 0, 1, 2)
            ]
            assert len(set(span)) == 1
