"""What may be written to the vendor, typed, and what comes of it. `bounds.py` checks it,
`writing.py` sends it.

Names of renters and their addresses are in no `repr` here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from msgspec import UNSET, UnsetType

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.errors import VendorError


@dataclass(frozen=True, slots=True)
class NewTimeslot:
    """A timeslot to be made with its event (vendor: CreateTimeslotDto). Start and end are aware
    moments.
    """

    external_id: str
    """3 to 50 letters, digits, `.`, `-` and `_`; unique within its event: the only name that it
    will have.
    """
    start: datetime
    end: datetime
    """At least a minute later, on the same calendar day of the property's zone."""
    facility_u_id: str
    """The facility's `u_id`, not its `_id`."""
    activity_name: str | None = None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be made (vendor: CreateEventDto); its status is `approved`, the only one there
    is.

    All its facilities belong to one property, and `zone` is that property's IANA zone. None leaves
    a field out.
    """

    external_id: str
    name: str
    renter_email: str = field(repr=False)
    activity_type_id: float
    timeslots: tuple[NewTimeslot, ...]
    zone: str
    event_type: str = "reservation"
    attendance: float | None = None
    renter_rate_category_id: str | None = None
    renter_owner: str | None = field(default=None, repr=False)
    log_message: str | None = None


@dataclass(frozen=True, slots=True)
class TimeslotChange:
    """How a timeslot shall be (vendor: UpdateTimeslotDto). Start and end are aware moments, in
    `zone` on one day.
    """

    start: datetime
    end: datetime
    zone: str
    activity_name: str | UnsetType | None = UNSET
    """Unset leaves it as it is; None and "" clear it."""
    facility_u_id: str | None = None
    """None leaves it where it is."""
    log_message: str | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """The event is there."""

    event_id: str
    """The vendor's `_id`."""
    external_id: str
    has_conflict: bool | None
    """Whether it collides with another booking; None when the vendor did not say."""
    invocation_id: str = ""
    looked_up: bool = False
    """The vendor's answer was lost, and the event found under its external id afterwards."""


@dataclass(frozen=True, slots=True)
class NotCreated:
    """The event is not there, and will not appear: it may be sent again. `error` says why."""

    error: VendorError


@dataclass(frozen=True, slots=True)
class Unknown:
    """The event may be there or not: its creation was not answered, nor was the question after it.

    Look the external id up before it is sent again. `error` is what became of the creation.
    """

    error: VendorError


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The event is cancelled."""

    event_id: str
    external_id: str
    invocation_id: str = ""
    already: bool = False
    """It was so before, or an earlier attempt's answer was lost."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The timeslot is where it shall be."""

    external_id: str
    start: datetime
    end: datetime
    """Moments in UTC, as the vendor says them back."""
    invocation_id: str = ""


@dataclass(frozen=True, slots=True)
class Conflict:
    """409: what stands there is in the way. Nothing was changed; the same request would be refused
    again.

    The vendor's words and code: a duplicate external id, an invalid state, a place that is taken.
    """

    message: str
    message_code: str = ""
    invocation_id: str = ""


CreateOutcome: TypeAlias = Created | Conflict | NotCreated | Unknown
