"""Steps → the vendor, one request after the other, each noted in the store before it is sent.

Killed at any of them and run again, the next plan finds what was done under its external id and
does the rest: a creation is never sent under another id while one may be on its way, and to move or
to cancel twice changes nothing. Errors that would befall every step (`RetryableError`, a refused
key) end the run; what one step alone is refused for is answer of it, and the others go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from msgspec import UNSET

from icalbridge.errors import (
    AccessRefused,
    IcalbridgeError,
    InvalidRequest,
    MalformedAnswer,
    NotFound,
    QuotaSpent,
    RequestRefused,
    VendorError,
)
from icalbridge.facilitron import (
    Conflict,
    Moved,
    NewEvent,
    NewTimeslot,
    NotCreated,
    OvernightCreator,
    TimeslotChange,
    Unknown,
    check_event,
)
from icalbridge.push import external_ids
from icalbridge.push.collisions import load_bookings
from icalbridge.push.current import EVENT_TYPE, look_up
from icalbridge.push.diff import plan_push
from icalbridge.push.mapping import PushRequests, PushSlot
from icalbridge.push.steps import OVER, Create, PushedState
from icalbridge.store import Pushed
from icalbridge.vendor_words import quote_vendor

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from datetime import datetime

    from icalbridge.facilitron import Client, Created, CreateOutcome
    from icalbridge.push.collisions import Occupied
    from icalbridge.push.places import PlaceTable
    from icalbridge.push.steps import Cancel, Move, PushPlan, Renewal, Step
    from icalbridge.store import Store

MOST_ADOPTED = 100
"""How many events under ids of ours, which the store did not know, are taken up in a row for one
UID.
"""
LOG_MESSAGE = "icalbridge push"
ONE_OFF = (RequestRefused, NotFound, AccessRefused, MalformedAnswer)
"""Errors that concern one step alone."""
SAME_REFUSALS = 3
"""After so many refused creations in a row with the same message, the others would be refused too.
"""


class RepeatedRefusal(IcalbridgeError):
    """Raised when the vendor refuses one creation after the other with the same message."""


@dataclass(frozen=True, slots=True)
class EventTerms:
    """Fields of a new event beside its name and times; see `facilitron.NewEvent`."""

    renter_email: str = field(repr=False)
    activity_type_id: float
    renter_owner: str | None = field(default=None, repr=False)
    renter_rate_category_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of a step."""

    step: Step
    result: Literal["done", "collides", "refused"]
    """`collides`: it was done all the same."""
    why: str = ""
    """The vendor's message."""
    collisions: tuple[str, ...] = ()


