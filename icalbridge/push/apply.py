"""Steps → the vendor, one request after the other, each noted in the store before it is sent.

Killed at any of them and run again, the next plan finds what was done under its external id and
does the rest: a creation is never sent under another id while one may be on its way, and to move or
to cancel twice changes nothing. Errors that would befall every step (`RetryableError`, a refused
key) end the run; what one step alone is refused for is answer of it, and the others go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
    TimeslotChange,
    Unknown,
    check_event,
)
from icalbridge.push import external_ids
from icalbridge.push.collisions import load_bookings
from icalbridge.push.current import EVENT_TYPE, look_up
from icalbridge.push.diff import plan_push
from icalbridge.push.mapping import PushRequests
from icalbridge.push.steps import OVER, Create, PushedState
from icalbridge.store import Pushed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from datetime import datetime

    from icalbridge.facilitron import Client, Created
    from icalbridge.push.mapping import PushSlot
    from icalbridge.push.places import PlaceTable
    from icalbridge.push.steps import Cancel, Move, PushPlan, Renewal, Step
    from icalbridge.store import Store

MOST_ADOPTED = 100
"""How many events under ids of ours, which the store did not know, are taken up in a row for one
UID.
"""
LOG_MESSAGE = "icalbridge push"
ONE_OFF = (RequestRefused, NotFound, AccessRefused, MalformedAnswer)
"""What befalls one step alone."""
SAME_REFUSALS = 3
"""After so many refused creations in a row in the same words, the others would be refused as well.
"""


class RepeatedRefusal(IcalbridgeError):
    """Raised when the vendor refuses one creation after the other in the same words; the text is
    those.
    """


@dataclass(frozen=True, slots=True)
class EventTerms:
    """What a new event says beside its name and times; see `facilitron.NewEvent`."""

    renter_email: str = field(repr=False)
    activity_type_id: float
    renter_owner: str | None = field(default=None, repr=False)
    renter_rate_category_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step."""

    step: Step
    result: Literal["done", "collides", "refused"]
    """`collides`: it was done all the same."""
    why: str = ""
    """The vendor's words."""
    collisions: tuple[str, ...] = ()


