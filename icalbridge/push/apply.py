"""Steps → the vendor, one request after the other, each noted in the store before it is sent.

Killed at any of them and run again, the next plan finds what was done under its external id and
does the rest: a creation is never sent under another id while one may be on its way, and to move or
to cancel twice changes nothing. Errors that would befall every step (`RetryableError`, a refused
key) end the run; what one step alone is refused for is its outcome, and the others go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from msgspec import UNSET

from icalbridge.errors import IcalbridgeError, InvalidRequest, MalformedAnswer, QuotaSpent
from icalbridge.facilitron import (
    Conflict,
    NewEvent,
    NewTimeslot,
    NotCreated,
    TimeslotChange,
    Unknown,
    check_event,
)
from icalbridge.push import instances
from icalbridge.push.collisions import SpanIndex, load_bookings
from icalbridge.push.diff import plan_push
from icalbridge.push.mapping import PushRequests, PushSlot
from icalbridge.push.session import EVENT_TYPE, REFUSALS, WriteRefusal, look_up, send_write
from icalbridge.push.steps import OVER, Cancel, Create, PushedState, RequestedState, event_ids
from icalbridge.store import Pushed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from icalbridge.facilitron import Created, OvernightCreator
    from icalbridge.push.collisions import Occupied
    from icalbridge.push.places import PlaceTable
    from icalbridge.push.session import WriteSession
    from icalbridge.push.steps import Move, PushPlan, Renewal, Step

    Blocked = tuple[Move, str]
    """A move with the vendor's message."""

MOST_ADOPTED = 100
"""How many events under ids of ours that the store did not know are taken up in a row for a UID."""
LOG_MESSAGE = "icalbridge push"
ONE_OFF = (*REFUSALS, MalformedAnswer, InvalidRequest)
"""Errors that concern one step alone."""
SAME_REFUSALS = 3
"""After so many creations refused in a row for one reason, the others would be refused too."""


@dataclass(frozen=True, slots=True)
class EventTerms:
    """Fields of a new event beside its name and times; see `facilitron.NewEvent`."""

    renter_email: str = field(repr=False)
    activity_type_id: float
    renter_owner: str | None = field(default=None, repr=False)
    renter_rate_category_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    step: Step
    result: Literal["done", "collides", "refused"]
    """`collides`: it was done all the same."""
    why: str = ""
    """The vendor's message."""
    collisions: tuple[str, ...] = ()


