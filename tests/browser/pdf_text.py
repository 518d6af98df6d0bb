"""The text of a PDF that Chromium printed: what is on the paper, and how many pages there are."""

from __future__ import annotations

import re
import zlib

_OBJECT = re.compile(rb"(\d+) 0 obj\s(.*?)\sendobj", re.DOTALL)
_STREAM = re.compile(rb"/Filter /FlateDecode.*?>>\s*stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_TEXT = re.compile(rb"/(F\d+) [\d.]+ Tf|<([0-9A-Fa-f]+)>|\b(ET)\b")
_CHARACTERS = re.compile(rb"<([0-9A-Fa-f]+)> <([0-9A-Fa-f]+)>(?: <([0-9A-Fa-f]+)>)?")


def count_pages(pdf: bytes) -> int:
    return pdf.count(b"/Type /Page\n")


def read_text(pdf: bytes) -> str:
    """Return the words in the order in which they are drawn (PDF 32000-1, section 9)."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    fonts = {
        name: _characters_of(objects, objects[int(number)])
        for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", pdf)
    }
    drawn = (_drawn(_unpacked(body), fonts) for body in objects.values())
    return " ".join("".join(drawn).split())


def _unpacked(body: bytes) -> bytes:
    stream = _STREAM.search(body)
    return zlib.decompress(stream[1]) if stream else b""


def _characters_of(objects: dict[int, bytes], font: bytes) -> dict[str, str]:
    """Return the characters of a font by their codes (section 9.10.3)."""
    number = re.search(rb"/ToUnicode (\d+) 0 R", font)
    found: dict[str, str] = {}
    for first, last, ranged in _CHARACTERS.findall(
        _unpacked(objects[int(number[1])]) if number else b""
    ):
        text = bytes.fromhex((ranged or last).decode()).decode("utf-16-be")
        count = int(last, 16) - int(first, 16) + 1 if ranged else 1
        for step in range(count):
            code = f"{int(first, 16) + step:0{len(first)}X}"
            found[code] = text[:-1] + chr(ord(text[-1]) + step)
    return found


def _drawn(content: bytes, fonts: dict[bytes, dict[str, str]]) -> str:
    text, characters = "", dict[str, str]()
    for font, codes, end in _TEXT.findall(content):
        if font:
            characters = fonts[font]
        elif end:
            text += "\n"
        elif characters:
            size = len(next(iter(characters)))
            pieces = [codes[at : at + size].decode().upper() for at in range(0, len(codes), size)]
            text += "".join(characters.get(piece, "") for piece in pieces)
    return text
