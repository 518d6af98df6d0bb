"""`icalbridge.feeds.titles`: templates out of a fixed list of fields, and what becomes of fields
that are empty.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from string import punctuation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.feeds.titles import DEFAULT, FIELDS, LONGEST, UNNAMED, TitleTexts, check, fill
from tests.any_entries import TEXTS, said

FULL = {
    "name": "Practice",
    "activity": "Setup",
    "facility": "Gym",
    "school": "Lincoln High",
    "type": "Gymnasium",
}
NOTHING = dict.fromkeys(FIELDS, "")


@pytest.mark.parametrize(
    ("template", "missing", "title"),
    [
        ("", "", "Practice: Setup"),
        ("", "activity", "Practice"),
        ("", "name", "Reserved: Setup"),
        ("", "name activity", "Reserved"),
        (DEFAULT, "", "Practice: Setup"),
        ("{name}", "name", "Reserved"),
        ("{facility}: {name}", "", "Gym: Practice"),
        ("{facility}: {name}", "facility", "Practice"),
        ("{name} - {facility} - {school}", "facility", "Practice - Lincoln High"),
        ("{name} - {facility} - {school}", "school", "Practice - Gym"),
        ("{name} - {facility} - {school}", "facility school", "Practice"),
        ("{activity} / {facility}: {name}", "activity", "Gym: Practice"),
        ("{activity} / {facility}: {name}", "activity facility", "Practice"),
        ("{name} ({activity})", "", "Practice (Setup)"),
        ("{name} ({activity})", "activity", "Practice"),
        ("{name} ({activity}), {facility}", "activity", "Practice, Gym"),
        ("{name} ({activity}), {facility}", "activity facility", "Practice"),
        ("[{facility}] {name}", "", "[Gym] Practice"),
        ("[{facility}] {name}", "facility", "Practice"),
        ("({name}: {activity})", "activity", "(Practice)"),
        ("({facility}: {name})", "facility", "(Practice)"),
        ("[{facility} ({type})] {name}", "type", "[Gym] Practice"),
        ("[{facility} ({type})] {name}", "facility", "[(Gymnasium)] Practice"),
        ("[{facility} ({type})] {name}", "facility type", "Practice"),
        ("{name} (", "", "Practice ("),
        ("{name} :) {facility}", "facility", "Practice"),
        ("{type}", "type", "Reserved"),
        ("- {type} -", "", "- Gymnasium -"),
        ("{name}{name}", "", "PracticePractice"),
        ("{facility}", "name", "Gym"),
    ],
)
def test_empty_fields_take_their_separators_along(template: str, missing: str, title: str) -> None:
    """What stood before a field that is empty goes, and brackets that hold nothing."""
    check(template or DEFAULT)
    assert fill(template, TitleTexts(**FULL | dict.fromkeys(missing.split(), ""))) == title


@pytest.mark.parametrize(
    "template",
    [
        "",
        " - ",
        "School is out",
        "{name}!closed",
        "{name} 1",
        "{renter}",
        "{name} {email}",
        "{Name}",
        "{ name }",
        "{}",
        "{name",
        "name}",
        "{{name}}",
        "{name!r}",
        "{name.__class__}",
        "{name:>9}",
        "{name}\u2028{type}",
        "{name}\n",
        "{name} \u202e",
        "{name} \u200b",
        "{name} Ⓕ",
        "{name} 🇺🇸",
        "{name} 🏀",
        "{name} \u0fd5",
        "{name} ªº",
        "{name} \u0301",
        "-" * (LONGEST - 5) + "{name}",
    ],
)
def test_template_of_anything_else_is_refused(template: str) -> None:
    """Letters, digits, symbols, what cannot be seen, other fields, and what is too long."""
    with pytest.raises(ValueError, match=r"^made of \{name\}, .* and at most 100 characters long$"):
        check(template)


def test_longest_template_is_taken() -> None:
    """A hundred characters are not too many."""
    check("-" * (LONGEST - 6) + "{name}")


@pytest.mark.parametrize("step", [47, pytest.param(1, marks=pytest.mark.soak)])
def test_nothing_but_punctuation_and_spaces_stands_between(step: int) -> None:
    """Of all characters there are, those that stand between fields spell nothing, even taken apart.
    In `make test` of those up to the ideographs and some of the others.
    """
    taken = []
    for number in (*range(0x3400), *range(0x3400, sys.maxunicode + 1, step)):
        try:
            check(f"{{name}}{chr(number)}{{type}}")
        except ValueError:
            continue
        taken.append(chr(number))
    assert set(punctuation + " ·–—•…«»“”").difference("{}") <= set(taken)
    assert not any(part.isalnum() for each in taken for part in unicodedata.normalize("NFKD", each))
    assert not any(
        unicodedata.category(each) in {"Cc", "Cf", "Cs", "Co", "Cn", "So", "Zl", "Zp"}
        for each in taken
    )


BETWEEN = st.text("()[]<>«» -:/,.%\\", max_size=4)
TEMPLATES = st.lists(st.tuples(BETWEEN, st.sampled_from(FIELDS)), min_size=1, max_size=5).flatmap(
    lambda pieces: BETWEEN.map(
        lambda tail: "".join(f"{text}{{{field}}}" for text, field in pieces) + tail
    )
)
VALUES = st.fixed_dictionaries({field: st.one_of(st.just(""), TEXTS.map(said)) for field in FIELDS})


@given(TEMPLATES, VALUES)
def test_title_is_never_empty(template: str, values: dict[str, str]) -> None:
    """Whatever is missing, something stands there."""
    assert fill(template, TitleTexts(**values)).strip()


@given(TEMPLATES, VALUES)
def test_title_holds_each_field_that_is_asked_for(template: str, values: dict[str, str]) -> None:
    """Texts come through as they are, braces and all, in the order of the template; the rest is the
    template's.
    """
    wanted = [
        values[field] or (UNNAMED if field == "name" else "")
        for field in re.findall(r"\{(\w+)\}", template)
    ]
    rest = fill(template, TitleTexts(**values))
    for text in filter(None, wanted):
        _, found, rest = rest.partition(text)
        assert found == text


@given(TEMPLATES, VALUES)
def test_title_without_gaps_is_the_template_filled_in(
    template: str, values: dict[str, str]
) -> None:
    """Where no field is empty, nothing goes but white space around."""
    full = {field: text or "x" for field, text in values.items()}
    assert fill(template, TitleTexts(**full)) == template.format_map(full).strip()


@given(st.permutations(FIELDS), st.sets(st.sampled_from(FIELDS)))
def test_separators_stand_between_only(order: list[str], missing: set[str]) -> None:
    """With one separator throughout, the fields that are there are joined by it."""
    values = FULL | dict.fromkeys(missing, "")
    there = [values[field] or (UNNAMED if field == "name" else "") for field in order]
    assert fill(" - ".join(f"{{{field}}}" for field in order), TitleTexts(**values)) == " - ".join(
        filter(None, there)
    )
