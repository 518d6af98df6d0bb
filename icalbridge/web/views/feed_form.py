"""What the builder's form offers to choose from: calendars, and for the one that is chosen its
facilities and kinds.

A district has thousands of facilities: those of one school are listed at a time, and what is ticked
elsewhere stays. Pure functions of what `store` lists, but for `scope_of`, which asks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from icalbridge.feeds import display_text
from icalbridge.text import search_key
from icalbridge.web.views.directory import directory
from icalbridge.web.views.form import value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icalbridge.models import Facility, Feed, Property
    from icalbridge.web.catalog import Catalog
    from icalbridge.web.views.form import Form


@dataclass(frozen=True, slots=True)
class Choice:
    """One option or tick. A label may be empty: the template has a word for that."""

    value: str
    label: str
    beside: str = ""
    """What tells it from others of its name."""
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """The calendar that is chosen, with all that it spans."""

    feed: Feed
    name: str
    schools: tuple[Property, ...]
    facilities: tuple[Facility, ...]

    @property
    def facility_ids(self) -> frozenset[str]:
        return frozenset(each.id for each in self.facilities)


@dataclass(frozen=True, slots=True)
class Picking:
    """The facilities and kinds of a calendar."""

    schools: tuple[Choice, ...]
    """Whose facilities can be listed; empty where there is but one."""
    listed: tuple[Choice, ...]
    elsewhere: tuple[Choice, ...]
    """Ticked, but not of the school whose facilities are listed."""
    kinds: tuple[Choice, ...]


def scope_of(catalog: Catalog, feed: Feed | None) -> Scope | None:
    """Return the calendar that is chosen; None where none is, or one that there is not."""
    if feed is None:
        return None
    if feed.kind == "facility":
        facility = catalog.facility(feed.id)
        school = catalog.property(facility.property_id) if facility else None
        name = display_text(facility.name or facility.type) if facility else ""
        return Scope(feed, name, (school,) if school else (), (facility,)) if facility else None
    own = catalog.property(feed.id)
    if own is None:
        return None
    listed = [
        each for each in catalog.properties() if each.id in own.child_ids and each.id != own.id
    ]
    schools = (own, *listed)
    facilities = tuple(catalog.facilities([each.id for each in schools]))
    return Scope(feed, display_text(own.name), schools, facilities)


def calendars(properties: Sequence[Property], scope: Scope | None) -> tuple[Group, ...]:
    """Return every calendar of a district or school; ahead of them the chosen one, if it is none of
    these.
    """
    chosen = f"{scope.feed.kind}:{scope.feed.id}" if scope else ""
    groups = [
        Group(
            display_text(district.own.site.name) if district.own else "",
            tuple(_calendar(school.site, chosen) for school in district.all),
        )
        for district in directory(properties, (), {})
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


def picking(scope: Scope, form: Form) -> Picking:
    """Return what can be ticked in a calendar, and what is."""
    housed = {each.property_id for each in scope.facilities}
    schools = [each for each in scope.schools if each.id in housed]
    asked = form.text("school")
    if scope.feed.kind == "facility":
        shown = ""
    elif len(schools) == 1:
        shown = schools[0].id
    else:
        shown = asked if asked in housed else ""
    names = {each.id: display_text(each.name) for each in scope.schools}
    ticked = form.facility_ids
    several = len(schools) > 1
    return Picking(
        schools=tuple(Choice(each.id, names[each.id], chosen=each.id == shown) for each in schools)
        if several
        else (),
        listed=tuple(
            _facility(each, ticked) for each in scope.facilities if each.property_id == shown
        ),
        elsewhere=tuple(
            _facility(each, ticked, names.get(each.property_id, ""))
            for each in scope.facilities
            if each.property_id != shown and each.id in ticked
        ),
        kinds=_kinds((each.type for each in scope.facilities), form.types),
    )


def _facility(facility: Facility, ticked: frozenset[str], school: str = "") -> Choice:
    kind, name = display_text(facility.type), display_text(facility.name)
    beside = school or (kind if name else "")
    return Choice(value_of("facility", facility.id), name or kind, beside, facility.id in ticked)


def _kinds(types: Iterable[str], ticked: frozenset[str]) -> tuple[Choice, ...]:
    """Return the kinds that exist, each once, and any others that were asked for."""
    known = {search_key(each): each for each in sorted(set(types)) if search_key(each)}
    found = {each: known.get(each, each) for each in sorted(known.keys() | ticked)}
    return tuple(
        Choice(value_of("type", name), name, chosen=each in ticked) for each, name in found.items()
    )
