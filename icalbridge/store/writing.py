"""What the sync reads back before it decides, and the catalogue that it writes in one transaction.

A window's changes are written by `windows`, since they settle the window's lease in the same
transaction.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_, select, update

from icalbridge.models import CLOCK_TOLERANCE, EventKey
from icalbridge.store.changes import (
    Revision,
    delete_old,
    in_parts,
    insert_missing,
    of_events,
    raise_counter,
    write_catalogue,
    write_changes,
    write_zones,
)
from icalbridge.store.engine import reading, writing
from icalbridge.store.rows import (
    ENTRY_COLUMNS,
    entry_of,
    facility_of,
    facility_values,
    property_of,
    property_values,
    seconds,
)
from icalbridge.store.tables import api_users, entries, events, facilities, properties

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from icalbridge.models import Changes, Entry, Facility, Property


IN_USE_SECONDS = 2 * 86_400
"""A key whose catalogue was not read for so long is not in use; it is read daily."""

DIGEST_MARGIN = timedelta(days=2)


class Writing:
    """Everything that the sync reads back and writes of one database."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    # what reconciling needs to know

    def catalogue(self, api_user_id: str) -> tuple[dict[str, Property], dict[str, Facility]]:
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

    def places(self) -> tuple[dict[str, Property], dict[str, Facility]]:
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
            for some in in_parts(frozenset(property_ids)):
                rows = connection.execute(select(properties).where(properties.c.id.in_(some)))
                known |= {row.id: property_of(row) for row in rows}
        return known

    def catalogue_version(self, api_user_id: str) -> tuple[int | None, ...]:
        """Return what tells one fetch of a key's catalogue from the next: while it stays, so does
        what `catalogue` returns. A fetch that failed in part has written the other part, so success
        alone is not enough to go by; and zones are learned from events in between.
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
        starts = entries.c.start_at.between(
            seconds(since - DIGEST_MARGIN), seconds(until + DIGEST_MARGIN)
        )
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
        return self.present_each([property_id], since, until, facility_id=facility_id)[property_id]

    def present_each(
        self,
        property_ids: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        facility_id: str = "",
    ) -> dict[str, frozenset[EventKey]]:
        """Return the same for each of some properties."""
        starts = and_(entries.c.start_at >= seconds(since), entries.c.start_at < seconds(until))
        query = (
            select(entries.c.property_id, entries.c.event_type, entries.c.event_id)
            .where(
                entries.c.property_id.in_(property_ids), entries.c.withdrawn_at.is_(None), starts
            )
            .distinct()
        )
        if facility_id:
            query = query.where(entries.c.facility_id == facility_id)
        found: dict[str, set[EventKey]] = {each: set() for each in property_ids}
        with reading(self._engine) as connection:
            for property_id, event_type, event_id in connection.execute(query):
                found[property_id].add(EventKey(event_type, event_id))
        return {property_id: frozenset(keys) for property_id, keys in found.items()}

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
        starts = and_(entries.c.start_at >= seconds(since), entries.c.start_at < seconds(until))
        coming = and_(starts, entries.c.end_at > seconds(now), entries.c.withdrawn_at.is_(None))
        query = select(func.count()).where(entries.c.property_id == property_id, coming)
        if facility_id:
            query = query.where(entries.c.facility_id == facility_id)
        with reading(self._engine) as connection:
            return connection.scalar(query) or 0

    def unlisted(self) -> frozenset[str]:
        """Return the properties that a catalogue had once and that none has any more."""
        with reading(self._engine) as connection:
            return frozenset(
                connection.scalars(select(properties.c.id).where(~properties.c.listed))
            )

    def upcoming(self, property_ids: Iterable[str], now: datetime) -> list[Entry]:
        """Return the entries of some properties that are neither withdrawn nor over."""
        found: list[Entry] = []
        coming = and_(entries.c.end_at > seconds(now), entries.c.withdrawn_at.is_(None))
        with reading(self._engine) as connection:
            for some in in_parts(frozenset(property_ids)):
                query = select(*ENTRY_COLUMNS).where(entries.c.property_id.in_(some), coming)
                found += [
                    entry_of(row) for row in connection.execute(query.order_by(entries.c.uid))
                ]
        return found

    def known(self, keys: Iterable[EventKey]) -> dict[EventKey, list[Entry]]:
        """Return every entry, withdrawn or not, of some events."""
        wanted = frozenset(keys)
        found: dict[EventKey, list[Entry]] = {key: [] for key in wanted}
        with reading(self._engine) as connection:
            for some in in_parts(wanted):
                named = of_events(entries, some)
                for row in connection.execute(
                    select(*ENTRY_COLUMNS).where(named).order_by(entries.c.uid)
                ):
                    entry = entry_of(row)
                    found[entry.key].append(entry)
        return found

    def changed_since(
        self, keys: Iterable[EventKey], moment: datetime, *, now: datetime
    ) -> frozenset[EventKey]:
        """Return those of some events of which something was changed after a moment, and not in the
        future.
        """
        found: set[EventKey] = set()
        with reading(self._engine) as connection:
            for some in in_parts(frozenset(keys)):
                named = of_events(events, some)
                later = select(events.c.event_type, events.c.event_id).where(
                    named,
                    events.c.changed_at > seconds(moment),
                    events.c.changed_at <= seconds(now + CLOCK_TOLERANCE),
                )
                found.update(EventKey(*row) for row in connection.execute(later))
        return frozenset(found)

    def entries_of(self, property_ids: Sequence[str], facility_ids: Sequence[str]) -> list[Entry]:
        """Return every entry, withdrawn or not, of some properties and of some facilities."""
        of_any = or_(
            entries.c.property_id.in_(property_ids), entries.c.facility_id.in_(facility_ids)
        )
        with reading(self._engine) as connection:
            query = select(*ENTRY_COLUMNS).where(of_any).order_by(entries.c.uid)
            return [entry_of(row) for row in connection.execute(query)]

    # what was found out

    def add_api_user(self, api_user_id: str) -> None:
        """Make sure that a key has its row, which keeps its quota and when its catalogue was
        read.
        """
        with writing(self._engine) as connection:
            insert_missing(connection, api_users, [{"id": api_user_id}])

    def apply_catalogue(
        self,
        api_user_id: str,
        listed: Sequence[Property],
        facilities_of: Mapping[str, Sequence[Facility]],
        changes: Changes,
        *,
        now: datetime,
    ) -> None:
        """Write a whole catalogue: what is no longer listed stays, unlisted, and so do its feeds.

        `facilities_of` holds the properties whose facilities were answered; those of others stay as
        they are. A property that several keys see belongs to the one that listed it first, for as
        long as that one lists it.
        """
        with writing(self._engine) as connection:
            revision = Revision(connection, now)
            mine = properties.c.api_user_id == api_user_id
            taken = _listed_by_others(connection, api_user_id, now)
            rows = {
                each.id: property_values(each) | {"api_user_id": api_user_id}
                for each in listed
                if each.id not in taken
            }
            renamed = write_catalogue(connection, properties, rows, mine, revision)
            renamed += _mark_unlisted(connection, api_user_id, revision)
            for property_id, some in facilities_of.items():
                if property_id in taken:
                    continue
                rows = {each.id: facility_values(each) for each in some}
                write_catalogue(
                    connection, facilities, rows, facilities.c.property_id == property_id, revision
                )
            if (
                renamed
            ):  # a facility's feed bears its property's name and zone, and whether that is listed
                here = facilities.c.property_id.in_(renamed)
                connection.execute(update(facilities).where(here).values(**revision.values))
            write_changes(connection, changes, revision)

    def learn_zones(self, zones: Mapping[str, str], changes: Changes, *, now: datetime) -> None:
        """Write the zones that the events of some properties name, and `changes`, what that moves;
        all or nothing.

        Events of theirs that were read in another zone are read again when an answer next has them.
        """
        with writing(self._engine) as connection:
            revision = Revision(connection, now)
            write_zones(connection, zones, revision)
            write_changes(connection, changes, revision)

    def apply(self, changes: Changes, *, now: datetime) -> None:
        """Write what was found out apart from any window; all of it or nothing."""
        with writing(self._engine) as connection:
            write_changes(connection, changes, Revision(connection, now))

    def count(self, counted: Mapping[str, int]) -> None:
        """Add to counters, such as `skipped:REASON`, `requests:OUTCOME` and `changes`."""
        with writing(self._engine) as connection:
            for name, by in sorted(counted.items()):
                raise_counter(connection, name, by)

    def facilities_in_use(self, property_id: str, since: datetime, until: datetime) -> set[str]:
        """Return the facilities, listed or not, that a property's entries name, not withdrawn, in a
        span.
        """
        starts = and_(entries.c.start_at >= seconds(since), entries.c.start_at < seconds(until))
        mine = and_(
            entries.c.property_id == property_id,
            entries.c.withdrawn_at.is_(None),
            entries.c.facility_id != "",
        )
        with reading(self._engine) as connection:
            return set(
                connection.scalars(select(entries.c.facility_id).where(mine, starts).distinct())
            )

    def forget(self, ended_before: datetime, *, now: datetime) -> int:
        """Delete what ended before a moment, and events of which nothing is left; return how many
        entries.
        """
        with writing(self._engine) as connection:
            return delete_old(connection, seconds(ended_before), Revision(connection, now))

    def note_read(self, property_ids: Iterable[str], *, now: datetime) -> None:
        """Note that somebody reads these properties."""
        with writing(self._engine) as connection:
            for some in in_parts(property_ids):
                connection.execute(
                    update(properties).where(properties.c.id.in_(some)).values(read_at=seconds(now))
                )


def _mark_unlisted(connection: Connection, api_user_id: str, revision: Revision) -> list[str]:
    """Note since when properties of a key are no longer listed; return the ids of those that left
    just now.

    What left may belong to another key, so the others' catalogues are read again.
    """
    back = properties.c.listed & properties.c.unlisted_at.is_not(None)
    if returned := list(connection.scalars(select(properties.c.id).where(back))):
        connection.execute(
            update(properties).where(properties.c.id.in_(returned)).values(unlisted_at=None)
        )
    mine = properties.c.api_user_id == api_user_id
    left = select(properties.c.id).where(
        mine, ~properties.c.listed, properties.c.unlisted_at.is_(None)
    )
    gone = list(connection.scalars(left))
    if gone:
        connection.execute(
            update(properties).where(properties.c.id.in_(gone)).values(unlisted_at=revision.moment)
        )
        others = api_users.c.id != api_user_id
        connection.execute(update(api_users).where(others).values(catalogue_due_at=revision.moment))
    return gone


def _listed_by_others(connection: Connection, api_user_id: str, now: datetime) -> set[str]:
    """Return what belongs to other keys that are in use; one that lists nothing any more holds
    nothing.
    """
    in_use = api_users.c.catalogue_synced_at > seconds(now) - IN_USE_SECONDS
    query = (
        select(properties.c.id)
        .join(api_users, api_users.c.id == properties.c.api_user_id)
        .where(properties.c.api_user_id != api_user_id, properties.c.listed, in_use)
    )
    return set(connection.scalars(query))
