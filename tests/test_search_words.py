"""`icalbridge.words`: which texts a query of words finds."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from icalbridge.text import search_key
from icalbridge.words import has_words, parse_words, word_lines, write_words


def is_match(query: str, *texts: str) -> bool:
    return has_words(word_lines(*texts), parse_words(query))


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("liga de voleibol 1", "Liga de Voleibol 1"),
        ("1 voleibol", "Liga de Voleibol 1"),
        ("volley", "Girls' Volleyball"),
        ("VOLLEYBALL", "Girls' Volleyball"),
        ("girls", "Girls' Volleyball"),
        ("girls'", "Girls Volleyball"),
        ("st mary's", "St. Mary’s Choir"),
        ("marys", "St. Mary's Choir"),
        ("été", "Chœur d’été"),
        ("brien", "O'Brien"),
        ("o'brien", "O’Brien"),
        ("dont", "Don't"),
        ("u12", "Soccer (U12)"),
        ("3-on-3", "3 on 3 Basketball"),
        ("3 on", "3-on-3"),
        ("quinceañera", "QUINCEANERA"),
        ("strasse", "Straße"),
        ("体育", "市立体育館"),
        ("市立 館", "市立体育館"),
        ("ヨガ", "朝のヨガ"),
        ("ห้อง", "ในห้องเรียน"),
        ("한국", "한국어"),
        ("🏐", "Open Gym🏐"),
        ("स्कूल", "हमारा स्कूल"),
        ('"liga de voleibol"', "Liga  de-Voleibol 11"),
        ("“open gym”", "Open Gym"),
        ('"open gym', "Gym, open"),
        ("open,gym", "Gym open"),
        ("& gym", "Gym"),
    ],
)
def test_words_are_in_a_text(query: str, text: str) -> None:
    """Whole ones, or beginnings of three letters or more, in any order; phrases word for word."""
    assert is_match(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("1", "Liga de Voleibol 11"),
        ("voleibol 1", "Liga de Voleibol 16"),
        ("100", "Team 1001"),
        ("ball", "Volleyball"),
        ("gi", "Girls"),
        ("volleyballs", "Volleyball"),
        ('"volley"', "Volleyball"),
        ('"open gym"', "Open the Gym"),
        ('"open gym"', "Gym open"),
        ('"open gy"', "Open Gym"),
        ("3-on", "3-on3"),
        ("館体", "体育館"),
        ("体館", "体育館"),
    ],
)
def test_parts_of_words_are_not_in_a_text(query: str, text: str) -> None:
    """Nor numbers that go on, nor the words of a phrase in another order or apart."""
    assert not is_match(query, text)


def test_phrase_is_within_one_text() -> None:
    """Name, activity, place and kind follow one another; no phrase goes from one into the next."""
    assert is_match("open varsity", "Open", "Varsity")
    assert not is_match('"open varsity"', "Open", "Varsity")


def test_unwanted_term_rules_a_text_out() -> None:
    """Even if everything else is there."""
    assert has_words(word_lines("Open Gym"), ["open"], ["practice"])
    assert not has_words(word_lines("Open Gym"), ["open"], ["practice", '"open gym"'])


@pytest.mark.parametrize("query", ["", " ", "!", '""', "' & '", "\u200d"])
def test_query_of_no_letters_has_no_terms(query: str) -> None:
    """It would find everything, or nothing."""
    assert parse_words(query) == set()


@given(st.text())
def test_terms_have_one_spelling(query: str) -> None:
    """Which reads as itself."""
    terms = parse_words(query)
    assert parse_words(write_words(sorted(terms))) == terms


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])), st.sampled_from(' "'))
def test_text_is_found_by_itself(text: str, quote: str) -> None:
    """By its words, and as a phrase."""
    assume('"' not in search_key(text) and not set(text) & set("“”„‟«»,"))
    assert is_match(f"{quote}{text}{quote}", "Open", text, "Gym")
