"""Refused addresses and forms, explained to people.

A feed's own sentences are English, since programs read them too; pages in other languages name the
field to check instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icalbridge.feeds import BadQuery
from icalbridge.feeds.query import PARAMETERS, quoted
from icalbridge.web.i18n import current, gettext

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Refused(BadQuery):
    """Raised for the parameters of a page, with a sentence in the reader's language."""


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


def about(error: BadQuery) -> str:
    """Return the parameter of a feed that a refusal is about; empty for none."""
    first = str(error).partition(" ")[0]
    return first if first in PARAMETERS else ""


def sentence(error: BadQuery) -> str:
    """Return why, in the reader's language."""
    if isinstance(error, Refused) or current().language == "en":
        return str(error)
    field = about(error)
    if not field:
        return gettext("This calendar cannot be made as it is asked for.")
    message = gettext(
        "This calendar cannot be made as it is asked for: check what is given for “%(field)s”."
    )
    return message % {"field": field}
