"""A form as a browser without JavaScript sends it: the fields that a page holds, and what they say
as they stand.
"""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlencode


class Filling(HTMLParser):
    """The fields of one form of a page, in order, as they would be sent (HTML, "Constructing the
    entry list").
    """

    def __init__(self, html: str, form_id: str) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self.offered: list[tuple[str, str]] = []
        """Every value that can be ticked or chosen, by the name of its field."""
        self._form_id = form_id
        self._inside = False
        self._select = ""
        self.feed(html)
        self.close()

    @property
    def query(self) -> str:
        return urlencode(self.sent)

    def values(self, name: str) -> list[str]:
        """Return what a field says, blanks left out."""
        return [value for field, value in self.sent if field == name and value]

    def choices(self, name: str) -> list[str]:
        return [value for field, value in self.offered if field == name]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = said.get("id") == self._form_id
        if not self._inside:
            return
        if tag == "select":
            self._select = said["name"]
            self.sent.append((self._select, ""))
        elif tag == "option":
            self._take(self._select, said, chosen="selected" in said)
        elif tag == "input" and said["type"] == "checkbox":
            self._take(said["name"], said, chosen="checked" in said)
        elif tag == "input":
            self.sent.append((said["name"], said["value"]))

    def _take(self, name: str, said: dict[str, str], *, chosen: bool) -> None:
        self.offered.append((name, said["value"]))
        if chosen and self._select == name:
            self.sent[-1] = (name, said["value"])
        elif chosen:
            self.sent.append((name, said["value"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        if tag == "select":
            self._select = ""
