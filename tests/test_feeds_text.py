"""`icalbridge.text`: cleaned, escaped, folded, cut, and otherwise byte for byte."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from icalbridge.text import MAX_UNITS, cut, display_text, escape, fold

ANY = st.text(st.characters(exclude_categories=[]))


@given(ANY)
@example("a\r\n\u2028b\x85\x00\t\ud800c")
def test_display_text_keeps_everything_else(text: str) -> None:
    """Line breaks become one space, control characters but TAB and lone surrogates go, the ends are
    bare.
    """
    shown = display_text(text)
    assert shown == shown.strip()
    assert not any(unicodedata.category(each) in {"Cc", "Cs"} for each in shown if each != "\t")
    assert not set(shown) & set("\u2028\u2029")
    kept = [
        each
        for each in text
        if unicodedata.category(each) not in {"Cc", "Cs"} and each not in "\u2028\u2029"
    ]
    assert [each for each in shown if not each.isspace()] == [
        each for each in kept if not each.isspace()
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a b"),
        ("a\r\n\r\nb", "a b"),
        ("a \u2028 b", "a   b"),
        ("a\x07b", "ab"),
        ("a\tb", "a\tb"),
        ("\u00a0 a \u3000", "a"),
        ("\x00", ""),
        ("e\u0301 \u202e \ufeff", "e\u0301 \u202e \ufeff"),
        ("a\ud83db", "ab"),
    ],
)
def test_display_text_examples(text: str, shown: str) -> None:
    """The contract's "Text from the vendor", case by case."""
    assert display_text(text) == shown


def test_display_text_has_a_stand_in_for_nothing() -> None:
    """What is empty once it is cleaned counts as missing."""
    assert display_text(" \r\n\x07 ", missing="Reserved") == "Reserved"
    assert display_text("a", missing="Reserved") == "a"


@given(ANY)
def test_display_text_is_done_once(text: str) -> None:
    """Cleaning what is clean changes nothing."""
    assert display_text(display_text(text)) == display_text(text)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_escape_can_be_undone(text: str) -> None:
    """RFC 5545, section 3.3.11: backslash, semicolon, comma and newline, and nothing else."""
    escaped = escape(text)
    assert "\n" not in escaped
    undone = ""
    letters = iter(escaped)
    for each in letters:
        undone += {"n": "\n"}.get(following := next(letters), following) if each == "\\" else each
    assert undone == text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=400))
def test_fold_is_within_octets_and_between_characters(line: str) -> None:
    """RFC 5545, section 3.1: at most 75 octets a line, each of them UTF-8 by itself, and unfolding
    gives the line.
    """
    folded = fold(line)
    assert folded.endswith(b"\r\n")
    physical = folded[:-2].split(b"\r\n")
    assert all(len(each) <= 75 for each in physical)
    assert all(each.startswith(b" ") for each in physical[1:])
    assert physical[0].decode() + "".join(each.decode()[1:] for each in physical[1:]) == line


def test_fold_leaves_a_line_of_75_octets_alone() -> None:
    """75 octets without the line break are not too long; 76 are."""
    assert fold("x" * 75) == b"x" * 75 + b"\r\n"
    assert fold("x" * 76) == b"x" * 75 + b"\r\n x\r\n"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=600).map(str.strip))
def test_cut_is_within_utf16_units(text: str) -> None:
    """The first part has at most 255 units, splits no character, and both parts are the text but
    for white space.
    """
    first, rest = cut(text)
    assert len(first.encode("utf-16-le")) // 2 <= MAX_UNITS
    assert "".join((first + rest).split()) == "".join(text.split())
    if len(text.encode("utf-16-le")) // 2 <= MAX_UNITS:
        assert (first, rest) == (text, "")


def test_cut_at_the_border() -> None:
    """255 units stay whole; a pair of surrogates that would straddle the border goes to the rest."""
    assert cut("a" * 255) == ("a" * 255, "")
    assert cut("a" * 256) == ("a" * 255, "a")
    assert cut("a" * 254 + "🏀") == ("a" * 254, "🏀")
