"""Whether a database is intact, as far as it can say so itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from icalbridge.store import engine

if TYPE_CHECKING:
    from icalbridge.store import Store

_INVALID_INDEX = text(
    "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
    " WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace LIMIT 1"
)


def find_damage(store: Store) -> str:
    """Return the first fault in a few words; nothing where there is none. Raises `StoreError`."""
    with engine.reading(store.engine) as connection:
        if connection.dialect.name == "sqlite":
            verdict = str(connection.scalar(text("PRAGMA quick_check(1)")))
            return "" if verdict == "ok" else f"damaged: {' '.join(verdict.split())}"
        index = connection.scalar(_INVALID_INDEX)
        return f"the index {index} is invalid" if index else ""
