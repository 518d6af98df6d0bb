"""One key's client over the open database: what every write needs, of `event` and of `push`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from icalbridge.errors import (
    AccessRefused,
    IcalbridgeError,
    NotFound,
    RequestRefused,
    VendorError,
)
from icalbridge.facilitron import Conflict, OvernightCreator
from icalbridge.sync.ledger import StoreLedger
from icalbridge.sync.refresh_event import EventRefresher
from icalbridge.vendor_words import quote_vendor

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from icalbridge.facilitron import Client
    from icalbridge.settings import ApiUser
    from icalbridge.store import Store
    from icalbridge.sync.refresh_event import RefreshedEvent

Answer = TypeVar("Answer")
REFUSALS = (RequestRefused, NotFound, AccessRefused)
"""Errors by which the vendor refuses one write; it changed nothing."""


@dataclass(frozen=True, slots=True)
class WriteRefusal:
    """Refusal of one write."""

    reason: str
    """A clause: the vendor's own words as such."""
    is_conflict: bool = False
    invocation_id: str = ""


@dataclass(frozen=True, slots=True)
class WriteSession:
    """Client of one key over the open database."""

    store: Store
    user: ApiUser
    client: Client
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]

    def make_creator(self) -> OvernightCreator:
        """Return what creates events, and notes how the key books past midnight."""
        keys, user = self.store.api_keys, self.user.name
        splits_nights = keys.splits_nights(user)
        return OvernightCreator(self.client, splits_nights, partial(keys.note_split_nights, user))

    def refresh(self, event_type: str, event_id: str, property_id: str) -> RefreshedEvent:
        """Update the store with an event that was written to. Raises `IcalbridgeError`."""
        types, clock = self.user.event_types, self.clock
        refresher = EventRefresher(
            self.client, self.store, event_types=types, clock=clock, sleep=self.sleep
        )
        return refresher.refresh(event_type, event_id, property_id=property_id)

    def requests_left(self) -> int:
        """Return how many requests are left today."""
        user = self.user
        limits = {"rate_per_minute": user.rate_per_minute, "quota_per_day": user.quota_per_day}
        return StoreLedger(self.store, user.name, **limits).left(self.clock())


def send_write(
    send: Callable[[], Answer | Conflict],
    refusals: tuple[type[IcalbridgeError], ...] = REFUSALS,
) -> Answer | WriteRefusal:
    """Send a write; return its answer, or why it was refused."""
    try:
        answer = send()
    except refusals as error:
        return WriteRefusal(refusal_text(error), invocation_id=getattr(error, "invocation_id", ""))
    if isinstance(answer, Conflict):
        return WriteRefusal(refusal_text(answer), True, answer.invocation_id)
    return answer


def refusal_text(refusal: IcalbridgeError | Conflict) -> str:
    """Return why a write was refused, as a clause: the vendor's own words as such."""
    if isinstance(refusal, Conflict) and refusal.by_vendor:
        return quote_vendor(refusal.message, 409, refusal.message_code)
    if isinstance(refusal, REFUSALS):
        return quote_vendor(refusal.message, refusal.status, refusal.message_code)
    return refusal.message if isinstance(refusal, Conflict | VendorError) else str(refusal)
