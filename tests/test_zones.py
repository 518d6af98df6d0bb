"""`icalbridge.zones`: IANA zones out of the pinned package."""

from datetime import UTC, date, datetime, timedelta

import pytest

from icalbridge import zones
from icalbridge.errors import UnknownZone


def test_zone_is_the_named_one() -> None:
    """A zone carries its IANA name and its clock changes."""
    zone = zones.zone("America/Los_Angeles")
    assert zone.key == "America/Los_Angeles"
    assert datetime(2026, 7, 1, 12, tzinfo=zone).utcoffset() == timedelta(hours=-7)
    assert datetime(2026, 12, 1, 12, tzinfo=zone).utcoffset() == timedelta(hours=-8)


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../../../etc/passwd", "America", "PST8PDT,M3.2.0,M11.1.0", "\x00"]
)
def test_zone_refuses_what_is_no_name(name: str) -> None:
    """Any other text is refused, whatever path it would spell."""
    assert not zones.exists(name)
    with pytest.raises(UnknownZone):
        zones.zone(name)


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
    assert zones.posix_rule(name) == rule


def test_local_date_is_the_day_in_the_zone() -> None:
    """The same moment is another day elsewhere."""
    moment = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
    assert zones.local_date(moment, "America/Los_Angeles") == date(2026, 11, 21)
    assert zones.local_date(moment, "America/New_York") == date(2026, 11, 22)
