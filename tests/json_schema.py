"""As much of JSON Schema (draft 2020-12) as our own schema uses: a keyword or a type that it does
not expect fails.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from icalbridge.feeds.formats.json_format import schema

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "null": type(None),
}
SILENT = {"$schema", "$defs", "title", "description", "format", "properties", "items"}
"""What says nothing of the value itself; `faults` follows the last two."""
SCHEMA: dict[str, Any] = json.loads(schema())


def faults(value: Any, rule: dict[str, Any] | None = None, where: str = "$") -> list[str]:
    """Return all that is wrong with a value by a rule, by default with a feed; keys without a rule
    are wrong too.
    """
    if rule is None:
        rule = SCHEMA
    if "$ref" in rule:
        return faults(value, SCHEMA["$defs"][rule["$ref"].removeprefix("#/$defs/")], where)
    found = [
        f"{where}: {word}"
        for word, told in rule.items()
        if word not in SILENT and not _holds(word, told, value)
    ]
    if isinstance(value, dict):
        known = rule.get("properties", {})
        found += [f"{where}.{key}: unknown" for key in value if key not in known]
        found += [
            each
            for key, told in value.items()
            for each in faults(told, known.get(key, {}), f"{where}.{key}")
        ]
    if isinstance(value, list) and "items" in rule:
        found += [
            each
            for index, told in enumerate(value)
            for each in faults(told, rule["items"], f"{where}[{index}]")
        ]
    return found


def _is(value: Any, told: str | list[str]) -> bool:
    names = [told] if isinstance(told, str) else told
    return not isinstance(value, bool) and any(isinstance(value, TYPES[name]) for name in names)


def _holds(word: str, told: Any, value: Any) -> bool:
    return bool(RULES[word](value, told))


RULES: dict[str, Callable[[Any, Any], object]] = {
    "type": _is,
    "anyOf": lambda value, told: any(not faults(value, each) for each in told),
    "const": lambda value, told: value == told,
    "enum": lambda value, told: value in told,
    "required": lambda value, told: value.keys() >= set(told),
    "minLength": lambda value, told: len(value) >= told,
    "minimum": lambda value, told: value >= told,
    "pattern": lambda value, told: not isinstance(value, str) or re.search(told, value),
    "uniqueItems": lambda value, told: told is (len(set(value)) == len(value)),
}
"""What each keyword asks."""
