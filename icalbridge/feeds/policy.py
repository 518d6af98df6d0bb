"""Public policy: which schools, facilities and bookings the public may see, for everything public.

A TOML file of the operator's; every mistake is one sentence with its line. Pure: `policy_file`
reads and watches the file, `public_reading` applies the policy to what the store returns.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, ValidationError, convert, field

from icalbridge.feeds.saved_feed import AS_IT_IS, Action, Rule
from icalbridge.feeds.saved_feed_toml import BadSpec, RuleTable, Texts, read_rule
from icalbridge.models import ReservedEntry
from icalbridge.store.texts import EntryTexts, folded_texts
from icalbridge.text import name_key
from icalbridge.words import word_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from icalbridge.models import Entry, Facility, Property


class PlacesTable(Struct, forbid_unknown_fields=True):
    """`[schools]`, `[facilities]` or `[kinds]`."""

    only: Texts | None = None
    hide: Texts = []


class PolicyTable(Struct, forbid_unknown_fields=True):
    """The whole file."""

    names: Literal["shown", "reserved"] = "shown"
    schools: PlacesTable = field(default_factory=PlacesTable)
    facilities: PlacesTable = field(default_factory=PlacesTable)
    kinds: PlacesTable = field(default_factory=PlacesTable)
    rules: list[RuleTable] = []


class BadPolicy(ValueError):
    """Raised for a policy that cannot be understood; its text says where and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line = line
        """0 where no line is at fault."""


@dataclass(frozen=True, slots=True)
class PlaceFilter:
    """Which places of one sort are public, by id or name, both folded."""

    only: frozenset[str] | None = None
    hide: frozenset[str] = frozenset()

    def admits(self, names: Iterable[str]) -> bool:
        own = frozenset(map(name_key, names))
        return self.hide.isdisjoint(own) and (self.only is None or not self.only.isdisjoint(own))

    @property
    def limits(self) -> bool:
        """Whether anything is hidden by it."""
        return self.only is not None or bool(self.hide)


