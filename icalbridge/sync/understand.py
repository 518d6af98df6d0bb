"""From a request and its answer to changes: which properties and moments the answer speaks for, and what it says there.

`reconcile` decides what an answer means; here it is given what is known of the span, and asked once for each span.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from icalbridge.model import Changes
from icalbridge.sync import plan
from icalbridge.sync.reconcile import Heard, reconcile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from icalbridge.facilitron import EventsAnswer
    from icalbridge.model import Event, EventKey, Property, Window
    from icalbridge.store import Store
    from icalbridge.sync.reconcile import Places


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request asked for: days of a property, of one of its facilities, or of a district with its schools."""

    owner: Property
    days: Window
    facility_id: str = ""
    schools: tuple[Property, ...] = ()
    doubted: datetime | None = None
    """When the same, or more, was asked before and came back implausibly empty."""

    @property
    def members(self) -> tuple[Property, ...]:
        """The properties whose events were asked for."""
        return (self.owner, *self.schools)


@dataclass(frozen=True, slots=True)
class Understood:
    """What an answer changes, and how far it can be trusted."""

    changes: Changes
    lost: int
    """How many events it should have and has not, when it could be read and has none at all."""
    spoken_for: tuple[str, ...]
    """The properties it told anything of."""
    silent_on: tuple[str, ...]
    """The properties of which something is known for these days and the answer has nothing."""
    invocation_id: str


def understand(
    store: Store, places: Places, asked: Asked, answer: EventsAnswer, *, asked_at: datetime, now: datetime
) -> Understood:
    """Decide what an answer changes; nothing is written.

    An event that another worker changed after `asked_at` is left as it is: what it heard is newer.
    A district's answer speaks for a school only if it has an event of that school: whether a key's district request
    covers a school cannot be known otherwise.
    """
    told = tuple(placed(each, asked.owner.id, places) for each in answer.events)
    heard = answer.unchanged | {each.key for each in told}
    named = {each.property_id for each in told}
    members: dict[tuple[datetime, datetime], list[str]] = {}
    for each in asked.members:
        members.setdefault(_span(asked, each), []).append(each.id)
    spans: dict[tuple[datetime, datetime], set[EventKey]] = {span: set() for span in members}
    spoken_for, silent_on = [], []
    for span, property_ids in members.items():
        known_there = store.write.present_each(property_ids, *span, facility_id=asked.facility_id)
        for property_id, present in known_there.items():
            if asked.schools and property_id not in named and heard.isdisjoint(present):
                silent_on += [property_id] if present else []
                continue
            spoken_for.append(property_id)
            spans[span].update(key for key in present if key.event_type not in answer.refused_types)
    absent = {key for keys in spans.values() for key in keys} - heard
    newer = store.write.changed_since({each.key for each in told} | absent, asked_at, now=now)
    events = [each for each in told if each.key not in newer]
    known = store.write.known({each.key for each in events} | absent)
    horizon = min(plan.horizon(now, each.timezone) for each in asked.members)
    parts = [
        reconcile(
            Heard(events if number == 0 else (), heard, answer.complete, *span, facility_id=asked.facility_id),
            present=frozenset(keys - newer),
            known=known,
            places=places,
            now=now,
            horizon=horizon,
        )
        for number, (span, keys) in enumerate(spans.items())
    ]
    lost = len(absent) if answer.complete and not heard else 0
    return Understood(_together(parts), lost, tuple(spoken_for), tuple(silent_on), answer.invocation_id)


def placed(event: Event, asked_of: str, places: Places) -> Event:
    """Return an event with a property that is known: its own, its facility's, else the one that was asked for."""
    if event.property_id in places.properties:
        return event
    found = (places.facilities.get(each.facility_id) for each in event.timeslots)
    return replace(event, property_id=next((each.property_id for each in found if each), asked_of))


def _span(asked: Asked, member: Property) -> tuple[datetime, datetime]:
    """Return the moments an answer speaks for; nobody says whose midnight a district's day has, so what is in both."""
    since, until = plan.bounds(asked.days, asked.owner.timezone)
    other_since, other_until = plan.bounds(asked.days, member.timezone)
    return max(since, other_since), min(until, other_until)


def _together(parts: Sequence[Changes]) -> Changes:
    return Changes(
        tuple(each for part in parts for each in part.added),
        tuple(each for part in parts for each in part.changed),
        tuple(each for part in parts for each in part.withdrawn),
        tuple(each for part in parts for each in part.heard),
        frozenset().union(*(part.forgotten for part in parts)),
    )
