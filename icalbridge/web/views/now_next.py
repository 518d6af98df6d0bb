"""What a display shows of its board at a moment: the same decisions that `static/display.js` takes
every second.

Needed twice, so that the first paint, and a display without scripts, already tell everything; a
test holds both against each other. All words are here, and the page hands them to the script in the
display's language: it has none itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from icalbridge.web.formatting import clock_words
from icalbridge.web.i18n import gettext, marked
from icalbridge.web.views.occupancy_state import standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from icalbridge.web.views.board import Board, Said, Slot

OLD_SECONDS = 15 * 60
"""Data older than this is said to be."""
WORDS: Mapping[str, str] = {
    "am": "AM",
    "pm": "PM",
    "clock": "{hour}:{minute} {half}",
    "busy": marked("In use"),
    "free": marked("Free"),
    "unknown": marked("No recent data"),
    "until": marked("until {time}"),
    "until_tomorrow": marked("until {time} tomorrow"),
    "rest": marked("for the rest of today"),
    "minutes": "{minutes} min",
    "hours": "{hours} h {minutes} min",
    "full_hours": "{hours} h",
    "now": marked("Now"),
    "cancelled": marked("Cancelled"),
    "next": marked("Next"),
    "later": marked("Later today"),
    "today": marked("Today"),
    "tomorrow": marked("Tomorrow"),
    "span": "{start} – {end}",
    "on": "{day}, {time}",
    "place": "{facility} · {school}",
    "nothing": marked("Nothing more today"),
    "as_of": marked("As of {time}"),
    "page": marked("{page} of {pages}"),
    "missing-unknown": marked("There is nothing at this address"),
    "missing-unsynced": marked("This schedule is being fetched"),
    "missing-unreachable": marked("This schedule cannot be read right now"),
}


def words() -> dict[str, str]:
    """Return the words in the current language, with the time of day as its region writes it.

    `{hour}` is that of a clock with twelve hours, `{hour24}` of one with 24, `{hour24_of_two}` with
    two figures always.
    """
    return {name: gettext(text) for name, text in WORDS.items()} | clock_words()


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as it is written."""

    start: str
    end: str
    title: str
    place: str
    kind: str
    """`now`, `upcoming` or `cancelled`: how it looks, and which word stands beside it."""
    mark: str


@dataclass(frozen=True, slots=True)
class Glance:
    """Everything that is written on a display at one moment."""

    state: str
    """`free`, `busy` or `unknown`."""
    headline: str
    until: str
    left: str
    """How long that is, in hours and minutes begun."""
    clock: str
    date: str
    as_of: str
    now: tuple[Line, ...]
    next: tuple[Line, ...]
    later: tuple[Line, ...]
    """Of a facility: what else is today."""
    today: tuple[Line, ...]
    """Of a property: everything that is today and not over."""
    empty: str

    @property
    def alone(self) -> bool:
        """Whether nothing is said beside the state."""
        return not (self.now or self.next or self.later)


def glance(board: Board, now: float, words: Mapping[str, str] = WORDS) -> Glance:
    """Return what a display shows at `now`, in seconds since 1970."""
    return _Look(board, now, words).all()


class _Look:
    """One look at a board."""

    def __init__(self, board: Board, now: float, words: Mapping[str, str]) -> None:
        self._board = board
        self._now = now
        self._words = words
        self._day = next((each for each in board.days if each.start <= now < each.end), None)
        self._known = self._day is not None and now < board.until
        day_ends, known_until = (self._day.end, board.until) if self._day else (now, now)
        self._standing = standing(board.entries, now, day_ends, known_until)

    def all(self) -> Glance:
        on, coming, first = self._standing.on, self._standing.coming, self._standing.next
        until, left = self._lasting()
        today = [each for each in coming if self._is_today(each)]
        return Glance(
            state=self._standing.state,
            headline=self._words[self._standing.state],
            until=until,
            left=left,
            clock=self._clock(),
            date=self._day.name if self._day else "",
            as_of=self._as_of(),
            now=self._lines(on),
            next=self._lines([first] if first else []),
            later=self._lines(each for each in today if each is not first),
            today=self._lines([*on, *today]),
            empty="" if on or today or not self._known else self._words["nothing"],
        )

    def _lasting(self) -> tuple[str, str]:
        """Say until when the state lasts, and how long that is."""
        last, taken_by = self._standing.last, self._standing.taken_by
        end = last.end if last else taken_by.start if taken_by else None
        if end is not None:
            return self._until(end), self._span(end.at)
        return (self._words["rest"] if self._known else ""), ""

    def _until(self, end: Said) -> str:
        if self._is_tomorrow(end):
            return self._fill("until_tomorrow", time=end.text)
        return self._fill("until", time=self._moment(end))

    def _is_today(self, slot: Slot) -> bool:
        return self._day is not None and slot.start.at < self._day.end

    def _span(self, at: int) -> str:
        minutes = ceil((at - self._now) / 60)
        if minutes < 60:
            return self._fill("minutes", minutes=str(minutes))
        if minutes % 60 == 0:
            return self._fill("full_hours", hours=str(minutes // 60))
        return self._fill("hours", hours=str(minutes // 60), minutes=str(minutes % 60))

    def _clock(self) -> str:
        """Put the time of day together out of the offsets, as a display does that has nothing else
        to go by.
        """
        offset = [seconds for since, seconds in self._board.offsets if since <= self._now][-1:] or [
            0
        ]
        minute_of_day = int((self._now + offset[0]) // 60) % 1440
        hour, minute = divmod(minute_of_day, 60)
        half = self._words["am" if hour < 12 else "pm"]
        hours = {"hour": str(hour % 12 or 12), "hour24": str(hour), "hour24_of_two": f"{hour:02d}"}
        return self._fill("clock", minute=f"{minute:02d}", half=half, **hours)

    def _as_of(self) -> str:
        if self._now - self._board.as_of.at <= OLD_SECONDS:
            return ""
        return self._fill("as_of", time=self._moment(self._board.as_of))

    def _moment(self, moment: Said, beside: str = "") -> str:
        """Return a time, with its day unless that is today or was said already."""
        day = self._day
        if day is None or moment.date not in (day.date, beside):
            return self._fill("on", day=self._name(moment), time=moment.text)
        return moment.text

    def _name(self, moment: Said) -> str:
        return self._words["tomorrow"] if self._is_tomorrow(moment) else moment.day

    def _is_tomorrow(self, moment: Said) -> bool:
        day = self._day
        return day is not None and any(
            each.start == day.end and each.date == moment.date for each in self._board.days
        )

    def _lines(self, slots: Iterable[Slot]) -> tuple[Line, ...]:
        return tuple(self._line(slot) for slot in slots)

    def _line(self, slot: Slot) -> Line:
        kind = (
            "cancelled" if slot.cancelled else "now" if slot.start.at <= self._now else "upcoming"
        )
        end = self._moment(slot.end, slot.start.date)
        return Line(
            start=self._moment(slot.start),
            end=f"{end} {slot.zone}" if slot.zone else end,
            title=slot.title,
            place=self._place(slot),
            kind=kind,
            mark="" if kind == "upcoming" else self._words[kind],
        )

    def _place(self, slot: Slot) -> str:
        if not self._board.schools or not slot.school:
            return slot.facility
        return (
            self._fill("place", facility=slot.facility, school=slot.school)
            if slot.facility
            else slot.school
        )

    def _fill(self, word: str, **values: str) -> str:
        text = self._words[word]
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text
