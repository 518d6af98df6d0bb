"""Form of the builders: its fields as the query of a feed's address, and the choices it offers.

Fields are the parameters of a feed, checked by `feeds.query`. A form sends a field for each ticked
value, and blanks. A district has thousands of facilities: those of one school are listed at a time,
and what is ticked elsewhere stays.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from icalbridge.feeds import FORMATS, BadQuery
from icalbridge.feeds.query import PARAMETERS, parameters_of
from icalbridge.feeds.query_values import split_query
from icalbridge.models import Feed
from icalbridge.text import display_text, search_key
from icalbridge.web.routes.feeds import is_id
from icalbridge.web.views.directory import NO_COUNTS, directory, kind_beside

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from icalbridge.feeds.query import QueryParameter, Surface
    from icalbridge.models import Facility, Property
    from icalbridge.web.catalog import Catalog

OWN = ("feed", "school", "find", "format", "lang")
"""What the form has beside the parameters: which calendar, whose facilities and which names are
listed, format, language.
"""
LONGEST = 16_000
MOST_FIELDS = 400
MOST_OPTIONS = 500
"""Facilities in one select: about 45 KB of HTML."""


@dataclass(frozen=True, slots=True)
class BuilderForm:
    """The fields that are not blank, as they were filled in; nothing of it is checked.

    A blank field that is none of a feed's parameters is there without values, so that an unknown
    one can be refused.
    """

    fields: Mapping[str, tuple[str, ...]]

    def text(self, name: str) -> str:
        """Return what a field holds; of several the last, as with a title of one's own."""
        return (self.fields.get(name) or ("",))[-1]

    def joined(self, name: str) -> str:
        """Return everything that was filled in under a parameter's name, as one value of it."""
        if name == "title":
            return self.text(name)
        values, parameter = self.fields.get(name, ()), PARAMETERS.get(name)
        # A form sends each of several values by itself.
        is_list = parameter is not None and parameter.values.is_list
        return ",".join(values) if is_list else " ".join(dict.fromkeys(values))

    @property
    def feed(self) -> Feed | None:
        """The calendar that is chosen; None where that is none that there can be."""
        kind, _, feed_id = self.text("feed").partition(":")
        if not is_id(feed_id):
            return None
        match kind:
            case "facility":
                return Feed("facility", feed_id)
            case "property":
                return Feed("property", feed_id)
            case _:
                return None

    @property
    def suffix(self) -> str:
        """The format's suffix. Raises `BadQuery` for a format that there is not."""
        suffix = self.text("format") or "ics"
        if suffix not in FORMATS:
            raise BadQuery(
                f"There is no format '{suffix[:60]}'; a feed comes as {', '.join(FORMATS)}."
            )
        return suffix

    def query(self, own: Collection[str] = OWN) -> str:
        """Return the parameters of the feed's address, without the form's own."""
        return urlencode({name: self.joined(name) for name in self.fields if name not in own})

    def ticked(self, name: str) -> frozenset[str]:
        """Return the values of a parameter as feeds compare them. Each is read by itself, so that
        one too many of them does not lose the others.
        """
        result: set[str] = set()
        for value in self.fields.get(name, ()):
            with suppress(ValueError):
                result.update(PARAMETERS[name].values.read([value]))
        return frozenset(result)


def parse_form(query: str) -> BuilderForm:
    """Read the query of the form's address. Raises `BadQuery` for one that cannot be read."""
    parameters = split_query(query, LONGEST, MOST_FIELDS)
    return BuilderForm(
        {
            name: tuple(values)
            for name, values in parameters.items()
            if values or name not in PARAMETERS
        }
    )


def read_form(
    catalog: Catalog, query: str
) -> tuple[BuilderForm, FormScope | None, BadQuery | None]:
    """Return what an address fills in, the calendar that is chosen, and why it cannot be read."""
    try:
        form = parse_form(query)
    except BadQuery as error:
        return BuilderForm({}), None, error
    return form, find_scope(catalog, form.feed), None


def form_value(name: str, text: str) -> str:
    """Return a value as the field of that parameter sends it: a comma of its own does not part
    it.
    """
    return PARAMETERS[name].values.write((text,))


def text_fields(surface: Surface) -> list[QueryParameter]:
    """Return the parameters that a form has text fields for: words, then lists, and last those
    that an operator has to allow.
    """
    with_field = [item for item in parameters_of(surface) if item.form]
    return sorted(with_field, key=lambda item: (item.values.is_list, bool(item.setting)))


def build_path(kind: str = "", feed_id: str = "", *, root: str = "/build") -> str:
    """Return the path of the builder, or of that of snippets, filled in for a calendar if one is
    named.
    """
    return f"{root}?feed={quote(f'{kind}:{feed_id}', safe=':')}" if kind else root


@dataclass(frozen=True, slots=True)
class Choice:
    """One option or tick. A label may be empty: the template has a word for that."""

    value: str
    label: str
    beside: str = ""
    """Distinguishes it from others of its name."""
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class FormScope:
    """The calendar that is chosen, with all that it spans."""

    feed: Feed
    name: str
    schools: tuple[Property, ...]
    facilities: tuple[Facility, ...]

    @property
    def facility_ids(self) -> frozenset[str]:
        return frozenset(value.id for value in self.facilities)


