"""Reads the modules of a QR code out of its drawing, and those that an address has."""

from __future__ import annotations

import re

import segno

from icalbridge.web.qr import QUIET


def dark_modules(svg: str) -> set[tuple[int, int]]:
    """Read the dark modules, row and column, out of a drawing made of horizontal strokes one module
    high.
    """
    path = re.findall(r'stroke="#000" d="([^"]+)"', svg)
    dark, row, column = set[tuple[int, int]](), 0.0, 0
    for command, numbers in re.findall(r"([Mmh])([-0-9. ]+)", path[0]):
        told = [float(number) for number in re.findall(r"-?[0-9.]+", numbers)]
        match command:
            case "M":
                column, row = int(told[0]), told[1]
            case "m":
                column, row = column + int(told[0]), row + told[1]
            case _:
                dark |= {(int(row) - QUIET, column + step - QUIET) for step in range(int(told[0]))}
                column += int(told[0])
    return dark


def expected_modules(address: str, error: str = "m") -> set[tuple[int, int]]:
    """Return the dark modules of an address's own matrix."""
    matrix = segno.make_qr(address, error=error, boost_error=True).matrix
    return {
        (row, column)
        for row, line in enumerate(matrix)
        for column, module in enumerate(line)
        if module
    }
