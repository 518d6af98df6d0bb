"""What the feeds of a simulated district must say, read off the vendor's own objects by the letter
of the contract.

This is the second opinion: it knows the vendor's pages and contract.md, and calls nothing of the
product.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from tests.any_entries import parted, said, title_said
from tests.readers import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from icalbridge.sandbox import World
    from icalbridge.sandbox.world import Dto

HISTORY, HORIZON, VENDOR_DAYS = timedelta(days=60), timedelta(days=365), timedelta(days=365)


@dataclass(frozen=True)
class Told:
    """One timeslot that feeds must show. Its reading has no UID, which the vendor does not give,
    and SEQUENCE 0.
    """

    facility_id: str
    property_id: str
    event_id: str
    reading: Reading


def truth(world: World, now: datetime) -> list[Told]:
    """Return all that the district's feed must show at a moment, if the vendor is asked at that
    moment.
    """
    return [
        Told(
            (timeslot["facility"] or {}).get("_id", ""), event["property_id"], event["_id"], reading
        )
        for event in world.events.values()
        if str(event["status"]).lower() == "approved" and answered(world, event, now)
        for timeslot in event["timeslots"]
        if timeslot["status"] == "active"
        for reading in _readings(world, event, timeslot)
        if reading.end > now - HISTORY and reading.start < now + HORIZON
    ]


def feeds(world: World, shown: list[Told]) -> dict[str, list[Reading]]:
    """Return what each address must give: every facility, every property, the district, and each
    shown event.
    """
    found: dict[str, list[Reading]] = {}
    for facility in world.facilities:
        found[f"/ical/facility/{facility['_id']}.ics"] = [
            each.reading for each in shown if each.facility_id == facility["_id"]
        ]
    for school in world.properties:
        family = {school["_id"], *school["properties"]}
        found[f"/ical/property/{school['_id']}.ics"] = [
            each.reading for each in shown if each.property_id in family
        ]
    for event_id in dict.fromkeys(each.event_id for each in shown):
        found[f"/ical/event/reservation/{event_id}.ics"] = [
            each.reading for each in shown if each.event_id == event_id
        ]
    return {path: sorted(readings) for path, readings in found.items()}


def answered(world: World, event: Dto, now: datetime) -> bool:
    """Say whether the vendor tells of an event at all: one of its timeslots touches a day that may
    be asked for.
    """
    today = now.astimezone(world.zone_of(event["property_id"])).date()
    spans = [
        [day for each in _times(timeslot) if (day := _day(each))] for timeslot in event["timeslots"]
    ]
    return any(
        days and days[0] <= str(today + VENDOR_DAYS) and str(today) <= days[-1] for days in spans
    )


def _day(told: object) -> str:
    """Return the local day of a vendor's time as it is written; empty when there is none such."""
    try:
        return date.fromisoformat(str(told)[:10]).isoformat()
    except ValueError:
        return ""


def _times(timeslot: Dto) -> tuple[object, object]:
    return timeslot["start_datetime"], timeslot["end_datetime"]


def _readings(world: World, event: Dto, timeslot: Dto) -> Iterator[Reading]:
    """Give the timeslot's reading, or nothing where it cannot be read or does not end after it
    starts.
    """
    zone = world.zone_of(event["property_id"])
    try:
        start, end = (_moment(timeslot[name], zone) for name in ("start_datetime", "end_datetime"))
    except (TypeError, ValueError):
        return
    if start >= end:
        return
    title, more_title = parted(title_said(event["name"] or "", timeslot["activity_name"] or ""))
    told = timeslot["facility"] or {}
    listed = world.facility(told.get("_id", "")) or {}
    # the list of facilities is what they are called; a timeslot's word counts for one that is not
    # listed
    facility = {name: listed.get(name) or told.get(name) for name in ("name", "type")}
    school = world.property(event["property_id"]) or {}
    parts = [
        facility["name"],
        *(school.get(name) for name in ("name", "address", "city", "state", "zip")),
    ]
    place, more_place = parted(", ".join(filter(None, (said(part or "") for part in parts))))
    yield Reading(
        uid="",
        start=start,
        end=end,
        summary=title,
        location=place,
        description="\n".join(filter(None, (more_title, more_place))),
        status="CONFIRMED",
        sequence=0,
        categories=(said(facility["type"] or "") or "reservation",),
    )


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """Read a vendor's time: local, so that a skipped one is under the offset before and of two the
    first is meant.
    """
    told = datetime.fromisoformat(text).replace(microsecond=0)
    return (told if told.tzinfo else told.replace(tzinfo=zone, fold=0)).astimezone(UTC)
