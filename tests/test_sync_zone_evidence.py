"""`icalbridge.sync.zone_evidence`: which zone a property has, on what evidence; pure."""

from __future__ import annotations

from dataclasses import replace

from icalbridge.models import Property
from icalbridge.sync.zone_evidence import settle_zones

NEW_YORK, CHICAGO = "America/New_York", "America/Chicago"


def _settled(*listed: Property, stored: tuple[Property, ...] = ()) -> dict[str, tuple[str, str]]:
    """Return zone and source of each; the order of the answer never matters."""
    known = {each.id: each for each in stored}
    found: dict[str, tuple[str, str]] = {
        each.id: (each.timezone, each.zone_source) for each in settle_zones(listed, known)
    }
    assert {
        each.id: (each.timezone, each.zone_source) for each in settle_zones(listed[::-1], known)
    } == found
    return found


def test_guess_is_what_most_others_have() -> None:
    """Where there is no district; of two as frequent the first by name, and for want of any none."""
    two = Property("a", timezone=CHICAGO), Property("b", timezone=NEW_YORK)
    assert _settled(*two, Property("c"))["c"] == (CHICAGO, "guess")
    assert _settled(*two, Property("c"), Property("d", timezone="EST"))["c"] == (NEW_YORK, "guess")
    assert _settled(Property("c")) == {"c": ("", "guess")}


def test_guess_stays_until_there_is_evidence() -> None:
    """Neither another majority nor a district that lost its zone changes what was guessed or
    borrowed.
    """
    others = Property("a", timezone=CHICAGO), Property("b", timezone=CHICAGO)
    guessed = Property("c", timezone=NEW_YORK, zone_source="guess")
    assert _settled(*others, Property("c"), stored=(guessed,))["c"] == (NEW_YORK, "guess")
    district = Property("d", timezone=CHICAGO, child_ids=("c",))
    assert _settled(district, Property("c"), stored=(guessed,))["c"] == (CHICAGO, "parent")
    borrowed = replace(guessed, zone_source="parent")
    lost = Property("d", timezone="?", child_ids=("c",))
    assert _settled(lost, *others, Property("c"), stored=(borrowed,))["c"] == (NEW_YORK, "parent")


def test_zone_is_borrowed_from_the_nearest_district_that_has_one() -> None:
    """Over one that has none; what lists itself, or one another, ends nowhere."""
    county = Property("county", timezone=NEW_YORK, child_ids=("district",))
    district, school = Property("district", child_ids=("school", "district")), Property("school")
    assert _settled(county, district, school)["school"] == (NEW_YORK, "parent")
    ring = Property("school", child_ids=("district",))
    assert _settled(district, ring)["school"] == ("", "guess")
    known = Property("district", timezone=CHICAGO, zone_source="events")
    assert _settled(district, school, stored=(known,)) == {
        "district": (CHICAGO, "events"),
        "school": (CHICAGO, "parent"),
    }
