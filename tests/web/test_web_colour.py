"""Colours: whatever accent is asked for, what is written in it or on it can be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.settings.readers import colour
from icalbridge.web.color import BLACK, ENOUGH, WHITE, contrast, ink, readable

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        (BLACK, WHITE, 21.0),
        (WHITE, WHITE, 1.0),
        ("#777777", WHITE, 4.478),
        ("#767676", WHITE, 4.542),
    ],
)
def test_contrast_is_wcags(one: str, other: str, ratio: float) -> None:
    """The ratios are those that WCAG's own examples name, whichever colour comes first."""
    assert (round(contrast(one, other), 3), round(contrast(other, one), 3)) == (ratio, ratio)


@given(COLOURS, COLOURS)
def test_readable_always_is(accent: str, background: str) -> None:
    """Any accent on any background has a contrast of 4.5 to 1 or more once it was mended."""
    assert contrast(readable(accent, background), background) >= ENOUGH


@given(COLOURS, COLOURS)
def test_readable_leaves_alone_what_is_read(accent: str, background: str) -> None:
    """An accent that can be read already is not touched, and one that was mended is not mended
    again.
    """
    mended = readable(accent, background)
    assert mended == accent or contrast(accent, background) < ENOUGH
    assert readable(mended, background) == mended


def test_readable_keeps_the_hue() -> None:
    """School yellow on white becomes a dark yellow rather than black; on a dark page it stays as it
    is.
    """
    assert (readable("#ffd100", WHITE), readable("#ffd100", "#16181d")) == ("#8e7400", "#ffd100")


@given(COLOURS)
def test_ink_is_read_on_everything(background: str) -> None:
    """Black or white is written on an accent: one of the two always does."""
    assert contrast(ink(background), background) >= ENOUGH


@pytest.mark.parametrize(("text", "read"), [("#1A5fB4", "#1a5fb4"), ("#000000", "#000000")])
def test_colour_is_read_in_any_case(text: str, read: str) -> None:
    """Colours are kept in small letters."""
    assert colour(text) == read


@pytest.mark.parametrize(
    "text", ["", "red", "#fff", "1a5fb4", "#1a5fb4;}", "#1a5fbg", "#１２３４５６", "#1a5fb4\n#"]
)
def test_colour_that_is_none_is_refused(text: str) -> None:
    """Nothing but six hexadecimal digits gets into a style sheet."""
    with pytest.raises(ValueError, match="a color such as #1a5fb4"):
        colour(text)
