"""Column types: both databases store the same numbers and texts, Python sees times and lists."""
# ruff: noqa: ARG002  # the signatures are SQLAlchemy's

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, String, TypeDecorator

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Dialect


@lru_cache(maxsize=1 << 14)
def _datetime(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


class Instant(TypeDecorator[datetime]):
    """Aware datetime, stored as whole seconds since 1970; read in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value.timestamp())

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[int | None], datetime | None]:
        """Return the cached conversion itself: a feed reads a hundred thousand times."""
        return _datetime


class Day(TypeDecorator[date]):
    """Date, stored in ISO format; None is the empty text."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> str:
        return "" if value is None else value.isoformat()

    def process_result_value(self, value: str | None, dialect: Dialect) -> date | None:
        return date.fromisoformat(value) if value else None


class JsonList(TypeDecorator[tuple[Any, ...]]):
    """Tuple, stored as a JSON list; the empty text is an empty tuple."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: tuple[Any, ...] | None, dialect: Dialect) -> str:
        return json.dumps(value or ())

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[Any, ...]:
        return tuple(json.loads(value)) if value and value != "[]" else ()


class JsonSet(TypeDecorator[frozenset[str]]):
    """Set of texts, stored as a sorted JSON list; the empty set is the empty text."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: frozenset[str] | None, dialect: Dialect) -> str:
        return json.dumps(sorted(value)) if value else ""

    def process_result_value(self, value: str | None, dialect: Dialect) -> frozenset[str]:
        return frozenset(json.loads(value)) if value else frozenset()
