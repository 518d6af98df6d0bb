"""The Spanish words: all are there, they fit the code, and no page or display says anything in
English beside them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from babel.messages.pofile import read_po

from icalbridge.feeds import display_text
from icalbridge.feeds.query import PARAMETERS
from icalbridge.models import Feed
from icalbridge.store.entries import ALL_ENTRIES, TimeRange
from icalbridge.web.api import document
from icalbridge.web.i18n import FOLDER
from tests.fixtures.documents import OUTDATED_WORDS
from tests.machine import HERE
from tests.samples import NOW
from tests.web_world import LONG, filled_store

if TYPE_CHECKING:
    from pathlib import Path

    from babel.messages.catalog import Catalog, Message
    from flask.testing import FlaskClient

    from icalbridge.store import Store

ROOT = HERE.parent
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
TOLD = {"alt", "aria-label", "data-done", "data-failed", "label", "placeholder", "title"}
"""Attributes that people are told."""
FILLED_BY_SCRIPT = "{page} of {pages}"
"""With anything filled in, it could be a name as well."""
CUT = LONG[:69].strip()
EXAMPLES = {
    "Google Calendar", "Outlook.com", "Microsoft 365", "EST", "English", "gym", "Main", CUT, CUT[:48],
    "nothing-of-this-name", "Reserved", "Practice", "Varsity",
    "Lincoln High", "Main Gym", "JSON", "CSV", "ATOM", "Google Sites", "Finalsite", "Blackboard / Edlink WCM",
    "ParentSquare Smart Sites", "Squarespace", "WordPress", "Apptegy", "Edlio", "SharePoint", "Wix", "Español",
    *(each.form.example for each in PARAMETERS.values() if each.form),
}  # fmt: skip
"""Names of services, what a test looks for, and examples of what bookings are called: those are
English.
"""
PAGES = [
    "/", "/?q=gym", "/?q=Main", "/?q=nothing-of-this-name", "/property/district", "/property/school", "/property/odd",
    "/property/alone", "/property/never", "/facility/gym", "/facility/pool", "/facility/nameless", "/nowhere", "/build",
    "/build?feed=property:district", "/build?feed=property:district&school=school",
    "/build?feed=facility:gym&format=json", "/build?feed=property:school&q=nothing-like-it",
    "/build?feed=property:never", "/build?past=long&feed=facility:gym",
    "/property/school?view=week", "/property/school?view=month", "/facility/gym?view=week", "/facility/gym?view=month",
    "/property/school?view=year", "/facility/gym?facility=nowhere", "/property/school?date=2026-11-25",
    "/free", "/free?from=08:00&to=10:00", "/free?date=2026-11-28&capacity=9000", "/free?length=5", "/free?page=9",
    "/free?date=2027-11-20", "/booking/gym0", "/booking/now", "/booking/unknown", "/?q=Practice",
    "/property/school?view=list&name=practice", "/poster/facility/gym", "/embed", "/embed?feed=property:school", "/embed?feed=property:school&accent=zz",
    "/status", "/embed/property/school",
    "/embed/facility/gym?accent=zz", "/embed/facility/gym?days=x", "/embed/facility/gym?q=", "/embed/facility/nameless",
    "/embed/property/never", "/embed/facility/nowhere", "/embed/facility/gym?past=x", "/embed/facility/gym?view=year",
    "/embed/facility/gym?view=week", "/embed/facility/gym?view=month",
    "/api/v1/",
    "/display/facility/gym", "/display/property/district", "/display/property/never", "/display/facility/nowhere",
]  # fmt: skip


def catalog() -> Catalog:
    with (FOLDER / "es.po").open("rb") as file:
        return read_po(file, locale="es")


def messages() -> list[Message]:
    return [each for each in catalog() if each.id]


def forms(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ())


def extracted(into: Path) -> Catalog:
    """Take the texts out of the code as `make messages` does."""
    words = [
        "extract",
        "-F",
        str(ROOT / "pyproject.toml"),
        "-k",
        "marked",
        "-o",
        str(into),
        str(ROOT),
    ]
    subprocess.run([sys.executable, "-m", "babel.messages.frontend", "--quiet", *words], check=True)
    with into.open("rb") as file:
        return read_po(file)


def test_catalog_has_the_texts_of_the_code_and_no_others(tmp_path: Path) -> None:
    """After a change of any text, `make messages` and somebody who knows Spanish have work to do."""
    wanted = {each.id for each in extracted(tmp_path / "texts.pot") if each.id}
    assert {each.id for each in messages()} == wanted
    assert catalog().obsolete == {}


def test_texts_are_plain_american_english() -> None:
    """Those of pages and displays, and of the API's document; CANCELLED is how calendars spell it."""
    shown = [form for message in messages() for form in forms(message.id)]
    vague = re.compile(r"\b(tick|ticked|fetched|asked for)\b", re.IGNORECASE)
    assert [text for text in shown if vague.search(text)] == []
    described = re.findall(r'"(?:description|summary)": "(.*?)"[,}]', json.dumps(document()))
    assert len(described) > 100
    texts = [re.sub(r"“CANCELLED”|`.*?`", "", text) for text in [*shown, *described]]
    assert [text for text in texts if OUTDATED_WORDS.search(text)] == []


