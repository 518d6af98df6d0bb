"""What shaped feeds must show, chosen anew from the vendor's own objects: the second opinion behind
`test_shapes.py`.

It knows the issue, the vendor's pages and what was done to the world between two syncs, and calls
nothing of the product. Wishes are told in this module's own terms; `query` spells them as an
address.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from tests.any_entries import said, title_said
from tests.world_truth import answered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from icalbridge.sandbox import World
    from icalbridge.sandbox.world import Dto

Wishes = dict[str, str]
"""Parameters as they are given, lists with commas between; what none of them says is not asked for.
"""


@dataclass(frozen=True)
class Fact:
    """One timeslot of the vendor's, and what became of it."""

    event_id: str
    property_id: str
    facility_id: str
    name: str
    activity: str
    facility: str
    school: str
    type: str
    rate: str
    address: str
    """The location without the facility."""
    start: datetime
    end: datetime
    fate: str
    """`on`, `pending`, `off` (called off after it was on) or `was, pending` (asked for anew after
    it was on).
    """
    off: datetime | None = None

    @property
    def location(self) -> str:
        return ", ".join(filter(None, (self.facility, self.address)))


class Told(NamedTuple):
    """One item of a feed, as far as every format says it. Moments in UTC; the title is not cut."""

    start: datetime
    end: datetime
    title: str
    location: str
    status: str
    type: str


TITLES: Mapping[str, tuple[str, ...]] = {
    "{facility}: {name}": ("facility", "name"),
    "{school} | {type} | {name}": ("school", "type", "name"),
    "{activity} / {name}": ("activity", "name"),
    "{name}": ("name",),
}
"""Templates with the fields that they name; the separator is what stands between the first two."""


def query(wishes: Wishes) -> str:
    return urlencode(wishes)


def facts(
    world: World, before: Mapping[str, Dto] | None = None, *, first: datetime, now: datetime
) -> list[Fact]:
    """Return all timeslots that may be told of, given the events as they were at a `first` sync and
    as they are now.

    What the vendor no longer has is called off unless it is over: nothing that is past is
    withdrawn.
    """
    found = []
    earlier = before or {}
    for event_id in {**earlier, **world.events}:
        old, new = earlier.get(event_id), world.events.get(event_id)
        told = new or old
        if told is None or not answered(world, told, now):
            continue
        for index in range(len(told["timeslots"])):
            fate = _fate(world, old, new, index, now)
            if fact := _fact(world, told, index, fate, None if fate in {"on", "pending"} else now):
                found.append(fact)
    return found


def _fate(world: World, old: Dto | None, new: Dto | None, index: int, now: datetime) -> str:
    was = old is not None and _is_on(old, index)
    if new is None:
        assert old is not None
        over = (
            _moment(old["timeslots"][index]["end_datetime"], world.zone_of(old["property_id"]))
            <= now
        )
        return ("on" if over else "off") if was else ""
    if _is_on(new, index):
        return "on"
    if str(new["status"]).lower() == "pending" and new["timeslots"][index]["status"] == "active":
        return "was, pending" if was else "pending"
    return "off" if was else ""


def _is_on(event: Dto, index: int) -> bool:
    return (
        str(event["status"]).lower() == "approved"
        and event["timeslots"][index]["status"] == "active"
    )


def _fact(world: World, event: Dto, index: int, fate: str, off: datetime | None) -> Fact | None:
    timeslot = event["timeslots"][index]
    zone = world.zone_of(event["property_id"])
    start, end = (_moment(timeslot[name], zone) for name in ("start_datetime", "end_datetime"))
    if not fate or start >= end:
        return None
    told = timeslot["facility"] or {}
    listed = world.facility(told.get("_id", "")) or {}
    facility, kind = (said(listed.get(name) or told.get(name) or "") for name in ("name", "type"))
    school = world.property(event["property_id"]) or {}
    parts = [said(school.get(name) or "") for name in ("name", "address", "city", "state", "zip")]
    return Fact(
        event_id=event["_id"],
        property_id=event["property_id"],
        facility_id=told.get("_id", ""),
        name=said(event["name"] or ""),
        activity=said(timeslot["activity_name"] or ""),
        facility=facility,
        school=parts[0],
        type=kind or "reservation",
        rate=said(event["rate_category"] or ""),
        address=", ".join(filter(None, parts)),
        start=start,
        end=end,
        fate=fate,
        off=off,
    )


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """Read a vendor's time: local, so that a skipped one is under the offset before and of two the
    first is meant.
    """
    told = datetime.fromisoformat(text).replace(microsecond=0)
    return (told if told.tzinfo else told.replace(tzinfo=zone, fold=0)).astimezone(UTC)


def expected(known: Iterable[Fact], wishes: Wishes, now: datetime) -> list[Told]:
    """Return what a feed that holds these timeslots must show at a moment."""
    chosen = [
        (fact, status)
        for fact in known
        if _wanted(fact, wishes) and (status := _status(fact, wishes))
    ]
    shown = [(fact, status) for fact, status in chosen if _in_reach(fact, status, wishes, now)]
    if "view" in wishes:
        return sorted(_blocks(shown, int(wishes.get("before", 0)), int(wishes.get("after", 0))))
    if "group" in wishes:
        return sorted(_groups(shown, wishes))
    return sorted(
        Told(
            fact.start,
            fact.end,
            _title(fact, status, wishes),
            fact.location,
            status,
            _type(fact, wishes),
        )
        for fact, status in shown
    )


