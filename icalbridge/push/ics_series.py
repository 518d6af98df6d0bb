"""Events of one UID → its instances, everything in the terms of the series' DTSTART.

The rules are worked out on the clock of DTSTART (RFC 5545, section 3.8.5), and EXDATE, RDATE and
RECURRENCE-ID mean the dates that they mean there, whatever their own form. Several events of one
UID without RECURRENCE-ID are several events.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from icalbridge.push.ics_values import CalendarTime, Unusable
from icalbridge.push.instances import (
    SINGLE,
    CalendarSpan,
    Instance,
    UnusableEvent,
    instance_id,
    unit_uid,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import date

    from icalbridge.push.ics_events import CalendarEvent, EventLength
    from icalbridge.push.ics_lines import LineNotes

MOST_INSTANCES = 1_000
"""Of one series: a season has some dozens, a daily rule 730 in two years."""
OLDER = "an older version of another event at the same time; left out"
_NO_DATE = CalendarTime("day", datetime(1, 1, 2))  # noqa: DTZ001


Fate: TypeAlias = Instance | UnusableEvent | Literal["over", "cancelled", "goes on"]
"""What becomes of a date; "goes on" for a series with dates after the last that is looked at."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One date with the event that decides on it."""

    start: CalendarTime
    length: EventLength
    slot_id: str
    event: CalendarEvent
    cancelled: bool


def expand_uid(
    uid: str, events: Sequence[CalendarEvent], span: CalendarSpan, notes: LineNotes
) -> Iterator[Fate]:
    """Yield the fate of each date of one UID. Raises `Unusable` where none of them can be known."""
    overrides = [event for event in events if event.is_override]
    for event in overrides:
        if event.recurrence is None or (event.follows and event.error and not event.cancelled):
            raise Unusable(event.error)
    masters = _newest(
        (event for event in events if not event.is_override),
        lambda event: (event.recurs, slot_id(event.start) if event.start else event.number),
        notes,
    )
    taken: dict[str, _Unit] = {}
    for unit in _units(uid, masters, overrides, span):
        fates = list(_unit_fates(unit, taken, notes))
        if sum(isinstance(fate, Instance) for fate in fates) > MOST_INSTANCES:
            raise Unusable(f"it has more than {MOST_INSTANCES:,} instances in the two years ahead")
        yield from fates


def _unit_fates(unit: _Unit, taken: dict[str, _Unit], notes: LineNotes) -> Iterator[Fate]:
    """Yield the fate of each date; `taken`: which unit has an instance at a time."""
    if unit.master and unit.master.error and not unit.master.cancelled:
        yield from refuse(unit.uid, [unit.master, *unit.overrides], unit.master.error)
        return
    for row in unit.rows(notes):
        first = taken.setdefault(slot_id(row.start), unit)
        if first is unit or row.event.is_override:
            yield _fate(row, unit)
        else:
            notes.add(row.event.number, OLDER)
    if unit.goes_on():
        yield "goes on"


def refuse(
    uid: str, events: Iterable[CalendarEvent], reason: str, instance: str = ""
) -> Iterator[UnusableEvent]:
    """Yield events as impossible, or one instance of one."""
    for event in events:
        yield UnusableEvent(uid, event.summary, reason, instance, event.free, event.private)


def _newest(
    events: Iterable[CalendarEvent], key: Callable[[CalendarEvent], object], notes: LineNotes
) -> list[CalendarEvent]:
    """Return the newest of all events with the same key; of equal SEQUENCE the last."""
    newest: dict[object, CalendarEvent] = {}
    for event in events:
        before = newest.get(key(event))
        older = event if before and event.sequence < before.sequence else before
        if older:
            notes.add(older.number, OLDER)
        if older is not event:
            newest[key(event)] = event
    return list(newest.values())


