"""Places by id or by name, where an operator types one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icalbridge.errors import ConfigurationError
from icalbridge.models import Facility, Property
from icalbridge.store.place_names import (
    choose_place,
    facility_names,
    find_facility,
    find_property,
    property_names,
)
from tests.fixtures.commands import run
from tests.samples import GYM, SCHOOL

if TYPE_CHECKING:
    from icalbridge.store import Store

SCHOOLS = {"l": "Lincoln High", "o": "Ocean View", "s": "Peña / Annex"}
NAMES = facility_names(
    [
        Facility("g1", "l", "Main Gym"),
        Facility("g2", "o", "Main  gym"),
        Facility("p", "o", "Pool"),
        Facility("c", "s", "Cafetería"),
        Facility("nameless", "o"),
    ],
    SCHOOLS,
)


@pytest.mark.parametrize(
    ("text", "place_id"),
    [
        ("Pool", "p"),
        ("  POOL ", "p"),
        ("Lincoln High / Main Gym", "g1"),
        ("lincoln high/main gym", "g1"),
        ("Ocean View / Main Gym", "g2"),
        ("cafeteria", "c"),
        ("pena / annex / cafeteria", "c"),
    ],
)
def test_name_of_one_place_is_enough(text: str, place_id: str) -> None:
    """Without case, accents and extra spaces; with its school where several have the name."""
    assert choose_place(text, "facility", NAMES) == place_id


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "main gym",
            (
                "There are 2 places called 'main gym'; give the id of one: g1 (Lincoln High / Main Gym),"
                " g2 (Ocean View / Main gym)."
            ),
        ),
        ("Poole", "There is no facility 'Poole' here; perhaps p (Ocean View / Pool) is meant."),
        (
            "Observatory",
            (
                "There is no facility 'Observatory' here; look it up with `icalbridge places`, or run"
                " `icalbridge sync` first."
            ),
        ),
        (
            "",
            (
                "There is no facility '' here; look it up with `icalbridge places`, or run `icalbridge"
                " sync` first."
            ),
        ),
    ],
)
def test_other_names_are_refused(text: str, message: str) -> None:
    """A name of several places lists them; one that nearly is a place suggests it."""
    with pytest.raises(ConfigurationError) as refused:
        choose_place(text, "facility", NAMES)
    assert str(refused.value) == message


def test_message_lists_a_few_of_many_places() -> None:
    """A district has a hundred gyms."""
    many = property_names(Property(f"s{number}", "Annex") for number in range(100))
    with pytest.raises(ConfigurationError) as refused:
        choose_place("annex", "school", many)
    assert str(refused.value).endswith(
        "one: s0 (Annex), s1 (Annex), s2 (Annex), s3 (Annex), s4 (Annex), …."
    )


def test_id_comes_before_a_name(school: Store) -> None:
    """Nobody's script changes its meaning because a place is renamed."""
    assert find_facility(school.read, GYM.id) == GYM
    assert find_facility(school.read, GYM.name) == GYM
    assert find_facility(school.read, f"{SCHOOL.name} / {GYM.name}") == GYM
    assert find_property(school.read, SCHOOL.id).id == SCHOOL.id
    assert find_property(school.read, SCHOOL.name.upper()).id == SCHOOL.id


def test_commands_take_names(school: Store, database_url: str) -> None:
    """A saved feed is made of names and keeps ids; records are of places by name."""
    made = run(
        *("feed", "add", "mine", "--property", "lincoln high"),
        *("--facility", "Lincoln High / Main Gym"),
        DATABASE_URL=database_url,
    )
    assert made.returncode == 0, made.stderr
    shown = run("feed", "show", "mine", DATABASE_URL=database_url).stdout
    assert f'"{SCHOOL.id}"' in shown
    assert f'"{GYM.id}"' in shown
    days = ("history", "--from", "2026-01-01", "--to", "2026-01-02", "--facility")
    assert run(*days, "main gym", DATABASE_URL=database_url).returncode == 0
    refused = run(*days, "mane gym", DATABASE_URL=database_url)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        f"icalbridge: There is no facility 'mane gym' here; perhaps {GYM.id} (Lincoln High / Main"
        " Gym) is meant.\n"
    )
