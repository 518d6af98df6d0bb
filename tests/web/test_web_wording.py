"""How moments and numbers are said in each language and region: exactly what stands on the pages."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest
from babel import Locale, localedata

from icalbridge.web import formatting, i18n

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE = "America/Los_Angeles"
EVENING = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
MORNING = datetime(2026, 11, 20, 17, 5, tzinfo=UTC)
FRIDAY = date(2026, 11, 20)
LOCALES = ["en_US", "en_CA", "en_GB", "en_AU", "en_FI", "es_US", "es_MX", "es_AR", "es_ES", "es_BZ"]


@pytest.fixture(autouse=True)
def in_english_afterwards() -> Iterator[None]:
    yield
    i18n.use(i18n.AMERICAN_ENGLISH)


def use(locale: str) -> None:
    i18n.use(Locale.parse(locale))


@pytest.mark.parametrize(
    ("locale", "morning", "evening", "repeated"),
    [
        ("en_US", "9:05 AM", "7:30 PM", "1:30 AM PST"),
        ("en_CA", "9:05 a.m.", "7:30 p.m.", "1:30 a.m. PST"),
        ("en_AU", "9:05 am", "7:30 pm", "1:30 am PST"),
        ("en_GB", "09:05", "19:30", "01:30 PST"),
        ("en_FI", "9.05", "19.30", "1.30 PST"),
        ("es_US", "9:05 a.m.", "7:30 p.m.", "1:30 a.m. PST"),
        ("es_MX", "9:05 a.m.", "7:30 p.m.", "1:30 a.m. PST"),
        ("es_AR", "9:05 a. m.", "7:30 p. m.", "1:30 a. m. PST"),
        ("es_ES", "9:05", "19:30", "1:30 PST"),
        ("es_BZ", "09:05", "19:30", "01:30 PST"),
    ],
)
def test_clock_time_is_the_region_s(locale: str, morning: str, evening: str, repeated: str) -> None:
    """Twelve or 24 hours as people there read them, with plain spaces; a repeated hour says which
    it is everywhere.
    """
    use(locale)
    second = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
    assert [formatting.clock_time(each, ZONE) for each in (MORNING, EVENING, second)] == [
        morning,
        evening,
        repeated,
    ]


@pytest.mark.parametrize(
    ("locale", "today", "tomorrow", "next_year"),
    [
        (
            "en_US",
            "Today, Friday, November 20",
            "Tomorrow, Saturday, November 21",
            "Saturday, January 2, 2027",
        ),
        (
            "en_GB",
            "Today, Friday, 20 November",
            "Tomorrow, Saturday, 21 November",
            "Saturday, 2 January 2027",
        ),
        (
            "es_US",
            "Hoy, viernes, 20 de noviembre",
            "Mañana, sábado, 21 de noviembre",
            "Sábado, 2 de enero de 2027",
        ),
        (
            "es_ES",
            "Hoy, viernes, 20 de noviembre",
            "Mañana, sábado, 21 de noviembre",
            "Sábado, 2 de enero de 2027",
        ),
        (
            "es_MX",
            "Hoy, viernes, 20 de noviembre",
            "Mañana, sábado, 21 de noviembre",
            "Sábado, 2 de enero de 2027",
        ),
    ],
)
def test_day_is_the_language_s(locale: str, today: str, tomorrow: str, next_year: str) -> None:
    """Names and their order; a line begins with a capital, and within it Spanish days have none."""
    use(locale)
    days = (FRIDAY, date(2026, 11, 21), date(2027, 1, 2))
    assert [formatting.day(each, FRIDAY) for each in days] == [today, tomorrow, next_year]


@pytest.mark.parametrize(
    ("locale", "weekday", "short", "long", "ends"),
    [
        (
            "en_US",
            "Friday, November 20",
            "Fri, Nov 20",
            "November 20, 2026",
            "7:30 PM, Fri, Nov 20",
        ),
        ("en_GB", "Friday, 20 November", "Fri 20 Nov", "20 November 2026", "19:30, Fri 20 Nov"),
        (
            "es_US",
            "Viernes, 20 de noviembre",
            "vie, 20 de nov",
            "20 de noviembre de 2026",
            "7:30 p.m., vie, 20 de nov",
        ),
        (
            "es_ES",
            "Viernes, 20 de noviembre",
            "vie, 20 nov",
            "20 de noviembre de 2026",
            "19:30, vie, 20 nov",
        ),
        (
            "es_MX",
            "Viernes, 20 de noviembre",
            "vie 20 de nov",
            "20 de noviembre de 2026",
            "7:30 p.m., vie 20 de nov",
        ),
    ],
)
def test_dates_are_the_region_s(
    locale: str, weekday: str, short: str, long: str, ends: str
) -> None:
    """Long, short, and beside a time that is on another day."""
    use(locale)
    assert (formatting.weekday(FRIDAY), formatting.short_day(FRIDAY)) == (weekday, short)
    assert (
        formatting.long_date(EVENING, ZONE),
        formatting.end_time(EVENING, ZONE, date(2026, 11, 19)),
    ) == (long, ends)


@pytest.mark.parametrize(
    ("seconds", "english", "spanish"),
    [
        (-5, "just now", "hace un momento"),
        (59, "just now", "hace un momento"),
        (60, "1 minute ago", "hace 1 minuto"),
        (150, "2 minutes ago", "hace 2 minutos"),
        (7199, "1 hour ago", "hace 1 hora"),
        (7200, "2 hours ago", "hace 2 horas"),
        (86_400, "1 day ago", "hace 1 día"),
        (2e5, "2 days ago", "hace 2 días"),
    ],
)
def test_age_agrees_with_its_number(seconds: float, english: str, spanish: str) -> None:
    """One and many, in both languages."""
    assert formatting.age(seconds) == english
    use("es_US")
    assert formatting.age(seconds) == spanish


@pytest.mark.parametrize("locale", LOCALES)
def test_clock_words_write_the_time_that_pages_write(locale: str) -> None:
    """A display that puts the time together by itself comes to the same, at every hour of a day."""
    use(locale)
    words = formatting.clock_words()
    for hour in range(24):
        values = {
            "hour": hour % 12 or 12,
            "hour24": hour,
            "hour24_of_two": f"{hour:02d}",
            "minute": "05",
        }
        half = words["am" if hour < 12 else "pm"]
        moment = datetime(2026, 11, 20, hour, 5, tzinfo=UTC)
        assert words["clock"].format(**values, half=half) == formatting.clock_time(moment, "UTC")


@pytest.mark.parametrize("tag", i18n.NAMES)
def test_wording_knows_every_region_of_a_language(tag: str) -> None:
    """No region that a browser may name writes a year where none is said, or a time without its
    minutes.
    """
    known = [
        name
        for name in localedata.locale_identifiers()
        if re.fullmatch(rf"{tag}_([A-Z]{{2}}|\d+)", name)
    ]
    regions = [Locale.parse(name) for name in known]
    assert len(regions) > 20
    for region in regions:
        i18n.use(region)
        assert [
            ("2026" in formatting.weekday(FRIDAY)),
            ("05" in formatting.clock_time(MORNING, ZONE)),
        ] == [False, True]
        assert "2026" in formatting.day(FRIDAY, date(2027, 1, 1))
        assert formatting.clock_words()["clock"].partition("{minute}")[1:] in (
            ("{minute}", ""),
            ("{minute}", " {half}"),
        )


@pytest.mark.parametrize(
    ("locale", "number", "share"),
    [("en_US", "1,000,000", "15%"), ("es_ES", "1.000.000", "15\N{NO-BREAK SPACE}%")],
)
def test_numbers_are_written_as_the_reader_does(locale: str, number: str, share: str) -> None:
    """With the marks between thousands of the region; of nothing there is no share."""
    use(locale)
    assert (formatting.number(1_000_000), formatting.share(1_500, 10_000)) == (number, share)
    assert formatting.share(0, 0) == share.replace("15", "0")
