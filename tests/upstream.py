"""The district that `test_sync_machine` plays with, and everything that people do to it: edits
upstream.

Timeslots are followed by a serial number, which the vendor's objects carry and our client never
reads.
"""

from __future__ import annotations

import copy
import itertools
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from icalbridge import sandbox
from icalbridge.facilitron import Client
from icalbridge.store import Store
from icalbridge.store.windows import LEASE_SECONDS
from icalbridge.sync import schedule
from icalbridge.sync.run import Sync
from tests.any_world import fill
from tests.fixtures.bridges import KEY, START, Bridge
from tests.fixtures.workers import Agency, Hired, Unlimited

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from icalbridge.models import Entry
    from icalbridge.sandbox.world import Dto

Place = tuple[str, str, datetime, datetime]
"""What is compared: event, facility, start and end."""

DISTRICT, SCHOOL = "district", "school"
ZONES = ("America/Los_Angeles", "America/New_York", "Pacific/Auckland")
HISTORY = timedelta(days=60)
FEWEST = schedule.PLENTY + 2
"""So many events stay to come, so that an empty answer is always an implausible one."""
LEASE = timedelta(seconds=LEASE_SECONDS + 1)
DOUBT = timedelta(seconds=schedule.DOUBT_SECONDS)

FAULTS = (
    *(
        "401",
        "403",
        "404",
        "500",
        "503",
        "reset",
        "truncated",
        "html",
        "garbage",
        "null",
        "error-coded",
    ),
    *("503:p=0.3", "truncated:p=0.5", "reset:p=0.3", "429:first=4", "hang:seconds=0,p=0.3"),
    *(
        "null:endpoint=property-events,p=0.5",
        "empty:endpoint=facilities",
        "empty:endpoint=properties",
    ),
)
EMPTY = (
    "empty",
    "empty:endpoint=property-events",
    "empty:p=0.5",
    "empty:endpoint=facility-events",
    "short:endpoint=properties",
)
EDITS = (
    "rename",
    "move",
    "move",
    "place_anew",
    "suspend",
    "cancel",
    "close",
    "delete",
    "activate again",
    "add",
)
LATER_STATUSES = ("Completed", None, "Closed", "Approved - Pending Payment")
MOVES = (-48, -24, -3, 1, 2, 24, 24 * 7, 24 * 31, 24 * 100)
"""In hours."""
HEAVY = ("503:endpoint=property-events,days=17", "504:endpoint=property-events,days=9")


@dataclass
class Stage:
    """A vendor whose world is exchanged for each run, and a way to an empty database."""

    vendor: Bridge
    fresh: Callable[[], str]


@dataclass
class Memory:
    """What the last quiet sync left, and what was done upstream since."""

    at: datetime
    shown: dict[int, Place] = field(default_factory=dict)
    """By serial number."""
    uids: dict[Place, str] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    """Events that were edited in any way."""
    moved: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    """Timeslots that were not to be seen for a while, or still are not."""
    ends: dict[int, list[datetime]] = field(default_factory=dict)
    """All ends that a timeslot had."""


