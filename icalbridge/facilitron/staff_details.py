"""Parser for the fields of an event that are for staff alone: renter, rate category, attendance.

The pages give `renter` no shape, so that every JSON value is read as far as possible; what cannot
be read is empty and never an error. Nothing of it is put into a message, an error or a log, here or
anywhere in this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icalbridge.facilitron.lenient_json import get_text, to_count, to_text
from icalbridge.models import StaffDetails

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = ("short_id", "rate_category", "attendance", "renter")
"""The fields of the vendor's EventDto that this module reads."""

_NAMES = ("name", "full_name", "display_name")
_NAME_PARTS = (("first_name", "last_name"), ("firstName", "lastName"), ("first", "last"))
_EMAILS = ("email", "email_address", "mail")


def parse_staff_details(fields: Mapping[str, object]) -> StaffDetails:
    """Parse `FIELDS` of an EventDto; a missing field is the same as null."""
    renter, email = _parse_renter(fields.get("renter"))
    return StaffDetails(
        renter=renter,
        email=email,
        attendance=to_count(fields.get("attendance")),
        reservation=get_text(fields, "short_id").strip(),
        category=get_text(fields, "rate_category").strip(),
    )


def _parse_renter(value: object) -> tuple[str, str]:
    """Return name and e-mail address."""
    match value:
        case dict():
            return _parse_object(value)
        case list():
            return _parse_list(value)
        case _:
            return _parse_text(to_text(value))


def _parse_text(text: str) -> tuple[str, str]:
    """Parse `Name <name@example.org>`; one word with @ is an address, anything else a name."""
    text = text.strip()
    name, bracket, address = text.rpartition("<")
    if bracket and address.endswith(">") and "@" in address:
        return name.strip().strip('"').strip(), address[:-1].strip()
    is_address = "@" in text and not any(letter.isspace() for letter in text)
    return ("", text) if is_address else (text, "")


def _parse_object(fields: Mapping[str, object]) -> tuple[str, str]:
    name, email = _parse_text(_first_text(fields, _NAMES))
    nested = fields.get("name")
    named = nested if isinstance(nested, dict) else fields
    for parts in _NAME_PARTS:
        name = name or " ".join(filter(None, (get_text(named, part).strip() for part in parts)))
    address = _first_text(fields, _EMAILS)
    return name, _parse_text(address)[1] or address or email


def _first_text(fields: Mapping[str, object], names: tuple[str, ...]) -> str:
    return next(filter(None, (get_text(fields, name).strip() for name in names)), "")


def _parse_list(items: list[object]) -> tuple[str, str]:
    """Return the first name and the first address; a number is a name only if there is no other."""
    parsed = [
        *(_parse_text(item) for item in items if isinstance(item, str)),
        *(_parse_object(item) for item in items if isinstance(item, dict)),
        *(_parse_text(to_text(item)) for item in items if isinstance(item, int | float)),
    ]
    return next((name for name, _ in parsed if name), ""), next(
        (email for _, email in parsed if email), ""
    )