@dataclass(frozen=True, slots=True)
class HiddenPlaces:
    """The places that are not public, of those that are known."""

    properties: frozenset[str] = frozenset()
    facilities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """What the public may see; without any of it, everything."""

    digest: str = ""
    """Of the file; empty where there is none."""
    text: str = ""
    reserved: bool = False
    """Whether names are shown only where a rule shows them."""
    schools: PlaceFilter = PlaceFilter()
    facilities: PlaceFilter = PlaceFilter()
    kinds: PlaceFilter = PlaceFilter()
    rules: tuple[Rule, ...] = ()
    """The first that matches decides."""
    changed: datetime | None = None
    """Since when it applies."""

    @property
    def otherwise(self) -> Rule:
        """The rule for what no other matches."""
        return Rule(Action.RESERVE) if self.reserved else AS_IT_IS

    @property
    def lists_facilities(self) -> bool:
        """Whether a facility is public only where it is known to be."""
        return self.facilities.only is not None or self.kinds.only is not None

    @property
    def limits_bookings(self) -> bool:
        """Whether anything but its place decides how a booking is shown."""
        return self.reserved or bool(self.rules)

    @property
    def hides_bookings(self) -> bool:
        return any(rule.action is Action.HIDE for rule in self.rules)

    @property
    def rewrites(self) -> bool:
        """Whether a booking is shown with other texts than its own."""
        return self.reserved or any(
            rule.action in (Action.RESERVE, Action.RENAME) for rule in self.rules
        )

    @property
    def needs_categories(self) -> bool:
        return any(rule.category for rule in self.rules)

    def candidates(self, texts: EntryTexts) -> tuple[Rule, ...]:
        """Return the rules that can decide about entries with some texts, in order; the last one
        decides whatever the rate category.
        """
        result: list[Rule] = []
        for rule in self.rules:
            if rule.matches_texts(texts):
                result.append(rule)
                if not rule.category:
                    return tuple(result)
        return (*result, self.otherwise)

    def rule(self, entry: Entry, category: str) -> Rule:
        """Return the rule that decides about an entry of a rate category."""
        rules = self.candidates(folded_texts(entry))
        return next(rule for rule in rules if rule.matches_category(category))

    def publish(self, entry: Entry, category: str) -> Entry | None:
        """Return an entry of a rate category as the public may see it; None where it may not."""
        rule = self.rule(entry, category)
        if rule.action is Action.HIDE:
            return None
        if rule.action is Action.INCLUDE:
            return entry
        modified = max(filter(None, (entry.modified, self.changed)))
        if rule.action is Action.RENAME:
            return replace(entry, name=rule.title, activity="", modified=modified)
        # A facility's type is public; the event's type is in its place where there is none.
        own = entry.type if name_key(entry.type) != name_key(entry.event_type) else ""
        values = {item.name: getattr(entry, item.name) for item in fields(entry)}
        changes = {"name": "", "activity": "", "type": own, "modified": modified}
        return ReservedEntry(**values | changes)

    @staticmethod
    def publish_texts(texts: EntryTexts, rule: Rule) -> EntryTexts | None:
        """Return the texts of what `publish` returns where a rule decides."""
        _, _, place, facility_type = texts.lines.split("\n")
        match rule.action:
            case Action.HIDE:
                return None
            case Action.INCLUDE:
                return texts
            case Action.RENAME:
                lines = "\n".join([word_lines(rule.title, ""), place, facility_type])
                return texts._replace(name=name_key(rule.title), activity="", lines=lines)
            case Action.RESERVE:
                own = texts.type if texts.type != texts.event_type else ""
                lines = "\n".join(
                    [word_lines("", ""), place, facility_type if own else word_lines("")]
                )
                return EntryTexts("", own, "", "", lines)

    def hidden_places(
        self, properties: Sequence[Property], facilities: Iterable[Facility]
    ) -> HiddenPlaces:
        """Return which of all known places are not public: a district stands for its schools, and
        a school for its facilities.
        """
        hidden = self._hidden_properties(properties)
        names = {place.id: place.name for place in properties}
        return HiddenPlaces(
            hidden,
            frozenset(
                place.id
                for place in facilities
                if place.property_id in hidden
                or not self.kinds.admits([place.type])
                or not self.facilities.admits(_names_of(place, names.get(place.property_id, "")))
            ),
        )

    def _hidden_properties(self, properties: Sequence[Property]) -> frozenset[str]:
        own = {place.id: (place.id, place.name) for place in properties}
        listed = {place_id: [*names] for place_id, names in own.items()}
        for district in properties:
            for child_id in district.child_ids:
                if child_id in listed:
                    listed[child_id] += own[district.id]
        return frozenset(key for key, names in listed.items() if not self.schools.admits(names))

    def unknown_places(
        self, properties: Sequence[Property], facilities: Iterable[Facility]
    ) -> list[str]:
        """Return the ids and names in the policy that no known place has."""
        schools = {name for place in properties for name in (place.id, place.name)}
        names = {place.id: place.name for place in properties}
        spaces, kinds = set[str](), set[str]()
        for place in facilities:
            spaces.update(_names_of(place, names.get(place.property_id, "")))
            kinds.add(place.type)
        pairs = (self.schools, schools), (self.facilities, spaces), (self.kinds, kinds)
        return sorted(
            name
            for part, known in pairs
            for name in {*(part.only or ()), *part.hide} - set(map(name_key, known))
        )


EVERYTHING = Policy()
"""The policy where there is none."""


def _names_of(place: Facility, school: str) -> tuple[str, ...]:
    return place.id, place.name, f"{school} / {place.name}"


