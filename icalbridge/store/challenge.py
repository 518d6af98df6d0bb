"""Challenges: how `doctor` recognizes a web process that serves this very database."""

from __future__ import annotations

from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from icalbridge.store.engine import Repository
from icalbridge.store.tables import counters

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "doctor:"


class Challenges(Repository):
    """Random texts that are in the database while somebody asks for them over HTTP."""

    @contextmanager
    def new(self) -> Iterator[str]:
        """Yield a random text that `is_known` finds until the block ends."""
        text = token_hex(16)
        left = delete(counters).where(counters.c.name.startswith(_PREFIX))
        self._write(left, insert(counters).values(name=_PREFIX + text, value=0))
        try:
            yield text
        finally:
            self._write(left)

    def is_known(self, text: str) -> bool:
        """Return whether a text is one of this database's challenges."""
        query = select(counters.c.name).where(counters.c.name == _PREFIX + text)
        return self._row(query) is not None