def _units(
    uid: str,
    masters: Sequence[CalendarEvent],
    overrides: Sequence[CalendarEvent],
    span: CalendarSpan,
) -> list[_Unit]:
    """Return what expands by itself, newest first, with the overrides of its dates."""
    series = [event for event in masters if event.recurs]
    units = []
    for event in sorted(masters, key=lambda event: (-event.sequence, not event.recurs)):
        alone = len(masters) == 1 or series == [event]
        named = uid if alone or not event.start else unit_uid(uid, slot_id(event.start))
        units.append(_Unit(named, event, [], span))
    able = [unit for unit in units if unit.master in series] or units
    rest = _Unit(uid, None, [], span)
    for event in overrides:
        fitting = able if len(able) == 1 else [unit for unit in able if unit.find(event.recurrence)]
        (fitting[0] if fitting else rest).overrides.append(event)
    return [*units, rest] if rest.overrides else units


def _fate(row: _Row, unit: _Unit) -> Fate:
    event = row.event
    if row.cancelled:
        return "cancelled"
    if event.error:
        return next(refuse(unit.uid, [event], event.error, row.slot_id))
    start, end = _span(row.start, row.length)
    if end.replace(tzinfo=UTC) <= unit.span.since:
        return "over"
    name = (unit.master or unit.overrides[0]).name
    texts = (name, event.summary, event.location)
    times = (row.start.kind, start, end)
    return Instance(unit.uid, row.slot_id, *times, *texts, event.free, event.private)


def _span(start: CalendarTime, length: EventLength) -> tuple[datetime, datetime]:
    """Return when an instance starts and ends: moments in UTC, other times by the clock."""
    if start.kind != "moment":
        return start.wall, start.wall + length.lasts
    begin, end = start.moment(), start.at(start.wall + length.lasts).moment()
    # where the clock is put forward in between, it lasts as long as it says
    return begin, begin + length.lasts if length.exact or end <= begin else end


def slot_id(when: CalendarTime) -> str:
    """Return the id of the instance that has a RECURRENCE-ID."""
    if when.kind == "day":
        return instance_id(when.wall.date())
    return instance_id(when.wall if when.kind == "floating" else when.moment())


