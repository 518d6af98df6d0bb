"""Withdrawals that are not believed yet, of a key's catalog; mass withdrawals that were believed.

Those of a window's response are stored with the window: see `Windows.doubt`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from icalbridge import timezones
from icalbridge.store.engine import Repository
from icalbridge.store.leases import is_window
from icalbridge.store.tables import api_users, properties, windows

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Connection, Row

ONE_GO = timedelta(hours=1)
"""What is withdrawn of several windows of a property within this time counts as one withdrawal."""
SHOWN_DAYS = 30
"""For how many days a withdrawal is worth telling."""


@dataclass(frozen=True, slots=True)
class MassWithdrawal:
    """Withdrawal of most entries of a property in some span; the last one."""

    property_id: str
    name: str
    zone: str
    at: datetime
    """When it was believed."""
    count: int
    """How many entries were withdrawn."""
    known: int
    """How many there were."""
    since: datetime
    """When the first of them was to begin."""
    until: datetime
    """When the last of them was to begin."""

    def __str__(self) -> str:
        """Return one sentence, with days in the property's zone."""
        at, since, until = (_local(time, self.zone) for time in (self.at, self.since, self.until))
        return (
            f"{at:%Y-%m-%d %H:%M}: {self.count} of {self.known} bookings of"
            f" {self.name or self.property_id} were withdrawn by Facilitron between"
            f" {since:%Y-%m-%d} and {until:%Y-%m-%d}"
        )


@dataclass(frozen=True, slots=True)
class LeftProperty:
    """A property that the vendor no longer lists."""

    property_id: str
    name: str
    zone: str
    since: datetime

    def __str__(self) -> str:
        """Return one sentence, with the day in the property's zone."""
        since = _local(self.since, self.zone)
        return (
            f"{self.name or self.property_id}: not updated since {since:%Y-%m-%d},"
            " Facilitron no longer lists this school"
        )


def _local(time: datetime, zone: str) -> datetime:
    return time.astimezone(timezones.zone(timezones.known_or_utc(zone)))


class Doubts(Repository):
    """Doubts and withdrawals in one database."""

    def catalog(self, api_user_id: str) -> tuple[datetime | None, frozenset[str]]:
        """Return what a key's catalog lacks that is not believed to be gone, and since when."""
        query = select(api_users.c.doubted_at, api_users.c.missing)
        row = self._row(query.where(api_users.c.id == api_user_id))
        return (row.doubted_at, row.missing) if row else (None, frozenset())

    def note_catalog(
        self, api_user_id: str, since: datetime | None, missing: Collection[str]
    ) -> None:
        """Write what a key's catalog lacks that is not believed to be gone."""
        noted = update(api_users).where(api_users.c.id == api_user_id)
        self._write(noted.values(doubted_at=since, missing=frozenset(missing)))

    def note_withdrawal(self, withdrawal: MassWithdrawal, number: int) -> None:
        """Note that most of a window of a property was withdrawn."""
        values = {
            "withdrawn_at": withdrawal.at,
            "withdrawn": withdrawal.count,
            "withdrawn_of": withdrawal.known,
            "withdrawn_from": withdrawal.since,
            "withdrawn_until": withdrawal.until,
        }
        window = is_window(withdrawal.property_id, number)
        self._write(update(windows).where(window).values(**values))


def mass_withdrawals(connection: Connection, now: datetime) -> list[MassWithdrawal]:
    """Return the last mass withdrawal of each property that had one lately, the latest first."""
    lately = windows.c.withdrawn_at > now - timedelta(days=SHOWN_DAYS)
    columns = [column for column in windows.c if column.name.startswith("withdrawn")]
    query = select(properties.c.id, properties.c.name, properties.c.zone, *columns).join_from(
        windows, properties
    )
    of_property: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(
        query.where(lately).order_by(windows.c.withdrawn_at.desc(), properties.c.id)
    ):
        of_property.setdefault(row.id, []).append(row)
    return [_withdrawal(rows) for rows in of_property.values()]


def _withdrawal(rows: list[Row[Any]]) -> MassWithdrawal:
    last = rows[0].withdrawn_at
    rows = [row for row in rows if last - row.withdrawn_at <= ONE_GO]
    return MassWithdrawal(
        rows[0].id,
        rows[0].name,
        rows[0].zone,
        last,
        sum(row.withdrawn for row in rows),
        sum(row.withdrawn_of for row in rows),
        min(row.withdrawn_from for row in rows),
        max(row.withdrawn_until for row in rows),
    )


def left_properties(connection: Connection) -> list[LeftProperty]:
    """Return the properties that no catalog lists any more, the latest first."""
    columns = (properties.c.id, properties.c.name, properties.c.zone, properties.c.unlisted_at)
    query = select(*columns).where(~properties.c.listed, properties.c.unlisted_at.is_not(None))
    rows = connection.execute(
        query.order_by(properties.c.unlisted_at.desc(), properties.c.position, properties.c.id)
    )
    return [LeftProperty(row.id, row.name, row.zone, row.unlisted_at) for row in rows]