class Upstream(RuleBasedStateMachine):
    """One deployment, one vendor, one clock."""

    stage: Stage
    """Where it is played; said by `play`."""

    def __init__(self) -> None:
        super().__init__()
        stage = self.stage
        self._serials = itertools.count()
        self._names = itertools.count()
        self._open = ExitStack()
        self._vendor = stage.vendor
        self._vendor.heal()
        self._vendor.state.answers = sandbox.AnswerLimits()
        self._vendor.clock.now = START
        self._url = stage.fresh()
        self._deleted: dict[str, Dto] = {}
        self._ever: set[Place] = set()
        self._sequences: dict[str, int] = {}
        self._past_shown: set[str] = set()
        self._called_off: set[str] = set()
        """Events that were cancelled at any time."""
        self._revision: tuple[int, object] = (0, None)
        self._emptied = False
        self._heavy = False
        self._left_behind = False
        self._start()

    def _start(self) -> None:
        store = Store.connect(self._url)
        store.write.add_api_user("default")
        self._open.callback(store.close)
        vendor = self._vendor
        client = Client(
            vendor.url, KEY, ledger=Unlimited(), clock=vendor.clock, sleep=vendor.naps.append
        )
        sync = Sync(
            client,
            store,
            api_user_id="default",
            worker_id="sync",
            clock=vendor.clock,
            sleep=self._wait_for_leases,
        )
        self.bridge = replace(vendor, store=store, sync=sync, full=sync)
        self.hired: Hired = Agency(self.bridge, self._url, self._open).hire(
            f"w{next(self._names)}", ledger=Unlimited()
        )

    def sync_quietly(self) -> None:
        """Bring the bridge up to date, with nothing going wrong."""
        raise NotImplementedError

    def _wait_for_leases(self, seconds: float) -> None:
        self._vendor.clock.advance(seconds=seconds)

    def teardown(self) -> None:
        """However it went, it ends in the truth."""
        try:
            if sys.exc_info()[0] is None:
                self.sync_quietly()
        finally:
            self._open.close()

    @property
    def now(self) -> datetime:
        return self._vendor.clock()

    @property
    def world(self) -> sandbox.World:
        return self._vendor.world

    # the world

    @initialize(zone=st.sampled_from(ZONES), begun=st.sampled_from([True, True, True, False]))
    def open_school(self, zone: str, *, begun: bool) -> None:
        """A district with a school, its gym and its pool, and one event of each kind that is hard."""
        self._zone = ZoneInfo(zone)
        district: Dto = {
            "_id": DISTRICT,
            "name": "District",
            "timezone": ZONES[0],
            "properties": [SCHOOL],
        }
        school: Dto = {"_id": SCHOOL, "name": "School", "timezone": zone, "properties": []}
        facilities: list[Dto] = [
            {"_id": each, "property_id": SCHOOL, "name": each.title(), "type": "Gymnasium"}
            for each in ("gym", "pool")
        ]
        fill(self.world, sandbox.World([district, school], facilities))
        here = {
            SCHOOL: self._zone,
            DISTRICT: ZoneInfo(ZONES[0]),
        }  # the vendor's own clock, whatever it gives
        self.world.zone_of = lambda property_id: here[property_id]  # type: ignore[method-assign]
        self.memory = Memory(self.now)
        for days, hours, external in (
            ([1, 8, 15, 22, 29, 36], (18, 20), False),  # a weekly series over two windows
            ([2], (9, 10), False),
            ([40], (9, 10), False),
            ([0, 100], (20, 21), False),
            ([31], (0, 1), False),  # the first hour of the second window
            ([5, 35, 65], (16, 18), True),
            ([-7, -1, 3], (8, 9), False),  # with a past
            ([1], (23, 25), False),  # over midnight
            ([113], (1, 4), False),  # over the clock change
            ([364], (12, 13), False),  # at the vendor's horizon
        ):
            self._add(days, hours, external=external)
        if begun:
            self.sync_quietly()

    def _add(self, days: list[int], hours: tuple[int, int], *, external: bool) -> None:
        event_id = f"event{next(self._names):04}"
        today = self.now.astimezone(self._zone).date()
        timeslots: list[Dto] = []
        for day in days:
            serial = next(self._serials)
            midnight = datetime.combine(today + timedelta(days=day), time())
            start, end = (midnight + timedelta(hours=hour) for hour in hours)
            timeslots.append(
                {
                    "serial": serial,
                    "external_system_timeslot_id": f"slot-{serial}" if external else None,
                    "activity_name": None,
                    "facility": {"_id": "gym", "name": "Gym", "type": "Gymnasium"},
                    "start_datetime": start.isoformat(),
                    "end_datetime": end.isoformat(),
                    "status": "active",
                }
            )
        self.world.add_event(
            {
                "_id": event_id,
                "name": f"Event {event_id}",
                "status": "Approved",
                "property_id": SCHOOL,
                "timeslots": timeslots,
                "type": "reservation",
                "property_timezone": str(self._zone),
            }
        )
        self._edited(event_id)

    def _shown(self) -> dict[int, Place]:
        """Return the place of every timeslot that the vendor shows."""
        return {
            slot["serial"]: self._place(event, slot)
            for event in self.world.events.values()
            for slot in event["timeslots"]
            if event["status"] == "Approved" and slot["status"] == "active"
        }

    def _place(self, event: Dto, slot: Dto) -> Place:
        start, end = (
            datetime.fromisoformat(slot[name]).replace(tzinfo=self._zone).astimezone(UTC)
            for name in ("start_datetime", "end_datetime")
        )
        return event["_id"], slot["facility"]["_id"], start, end

    def _edited(self, event_id: str) -> None:
        """Note what an edit did."""
        memory, shown = self.memory, self._shown()
        memory.touched.add(event_id)
        memory.gone |= memory.shown.keys() - shown.keys()
        memory.moved |= {
            serial
            for serial in memory.shown.keys() & shown
            if shown[serial] != memory.shown[serial]
        }
        for serial, place in shown.items():
            memory.ends.setdefault(serial, []).append(place[3])
        self._ever |= set(shown.values())

    def _coming(self, which: int) -> tuple[str, int] | None:
        """Choose a timeslot that has not begun; event and index."""
        found = [
            (event["_id"], index)
            for event in self.world.events.values()
            for index, slot in enumerate(event["timeslots"])
            if self._place(event, slot)[2] > self.now
        ]
        return found[which % len(found)] if found else None

    # edits

    @rule(
        edits=st.lists(
            st.tuples(st.sampled_from(EDITS), st.integers(0, 99), st.integers(0, 99)),
            min_size=1,
            max_size=4,
        )
    )
    def edit(self, edits: list[tuple[str, int, int]]) -> None:
        """Rename, move, change facility, suspend, resume, cancel, approve, delete, activate again,
        add.
        """
        for kind, which, how in edits:
            chosen = self._coming(which)
            if kind == "add":
                self._add(
                    [how, how + 40, how + 9][: which % 3 + 1],
                    (how % 22, how % 22 + 2),
                    external=how % 4 == 0,
                )
            elif kind == "activate again":
                self._activate_again(which)
            elif chosen:
                getattr(self, f"_{kind}")(*chosen, how)
                self._edited(chosen[0])

    @rule(given=st.sampled_from([None, "", "Mars/Olympus", "valid", "other case"]))
    def give_zone(self, given: str | None) -> None:
        """Let the catalogue give the school's zone, or nothing that can be used; its events always
        name it.
        """
        names = {"valid": str(self._zone), "other case": f" {str(self._zone).upper()} "}
        self.world.properties[1]["timezone"] = names.get(given or "", given)

    @rule(random=st.randoms(use_true_random=False))
    def answer_in_another_order(self, random: Random) -> None:
        """No edit at all: nothing may change."""
        with self.world.lock:
            for event in self.world.events.values():
                random.shuffle(event["timeslots"])
            shuffled = random.sample(list(self.world.events.items()), len(self.world.events))
            self.world.events.clear()
            self.world.events.update(shuffled)
            self.world.edited()

    def _activate_again(self, which: int) -> None:
        if self._deleted:
            event_id = sorted(self._deleted)[which % len(self._deleted)]
            self.world.add_event(self._deleted.pop(event_id))
            self._edited(event_id)

    def _rename(self, event_id: str, index: int, how: int) -> None:
        if how % 2:
            self.world.rename(event_id, f"Name {how}")
        else:
            self.world.set_timeslot_field(event_id, index, "activity_name", f"Activity {how}")

    def _move(self, event_id: str, index: int, how: int) -> None:
        """Move a timeslot to where none of its event is, and that is still to come."""
        event, by = self.world.events[event_id], timedelta(hours=MOVES[how % len(MOVES)])
        after = copy.deepcopy(event["timeslots"][index])
        for name in ("start_datetime", "end_datetime"):
            after[name] = (datetime.fromisoformat(after[name]) + by).isoformat()
        start = self._place(event, after)[2]
        others = {self._place(event, slot)[2] for slot in event["timeslots"]}
        if start not in others and self.now < start < self.now + timedelta(days=360):
            self.world.move_timeslot(event_id, index, by)

    def _place_anew(self, event_id: str, index: int, how: int) -> None:
        chosen = ("gym", "pool")[how % 2]
        place = {"_id": chosen, "name": chosen.title(), "type": "Gymnasium"}
        self.world.set_timeslot_field(event_id, index, "facility", place)

    def _suspend(self, event_id: str, index: int, how: int) -> None:
        self.world.set_timeslot_field(
            event_id, index, "status", "suspended" if how % 2 else "active"
        )

    def _cancel(self, event_id: str, _index: int, how: int) -> None:
        status = ("Cancelled", "Pending", "Approved", "Approved")[how % 4]
        self.world.set_status(event_id, status)
        self._called_off |= {event_id} if status == "Cancelled" else set()

    def _close(self, event_id: str, _index: int, how: int) -> None:
        """Give an event one of the statuses that are not known."""
        self.world.set_status(event_id, LATER_STATUSES[how % len(LATER_STATUSES)])

    def _delete(self, event_id: str, _index: int, _how: int) -> None:
        coming = {found[0] for number in range(99) if (found := self._coming(number))}
        if len(coming) > FEWEST:
            self._deleted[event_id] = self.world.events[event_id]
            self.world.delete(event_id)
