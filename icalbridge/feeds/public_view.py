"""One reading of the store as the public may see it: one policy, one snapshot."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy import and_

from icalbridge.feeds.saved_feed import Action
from icalbridge.models import ReservedEntry
from icalbridge.store.booked_names import BookedName, NameMatch
from icalbridge.store.entries import ALL_ENTRIES, SHOWN_ENTRIES, TimeRange, member_ids
from icalbridge.store.reading import Reading
from icalbridge.store.rows import name_id
from icalbridge.store.visibility import (
    count_decided,
    match_texts,
    names_by_rule,
    read_texts,
    read_texts_of,
)
from icalbridge.text import name_key
from icalbridge.words import has_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from icalbridge.feeds.policy import Policy
    from icalbridge.feeds.public_index import PublicIndex
    from icalbridge.models import Entry, Facility, Feed, FeedState, Property
    from icalbridge.store.entries import EntryCriteria
    from icalbridge.store.health import Health
    from icalbridge.store.texts import TextCriteria
    from icalbridge.store.visibility import TextRow

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
SHOWN_TITLES = 100
"""So many entries of an event are looked at for its public name."""
OF_EVENT = ("event", "booking")
"""Kinds of feeds that say of which event their entries are."""
REDACTED = "A request failed."


class PublicView(Reading):
    """What a policy leaves of one snapshot of the store.

    Hidden entries are left out by conditions in SQL, so that counts, free times and limits are
    right; the entries that are returned are checked once more, and lose the texts that are not
    public.
    """

    def __init__(self, connection: Connection, policy: Policy, index: PublicIndex) -> None:
        super().__init__(connection, index.visible, is_snapshot=True)
        self._connection = connection
        self._policy = policy
        self._index = index

    def history(self, *_arguments: Any, **_options: Any) -> NoReturn:
        raise NotImplementedError("The history of entries is not public.")

    def particulars(self, *_arguments: Any, **_options: Any) -> NoReturn:
        raise NotImplementedError("The particulars of events are not public.")

    # entries

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
        read = super().entries(
            feed, times, criteria, limit=limit, newest_first=newest_first, ordered=ordered
        )
        return self._publish(read, feed)

    def first_entries(
        self,
        feed: Feed,
        ranges: Iterable[TimeRange],
        criteria: EntryCriteria,
        limit: int,
        uids: Collection[str] = (),
    ) -> list[Entry]:
        return self._publish(super().first_entries(feed, ranges, criteria, limit, uids), feed)

    def entries_between(
        self,
        property_ids: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        everything: bool = False,
    ) -> list[Entry]:
        read = super().entries_between(property_ids, since, until, everything=everything)
        return self._publish(read)

    def _publish(self, entries: Sequence[Entry], feed: Feed | None = None) -> list[Entry]:
        """Return entries as the public may see them; of an event's own feed nothing that is
        reserved, or the feed would say whose the times are.
        """
        policy = self._policy
        if not policy.limits_bookings:
            return list(entries)
        keys = {entry.key for entry in entries} if policy.needs_categories else ()
        categories = self.categories(keys) if keys else {}
        published = (
            policy.publish(entry, categories[entry.key][0] if entry.key in categories else "")
            for entry in entries
        )
        known = [entry for entry in published if entry is not None]
        if feed is None or feed.kind not in OF_EVENT:
            return known
        return [entry for entry in known if not isinstance(entry, ReservedEntry)]

    def feed_state(self, feed: Feed) -> FeedState | None:
        """Return the state of a feed; None where the public may not know of it."""
        policy, hidden = self._policy, self._index.hidden
        if feed.kind in ("facility", "property") and self._hides(feed.id):
            return None
        state = super().feed_state(feed)
        if state is None:
            return None
        if feed.kind in OF_EVENT:
            title = self._event_title(feed, state.title)
            if title is None:
                return None
            state = replace(state, title=title)
        return replace(
            state,
            property_id="" if state.property_id in hidden.properties else state.property_id,
            changed=max(filter(None, (state.changed, policy.changed))),
            policy=policy.digest,
        )

    def _event_title(self, feed: Feed, title: str) -> str | None:
        """Return the title of an event or booking; None where all of it is hidden."""
        times = TimeRange(BEGINNING)
        known = super().entries(feed, times, ALL_ENTRIES, limit=SHOWN_TITLES)
        if not known:
            hidden = Reading(self._connection).entries(feed, times, ALL_ENTRIES, limit=1)
            return None if hidden else title
        if not self._policy.limits_bookings:
            return title
        public = self._publish(known, feed)
        ever_shown = (entry for entry in public if entry.shown or entry.cancelled)
        named = next((entry.name for entry in ever_shown if entry.name), "Reserved")
        return named if public else None

    def text_ids(self, property_id: str, texts: TextCriteria) -> tuple[tuple[int, ...], int]:
        """Return the keys of texts whose public form may match; see `Reading.text_ids`."""
        ids, total = super().text_ids(property_id, texts)
        if not self._policy.rewrites:
            return ids, total
        included = self._included_texts
        result = {key for key in ids if key in included}
        members = member_ids(self._connection, [property_id])
        for row in read_texts_of(self._connection, members):
            if row.id not in result and self._may_match(row, texts):
                result.add(row.id)
        return tuple(result), total

    @property
    def finds_texts_exactly(self) -> bool:
        return not self._policy.needs_categories

    def _may_match(self, row: TextRow, criteria: TextCriteria) -> bool:
        """Return whether a text matches in a form that a rule gives it."""
        rules, otherwise = self._index.rules, (len(self._index.rules) - 1,)
        candidates = (rules[number] for number in self._index.known.get(row.id, otherwise))
        return any(
            criteria.matches_texts(published)
            for rule in candidates
            if rule.action in (Action.RENAME, Action.RESERVE)
            and (published := self._policy.publish_texts(row.texts, rule))
        )

    # places

    def _hides(self, place_id: str) -> bool:
        hidden = self._index.hidden
        return place_id in hidden.properties or place_id in hidden.facilities

    def _shown(self, place_ids: Iterable[str]) -> list[str]:
        return [place_id for place_id in place_ids if not self._hides(place_id)]

    def fetched(self, property_ids: Collection[str]) -> dict[str, datetime | None]:
        return super().fetched(self._shown(property_ids))

    def fetched_ahead(self, property_ids: Collection[str], days: int) -> set[str]:
        return super().fetched_ahead(self._shown(property_ids), days)

    def property_names(self, property_ids: Iterable[str]) -> dict[str, str]:
        return super().property_names(self._shown(property_ids))

    def properties(self, api_user_id: str | None = None) -> list[Property]:
        return self._public_properties(super().properties(api_user_id))

    def property(self, property_id: str) -> Property | None:
        known = super().property(property_id)
        return next(iter(self._public_properties([known] if known else [])), None)

    def _public_properties(self, known: Iterable[Property]) -> list[Property]:
        """Return the properties that are not hidden, without the children that are."""
        hidden = self._index.hidden.properties
        return [
            replace(place, child_ids=tuple(key for key in place.child_ids if key not in hidden))
            for place in known
            if place.id not in hidden
        ]

    def facilities(self, property_ids: Sequence[str] | None = None) -> list[Facility]:
        hidden = self._index.hidden.facilities
        return [place for place in super().facilities(property_ids) if place.id not in hidden]

    def facility(self, facility_id: str) -> Facility | None:
        return (
            None if facility_id in self._index.hidden.facilities else super().facility(facility_id)
        )

    def health(self, now: datetime, *, losses: bool = True) -> Health:
        """Return how the places stand that are not hidden."""
        whole = super().health(now, losses=losses)
        hidden = self._index.hidden.properties
        if self._index.visible is None:
            return whole
        return replace(
            whole,
            catalogue_error=self._redact(whole.catalogue_error),
            entries=None,
            keys=tuple(replace(key, error=self._redact(key.error)) for key in whole.keys),
            properties=tuple(
                replace(place, error=self._redact(place.error))
                for place in whole.properties
                if place.property_id not in hidden
            ),
            left=tuple(place for place in whole.left if place.property_id not in hidden),
            withdrawals=tuple(
                place for place in whole.withdrawals if place.property_id not in hidden
            ),
        )

    def _redact(self, error: str) -> str:
        """Return an error, which may name the address of a request, without hidden ids."""
        hidden = self._index.hidden
        named = any(key in error for key in (*hidden.properties, *hidden.facilities))
        return REDACTED if named else error

    # names

    def match_names(
        self,
        property_ids: Collection[str],
        terms: Collection[str] = (),
        names: Collection[str] = (),
    ) -> list[NameMatch]:
        """Return the public names in some properties; see `Reading.match_names`."""
        if not self._policy.limits_bookings:
            return super().match_names(property_ids, terms, names)
        result: dict[NameMatch, None] = {}
        included = self._included_texts
        for row in match_texts(self._connection, property_ids, terms, names):
            if row.id in included:
                match = NameMatch(row.name_id, row.property_id, row.texts.name, row.texts.activity)
                result[match] = None
        for match in self._renamed(set(property_ids), terms, names):
            result[match] = None
        return list(result)

    @cached_property
    def _included_texts(self) -> frozenset[int]:
        """Keys of the texts that may be shown as they are."""
        rules = self._index.rules
        return frozenset(
            key
            for numbers, keys in self._index.texts.items()
            if any(rules[number].action is Action.INCLUDE for number in numbers)
            for key in keys
        )

    def _renamed(
        self, property_ids: Collection[str], terms: Collection[str], names: Collection[str]
    ) -> Iterator[NameMatch]:
        """Yield the new names of texts about which a rule that renames can decide."""
        for number, rule in self._index.renaming:
            key = name_key(rule.title)
            if names and key not in names:
                continue
            for row in read_texts(self._connection, self._index.texts_with(number)):
                texts = self._policy.publish_texts(row.texts, rule)
                if row.property_id in property_ids and texts and has_words(texts.lines, terms):
                    yield NameMatch(name_id(row.property_id, key), row.property_id, key, "")

    def coming_names(self, name_ids: Collection[int], now: datetime) -> dict[int, BookedName]:
        """Return what is coming by public name; see `Reading.coming_names`."""
        if not self._policy.limits_bookings:
            return super().coming_names(name_ids, now)
        index = self._index
        as_it_is = and_(index.seen, index.decided_by(Action.INCLUDE))
        coming = Reading(self._connection, as_it_is).coming_names(name_ids, now)
        for number, rule in index.renaming:
            key = name_key(rule.title)
            ids = {place_id: name_id(place_id, key) for place_id in index.property_ids}
            places = [place_id for place_id, own in ids.items() if own in name_ids]
            counts = count_decided(
                self._connection,
                places,
                index.texts_with(number),
                now,
                and_(index.seen, index.rule == number),
            )
            for place_id, (start, count) in counts.items():
                _add(coming, ids[place_id], BookedName(rule.title, start, count))
        return coming

    def names_in_facility(self, facility_id: str, now: datetime) -> dict[int, BookedName]:
        """Return what is coming in a facility by public name."""
        if self._hides(facility_id):
            return {}
        if not self._policy.limits_bookings:
            return super().names_in_facility(facility_id, now)
        index, result = self._index, dict[int, BookedName]()
        rows = names_by_rule(self._connection, facility_id, now, index.seen, index.rule)
        for number, own_id, name in rows:
            rule = index.rules[number]
            if rule.action is Action.RENAME:
                _add(result, name_id("", name_key(rule.title)), replace(name, name=rule.title))
            elif rule.action is Action.INCLUDE and name.name:
                _add(result, own_id, name)
        return result


def _add(names: dict[int, BookedName], key: int, name: BookedName) -> None:
    """Add what is coming of a name to what there is already."""
    known = names.get(key)
    if known is not None:
        start, count = min(known.start, name.start), known.count + name.count
        name = BookedName(known.name, start, count, is_capped=known.is_capped or name.is_capped)
    names[key] = name