@dataclass(slots=True)
class _Unit:
    """An event with its overrides, or the overrides of an event that the calendar lacks."""

    uid: str
    master: CalendarEvent | None
    overrides: list[CalendarEvent]
    span: CalendarSpan
    _dates: dict[datetime, EventLength | None] | None = None
    _by_day: dict[date, list[datetime]] = field(default_factory=lambda: defaultdict(list))

    def goes_on(self) -> bool:
        """Return whether a rule has dates later than those looked at."""
        event = self.master
        if event is None or event.start is None or event.cancelled:
            return False
        last, home = self._last(event.start), self.span.home
        return any(rule.goes_on(event.start, last, home) for rule in event.rules)

    def rows(self, notes: LineNotes) -> list[_Row]:
        """Return every date that is not excluded."""
        master, overrides = self.master, self._newest_overrides(notes)
        if master is None or master.start is None:
            rows = [_override_row(event, None) for event in overrides.values()]
            if master:  # it is cancelled, and no date of it is known
                rows.append(_Row(_NO_DATE, master.length, SINGLE, master, cancelled=True))
        elif master.recurs or overrides:
            rows = list(self._series_rows(master, master.start, overrides))
        else:
            rows = [_Row(master.start, master.length, SINGLE, master, master.cancelled)]
        if len({row.slot_id for row in rows}) < len(rows):
            raise Unusable("two of its instances have the same RECURRENCE-ID")
        return rows

    def _series_rows(
        self, master: CalendarEvent, first: CalendarTime, overrides: dict[datetime, CalendarEvent]
    ) -> Iterator[_Row]:
        dates, change = self.dates(), None
        for wall in sorted({*dates, *overrides}):
            start = first.at(wall)
            if override := overrides.get(wall):
                yield _override_row(override, master, start)
                change = (override, wall) if override.follows else change
                continue
            length = dates[wall] or master.length
            row = _Row(start, length, slot_id(start), master, master.cancelled)
            yield _changed(row, *change) if change else row

    def dates(self) -> dict[datetime, EventLength | None]:
        """Return the dates of the series by its clock, with a length where one has its own."""
        event = self.master
        if self._dates is None:
            self._dates = {}
            if event and event.start and not (event.error and not event.cancelled):
                self._expand(event, event.start)
        return self._dates

    def _expand(self, event: CalendarEvent, start: CalendarTime) -> None:
        last, home = self._last(start), self.span.home
        dates: dict[datetime, EventLength | None] = {start.wall: None}
        for rule in event.rules:
            dates |= dict.fromkeys(rule.dates(start, last, home))
        for extra, length in event.extra:
            dates[self._in_terms(extra, start)] = length
        for wall in dates:
            self._by_day[wall.date()].append(wall)
        self._dates = dates
        gone = {wall for value in event.excluded for wall in self.find(value)}
        for rule in event.excluded_rules:
            gone.update(rule.dates(start, last, home, counts_start=False))
        self._dates = {wall: length for wall, length in dates.items() if wall not in gone}

    def find(self, value: CalendarTime | None) -> list[datetime]:
        """Return the dates, by the series' clock, that an EXDATE or RECURRENCE-ID means."""
        start = self.master.start if self.master else None
        dates = self.dates()
        if value is None or start is None:
            return []
        if "day" in {start.kind, value.kind}:
            return self._by_day.get(value.wall.date(), [])
        moment = value.moment(self.span.home)
        local = moment.astimezone(start.zone or self.span.home)
        same = [
            wall
            for wall in self._by_day.get(local.date(), ())
            if start.at(wall).moment(self.span.home) == moment
        ]
        literal = [value.wall] if value.wall in dates else []
        return literal or same if value.kind == "floating" else same or literal

    def _in_terms(self, value: CalendarTime, start: CalendarTime) -> datetime:
        """Return a date of RDATE by the series' clock."""
        if "day" in {start.kind, value.kind}:
            return datetime.combine(value.wall.date(), start.wall.time())
        if value.kind == "floating":
            return value.wall
        clock = start.zone or self.span.home
        return value.moment().astimezone(clock).replace(tzinfo=None)

    def _last(self, start: CalendarTime) -> datetime:
        """Return by the series' clock when its rules end."""
        until = self.span.rules_until
        return (until.astimezone(start.zone) if start.zone else until).replace(tzinfo=None)

    def _newest_overrides(self, notes: LineNotes) -> dict[datetime, CalendarEvent]:
        """Return the overrides by the date, on the series' clock, that they are for."""
        start = self.master.start if self.master else None

        def key(event: CalendarEvent) -> datetime:
            if event.recurrence is None or start is None:
                return (event.recurrence or _NO_DATE).moment(self.span.home)
            return next(iter(self.find(event.recurrence)), self._in_terms(event.recurrence, start))

        return {key(event): event for event in _newest(self.overrides, key, notes)}


def _override_row(
    event: CalendarEvent, master: CalendarEvent | None, date_of: CalendarTime | None = None
) -> _Row:
    """Return the row of an override; what is older than the series' cancellation is cancelled."""
    recurrence = date_of or event.recurrence or _NO_DATE
    late = master is not None and master.cancelled and event.sequence <= master.sequence
    start = event.start or recurrence
    named = slot_id(start if event.follows and event.start else recurrence)
    return _Row(start, event.length, named, event, event.cancelled or late)


def _changed(row: _Row, change: CalendarEvent, first: datetime) -> _Row:
    """Return a later date as an override of RANGE=THISANDFUTURE has it."""
    if change.start is None:
        return replace(row, event=change, cancelled=True)
    start = change.start.at(change.start.wall + (row.start.wall - first))
    return _Row(start, change.length, slot_id(start), change, change.cancelled or row.cancelled)
