"""API keys: the lease and due time of the catalog, the quota used, and what keeps a key from being
served.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, or_, select, update

from icalbridge.models import CLOCK_TOLERANCE
from icalbridge.store.engine import Repository, writing
from icalbridge.store.leases import (
    CATALOG_SECONDS,
    FREE,
    PARTLY_SECONDS,
    is_free,
    lease_values,
    unless_future,
)
from icalbridge.store.tables import api_users, properties

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from sqlalchemy import ColumnElement


class ApiKeys(Repository):
    """Sync state of whole keys in one database."""

    def catalog_leased_by(self, api_user_id: str) -> str:
        """Return the worker that fetches the catalog of a key; empty when none does."""
        query = select(api_users.c.leased_by).where(api_users.c.id == api_user_id)
        return self._value(query) or ""

    def claim_catalog(
        self, api_user_id: str, worker_id: str, *, now: datetime, at_once: bool = False
    ) -> bool:
        """Lease the catalog of a key when it is due, or at once; return whether it is ours now.

        It is also due when it was last fetched in the future, or is due later than ever set.
        """
        due_at, latest = api_users.c.catalogue_due_at, now + CLOCK_TOLERANCE
        due = or_(
            due_at.is_(None),
            due_at <= now,
            due_at > latest + timedelta(seconds=CATALOG_SECONDS),
            and_(
                api_users.c.catalogue_error != "",
                due_at > latest + timedelta(seconds=PARTLY_SECONDS),
            ),
            api_users.c.catalogue_synced_at > latest,
        )
        ours = (
            api_users.c.leased_by == worker_id
        )  # a try of our own that broke off keeps us waiting for nobody
        claimable = and_(api_users.c.id == api_user_id, or_(is_free(api_users.c, now), ours))
        claim = update(api_users).where(claimable if at_once else and_(claimable, due))
        return bool(self._write(claim.values(**lease_values(worker_id, now))))

    def finish_catalog(
        self,
        api_user_id: str,
        *,
        now: datetime,
        due: datetime,
        error: str = "",
        invocation_id: str = "",
    ) -> None:
        """Note how the catalog's fetch ended, and when to ask again."""
        values = {
            **FREE,
            "catalogue_due_at": due,
            "catalogue_error": error,
            "catalogue_invocation_id": invocation_id,
            "error_at": unless_future(api_users.c.error_at, now),
        }
        if not error:
            values["catalogue_synced_at"] = now
        with writing(self._opened) as connection:
            connection.execute(
                update(api_users).where(api_users.c.id == api_user_id).values(**values)
            )
            read_later = and_(
                properties.c.api_user_id == api_user_id,
                properties.c.read_at > now + CLOCK_TOLERANCE,
            )
            if connection.execute(select(properties.c.id).where(read_later).limit(1)).first():
                connection.execute(update(properties).where(read_later).values(read_at=now))

    def update_allowance(
        self,
        api_user_id: str,
        book: Callable[[date | None, int, float, float], tuple[date | None, int, float, float]],
    ) -> float:
        """Book one request on a key's allowance by a pure function, while nobody else books.

        The function gets day, used, next_at and pause_end. It returns the first three; its
        fourth value is returned.
        """
        mine = api_users.c.id == api_user_id
        names = ("quota_day", "quota_used", "next_at", "pause_end")
        columns = [api_users.c[name] for name in names]
        with writing(self._opened) as connection:
            day, used, next_at, paused_until = connection.execute(
                select(*columns).where(mine).with_for_update()
            ).one()
            new_day, new_used, new_next_at, result = book(day, used, next_at, paused_until)
            if (new_day, new_used, new_next_at) != (day, used, next_at):
                values = {"quota_day": new_day, "quota_used": new_used, "next_at": new_next_at}
                connection.execute(update(api_users).where(mine).values(**values))
            return result

    def pause(self, api_user_id: str, until: float) -> None:
        """Let no worker of a key send anything before a time, in seconds since 1970."""
        mine = api_users.c.id == api_user_id
        self._write(update(api_users).where(mine).values(pause_end=until))

    def paused_until(self, api_user_id: str) -> datetime | None:
        """Return before when the vendor wants no request of a key; None if it never said so."""
        until = self._value(select(api_users.c.pause_end).where(api_users.c.id == api_user_id))
        return datetime.fromtimestamp(until, UTC) if until else None

    def note_answered_day(self, api_user_id: str, offset: int) -> None:
        """Note that a district's day was answered so many days ahead."""
        further = or_(api_users.c.reach_days < offset, api_users.c.reach_refused <= offset)
        refused = case((api_users.c.reach_refused > offset, api_users.c.reach_refused))
        days = case((api_users.c.reach_days > offset, api_users.c.reach_days), else_=offset)
        self._note_user(
            and_(api_users.c.id == api_user_id, further),
            {"reach_days": days, "reach_refused": refused},
        )

    def note_refused_day(self, api_user_id: str, offset: int, *, now: datetime) -> None:
        """Note that a district's day was refused so many days ahead."""
        mine = api_users.c.id == api_user_id
        days = case((api_users.c.reach_days < offset, api_users.c.reach_days), else_=offset - 1)
        values = {"reach_days": days, "reach_refused": offset, "reach_refused_at": now}
        self._write(update(api_users).where(mine).values(**values))

    def note_pace(self, api_user_id: str, stretch: float, quota_per_day: int) -> None:
        """Write the stretch of a key's plan and its granted quota, for status pages and metrics."""
        values = {"stretch": round(stretch, 1), "quota_per_day": quota_per_day}
        other = or_(
            api_users.c.stretch != values["stretch"], api_users.c.quota_per_day != quota_per_day
        )
        self._note_user(and_(api_users.c.id == api_user_id, other), values)

    def splits_nights(self, api_user_id: str) -> bool:
        """Return whether a booking past midnight is made as one a day with a key."""
        query = select(api_users.c.splits_nights).where(api_users.c.id == api_user_id)
        return bool(self._value(query))

    def note_split_nights(self, api_user_id: str) -> None:
        """Note that the vendor takes one booking a day from a key."""
        self._write(
            update(api_users).where(api_users.c.id == api_user_id).values(splits_nights=True)
        )

    def note_trouble(self, api_user_id: str, error: str, *, now: datetime) -> None:
        """Write the reason why a key cannot be served; an empty text when it can."""
        values = {"error": error} | ({"error_at": now} if error else {})
        self._note_user(and_(api_users.c.id == api_user_id, api_users.c.error != error), values)

    def _note_user(self, which: ColumnElement[bool], values: dict[str, Any]) -> None:
        if self._row(select(api_users.c.id).where(which)):  # rarely: no write lock for nothing
            self._write(update(api_users).where(which).values(**values))
