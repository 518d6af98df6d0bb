"""Days of a district, on a clock that nobody waits for: how soon an edit shows, and at what price.

The real sandbox with the vendor's real limits, over HTTP; the real worker, plan and store. Only
time is simulated: a request takes as long as a vendor's may, a nap as long as it says. People edit
bookings around the clock; an edit belongs to the tier of the nearest timeslot of its event, and is
visible when the store has it.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from icalbridge import sandbox
from icalbridge.facilitron import Client
from icalbridge.store import Store
from icalbridge.store.tables import counters, events
from icalbridge.sync.ledger import StoreLedger
from icalbridge.sync.pace import Grant
from icalbridge.sync.run import Sync
from icalbridge.sync.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo
    from pathlib import Path

    from icalbridge.sandbox import AnswerLimits, State

KEY = "sandbox-key"
USER = "default"
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
END = MIDNIGHT + timedelta(days=1)
GRANT = Grant()
FACILITIES = 33
BOOKINGS_A_DAY = 2
"""Of each school: how many there are changes what the machine has to do, not what it has to ask."""
SCALE = 8
"""How many times as many a school has; limits of size are divided by it."""
EDITS = {"near": 80, "today": 150, "week": 200, "month": 250, "quarter": 150, "year": 150}
"""How many bookings are edited a day; `near`: of today, in the two hours before they begin."""
LAST_DAYS = {"today": 0, "week": 7, "month": 30, "quarter": 90, "year": 10_000}
NEAR = timedelta(hours=2)
SECONDS = {"property-events": 1.0, "facility-events": 0.5}
"""How long the vendor takes to answer at least; others 0.3 s."""


@dataclass
class SimulatedClock:
    """Goes when somebody waits, and lets what is due happen on the way."""

    now: datetime
    edits: list[Edit] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now.replace(microsecond=0)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        while self.edits and self.edits[-1].made <= self.now:
            self.edits.pop().make()

    def timer(self) -> float:
        return self.now.timestamp()


@dataclass
class Edit:
    """Somebody changes a booking."""

    made: datetime
    tier: str
    world: sandbox.World
    event_id: str
    seen: datetime | None = None
    done: bool = False

    def make(self) -> None:
        self.done = True
        self.world.rename(self.event_id, f"Edited at {self.made:%H:%M:%S}")

    @property
    def seconds(self) -> float:
        """How long nobody could see it; what was never seen waits still."""
        return ((self.seen or END) - self.made).total_seconds()


def make_edits(world: sandbox.World) -> list[Edit]:
    """Return the day's edits, the last one first; each event is edited at most once.

    An event with a timeslot in this day is edited on that day, before it; of the others, at any
    time.
    """
    rng = random.Random(7)
    left = dict(EDITS)
    made = []
    for event_id in rng.sample(sorted(world.events), len(world.events)):
        event = world.events[event_id]
        if str(event["status"]).lower() != "approved":
            continue
        zone = world.zone_of(event["property_id"])
        ahead = sorted(start for start in _starts(event, zone) if start > MIDNIGHT)
        if not ahead:
            continue
        today = ahead[0].astimezone(zone).replace(hour=0, minute=0)
        begin, end = (max(MIDNIGHT, today), ahead[0]) if ahead[0] < END else (MIDNIGHT, END)
        near = ahead[0] < END and rng.random() < EDITS["near"] / (EDITS["near"] + EDITS["today"])
        if near:
            begin = max(begin, end - NEAR)
        moment = begin + (end - begin) * rng.random()
        days = (ahead[0].astimezone(zone).date() - moment.astimezone(zone).date()).days
        tier = next(name for name, last in LAST_DAYS.items() if days <= last)
        tier = "near" if near and tier == "today" else tier
        if left[tier]:
            left[tier] -= 1
            made.append(Edit(moment, tier, world, event_id))
    return sorted(made, key=lambda each: each.made, reverse=True)


def _starts(event: dict[str, Any], zone: tzinfo) -> Iterator[datetime]:
    for each in event["timeslots"] or ():
        with suppress(ValueError, TypeError):
            start = datetime.fromisoformat(each["start_datetime"])
            yield start if start.tzinfo else start.replace(tzinfo=zone)


@dataclass
class Day:
    """What a simulated day came to."""

    schools: int
    vendor: str
    requests: int
    statuses: Counter[int]
    edits: list[Edit]
    reach: int

    def late(self, tier: str, share: float) -> float:
        """Return how many seconds that share of a tier's edits took at most."""
        spans = sorted(each.seconds for each in self.edits if each.tier == tier and each.done)
        return spans[min(int(len(spans) * share), len(spans) - 1)] if spans else 0.0


def answers_of(vendor: str) -> AnswerLimits:
    """Return how a vendor answers a district whose schools have fewer bookings than real ones."""
    limits = sandbox.VENDORS[vendor]
    most = limits.max_answer_mb
    return replace(
        limits,
        max_answer_mb=None if most is None else most / SCALE,
        seconds_per_mb=limits.seconds_per_mb * SCALE,
    )


