"""Matching of timeslots with entries: equal in a sign, or nearest in time. At most n log n in time,
linear in memory.

Both are deterministic and independent of the order of their arguments' sources: candidates come
sorted by their traits, and ties are broken by traits alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import compress, groupby, pairwise, product
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from icalbridge.models import Entry, Timeslot

Level = tuple[bool, bool, bool, bool]

ALIKE: tuple[Level, ...] = tuple((False, *flags) for flags in product((True, False), repeat=3))  # type: ignore[misc]
"""What candidates must share, most first: the activity decides, then the status, then anything
else, then nothing.
"""
SAME_FACILITY: tuple[Level, ...] = tuple((True, *flags) for _, *flags in ALIKE)  # type: ignore[misc]
"""The same within one facility."""


class Traits(NamedTuple):
    """What a timeslot and an entry can be compared by; texts are cleaned as the entry's are."""

    start: datetime
    end: datetime
    facility_id: str
    activity: str
    status: str
    external_id: str
    place: str
    type: str

    def shared(self, level: Level) -> tuple[object, ...]:
        """Return what another candidate must share at a level."""
        rest = (self.external_id, self.place, self.type)
        return tuple(compress((self.facility_id, self.activity, self.status, rest), level))


def traits_of_timeslot(slot: Timeslot, event_type: str) -> Traits:
    """Return a timeslot's traits."""
    return Traits(
        slot.start,
        slot.end,
        slot.facility_id,
        display_text(slot.activity),
        slot.status,
        slot.external_id,
        display_text(slot.facility_name),
        display_text(slot.facility_type) or event_type,
    )


def traits_of_entry(entry: Entry) -> Traits:
    """Return an entry's traits; place and type may be the catalog's, and then distinguish
    no two.
    """
    return Traits(
        entry.start,
        entry.end,
        entry.facility_id,
        entry.activity,
        entry.timeslot_status,
        entry.external_id,
        entry.place,
        entry.type,
    )


@dataclass(eq=False, slots=True)
class Candidate:
    """A timeslot or an entry while it is being matched; two of different periods are never matched
    by a guess.
    """

    traits: Traits
    period: Hashable
    entry: Entry | None = None
    match: Candidate | None = None


def match_equal(
    slots: Sequence[Candidate], entries: Iterable[Candidate], sign: Callable[[Candidate], Hashable]
) -> list[Candidate]:
    """Match what bears the same sign and return the slots still open; a candidate whose sign is
    None bears none.
    """
    if not slots:
        return []
    groups: dict[Hashable, tuple[list[Candidate], list[Candidate]]] = {}
    for side, candidates in enumerate((slots, entries)):
        for candidate in candidates:
            if candidate.match is None and (mark := sign(candidate)) is not None:
                groups.setdefault(mark, ([], []))[side].append(candidate)
    for mine, theirs in groups.values():
        if len(mine) == len(theirs) == 1:
            mine[0].match, theirs[0].match = theirs[0], mine[0]
        elif mine and theirs:
            _match_pools(_Pool(mine), _Pool(theirs), ALIKE)
    return [candidate for candidate in slots if candidate.match is None]


def match_nearest(slots: Sequence[Candidate], entries: Iterable[Candidate]) -> list[Candidate]:
    """Match by start, nearest first, the same facility before another; return the slots still
    open.
    """
    free = [candidate for candidate in entries if candidate.match is None]
    if slots and free:
        for period in {candidate.period for candidate in slots}:
            _Timeline(
                [candidate for candidate in slots if candidate.period == period],
                [candidate for candidate in free if candidate.period == period],
            ).match()
    return [candidate for candidate in slots if candidate.match is None]


