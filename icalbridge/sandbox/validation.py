"""Validates request bodies against the published schemas, and reports all wrong fields at once.

Beyond the schemas: a timeslot ends after its start, and its external id is unique within its event.
Rules that need the data, or the clock, are in `writes.py`.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import msgspec
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

from icalbridge.sandbox import rules
from icalbridge.sandbox.schemas import REQUESTS, Schema, ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MINUTE = timedelta(minutes=1)
LONGEST_EMAIL = 254
"""Octets of a forward path without its brackets (RFC 5321, section 4.5.3.1.3)."""

_ATOM = r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART = re.compile(rf'{_ATOM}(\.{_ATOM})*|"([!#-\[\]-~]|\\[!-~])*"')
"""A dot-atom or a quoted-string without white space (RFC 5322, section 3.4.1)."""
_LABEL = _ATOM.replace("]+", "]{1,63}")
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_TYPES = {
    "string": "a text",
    "number": "a number",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_FORMATS = {
    "email": "an e-mail address",
    "date-time-local": "a local time in the form YYYY-MM-DDTHH:mm:ss",
}
_PHRASES: dict[str, Callable[[Any, Schema], str]] = {
    "type": lambda _, schema: f"must be {_any_of(schema['type'], _TYPES)}",
    "enum": lambda _, schema: f"must be {' or '.join(schema['enum'])}",
    "format": lambda _, schema: f"must be {_FORMATS[schema['format']]}",
    "pattern": lambda *_: 'may hold only letters, digits, ".", "-" and "_"',
    "minItems": lambda _, schema: f"must hold at least {schema['minItems']}",
    **dict.fromkeys(
        ("minLength", "maxLength"),
        lambda value, schema: (
            f"must be {schema.get('minLength', 0)} to {schema.get('maxLength', len(value))}"
            " characters long"
        ),
    ),
    **dict.fromkeys(
        ("minimum", "maximum"),
        lambda _, schema: f"must be {schema['minimum']} to {schema['maximum']}",
    ),
}
"""What to report of a value, by the keyword of its schema that it breaks."""


def read_body(raw: bytes, name: str) -> dict[str, Any]:
    """Return a body that is valid by the schema of that name; raises `Refusal` that names every
    wrong field.
    """
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise rules.invalid("the body must be JSON") from None
    if not isinstance(body, dict):
        raise rules.invalid("the body must be an object")
    schema = {**ref(name), "components": {"schemas": REQUESTS}}
    refuse(_schema_errors(body, schema, "") or list(_unordered(body)))
    return body


def check_part(value: str, schema: Schema, name: str) -> None:
    """Check one part of a path by its schema; raises `Refusal`."""
    refuse(_schema_errors(value, schema, name))


def refuse(errors: list[str]) -> None:
    """Raise `Refusal` that reports all errors, if there are any."""
    if errors:
        raise rules.invalid("; ".join(errors))


def parse_local(text: str) -> datetime:
    """Parse a local time as the vendor writes it, without an offset; raises `ValueError`."""
    return datetime.fromisoformat(text).replace(tzinfo=None)


def _schema_errors(value: object, schema: Schema, name: str) -> list[str]:
    """Return the first error of each wrong field."""
    errors: dict[str, str] = {}
    for error in _Validator(schema, format_checker=_formats).iter_errors(value):
        path = name + error.json_path.removeprefix("$").removeprefix(".")
        if error.validator == "required":
            for field in error.validator_value:
                if field not in error.instance:
                    errors[f"{path}.{field}".removeprefix(".")] = "is required"
        else:
            phrase = _PHRASES[error.validator](error.instance, error.schema)
            errors.setdefault(path, phrase)
    return [f"{path} {phrase}" for path, phrase in errors.items()]


def _any_of(types: str | list[str], phrases: dict[str, str]) -> str:
    return " or ".join(phrases[kind] for kind in ([types] if isinstance(types, str) else types))


def _check_pattern(
    _validator: object, pattern: str, value: object, _schema: Schema
) -> Iterator[ValidationError]:
    """Match the whole text as ECMA-262 does; Python's `$` would allow a line break at the end."""
    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield ValidationError("pattern")


_Validator = extend(  # type: ignore[no-untyped-call]  # the stubs leave it untyped
    Draft202012Validator, {"pattern": _check_pattern}
)
_formats = FormatChecker(formats=())


@_formats.checks("email")
def _is_email(value: object) -> bool:
    if not isinstance(value, str):
        return True
    local, _, domain = value.rpartition("@")
    if len(value) > LONGEST_EMAIL or len(local) > 64 or not _LOCAL_PART.fullmatch(local):
        return False
    return bool(_DOMAIN.fullmatch(domain)) or _is_address_literal(domain)


def _is_address_literal(domain: str) -> bool:
    """Return whether a domain is an IP address in brackets (RFC 5321, section 4.1.3)."""
    match = re.fullmatch(r"\[(IPv6:)?([^%]*)\]", domain)
    try:
        return match is not None and ip_address(match[2]).version == (6 if match[1] else 4)
    except ValueError:
        return False


@_formats.checks("date-time-local", raises=ValueError)
def _is_local_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    parse_local(value)
    return re.fullmatch(r"[0-9-]{10}T([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2})?", value) is not None


def _unordered(body: dict[str, Any]) -> Iterator[str]:
    """Yield the errors between fields of a body that is valid by its schema."""
    if "timeslots" not in body:
        yield from _span_errors(body, "") if "start_datetime" in body else ()
        return
    ids = set()
    for index, slot in enumerate(body["timeslots"]):
        yield from _span_errors(slot, f"timeslots[{index}].")
        if slot["external_system_timeslot_id"] in ids:
            yield f"timeslots[{index}].external_system_timeslot_id stands there twice"
        ids.add(slot["external_system_timeslot_id"])


def _span_errors(slot: dict[str, Any], path: str) -> Iterator[str]:
    start, end = parse_local(slot["start_datetime"]), parse_local(slot["end_datetime"])
    if end - start < MINUTE:
        yield f"{path}end_datetime must be at least 1 minute later than start_datetime"
