"""Scenarios by name, for `--scenario`: a district, and the vendor, in a certain situation.

A scenario is a pure function from one scene to another. Ids stay, so that a client can sync the
showcase, and then again after a restart with a scenario; only `hostile` is another district.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from icalbridge.sandbox.builder import facility_in_timeslot
from icalbridge.sandbox.builder import timeslot_of as _slot
from icalbridge.sandbox.district import build_world, district_day
from icalbridge.sandbox.limits import AnswerLimits
from icalbridge.sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from icalbridge.sandbox.world import Dto

WEEK = 7
SATURDAY = 5
BEFORE_IT_BREAKS = 40
"""Requests that are answered before an outage or a refusal begins: a client's first steps."""
OUTAGE = 400
"""Requests that an outage fails before the vendor is back."""


@dataclass(frozen=True)
class Scene:
    """A world as it stands at a moment, and faults in the form of `--fault`."""

    world: World
    now: datetime | date
    """An aware moment, at which each property has its own calendar day; or the one day that it is
    at all of them.
    """
    faults: tuple[str, ...] = ()
    strict_creations: bool = False
    """Whether the bounds published for changes hold for new bookings too."""
    answers: AnswerLimits = field(default_factory=AnswerLimits)

    def today(self, property_id: str) -> date:
        """Return the calendar day at a property."""
        return (
            self.world.day_of(property_id, self.now) if isinstance(self.now, datetime) else self.now
        )


@dataclass(frozen=True)
class Scenario:
    """A situation with a name."""

    summary: str
    change: Callable[[Scene], Scene]
    hostile: bool = False
    """Whether it is of the hostile district; the others are of the showcase."""


def build_scene(name: str | None, now: datetime, **world: Any) -> Scene:
    """Build a world with `build_world`'s arguments, in the situation of that name if there is one;
    raises `KeyError`.
    """
    hostile = name is not None and SCENARIOS[name].hostile
    scene = Scene(build_world(today=district_day(now), hostile=hostile, **world), now)
    return stage(name, scene) if name else scene


def stage(name: str, scene: Scene) -> Scene:
    """Return a scene in the situation of that name; raises `KeyError`."""
    return SCENARIOS[name].change(scene)


def quiet_week(scene: Scene) -> Scene:
    """No event has a timeslot in the seven days from its property's today."""
    events = (
        {
            **event,
            "timeslots": [
                slot for slot in event["timeslots"] if not _touches(slot, _week(scene, event))
            ],
        }
        for event in scene.world.events.values()
    )
    return _with(scene, (event for event in events if event["timeslots"]))


def graduation_day(scene: Scene) -> Scene:
    """On the next Saturday every school has its graduation in all its facilities; what was booked
    is suspended.
    """
    events = [_with_saturday_suspended(scene, event) for event in scene.world.events.values()]
    schools = [owner for owner in scene.world.properties if not owner["properties"]]
    return _with(scene, [*events, *(_graduation(scene, school) for school in schools)])


def mass_cancellation(scene: Scene) -> Scene:
    """Every event with a timeslot in the seven days from its property's today is cancelled."""
    cancelled = (
        {**event, "status": "Cancelled"}
        if any(_touches(slot, _week(scene, event)) for slot in event["timeslots"])
        else event
        for event in scene.world.events.values()
    )
    return _with(scene, cancelled)


def vendor_outage(scene: Scene) -> Scene:
    """After 40 requests the next 400 fail: 503, and now and then the connection breaks; then all is
    well again.
    """
    span = f"after={BEFORE_IT_BREAKS},first={OUTAGE}"
    return replace(scene, faults=(*scene.faults, f"reset:{span},p=0.1", f"503:{span}"))


def revoked_key(scene: Scene) -> Scene:
    """After 40 requests the key is refused for good."""
    return replace(scene, faults=(*scene.faults, f"401:after={BEFORE_IT_BREAKS}"))


def strict_creations(scene: Scene) -> Scene:
    """New bookings are refused by the bounds of days that are published for changes."""
    return replace(_with(scene, scene.world.events.values()), strict_creations=True)


def _week(scene: Scene, event: Dto) -> set[date]:
    """Return the seven days from today at an event's property."""
    first = scene.today(event["property_id"])
    return {first + timedelta(days=step) for step in range(WEEK)}


def _next_saturday(scene: Scene, property_id: str) -> date:
    """Return the first Saturday after today at a property."""
    today = scene.today(property_id)
    return today + timedelta(days=(SATURDAY - today.weekday() - 1) % WEEK + 1)


def _touches(slot: Dto, days: set[date]) -> bool:
    start, end = (
        date.fromisoformat(slot[name][:10]) for name in ("start_datetime", "end_datetime")
    )
    return start <= max(days) and end >= min(days)


