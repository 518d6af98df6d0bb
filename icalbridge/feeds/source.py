"""Where calendars are loaded from: the store, within what the operator allows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.errors import StoreError
from icalbridge.feeds.query_values import BadQuery, quoted
from icalbridge.feeds.saved_feed_toml import BadSpec, parse_saved_feed

if TYPE_CHECKING:
    from icalbridge.feeds.public_reading import PublicReading
    from icalbridge.feeds.query import FeedQuery
    from icalbridge.feeds.saved_feed import Saved
    from icalbridge.models import Feed, FeedState
    from icalbridge.settings import Settings
    from icalbridge.store import Store
    from icalbridge.store.reading import Reading


STAFF = "staff"
"""In place of a policy's digest, where none applies."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where calendars are loaded from, and what the operator lets them show."""

    store: Store
    settings: Settings
    public: PublicReading

    @property
    def history(self) -> timedelta:
        return timedelta(days=self.settings.history_days)

    @property
    def horizon(self) -> timedelta:
        return timedelta(days=self.settings.horizon_days)

    def clamp(self, query: FeedQuery) -> FeedQuery:
        return query.clamped(self.settings.history_days, self.settings.horizon_days)

    def check_query(self, query: FeedQuery) -> None:
        """Raise `BadQuery` for what this deployment does not show, or what names nothing here."""
        if query.pending and not self.settings.public_pending:
            raise BadQuery("Bookings that are still pending are not shown here; leave status out.")
        for item, _ in query.given:
            if item.setting and not getattr(self.settings, item.setting):
                raise BadQuery(f"{item.refusal}; leave {item.name} out.")
        for facility_id in query.facility:
            if self.public.facility(facility_id) is None:
                raise BadQuery(
                    f"There is no facility {quoted(facility_id)} here; look its id up in the"
                    " directory."
                )

    def reading(self, saved: Saved | None = None) -> Reading:
        """Return what a feed is read from: only one that is not for the public sees past its
        policy.
        """
        return self.public if saved is None or saved.public else self.store.read

    def state(self, feed: Feed, *, private: bool) -> FeedState | None:
        """Return a feed's state; None where there is none at such an address."""
        if feed.kind != "saved":
            return self.public.feed_state(feed)
        saved = self.saved_feed(feed.id, private=private)
        state = None if saved is None else self.reading(saved).feed_state(feed)
        if state is None or saved is None or saved.public:
            return state
        return replace(state, policy=STAFF)

    def saved_feed(self, slug: str, *, private: bool) -> Saved | None:
        """Return a saved feed within what the operator allows; None where there is none at such an
        address: what is for staff or operations is at private addresses only.
        """
        stored = self.store.saved.feed(slug)
        if stored is None:
            return None
        try:
            saved = parse_saved_feed(stored)
        except BadSpec as error:  # a newer version has written it
            raise StoreError(f"The saved feed {slug} cannot be read: {error}") from None
        if not (saved.public or private):
            return None
        query = self.clamp(saved.query)
        if saved.public and not self.settings.public_pending:
            statuses = tuple(status for status in query.status if status != "pending")
            query = replace(query, status=statuses)
        return replace(saved, query=query)
