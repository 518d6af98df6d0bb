"""Whether an answer is believed that would withdraw most of what is known. Pure; `now` is an
argument.

An answer of the vendor may be short or empty by mistake. What it adds and changes is evidence; what
it lacks is not, where that would be most of it: such a withdrawal waits until an answer at least
`DOUBT_SECONDS` later lacks the same. Only what both lack is withdrawn. `icalbridge sync --full`
believes every answer at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.store import MassWithdrawal
from icalbridge.sync.schedule import DOUBT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from icalbridge.models import Changes, Entry, Property

HANDFUL = 3
"""So many withdrawals at once are always believed, unless the answer was empty."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What answers that were not believed lacked, by id, and when the first of them came."""

    since: datetime | None = None
    missing: frozenset[str] = frozenset()

    def is_old(self, now: datetime) -> bool:
        """Say whether an answer that comes now may settle it."""
        return self.since is not None and now - self.since >= timedelta(seconds=DOUBT_SECONDS)

    def settled_from(self, now: datetime) -> datetime:
        """Return when to ask again."""
        return (self.since or now) + timedelta(seconds=DOUBT_SECONDS)


NO_DOUBT = Doubt()


@dataclass(frozen=True, slots=True)
class Loss:
    """What one answer would withdraw, by id, of how much that it covers."""

    missing: frozenset[str] = frozenset()
    known: int = 0
    """How many are known of what it covers, the missing ones included."""
    inside: frozenset[str] = frozenset()
    """Those missing from the days that were asked for; an event's other timeslots may be on other
    days.
    """
    known_inside: int = 0
    """How many are known on these days."""
    empty: bool = False
    """Whether the answer has nothing at all although more is known than may go unnoticed."""

    def is_implausible(self, before: int = 0) -> bool:
        """Say whether it is most of what is known and more than a handful.

        `before`: how many other pieces of the same window have withdrawn already, so that a window
        is not lost bit by bit.
        """
        if not self.missing:
            return False
        most = len(self.missing) * 2 > self.known or len(self.inside) * 2 > self.known_inside
        return self.empty or (most and len(self.missing) + before > HANDFUL)

    def without(self, confirmed: frozenset[str]) -> Loss:
        """Return what is left of it when some of it is believed."""
        return replace(
            self,
            missing=self.missing - confirmed,
            known=self.known - len(confirmed),
            inside=self.inside - confirmed,
            known_inside=self.known_inside - len(self.inside & confirmed),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which withdrawals are believed now, and what is left to a later answer; `doubt` is None for
    nothing.
    """

    believed: frozenset[str]
    doubt: Doubt | None = None


def judge(loss: Loss, doubt: Doubt, now: datetime, *, before: int = 0) -> Verdict:
    """Decide what of a loss is believed, given what earlier answers lacked.

    A doubt from the future, which a clock that was set back leaves, is no evidence.
    """
    if not loss.is_implausible(before):
        return Verdict(loss.missing)
    confirmed = loss.missing & doubt.missing
    if doubt.since is None or doubt.since > now or not confirmed:
        return Verdict(frozenset(), Doubt(now, loss.missing))
    if not doubt.is_old(now):
        return Verdict(frozenset(), Doubt(doubt.since, confirmed))
    rest = loss.without(confirmed)
    if rest.is_implausible(before):
        return Verdict(confirmed, Doubt(now, rest.missing))
    return Verdict(loss.missing)


def together(doubts: Collection[Doubt]) -> Doubt:
    """Return one doubt for all pieces of a window; as old as the youngest, so that nothing is
    believed too soon.
    """
    since = max((doubt.since for doubt in doubts if doubt.since), default=None)
    return Doubt(since, frozenset().union(*(doubt.missing for doubt in doubts)))


def without_withdrawals(changes: Changes, missing: Collection[str]) -> Changes:
    """Return the changes that an answer makes while some of its withdrawals wait.

    An event of which an entry stays although its answer does not have it is read again next time.
    """
    if not missing:
        return changes
    waiting = {entry.key for entry in changes.withdrawn if entry.uid in missing}
    return replace(
        changes,
        withdrawn=tuple(entry for entry in changes.withdrawn if entry.uid not in missing),
        parsed=tuple(
            replace(event, digest="") if event.key in waiting else event for event in changes.parsed
        ),
    )


def withdrawal(
    owner: Property, entries: Sequence[Entry], known: int, *, at: datetime
) -> MassWithdrawal:
    """Return what the log and `status` say of entries that were withdrawn at one go, out of so many
    known.
    """
    return MassWithdrawal(
        owner.id,
        owner.name,
        owner.timezone,
        at,
        len(entries),
        max(known, len(entries)),
        min(entry.start for entry in entries),
        max(entry.start for entry in entries),
    )
