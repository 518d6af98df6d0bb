"""What the address of a schedule page asks for: list, week or month, around which day, narrowed
down to what.

A filter means what it means in a feed's address (`feeds.shape`), so that a page and the feed it
links to agree. The other parameters of a feed are ignored, since the code on a poster leads here
with them; unknown ones are refused. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from icalbridge.feeds.query import PARAMETERS, quoted
from icalbridge.text import search_key
from icalbridge.web import formatting, i18n
from icalbridge.web.i18n import gettext
from icalbridge.web.refusing import Refused, refuse_unknown
from icalbridge.web.views.month import beside, sheet
from icalbridge.web.views.week import week_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from icalbridge.feeds import FeedQuery
    from icalbridge.models import Entry, Facility

VIEWS = ("list", "week", "month")
FILTERS = ("facility", "type", "activity", "q", "not")
"""Parameters of feeds that pages take too."""
OWN = ("view", "date", "lang")


@dataclass(frozen=True, slots=True)
class Reach:
    """The days that pages can show: as far as feeds reach."""

    today: date
    first: date
    last: date

    @classmethod
    def of(cls, today: date, history: int, horizon: int) -> Reach:
        """Return the reach of some days back and ahead."""
        return cls(today, today - timedelta(days=history), today + timedelta(days=horizon))


@dataclass(frozen=True, slots=True)
class View:
    """One page of a schedule."""

    name: str
    day: date
    dated: bool
    """Whether the address names the day; a list without one begins with this very moment."""
    first: date
    count: int
    """How many days are shown."""
    list_days: int
    shape: FeedQuery
    reach: Reach
    lang: str = ""
    """The language that the address asks for, handed on to every other page."""

    def query(self, name: str, day: date | None) -> str:
        """Return the query of another page with the same filters; without a day, today's."""
        own = self._own(name, day)
        both = "&".join(filter(None, (own, self.filter_query)))
        return f"?{both}" if both else "?"

    @property
    def unfiltered(self) -> str:
        """The query of the same view with nothing left out."""
        return f"?{self._own(self.name, None)}"

    def _own(self, name: str, day: date | None) -> str:
        wished = {
            "view": "" if name == "list" else name,
            "date": day.isoformat() if day else "",
            "lang": self.lang,
        }
        return urlencode({key: value for key, value in wished.items() if value})

    @property
    def filter_query(self) -> str:
        """The filters, as a feed's address has them."""
        return self.shape.query

    def tab(self, name: str) -> str:
        """Return the query of the same day in another view."""
        return self.query(name, self.day if self.dated and self.day != self.reach.today else None)

    @property
    def before(self) -> str:
        """The query of what lies before; empty where nothing can."""
        return self._towards(self._beside(-1)) if self._begins > self.reach.first else ""

    @property
    def after(self) -> str:
        """The query of what lies after; empty where nothing can."""
        return self._towards(self._beside(1)) if self._ends <= self.reach.last else ""

    @property
    def holds_today(self) -> bool:
        return self._begins <= self.reach.today < self._ends

    @property
    def _begins(self) -> date:
        return self.day.replace(day=1) if self.name == "month" else self.first

    @property
    def _ends(self) -> date:
        return (
            beside(self.day, 1) if self.name == "month" else self.first + timedelta(days=self.count)
        )

    def _beside(self, step: int) -> date:
        if self.name == "month":
            return beside(self.day, step)
        return self.first + timedelta(days=step * (7 if self.name == "week" else self.list_days))

    def _towards(self, day: date) -> str:
        within = min(max(day, self.reach.first), self.reach.last)
        return self.query(self.name, within)

    def day_query(self, day: date) -> str:
        """Return the query of one day's list; empty for a day that no page can show."""
        return self.query("list", day) if self.reach.first <= day <= self.reach.last else ""


