"""The form of the builder: what somebody filled in, turned into the query of a feed's address.

Its fields are the parameters of a feed, so what they mean and whether it holds is for
`feeds.shape`. A form only says things its own way: a tick for each value, a blank for what is not
wished, a list of titles beside a title of one's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

from icalbridge.feeds import FORMATS, PLAIN, BadQuery
from icalbridge.feeds.query import PARAMETERS, UNREADABLE, parse
from icalbridge.models import Feed
from icalbridge.web.routes.feeds import is_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icalbridge.feeds import FeedQuery

OWN = ("feed", "school", "format", "lang")
"""What the form has beside the parameters: which calendar, whose facilities are listed, format,
language.
"""
TICKED = ("facility", "type", "category", "activity", "status")
"""Parameters that take several values, of which a form sends each by itself."""
LONGEST = 16_000
MOST_FIELDS = 400


@dataclass(frozen=True, slots=True)
class Form:
    """The fields that are not blank, as they were filled in; nothing of it is checked.

    A blank field that is none of a feed's parameters is there without values, so that an unknown
    one can be refused.
    """

    fields: Mapping[str, tuple[str, ...]]

    def text(self, name: str) -> str:
        """Return what a field holds; of several the last, as with a title of one's own."""
        return (self.fields.get(name) or ("",))[-1]

    def all(self, name: str) -> str:
        """Return all that was filled in under a parameter's name, as one value of it."""
        if name in TICKED:
            return ",".join(self.fields.get(name, ()))
        return (
            self.text(name)
            if name == "title"
            else " ".join(dict.fromkeys(self.fields.get(name, ())))
        )

    @property
    def feed(self) -> Feed | None:
        """The calendar that is chosen; None where that is none that there can be."""
        kind, _, feed_id = self.text("feed").partition(":")
        if not is_id(feed_id):
            return None
        match kind:
            case "facility":
                return Feed("facility", feed_id)
            case "property":
                return Feed("property", feed_id)
            case _:
                return None

    @property
    def suffix(self) -> str:
        """The format's suffix. Raises `BadQuery` for a format that there is not."""
        suffix = self.text("format") or "ics"
        if suffix not in FORMATS:
            raise BadQuery(
                f"There is no format '{suffix[:60]}'; a feed comes as {', '.join(FORMATS)}."
            )
        return suffix

    @property
    def query(self) -> str:
        """The parameters as a feed's address takes them, in the order they came in."""
        return urlencode({name: self.all(name) for name in self.fields if name not in OWN})

    @property
    def facility_ids(self) -> frozenset[str]:
        return frozenset(each for shape in self._parts("facility") for each in shape.facility)

    @property
    def types(self) -> frozenset[str]:
        """The kinds that are ticked, as they are compared."""
        return frozenset(each for shape in self._parts("type") for each in shape.type)

    def _parts(self, name: str) -> list[FeedQuery]:
        """Read each value of a field by itself, so that one too many of them does not lose the
        others.
        """
        return [_alone(name, value) for value in self.fields.get(name, ())]


def _alone(name: str, value: str) -> FeedQuery:
    try:
        return parse(urlencode({name: value}))
    except BadQuery:
        return PLAIN


def filled_in(query: str) -> Form:
    """Read the query of the form's address, as WSGI has it. Raises `BadQuery` for one that cannot
    be read.
    """
    found: dict[str, tuple[str, ...]] = {}
    try:
        if len(query) > LONGEST:
            raise ValueError
        for name, value in parse_qsl(
            query, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS
        ):
            if value.strip():
                found[name] = (*found.get(name, ()), value.strip())
            elif name not in PARAMETERS:
                found.setdefault(name, ())
    except (UnicodeError, ValueError):
        raise BadQuery(UNREADABLE) from None
    return Form(found)


def value_of(name: str, text: str) -> str:
    """Return a value as the field of that parameter sends it: a comma of its own does not part
    it.
    """
    return PARAMETERS[name].write((text,))


def build_path(kind: str = "", feed_id: str = "", *, root: str = "/build") -> str:
    """Return the path of the builder, or of that of snippets, filled in for a calendar if one is
    named.
    """
    return f"{root}?feed={quote(f'{kind}:{feed_id}', safe=':')}" if kind else root
