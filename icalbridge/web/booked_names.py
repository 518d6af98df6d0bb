"""Names of coming bookings: those that a search finds, and those of one calendar."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.feeds import Address, page_path
from icalbridge.feeds.query import FeedQuery
from icalbridge.models import Feed
from icalbridge.text import display_text, search_key
from icalbridge.web import formatting
from icalbridge.web.views.forms import build_path
from icalbridge.words import has_words, parse_words, word_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from icalbridge.models import Property
    from icalbridge.store.booked_names import BookedName
    from icalbridge.store.reading import Reading
    from icalbridge.web.views.directory import District

FIRST_NAMES = 8
"""How many names a search shows before the rest is opened."""
MOST_NAMES = 40
"""How many names a page lists."""
MOST_IDS = 4000
"""Names, each in one property, of which coming entries are looked for."""
_NUMBER = re.compile(r"\d+")
_Groups = defaultdict[tuple[str, str], dict[str, int]]
"""By the id of a calendar and a folded name: the key of the name in each property."""


@dataclass(frozen=True, slots=True)
class CalendarName:
    """A name in a calendar of a property: what is coming of it there."""

    key: str
    """Folded, as the parameter `name` has it."""
    name: str
    feed: Feed
    """The calendar of the school, or of the district where several schools have the name."""
    site: Property
    """The school of the next one."""
    school_count: int
    start: datetime
    count: int
    is_capped: bool

    @property
    def address(self) -> Address:
        return Address(self.feed, FeedQuery(name=(self.key,)))

    @property
    def page(self) -> str:
        """The path of its schedule."""
        return f"{page_path(self.feed)}?view=list&{self.address.query.query_string}"

    @property
    def when(self) -> str:
        """When the next one is, in the zone of its school."""
        zone = timezones.known_or_utc(self.site.timezone)
        day = formatting.short_day(timezones.local_date(self.start, zone))
        return f"{day}, {formatting.clock_time(self.start, zone)}"

    @property
    def build(self) -> str:
        """The path of the builder filled in with it: how to subscribe to just this."""
        kind, feed_id = self.feed.kind, self.feed.id
        return f"{build_path(kind, feed_id)}&{self.address.query.query_string}#result"


@dataclass(frozen=True, slots=True)
class NameList:
    """Names in the order of their next bookings."""

    names: tuple[CalendarName, ...]
    is_cut: bool
    """Whether there may be more."""

    def __len__(self) -> int:
        return len(self.names)


NO_NAMES = NameList((), is_cut=False)


def search_names(
    read: Reading, districts: Iterable[District], query: str, now: datetime
) -> NameList:
    """Return the names of coming bookings that a search finds.

    Each word is in a booking's name, activity, facility or kind, or in its school's name or
    address; at least one is in the name or the activity.
    """
    terms = frozenset(parse_words(query))
    if not terms:
        return NO_NAMES
    roots = {
        school.site.id: (district.own or school).site
        for district in districts
        for school in district.all
    }
    sites = {school.site.id: school.site for district in districts for school in district.all}
    groups: _Groups = defaultdict(dict)
    for rest, property_ids in _by_rest(sites.values(), terms).items():
        matches = read.match_names(property_ids, rest)
        texts = {(match.name, match.activity) for match in matches}
        named = {text for text in texts if _is_named(*text, rest)}
        for own_id, property_id, name, activity in matches:
            if (name, activity) in named:
                groups[roots[property_id].id, name][property_id] = own_id
    return _list_names(read, groups, sites, now, terms)


def _by_rest(sites: Iterable[Property], terms: frozenset[str]) -> dict[frozenset[str], list[str]]:
    """Return the ids of properties by the terms that their bookings must have: those that their own
    texts lack; all where they lack none, since every booking there would match.

    House numbers are left out: `Voleibol 1` is one team, also at a school in 1 Oak St.
    """
    by_rest: defaultdict[frozenset[str], list[str]] = defaultdict(list)
    for site in sites:
        lines = word_lines(site.name, _NUMBER.sub(" ", site.address), site.city, site.zip)
        rest = frozenset(term for term in terms if not has_words(lines, [term]))
        by_rest[rest or terms].append(site.id)
    return by_rest


def _is_named(name: str, activity: str, terms: Iterable[str]) -> bool:
    lines = word_lines(name, activity)
    return any(has_words(lines, [term]) for term in terms)


def _list_names(
    read: Reading,
    groups: _Groups,
    sites: Mapping[str, Property],
    now: datetime,
    terms: Collection[str] = (),
) -> NameList:
    """Return the names with what is coming of each; those that have most of the terms first."""

    def rank(group: tuple[str, str]) -> tuple[int, str]:
        lines = word_lines(group[1])
        return -sum(has_words(lines, [term]) for term in terms), group[1]

    chosen: list[tuple[str, str]] = []
    id_count = 0
    for group in sorted(groups, key=rank):
        if id_count + len(groups[group]) > MOST_IDS and chosen:
            break
        chosen.append(group)
        id_count += len(groups[group])
    ids = [own_id for group in chosen for own_id in groups[group].values()]
    coming = read.coming_names(ids, now)
    names = []
    for root_id, key in chosen:
        ids_of = groups[root_id, key].items()
        shown = {site_id: coming[own_id] for site_id, own_id in ids_of if own_id in coming}
        if shown:
            names.append(_calendar_name(root_id, key, shown, sites))
    first = sorted(names[:MOST_NAMES], key=attrgetter("start", "key"))
    return NameList(tuple(first), len(names) > MOST_NAMES or len(chosen) < len(groups))


def _calendar_name(
    root_id: str, key: str, shown: Mapping[str, BookedName], sites: Mapping[str, Property]
) -> CalendarName:
    property_id, following = min(shown.items(), key=lambda item: (item[1].start, item[0]))
    return CalendarName(
        key=key,
        name=display_text(following.name),
        feed=Feed("property", property_id if len(shown) == 1 else root_id),
        site=sites[property_id],
        school_count=len(shown),
        start=following.start,
        count=sum(name.count for name in shown.values()),
        is_capped=any(name.is_capped for name in shown.values()),
    )


def names_of_calendar(
    read: Reading,
    feed: Feed,
    schools: Sequence[Property],
    now: datetime,
    query: str = "",
    keys: Collection[str] = (),
) -> NameList:
    """Return the names of coming bookings in a calendar: all, those that have some words, or those
    that are among some folded ones.
    """
    terms = parse_words(query)
    if feed.kind == "facility":
        return _names_of_facility(read, feed, schools[0], now, terms, keys)
    sites = {site.id: site for site in schools}
    groups: _Groups = defaultdict(dict)
    for match in read.match_names(sites, terms, keys):
        if has_words(word_lines(match.name), terms):
            groups[feed.id, match.name][match.property_id] = match.name_id
    return _list_names(read, groups, sites, now, terms)


def _names_of_facility(
    read: Reading,
    feed: Feed,
    site: Property,
    now: datetime,
    terms: Collection[str],
    keys: Collection[str],
) -> NameList:
    coming = [
        (display_text(row.name), row) for row in read.names_in_facility(feed.id, now).values()
    ]
    names = [
        CalendarName(search_key(name), name, feed, site, 1, row.start, row.count, row.is_capped)
        for name, row in coming
        if has_words(word_lines(name), terms) and (not keys or search_key(name) in keys)
    ]
    names.sort(key=attrgetter("start", "key"))
    return NameList(tuple(names[:MOST_NAMES]), len(names) > MOST_NAMES)
