"""The parameters of a schedule page: list, week or month, around which day, with which filters.

A filter means the same as in a feed's address (`feeds.query`). The other parameters of a feed are
ignored, since the code on a poster leads here with them; unknown ones are refused. Pure.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import parse_qsl, urlencode

from msgspec import Struct

from icalbridge.feeds.query import PARAMETERS, Surface, names_of
from icalbridge.feeds.query_values import quoted
from icalbridge.text import search_key
from icalbridge.web import i18n
from icalbridge.web.i18n import gettext
from icalbridge.web.parameters import (
    Key,
    Refused,
    choice_refusal,
    convert_parameters,
    refuse_unknown,
)
from icalbridge.web.views.calendar_grid import GridSpan, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from icalbridge.feeds import FeedQuery
    from icalbridge.feeds.audience import Item
    from icalbridge.models import Facility

OWN = ("view", "date", "next", "lang")
VIEWS = ("day", "week", "month", "list")


@dataclass(frozen=True, slots=True)
class DateRange:
    """The days that pages can show: as far as feeds reach."""

    today: date
    first: date
    last: date

    @classmethod
    def of(cls, today: date, history: int, horizon: int) -> DateRange:
        """Return the reach of some days back and ahead."""
        return cls(today, today - timedelta(days=history), today + timedelta(days=horizon))


@dataclass(frozen=True, slots=True)
class PageView:
    """One page of a schedule: its days, its filters, and the addresses of its neighbors."""

    span: GridSpan
    dated: bool
    """Whether the address names the day; a list without one begins with this very moment."""
    filters: FeedQuery
    reach: DateRange
    lang: str = ""
    """The `lang` parameter, which links to other pages keep."""
    default: str = "day"
    """The view of an address that names none."""
    left_off: Key | None = None
    """The last entry of the page before, after which a list goes on."""

    @property
    def name(self) -> str:
        return self.span.view

    def query(self, name: str, day: date | None) -> str:
        """Return the query of another page with the same filters; without a day, today's."""
        return "?" + "&".join(filter(None, (self._own(name, day), self.filters.query_string)))

    @property
    def filter_fields(self) -> list[tuple[str, str]]:
        """Return its filters as fields of a form."""
        return parse_qsl(self.filters.query_string)

    @property
    def unfiltered(self) -> str:
        """The query of the same view without filters."""
        return f"?{self._own(self.name, None)}"

    def _own(self, name: str, day: date | None) -> str:
        values = {
            "view": "" if name == self.default else name,
            "date": day.isoformat() if day else "",
            "lang": self.lang,
        }
        return urlencode({key: value for key, value in values.items() if value})

    def tab(self, name: str) -> str:
        """Return the query of the same day in another view."""
        day = self.span.day
        return self.query(name, day if self.dated and day != self.reach.today else None)

    @property
    def before(self) -> str:
        """The query of what lies before; empty where nothing can."""
        month = self.name == "month"
        begins = self.span.day.replace(day=1) if month else self.span.first
        return self._towards(-1) if begins > self.reach.first else ""

    @property
    def after(self) -> str:
        """The query of what lies after; empty where nothing can."""
        ends = self.span.neighbor(1) if self.name == "month" else self.span.end
        return self._towards(1) if ends <= self.reach.last else ""

    def _towards(self, step: int) -> str:
        day = min(max(self.span.neighbor(step), self.reach.first), self.reach.last)
        return self.query(self.name, day)

    def rest(self, key: Key) -> str:
        """Return the query of the list that goes on after an entry."""
        day = self.span.first if self.dated else None
        return f"{self.query('list', day)}&{urlencode({'next': str(key)})}"

    def of_place(self, name: str = "", day: date | None = None) -> str:
        """Return the query of a facility's page with the same filters: in a view of a day, or as
        this page is. Empty for a page of today without filters.
        """
        shown = day or (self.span.day if self.dated else None)
        own = {"view": name or self.name, "date": shown.isoformat()} if shown else {}
        filters = replace(self.filters, facility=(), type=()).query_string
        query = "&".join(filter(None, (urlencode(own), filters)))
        return f"?{query}" if query else ""

    def day_query(self, day: date) -> str:
        """Return the query of one day; empty for a day that no page can show."""
        return self.query("day", day) if self.reach.first <= day <= self.reach.last else ""


class PageParameters(Struct, frozen=True):
    view: Literal["day", "week", "month", "list"] | None = None
    date: datetime.date | None = None
    next: str = ""


