"""Checks JSON feeds against our own schema, with jsonschema; unknown keys are errors here."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from icalbridge.feeds.formats.json_format import schema

SCHEMA: dict[str, Any] = json.loads(schema())


def _closed(rule: Any) -> Any:
    """Return a schema that allows no other keys than those that it describes."""
    if isinstance(rule, list):
        return [_closed(item) for item in rule]
    if not isinstance(rule, dict):
        return rule
    closed = {name: _closed(item) for name, item in rule.items()}
    return {**closed, "additionalProperties": False} if "required" in rule else closed


def faults(value: Any, definition: str = "") -> list[str]:
    """Return path and keyword of each error in a feed, or in a part of one by its name in $defs."""
    rule = _closed(SCHEMA)
    if definition:
        rule = {"$ref": f"#/$defs/{definition}", "$defs": rule["$defs"]}
    Draft202012Validator.check_schema(rule)
    errors = Draft202012Validator(rule).iter_errors(value)
    return list(dict.fromkeys(f"{error.json_path}: {error.validator}" for error in errors))