def test_catalog_is_complete() -> None:
    """Every form of every text is translated, and none by guessing."""
    assert [each.id for each in messages() if each.fuzzy or not all(forms(each.string))] == []
    assert [each.id for each in messages() if len(forms(each.string)) != len(forms(each.id))] == []


def test_catalog_keeps_placeholders_and_brings_no_markup() -> None:
    """What is filled in has the same names in both languages; texts of templates are not escaped."""
    for each in messages():
        wanted = sorted(PLACEHOLDER.findall(forms(each.id)[-1]))
        assert [sorted(PLACEHOLDER.findall(form)) for form in forms(each.string)] == [wanted] * len(
            forms(each.string)
        )
        assert re.findall(r"[<>&\"]|%(?!\()", "".join(forms(each.string))) == []


class Told(HTMLParser):
    """Everything that a page tells: its texts, and the attributes that are read out or shown.

    But for a part that says of itself to be in English: the description of the API.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.language = ""
        self.texts: list[str] = []
        self._script = False
        self._apart = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "div" and (self._apart or ("lang", "en") in attrs):
            self._apart += 1
        if self._apart:
            return
        self._script = tag == "script"
        self.texts += [value or "" for name, value in attrs if name in TOLD]
        if tag == "html":
            self.language = dict(attrs)["lang"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._script = False
        self._apart -= bool(self._apart and tag == "div")

    def handle_data(self, data: str) -> None:
        if not self._script and not self._apart and data.strip():
            self.texts.append(" ".join(data.split()))


@cache
def english() -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """Return what no Spanish page may say: each English text that has another in Spanish, whatever
    is filled in.
    """
    texts = [(form, forms(each.string)) for each in messages() for form in forms(each.id)]
    other = [text for text, said in texts if text not in (*said, FILLED_BY_SCRIPT)]
    filled = [PLACEHOLDER.split(text) for text in other if PLACEHOLDER.search(text)]
    return frozenset(other), tuple(re.compile(".+".join(map(re.escape, parts))) for parts in filled)


@pytest.mark.parametrize("path", PAGES)
def test_page_in_spanish_has_nothing_of_english(client: FlaskClient, path: str) -> None:
    """Each text and each label is Spanish, but for names out of the booking system, and the page
    says which it is.
    """
    answer = client.get(f"{path}{'&' if '?' in path else '?'}lang=es")
    told = Told(answer.text)
    # The builder and what is embedded show what a feed tells, which is the same for everybody.
    texts = {
        text
        for text in told.texts
        if not (path.startswith(("/build", "/embed")) and text == "Reserved")
    }
    assert (answer.headers["Content-Language"], told.language) == ("es", "es")
    plain, filled = english()
    assert texts & plain == set()
    assert [(text, each.pattern) for text in texts for each in filled if each.fullmatch(text)] == []


def is_cut_name(text: str, known: list[str]) -> bool:
    """Whether a text is the beginning of a name, as displays write long ones."""
    return text.endswith("…") and any(name.startswith(text[:-1]) for name in known)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """All that comes out of the booking system, and examples; what contains others comes first."""
    store = filled_store(tmp_path_factory.mktemp("names"))
    found = sorted(names(store) | EXAMPLES, key=len, reverse=True)
    store.close()
    return found


@pytest.mark.parametrize("path", PAGES)
def test_page_leaves_no_text_out_of_translation(
    client: FlaskClient, known: list[str], path: str
) -> None:
    """What is the same in both languages is a name, an example or a number: a text that nobody
    marked would be too.
    """
    english, spanish = (
        Told(client.get(f"{path}{'&' if '?' in path else '?'}lang={code}").text).texts
        for code in ("en", "es")
    )
    both = {text for text in english if text in spanish}
    both = {text for text in both if not is_cut_name(text, known)}
    assert {text for text in both if re.search("[A-Za-z]{3}", without_names(text, known))} == set()


def without_names(text: str, names: list[str]) -> str:
    """Return what is left of a text when all is taken out that comes from the booking system or is
    an example.
    """
    for known in names:
        text = text.replace(known, "")
    return re.sub(r"\{\w+\}|(https://|calendars\.example\.org/)\S+", "", text)


def names(store: Store) -> set[str]:
    """Return all that comes out of the booking system, as it stands on the pages."""
    schools, facilities = store.read.properties(), store.read.facilities()
    entries = [
        entry
        for each in schools
        for entry in store.read.entries(Feed("property", each.id), TimeRange(NOW), ALL_ENTRIES)
    ]
    told = [text for each in schools for text in (each.name, each.address, each.city, each.state)]
    told += [
        text for each in facilities for text in (each.name, display_text(each.name), each.type)
    ]
    told += [text for entry in entries for text in (entry.name, entry.activity)]
    return {" ".join(text.split()) for text in told}
