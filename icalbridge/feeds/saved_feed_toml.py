"""Saved feeds as TOML: one `[[feed]]` each, `[[feed.rules]]` in order.

msgspec checks keys and types, the readers of feed addresses the values; every mistake is one
sentence. A table has only what differs from the default, so that a district's file stays short.
"""

from __future__ import annotations

import re
import tomllib
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import tomli_w
from msgspec import Meta, Struct, ValidationError, convert, to_builtins

from icalbridge.feeds.audience import ALLOWED, Audience, Field
from icalbridge.feeds.colors import colour
from icalbridge.feeds.query import PARAMETERS, FeedQuery, Surface, names_of
from icalbridge.feeds.saved_feed import Action, Rule, Saved
from icalbridge.models import EventKey, SavedFeed
from icalbridge.text import display_text, search_key
from icalbridge.words import parse_words, write_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Table = dict[str, Any]
"""A TOML table in Python."""
Value = TypeVar("Value")

SLUG = re.compile(r"[a-z0-9-]{1,60}")
LONGEST_TEXT = 1000
MOST_OF_A_LIST = 1000
SAVED_PARAMETERS = names_of(Surface.SAVED)
"""Parameters of a feed's address that are saved; rules replace the others."""
CONDITIONS = ("category", "activity", "type", "name")
"""Keys of a rule that take one text or several."""
Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]
Texts = Annotated[list[Text], Meta(max_length=MOST_OF_A_LIST)]


