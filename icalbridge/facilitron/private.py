"""What of an event is for staff alone: who rents, at what rate, how many come; in whatever shape
the vendor tells it.

The pages give `renter` no shape, so every shape that it might have is read as far as it goes; what
cannot be read is empty and never an error, since a calendar needs none of it. Nothing of it is put
into a message, an error or a log, here or anywhere in this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icalbridge.facilitron.lenient import as_text, text, whole
from icalbridge.models import StaffDetails

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = ("short_id", "rate_category", "attendance", "renter")
"""The fields of the vendor's EventDto that this module reads."""

_NAMES = ("name", "full_name", "display_name")
_PARTS = (("first_name", "last_name"), ("firstName", "lastName"), ("first", "last"))
_EMAILS = ("email", "email_address", "mail")


def particulars_of(told: Mapping[str, object]) -> StaffDetails:
    """Return what an EventDto says in `FIELDS`; a field that is missing is as good as null."""
    renter, email = _renter(told.get("renter"))
    return StaffDetails(
        renter=renter,
        email=email,
        attendance=whole(told.get("attendance")),
        reservation=text(told, "short_id").strip(),
        category=text(told, "rate_category").strip(),
    )


def _renter(told: object) -> tuple[str, str]:
    """Return name and e-mail address."""
    match told:
        case dict():
            return _described(told)
        case list():
            return _listed(told)
        case _:
            return _said(as_text(told))


def _said(words: str) -> tuple[str, str]:
    """Take `Name <name@example.org>` apart; a single word with @ is an address, anything else a
    name.
    """
    words = words.strip()
    name, opened, address = words.rpartition("<")
    if opened and address.endswith(">") and "@" in address:
        return name.strip().strip('"').strip(), address[:-1].strip()
    return (
        ("", words) if "@" in words and not any(each.isspace() for each in words) else (words, "")
    )


def _described(told: Mapping[str, object]) -> tuple[str, str]:
    name, email = _said(next(filter(None, (text(told, each).strip() for each in _NAMES)), ""))
    nested = told.get("name")
    parted = nested if isinstance(nested, dict) else told
    for parts in _PARTS:
        name = name or " ".join(filter(None, (text(parted, each).strip() for each in parts)))
    given = next(filter(None, (text(told, each).strip() for each in _EMAILS)), "")
    return name, _said(given)[1] or given or email


def _listed(told: list[object]) -> tuple[str, str]:
    """Take the first address and the first name of any item; a number is a name only where there is
    no other.
    """
    texts = [each for each in told if isinstance(each, str)]
    objects = [each for each in told if isinstance(each, dict)]
    numbers = [as_text(each) for each in told if isinstance(each, int | float)]
    found = [*map(_said, texts), *map(_described, objects), *map(_said, numbers)]
    return next((name for name, _ in found if name), ""), next(
        (email for _, email in found if email), ""
    )
