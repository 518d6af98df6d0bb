"""What a browser would make of a page."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask.testing import FlaskClient


class Seen(HTMLParser):
    """What a browser would make of a page: its texts, and every element with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def links(self) -> list[str]:
        return [attributes["href"] or "" for tag, attributes in self.elements if tag == "a"]

    def after(self, heading: str, count: int) -> list[str]:
        """Return the texts that follow a heading."""
        first = self.texts.index(heading) + 1
        return self.texts[first : first + count]


def look(client: FlaskClient, path: str) -> Seen:
    answer = client.get(path)
    assert answer.status_code == 200
    return Seen(answer.text)
