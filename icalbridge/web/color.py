"""Readable colors: contrast by WCAG 2.1, and an accent changed where its text could not be read.

Pure functions of colours written `#rrggbb`, as `settings.readers.colour` reads them; which colours
a page has is left to `look` and the style sheets.
"""

from __future__ import annotations

ENOUGH = 4.5
"""The contrast that text needs: WCAG 2.1, success criterion 1.4.3."""
BLACK, WHITE = "#000000", "#ffffff"

Rgb = tuple[int, int, int]


def contrast(one: str, other: str) -> float:
    """Return the ratio of two colours, from 1 to 21, in any order (WCAG 2.1, "contrast ratio")."""
    darker, lighter = sorted((_luminance(_rgb(one)), _luminance(_rgb(other))))
    return (lighter + 0.05) / (darker + 0.05)


def readable(accent: str, background: str) -> str:
    """Return the accent, or the colour nearest to it on its way to black or white that is read on a
    background.

    Of black and white the one is taken that is further from the background, so there is always an
    answer: one of the two has a contrast of at least 4.58 with any colour.
    """
    if contrast(accent, background) >= ENOUGH:
        return accent
    goal = ink(background)
    low, high = 0, 255  # 255 of 255 parts are the goal itself, which is known to do
    while low < high:
        middle = (low + high) // 2
        if contrast(mixed(accent, goal, middle), background) >= ENOUGH:
            high = middle
        else:
            low = middle + 1
    return mixed(accent, goal, low)


def ink(background: str) -> str:
    """Return black or white: the one that is read better on a background."""
    return max((BLACK, WHITE), key=lambda channel: contrast(channel, background))


def mixed(start: str, goal: str, parts: int) -> str:
    """Return the colour that is so many of 255 parts of the way to another."""
    steps = (
        one + round((other - one) * parts / 255)
        for one, other in zip(_rgb(start), _rgb(goal), strict=True)
    )
    return "#" + "".join(f"{channel:02x}" for channel in steps)


def _rgb(text: str) -> Rgb:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _luminance(rgb: Rgb) -> float:
    """Return the relative luminance, from 0 to 1 (WCAG 2.1)."""
    red, green, blue = (_linear(channel / 255) for channel in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(share: float) -> float:
    """Return a channel's light: the curve of sRGB taken off (WCAG 2.1 has 0.03928, which changes no
    8-bit value).
    """
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)