@dataclass(frozen=True, slots=True)
class FormChoices:
    """The facilities and kinds of a calendar."""

    schools: tuple[Choice, ...]
    """Whose facilities can be listed; empty where there is but one."""
    listed: tuple[Choice, ...]
    elsewhere: tuple[Choice, ...]
    """Ticked, but not of the school whose facilities are listed."""
    kinds: tuple[Choice, ...]


def find_scope(catalog: Catalog, feed: Feed | None) -> FormScope | None:
    """Return the calendar that is chosen; None where none is, or one that there is not."""
    if feed is None:
        return None
    if feed.kind == "facility":
        facility = catalog.facility(feed.id)
        school = catalog.property(facility.property_id) if facility else None
        name = display_text(facility.name or facility.type) if facility else ""
        return FormScope(feed, name, (school,) if school else (), (facility,)) if facility else None
    own = catalog.property(feed.id)
    if own is None:
        return None
    schools = tuple(catalog.members(own))
    facilities = tuple(catalog.facilities([value.id for value in schools]))
    return FormScope(feed, display_text(own.name), schools, facilities)


def calendars(properties: Sequence[Property], scope: FormScope | None) -> tuple[Group, ...]:
    """Return every calendar of a district or school; ahead of them the chosen one, if it is none of
    these.
    """
    chosen = f"{scope.feed.kind}:{scope.feed.id}" if scope else ""
    groups = [
        Group(
            display_text(district.own.site.name) if district.own else "",
            tuple(_calendar(school.site, chosen) for school in district.all),
        )
        for district in directory(properties, (), NO_COUNTS)
    ]
    if scope and not any(choice.chosen for group in groups for choice in group.choices):
        beside = (
            display_text(scope.schools[0].name)
            if scope.feed.kind == "facility" and scope.schools
            else ""
        )
        groups.insert(0, Group(beside, (Choice(chosen, scope.name, chosen=True),)))
    return tuple(groups)


def _calendar(site: Property, chosen: str) -> Choice:
    value = f"property:{site.id}"
    return Choice(value, display_text(site.name), display_text(site.city), value == chosen)


def form_choices(scope: FormScope, form: BuilderForm) -> FormChoices:
    """Return what can be ticked in a calendar, and what is."""
    with_facilities = {value.property_id for value in scope.facilities}
    schools = [value for value in scope.schools if value.id in with_facilities]
    chosen_school = form.text("school")
    if scope.feed.kind == "facility":
        shown = ""
    elif len(schools) == 1:
        shown = schools[0].id
    else:
        shown = chosen_school if chosen_school in with_facilities else ""
    names = {value.id: display_text(value.name) for value in scope.schools}
    ticked = form.ticked("facility")
    several = len(schools) > 1
    return FormChoices(
        schools=tuple(
            Choice(value.id, names[value.id], chosen=value.id == shown) for value in schools
        )
        if several
        else (),
        listed=tuple(
            _facility(value, ticked) for value in scope.facilities if value.property_id == shown
        ),
        elsewhere=tuple(
            _facility(value, ticked, names.get(value.property_id, ""))
            for value in scope.facilities
            if value.property_id != shown and value.id in ticked
        ),
        kinds=_kinds((value.type for value in scope.facilities), form.ticked("type")),
    )


def _facility(facility: Facility, ticked: frozenset[str], school: str = "") -> Choice:
    name = display_text(facility.name) or display_text(facility.type)
    beside = school or display_text(kind_beside(facility))
    return Choice(form_value("facility", facility.id), name, beside, facility.id in ticked)


def _kinds(types: Iterable[str], ticked: frozenset[str]) -> tuple[Choice, ...]:
    """Return the kinds that exist, each once, and others that are ticked."""
    known = {search_key(value): value for value in sorted(set(types)) if search_key(value)}
    fields = {value: known.get(value, value) for value in sorted(known.keys() | ticked)}
    return tuple(
        Choice(form_value("type", name), name, chosen=value in ticked)
        for value, name in fields.items()
    )


def grouped_calendars(
    properties: Sequence[Property], facilities: Sequence[Facility], scope: FormScope | None
) -> tuple[Group, ...]:
    """Return every calendar as the options of one select: a school with its facilities is a group.

    Where there are more facilities than one select holds, only those of the chosen school are
    listed, and schools without listed facilities share the group of their district.
    """
    if len(facilities) > MOST_OPTIONS:
        facilities = [value for value in facilities if value.property_id == _chosen_school(scope)]
    chosen = f"{scope.feed.kind}:{scope.feed.id}" if scope else ""
    groups = []
    for district in directory(properties, facilities, NO_COUNTS):
        name = display_text(district.own.site.name) if district.own else ""
        plain = [_calendar(school.site, chosen) for school in district.all if not school.places]
        groups += [Group(name, tuple(plain))] if plain else []
        for school in district.all:
            if school.places:
                places = (_place(place.facility, chosen) for place in school.places)
                groups.append(
                    Group(display_text(school.site.name), (_calendar(school.site, chosen), *places))
                )
    if scope and not any(choice.chosen for group in groups for choice in group.choices):
        groups.insert(0, Group("", (Choice(chosen, scope.name, chosen=True),)))
    return tuple(groups)


def _chosen_school(scope: FormScope | None) -> str:
    """Return the id of the chosen school, or of the chosen facility's; empty for none."""
    if scope is None:
        return ""
    return scope.schools[0].id if scope.schools else ""


def _place(facility: Facility, chosen: str) -> Choice:
    value = f"facility:{facility.id}"
    name = display_text(facility.name) or display_text(facility.type)
    return Choice(value, name, display_text(kind_beside(facility)), value == chosen)
