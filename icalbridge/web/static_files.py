"""Style sheets, scripts and icons: read once, named by their content, so that browsers may cache
them forever.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, request

from icalbridge.web import responses

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml; charset=utf-8",
}
FOR_EVER = "public, max-age=31536000, immutable"
NOT_LONG = "public, max-age=300"
"""For an address without the right version: during an upgrade it may bring the other version's
content.
"""

A_DAY = "public, max-age=86400"
ROOT_ICONS = ("favicon.ico", "apple-touch-icon.png")
"""Icons that browsers look for at the root of a site, whatever its pages name. Both are made of
`favicon.svg`: 32 pixels in an ICO file, and 180 pixels on white.
"""


class Assets:
    """The files of one folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        files = [path for path in sorted(folder.iterdir()) if path.suffix in TYPES]
        self._bodies = {path.name: path.read_bytes() for path in files}
        self.versions: Mapping[str, str] = {
            name: blake2b(body, digest_size=8).hexdigest() for name, body in self._bodies.items()
        }
        self.root_icons = {
            f"/{name}": responses.document(
                self._bodies[name], TYPES[Path(name).suffix], cache_control=A_DAY
            )
            for name in ROOT_ICONS
            if name in self._bodies
        }
        self._documents = {
            (name, lasting): responses.document(
                body,
                TYPES[Path(name).suffix],
                cache_control=FOR_EVER if lasting else NOT_LONG,
                extra=[(responses.MARK, self.versions[name])],
            ).packed()
            for name, body in self._bodies.items()
            for lasting in (True, False)
        }

    def path(self, name: str) -> str:
        """Return a file's address below the root of the site. KeyError for a file that is not
        there.
        """
        return f"/static/{name}?v={self.versions[name]}"

    def document(self, name: str, version: str) -> responses.Document | None:
        return self._documents.get((name, version == self.versions.get(name)))


@cache
def product_assets() -> Assets:
    """Return the files of the product, read and compressed once in a process."""
    return Assets()


def static_files(assets: Assets) -> Blueprint:
    """Return the routes under `/static/`, and those of icons at the root."""
    routes = Blueprint("assets", __name__)

    @routes.get("/static/<name>")
    def static(name: str) -> Response:
        asset = assets.document(name, request.args.get("v", ""))
        return (
            responses.flask_response(responses.answer(asset, request.environ))
            if asset
            else abort(404)
        )

    @routes.get("/favicon.ico")
    @routes.get("/apple-touch-icon.png")
    def root_icon() -> Response:
        return responses.respond(assets.root_icons[request.path])

    return routes
