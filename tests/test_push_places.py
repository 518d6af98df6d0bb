"""`icalbridge.push.places`: LOCATION → facility, by a table, with suggestions for what is not in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from icalbridge.errors import ConfigurationError
from icalbridge.push.places import MOST_HINTED, PlaceTable, Unplaced, parse_places
from tests.samples import GYM, POOL, ZONE

HALL = replace(GYM, id="hall", name="Assembly Hall", u_id="u-hall")
KNOWN = (replace(GYM, u_id="u-gym"), replace(POOL, u_id="u-pool"), HALL)
ZONES = {"school": ZONE}


def _places(*given: str, file: str = "") -> PlaceTable:
    return parse_places(KNOWN, ZONES, given, file)


def _found(table: PlaceTable, *locations: str) -> list[str | None]:
    place = [table.find(item) for item in locations]
    return [item.id if item else None for item in place]


def _complaint(table: PlaceTable, location: str) -> str:
    with pytest.raises(Unplaced) as caught:
        table.find(location)
    return str(caught.value)


def test_one_facility_takes_everything() -> None:
    """Where no LOCATION is named anywhere."""
    assert _found(_places("gym"), "", "Pool", "Somewhere else") == ["gym", "gym", "gym"]


def test_table_says_where() -> None:
    """Without regard to case and white space; out of options, and out of a file."""
    table = _places("Main Gym=gym", file='[places]\n"The  Pool" = "pool"')
    assert _found(table, "Main Gym", " main\n gym ", "the pool") == ["gym", "gym", "pool"]


def test_location_may_have_an_equals_sign() -> None:
    """The last one counts."""
    assert _found(_places("A=B=gym"), "a=b") == ["gym"]


def test_star_stands_for_any_letters() -> None:
    """And what looks like another pattern is none."""
    assert _found(_places("Gym*=gym", "[ab]*=pool"), "Gym, 2nd floor", "[ab] room") == [
        "gym",
        "pool",
    ]
    assert _complaint(_places("[ab]*=pool"), "a room") == "no facility is given for 'a room'"


def test_empty_facility_leaves_out() -> None:
    """The other team's field."""
    assert _found(_places("Away*=", "gym"), "Away at Harbor", "") == [None, "gym"]


def test_default_is_for_what_names_no_place_once_there_is_a_table() -> None:
    """An away game must not be booked at home."""
    table = _places("gym", "Pool=pool")
    assert _found(table, "", "Pool") == ["gym", "pool"]
    assert _complaint(table, "Harbor High") == "no facility is given for 'Harbor High'"
    assert (
        _complaint(_places("Pool=pool"), " ")
        == "it has no LOCATION, and there is no facility for such"
    )


@pytest.mark.parametrize(
    ("location", "hint"),
    [
        ("Main Gim", "; perhaps gym (Main Gym)"),
        ("Lincoln High, Assembly Hall, 2nd floor", "; perhaps hall (Assembly Hall)"),
        ("Stadium", ""),
    ],
)
def test_what_does_not_match_gets_suggestions(location: str, hint: str) -> None:
    """By likeness, or since a facility's name is in it."""
    assert (
        _complaint(_places("Pool=pool"), location) == f"no facility is given for {location!r}{hint}"
    )


def test_suggestion_is_of_the_schools_that_are_named() -> None:
    """Every school has a Main Gym."""
    other = replace(GYM, id="other-gym", property_id="other", u_id="u-other")
    zones = {**ZONES, "other": "America/New_York"}
    for every in ((GYM, other, POOL), (other, GYM, POOL)):
        known = [replace(item, u_id=f"u-{item.id}") for item in every]
        assert _complaint(parse_places(known, zones, ["Pool=pool"]), "Main Gim").endswith(
            "; perhaps gym (Main Gym)"
        )
        assert _complaint(parse_places(known, zones, ["X=other-gym"]), "Main Gim").endswith(
            "; perhaps other-gym (Main Gym)"
        )


def test_thousands_of_places_are_looked_up_in_a_moment() -> None:
    """The first fifty that do not match get suggestions; the others their sentence alone."""
    many = [
        replace(GYM, id=f"room-{item}", name=f"Room number {item}", u_id=f"u-{item}")
        for item in range(400)
    ]
    table = parse_places(many, ZONES, ["Pool=room-1"])
    content = [_complaint(table, f"Rome number {item + 1000}") for item in range(2_000)]
    assert sum("; perhaps room-" in item for item in content) == MOST_HINTED
    assert content[-1] == "no facility is given for 'Rome number 2999'"
    assert "; perhaps room-" in _complaint(table, "Rome number 1000")


def test_long_location_is_cut_in_a_sentence() -> None:
    """It may be a whole letter."""
    assert len(_complaint(_places("Pool=pool"), "x" * 5000)) < 150


def test_table_takes_names() -> None:
    """As the default, and on either side of a line."""
    assert _places("main gym").find("").id == "gym"  # type: ignore[union-attr]
    table = _places("Big hall=Main Gym", "Pool=pool", file='[places]\n"Away" = ""')
    assert [place and place.id for place in map(table.find, ("big hall", "pool", "away"))] == [
        "gym",
        "pool",
        None,
    ]


BAD = {
    "nothing": (
        (),
        "",
        "No facility is given; say where the events take place with --facility or --map.",
    ),
    "unknown": (
        ("gim",),
        "",
        "There is no facility 'gim' here; perhaps gym (Main Gym) is meant.",
    ),
    "two": (
        ("gym", "pool"),
        "",
        (
            "Two facilities are given for everything, gym and pool; say which LOCATION each is for,"
            " as LOCATION=ID."
        ),
    ),
    "another table": (
        (),
        "[gyms]",
        'The file of --map must have a table [places] with lines such as "Main Gym" = "ID".',
    ),
    "numbers": (
        (),
        "[places]\nGym = 7",
        'The file of --map must have a table [places] with lines such as "Main Gym" = "ID".',
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_table_is_told(name: str) -> None:
    """In a sentence."""
    given, file, sentence = BAD[name]
    with pytest.raises(ConfigurationError) as caught:
        _places(*given, file=file)
    assert str(caught.value) == sentence


def test_facility_must_be_one_that_can_be_written_to() -> None:
    """It needs the vendor's name for writes, and a zone."""
    with pytest.raises(ConfigurationError) as caught:
        parse_places([GYM], ZONES, ["gym"])
    assert (
        str(caught.value)
        == "The vendor's name for writes of the facility 'gym' is not known yet; run `icalbridge"
        " sync`."
    )
    with pytest.raises(ConfigurationError) as caught:
        parse_places(KNOWN, {}, ["gym"])
    assert str(caught.value) == "The property of the facility 'gym' has no time zone that is known."
