"""Parameters of pages as checked values (msgspec), and sentences for those that are refused.

A feed's own sentences are English, since programs read them too; pages in other languages name the
field to check instead.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from icalbridge.feeds import BadQuery
from icalbridge.feeds.query import PARAMETERS
from icalbridge.feeds.query_values import quoted
from icalbridge.web.i18n import current, gettext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from icalbridge.feeds.audience import Item

Parameters = TypeVar("Parameters", bound=msgspec.Struct)

LAST_SECOND = 253_402_300_799
"""Of the year 9999."""

_NAME = re.compile(r"`\$\.(\w+)`")


class Refused(BadQuery):
    """Raised for the parameters of a page, with a sentence in the reader's language."""


class Key(NamedTuple):
    """The sort key of an entry: start and end, in seconds since 1970, and UID."""

    start: int
    end: int
    uid: str

    @classmethod
    def of(cls, item: Item) -> Key:
        return cls(*item.key)

    @classmethod
    def read(cls, text: str) -> Key | None:
        """Return the key of a parameter; None for what is none."""
        try:
            decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            start, end, uid = decoded.split(".", 2)
            key = cls(int(start), int(end), uid)
        except ValueError:
            return None
        return key if str(key) == text and 0 <= key.start <= key.end <= LAST_SECOND else None

    def __str__(self) -> str:
        text = f"{self.start}.{self.end}.{self.uid}"
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def refuse_unknown(
    names: Iterable[str], known: Sequence[str], tolerated: Iterable[str] = ()
) -> None:
    """Raise `Refused` for the first parameter that an address does not take; `tolerated` ones are
    ignored.
    """
    taken = {*known, *tolerated}
    for name in names:
        if name not in taken:
            message = gettext("There is no parameter %(given)s; this address takes %(known)s.")
            raise Refused(message % {"given": quoted(name), "known": ", ".join(known)})


def convert_parameters(
    parameters: Mapping[str, Sequence[str]],
    into: type[Parameters],
    refusal: Callable[[str, str], str],
    *,
    numbers: Sequence[str] = (),
) -> Parameters:
    """Return the last value of each parameter as the struct's field of its name.

    `numbers` names the whole numbers. `refusal` returns the sentence for a name and its quoted
    value. Raises `Refused` with it.
    """
    values = {
        name: parameters[name][-1] for name in into.__struct_encode_fields__ if parameters.get(name)
    }
    fields = {
        name: int(value) if name in numbers and re.fullmatch("[0-9]{1,4}", value) else value
        for name, value in values.items()
    }
    try:
        return msgspec.convert(fields, into)
    except msgspec.ValidationError as error:
        match = _NAME.search(str(error))
        name = match[1] if match else next(iter(fields))
        raise Refused(refusal(name, quoted(values[name]))) from None


def choice_refusal(name: str, given: str, choices: Sequence[str]) -> str:
    """Return the sentence for a value that is none of some choices."""
    sentence = gettext("%(name)s is %(given)s and must be %(choices)s or %(last)s.")
    listed = {"choices": ", ".join(choices[:-1]), "last": choices[-1]}
    return sentence % {"name": name, "given": given, **listed}


def refused_parameter(error: BadQuery) -> str:
    """Return the parameter of a feed that a refusal is about; empty for none."""
    first = str(error).partition(" ")[0]
    return first if first in PARAMETERS else ""


def translate_refusal(error: BadQuery) -> str:
    """Return the sentence of a refusal in the reader's language."""
    if isinstance(error, Refused) or current().language == "en":
        return str(error)
    field = refused_parameter(error)
    if not field:
        return gettext("This calendar cannot be made as requested.")
    message = gettext("This calendar cannot be made as requested: check “%(field)s”.")
    return message % {"field": field}
