"""Whether a place is in use, until when, and what comes next: for pages, displays, API. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence


State = Literal["free", "busy", "unknown"]


class Timed(Protocol):
    """Something that is on for a while; its moments are in seconds since 1970."""

    @property
    def starts_at(self) -> int: ...

    @property
    def ends_at(self) -> int: ...

    @property
    def cancelled(self) -> object: ...


T = TypeVar("T", bound=Timed)


@dataclass(frozen=True, slots=True)
class OccupancyState(Generic[T]):
    """How a place stands at a moment."""

    state: State
    on: tuple[T, ...]
    """What is on, by start, and what would be had it not been called off."""
    coming: tuple[T, ...]
    """What has not begun, by start, cancelled ones too."""
    next: T | None
    """The first to come that is not cancelled, on whatever day."""
    last: T | None
    """With whose end the place falls free; None unless it is in use."""
    taken_by: T | None
    """With whose start a free place is taken today; None when it stays free, and while it is in
    use.
    """

    @property
    def until(self) -> int | None:
        """How long the state lasts; None when it is unknown, or free for the rest of the day."""
        if self.last is not None:
            return self.last.ends_at
        return None if self.taken_by is None else self.taken_by.starts_at


def find_occupancy(
    booked: Sequence[T], now: float, day_ends: float, known_until: float
) -> OccupancyState[T]:
    """Return the state of a place at `now` from its bookings, in order of start.

    `day_ends` is the next midnight there; from `known_until` on the state is unknown.
    """
    if now >= known_until:
        return OccupancyState("unknown", (), (), None, None, None)
    left = [booking for booking in booked if booking.ends_at > now]
    on = tuple(booking for booking in left if booking.starts_at <= now)
    coming = tuple(booking for booking in left if booking.starts_at > now)
    first = next((booking for booking in coming if not booking.cancelled), None)
    last = _last([booking for booking in on if not booking.cancelled], coming)
    taken_by = first if last is None and first is not None and first.starts_at < day_ends else None
    return OccupancyState("free" if last is None else "busy", on, coming, first, last, taken_by)


def _last(on: Sequence[T], coming: Sequence[T]) -> T | None:
    """Return with what a place falls free: what begins as another ends keeps it in use."""
    if not on:
        return None
    last = max(on, key=lambda booking: booking.ends_at)
    for booking in coming:
        if not booking.cancelled and booking.starts_at <= last.ends_at < booking.ends_at:
            last = booking
    return last
