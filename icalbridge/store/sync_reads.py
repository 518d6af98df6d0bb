"""What the sync reads before it decides. Work is bounded by the span and the keys given."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import and_, func, or_, select

from icalbridge.models import CLOCK_TOLERANCE, EventKey
from icalbridge.store.engine import Repository, reading
from icalbridge.store.rows import ENTRY_COLUMNS, entry_of, facility_of, property_of
from icalbridge.store.statements import in_parts, of_events
from icalbridge.store.tables import (
    LONG,
    api_users,
    entries,
    events,
    facilities,
    properties,
    windows,
)
from icalbridge.store.versions import replaced_elsewhere

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from icalbridge.models import Entry, Facility, Property

DIGEST_MARGIN = timedelta(days=2)


class UncoveredEvent(NamedTuple):
    """An event that no window covers."""

    key: EventKey
    property_id: str
    checked: datetime | None
    """When it was last asked for by its id."""


class SyncReads(Repository):
    """Stored catalog, events and entries, as the sync compares them with responses."""

    def catalog(
        self, api_user_id: str | None = None
    ) -> tuple[dict[str, Property], dict[str, Facility]]:
        """Return all properties and facilities ever seen by one key or by any, by id."""
        known = select(properties)
        places = select(facilities).join(properties, properties.c.id == facilities.c.property_id)
        if api_user_id is not None:
            mine = properties.c.api_user_id == api_user_id
            known, places = known.where(mine), places.where(mine)
        with reading(self._opened) as connection:
            return (
                {row.id: property_of(row) for row in connection.execute(known)},
                {row.id: facility_of(row) for row in connection.execute(places)},
            )

    def properties(self, property_ids: Iterable[str]) -> dict[str, Property]:
        """Return some properties by id, listed or not; unknown ones are left out."""
        parts = in_parts(frozenset(property_ids))
        queries = (select(properties).where(properties.c.id.in_(ids)) for ids in parts)
        return {row.id: property_of(row) for row in self._rows(*queries)}

    def catalog_version(self, api_user_id: str) -> tuple[datetime | int | None, ...]:
        """Return a value that changes with every fetch of a catalog and every learned zone."""
        mine = and_(properties.c.api_user_id == api_user_id, properties.c.zone_source == "events")
        learned = select(func.count()).select_from(properties).where(mine).scalar_subquery()
        columns = api_users.c.catalogue_synced_at, api_users.c.catalogue_due_at, learned
        with reading(self._opened) as connection:
            return tuple(
                connection.execute(select(*columns).where(api_users.c.id == api_user_id)).one()
            )

    def digests(
        self, property_ids: Sequence[str], since: datetime, until: datetime
    ) -> dict[str, EventKey]:
        """Return digest and key of events with an entry in a span.

        The span is widened by `DIGEST_MARGIN`, since the vendor's midnight may be another.
        """
        starts = entries.c.start_at.between(since - DIGEST_MARGIN, until + DIGEST_MARGIN)
        query = (
            select(events.c.digest, events.c.event_type, events.c.event_id)
            .join_from(entries, events)
            .where(entries.c.property_id.in_(property_ids), starts, events.c.digest != "")
            .distinct()
        )
        return {digest: EventKey(*key) for digest, *key in self._rows(query)}

    def present(
        self, property_id: str, since: datetime, until: datetime, *, facility_id: str = ""
    ) -> frozenset[EventKey]:
        """Return a property's or facility's events with an entry in a span, see `_starting`."""
        by_property = self.present_by_property([property_id], since, until, facility_id=facility_id)
        return by_property[property_id]

    def present_by_property(
        self,
        property_ids: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        facility_id: str = "",
    ) -> dict[str, frozenset[EventKey]]:
        """Return the same for each of some properties."""
        query = select(entries.c.property_id, entries.c.event_type, entries.c.event_id).distinct()
        query = query.where(
            entries.c.property_id.in_(property_ids), _starting(since, until, facility_id)
        )
        by_property: dict[str, set[EventKey]] = {id_: set() for id_ in property_ids}
        for property_id, event_type, event_id in self._rows(query):
            by_property[property_id].add(EventKey(event_type, event_id))
        return {property_id: frozenset(keys) for property_id, keys in by_property.items()}

    def count_coming(
        self,
        property_id: str,
        since: datetime,
        until: datetime,
        *,
        now: datetime,
        facility_id: str = "",
    ) -> int:
        """Return the number of entries in a span, see `_starting`, that are not over."""
        mine = entries.c.property_id == property_id, entries.c.end_at > now
        query = select(func.count()).where(*mine, _starting(since, until, facility_id))
        return self._value(query) or 0

    def uncovered_events(self, api_user_id: str, now: datetime) -> list[UncoveredEvent]:
        """Return a key's events with an entry that is not over and that no window covers.

        It is longer than a day and has begun, or is in a facility that is not listed, of a property
        that is fetched facility by facility.
        """
        mine = select(properties.c.id).where(
            properties.c.api_user_id == api_user_id, properties.c.listed
        )
        on = (
            entries.c.property_id.in_(mine),  # no join, or SQLite begins with all events
            entries.c.end_at > now,
            entries.c.withdrawn_at.is_(None),
        )
        running = and_(LONG, entries.c.start_at <= now)
        by_facility = select(windows.c.property_id).where(windows.c.reach_days == 0)
        listed = select(facilities.c.id).where(facilities.c.listed)
        virtual = and_(entries.c.property_id.in_(by_facility), entries.c.facility_id.not_in(listed))
        query = (
            select(
                events.c.event_type, events.c.event_id, events.c.property_id, events.c.checked_at
            )
            .join_from(entries, events)
            .where(*on)
            .distinct()
        )
        rows = self._rows(query.where(running), query.where(virtual))
        return sorted(
            {UncoveredEvent(EventKey(*row[:2]), row[2], row[3]) for row in rows}, key=_key
        )

    def replaced_elsewhere(
        self, digests: Mapping[EventKey, str], source: int | None, now: datetime
    ) -> frozenset[EventKey]:
        """Return the events whose version another window replaced lately, see `store.versions`."""
        with reading(self._opened) as connection:
            return replaced_elsewhere(connection, digests, source, now)

    def facilities_in_use(self, property_id: str, since: datetime, until: datetime) -> set[str]:
        """Return the facilities, listed or not, with an entry in a span, see `_starting`."""
        mine = entries.c.property_id == property_id, entries.c.facility_id != ""
        query = select(entries.c.facility_id).where(*mine, _starting(since, until)).distinct()
        return {row.facility_id for row in self._rows(query)}

    def unlisted(self) -> frozenset[str]:
        """Return the properties that a catalog had once and that none has any more."""
        rows = self._rows(select(properties.c.id).where(~properties.c.listed))
        return frozenset(row.id for row in rows)

    def upcoming(self, property_ids: Iterable[str], now: datetime) -> list[Entry]:
        """Return the entries of some properties that are neither withdrawn nor over."""
        coming = and_(entries.c.end_at > now, entries.c.withdrawn_at.is_(None))
        parts = in_parts(frozenset(property_ids))
        return self._entries(*(and_(entries.c.property_id.in_(ids), coming) for ids in parts))

    def known(self, keys: Iterable[EventKey]) -> dict[EventKey, list[Entry]]:
        """Return every entry, withdrawn or not, of some events."""
        unique = frozenset(keys)
        by_event: dict[EventKey, list[Entry]] = {key: [] for key in unique}
        for entry in self._entries(*(of_events(entries, part) for part in in_parts(unique))):
            by_event[entry.key].append(entry)
        return by_event

    def entries_of(self, property_ids: Sequence[str], facility_ids: Sequence[str]) -> list[Entry]:
        """Return every entry, withdrawn or not, of some properties and of some facilities."""
        facility = entries.c.facility_id.in_(facility_ids)
        return self._entries(or_(entries.c.property_id.in_(property_ids), facility))

    def _entries(self, *conditions: ColumnElement[bool]) -> list[Entry]:
        """Return the entries of some conditions, those of each by UID."""
        query = select(*ENTRY_COLUMNS).order_by(entries.c.uid)
        return [entry_of(row) for row in self._rows(*map(query.where, conditions))]

    def changed_since(
        self, keys: Iterable[EventKey], moment: datetime, *, now: datetime
    ) -> frozenset[EventKey]:
        """Return those of some events that changed after a time, and not in the future."""
        later = events.c.changed_at > moment, events.c.changed_at <= now + CLOCK_TOLERANCE
        query = select(events.c.event_type, events.c.event_id).where(*later)
        parts = in_parts(frozenset(keys))
        rows = self._rows(*(query.where(of_events(events, part)) for part in parts))
        return frozenset(EventKey(*row) for row in rows)


def _key(event: UncoveredEvent) -> EventKey:
    return event.key


def _starting(since: datetime, until: datetime, facility_id: str = "") -> ColumnElement[bool]:
    """Condition of entries, not withdrawn, with since <= start < until; of a facility, if given."""
    conditions = [entries.c.start_at >= since, entries.c.start_at < until]
    if facility_id:
        conditions.append(entries.c.facility_id == facility_id)
    return and_(*conditions, entries.c.withdrawn_at.is_(None))
