"""How an embedded calendar is to look: what its address says beside the parameters of a feed,
checked.

The rest of the address is for `feeds.shape`, whose sentences these sound like: what is not
understood is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

from icalbridge.feeds import BadQuery
from icalbridge.feeds.query import LONGEST_QUERY, MOST_VALUES, UNREADABLE, quoted
from icalbridge.web.i18n import NAMES, gettext
from icalbridge.web.refusing import Refused
from icalbridge.web.views.calendar_grid import VIEWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from icalbridge.models import Feed

THEMES = ("auto", "light", "dark")
MOST_DAYS = 366
OWN = ("view", "days", "theme", "accent", "lang", "header", "from")

_ACCENT = re.compile(r"#?([0-9a-fA-F]{6})")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Looks:
    """What is not said is empty or None, but for view and theme."""

    view: str = "list"
    days: int | None = None
    """Of a list, today included."""
    theme: str = "auto"
    accent: str = ""
    """Six hexadecimal digits, lower case."""
    lang: str = ""
    header: bool = True
    start: date | None = None
    """A day of the week or month that is shown."""

    def query(self, rest: str = "", **other: object) -> str:
        """Return the parameters in one order, with those of the feed after them; `other` replaces
        fields.
        """
        looks = replace(self, **other)  # type: ignore[arg-type]  # named by the caller
        said = {
            "view": "" if looks.view == "list" else looks.view,
            "days": "" if looks.days is None else str(looks.days),
            "theme": "" if looks.theme == "auto" else looks.theme,
            "accent": looks.accent,
            "lang": looks.lang,
            "header": "" if looks.header else "0",
            "from": looks.start.isoformat() if looks.start else "",
        }
        own = urlencode({name: text for name, text in said.items() if text})
        return "&".join(filter(None, (own, rest)))


def read(query: str) -> tuple[Looks, str]:
    """Part the query of an embedded calendar's address into its looks and the query of its feed.
    Raises `BadQuery`.
    """
    if len(query) > LONGEST_QUERY:
        told = gettext("This address is too long; its parameters may have %(most)s characters.")
        raise Refused(told % {"most": LONGEST_QUERY})
    try:
        given = parse_qsl(
            query, keep_blank_values=True, errors="strict", max_num_fields=MOST_VALUES
        )
    except (UnicodeError, ValueError):
        raise BadQuery(UNREADABLE) from None
    own: dict[str, str] = {}
    for name, text in given:
        if name in OWN and text.strip() and own.setdefault(name, text.strip()) != text.strip():
            raise Refused(gettext("%(name)s is given twice; give it once.") % {"name": name})
    return looks(own), urlencode([(name, text) for name, text in given if name not in OWN])


def looks(said: Mapping[str, str]) -> Looks:
    """Check what an address or a form says of the looks. Raises `BadQuery`."""
    text = {name: said.get(name, "") for name in OWN}
    return Looks(
        view=_one_of("view", text["view"], VIEWS) or "list",
        days=_days(text["days"]),
        theme=_one_of("theme", text["theme"], THEMES) or "auto",
        accent=_accent(text["accent"]),
        lang=_one_of("lang", text["lang"], tuple(NAMES)),
        header=_one_of("header", text["header"], ("0", "1")) != "0",
        start=_date(text["from"]),
    )


def _one_of(name: str, text: str, choices: Sequence[str]) -> str:
    if text and text not in choices:
        told = gettext("%(name)s is %(given)s and must be %(choices)s or %(last)s.")
        shown = {"choices": ", ".join(choices[:-1]), "last": choices[-1]}
        raise Refused(told % {"name": name, "given": quoted(text), **shown})
    return text


def _days(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MOST_DAYS:
        told = gettext("days is %(given)s and must be a whole number from 1 to %(most)s.")
        raise Refused(told % {"given": quoted(text), "most": MOST_DAYS})
    return int(text)


def _accent(text: str) -> str:
    found = _ACCENT.fullmatch(text)
    if text and not found:
        told = gettext(
            "accent is %(given)s and must be a color of six hexadecimal digits, such as 0b5c6b."
        )
        raise Refused(told % {"given": quoted(text)})
    return found[1].lower() if found else ""


def _date(text: str) -> date | None:
    if not text:
        return None
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    told = gettext("from is %(given)s and must be a date, such as 2026-11-21.")
    raise Refused(told % {"given": quoted(text)})


def embed_path(feed: Feed, query: str = "") -> str:
    """Return the path of an embedded calendar."""
    path = f"/embed/{feed.kind}/{quote(feed.id, safe='')}"
    return f"{path}?{query}" if query else path