@dataclass
class Simulation:
    """A district, its vendor and a worker, with a clock that they share."""

    url: str
    clock: SimulatedClock
    world: sandbox.World
    state: State
    store: Store
    sync: Sync
    worker: Worker

    def step(self) -> None:
        """Let the worker do one thing, and time go on."""
        self.clock.wait(self.worker.step())

    def sync_everything(self, store: Store) -> None:
        """Sync a database as if there were no quota."""
        (limits,) = self.state.limits.values()
        limits.quota_per_day = limits.rate_per_minute = 10**6
        sync = _make_sync(self.url, self.clock, store, Grant(10**6, 10**6))
        assert sync.everything().failures == []


@contextmanager
def simulation(
    folder: Path,
    *,
    schools: int,
    vendor: str,
    begin: datetime,
    grant: Grant = GRANT,
    facilities: int = FACILITIES,
    bookings: int = BOOKINGS_A_DAY,
    first_quota: int | None = None,
) -> Iterator[Simulation]:
    """Yield a district that was synced once and that somebody reads.

    `first_quota`: requests that the first sync may take, if not a day's.
    """
    clock = SimulatedClock(begin)
    world = sandbox.build_world(
        seed=1,
        today=sandbox.district_day(begin),
        schools=schools,
        facilities=facilities,
        events_per_day=bookings * schools,
        hostile=True,
    )
    first_grant = replace(grant, quota_per_day=first_quota or grant.quota_per_day)
    app = sandbox.create_app(
        world,
        keys=(KEY,),
        clock=clock,
        answers=answers_of(vendor),
        rate_per_minute=grant.rate_per_minute,
        quota_per_day=first_grant.quota_per_day,
    )
    store = open_store(folder / "simulated.db")
    with sandbox.serve_in_thread(app) as url:
        state = app.extensions["sandbox"]
        state.wait = clock.wait
        _make_sync(url, clock, store, first_grant).everything()
        sync = _make_sync(url, clock, store, grant)
        store.write.note_read([each.id for each in store.read.properties()], now=clock())
        worker = Worker(
            sync, store, grant, api_user_id=USER, worker_id="day", clock=clock, sleep=clock.wait
        )
        yield Simulation(url, clock, world, state, store, sync, worker)
    store.close()


def open_store(path: Path) -> Store:
    """Return a new database."""
    store = Store.connect(f"sqlite:///{path}")
    store.upgrade()
    return store


def _make_sync(url: str, clock: SimulatedClock, store: Store, grant: Grant) -> Sync:
    ledger = StoreLedger(
        store,
        USER,
        rate_per_minute=grant.rate_per_minute,
        quota_per_day=grant.quota_per_day,
    )
    client = Client(
        url,
        KEY,
        ledger=ledger,
        clock=clock,
        sleep=clock.wait,
        timer=clock.timer,
        rng=random.Random(1),
        on_request=lambda endpoint, _: clock.wait(SECONDS.get(endpoint, 0.3)),
    )
    return Sync(client, store, api_user_id=USER, worker_id="day", clock=clock, sleep=clock.wait)


def live_a_day(schools: int, vendor: str, folder: Path) -> Day:
    """Live through a day from midnight to midnight UTC, after two hours to begin with."""
    begin = MIDNIGHT - timedelta(hours=2)
    with simulation(folder, schools=schools, vendor=vendor, begin=begin) as simulated:
        clock, store = simulated.clock, simulated.store
        while clock.now < MIDNIGHT:
            simulated.step()
        begun = len(simulated.state.requests)
        edits = make_edits(simulated.world)
        clock.edits = list(edits)
        watcher = Watcher(store, edits)
        while clock.now < END:
            before = clock()
            simulated.step()
            watcher.look(before, clock.now)
        statuses = [status for *_, status in simulated.state.requests[begun:]]
        reach = store.windows.state(USER).reach.days
    return Day(schools, vendor, len(statuses), Counter(statuses), edits, reach)


class Watcher:
    """Notes when the store has an edit."""

    def __init__(self, store: Store, edits: Sequence[Edit]) -> None:
        self._store = store
        self._waiting = {edit.event_id: edit for edit in edits}
        self._revision = 0

    def look(self, since: datetime, now: datetime) -> None:
        """Let every edit that the store has by now be seen now; `since`: of the last look."""
        number = select(counters.c.value).where(counters.c.name == "revision")
        query = select(events.c.event_id).where(events.c.changed_at >= since)
        with self._store.engine.connect() as connection:
            revision = connection.scalar(number) or 0
            if revision == self._revision:  # cheap, since this is done after each request
                return
            self._revision = revision
            changed = connection.scalars(query).all()
        for event_id in changed:
            edit = self._waiting.get(event_id)
            if edit and edit.done:
                edit.seen = now
                del self._waiting[event_id]
