"""QR codes as SVG, for posters and displays (ISO/IEC 18004)."""

from __future__ import annotations

from io import BytesIO

import segno

QUIET = 4
"""Modules of quiet zone around the code (section 9.1)."""


def draw_code(address: str, error: str = "m") -> bytes:
    """Return the code of an address as SVG without a size: black on white, with sharp edges.

    `error`: the level of error correction at least; more where there is room. On paper a good part
    (level M) may be torn or dirty.
    """
    out = BytesIO()
    segno.make_qr(address, error=error, boost_error=True).save(
        out,
        kind="svg",
        border=QUIET,
        dark="#000",
        light="#fff",
        omitsize=True,
        xmldecl=False,
        svgclass=None,
        lineclass=None,
    )
    return out.getvalue().replace(b"<svg ", b'<svg shape-rendering="crispEdges" ', 1)
