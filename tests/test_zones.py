"""`icalbridge.timezones`: IANA zones out of the pinned package."""

from datetime import UTC, date, datetime, timedelta
from importlib import resources

import pytest
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from icalbridge import timezones
from icalbridge.errors import UnknownZone


def test_zone_is_the_named_one() -> None:
    """A zone carries its IANA name and its clock changes."""
    zone = timezones.zone("America/Los_Angeles")
    assert zone.key == "America/Los_Angeles"
    assert datetime(2026, 7, 1, 12, tzinfo=zone).utcoffset() == timedelta(hours=-7)
    assert datetime(2026, 12, 1, 12, tzinfo=zone).utcoffset() == timedelta(hours=-8)


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../../../etc/passwd", "America", "PST8PDT,M3.2.0,M11.1.0", "\x00"]
)
def test_zone_refuses_what_is_no_name(name: str) -> None:
    """Any other text is refused, whatever path it would spell."""
    assert not timezones.exists(name)
    with pytest.raises(UnknownZone):
        timezones.zone(name)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("America/Los_Angeles", "PST8PDT,M3.2.0,M11.1.0"),
        ("America/St_Johns", "NST3:30NDT,M3.2.0,M11.1.0"),
        ("America/Phoenix", "MST7"),
        ("UTC", "UTC0"),
    ],
)
def test_posix_rule_is_the_footer(name: str, rule: str) -> None:
    """The rule for the years to come is the footer's TZ string (RFC 8536, section 3.3)."""
    assert timezones.posix_rule(name) == rule


def test_local_date_is_the_day_in_the_zone() -> None:
    """The same moment is another day elsewhere."""
    moment = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
    assert timezones.local_date(moment, "America/Los_Angeles") == date(2026, 11, 21)
    assert timezones.local_date(moment, "America/New_York") == date(2026, 11, 22)


NAMES = {
    "America/New_York": [
        *(
            "America/New_York",
            "america/new_york",
            "AMERICA/NEW_YORK",
            " America/New York\n",
            "America/NewYork",
        ),
        *(
            "America / New_York",
            "America\\New_York",
            '"America/New_York"',
            "\u200bAmerica/New_York",
            "America/New_York (EST)",
        ),
        *(
            "(UTC-05:00) America/New_York",
            "America/New_York, USA",
            "Eastern Standard Time",
            "eastern standard time",
        ),
        *(
            "Eastern Daylight Time",
            "Eastern",
            "EASTERN TIME",
            "Eastern Time (US & Canada)",
            "Eastern Time Zone (ET)",
        ),
        *(
            "(GMT-05:00) Eastern Time (US & Canada)",
            "(UTC-05:00) Eastern Time (US and Canada)",
            "GMT-5 Eastern",
        ),
        *(
            "Eastern Time (US\u00a0& Canada)",
            "US Eastern",
            "US-Eastern",
            "Eastern (US)",
            "ET",
            "EST",
            "est",
            "E.S.T.",
            "EDT",
        ),
        *("EST/EDT", "Eastern Time - New York", "New York"),
    ],
    "America/Chicago": [
        "Central Standard Time",
        "Central Time (US & Canada)",
        "CST",
        "CT",
        "US_Central",
    ],
    "America/Denver": ["Mountain Standard Time", "Mountain Time (US & Canada)", "MST", "mdt"],
    "America/Phoenix": [
        *("US Mountain Standard Time", "Arizona", "(UTC-07:00) Arizona", "Mountain Time (Arizona)"),
        *("America/Phoenix (MST)", "Mountain Time - Phoenix", "Mountain Standard Time (Arizona)"),
    ],
    "America/Los_Angeles": [
        *(
            "Pacific Standard Time",
            "(GMT-08:00) Pacific Time (US & Canada)",
            "America/Los Angeles",
            "PST",
            "pdt",
        ),
        *(
            "Pacific Standard Time (UTC-8)",
            "(UTC\u221208:00) Pacific Time (US & Canada)",
            "Pacific",
        ),
    ],
    "America/Anchorage": [
        "Alaskan Standard Time",
        "Alaska",
        "(UTC-09:00) Alaska",
        "AKST",
        "Alaska Time",
    ],
    "Pacific/Honolulu": [
        "Hawaiian Standard Time",
        "Hawaii",
        "HST",
        "Hawaii-Aleutian Standard Time",
    ],
    "America/Indiana/Indianapolis": ["(UTC-05:00) Indiana (East)", "Indianapolis"],
    "America/Indianapolis": ["US Eastern Standard Time"],
    "America/Puerto_Rico": ["Puerto Rico", "AST"],
    "America/Halifax": ["Atlantic Standard Time", "Atlantic Time (Canada)"],
    "America/Cancun": ["Eastern Standard Time (Mexico)"],
    "US/Eastern": ["US/Eastern", "us/eastern"],
    "EST5EDT": ["EST5EDT", "est5edt"],
    "Etc/GMT+8": ["Etc/GMT+8", "etc/gmt+8", "UTC-08"],
    "UTC": ["UTC", "utc"],
}
NO_NAMES = [
    *(
        "",
        " ",
        "null",
        "None",
        "N/A",
        "unknown",
        "local",
        "17",
        "Eastern Standrd Time",
        "America/Los_Angles",
        "America",
    ),
    *(
        "Amercia/New_York",
        "Mars/Olympus",
        "../../etc/passwd",
        "Factory",
        "US & Canada",
        "Time",
        "x" * 10_000,
        "\0",
    ),
    *(
        "UTC-8",
        "UTC-08:00",
        "GMT-5",
        "-08:00",
        "+00:00",
        "(GMT-08:00)",
        "PST8PDT,M3.2.0,M11.1.0",
        "Eastern 5",
    ),
    *(
        "Central European Time",
        "Central Time (Mexico)",
        "Pacific Time (Tijuana)",
        "Eastern/Pacific",
        "ET/PT",
    ),
    *("America/Chicago;America/New_York", "New York or Chicago", "Not Eastern"),
]


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in NAMES.items() for text in texts]
)
def test_resolve_name_reads_other_systems_names(name: str, text: str) -> None:
    """Case, blanks, Windows and common names in the United States, where EST means the zone and no
    fixed offset.
    """
    assert timezones.resolve_name(text) == name
    assert timezones.exists(name)


@pytest.mark.parametrize("text", NO_NAMES, ids=lambda text: repr(text[:30]))
def test_resolve_name_is_empty_for_no_name(text: str) -> None:
    """What is misspelled, ambiguous or an offset alone is no evidence."""
    assert timezones.resolve_name(text) == ""


def test_resolve_name_knows_every_windows_zone() -> None:
    """All of CLDR's windowsZones, as icalendar ships them."""
    assert {name: timezones.resolve_name(name) for name in WINDOWS_TO_OLSON} == WINDOWS_TO_OLSON | {
        "UTC": "UTC"
    }


def test_resolve_name_leaves_iana_names_as_they_are() -> None:
    """A feed's TZID stays what it is; but three fixed offsets mean their zone, and the placeholder
    means nothing.
    """
    names = resources.files("tzdata").joinpath("zones").read_text("ascii").split()
    other = {
        name: timezones.resolve_name(name) for name in names if timezones.resolve_name(name) != name
    }
    assert other == {
        "EST": "America/New_York",
        "MST": "America/Denver",
        "HST": "Pacific/Honolulu",
        "Factory": "",
    }
