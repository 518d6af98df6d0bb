"""What the public may read of the store: every query of `Reading`, with the policy applied.

The one place where the public policy is applied: pages, feeds, API, displays and sitemap read the
store through it and nothing else. Hidden entries are left out by conditions in SQL, so that
counts, free times and limits are right; the entries that are returned are checked once more, and
lose the texts that are not public. Private feeds of staff read the store itself.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from icalbridge.feeds.public_index import PublicIndex, build_index
from icalbridge.feeds.public_view import PublicView
from icalbridge.store.engine import reading
from icalbridge.store.entries import SHOWN_ENTRIES
from icalbridge.store.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from icalbridge.feeds.policy import Policy
    from icalbridge.feeds.policy_file import PolicyFile
    from icalbridge.feeds.public_index import KnownTexts
    from icalbridge.models import Entry, EventKey, Facility, Feed, FeedState, Property, StaffDetails
    from icalbridge.store import Store
    from icalbridge.store.booked_names import BookedName, NameMatch
    from icalbridge.store.counts import BookedSpan, SpanCount
    from icalbridge.store.entries import EntryCriteria, TimeRange
    from icalbridge.store.health import Health
    from icalbridge.store.texts import TextCriteria

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
    def policy_error(self) -> str:
        """Why the policy file cannot be used; empty where it can."""
        return self._policies.error

    @contextmanager
    def _view(self) -> Iterator[PublicView]:
        """Open a snapshot of the store as the public may see it."""
        policy = self.policy
        with reading(self._opened) as connection:
            if not policy.digest:
                yield PublicView(connection, policy, NOTHING_HIDDEN)
                return
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield PublicView(connection, policy, self._current_index(connection, policy))

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

    # entries

    def feed_state(self, feed: Feed) -> FeedState | None:
        with self._view() as view:
            return view.state(feed)

    def entries(
        self,
        feed: Feed,
        times: TimeRange,
        criteria: EntryCriteria = SHOWN_ENTRIES,
        *,
        limit: int | None = None,
        newest_first: bool = False,
        ordered: bool = True,
    ) -> list[Entry]:
        with self._view() as view:
            return view.publish(
                view.read.entries(
                    feed,
                    times,
                    criteria,
                    limit=limit,
                    newest_first=newest_first,
                    ordered=ordered,
                ),
                feed,
            )

    def first_entries(
        self, feed: Feed, ranges: Iterable[TimeRange], criteria: EntryCriteria, limit: int
    ) -> list[Entry]:
        with self._view() as view:
            return view.publish(view.read.first_entries(feed, ranges, criteria, limit), feed)

    def entries_between(
        self,
        property_ids: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        everything: bool = False,
    ) -> list[Entry]:
        with self._view() as view:
            return view.publish(
                view.read.entries_between(property_ids, since, until, everything=everything)
            )

    def history(
        self,
        since: datetime,
        until: datetime,
        property_ids: Collection[str] = (),
        facility_ids: Collection[str] = (),
        *,
        everything: bool = False,
    ) -> Generator[list[Entry]]:
        raise NotImplementedError("the history is not public")

    def particulars(
        self, keys: Iterable[EventKey]
    ) -> dict[EventKey, tuple[StaffDetails, datetime]]:
        raise NotImplementedError("staff details are not public")

    def text_ids(self, property_id: str, texts: TextCriteria) -> tuple[tuple[int, ...], int]:
        with self._view() as view:
            return view.text_ids(property_id, texts)

    @property
    def finds_texts_exactly(self) -> bool:
        """Whether every entry that has one of the `text_ids` matches."""
        return not self.policy.needs_categories

    # numbers and moments

    def count(self, feed: Feed, times: TimeRange, criteria: EntryCriteria = SHOWN_ENTRIES) -> int:
        with self._view() as view:
            return view.read.count(feed, times, criteria)

    def count_by_span(
        self, feed: Feed, times: TimeRange, criteria: EntryCriteria = SHOWN_ENTRIES
    ) -> list[SpanCount]:
        with self._view() as view:
            return view.read.count_by_span(feed, times, criteria)

    def first_start(
        self, feed: Feed, starts_from: datetime, criteria: EntryCriteria = SHOWN_ENTRIES
    ) -> datetime | None:
        with self._view() as view:
            return view.read.first_start(feed, starts_from, criteria)

    def latest_start(
        self, feed: Feed, ended_by: datetime, criteria: EntryCriteria = SHOWN_ENTRIES
    ) -> datetime | None:
        with self._view() as view:
            return view.read.latest_start(feed, ended_by, criteria)

    def latest_end(
        self, feed: Feed, ended_by: datetime, criteria: EntryCriteria = SHOWN_ENTRIES
    ) -> datetime | None:
        with self._view() as view:
            return view.read.latest_end(feed, ended_by, criteria)

    def counts(self, since: datetime, until: datetime) -> dict[str, int]:
        with self._view() as view:
            return view.read.counts(since, until)

    def booked_spans(self, since: datetime, until: datetime) -> dict[str, list[BookedSpan]]:
        with self._view() as view:
            return view.read.booked_spans(since, until)

    # names

    def match_names(
        self,
        property_ids: Collection[str],
        terms: Collection[str] = (),
        names: Collection[str] = (),
    ) -> list[NameMatch]:
        with self._view() as view:
            return view.match_names(property_ids, terms, names)

    def coming_names(self, name_ids: Collection[int], now: datetime) -> dict[int, BookedName]:
        with self._view() as view:
            return view.coming_names(name_ids, now)

    def names_in_facility(self, facility_id: str, now: datetime) -> dict[int, BookedName]:
        with self._view() as view:
            return view.names_in_facility(facility_id, now)

    # places

    def fetched(self, property_ids: Collection[str]) -> dict[str, datetime | None]:
        with self._view() as view:
            return view.read.fetched([key for key in property_ids if not view.hides(key)])

    def properties(self, api_user_id: str | None = None) -> list[Property]:
        with self._view() as view:
            return view.properties(view.read.properties(api_user_id))

    def property(self, property_id: str) -> Property | None:
        with self._view() as view:
            return next(iter(view.properties([view.read.property(property_id)])), None)

    def property_names(self, property_ids: Iterable[str]) -> dict[str, str]:
        with self._view() as view:
            return view.read.property_names([key for key in property_ids if not view.hides(key)])

    def facilities(self, property_ids: Sequence[str] | None = None) -> list[Facility]:
        with self._view() as view:
            return view.facilities(view.read.facilities(property_ids))

    def facility(self, facility_id: str) -> Facility | None:
        with self._view() as view:
            return next(iter(view.facilities([view.read.facility(facility_id)])), None)

    def health(self, now: datetime, *, losses: bool = True) -> Health:
        with self._view() as view:
            return view.health(view.read.health(now, losses=losses))
