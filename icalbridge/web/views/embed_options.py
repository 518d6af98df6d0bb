"""The looks of an embedded calendar: the parameters of its address beside those of its feed."""

from __future__ import annotations

from datetime import date  # noqa: TC003  # msgspec reads it
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote, urlencode

from msgspec import Meta, Struct, structs

from icalbridge.feeds.query_values import join_query, split_query
from icalbridge.web.i18n import NAMES, gettext
from icalbridge.web.parameters import Refused, choice_refusal, convert_parameters
from icalbridge.web.views.calendar_grid import VIEWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icalbridge.models import Feed

CHOICES = {
    "view": VIEWS,
    "theme": ("auto", "light", "dark"),
    "lang": tuple(NAMES),
    "header": ("0", "1"),
}
MOST_DAYS = 366
OWN = ("view", "days", "theme", "accent", "lang", "header", "from")


class EmbedOptions(Struct, frozen=True, rename={"start": "from"}):
    """How an embedded calendar looks."""

    view: Literal["list", "week", "month"] = "list"
    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] | None = None
    """Of a list, today included."""
    theme: Literal["auto", "light", "dark"] = "auto"
    accent: Annotated[str, Meta(pattern=r"^(#?[0-9a-fA-F]{6})?$")] = ""
    """Six hexadecimal digits, lower case."""
    lang: Literal["", "en", "es"] = ""
    header: Literal["0", "1"] = "1"
    start: date | None = None
    """A day of the week or month that is shown."""

    @property
    def has_header(self) -> bool:
        return self.header == "1"

    def query(self, rest: str = "", **other: object) -> str:
        """Return the parameters in one order, with those of the feed after them; `other` replaces
        fields.
        """
        looks = structs.replace(self, **other)
        values = {
            "view": "" if looks.view == "list" else looks.view,
            "days": "" if looks.days is None else str(looks.days),
            "theme": "" if looks.theme == "auto" else looks.theme,
            "accent": looks.accent,
            "lang": looks.lang,
            "header": "" if looks.has_header else "0",
            "from": looks.start.isoformat() if looks.start else "",
        }
        own = urlencode({name: text for name, text in values.items() if text})
        return "&".join(filter(None, (own, rest)))


def split_options(query: str) -> tuple[EmbedOptions, str]:
    """Split the query of an embed's address into its options and the query of its feed. Raises
    `BadQuery`.
    """
    parameters = split_query(query)
    own = {name: parameters.pop(name) for name in OWN if name in parameters}
    for name, values in own.items():
        if len(set(values)) > 1:
            raise Refused(gettext("%(name)s is given twice; give it once.") % {"name": name})
    return convert_options(own), join_query(parameters)


def convert_options(parameters: Mapping[str, Sequence[str]]) -> EmbedOptions:
    """Convert the options of an address or a form. Raises `Refused`."""
    checked = convert_parameters(parameters, EmbedOptions, _refusal, numbers=["days"])
    return structs.replace(checked, accent=checked.accent.removeprefix("#").lower())


def _refusal(name: str, given: str) -> str:
    match name:
        case "days":
            sentence = gettext("days is %(given)s and must be a whole number from 1 to %(most)s.")
        case "accent":
            sentence = gettext(
                "accent is %(given)s and must be a color of six hexadecimal digits, such as 0b5c6b."
            )
        case "from":
            sentence = gettext("from is %(given)s and must be a date, such as 2026-11-21.")
        case _:
            return choice_refusal(name, given, CHOICES[name])
    return sentence % {"given": given, "most": MOST_DAYS}


def embed_path(feed: Feed, query: str = "") -> str:
    """Return the path of an embedded calendar."""
    path = f"/embed/{feed.kind}/{quote(feed.id, safe='')}"
    return f"{path}?{query}" if query else path
