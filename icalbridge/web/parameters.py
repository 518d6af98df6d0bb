"""Parameters of addresses and forms as checked values: msgspec converts them, and what does not fit
is refused in one sentence in the reader's language.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

from icalbridge.feeds.query import quoted
from icalbridge.web.i18n import gettext
from icalbridge.web.refusing import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Parameters = TypeVar("Parameters", bound=msgspec.Struct)

_NAME = re.compile(r"`\$\.(\w+)`")


def convert_parameters(
    values: Mapping[str, str],
    into: type[Parameters],
    refusal: Callable[[str, str], str],
    *,
    numbers: Sequence[str] = (),
) -> Parameters:
    """Return the values as a struct's fields; blank ones are left out.

    `numbers` names the whole numbers. `refusal` returns the sentence for a name and its quoted
    value. Raises `Refused` with it.
    """
    fields = {
        name: int(value) if name in numbers and re.fullmatch("[0-9]{1,4}", value) else value
        for name, value in values.items()
        if value
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
