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


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A filled database."""
    opened = filled_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(store: Store, clock: Clock) -> FlaskClient:
    return create_app(PUBLIC, store, clock=clock).test_client()


@pytest.fixture
def statements(store: Store) -> list[str]:
    """Every statement that the database is asked from now on."""
    asked: list[str] = []

    @event.listens_for(store.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    return asked
