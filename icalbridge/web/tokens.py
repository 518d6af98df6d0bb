"""What a private address means: its token, looked up by its digest, and remembered for a second at
most.

So a token that is revoked means nothing a second later, whichever process is asked. While the
database is down nobody can tell, and nobody gets anything.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from cachetools import LRUCache

from icalbridge import tokens
from icalbridge.web.usage import TokenUsage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from icalbridge.store import Store

REMEMBERED = timedelta(seconds=1)
MOST_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class _Known:
    id: int
    slug: str
    checked: datetime


class Tokens:
    """The private addresses of one store, as this process knows them."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._saved = store.saved
        self._clock = clock
        self._uses = TokenUsage(store, clock)
        self._known: LRUCache[str, _Known] = LRUCache(MOST_TOKENS)
        self._lock = Lock()

    def recall(self, token: str) -> str | None:
        """Return the slug of the feed that a token opens if that was found out within the last
        second; asks nobody.
        """
        return self._recall(tokens.digest(token)) if tokens.is_token(token) else None

    def find(self, token: str) -> str | None:
        """Return the slug of the feed that a token opens; None for one that opens none. Raises
        `StoreError`.
        """
        if not tokens.is_token(token):
            return None
        digest = tokens.digest(token)
        return self._recall(digest) or self._ask(digest)

    def _recall(self, digest: str) -> str | None:
        with self._lock:
            known = self._known.get(digest)
        if known is None or not known.checked <= self._clock() < known.checked + REMEMBERED:
            return None
        self._uses.note(known.id)
        return known.slug

    def _ask(self, digest: str) -> str | None:
        now = self._clock()
        result = self._saved.token(digest)
        if result is None or not hmac.compare_digest(result[1], digest):
            return None
        token, _ = result
        with self._lock:
            self._known[digest] = _Known(token.id, token.slug, now)
        self._uses.note(token.id)
        return token.slug
