"""Builder for the vendor's objects of one world: properties, facilities, events and timeslots.

Everything random comes from one source, seeded with a text, so that the same seed gives the same
bytes in any process.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from icalbridge.sandbox.world import Dto, World

EXTERNAL_SHARE = 0.1
"""The share of events that another system created."""
SEASON_WEEKS = 10
SEASONS_BACK_WEEKS = 6
"""How many weeks ago the current season began."""
BOOKED_AHEAD = (1.0, 1.0, 0.7, 0.5, 0.4, 0.35, 0.35)
"""The share of each season that is booked, from the current one: the further ahead, the less."""
DAYS_AHEAD = 365

STATUSES = ("Approved", "Pending", "Cancelled", "Declined")


@dataclass(frozen=True)
class EventFields:
    """Values for the fields of events that calendars never show, in any shape that JSON has."""

    renters: tuple[Any, ...]
    activity_types: tuple[Any, ...]
    attendance: tuple[int | None, ...]
    short_id: str
    """Prefix of each reservation number."""
    rate_categories: tuple[str | None, ...]


class WorldBuilder:
    """Adds objects to a world as it stands on `today`."""

    def __init__(self, world: World, seed: str, today: date, fields: EventFields) -> None:
        self.world = world
        # seeded with a text: Random takes its digest, never its hash, which differs by process
        self.random = Random(seed)
        self.today = today
        self.monday = today - timedelta(days=today.weekday())
        self._fields = fields

    def season_days(self) -> list[str]:
        """Return all days of all seasons, the first a Monday; formatted once for all timeslots."""
        first = self.monday - timedelta(weeks=SEASONS_BACK_WEEKS)
        count = len(BOOKED_AHEAD) * SEASON_WEEKS * 7
        return [(first + timedelta(days=day)).isoformat() for day in range(count)]

    def id(self, digits: int = 24) -> str:
        """Return a new id of hexadecimal digits."""
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def round(self, number: float) -> int:
        """Round down or up at random, so that the average is the number itself."""
        whole = int(number)
        return whole + (self.random.random() < number - whole)

    def property(self, name: str, place: tuple[str, str, str], property_id: str) -> Dto:
        """Add a property without address; `place` is city, state and time zone."""
        city, state, zone = place
        new: Dto = {
            "_id": property_id,
            "u_id": self.id(20),
            "name": name,
            "address": None,
            "city": city,
            "state": state,
            "zip": None,
            "timezone": zone,
            "properties": [],
        }
        self.world.properties.append(new)
        return new

    def facility(
        self, owner: Dto, name: str | None, kind: str, term: str, capacity: int | None
    ) -> None:
        """Add a facility to a property."""
        new: Dto = {
            "property_id": owner["_id"],
            "_id": self.id(24),
            "u_id": self.id(20),
            "name": name,
            "capacity": capacity,
            "type": kind,
            "search_term": term,
        }
        self.world.facilities.append(new)

    def facilities_of(self, owner: Dto) -> list[Dto]:
        """Return a property's facilities as timeslots name them."""
        return [facility_in_timeslot(place) for place in self.world.facilities_of(owner["_id"])]

    def event(
        self, owner: Dto, name: str | None, timeslots: list[Dto], status: str = "Approved"
    ) -> Dto:
        """Add an event."""
        random, fields = self.random, self._fields
        external = random.random() < EXTERNAL_SHARE
        if external:
            for slot in timeslots:
                slot["external_system_timeslot_id"] = f"slot-{self.id(8)}"
        new: Dto = {
            "_id": self.id(),
            "short_id": f"{fields.short_id}{random.randrange(10_000, 99_999)}",
            "rate_category": random.choice(fields.rate_categories),
            "status": status,
            "external_system_event_id": f"sis-{self.id(8)}" if external else None,
            "created_by_external_api": external,
            "name": name,
            "activity_type": random.choice(fields.activity_types),
            "attendance": random.choice(fields.attendance),
            "property_id": owner["_id"],
            "timeslots": timeslots,
            "submit_date": f"{self.today - timedelta(days=random.randrange(1, 200))}T09:12:33.482Z",
            "type": "reservation",
            "property_timezone": owner["timezone"],
            "renter": random.choice(fields.renters),
        }
        self.world.events[new["_id"]] = new
        return new

    def is_listed(self, timeslots: list[Dto]) -> bool:
        """Return whether any window that may be requested contains one of the timeslots."""
        today, last = self.today.isoformat(), (self.today + timedelta(DAYS_AHEAD)).isoformat()
        return any(today <= slot["start_datetime"][:10] <= last for slot in timeslots)


def facility_in_timeslot(facility: Dto) -> Dto:
    """Return a facility as timeslots name it (vendor: TimeslotFacilityDto)."""
    return {name: facility[name] for name in ("_id", "u_id", "name", "capacity", "type")}


def timeslot(
    place: Dto, start: str, end: str, activity: str | None = None, status: str = "active"
) -> Dto:
    """Return a timeslot; times as the vendor writes them, local and without an offset."""
    return {
        "external_system_timeslot_id": None,
        "activity_name": activity,
        "facility": place,
        "start_datetime": start,
        "end_datetime": end,
        "status": status,
    }


def format_time(moment: datetime) -> str:
    """Return a local time as the vendor writes it."""
    return moment.isoformat(timespec="seconds")


def timeslot_of(place: Dto, start: datetime, minutes: int, activity: str | None = None) -> Dto:
    """Return a timeslot of so many minutes from a local time."""
    end = start + timedelta(minutes=minutes)
    return timeslot(place, format_time(start), format_time(end), activity)