@dataclass(slots=True)
class PushRun:
    """Applies the plan of one calendar."""

    client: Client
    store: Store
    source: str
    terms: EventTerms
    places: PlaceTable
    clock: Callable[[], datetime]
    follow: Callable[[str, str], None] = lambda _external_id, _property_id: None
    """Called with external id and property of each event that was written to."""
    on_progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None
    done: list[Outcome] = field(default_factory=list)
    """Outcomes so far, also after `run` broke off."""
    requests_left: Callable[[], int] | None = None
    """Returns how many requests are left today; None where that does not matter."""
    creator: OvernightCreator | None = None
    """Creates events as the key books past midnight; None where that is not remembered."""
    leaving: set[Occupied] = field(default_factory=set, init=False)
    """What moves go away from once there is room."""

    def run(
        self, decided: PushPlan, requests: PushRequests, pushed: Sequence[PushedState]
    ) -> list[Outcome]:
        """Apply a plan.

        Raises `InvalidRequest`, before anything is sent, for terms that the vendor would refuse;
        `VendorError` where nothing more can be done for now.
        """
        for create in (create for renewal in decided.renewals for create in renewal.creates):
            check_event(self._request(create))
        total = len(decided.steps)
        done = self.done
        for outcome in self._steps(decided, requests, pushed):
            done.append(outcome)
            self.on_progress("writing", min(len(done), total), total)
            _stop_at_same_refusals(done)
        return done

    def _steps(
        self, decided: PushPlan, requests: PushRequests, pushed: Sequence[PushedState]
    ) -> Iterator[Outcome]:
        yield from self._cancel_all(decided.cancels)
        blocked = yield from self._move_free(decided.moves)
        if not decided.renewals:
            yield from self._still_blocked(blocked)
            return
        self.leaving = {move.leaves for move, _ in blocked}
        for renewal in decided.renewals:
            self._require_requests(renewal)
            yield from self._renew(
                renewal, requests, [state for state in pushed if state.uid == renewal.uid]
            )
        self.leaving = set()
        yield from self._move_all(
            [move for move, _ in blocked]
        )  # what was made anew may have freed a place

    def _cancel_all(self, cancels: Sequence[Cancel]) -> Iterator[Outcome]:
        for cancel in cancels:
            outcome = self._cancel(cancel)
            if outcome.result == "done":
                self._follow(cancel.pushed.external_id, cancel.pushed)
            yield outcome

    def _cancel(self, step: Cancel) -> Outcome:
        external_id = step.pushed.external_id
        self.store.pushed.drop(external_id, now=self.clock())
        try:
            answer = self.client.cancel_event(EVENT_TYPE, external_id, LOG_MESSAGE)
        except ONE_OFF as error:
            self.store.pushed.keep([external_id])
            return Outcome(step, "refused", refusal_text(error))
        if isinstance(answer, Conflict):
            self.store.pushed.keep([external_id])
            return Outcome(step, "refused", refusal_text(answer))
        return Outcome(step, "done")

    def _require_requests(self, renewal: Renewal) -> None:
        """Stop before a renewal that the quota would break off, since that leaves its bookings
        there twice.
        """
        writes = len(renewal.creates) + len(renewal.cancels)
        if self.requests_left and renewal.cancels and (left := self.requests_left()) < writes:
            raise QuotaSpent(
                "quota",
                f"the next {writes} changes belong together, and {left} requests are left today",
            )

    def _move_all(self, moves: Sequence[Move]) -> Iterator[Outcome]:
        """Do moves, and yield an outcome for each blocked one."""
        yield from self._still_blocked((yield from self._move_free(moves)))

    def _move_free(self, moves: Sequence[Move]) -> Generator[Outcome, None, list[tuple[Move, str]]]:
        """Do moves, and return the blocked ones with the vendor's message.

        What stands in another's way is tried again once that one has moved.
        """
        written: dict[str, PushedState] = {}
        left = list(moves)
        blocked: list[tuple[Move, str]] = []
        while left:
            blocked = []
            for move in left:
                outcome = self._move(move)
                if isinstance(outcome, str):
                    blocked.append((move, outcome))
                    continue
                written[move.pushed.external_id] = move.pushed
                yield outcome
            if len(blocked) == len(left):
                break
            left = [move for move, _ in blocked]
        for external_id, pushed in written.items():
            self._follow(external_id, pushed)
        return blocked

    def _still_blocked(self, blocked: Sequence[tuple[Move, str]]) -> Iterator[Outcome]:
        for move, words in blocked:
            own = {move.pushed.event.id} if move.pushed.event else set()
            yield Outcome(move, "refused", words, self._collisions([move.after], own))

    def _move(self, step: Move) -> Outcome | str:
        """Change a timeslot; return the vendor's message where something is in the way."""
        before, after = step.before, step.after
        zone = self.places.zones[after.facility.property_id]
        change = TimeslotChange(
            after.start,
            after.end,
            zone,
            activity_name=UNSET if before.activity == after.activity else after.activity,
            facility_u_id=None if before.facility_id == after.facility.id else after.facility.u_id,
            log_message=LOG_MESSAGE,
        )
        try:
            answer = self.client.change_timeslot(
                EVENT_TYPE, step.pushed.external_id, after.id, change
            )
        except (*ONE_OFF, InvalidRequest) as error:
            return Outcome(step, "refused", refusal_text(error))
        return Outcome(step, "done") if isinstance(answer, Moved) else refusal_text(answer)

    def _renew(
        self,
        renewal: Renewal,
        requests: PushRequests,
        pushed: Sequence[PushedState],
        adopted: int = 0,
    ) -> Iterator[Outcome]:
        """Make the events of a renewal, then cancel the old ones; where one cannot be made, all
        stays as it is.

        The store follows at the end: what is booked twice must not wait for that.
        """
        written: list[tuple[str, str]] = []
        yield from self._renew_at_vendor(renewal, requests, pushed, adopted, written)
        for change in written:
            self.follow(*change)

    def _renew_at_vendor(
        self,
        renewal: Renewal,
        requests: PushRequests,
        pushed: Sequence[PushedState],
        adopted: int,
        written: list[tuple[str, str]],
    ) -> Iterator[Outcome]:
        """Write a renewal; add external id and property of each written event to `written`."""
        own = {state.event.id for state in pushed if state.event}
        for create in renewal.creates:
            external_id = external_ids.event_id(self.source, create.uid, create.number)
            self.store.pushed.intend(Pushed(external_id, self.source, create.uid), now=self.clock())
            try:
                made, answer = self._create(create)
            except (*ONE_OFF, InvalidRequest) as error:
                yield Outcome(create, "refused", refusal_text(error))
                return
            if isinstance(answer, NotCreated | Unknown):
                if not isinstance(answer.error, ONE_OFF):
                    raise answer.error
                yield Outcome(create, "refused", refusal_text(answer.error))
                return
            if isinstance(answer, Conflict):
                yield from self._after_conflict(create, answer, requests, pushed, adopted)
                return
            written.append((external_id, create.slots[0].facility.property_id))
            yield self._made(
                made, answer, {answer.event_id, *own}, excused=self._makes_way(made, pushed)
            )
        for cancel in renewal.cancels:
            outcome = self._cancel(cancel)
            if outcome.result == "done":
                written.append((cancel.pushed.external_id, cancel.pushed.property_id))
            yield outcome

    def _create(self, create: Create) -> tuple[Create, CreateOutcome]:
        """Create an event; return the step with the timeslots that were sent last."""
        self.creator = self.creator or OvernightCreator(
            self.client, by_day=False, remember=lambda: None
        )
        request = self._request(create)
        sent, answer = self.creator.create(request)
        if sent == request:
            return create, answer
        facilities = {slot.facility.u_id: slot.facility for slot in create.slots}

        def as_sent(slot: NewTimeslot) -> PushSlot:
            place, activity = facilities[slot.facility_u_id], slot.activity_name or ""
            return PushSlot(slot.external_id, slot.start, slot.end, place, activity)

        return replace(create, slots=tuple(map(as_sent, sent.timeslots))), answer

    def _made(self, create: Create, answer: Created, own: set[str], *, excused: bool) -> Outcome:
        """Return the outcome of a creation; `excused`: it may collide with what goes after it."""
        entries = () if answer.has_conflict is False else self._collisions(create.slots, own)
        if entries or (answer.has_conflict and not excused):
            return Outcome(create, "collides", "", entries)
        return Outcome(create, "done")

    def _after_conflict(
        self,
        create: Create,
        answer: Conflict,
        requests: PushRequests,
        pushed: Sequence[PushedState],
        adopted: int,
    ) -> Iterator[Outcome]:
        """Adopt the event that has the id already, of which the store did not know, and plan its
        UID again.
        """
        external_id = external_ids.event_id(self.source, create.uid, create.number)
        event, whole = look_up(self.client, external_id, self.places.zones)
        if event is None or not whole or adopted >= MOST_ADOPTED:
            own = {state.event.id for state in pushed if state.event}
            yield Outcome(
                create, "refused", refusal_text(answer), self._collisions(create.slots, own)
            )
            return
        adopted_state = PushedState(external_id, create.uid, event, dropped=event.status in OVER)
        if adopted_state.dropped:
            self.store.pushed.drop(external_id, now=self.clock())
        known = [*(state for state in pushed if state.external_id != external_id), adopted_state]
        alone = PushRequests(
            tuple(event for event in requests.events if event.uid == create.uid),
            tuple(item for item in requests.impossible if item.uid == create.uid),
            past=requests.past,
            by_day=requests.by_day or (self.creator is not None and self.creator.by_day),
        )
        decided = plan_push(alone, known, self.places, self.clock())
        yield from self._cancel_all(decided.cancels)
        yield from self._move_all(decided.moves)
        for renewal in decided.renewals:
            yield from self._renew(renewal, requests, known, adopted + 1)
        if not decided.steps:
            yield Outcome(create, "done", "it was there already")

    def _request(self, create: Create) -> NewEvent:
        return NewEvent(
            external_ids.event_id(self.source, create.uid, create.number),
            create.name,
            self.terms.renter_email,
            self.terms.activity_type_id,
            tuple(
                NewTimeslot(
                    slot.id, slot.start, slot.end, slot.facility.u_id, slot.activity or None
                )
                for slot in create.slots
            ),
            self.places.zones[create.slots[0].facility.property_id],
            renter_owner=self.terms.renter_owner,
            renter_rate_category_id=self.terms.renter_rate_category_id,
            log_message=LOG_MESSAGE,
        )

    def _makes_way(self, create: Create, pushed: Sequence[PushedState]) -> bool:
        """Return whether a creation overlaps what goes after it: its own older event, or a move."""
        live = (state.event for state in pushed if state.event and state.event.status not in OVER)
        spans = [(old.facility_id, old.start, old.end) for event in live for old in event.timeslots]
        spans += [occupied[1:] for occupied in self.leaving]
        return any(
            facility_id == new.facility.id and start < new.end and new.start < end
            for facility_id, start, end in spans
            for new in create.slots
        )

    def _collisions(self, slots: Sequence[PushSlot], own: set[str]) -> tuple[str, ...]:
        return load_bookings(self.store, slots).describe(slots, self.places, own, self.leaving)

    def _follow(self, external_id: str, pushed: PushedState) -> None:
        self.follow(external_id, pushed.property_id)


def _stop_at_same_refusals(done: Sequence[Outcome]) -> None:
    """Raise where the last creations were all refused with the same message.

    Refused moves and cancellations do not count: they say nothing about new events.
    """
    refused = (
        outcome
        for outcome in done[-SAME_REFUSALS:]
        if outcome.result == "refused" and not outcome.collisions
    )
    last = [outcome for outcome in refused if isinstance(outcome.step, Create)]
    if len(last) == SAME_REFUSALS and len({outcome.why for outcome in last}) == 1:
        raise RepeatedRefusal(last[0].why)


def refusal_text(refusal: VendorError | InvalidRequest | Conflict) -> str:
    """Return why a step was refused, as a clause: the vendor's own words as such."""
    if isinstance(refusal, Conflict) and refusal.by_vendor:
        return quote_vendor(refusal.message, 409, refusal.message_code)
    if isinstance(refusal, RequestRefused | NotFound | AccessRefused):
        return quote_vendor(refusal.message, refusal.status, refusal.message_code)
    return refusal.message if isinstance(refusal, Conflict | VendorError) else str(refusal)