class _Pool:
    """Open candidates of one side, in order; finds the first that shares what another one has."""

    def __init__(self, members: list[Candidate]) -> None:
        self._members = members
        self._by_shared: dict[Level, dict[tuple[object, ...], list[Candidate]]] = {}
        self.size = len(members)

    def open(self) -> list[Candidate]:
        self._members = [member for member in self._members if member.match is None]
        return self._members

    def find(self, other: Candidate, level: Level) -> Candidate | None:
        """Return the first open member that shares with `other` what the level demands."""
        if level not in self._by_shared:
            buckets: dict[tuple[object, ...], list[Candidate]] = {}
            for member in reversed(self.open()):
                buckets.setdefault(member.traits.shared(level), []).append(member)
            self._by_shared[level] = buckets
        bucket = self._by_shared[level].get(other.traits.shared(level), [])
        while bucket:
            if (member := bucket.pop()).match is None:
                return member
        return None


def _match_pools(mine: _Pool, theirs: _Pool, levels: Iterable[Level]) -> None:
    """Match two pools as far as both go; takes time in proportion to the smaller one, but for the
    first time.
    """
    small, large = sorted((mine, theirs), key=lambda pool: pool.size)
    for level in levels:
        for candidate in small.open():
            if other := large.find(candidate, level):
                candidate.match, other.match = other, candidate
                small.size -= 1
                large.size -= 1
        if not small.size:
            return


@dataclass(eq=False, slots=True)
class _Block:
    """All candidates of one side with one start; linked with the blocks before and after it that
    are not empty.
    """

    start: datetime
    side: int
    pool: _Pool
    before: _Block | None = None
    after: _Block | None = None

    def unlink(self) -> None:
        if self.before:
            self.before.after = self.after
        if self.after:
            self.after.before = self.before


@dataclass(order=True, slots=True)
class _Neighbors:
    """Two blocks of different sides next to each other; the nearest come first, then those that
    start first.
    """

    distance: timedelta
    phase: int
    """0 while only what has the same facility is matched, then 1."""
    starts: tuple[datetime, datetime]
    """Of the timeslots and of the entries."""
    left: _Block = field(compare=False)
    right: _Block = field(compare=False)


PHASES = (SAME_FACILITY, ALIKE)


class _Timeline:
    """Matches the nearest pair again and again: on a line, it is always two neighbors of different
    sides.
    """

    def __init__(self, slots: Sequence[Candidate], entries: Sequence[Candidate]) -> None:
        marked = [
            (candidate.traits.start, side, candidate)
            for side, candidates in enumerate((slots, entries))
            for candidate in candidates
        ]
        marked.sort(key=itemgetter(0, 1))
        blocks = [
            _Block(start, side, _Pool([candidate for *_, candidate in group]))
            for (start, side), group in groupby(marked, key=itemgetter(0, 1))
        ]
        for left, right in pairwise(blocks):
            left.after, right.before = right, left
        self._heap = [pair for two in pairwise(blocks) for pair in _neighbors(*two)]
        heapify(self._heap)

    def match(self) -> None:
        while self._heap:
            nearest = heappop(self._heap)
            left, right = nearest.left, nearest.right
            if not (left.pool.size and right.pool.size):
                continue
            _match_pools(left.pool, right.pool, PHASES[nearest.phase])
            for block in (left, right):
                if not block.pool.size:
                    block.unlink()
            self._add(left, right, nearest.phase + 1)

    def _add(self, left: _Block, right: _Block, phase: int) -> None:
        """Note the neighbors that there are after a match: the same two, or those that became
        neighbors by it.
        """
        remaining = left if left.pool.size else left.before
        following = right if right.pool.size else right.after
        same = remaining is left and following is right
        for pair in _neighbors(remaining, following, phase if same else 0):
            heappush(self._heap, pair)


def _neighbors(left: _Block | None, right: _Block | None, phase: int = 0) -> Iterator[_Neighbors]:
    """Yield the two as neighbors, if there are two and they are of different sides."""
    if left and right and left.side != right.side:
        slots, entries = (left, right) if left.side == 0 else (right, left)
        yield _Neighbors(right.start - left.start, phase, (slots.start, entries.start), left, right)
