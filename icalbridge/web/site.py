"""What all pages share: the address they are reached under, the clock, and how fresh the data is.

Only here is it decided whether a request's Host header may be shown: never where `ICALBRIDGE_PUBLIC_URL` is set.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import abort, request

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from icalbridge.store import Health, Store

HEALTH_GOOD_FOR = timedelta(seconds=5)


class Site:
    """One application as people reach it."""

    def __init__(self, public_url: str, store: Store, clock: Callable[[], datetime]) -> None:
        self._public_url = public_url
        self._store = store
        self._health: tuple[datetime, Health] | None = None
        self.now = clock

    @property
    def is_public(self) -> bool:
        """Whether addresses are the operator's, so that pages are the same for everybody."""
        return bool(self._public_url)

    def path(self, path: str) -> str:
        """Return a link that stays on this site, below whatever folder a proxy serves it under."""
        return (urlsplit(self._public_url).path if self._public_url else request.root_path.rstrip("/")) + path

    def address(self, path: str) -> str:
        """Return an absolute address. Answers 400 where it could come from nothing but an unusable Host header."""
        if self._public_url:
            return self._public_url + path
        if not request.host:
            abort(400)
        return f"{request.scheme}://{request.host}{self.path(path)}"

    def health(self, now: datetime) -> Health:
        """Return how fresh everything is, as it was at most five seconds ago."""
        known = self._health
        if known is None or not known[0] <= now < known[0] + HEALTH_GOOD_FOR:
            known = self._health = (now, self._store.read.health(now))
        return known[1]