def _with_saturday_suspended(scene: Scene, event: Dto) -> Dto:
    """Return the event with all that touches its property's next Saturday suspended."""
    day = {_next_saturday(scene, event["property_id"])}
    slots = [
        {**slot, "status": "suspended"} if _touches(slot, day) else slot
        for slot in event["timeslots"]
    ]
    return {**event, "timeslots": slots}


def _with(scene: Scene, events: Iterable[Dto]) -> Scene:
    """Return the scene in a world of its own with these events; nothing of the old one is in it."""
    world = scene.world
    copied = World(
        deepcopy(world.properties),
        deepcopy(world.facilities),
        {event["_id"]: deepcopy(event) for event in events},
    )
    return replace(scene, world=copied)


def _graduation(scene: Scene, school: Dto) -> Dto:
    """Return a school's graduation: a rehearsal in its first facility the day before, then the day
    in all of them.
    """
    day = _next_saturday(scene, school["_id"])
    places = [
        facility_in_timeslot(facility) for facility in scene.world.facilities_of(school["_id"])
    ]
    morning, eve = (
        datetime.combine(day, time(10)),
        datetime.combine(day - timedelta(days=1), time(16)),
    )
    slots = [_slot(place, eve, 120, "Rehearsal") for place in places[:1]]
    slots += [_slot(place, morning, 150, "Ceremony") for place in places]
    slots += [_slot(place, morning + timedelta(hours=3), 180, "Reception") for place in places[:2]]
    return {
        "_id": blake2b(f"graduation {school['_id']}".encode(), digest_size=12).hexdigest(),
        "short_id": "R-GRADUATION",
        "rate_category": "Internal",
        "status": "Approved",
        "external_system_event_id": None,
        "created_by_external_api": False,
        "name": "Graduation Day 🎓",
        "activity_type": None,
        "attendance": None,
        "property_id": school["_id"],
        "timeslots": slots,
        "submit_date": f"{scene.today(school['_id'])}T08:00:00.000Z",
        "type": "reservation",
        "property_timezone": school["timezone"],
        "renter": None,
    }


def hostile(scene: Scene) -> Scene:
    """The scene as it is; its world was built hostile (`build_world`)."""
    return _with(scene, scene.world.events.values())


VENDORS = {
    "days-90": AnswerLimits(),
    "days-7": AnswerLimits(child_events_days=7),
    "days-refused": AnswerLimits(child_events_days=-1),
    "days-too-heavy": AnswerLimits(seconds_per_mb=5.0),
    "answers-6-mb": AnswerLimits(max_answer_mb=6.0, seconds_per_mb=0.5),
}
"""How the vendor may answer whole districts, by the name of the scenario."""


def _answering(answers: AnswerLimits) -> Callable[[Scene], Scene]:
    return lambda scene: replace(_with(scene, scene.world.events.values()), answers=answers)


SCENARIOS: dict[str, Scenario] = {
    "hostile": Scenario(
        "another district: odd and malicious names, nulls, every surprise", hostile, hostile=True
    ),
    "quiet-week": Scenario("nothing is booked in the seven days from today", quiet_week),
    "graduation-day": Scenario(
        "next Saturday: every school's graduation in all places", graduation_day
    ),
    "mass-cancellation": Scenario(
        "what is on in the seven days from today is cancelled", mass_cancellation
    ),
    "vendor-outage": Scenario(
        "40 requests are answered, the next 400 fail, then it is over", vendor_outage
    ),
    "revoked-key": Scenario(
        "40 requests are answered, then the key is refused for good", revoked_key
    ),
    "strict-creations": Scenario(
        "no new booking past midnight, over 7 days ago or over 2 years ahead", strict_creations
    ),
    "days-90": Scenario(
        "a day of all schools, up to 90 days ahead", _answering(VENDORS["days-90"])
    ),
    "days-7": Scenario("a day of all schools, up to 7 days ahead", _answering(VENDORS["days-7"])),
    "days-refused": Scenario(
        "a day of all schools is refused", _answering(VENDORS["days-refused"])
    ),
    "days-too-heavy": Scenario(
        "5 seconds a megabyte, so that a day of many schools is 503",
        _answering(VENDORS["days-too-heavy"]),
    ),
    "answers-6-mb": Scenario(
        "an answer of more than 6 MB is 502", _answering(VENDORS["answers-6-mb"])
    ),
}

HELP = "\n".join(
    [
        "The NAME of a scenario is one of",
        "",
        *(f"    {name:<20}{scenario.summary}" for name, scenario in SCENARIOS.items()),
        "",
    ]
)
"""What `--help` shows of them. A scenario's faults come before those of `--fault`."""
