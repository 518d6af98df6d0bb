"""Sum of a push: every instance in the calendar has one fate, and none is lost. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from icalbridge.push.steps import Create, Move

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.push.mapping import PushRequests
    from icalbridge.push.steps import PushPlan


@dataclass(frozen=True, slots=True)
class PushTally:
    """Numbers of instances in a calendar: `instances` is the sum of the others."""

    instances: int = 0
    created: int = 0
    moved: int = 0
    unchanged: int = 0
    cancelled: int = 0
    """By the calendar itself."""
    impossible: int = 0
    over: int = 0
    left_out: int = 0
    """By the rules of whoever pushes: places left out, and `--skip`."""

    @property
    def sentence(self) -> str:
        counts = [f"{count} {name.replace('_', ' ')}" for name, count in asdict(self).items()]
        return f"In the calendar: {counts[0]} = {' + '.join(counts[1:])}."


def tally(requests: PushRequests, plan: PushPlan) -> PushTally:
    """Return what becomes of each instance in the calendar."""
    counts = Counter() if requests.cancels is not None else Counter(_fates(requests, plan).values())
    return replace(
        requests.counts,
        created=counts["created"],
        moved=counts["moved"],
        unchanged=counts["unchanged"],
        impossible=requests.counts.impossible + counts["impossible"],
    )


def _fates(requests: PushRequests, plan: PushPlan) -> dict[tuple[str, str], str]:
    """Return the fate of each requested instance; of its days the one that does most counts."""
    requested = [(event.uid, slot.id) for event in requests.events for slot in event.slots]
    fates = {(uid, _instance(slot_id)): "unchanged" for uid, slot_id in requested}
    for fate, uid, slot_id in _changes(requests, plan):
        for key in [(uid, _instance(slot_id))] if slot_id else [k for k in fates if k[0] == uid]:
            if key in fates:
                fates[key] = fate
    return fates


def _changes(requests: PushRequests, plan: PushPlan) -> Iterator[tuple[str, str, str]]:
    """Yield fate, UID and timeslot of what changes, what does most last; "" for all timeslots."""
    for item in plan.impossible[len(requests.impossible) :]:
        yield "impossible", item.uid, item.instance
    for step in plan.steps:
        if isinstance(step, Move):
            yield "moved", step.uid, step.after.id
        elif isinstance(step, Create):
            yield from (("created", step.uid, slot.id) for slot in step.slots)


def _instance(slot_id: str) -> str:
    return slot_id.partition(".")[0]
