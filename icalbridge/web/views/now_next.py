"""What a display shows of its board at a moment: the same that `static/display.js` picks every
second, for the first paint and for displays without scripts.

All words of displays are here; the page hands those that the script needs to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from icalbridge.text import marked
from icalbridge.web.formatting import clock_words
from icalbridge.web.i18n import gettext
from icalbridge.web.views.board import fill

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icalbridge.web.views.board import Board, BoardEntry, BoardLine
    from icalbridge.web.views.occupancy_state import State

OLD_SECONDS = 15 * 60
"""Data older than this are marked as old."""
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
    "cancelled": marked("Canceled"),
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
    "more": marked("More today: {count}"),
    "missing-unknown": marked("There is nothing at this address"),
    "missing-unsynced": marked("This schedule is being loaded"),
    "missing-unreachable": marked("This schedule cannot be read right now"),
}


SCRIPT_WORDS = (
    "am",
    "pm",
    "clock",
    "minutes",
    "hours",
    "full_hours",
    "now",
    "cancelled",
    "nothing",
    "page",
    "more",
)
"""What the script puts together by itself; every other text is in the board."""


def words() -> dict[str, str]:
    """Return the words in the current language, with the time of day as its region writes it.

    `{hour}` is that of a clock with twelve hours, `{hour24}` of one with 24, `{hour24_of_two}` with
    two figures always.
    """
    return {name: gettext(text) for name, text in WORDS.items()} | clock_words()


@dataclass(frozen=True, slots=True)
class DisplayLine:
    """One entry as it is written."""

    start: str
    end: str
    title: str
    place: str
    school: str
    """Under whose heading it stands; empty where there is one school only."""
    kind: str
    """`now`, `upcoming` or `cancelled`: how it looks, and which word stands beside it."""
    mark: str


@dataclass(frozen=True, slots=True)
class DisplayView:
    """Everything that is written on a display at one moment."""

    state: State
    headline: str
    until: str
    left: str
    """How long that is, in hours and minutes begun."""
    clock: str
    date: str
    as_of: str
    now: tuple[DisplayLine, ...]
    next: tuple[DisplayLine, ...]
    later: tuple[DisplayLine, ...]
    """Of a facility: what else is today."""
    today: tuple[DisplayLine, ...]
    """Of a property: everything that is today and not over, by school."""
    empty: str
    more: str
    """How many more are today, where the board has no room for them."""

    @property
    def alone(self) -> bool:
        """Whether nothing is written beside the state."""
        return not (self.now or self.next or self.later)


def display_view(board: Board, now: float, words: Mapping[str, str] = WORDS) -> DisplayView:
    """Return what a display shows at `now`, in seconds since 1970."""
    state = [item for item in board.states if item.since <= now][-1]
    day = next((item for item in board.days if item.start <= now < item.end), None)
    known = day if state.state != "unknown" else None
    entries = board.entries
    left = [line for line in known.lines if entries[line.entry].ends_at > now] if known else []
    coming = [line for line in left if entries[line.entry].starts_at > now]
    following = next((line for line in coming if not entries[line.entry].cancelled), None)
    following = following or (known.next if known else None)

    def written(lines: Sequence[BoardLine], *, grouped: bool = False) -> tuple[DisplayLine, ...]:
        return tuple(_written(line, entries[line.entry], now, words, grouped) for line in lines)

    return DisplayView(
        state=state.state,
        headline=state.headline,
        until=state.until,
        left="" if state.ends is None else _span(state.ends - now, words),
        clock=_clock(board, now, words),
        date=day.name if day else "",
        as_of=(day or board.days[-1]).as_of if now - board.as_of.at > OLD_SECONDS else "",
        now=written(left[: len(left) - len(coming)]),
        next=written([following] if following else []),
        later=written([line for line in coming if line is not following]),
        today=written(left, grouped=board.schools),
        empty="" if left or not known or known.more else words["nothing"],
        more=fill(words["more"], count=str(known.more)) if known and known.more else "",
    )


def _written(
    line: BoardLine, entry: BoardEntry, now: float, words: Mapping[str, str], grouped: bool
) -> DisplayLine:
    begun = entry.starts_at <= now
    kind = "cancelled" if entry.cancelled else "now" if begun else "upcoming"
    mark = "" if kind == "upcoming" else words[kind]
    place, school = (entry.facility, entry.school) if grouped else (entry.place, "")
    return DisplayLine(line.start, line.end, entry.label or entry.title, place, school, kind, mark)


def _span(seconds: float, words: Mapping[str, str]) -> str:
    hours, minutes = divmod(ceil(seconds / 60), 60)
    word = "hours" if hours and minutes else "full_hours" if hours else "minutes"
    return fill(words[word], hours=str(hours), minutes=str(minutes))


def _clock(board: Board, now: float, words: Mapping[str, str]) -> str:
    """Return the time of day by the board's offsets, as a display does that has nothing else."""
    offset = [seconds for since, seconds in board.offsets if since <= now][-1:] or [0]
    hour, minute = divmod(int((now + offset[0]) // 60) % 1440, 60)
    return fill(
        words["clock"],
        hour=str(hour % 12 or 12),
        hour24=str(hour),
        hour24_of_two=f"{hour:02d}",
        minute=f"{minute:02d}",
        half=words["am" if hour < 12 else "pm"],
    )
