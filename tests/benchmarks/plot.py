"""One small plot as SVG, drawn by hand: a line for each series over the same steps, on a
logarithmic scale.
"""

from __future__ import annotations

from html import escape
from math import log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WIDTH, HEIGHT = 760, 360
LEFT, RIGHT, TOP, BOTTOM = 90, 150, 50, 50
COLOURS = ("#0b5d66", "#b3541e", "#5b4b9a", "#6b7280")


def svg(
    title: str,
    steps: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    low: float,
    high: float,
    marks: Sequence[float],
    say: Callable[[float], str],
) -> str:
    """Return the plot; `marks` are the values with a line across, `say` puts one into words."""

    def across(index: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * index / (len(steps) - 1)

    def down(value: float) -> float:
        share = (log10(max(value, low)) - log10(low)) / (log10(high) - log10(low))
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def text(x: float, y: float, words: str, more: str = "") -> str:
        return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(words)}</text>'

    parts = [text(LEFT, 24, title, 'font-weight="bold" font-size="15"')]
    for mark in marks:
        parts.append(f'<path d="M{LEFT} {down(mark):.1f}H{WIDTH - RIGHT}" stroke="#d1d5db"/>')
        parts.append(text(LEFT - 8, down(mark) + 4, say(mark), 'text-anchor="end"'))
    parts += [
        text(across(index), HEIGHT - BOTTOM + 22, step, 'text-anchor="middle"')
        for index, step in enumerate(steps)
    ]
    for (name, values), colour in zip(series.items(), COLOURS, strict=False):
        points = [(across(index), down(value)) for index, value in enumerate(values)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points]
        parts.append(text(points[-1][0] + 12, points[-1][1] + 4, name, f'fill="{colour}"'))
    style = 'font-family="system-ui, sans-serif" font-size="13" fill="#1f2937"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f" {style}>"
        f'<title>{escape(title)}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
        f"{''.join(parts)}</svg>\n"
    )
