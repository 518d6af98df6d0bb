"""One try at one claimed window: how far it got, and what of its answers is not believed yet."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from icalbridge.errors import ImplausibleAnswer
from icalbridge.models import WINDOW_DAYS
from icalbridge.sync.plausibility import together

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.models import Entry, Property, Window
    from icalbridge.store import Claim
    from icalbridge.sync.interpret import EventsRequest
    from icalbridge.sync.plausibility import Doubt
    from icalbridge.sync.reconcile import KnownCatalog


@dataclass(slots=True)
class WindowAttempt:
    """One try at one claimed window."""

    claim: Claim
    owner: Property
    days: Window
    catalog: KnownCatalog
    begun: datetime
    tried: int
    """The span requested at first, in days."""
    span: int
    """The span requested now."""
    answered: bool = False
    """Whether the vendor answered anything since a piece was last not answered in time, so that it
    is not down.
    """
    answered_span: int = WINDOW_DAYS
    """The span of the last piece that was answered."""
    doubts: list[Doubt] = field(default_factory=list)
    """What is not believed of it after all pieces were requested."""
    lacking: tuple[int, int, str] = (0, 0, "")
    """Of the last piece that is not believed: how many entries it lacks of how many (0: it is
    empty), and its `invocation_id`.
    """
    withdrawn: int = 0
    """How many entries were withdrawn by pieces that nobody doubted."""
    mass: list[Entry] = field(default_factory=list)
    """The entries that were withdrawn though they were most of what was known."""
    known: int = 0
    """How many entries the window had before the first of these."""

    def again(self, request: EventsRequest, doubt: Doubt | None) -> list[EventsRequest]:
        """Return what is requested again after a piece was answered: once, what is not believed."""
        if doubt is None:
            return []
        if request.doubt.since is None:
            return [replace(request, doubt=doubt)]
        self.doubts.append(doubt)
        return []


class DoubtedResponse(Exception):
    """Raised where what an answer lacks is not believed."""

    def __init__(self, attempt: WindowAttempt) -> None:
        self.doubt = together(attempt.doubts)
        lacking, known, invocation_id = attempt.lacking
        how = (
            f"without {lacking} of {known} bookings"
            if known
            else f"empty where {lacking} bookings were"
        )
        reason = (
            f"came back {how}; not believed until a later answer agrees (`icalbridge sync --full`"
            " believes it at once)"
        )
        request = f"GET /property/{attempt.owner.id}/events {attempt.days}"
        self.error = ImplausibleAnswer(request, reason, 200, invocation_id=invocation_id)
        super().__init__(str(self.error))