@dataclass(slots=True)
class PushRun:
    """One calendar's way to the vendor."""

    client: Client
    store: Store
    source: str
    terms: EventTerms
    places: PlaceTable
    clock: Callable[[], datetime]
    follow: Callable[[str, str], None] = lambda _external_id, _property_id: None
    """Hears external id and property of each event that was written to."""
    on_progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None
    done: list[Outcome] = field(default_factory=list)
    """What came of each step so far, for whoever asks after `run` broke off."""
    requests_left: Callable[[], int] | None = None
    """Tells how many requests are left today; None where that does not matter."""

    def run(
        self, decided: PushPlan, requests: PushRequests, held: Sequence[PushedState]
    ) -> list[Outcome]:
        """Do what was decided of a requests and of what is there.

        Raises `InvalidRequest`, before anything is sent, for terms that the vendor would refuse;
        `VendorError` where nothing more can be done for now.
        """
        for create in (each for renewal in decided.renewals for each in renewal.creates):
            check_event(self._request(create), self.clock())
        total = len(decided.steps)
        done = self.done
        for outcome in self._steps(decided, requests, held):
            done.append(outcome)
            self.on_progress("writing", min(len(done), total), total)
            _stop_if_hopeless(done)
        return done

    def _steps(
        self, decided: PushPlan, requests: PushRequests, held: Sequence[PushedState]
    ) -> Iterator[Outcome]:
        yield from self._cancel_all(decided.cancels)
        blocked = yield from self._move_free(decided.moves)
        if not decided.renewals:
            yield from self._still_blocked(blocked)
            return
        for renewal in decided.renewals:
            self._require_room(renewal)
            yield from self._renew(
                renewal, requests, [each for each in held if each.uid == renewal.uid]
            )
        yield from self._move_all(
            [each for each, _ in blocked]
        )  # what was made anew may have freed a place

    def _cancel_all(self, cancels: Sequence[Cancel]) -> Iterator[Outcome]:
        for each in cancels:
            outcome = self._cancel(each)
            if outcome.result == "done":
                self._follow(each.pushed.external_id, each.pushed)
            yield outcome

    def _cancel(self, step: Cancel) -> Outcome:
        external_id = step.pushed.external_id
        self.store.pushed.drop(external_id, now=self.clock())
        try:
            answer = self.client.cancel_event(EVENT_TYPE, external_id, LOG_MESSAGE)
        except ONE_OFF as error:
            self.store.pushed.keep([external_id])
            return Outcome(step, "refused", _words(error))
        if isinstance(answer, Conflict):
            self.store.pushed.keep([external_id])
            return Outcome(step, "refused", answer.message)
        return Outcome(step, "done")

    def _require_room(self, renewal: Renewal) -> None:
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
        """Do moves, and say which are blocked."""
        yield from self._still_blocked((yield from self._move_free(moves)))

    def _move_free(self, moves: Sequence[Move]) -> Generator[Outcome, None, list[tuple[Move, str]]]:
        """Do moves, and return those that are blocked, with the vendor's words.

        What stands in another's way is tried again once that one has moved.
        """
        written: dict[str, PushedState] = {}
        left = list(moves)
        blocked: list[tuple[Move, str]] = []
        while left:
            blocked = []
            for each in left:
                outcome = self._move(each)
                if isinstance(outcome, str):
                    blocked.append((each, outcome))
                    continue
                written[each.pushed.external_id] = each.pushed
                yield outcome
            if len(blocked) == len(left):
                break
            left = [each for each, _ in blocked]
        for external_id, held in written.items():
            self._follow(external_id, held)
        return blocked

    def _still_blocked(self, blocked: Sequence[tuple[Move, str]]) -> Iterator[Outcome]:
        for each, words in blocked:
            own = {each.pushed.event.id} if each.pushed.event else set()
            yield Outcome(each, "refused", words, self._collisions([each.after], own))

    def _move(self, step: Move) -> Outcome | str:
        """Change a timeslot; return the vendor's words where something stands in the way."""
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
            return Outcome(step, "refused", _words(error))
        return Outcome(step, "done") if isinstance(answer, Moved) else answer.message

    def _renew(
        self,
        renewal: Renewal,
        requests: PushRequests,
        held: Sequence[PushedState],
        adopted: int = 0,
    ) -> Iterator[Outcome]:
        """Make what a UID lacks, then cancel what that stands for; where it cannot be made, all
        stays as it is.

        The store hears of it at the end: what is there twice must not wait for that.
        """
        written: list[tuple[str, str]] = []
        yield from self._renew_at_vendor(renewal, requests, held, adopted, written)
        for each in written:
            self.follow(*each)

    def _renew_at_vendor(
        self,
        renewal: Renewal,
        requests: PushRequests,
        held: Sequence[PushedState],
        adopted: int,
        written: list[tuple[str, str]],
    ) -> Iterator[Outcome]:
        """Do it, and note external id and property of each event that was written to."""
        own = {each.event.id for each in held if each.event}
        for create in renewal.creates:
            external_id = external_ids.event_id(self.source, create.uid, create.number)
            self.store.pushed.intend(Pushed(external_id, self.source, create.uid), now=self.clock())
            try:
                answer = self.client.create_event(self._request(create))
            except (*ONE_OFF, InvalidRequest) as error:
                yield Outcome(create, "refused", _words(error))
                return
            if isinstance(answer, NotCreated | Unknown):
                if not isinstance(answer.error, ONE_OFF):
                    raise answer.error
                yield Outcome(create, "refused", _words(answer.error))
                return
            if isinstance(answer, Conflict):
                yield from self._after_conflict(create, answer, requests, held, adopted)
                return
            written.append((external_id, create.slots[0].facility.property_id))
            yield self._made(
                create, answer, {answer.event_id, *own}, excused=_overlaps(create, held)
            )
        for each in renewal.cancels:
            outcome = self._cancel(each)
            if outcome.result == "done":
                written.append((each.pushed.external_id, each.pushed.property_id))
            yield outcome

    def _made(self, create: Create, answer: Created, own: set[str], *, excused: bool) -> Outcome:
        """Say what a creation came to; where it stands in for an older event of its own, it is
        excused for that.
        """
        found = () if answer.has_conflict is False else self._collisions(create.slots, own)
        if found or (answer.has_conflict and not excused):
            return Outcome(create, "collides", "", found)
        return Outcome(create, "done")

    def _after_conflict(
        self,
        create: Create,
        answer: Conflict,
        requests: PushRequests,
        held: Sequence[PushedState],
        adopted: int,
    ) -> Iterator[Outcome]:
        """Take up the event that has the id already, of which the store did not know, and decide
        anew for its UID.
        """
        external_id = external_ids.event_id(self.source, create.uid, create.number)
        event, whole = look_up(self.client, external_id, self.places.zones)
        if event is None or not whole or adopted >= MOST_ADOPTED:
            own = {each.event.id for each in held if each.event}
            yield Outcome(create, "refused", answer.message, self._collisions(create.slots, own))
            return
        found = PushedState(external_id, create.uid, event, dropped=event.status in OVER)
        if found.dropped:
            self.store.pushed.drop(external_id, now=self.clock())
        known = [*(each for each in held if each.external_id != external_id), found]
        alone = PushRequests(
            tuple(each for each in requests.events if each.uid == create.uid),
            tuple(each for each in requests.impossible if each.uid == create.uid),
            past=requests.past,
        )
        decided = plan_push(alone, known, self.places.facilities, self.clock())
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
                    each.id, each.start, each.end, each.facility.u_id, each.activity or None
                )
                for each in create.slots
            ),
            self.places.zones[create.slots[0].facility.property_id],
            renter_owner=self.terms.renter_owner,
            renter_rate_category_id=self.terms.renter_rate_category_id,
            log_message=LOG_MESSAGE,
        )

    def _collisions(self, slots: Sequence[PushSlot], own: set[str]) -> tuple[str, ...]:
        return load_bookings(self.store, slots).describe(slots, self.places.zones, own)

    def _follow(self, external_id: str, held: PushedState) -> None:
        self.follow(external_id, held.property_id)


def _overlaps(create: Create, held: Sequence[PushedState]) -> bool:
    """Say whether a creation is where and when an event of its own still is, until that one is
    cancelled.
    """
    live = [
        slot
        for each in held
        if each.event and each.event.status not in OVER
        for slot in each.event.timeslots
    ]
    return any(
        old.facility_id == new.facility.id and old.start < new.end and new.start < old.end
        for old in live
        for new in create.slots
    )


def _words(error: VendorError | InvalidRequest) -> str:
    return error.message if isinstance(error, VendorError) else str(error)


def _stop_if_hopeless(done: Sequence[Outcome]) -> None:
    """Raise where the last creations were all refused in the same words, so that the others need
    not be tried.

    What is refused of an event that is there says nothing of any other, and must keep nothing from
    being made.
    """
    refused = (
        each for each in done[-SAME_REFUSALS:] if each.result == "refused" and not each.collisions
    )
    last = [each for each in refused if isinstance(each.step, Create)]
    if len(last) == SAME_REFUSALS and len({each.why for each in last}) == 1:
        raise RepeatedRefusal(last[0].why)
