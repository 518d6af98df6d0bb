"""What the sync reads before it decides. Work is bounded by the span and the keys given."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_, select

from icalbridge.models import CLOCK_TOLERANCE, EventKey
from icalbridge.store.engine import reading
from icalbridge.store.rows import ENTRY_COLUMNS, entry_of, facility_of, property_of
from icalbridge.store.statements import in_parts, of_events
from icalbridge.store.tables import api_users, entries, events, facilities, properties

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from icalbridge.models import Entry, Facility, Property

DIGEST_MARGIN = timedelta(days=2)


class SyncReads:
    """Stored catalog, events and entries, as the sync compares them with responses."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def catalog(self, api_user_id: str) -> tuple[dict[str, Property], dict[str, Facility]]:
        """Return all properties and facilities ever seen by one key, listed or not, by id."""
        mine = properties.c.api_user_id == api_user_id
        with reading(self._engine) as connection:
            known = {
                row.id: property_of(row)
                for row in connection.execute(select(properties).where(mine))
            }
            query = (
                select(facilities)
                .join(properties, properties.c.id == facilities.c.property_id)
                .where(mine)
            )
            return known, {row.id: facility_of(row) for row in connection.execute(query)}

    def all_catalogs(self) -> tuple[dict[str, Property], dict[str, Facility]]:
        """Return all properties and facilities ever seen, by id, whichever key they belong to."""
        with reading(self._engine) as connection:
            known = {row.id: property_of(row) for row in connection.execute(select(properties))}
            return known, {
                row.id: facility_of(row) for row in connection.execute(select(facilities))
            }

    def properties(self, property_ids: Iterable[str]) -> dict[str, Property]:
        """Return some properties by id, listed or not; unknown ones are left out."""
        known: dict[str, Property] = {}
        with reading(self._engine) as connection:
            for ids in in_parts(frozenset(property_ids)):
                rows = connection.execute(select(properties).where(properties.c.id.in_(ids)))
                known |= {row.id: property_of(row) for row in rows}
        return known

    def catalog_version(self, api_user_id: str) -> tuple[datetime | int | None, ...]:
        """Return a value that changes with every fetch of a key's catalog, also one that failed in
        part, and with every zone learned from events.
        """
        mine = and_(properties.c.api_user_id == api_user_id, properties.c.zone_source == "events")
        learned = select(func.count()).select_from(properties).where(mine).scalar_subquery()
        query = select(
            api_users.c.catalogue_synced_at, api_users.c.catalogue_due_at, learned
        ).where(api_users.c.id == api_user_id)
        with reading(self._engine) as connection:
            return tuple(connection.execute(query).one())

    def digests(
        self, property_ids: Sequence[str], since: datetime, until: datetime
    ) -> dict[str, EventKey]:
        """Return digest and key of events with an entry in a span that need not be parsed again.

        The span is widened by `DIGEST_MARGIN`, since the vendor's midnight may be another.
        """
        starts = entries.c.start_at.between(since - DIGEST_MARGIN, until + DIGEST_MARGIN)
        query = (
            select(events.c.digest, events.c.event_type, events.c.event_id)
            .join_from(entries, events)
            .where(entries.c.property_id.in_(property_ids), starts, events.c.digest != "")
            .distinct()
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query)
            return {digest: EventKey(*key) for digest, *key in rows}

    def present(
        self, property_id: str, since: datetime, until: datetime, *, facility_id: str = ""
    ) -> frozenset[EventKey]:
        """Return the events of a property that have an entry, not withdrawn, with since <= start <
        until.

        With `facility_id`, only of that facility.
        """
        return self.present_by_property([property_id], since, until, facility_id=facility_id)[
            property_id
        ]

    def present_by_property(
        self,
        property_ids: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        facility_id: str = "",
    ) -> dict[str, frozenset[EventKey]]:
        """Return the same for each of some properties."""
        starts = and_(entries.c.start_at >= since, entries.c.start_at < until)
        query = (
            select(entries.c.property_id, entries.c.event_type, entries.c.event_id)
            .where(
                entries.c.property_id.in_(property_ids), entries.c.withdrawn_at.is_(None), starts
            )
            .distinct()
        )
        if facility_id:
            query = query.where(entries.c.facility_id == facility_id)
        by_property: dict[str, set[EventKey]] = {id_: set() for id_ in property_ids}
        with reading(self._engine) as connection:
            for property_id, event_type, event_id in connection.execute(query):
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
        """Return how many entries of a property with since <= start < until are neither withdrawn
        nor over.

        With `facility_id`, only of that facility.
        """
        starts = and_(entries.c.start_at >= since, entries.c.start_at < until)
        coming = and_(starts, entries.c.end_at > now, entries.c.withdrawn_at.is_(None))
        query = select(func.count()).where(entries.c.property_id == property_id, coming)
        if facility_id:
            query = query.where(entries.c.facility_id == facility_id)
        with reading(self._engine) as connection:
            return connection.scalar(query) or 0

    def unlisted(self) -> frozenset[str]:
        """Return the properties that a catalog had once and that none has any more."""
        with reading(self._engine) as connection:
            return frozenset(
                connection.scalars(select(properties.c.id).where(~properties.c.listed))
            )

    def upcoming(self, property_ids: Iterable[str], now: datetime) -> list[Entry]:
        """Return the entries of some properties that are neither withdrawn nor over."""
        rows: list[Entry] = []
        coming = and_(entries.c.end_at > now, entries.c.withdrawn_at.is_(None))
        with reading(self._engine) as connection:
            for ids in in_parts(frozenset(property_ids)):
                query = select(*ENTRY_COLUMNS).where(entries.c.property_id.in_(ids), coming)
                rows += [entry_of(row) for row in connection.execute(query.order_by(entries.c.uid))]
        return rows

    def known(self, keys: Iterable[EventKey]) -> dict[EventKey, list[Entry]]:
        """Return every entry, withdrawn or not, of some events."""
        unique = frozenset(keys)
        by_event: dict[EventKey, list[Entry]] = {key: [] for key in unique}
        with reading(self._engine) as connection:
            for part in in_parts(unique):
                named = of_events(entries, part)
                for row in connection.execute(
                    select(*ENTRY_COLUMNS).where(named).order_by(entries.c.uid)
                ):
                    entry = entry_of(row)
                    by_event[entry.key].append(entry)
        return by_event

    def changed_since(
        self, keys: Iterable[EventKey], moment: datetime, *, now: datetime
    ) -> frozenset[EventKey]:
        """Return those of some events of which something was changed after a moment, and not in the
        future.
        """
        changed: set[EventKey] = set()
        with reading(self._engine) as connection:
            for part in in_parts(frozenset(keys)):
                named = of_events(events, part)
                later = select(events.c.event_type, events.c.event_id).where(
                    named,
                    events.c.changed_at > moment,
                    events.c.changed_at <= now + CLOCK_TOLERANCE,
                )
                changed.update(EventKey(*row) for row in connection.execute(later))
        return frozenset(changed)

    def entries_of(self, property_ids: Sequence[str], facility_ids: Sequence[str]) -> list[Entry]:
        """Return every entry, withdrawn or not, of some properties and of some facilities."""
        of_any = or_(
            entries.c.property_id.in_(property_ids), entries.c.facility_id.in_(facility_ids)
        )
        with reading(self._engine) as connection:
            query = select(*ENTRY_COLUMNS).where(of_any).order_by(entries.c.uid)
            return [entry_of(row) for row in connection.execute(query)]

    def facilities_in_use(self, property_id: str, since: datetime, until: datetime) -> set[str]:
        """Return the facilities, listed or not, that a property's entries name, not withdrawn, in a
        span.
        """
        starts = and_(entries.c.start_at >= since, entries.c.start_at < until)
        mine = and_(
            entries.c.property_id == property_id,
            entries.c.withdrawn_at.is_(None),
            entries.c.facility_id != "",
        )
        with reading(self._engine) as connection:
            return set(
                connection.scalars(select(entries.c.facility_id).where(mine, starts).distinct())
            )