@dataclass(slots=True)
class PushRun:
    """Applies the plan of one calendar."""

    session: WriteSession
    source: str
    terms: EventTerms
    places: PlaceTable
    on_progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None
    done: list[Outcome] = field(default_factory=list)
    """Outcomes so far, also after `run` broke off."""
    late: set[str] = field(default_factory=set)
    """External ids of what was written, and is not in the store as it was requested."""
    _creator: OvernightCreator = field(init=False)
    _leaving: set[Occupied] = field(default_factory=set, init=False)
    """What moves go away from once there is room."""
    _requests: PushRequests = field(default_factory=lambda: PushRequests(()), init=False)
    _written: dict[str, list[Step]] = field(default_factory=dict, init=False)
    """By external id what was written and not yet followed."""

    def __post_init__(self) -> None:
        self._creator = self.session.make_creator()

    def run(
        self, plan: PushPlan, requests: PushRequests, pushed: Sequence[PushedState]
    ) -> list[Outcome]:
        """Apply a plan.

        Raises `InvalidRequest`, before anything is sent, for terms that the vendor would refuse;
        `VendorError` where nothing more can be done for now.
        """
        for create in (create for renewal in plan.renewals for create in renewal.creates):
            check_event(self._request(create))
        self._requests, total = requests, len(plan.steps)
        for outcome in self._steps(plan, pushed):
            self.done.append(outcome)
            self.on_progress("writing", min(len(self.done), total), total)
            _stop_at_same_refusals(self.done)
        return self.done

    def _steps(
        self, plan: PushPlan, pushed: Sequence[PushedState], adopted: int = 0
    ) -> Iterator[Outcome]:
        for cancel in plan.cancels:
            yield self._cancel(cancel)
            self._follow_written()
        blocked = yield from self._move_all(plan.moves)
        before, self._leaving = self._leaving, self._leaving | {move.leaves for move, _ in blocked}
        for renewal in plan.renewals:
            states = [state for state in pushed if state.uid == renewal.uid]
            yield from self._renew(renewal, states, adopted)
            self._follow_written()
        self._leaving = before
        if plan.renewals:  # what was made anew may have freed a place
            blocked = yield from self._move_all([move for move, _ in blocked])
        for move, words in blocked:
            others = self._collisions(move.slots, event_ids([move.pushed]))
            yield Outcome(move, "refused", words, others)

    def _follow_written(self) -> None:
        """Update the store, which must not delay the end of what is booked twice."""
        written, self._written = self._written, {}
        for external_id, steps in written.items():
            self.late.add(external_id)
            try:
                followed = self.session.refresh(EVENT_TYPE, external_id, steps[0].property_id)
            except QuotaSpent:
                raise
            except IcalbridgeError:  # the write is done all the same
                continue
            states = map(_requested_state, steps)
            if not followed.left_out and all(state.matches(followed.event) for state in states):
                self.late.remove(external_id)

    def _cancel(self, step: Cancel) -> Outcome:
        external_id, store = step.pushed.external_id, self.session.store
        store.pushed.drop(external_id, now=self.session.clock())
        cancel = self.session.client.cancel_event
        answer = send_write(lambda: cancel(EVENT_TYPE, external_id, LOG_MESSAGE), ONE_OFF)
        if isinstance(answer, WriteRefusal):
            store.pushed.keep([external_id])
            return Outcome(step, "refused", answer.reason)
        self._written[external_id] = [step]
        return Outcome(step, "done")

    def _move_all(self, moves: Sequence[Move]) -> Generator[Outcome, None, list[Blocked]]:
        """Do moves; return the blocked ones with the vendor's message.

        What stands in another's way is tried again once that one has moved.
        """
        blocked: list[Blocked] = []
        left = list(moves)
        while left:
            blocked = []
            for move in left:
                outcome = self._move(move)
                if isinstance(outcome, str):
                    blocked.append((move, outcome))
                    continue
                yield outcome
            if len(blocked) == len(left):
                break
            left = [move for move, _ in blocked]
        self._follow_written()
        return blocked

    def _move(self, step: Move) -> Outcome | str:
        """Change a timeslot; return the vendor's message where something is in the way."""
        before, after = step.before, step.after
        change = TimeslotChange(
            after.start,
            after.end,
            self.places.zones[step.property_id],
            activity_name=UNSET if before.activity == after.activity else after.activity,
            facility_u_id=None if before.facility_id == after.facility.id else after.facility.u_id,
            log_message=LOG_MESSAGE,
        )
        external_id, send = step.pushed.external_id, self.session.client.change_timeslot
        answer = send_write(lambda: send(EVENT_TYPE, external_id, after.id, change), ONE_OFF)
        if isinstance(answer, WriteRefusal):
            return answer.reason if answer.is_conflict else Outcome(step, "refused", answer.reason)
        self._written.setdefault(external_id, []).append(step)
        return Outcome(step, "done")

    def _renew(
        self, renewal: Renewal, pushed: Sequence[PushedState], adopted: int
    ) -> Iterator[Outcome]:
        """Make the events of a renewal, then cancel the old ones; a refusal leaves all as it is."""
        writes = len(renewal.steps)
        if renewal.cancels and (left := self.session.requests_left()) < writes:
            # the quota would break it off, which leaves it booked twice
            raise QuotaSpent(
                "quota",
                f"the next {writes} changes belong together, and {left} requests are left today",
            )
        for create in renewal.creates:
            external_id = self._external_id(create)
            intended = Pushed(external_id, self.source, create.uid)
            self.session.store.pushed.intend(intended, now=self.session.clock())
            answer = send_write(partial(self._create, create), ONE_OFF)
            if isinstance(answer, WriteRefusal):
                if answer.is_conflict:
                    yield from self._after_conflict(create, answer.reason, pushed, adopted)
                else:
                    yield Outcome(create, "refused", answer.reason)
                return
            made, created = answer
            self._written[external_id] = [made]
            yield self._made(made, created, pushed)
        yield from map(self._cancel, renewal.cancels)

    def _create(self, create: Create) -> tuple[Create, Created] | Conflict:
        """Create an event; return the step with the timeslots that were sent last."""
        facilities = {slot.facility.u_id: slot.facility for slot in create.slots}
        sent, answer = self._creator.create(self._request(create))
        if isinstance(answer, NotCreated | Unknown):
            raise answer.error
        if isinstance(answer, Conflict):
            return answer
        slots = (
            PushSlot(slot.external_id, slot.start, slot.end, facility, slot.activity_name or "")
            for slot in sent.timeslots
            for facility in [facilities[slot.facility_u_id]]
        )
        return replace(create, slots=tuple(slots)), answer

    def _external_id(self, create: Create) -> str:
        return instances.event_id(self.source, create.uid, create.number)

    def _request(self, create: Create) -> NewEvent:
        slots = (
            NewTimeslot(slot.id, slot.start, slot.end, slot.facility.u_id, slot.activity or None)
            for slot in create.slots
        )
        return NewEvent(
            self._external_id(create),
            create.name,
            self.terms.renter_email,
            self.terms.activity_type_id,
            tuple(slots),
            self.places.zones[create.property_id],
            renter_owner=self.terms.renter_owner,
            renter_rate_category_id=self.terms.renter_rate_category_id,
            log_message=LOG_MESSAGE,
        )

    def _made(self, create: Create, answer: Created, pushed: Sequence[PushedState]) -> Outcome:
        """Return the outcome of a creation, which may collide with what goes after it."""
        own = {answer.event_id, *event_ids(pushed)}
        others = () if answer.has_conflict is False else self._collisions(create.slots, own)
        if others or (answer.has_conflict and not self._makes_way(create, pushed)):
            return Outcome(create, "collides", "", others)
        return Outcome(create, "done")

    def _makes_way(self, create: Create, pushed: Sequence[PushedState]) -> bool:
        """Return whether a creation overlaps what goes after it: its own older event, or a move."""
        slots = (slot for state in pushed if state.live for slot in state.timeslots)
        spans = [(slot.facility_id, slot.start, slot.end) for slot in slots]
        spans += [occupied[1:] for occupied in self._leaving]
        leaving = SpanIndex((span, span) for span in spans)
        return any(any(leaving.overlapping(slot.span)) for slot in create.slots)

    def _after_conflict(
        self, create: Create, reason: str, pushed: Sequence[PushedState], adopted: int
    ) -> Iterator[Outcome]:
        """Adopt the event that has the id, of which the store did not know; plan its UID again."""
        external_id, session = self._external_id(create), self.session
        event, whole = look_up(session.client, external_id, self.places.zones)
        if event is None or not whole or adopted >= MOST_ADOPTED:
            others = self._collisions(create.slots, event_ids(pushed))
            yield Outcome(create, "refused", reason, others)
            return
        state = PushedState(external_id, create.uid, event, dropped=event.status in OVER)
        if state.dropped:
            session.store.pushed.drop(external_id, now=session.clock())
        known = [*(other for other in pushed if other.external_id != external_id), state]
        requests = self._requests
        alone = replace(
            requests,
            events=tuple(event for event in requests.events if event.uid == create.uid),
            impossible=tuple(item for item in requests.impossible if item.uid == create.uid),
            by_day=requests.by_day or self._creator.by_day,
        )
        plan = plan_push(alone, known, self.places, session.clock())
        yield from self._steps(plan, known, adopted + 1)
        if not plan.steps:
            yield Outcome(create, "done", "it was there already")

    def _collisions(self, slots: Sequence[PushSlot], own: set[str]) -> tuple[str, ...]:
        return load_bookings(self.session.store, slots).describe(
            slots, self.places, own, self._leaving
        )


def _requested_state(step: Step) -> RequestedState:
    if isinstance(step, Cancel):
        return RequestedState(cancelled=True)
    return RequestedState(frozenset(slot.state for slot in step.slots))


def _stop_at_same_refusals(done: Sequence[Outcome]) -> None:
    """Raise where the last creations were all refused with the same message.

    Refused moves and cancellations do not count: they say nothing about new events.
    """
    last = [
        outcome.why
        for outcome in done[-SAME_REFUSALS:]
        if outcome.result == "refused"
        and not outcome.collisions
        and isinstance(outcome.step, Create)
    ]
    if len(last) == SAME_REFUSALS and len(set(last)) == 1:
        raise IcalbridgeError(f"Facilitron refuses one event after the other: {last[0]}")
