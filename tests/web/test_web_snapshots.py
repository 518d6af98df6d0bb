"""What a page or a list reads of the store is one moment of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from icalbridge.models import Changes
from icalbridge.web import create_app
from tests.fixtures.migrated import new_store
from tests.samples import entry
from tests.web_world import PUBLIC, USER, Clock, add_catalogue, added, sync

if TYPE_CHECKING:
    from flask.testing import FlaskClient

LIST = "/api/v1/facilities/gym/entries?from=2026-11-21&to=2026-12-20"


@pytest.mark.parametrize("path", ["/property/school", "/property/district", "/facility/gym"])
def test_page_asks_for_the_state_of_its_feed_once(
    client: FlaskClient, statements: list[str], path: str
) -> None:
    """All that a page shows of a feed is cached for one revision, which is read once a second."""
    assert client.get(path).status_code == 200
    assert sum("windows.synced_at IS NOT NULL" in statement for statement in statements) == 1


@pytest.mark.both_databases
def test_list_shows_once_what_moves_while_it_is_read(database_url: str, clock: Clock) -> None:
    """A list is read day by day; an entry that moves from a later day to one that was read already
    is on the day where it was.
    """
    store = new_store(database_url)
    store.write.add_api_user(USER)
    add_catalogue(store)
    sync(store, "school", added([entry(100)]))
    client = create_app(PUBLIC, store, clock=clock).test_client()
    days_read = []

    @event.listens_for(store.engine, "after_cursor_execute")
    def move(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT entries.uid"):
            days_read.append(statement)
            if len(days_read) == 1:
                sync(store, "school", Changes(changed=(entry(2, sequence=1),)))

    shown = client.get(LIST).json
    assert shown is not None
    assert len(days_read) > 1
    assert [row["start"] for row in shown["entries"]] == ["2026-11-25T16:00:00-08:00"]
    clock.advance(2)
    moved = client.get(LIST).json
    assert moved is not None
    assert [row["start"] for row in moved["entries"]] == ["2026-11-21T14:00:00-08:00"]
    store.close()
