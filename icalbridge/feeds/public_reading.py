"""What the public may read of the store: every query of `Reading`, with the policy applied.

The one place where the public policy is applied: pages, feeds, API, displays and sitemap read the
store through it and nothing else; each query asks a `PublicView`, also one that is added to
`Reading` later. Private feeds of staff read the store itself.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from inspect import isfunction
from typing import TYPE_CHECKING, Any

from icalbridge.feeds.public_index import PublicIndex, build_index
from icalbridge.feeds.public_view import PublicView
from icalbridge.store.engine import snapshot
from icalbridge.store.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from icalbridge.feeds.policy import Policy
    from icalbridge.feeds.policy_file import PolicyFile
    from icalbridge.feeds.public_index import KnownTexts
    from icalbridge.store import Store

NOTHING_HIDDEN = PublicIndex()


class PublicReading(Reading):
    """All queries for the public to one database."""

    def __init__(self, store: Store, policies: PolicyFile) -> None:
        super().__init__(store.engine)
        self._policies = policies
        self._index: tuple[str, PublicIndex] = "", PublicIndex()
        self._known: tuple[str, KnownTexts] = "", {}

    @property
    def policy(self) -> Policy:
        """The policy that holds. Raises `StoreError` where none is known."""
        return self._policies.current()

    @property
    def finds_texts_exactly(self) -> bool:
        return not self.policy.needs_categories

    @property
    def policy_error(self) -> str:
        """Why the policy file cannot be used; empty where it can."""
        return self._policies.error

    @contextmanager
    def snapshot(self) -> Iterator[PublicView]:
        """Open a snapshot of the store as the public may see it."""
        policy = self.policy
        with snapshot(self._opened) as connection:
            if policy.digest:
                yield PublicView(connection, policy, self._current_index(connection, policy))
            else:
                yield PublicView(connection, policy, NOTHING_HIDDEN)

    def _current_index(self, connection: Connection, policy: Policy) -> PublicIndex:
        revision = Reading(connection).revision()
        digest, index = self._index
        if digest != policy.digest or index.revision != revision:
            digest, known = self._known
            if digest != policy.digest:
                known = {}
            index = build_index(connection, policy, revision, known)
            self._known = policy.digest, known
            self._index = policy.digest, index
        return index


UNLIMITED = {"snapshot", "revision", "began", "event_marks", "categories", "api_user_of"}
"""Queries that tell nothing of what is hidden, or only of what was read before."""


def _ask_view(query: Callable[..., Any]) -> Callable[..., Any]:
    """Return a query of `Reading` as a snapshot answers it."""

    @wraps(query)
    def ask(self: PublicReading, *args: Any, **options: Any) -> Any:
        with self.snapshot() as view:
            return getattr(view, query.__name__)(*args, **options)

    return ask


for _name, _query in vars(Reading).items():
    if isfunction(_query) and not _name.startswith("_") and _name not in UNLIMITED:
        setattr(PublicReading, _name, _ask_view(_query))
