"""`icalbridge.store.column_types`: what stands in the database, and what Python reads back."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Table, insert, select, text

from icalbridge.models import EventKey
from icalbridge.store.column_types import Day, Instant, JsonList, JsonSet
from icalbridge.store.tables import api_users, metadata, saved_feeds
from tests.samples import NOW

if TYPE_CHECKING:
    from icalbridge.store import Store

PACIFIC = ZoneInfo("America/Los_Angeles")
NOON = datetime(2026, 11, 21, 12, 0, 0, 999_999, tzinfo=PACIFIC)
KEYS = (EventKey("reservation", "e1"), EventKey("reservation", "é"))
USER = {"id": "new"}
FEED = {"slug": "new", "created_at": NOW, "changed_at": NOW, "revision": 1}


@pytest.mark.parametrize(
    ("table", "row", "name", "value", "stored", "read"),
    [
        (api_users, USER, "leased_until", NOON, 1795291200, NOW),
        (api_users, USER, "leased_until", None, None, None),
        (api_users, USER, "quota_day", date(2026, 1, 9), "2026-01-09", date(2026, 1, 9)),
        (api_users, USER, "quota_day", None, "", None),
        (api_users, USER, "missing", {"b", "a", "é"}, r'["a", "b", "\u00e9"]', {"b", "a", "é"}),
        (api_users, USER, "missing", frozenset(), "", frozenset()),
        (saved_feeds, FEED, "property_ids", ("b", "a"), '["b", "a"]', ("b", "a")),
        (saved_feeds, FEED, "property_ids", (), "[]", ()),
        (
            saved_feeds,
            FEED,
            "event_keys",
            KEYS,
            r'[["reservation", "e1"], ["reservation", "\u00e9"]]',
            (["reservation", "e1"], ["reservation", "é"]),
        ),
    ],
)
def test_values_are_stored_and_read(
    store: Store, table: Table, row: dict[str, Any], name: str, value: Any, stored: Any, read: Any
) -> None:
    """Times are whole seconds, days are ISO dates, lists are JSON; they are read as they were."""
    key, column = next(iter(table.primary_key)), table.c[name]
    with store.engine.begin() as connection:
        connection.execute(insert(table).values(row | {name: value}))
        raw = text(f"SELECT {name} FROM {table.name} WHERE {key.name} = 'new'")
        assert connection.scalar(raw) == stored
        own = select(column).where(key == "new")
        assert connection.scalar(own) == read
        if value:
            assert connection.scalar(own.where(column == value)) == read


def test_columns_are_read_before_anything_is_written(store: Store) -> None:
    """What the database itself puts into a new row is read too."""
    with store.engine.begin() as connection:
        connection.execute(insert(api_users).values(USER))
        row = connection.execute(select(api_users).where(api_users.c.id == "new")).one()
    assert (row.quota_day, row.missing, row.error_at) == (None, frozenset(), None)


def test_every_time_day_and_list_has_its_type() -> None:
    """A column with such a name is read as what it is."""
    types: dict[type, set[str]] = {Instant: set(), Day: set(), JsonList: set(), JsonSet: set()}
    for table in metadata.tables.values():
        for column in table.columns:
            types.get(type(column.type), set()).add(column.name)
            assert (
                not column.name.endswith(("_at", "_until"))
                or column.name in ("next_at", "paused_until")  # with fractions of a second
                or (type(column.type) is Instant)
            )
    assert types[Day] == {"quota_day", "start_date", "end_date", "day"}
    assert types[JsonSet] == {"missing", "silent"}
    lists = {"child_ids", "property_ids", "facility_ids", "event_keys", "replaced"}
    assert types[JsonList] == lists
