"""What a district's day tells of the schools: which of them it covers, and since when.

A district's day that has something of a school is evidence that it covers the school; a school of
which it has nothing although something is known is silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select, update

from icalbridge.store.statements import in_parts
from icalbridge.store.tables import properties, windows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Update

    from icalbridge.store.leases import Claim

NAMED_SECONDS = 86_400
"""For how long a district's days are taken to cover a school that they last had something of."""


@dataclass(frozen=True, slots=True)
class DayAnswer:
    """What a district's day has of the schools."""

    offset: int
    """Which day, counted from today."""
    number: int
    """The number of the schools' own window that has this day."""
    spans: Sequence[tuple[int, int]]
    """The first and the last day of each own window that districts' days can cover."""
    named: Collection[str]
    """The schools of which it has something."""
    silent: Collection[str]
    """The schools of which it has nothing although something is known."""
    quiet: Collection[str]
    """The others: nothing is known, and it has nothing."""
    day: str
    """The day itself: a row of the table has another one tomorrow."""

    def marked(self, school: str) -> str:
        """Return how a silent school is stored with the day."""
        return f"{self.day} {school}"


def newly_silent(claim: Claim, answer: DayAnswer) -> frozenset[str]:
    """Return the silent schools that were not silent when the same day was last fetched."""
    return frozenset(
        school for school in answer.silent if answer.marked(school) not in claim.missing
    )


def still_silent(connection: Connection, claim: Claim, answer: DayAnswer) -> frozenset[str]:
    """Return the silent schools of which their own windows have something all the same.

    They were silent before, and their own windows were fetched after that.
    """
    again = frozenset(answer.silent) - newly_silent(claim, answer)
    this = and_(windows.c.property_id == claim.property_id, windows.c.number == claim.number)
    before = select(windows.c.synced_at).where(this).scalar_subquery()
    fetched = select(windows.c.property_id).where(
        windows.c.number == answer.number, windows.c.synced_at > before
    )
    return frozenset(
        property_id
        for ids in in_parts(again)
        for property_id in connection.scalars(fetched.where(windows.c.property_id.in_(ids)))
    )


def note_coverage(
    connection: Connection, district_id: str, answer: DayAnswer, now: datetime
) -> None:
    """Write which schools the district's days cover, and since when they cover whole windows."""
    for ids in in_parts(answer.named):
        connection.execute(update(properties).where(properties.c.id.in_(ids)).values(named_at=now))
    lately = properties.c.named_at.between(now - timedelta(seconds=NAMED_SECONDS), now)
    quiet = select(properties.c.id).where(lately)
    covered = {*answer.named}
    for ids in in_parts(answer.quiet):
        covered |= {*connection.scalars(quiet.where(properties.c.id.in_(ids)))}
    rows = connection.execute(
        select(windows.c.number, windows.c.synced_at, windows.c.silent).where(
            windows.c.property_id == district_id, windows.c.number < 0
        )
    ).all()
    covered -= {school for row in rows for school in row.silent}
    synced = {-1 - row.number: row.synced_at for row in rows}
    statements: list[Update] = []
    if answer.offset == 0:
        statements.append(update(windows).where(windows.c.number == 0).values(covered_at=now))
    for number, (first, last) in enumerate(answer.spans):
        times = [synced.get(offset) for offset in range(first, last + 1)]
        if None not in times:
            since = min(time for time in times if time)
            earlier = or_(windows.c.spanned_at.is_(None), windows.c.spanned_at < since)
            own = update(windows).where(windows.c.number == number, earlier)
            statements.append(own.values(spanned_at=since))
    for ids in in_parts(covered):
        for statement in statements:
            connection.execute(statement.where(windows.c.property_id.in_(ids)))


def make_schools_due(
    connection: Connection, property_ids: Iterable[str], number: int, now: datetime
) -> None:
    """Make own windows due that are not due already."""
    for ids in in_parts(set(property_ids)):
        own = and_(windows.c.property_id.in_(ids), windows.c.number == number)
        connection.execute(
            update(windows).where(own, windows.c.due_at.is_(None)).values(due_at=now)
        )