def parse_policy(text: str) -> Policy:
    """Return the policy of a TOML text. Raises `BadPolicy`."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(error, text) from None
    if not table:
        raise BadPolicy(0, "it says nothing; unset the setting where everything is public")
    try:
        parsed = convert(table, PolicyTable)
    except ValidationError as error:
        raise _mistake(str(error), text) from None
    return Policy(
        digest=blake2b(text.encode(), digest_size=16).hexdigest(),
        text=text,
        reserved=parsed.names == "reserved",
        schools=_filter(parsed.schools),
        facilities=_filter(parsed.facilities),
        kinds=_filter(parsed.kinds),
        rules=(*_of_kinds(parsed.kinds), *_rules(parsed, text)),
    )


def _filter(table: PlacesTable) -> PlaceFilter:
    def names(values: Iterable[str]) -> frozenset[str]:
        return frozenset(map(name_key, values)) - {""}

    return PlaceFilter(None if table.only is None else names(table.only), names(table.hide))


def _of_kinds(table: PlacesTable) -> Iterable[Rule]:
    """Yield the rule for bookings of a hidden kind in facilities that the catalog never listed."""
    if kinds := tuple(sorted(map(name_key, table.hide))):
        yield Rule(Action.HIDE, type=kinds)


def _rules(parsed: PolicyTable, text: str) -> Iterable[Rule]:
    for number, table in enumerate(parsed.rules, 1):
        try:
            yield read_rule(f"Rule {number}", table)
        except BadSpec as error:
            keys = [name for name in RuleTable.__struct_fields__ if f": {name} " in str(error)]
            key = keys[0] if keys else "action"
            raise BadPolicy(find_line(text, "rules", number - 1, key), str(error)) from None


_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)\Z")


def _not_toml(error: tomllib.TOMLDecodeError, text: str) -> BadPolicy:
    place = _TOML_PLACE.search(str(error))
    line = int(place[1]) if place and place[1] else text.count("\n") + 1
    return BadPolicy(line, f"this is no TOML: {_TOML_PLACE.sub('', str(error))}.")


_PLACE = re.compile(r" - at `\$\.?(\w*)(?:\[(\d+)\])?(?:\.(\w+))?[^`]*`\Z")
_UNKNOWN = re.compile(r"unknown field `(.{1,60}?)`", re.DOTALL)
_TABLES: Mapping[str, type[Struct]] = {
    "": PolicyTable,
    "schools": PlacesTable,
    "facilities": PlacesTable,
    "kinds": PlacesTable,
    "rules": RuleTable,
}


def _mistake(error: str, text: str) -> BadPolicy:
    """Return the sentence for what msgspec reports."""
    place = _PLACE.search(error)
    table, number, key = place.groups() if place else ("", None, None)
    if unknown := _UNKNOWN.search(error):
        key, known = unknown[1], ", ".join(_TABLES[table].__struct_fields__)
        reason = f"there is no key '{key}' here; there are {known}."
        return BadPolicy(_line(text, table, number, key), reason)
    if "required field" in error:
        reason = f"a rule lacks its action: {', '.join(Action)}."
    elif table == "names":
        reason = "names must be shown or reserved."
    elif key == "action":
        reason = f"action must be one of {', '.join(Action)}."
    elif key is None:
        reason = "each rule begins with [[rules]], each other table with its name in brackets."
    else:
        reason = f"{key} must be a text, or a list of texts."
    return BadPolicy(_line(text, table, number, key), reason)


def _line(text: str, table: str | None, number: str | None, key: str | None) -> int:
    return find_line(text, table or "", int(number or 0), key or table or "")


_HEADER = re.compile(r"\s*\[+\s*([\w-]+)")


def find_line(text: str, table: str, number: int, key: str) -> int:
    """Return the line of a key in a table, of several the one with a number; else of the table."""
    line_of_table, here, seen = 1, table == "", -1
    for line, content in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(content):
            seen += header[1] == table
            here = header[1] == table and seen == number
            line_of_table = line if here else line_of_table
        elif here and _has_key(content, key):
            return line
        elif seen < 0 and table and _has_key(content, table):
            line_of_table = line
    return line_of_table


def _has_key(content: str, key: str) -> bool:
    return re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", content) is not None
