"""Specifications of saved feeds as TOML: one `[[feed]]` each, `[[feed.rules]]` in order. What is
not understood is refused with a sentence, and what is written reads back the same.

A table holds only what differs from the default, so that a district's file stays short.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import tomli_w

from icalbridge.feeds.audience import ALLOWED, Audience, Field
from icalbridge.feeds.colors import colour
from icalbridge.feeds.query import PARAMETERS, PLAIN, FeedQuery
from icalbridge.feeds.saved_feed import Action, Rule, Saved
from icalbridge.models import EventKey, SavedFeed
from icalbridge.text import display_text, search_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Table = dict[str, Any]
"""What a TOML table is in Python."""

SLUG = re.compile(r"[a-z0-9-]{1,60}")
LONGEST_TEXT = 1000
MOST_OF_A_LIST = 1000
SHAPED = ("past", "ahead", "status", "cancelled", "detail", "group", "tz", "title")
"""The parameters of an address that a saved feed may have saved; the words for the rest are its
rules.
"""
_WHOLE = ("past", "ahead")


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
    if not _is_list_of(dict, tables):
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
    """Return the feed that a table says. Raises `BadSpec`."""
    slug = table.get("slug")
    if not isinstance(slug, str) or not SLUG.fullmatch(slug):
        shown = f" '{slug[:60]}'" if isinstance(slug, str) else ""
        raise BadSpec(
            f"The slug{shown} of a feed must be 1 to 60 of the characters a-z, 0-9 and -."
        )
    reader = _Reader(f"Feed '{slug}'", table)
    reader.refuse_unknown(_KEYS)
    audience = reader.read("audience", _audience, Audience.PUBLIC)
    spec = Saved(
        slug=slug,
        name=reader.read("name", _line, ""),
        description=reader.read("description", _line, ""),
        colour=reader.read("colour", _colour, ""),
        audience=audience,
        property_ids=reader.read("properties", _ids, ()),
        facility_ids=reader.read("facilities", _ids, ()),
        fields=reader.read("fields", _fields_of(audience), None),
        shape=_shape(reader),
        rules=_rules(slug, table.get("rules", [])),
        include=reader.read("include", _events, frozenset()),
        exclude=reader.read("exclude", _events, frozenset()),
    )
    if not (spec.property_ids or spec.facility_ids or spec.include):
        raise BadSpec(
            f"Feed '{slug}' shows nothing; name properties, facilities, or events to include."
        )
    return spec


def table_of(spec: Saved) -> Table:
    """Return a feed as the table that `read_feed` reads, without what is as it is by itself."""
    table: Table = {
        "slug": spec.slug,
        "name": spec.name,
        "description": spec.description,
        "colour": spec.colour,
        "audience": "" if spec.public else spec.audience.value,
        "properties": list(spec.property_ids),
        "facilities": list(spec.facility_ids),
        "fields": (
            None if spec.fields is None else [item.value for item in Field if item in spec.fields]
        ),
        "include": _written(spec.include),
        "exclude": _written(spec.exclude),
        "rules": [_table_of_rule(rule) for rule in spec.rules],
    }
    # A feed may have no fields at all: it says when something is on, and nothing else.
    table = {
        key: value
        for key, value in table.items()
        if value or (key == "fields" and value is not None)
    }
    table |= _table_of_shape(spec.shape)
    return {key: table[key] for key in _KEYS if key in table}


class _Reader:
    """Reads the keys of one table; every mistake is a sentence that says where it is."""

    def __init__(self, where: str, table: Mapping[str, object]) -> None:
        self.where = where
        self._table = table

    def refuse_unknown(self, known: Sequence[str]) -> None:
        unknown = sorted(set(self._table) - set(known))
        if unknown:
            raise BadSpec(
                f"{self.where} has no key '{unknown[0][:60]}'; it takes {', '.join(known)}."
            )

    def read(self, key: str, read: Callable[[object], Any], default: Any) -> Any:
        """Read a key if it is there; what its reader raises ends a sentence that begins "must
        be".
        """
        if key not in self._table:
            return default
        try:
            return read(self._table[key])
        except ValueError as error:
            raise BadSpec(f"{self.where}: {key} must be {error}.") from None


def _is_list_of(kind: type, value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise ValueError(f"a text of at most {LONGEST_TEXT} characters")
    return value


def _line(value: object) -> str:
    text = _text(value)
    if text != display_text(text):
        raise ValueError("one line, with no control characters in it and no spaces around it")
    return text


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not _is_list_of(str, value) or len(value) > MOST_OF_A_LIST:
        raise ValueError(f"a list of at most {MOST_OF_A_LIST} texts")
    return [_line(item) for item in value]


def _ids(value: object) -> tuple[str, ...]:
    return tuple(sorted({item for item in _texts(value) if item}))


def _colour(value: object) -> str:
    return colour(_text(value))


def _audience(value: object) -> Audience:
    try:
        return Audience(_text(value))
    except ValueError:
        raise ValueError(f"one of {', '.join(Audience)}") from None


def _fields_of(audience: Audience) -> Callable[[object], frozenset[Field]]:
    def read(value: object) -> frozenset[Field]:
        result = set(_texts(value))
        allowed = [item for item in Field if item in ALLOWED[audience]]
        if result - set(allowed):
            wrong = min(result - set(allowed))
            raise ValueError(
                f"of those that the audience {audience} may see ({', '.join(allowed)}); '{wrong}'"
                " is not"
            )
        return frozenset(item for item in allowed if item in result)

    return read


def _events(value: object) -> frozenset[EventKey]:
    """Read events as their addresses have them: type and the vendor's id, with a slash between
    them.
    """
    return frozenset(_event(item) for item in _texts(value))


def _event(text: str) -> EventKey:
    event_type, _, event_id = text.partition("/")
    if not event_type or not event_id:
        raise ValueError(f"events as TYPE/ID, such as reservation/123; '{text[:60]}' is not")
    return EventKey(event_type, event_id)


def _written(keys: Iterable[EventKey]) -> list[str]:
    return [f"{event_type}/{event_id}" for event_type, event_id in sorted(keys)]


def _shape(reader: _Reader) -> FeedQuery:
    result = {
        PARAMETERS[key].field: reader.read(key, _as_in_addresses(key), None) for key in SHAPED
    }
    return FeedQuery(
        **{name: value for name, value in result.items() if value is not None}
    )  # each reader fits its field


def _as_in_addresses(key: str) -> Callable[[object], object]:
    """Return a reader that takes what the parameter of an address takes, in TOML's types."""

    def read(value: object) -> object:
        if key in _WHOLE and (isinstance(value, bool) or not isinstance(value, int)):
            raise ValueError("a whole number of days")
        given = _texts(value) if key == "status" and isinstance(value, list) else [str(value)]
        if key not in _WHOLE and key != "status":
            given = [_line(value)]
        return PARAMETERS[key].read(given)

    return read