class RuleTable(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One `[[feed.rules]]`."""

    action: Action
    title: Text = ""
    q: Text | None = None
    category: Text | Texts | None = None
    activity: Text | Texts | None = None
    type: Text | Texts | None = None
    name: Text | Texts | None = None


class FeedTable(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One `[[feed]]`."""

    slug: str
    name: Text = ""
    description: Text = ""
    colour: Text = ""
    audience: Audience = Audience.PUBLIC
    properties: Texts = []
    facilities: Texts = []
    fields: Texts | None = None
    past: int | None = None
    ahead: int | None = None
    status: Text | Texts | None = None
    cancelled: Text | None = None
    detail: Text | None = None
    group: Text | None = None
    tz: Text | None = None
    title: Text | None = None
    include: Texts = []
    exclude: Texts = []
    rules: Annotated[list[RuleTable], Meta(max_length=MOST_OF_A_LIST)] = []


class BadSpec(ValueError):
    """Raised for a specification that cannot be understood; its text is a sentence for whoever
    wrote it.
    """


def read_feeds(text: str) -> tuple[Saved, ...]:
    """Return the feeds of a TOML text. Raises `BadSpec`."""
    result = tuple(read_feed(table) for table in read_tables(text))
    slugs = [item.slug for item in result]
    for slug in slugs:
        if slugs.count(slug) > 1:
            raise BadSpec(f"There are two feeds called '{slug}'; give each a slug of its own.")
    return result


def read_tables(text: str) -> list[Table]:
    """Return the `[[feed]]` tables of a TOML text, not yet looked at. Raises `BadSpec`."""
    try:
        whole = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSpec(f"This is no TOML: {error}.") from None
    unknown = sorted(set(whole) - {"feed"})
    if unknown:
        raise BadSpec(
            f"There is no key '{unknown[0]}' beside [[feed]]; each feed begins with [[feed]]."
        )
    tables = whole.get("feed", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise BadSpec("A feed begins with [[feed]], in two brackets on either side.")
    return list(tables)


def write_feeds(specs: Iterable[Saved]) -> str:
    """Return feeds as a TOML text, which `read_feeds` reads back the same."""
    return "\n".join(_written_feed(table_of(spec)) for spec in specs)


def to_keep(spec: Saved) -> SavedFeed:
    """Return a feed as the store keeps it."""
    include = tuple(sorted(spec.include))
    return SavedFeed(
        spec.slug, spec.title, write_feeds([spec]), spec.property_ids, spec.facility_ids, include
    )


def parse_saved_feed(stored: SavedFeed) -> Saved:
    """Return the feed that the store keeps. Raises `BadSpec` for one that another version wrote."""
    specs = read_feeds(stored.spec)
    if len(specs) != 1:
        raise BadSpec(f"What is kept as feed '{stored.slug}' is {len(specs)} feeds.")
    return specs[0]


def _written_feed(table: Table) -> str:
    """Write each rule under a heading of its own: left alone, the library would put short ones on
    one line.
    """
    rules: list[Table] = table.pop("rules", [])
    parts = [
        f"[[feed]]\n{tomli_w.dumps(table)}",
        *(f"[[feed.rules]]\n{tomli_w.dumps(rule)}" for rule in rules),
    ]
    return "\n".join(parts)


def read_feed(table: Mapping[str, object]) -> Saved:
    """Return the feed of a table. Raises `BadSpec`."""
    slug = table.get("slug")
    if not isinstance(slug, str) or not SLUG.fullmatch(slug):
        shown = f" '{slug[:60]}'" if isinstance(slug, str) else ""
        raise BadSpec(
            f"The slug{shown} of a feed must be 1 to 60 of the characters a-z, 0-9 and -."
        )
    try:
        parsed = convert(table, FeedTable)
    except ValidationError as error:
        raise BadSpec(_sentence(slug, str(error))) from None
    read = partial(_read, f"Feed '{slug}'", parsed)
    values: Table = {
        PARAMETERS[key].attribute: read(key, partial(_parameter, key), None)
        for key in SAVED_PARAMETERS
    }
    spec = Saved(
        slug=slug,
        name=read("name", _line, ""),
        description=read("description", _line, ""),
        colour=read("colour", colour, ""),
        audience=parsed.audience,
        property_ids=read("properties", _ids, ()),
        facility_ids=read("facilities", _ids, ()),
        fields=read("fields", partial(_fields, parsed.audience), None),
        query=FeedQuery(**{name: value for name, value in values.items() if value is not None}),
        rules=tuple(
            read_rule(f"Rule {number} of feed '{slug}'", rule)
            for number, rule in enumerate(parsed.rules, 1)
        ),
        include=read("include", _events, frozenset()),
        exclude=read("exclude", _events, frozenset()),
    )
    if not (spec.property_ids or spec.facility_ids or spec.include):
        raise BadSpec(
            f"Feed '{slug}' shows nothing; name properties, facilities, or events to include."
        )
    return spec


def table_of(spec: Saved) -> Table:
    """Return a feed as the table that `read_feed` reads, without defaults."""
    table = FeedTable(
        slug=spec.slug,
        name=spec.name,
        description=spec.description,
        colour=spec.colour,
        audience=spec.audience,
        properties=list(spec.property_ids),
        facilities=list(spec.facility_ids),
        fields=None if spec.fields is None else [item for item in Field if item in spec.fields],
        **{key: _written_value(key, spec.query) for key in SAVED_PARAMETERS},
        include=_written_events(spec.include),
        exclude=_written_events(spec.exclude),
        rules=[
            RuleTable(
                action=rule.action,
                title=rule.title,
                q=write_words(rule.words) or None,
                **{key: list(getattr(rule, key)) or None for key in CONDITIONS},
            )
            for rule in spec.rules
        ],
    )
    result: Table = to_builtins(table)
    return result


def _written_value(key: str, query: FeedQuery) -> Any:
    parameter = PARAMETERS[key]
    value = getattr(query, parameter.attribute)
    if value == parameter.default:
        return None
    return (
        list(value) if key == "status" else value if key in _DAYS else parameter.values.write(value)
    )


def _written_events(keys: Iterable[EventKey]) -> list[str]:
    return [f"{event_type}/{event_id}" for event_type, event_id in sorted(keys)]


_DAYS = ("past", "ahead")
_TEXT = f"a text of at most {LONGEST_TEXT} characters"
_LIST = f"a list of at most {MOST_OF_A_LIST} texts"
_EXPECTED = {
    "audience": f"one of {', '.join(Audience)}",
    "action": f"one of {', '.join(Action)}",
    **dict.fromkeys(_DAYS, "a whole number of days"),
    **dict.fromkeys(("properties", "facilities", "fields", "include", "exclude", "status"), _LIST),
    **dict.fromkeys(("category", "activity", "type"), _LIST),
}
"""What the value of a key must be, where that is not a text."""
_PLACE = re.compile(r" - at `\$(?:\.rules\[(\d+)\])?(?:\.(\w+))?[^`]*`\Z")
_UNKNOWN = re.compile(r"unknown field `(.{1,60})", re.DOTALL)


def _sentence(slug: str, error: str) -> str:
    """Return the sentence for what msgspec says of a feed's table."""
    place = _PLACE.search(error)
    number, key = place.groups() if place else (None, None)
    where = f"Feed '{slug}'" if number is None else f"Rule {int(number) + 1} of feed '{slug}'"
    if unknown := _UNKNOWN.search(error.removesuffix(place[0] if place else "")):
        known = FeedTable if number is None else RuleTable
        names = ", ".join(known.__struct_fields__)
        return f"{where} has no key '{unknown[1].rstrip('`')}'; it takes {names}."
    if key is None and "required" in error:
        return f"{where} lacks its action: {', '.join(Action)}."
    if key is None or key == "rules":
        return (
            f"Feed '{slug}': each rule begins with [[feed.rules]], in two brackets on either side."
        )
    return f"{where}: {key} must be {_EXPECTED.get(key, _TEXT)}."


def _read(
    where: str, table: Struct, key: str, read: Callable[[Any], Value], default: Value
) -> Value:
    """Return what a reader makes of a key's value; the default where it is not given."""
    value = getattr(table, key)
    try:
        return default if value is None else read(value)
    except ValueError as error:
        raise BadSpec(f"{where}: {key} must be {error}.") from None


def _line(text: str) -> str:
    if text != display_text(text):
        raise ValueError("one line, with no control characters in it and no spaces around it")
    return text


def _lines(value: Any) -> list[str]:
    return [_line(str(item)) for item in (value if isinstance(value, list) else [value])]


def _parameter(key: str, value: Any) -> object:
    return PARAMETERS[key].values.read(_lines(value))


def _ids(value: list[str]) -> tuple[str, ...]:
    return tuple(sorted({item for item in _lines(value) if item}))


def _fields(audience: Audience, value: list[str]) -> frozenset[Field]:
    allowed = [item for item in Field if item in ALLOWED[audience]]
    wrong = sorted(set(_lines(value)) - set(allowed))
    if wrong:
        raise ValueError(
            f"of those that the audience {audience} may see ({', '.join(allowed)}); '{wrong[0]}'"
            " is not"
        )
    return frozenset(map(Field, value))


def _events(value: list[str]) -> frozenset[EventKey]:
    """Read events as TYPE/ID, with the vendor's id."""
    return frozenset(_event(item) for item in _lines(value))


def _event(text: str) -> EventKey:
    event_type, _, event_id = text.partition("/")
    if not event_type or not event_id:
        raise ValueError(f"events as TYPE/ID, such as reservation/123; '{text[:60]}' is not")
    return EventKey(event_type, event_id)


def read_rule(where: str, table: RuleTable) -> Rule:
    """Return the rule of a table; `where` begins the sentence of `BadSpec`."""
    read = partial(_read, where, table)
    title = read("title", _line, "")
    if table.action is Action.RENAME and not title:
        raise BadSpec(f"{where} lacks the title to rename to.")
    if title and table.action is not Action.RENAME:
        raise BadSpec(f"{where}: a title goes with the action rename, and with no other.")
    none = tuple[str, ...]()
    words = read("q", _words, none)
    conditions = {key: read(key, _alternatives, none) for key in CONDITIONS}
    return Rule(table.action, words=words, title=title, **conditions)


def _words(value: str) -> tuple[str, ...]:
    return _not_empty(parse_words(value))


def _alternatives(value: str | list[str]) -> tuple[str, ...]:
    return _not_empty({search_key(item) for item in _lines(value)} - {""})


def _not_empty(result: set[str]) -> tuple[str, ...]:
    """Refuse a condition without a value: it would match everything."""
    if not result:
        raise ValueError("more than nothing, or left out")
    return tuple(sorted(result))
