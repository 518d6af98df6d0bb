"""What displays are sent is read by a TV set of 2018: Chromium 53, ECMAScript 5, and the style
sheets of its time.
"""

from __future__ import annotations

import gzip
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from icalbridge.web.static_files import FOLDER
from icalbridge.web.views.now_next import WORDS
from tests.fixtures.parts import node, require_js
from tests.machine import HERE

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

SCRIPTS = ["display.js", "display-sw.js"]
TOO_NEW_IN_CSS = {
    r"(?<![\w-])(row-|column-)?gap\s*:": "gap in a flexbox (84)",
    r"(?<![\w-])grid": "grid (57)",
    r"(?<![\w-])inset\s*:": "inset (87)",
    r":(is|where|has|focus-visible|focus-within|any-link)\b": "newer pseudo-classes (60 and later)",
    r"(?<![\w-])(clamp|min|max|env|color-mix|round|abs)\(": "newer functions (69 and later)",
    r"(?<![(\w-])aspect-ratio\s*:": "aspect-ratio as a property (88)",
    r"(?<!:)&": "nesting (112)",
    r"@(layer|container|property|scope|supports not)\b": "newer rules (61 and later)",
    r"[\d.](d|s|l)v(h|w|min|max)\b": "dynamic viewport units (108)",
    r"(margin|padding|border|inset)-(inline|block)": "logical properties (69)",
    r"overflow-wrap\s*:\s*anywhere": "overflow-wrap: anywhere (80)",
    r"overflow\s*:\s*clip": "overflow: clip (90)",
    r"text-wrap": "text-wrap (114)",
    r"place-(items|content|self)": "place-* (59)",
    r"#(?:[0-9a-f]{8}|[0-9a-f]{4})\b(?![^;{]*\{)": "colours with transparency in hex (62)",
    r"rgb\([^,)]*\)": "rgb() without commas (65)",
    r"prefers-": "media features of the reader's wishes (74)",
}
TOO_NEW_IN_JS = [
    r"\bfetch\(", r"\.includes\(", r"\.padStart\(", r"\.closest\(", r"Object\.(assign|entries|values)\b",
    r"Array\.(from|of)\b", r"\.finally\(", r"\bIntl\b", r"toLocale", r"\.append\(", r"\.replaceWith\(", r"\.flat\(",
    r"(get|to)(Full)?(Year|Month|Date|Hours|Minutes|TimezoneOffset)\b", r"\.toggleAttribute\(", r"AbortController",
]  # fmt: skip
"""Functions that are younger than Chromium 53 or ask the device for its idea of the time; a worker
may fetch.
"""


def too_new(css: str) -> list[str]:
    plain = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    return [why for pattern, why in TOO_NEW_IN_CSS.items() if re.search(pattern, plain)]


def read_as_es5(*paths: Path) -> str:
    require_js("acorn")
    command = [node(), str(HERE / "js/read_es5.mjs"), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_display_scripts_are_es5() -> None:
    """Every script that a display runs parses as ECMAScript 5."""
    assert read_as_es5(*(FOLDER / name for name in SCRIPTS)) == ""


@pytest.mark.parametrize(
    "newer", ["let a = 1;", "var f = () => 1;", "var s = `x`;", "var b = a?.b;", "f(...a);"]
)
def test_es5_reader_refuses_newer_syntax(tmp_path: Path, newer: str) -> None:
    """The check can fail: it names what a TV set would show a black screen for."""
    script = tmp_path / "newer.js"
    script.write_text(newer)
    assert read_as_es5(script).startswith(f"{script}: ")


def test_display_script_calls_nothing_newer_and_asks_no_device_clock() -> None:
    """No function that Chromium 53 lacks, and none that tells the time as the device thinks it is."""
    script = (FOLDER / "display.js").read_text(encoding="utf-8")
    assert [pattern for pattern in TOO_NEW_IN_JS if re.search(pattern, script)] == []


def test_display_script_has_no_words_of_its_own() -> None:
    """What people read comes with the page, so that another language needs no other script."""
    script = (FOLDER / "display.js").read_text(encoding="utf-8")
    literals = set(re.findall(r"'([^'\n]*)'", script))
    assert literals & set(WORDS.values()) == set()
    assert [text for text in literals if re.search(r"[A-Z][a-z]+ [a-z]", text)] == []


def test_display_style_sheet_is_old() -> None:
    """Nothing in the style sheet is younger than Chromium 53."""
    assert too_new((FOLDER / "display.css").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "newer",
    [
        "a { gap: 1px }", "a { display: grid }", "a { inset: 0 }", "a:is(b) {}", "a { width: clamp(1px, 2px, 3px) }",
        "a { width: min(1px, 2px) }", "a { aspect-ratio: 1 }", "a { & b {} }", "a { height: 1dvh }",
        "a { margin-inline: 0 }", "a { color: #11223344 }", "a { color: rgb(1 2 3) }", "@layer a {}",
    ],
)  # fmt: skip
def test_style_check_refuses_newer_features(newer: str) -> None:
    """The check can fail."""
    assert len(too_new(newer)) == 1


def test_display_weighs_little(client: FlaskClient) -> None:
    """Page, script, style sheet, worker and data are at most 40 KB in all, compressed."""
    pages = ["/display/property/district", "/display/property/district.json", "/display/sw.js"]
    assets = [f"/static/{name}" for name in ("display.js", "display.css", "favicon.svg")]
    packed = {"Accept-Encoding": "gzip"}
    bodies = [client.get(path, headers=packed).data for path in pages + assets]
    assert all(gzip.decompress(body) for body in bodies)
    assert sum(map(len, bodies)) <= 40_000
