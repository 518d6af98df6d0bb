"""What all tests of the web share: a filled database, a clock that stands still, and the
application over both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from icalbridge.web import create_app
from tests.web_world import PUBLIC, Clock, filled_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask.testing import FlaskClient

    from icalbridge.store import Store


OWN = {"store", "clock", "monkeypatch"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A filled database."""
    opened = filled_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def shared_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A client of one application, whose caches fill while tests read."""
    opened = filled_store(tmp_path_factory.mktemp("shared"))
    yield create_app(PUBLIC, opened, clock=Clock()).test_client()
    opened.close()


@pytest.fixture
def client(request: pytest.FixtureRequest) -> FlaskClient:
    """A client of an application of its own where a test has the store, the clock or a patch in its
    hands; all tests that only read share one.
    """
    if not OWN.intersection(request.fixturenames):
        shared: FlaskClient = request.getfixturevalue("shared_client")
        return shared
    store, clock = map(request.getfixturevalue, ("store", "clock"))
    return create_app(PUBLIC, store, clock=clock).test_client()


@pytest.fixture
def statements(store: Store) -> list[str]:
    """Every statement that the database is asked from now on."""
    asked: list[str] = []

    @event.listens_for(store.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    return asked
