"""Language and region of a page, chosen for each request; American English by default.

Feeds and JSON take no language from a browser; a display takes `lang=` of its address only.
Messages are in `translations`: `make messages` updates them, and a test reports what is missing.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = {"en": "English", "es": "Español"}
"""The languages that we speak, each as it calls itself."""
LONGEST_TAG = 35
"""RFC 5646, section 4.4.1."""
AMERICAN = {"en": Locale("en", "US"), "es": Locale("es", "US")}
"""Where a language comes without a region: the schools are there."""
AMERICAN_ENGLISH = AMERICAN["en"]
FOLDER = Path(__file__).parent / "translations"

_current: ContextVar[Locale] = ContextVar("locale", default=AMERICAN_ENGLISH)


def current() -> Locale:
    """Return the locale of the request that is being answered."""
    return _current.get()


def use(locale: Locale) -> None:
    """Tell everything from here on in this request in a locale."""
    _current.set(locale)


def requested_language(lang: str) -> str:
    """Return what an address's `lang=` asks for, as it should be written; empty where that is
    nothing that we speak.
    """
    locale = _requested_locale(lang)
    if locale is None:
        return ""
    return str(locale).replace("_", "-") if "-" in lang else locale.language


@lru_cache(maxsize=64)
def _requested_locale(lang: str) -> Locale | None:
    return next(_locales(lang), None) if len(lang) <= LONGEST_TAG else None


@lru_cache(maxsize=256)
def choose(lang: str, accept_language: str) -> Locale:
    """Return the locale for an address's `lang=` (empty where it has none) and a browser's
    Accept-Language.

    A language without translations is ignored. The region is the browser's where it
    goes with the language, since 12- or 24-hour clocks hang on it; `lang=es-MX` names one itself.
    """
    accepted = list(_locales(accept_language))
    requested = _requested_locale(lang)
    if requested is None:
        return accepted[0] if accepted else AMERICAN_ENGLISH
    return (
        requested
        if "-" in lang
        else next(
            (locale for locale in accepted if locale.language == requested.language), requested
        )
    )


def _locales(accept_language: str) -> Iterator[Locale]:
    for tag, quality in parse_accept_header(accept_language, LanguageAccept):
        language = tag.partition("-")[0].lower()
        if quality <= 0 or language not in NAMES:
            continue
        try:
            locale = Locale.parse(tag, sep="-")
        except (ValueError, UnknownLocaleError):
            yield AMERICAN[language]
        else:
            yield locale if locale.territory else AMERICAN[language]


@cache
def _translations(language: str) -> NullTranslations:
    """Return a language's messages, compiled from its .po file."""
    source = FOLDER / f"{language}.po"
    if not source.exists():  # English is what the templates are written in
        return NullTranslations()
    compiled = BytesIO()
    with source.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def load_locales() -> None:
    """Load each language's messages and forms of dates now, and not with its first page."""
    for locale in AMERICAN.values():
        _translations(locale.language)
        locale.date_formats.get("full")


def gettext(message: str) -> str:
    """Return a text in the current language."""
    return _translations(current().language).ugettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """Return the form of a text that goes with a number, in the current language."""
    return _translations(current().language).ungettext(singular, plural, number)