def page_view(
    parameters: Mapping[str, Sequence[str]],
    reach: DateRange,
    filters: FeedQuery,
    list_days: int,
    default: str,
) -> PageView:
    """Read the parameters of an address. Raises `Refused` for what cannot be shown.

    The week of an address that names no view begins with the day itself, so that what is over
    does not stand first.
    """

    def refusal(name: str, value: str) -> str:
        if name == "view":
            return choice_refusal(name, value, VIEWS)
        if name == "next":
            return gettext(
                "next is %(given)s and must be what the page before has in its link."
            ) % {"given": value}
        sentence = gettext(
            "date is %(given)s and must be a day from %(first)s to %(last)s, written as YYYY-MM-DD."
        )
        bounds = {"first": reach.first.isoformat(), "last": reach.last.isoformat()}
        return sentence % {"given": value, **bounds}

    own = convert_parameters(parameters, PageParameters, refusal)
    if own.date and not reach.first <= own.date <= reach.last:
        raise Refused(refusal("date", quoted(parameters["date"][-1])))
    left_off = Key.read(own.next)
    if own.next and left_off is None:
        raise Refused(refusal("next", quoted(own.next)))
    day = own.date or reach.today
    shown = span(own.view or default, day, list_days)
    if own.view is None and default == "week":
        shown = GridSpan("week", day, day, 7)
    lang = i18n.requested_language((parameters.get("lang") or ("",))[-1])
    return PageView(shown, own.date is not None, filters, reach, lang, default, left_off)


def check_names(parameters: Iterable[str]) -> None:
    """Raise `Refused` for a parameter that neither a page nor a feed takes."""
    refuse_unknown(parameters, (*OWN, *names_of(Surface.PAGE)), tolerated=PARAMETERS)


class FilterOption(NamedTuple):
    value: str
    label: str
    chosen: bool = False


class FilterSelect(NamedTuple):
    """A filter that is chosen from a list."""

    name: str
    label: str
    options: tuple[FilterOption, ...]


@dataclass(frozen=True, slots=True)
class FilterForm:
    """The filters of a page: what they are set to, and what can be chosen."""

    values: Mapping[str, str]
    """Of those that are set, by parameter."""
    selects: tuple[FilterSelect, ...]

    @property
    def hidden(self) -> dict[str, str]:
        """Return the values for which there is no field."""
        names = {"q", *(select.name for select in self.selects)}
        return {name: value for name, value in self.values.items() if name not in names}


def filter_form(
    items: Iterable[Item], filters: FeedQuery, facilities: Sequence[Facility]
) -> FilterForm:
    """Return what a page can be narrowed down to: what its items are, and its facilities."""
    given = {item.name: item.values.write(value) for item, value in filters.given}
    values = {name: given[name] for name in names_of(Surface.PAGE) if name in given}
    types = {place.type for place in facilities}
    choices = facilities if 1 < len(facilities) <= MOST_PLACES else ()
    places = [(place.id, place.id, place.name or place.type or place.id) for place in choices]
    selects = (
        _select("facility", gettext("Facility"), places, values),
        _select("type", gettext("Kind"), _by_key(types) if len(types) > 1 else (), values),
        _select("activity", gettext("Activity"), _by_key(item.activity for item in items), values),
    )
    return FilterForm(values, tuple(select for select in selects if select.options))


MOST_CHOICES = 60
MOST_PLACES = 100
"""How many facilities can be chosen from a list; a district has thousands."""


def _select(
    name: str, label: str, options: Iterable[tuple[str, str, str]], values: Mapping[str, str]
) -> FilterSelect:
    """Return a select of options: how each is compared, its value and its label."""
    write, value = PARAMETERS[name].values.write, values.get(name)
    listed = [
        FilterOption(write((text,)), shown, write((key,)) == value) for key, text, shown in options
    ]
    if name == "facility" and value and listed and not any(option.chosen for option in listed):
        listed.insert(0, FilterOption(value, gettext("Several"), chosen=True))
    return FilterSelect(name, label, tuple(listed))


def _by_key(texts: Iterable[str]) -> list[tuple[str, str, str]]:
    """Return one option for all texts that are compared as the same."""
    by_key = {search_key(text): text for text in sorted(set(texts))}
    return [(key, by_key[key], by_key[key]) for key in sorted(by_key) if key][:MOST_CHOICES]