def _status(fact: Fact, wishes: Wishes) -> str:
    """Return the status that a timeslot is told with; empty when it is not."""
    asked = wishes.get("status", "approved").split(",")
    fate = fact.fate
    if "pending" in fate:
        if "pending" in asked:
            return "TENTATIVE"
        fate = "off" if fate == "was, pending" else ""
    if fate == "on":
        return "CONFIRMED" if "approved" in asked else ""
    if fate == "off" and "approved" in asked:
        told = "tombstone" if "view" in wishes else wishes.get("cancelled", "drop")
        return {"drop": "", "mark": "CONFIRMED", "tombstone": "CANCELLED"}[told]
    return ""


def _wanted(fact: Fact, wishes: Wishes) -> bool:
    any_of = {
        "facility": [fact.facility_id],
        "type": [folded(fact.type), "reservation"],
        "category": [folded(fact.rate)],
        "activity": [folded(fact.activity)],
        "name": [" ".join(folded(fact.name).split())],
    }
    for name, values in any_of.items():
        asked = wishes[name].split(",") if name in wishes else []
        if asked and not any(
            (each if name == "facility" else folded(each)) in values for each in asked
        ):
            return False
    text = folded(f"{fact.name} / {fact.activity} / {fact.facility} / {fact.type}")
    return all(_begins_a_word(text, word) for word in folded(wishes.get("q", "")).split()) and not (
        any(_begins_a_word(text, word) for word in folded(wishes.get("not", "")).split())
    )


def _begins_a_word(text: str, word: str) -> bool:
    """Say whether a word of three letters or more is there or is the beginning of one; what is
    written without blanks may be anywhere.
    """
    assert len(word) >= 3
    return word in text if not word.isascii() else bool(re.search(rf"(?<![a-z0-9]){word}", text))


@cache
def folded(text: str) -> str:
    """Return a text without case and accents."""
    return "".join(
        each
        for each in unicodedata.normalize("NFKD", text).lower()
        if unicodedata.category(each) != "Mn"
    )


def _in_reach(fact: Fact, status: str, wishes: Wishes, now: datetime) -> bool:
    wider = {name: timedelta(minutes=int(wishes.get(name, 0))) for name in ("before", "after")}
    past, ahead = (timedelta(days=days) for days in (60, 365))
    if "past" in wishes:
        past = min(past, timedelta(days=int(wishes["past"])) + wider["after"])
    if "ahead" in wishes:
        ahead = min(ahead, timedelta(days=int(wishes["ahead"])) + wider["before"])
    told = status != "CANCELLED" or fact.off is None or now < fact.off + timedelta(days=30)
    return told and fact.end > now - past and fact.start < now + ahead


def _title(fact: Fact, status: str, wishes: Wishes) -> str:
    busy = wishes.get("detail") == "busy"
    name, activity = ("", "") if busy else (fact.name, fact.activity)
    title = title_said(name, activity)
    if "title" in wishes:
        template = wishes["title"]
        values = {"facility": fact.facility, "school": fact.school, "type": _type(fact, wishes)}
        values |= {"name": name or "Reserved", "activity": activity}
        between = template.partition("}")[2].partition("{")[0]
        title = between.join(filter(None, (values[field] for field in TITLES[template])))
    return f"CANCELLED: {title}" if status == "CONFIRMED" and fact.fate != "on" else title


def _type(fact: Fact, wishes: Wishes) -> str:
    return "" if wishes.get("detail") == "busy" else fact.type


def _groups(shown: Sequence[tuple[Fact, str]], wishes: Wishes) -> list[Told]:
    """Make one of the timeslots that one event has at one time; a title that names the facility
    names them all, and the type is that of one of them.
    """
    members: defaultdict[tuple[str, str, Told], list[Fact]] = defaultdict(list)
    plain = {name: value for name, value in wishes.items() if name != "title"}
    for fact, status in shown:
        alike = Told(fact.start, fact.end, _title(fact, status, plain), "", status, "")
        members[fact.event_id, fact.fate, alike].append(fact)
    found = []
    for (_, _, alike), group in members.items():
        places = [
            place
            for place in sorted({(each.facility, each.location) for each in group})
            if place[0]
        ]
        facilities = ", ".join(facility for facility, _ in places)
        title = _title(replace(group[0], facility=facilities), alike.status, wishes)
        location = ", ".join([*(facility for facility, _ in places), group[0].address])
        found.append(alike._replace(title=title, location=location))
    return found


def _blocks(shown: Sequence[tuple[Fact, str]], before: int, after: int) -> list[Told]:
    """Count for each facility how many widened bookings are on; a block is as long as there is any."""
    steps: defaultdict[tuple[str, str], Counter[datetime]] = defaultdict(Counter)
    places, found = {}, []
    for fact, status in shown:
        begin, end = fact.start - timedelta(minutes=before), fact.end + timedelta(minutes=after)
        if status == "CANCELLED":
            found.append(Told(begin, end, "Not in use", fact.location, status, ""))
            continue
        place = fact.facility_id, status
        places[place] = fact.location
        steps[place][begin] += 1
        steps[place][end] -= 1
    for place, changes in steps.items():
        on, begun = 0, datetime.min.replace(tzinfo=UTC)
        for moment in sorted(changes):
            if on == 0 and changes[moment] > 0:
                begun = moment
            on += changes[moment]
            if on == 0 and changes[moment]:
                found.append(Told(begun, moment, "In use", places[place], place[1], ""))
    return found