def view(
    asked: Mapping[str, Sequence[str]], reach: Reach, shape: FeedQuery, list_days: int
) -> View:
    """Read the parameters of an address. Raises `Refused` with a sentence for what cannot be
    shown.
    """
    name = _one(asked, "view") or "list"
    if name not in VIEWS:
        raise Refused(
            gettext("view is %(given)s and must be list, week or month.") % {"given": quoted(name)}
        )
    day = _day(_one(asked, "date"), reach)
    shown = day or reach.today
    first, count = _days(name, shown, list_days)
    lang = i18n.asked(_one(asked, "lang"))
    return View(name, shown, day is not None, first, count, list_days, shape, reach, lang)


def _days(name: str, day: date, list_days: int) -> tuple[date, int]:
    if name == "month":
        return sheet(day)
    return (week_start(day), 7) if name == "week" else (day, list_days)


def check_names(asked: Iterable[str]) -> None:
    """Raise `Refused` for a parameter that neither a page nor a feed takes."""
    refuse_unknown(asked, (*OWN, *FILTERS), tolerated=PARAMETERS)


def filter_query(asked: Mapping[str, Sequence[str]]) -> str:
    """Return only the filters of an address that say something, as they were given."""
    given = [(name, value) for name in FILTERS for value in asked.get(name, ()) if value.strip()]
    return "&".join(f"{name}={quote(value)}" for name, value in given)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters of a page offer, and what they are set to."""

    types: tuple[str, ...]
    activities: tuple[str, ...]
    facilities: tuple[Facility, ...]
    type: str
    activity: str
    facility: str
    words: str
    unwanted: str

    @property
    def set(self) -> bool:
        return any((self.type, self.activity, self.facility, self.words, self.unwanted))

    def is_type(self, text: str) -> bool:
        return bool(self.type) and _written("type", text) == self.type

    def is_activity(self, text: str) -> bool:
        return bool(self.activity) and _written("activity", text) == self.activity


def choices(entries: Iterable[Entry], shape: FeedQuery, facilities: Sequence[Facility]) -> Choices:
    """Return what a page can be narrowed down to: what its entries are, and the facilities it is
    about.
    """
    seen = list(entries)
    types = {each.type for each in facilities} if facilities else set[str]()
    return Choices(
        types=_sorted(types) if len(types) > 1 else (),
        activities=_sorted({each.activity for each in seen}),
        facilities=tuple(facilities) if len(facilities) > 1 else (),
        **{_NAMES.get(name, name): _given(shape, name) for name in FILTERS},
    )


_NAMES = {"q": "words", "not": "unwanted"}
MOST_CHOICES = 60


def _sorted(texts: Iterable[str]) -> tuple[str, ...]:
    """Return one text for all that are compared as the same."""
    by_key = {search_key(text): text for text in sorted(texts)}
    return tuple(by_key[key] for key in sorted(by_key) if key)[:MOST_CHOICES]


def _written(name: str, text: str) -> str:
    return PARAMETERS[name].write((search_key(text),))


def _given(shape: FeedQuery, name: str) -> str:
    value = getattr(shape, PARAMETERS[name].field)
    return PARAMETERS[name].write(value) if value else ""


def span(shown: View) -> str:
    """Return what days a page shows, as people there write it: `Nov 15 - 21, 2026`, `November
    2026`.
    """
    if shown.name == "month":
        return formatting.month_name(shown.day)
    return formatting.days(shown.first, shown.first + timedelta(days=shown.count - 1))


def _one(asked: Mapping[str, Sequence[str]], name: str) -> str:
    values = [value.strip() for value in asked.get(name, ()) if value.strip()]
    return values[-1] if values else ""


def _day(text: str, reach: Reach) -> date | None:
    if not text:
        return None
    told = {"given": quoted(text), "first": reach.first.isoformat(), "last": reach.last.isoformat()}
    try:
        found = date.fromisoformat(text) if len(text) == len("2026-11-21") else None
    except ValueError:
        found = None
    if found is None or not reach.first <= found <= reach.last:
        raise Refused(
            gettext(
                "date is %(given)s and must be a day from %(first)s to %(last)s, written as"
                " YYYY-MM-DD."
            )
            % told
        )
    return found
