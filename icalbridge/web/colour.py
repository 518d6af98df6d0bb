"""Colours that can be read: contrast as WCAG 2.1 reckons it, and an accent mended until there is enough of it.

Colours are `#rrggbb`. Pure functions; who wished for a colour, and what stands on what, is for the caller.
"""

from __future__ import annotations

ENOUGH = 4.5
"""WCAG 2.1, criterion 1.4.3: of text in usual size."""
STEPS = 100


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2.1, "contrast ratio")."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable(accent: str, background: str) -> str:
    """Return the accent, made darker or lighter, whichever helps, by as little as lets it be read on a background."""
    end = max("#000000", "#ffffff", key=lambda each: contrast(each, background))
    mixed = (_mixed(accent, end, step / STEPS) for step in range(STEPS + 1))
    return next((each for each in mixed if contrast(each, background) >= ENOUGH), end)


def _channels(colour: str) -> list[int]:
    return list(bytes.fromhex(colour.removeprefix("#")))


def _luminance(colour: str) -> float:
    """WCAG 2.1, "relative luminance"."""
    parts = [each / 255 for each in _channels(colour)]
    red, green, blue = (each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mixed(one: str, other: str, share: float) -> str:
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + bytes(round(a + (b - a) * share) for a, b in pairs).hex()
