"""Whether a request's body breaks a documented rule: checked against the published schemas, all
wrong fields at once.

Understands as much of JSON Schema as `schemas.py` uses. What no schema can say follows: a
timeslot's times stand in order on one calendar day, and no timeslot is told twice. Rules that need
the data, or the clock, are `writes.py`'s.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from icalbridge.sandbox import rules
from icalbridge.sandbox.schemas import REQUESTS, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MINUTE = timedelta(minutes=1)
LONGEST_EMAIL = 254
"""Octets of a forward path without its brackets (RFC 5321, section 4.5.3.1.3)."""

_EMAIL = re.compile(
    r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+"
)
"""A valid e-mail address as HTML has it ("WHATWG HTML", 4.10.5.1.5), in a domain with at least one
dot.
"""


def read_body(raw: bytes, name: str) -> dict[str, Any]:
    """Return a body that is good by the schema of that name; raises `Refusal` that names every
    wrong field.
    """
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise rules.invalid("the body must be JSON") from None
    if not isinstance(body, dict):
        raise rules.invalid("the body must be an object")
    refuse(list(_wrong(body, REQUESTS[name], "")) or list(_unordered(body)))
    return body


def check_part(value: str, schema: Schema, name: str) -> None:
    """Check one part of a path by its schema; raises `Refusal`."""
    refuse(list(_wrong(value, schema, name)))


def refuse(wrong: list[str]) -> None:
    """Raise `Refusal` that says all that is wrong, if anything is."""
    if wrong:
        raise rules.invalid("; ".join(wrong))


def local(told: str) -> datetime:
    """Read a local time as the vendor writes it, without an offset; raises `ValueError`."""
    return datetime.fromisoformat(told).replace(tzinfo=None)


def _wrong(value: object, schema: Schema, where: str) -> Iterator[str]:
    """Yield a phrase for each thing in a value that its schema does not allow."""
    if "$ref" in schema:
        schema = REQUESTS[schema["$ref"].rpartition("/")[2]]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_KINDS[each][0](value) for each in kinds):
        yield f"{where} must be {' or '.join(_KINDS[each][1] for each in kinds)}"
        return
    match value:
        case str():
            yield from _wrong_text(value, schema, where)
        case list():
            yield from _wrong_list(value, schema, where)
        case dict():
            yield from _wrong_fields(value, schema, where)
        case int() | float() if (
            not schema.get("minimum", value) <= value <= schema.get("maximum", value)
        ):
            yield f"{where} must be {schema['minimum']} to {schema['maximum']}"


def _wrong_list(value: list[object], schema: Schema, where: str) -> Iterator[str]:
    if len(value) < schema.get("minItems", 0):
        yield f"{where} must hold at least {schema['minItems']}"
    for index, each in enumerate(value):
        yield from _wrong(each, schema["items"], f"{where}[{index}]")


def _wrong_fields(value: dict[str, object], schema: Schema, where: str) -> Iterator[str]:
    for name, field in schema["properties"].items():
        path = f"{where}.{name}" if where else name
        if name in value:
            yield from _wrong(value[name], field, path)
        elif name in schema["required"]:
            yield f"{path} is required"


def _wrong_text(value: str, schema: Schema, where: str) -> Iterator[str]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", len(value))
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} must be {' or '.join(schema['enum'])}"
    elif not least <= len(value) <= most:
        yield f"{where} must be {least} to {most} characters long"
    elif "format" in schema and not _FORMATS[schema["format"]](value):
        yield f"{where} must be {_SPOKEN[schema['format']]}"
    elif "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        yield f'{where} may hold only letters, digits, ".", "-" and "_"'


def _is_email(value: str) -> bool:
    return len(value) <= LONGEST_EMAIL and _EMAIL.fullmatch(value) is not None


def _is_local_time(value: str) -> bool:
    try:
        local(value)
    except ValueError:
        return False
    return re.fullmatch(r"[0-9-]{10}T([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2})?", value) is not None


_KINDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "string": (lambda value: isinstance(value, str), "a text"),
    "number": (
        lambda value: isinstance(value, int | float) and not isinstance(value, bool),
        "a number",
    ),
    "array": (lambda value: isinstance(value, list), "a list"),
    "object": (lambda value: isinstance(value, dict), "an object"),
    "null": (lambda value: value is None, "null"),
}
_FORMATS: dict[str, Callable[[str], bool]] = {"email": _is_email, "date-time-local": _is_local_time}
_SPOKEN = {
    "email": "an e-mail address",
    "date-time-local": "a local time in the form YYYY-MM-DDTHH:mm:ss",
}


def _unordered(body: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong between the fields of a body whose fields are good."""
    if "timeslots" not in body:
        yield from _wrong_span(body, "") if "start_datetime" in body else ()
        return
    seen = set()
    for index, each in enumerate(body["timeslots"]):
        yield from _wrong_span(each, f"timeslots[{index}].")
        if each["external_system_timeslot_id"] in seen:
            yield f"timeslots[{index}].external_system_timeslot_id stands there twice"
        seen.add(each["external_system_timeslot_id"])


def _wrong_span(told: dict[str, Any], where: str) -> Iterator[str]:
    start, end = local(told["start_datetime"]), local(told["end_datetime"])
    if end - start < MINUTE:
        yield f"{where}end_datetime must be at least 1 minute later than start_datetime"
    elif end.date() != start.date():
        yield f"{where}end_datetime must be on the same calendar day as start_datetime"