def _table_of_shape(shape: FeedQuery) -> Table:
    table: Table = {}
    for key in SHAPED:
        parameter = PARAMETERS[key]
        value = getattr(shape, parameter.field)
        if value != getattr(PLAIN, parameter.field):
            table[key] = (
                value
                if key in _WHOLE
                else list(value)
                if key == "status"
                else parameter.write(value)
            )
    return table


def _rules(slug: str, value: object) -> tuple[Rule, ...]:
    if not isinstance(value, list) or not _is_list_of(dict, value) or len(value) > MOST_OF_A_LIST:
        raise BadSpec(
            f"Feed '{slug}': each rule begins with [[feed.rules]], in two brackets on either side."
        )
    return tuple(
        _rule(_Reader(f"Rule {number} of feed '{slug}'", item), item)
        for number, item in enumerate(value, 1)
    )


def _rule(reader: _Reader, table: Mapping[str, object]) -> Rule:
    reader.refuse_unknown(("action", "title", *_CONDITIONS))
    if "action" not in table:
        raise BadSpec(f"{reader.where} lacks its action: {', '.join(Action)}.")
    action = reader.read("action", _action, None)
    title = reader.read("title", _line, "")
    if action is Action.RENAME and not title:
        raise BadSpec(f"{reader.where} lacks the title to rename to.")
    if title and action is not Action.RENAME:
        raise BadSpec(f"{reader.where}: a title goes with the action rename, and with no other.")
    result = {name: reader.read(key, read, ()) for key, (name, read) in _CONDITIONS.items()}
    return Rule(action, title=title, **result)


def _action(value: object) -> Action:
    try:
        return Action(_text(value))
    except ValueError:
        raise ValueError(f"one of {', '.join(Action)}") from None


def _words(value: object) -> tuple[str, ...]:
    return _not_empty(tuple(sorted(set(search_key(_text(value)).split()))))


def _alternatives(value: object) -> tuple[str, ...]:
    given = [_line(value)] if isinstance(value, str) else _texts(value)
    return _not_empty(tuple(sorted({text for item in given if (text := search_key(item))})))


def _not_empty(result: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a condition that says nothing: it would match everything, against all expectation."""
    if not result:
        raise ValueError("more than nothing, or left out")
    return result


_CONDITIONS: Mapping[str, tuple[str, Callable[[object], tuple[str, ...]]]] = {
    "q": ("words", _words),
    "category": ("category", _alternatives),
    "activity": ("activity", _alternatives),
    "type": ("type", _alternatives),
}
"""The keys of a rule's conditions, the field of `Rule` that each sets, and how it is read."""


def _table_of_rule(rule: Rule) -> Table:
    table: Table = {"action": rule.action.value, "title": rule.title, "q": " ".join(rule.words)}
    table |= {key: list(getattr(rule, key)) for key in ("category", "activity", "type")}
    return {key: value for key, value in table.items() if value}


_KEYS = (
    "slug",
    "name",
    "description",
    "colour",
    "audience",
    "properties",
    "facilities",
    "fields",
    *SHAPED,
    "include",
    "exclude",
    "rules",
)
