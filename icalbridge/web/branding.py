"""The site's own look: its name, its logo and its accent, as the settings give them; also the web
manifest.

The accent is made readable in light and in dark by `color`, and comes as a style sheet of its own,
since no page may carry styles inside. The logo was checked when the settings were read; it is
served so that nothing in it can run.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from flask import Blueprint, Response, abort, request

from icalbridge.web import responses
from icalbridge.web.color import ink, mixed, readable
from icalbridge.web.i18n import gettext
from icalbridge.web.static_files import FOR_EVER, NOT_LONG

if TYPE_CHECKING:
    from icalbridge.settings import Settings
    from icalbridge.web.site import Site
    from icalbridge.web.static_files import Assets

LIGHT = ("#ffffff", "#f5f5f2")
DARK = ("#19212a", "#10151b")
"""What the accent stands on: `--card` and `--ground` of static/site.css."""
TINT_PARTS = 26
"""How much accent, of 255 parts, is in the ground of what is on now."""

LOGO_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".svg": "image/svg+xml",
}
LOGO_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"
"""Of the logo alone: an SVG styles itself, as drawing programs have it; nothing in a sandbox runs.
"""
LOGO_HEADERS: responses.Headers = (
    ("Content-Security-Policy", LOGO_POLICY),
    *responses.SECURITY_HEADERS[1:],
)


class Accent(NamedTuple):
    """The colours that hang on the accent, in one scheme."""

    accent: str
    on_accent: str
    tint: str


def accent_on(color: str, grounds: tuple[str, ...]) -> Accent:
    """Return the accent as it is read on every ground and on its own tint; the grounds are all
    light or all dark.
    """
    tint = mixed(grounds[0], color, TINT_PARTS)
    accent = color
    for ground in (*grounds, tint):
        accent = readable(accent, ground)
    return Accent(accent, ink(accent), tint)


def style_sheet(color: str) -> str:
    """Return what changes in static/site.css for an accent; paper stays black on white."""
    light, dark = accent_on(color, LIGHT), accent_on(color, DARK)
    return (
        f"@media screen {{ {_rule(light)} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ {_rule(dark)} }}\n"
    )  # fmt: skip


def _rule(of: Accent) -> str:
    return f":root {{ --accent: {of.accent}; --on-accent: {of.on_accent}; --tint: {of.tint}; }}"


class Look:
    """What the settings say of one application's look; templates know it as `look`."""

    def __init__(self, settings: Settings, site: Site, assets: Assets) -> None:
        self._name = settings.site_name
        self._site = site
        self._assets = assets
        self._accent = settings.site_accent
        style = style_sheet(settings.site_accent).encode() if settings.site_accent else b""
        logo = Path(settings.site_logo)
        body = logo.read_bytes() if settings.site_logo else b""
        self._logo_type = LOGO_TYPES[logo.suffix.lower()] if settings.site_logo else ""
        self._style_version, self._logo_version = _version(style), _version(body)
        self._documents = {
            ("style", True): responses.document(
                style, "text/css; charset=utf-8", cache_control=FOR_EVER
            ),
            ("style", False): responses.document(
                style, "text/css; charset=utf-8", cache_control=NOT_LONG
            ),
            ("logo", True): responses.document(
                body, self._logo_type, cache_control=FOR_EVER, security=LOGO_HEADERS
            ),
            ("logo", False): responses.document(
                body, self._logo_type, cache_control=NOT_LONG, security=LOGO_HEADERS
            ),
        }

    @property
    def name(self) -> str:
        return self._name or gettext("Facility calendars")

    @property
    def style(self) -> str:
        """The accent's style sheet, empty where there is no accent."""
        return self._site.path(f"/site.css?v={self._style_version}") if self._accent else ""

    @property
    def logo(self) -> str:
        """The address of the logo, empty where there is none."""
        return self._site.path(f"/logo?v={self._logo_version}") if self._logo_type else ""

    def document(self, which: str, version: str) -> responses.Document | None:
        """Return the style sheet or the logo, None where the settings have none."""
        known, there = {
            "style": (self._style_version, bool(self._accent)),
            "logo": (self._logo_version, bool(self._logo_type)),
        }[which]
        return self._documents[which, version == known] if there else None

    def manifest(self) -> bytes:
        """Return the web manifest (W3C Web Application Manifest); every address in it is below the
        site's root.
        """
        icons = [
            {
                "src": self._site.path(self._assets.path("favicon.svg")),
                "type": "image/svg+xml",
                "sizes": "any",
            }
        ]
        if self._logo_type == "image/svg+xml":
            icons.insert(0, {"src": self.logo, "type": self._logo_type, "sizes": "any"})
        return msgspec.json.encode(
            {
                "name": self.name,
                "short_name": self.name[:30],
                "start_url": self._site.path("/"),
                "scope": self._site.path("/"),
                "display": "minimal-ui",
                "background_color": LIGHT[1],
                "theme_color": accent_on(self._accent, LIGHT).accent if self._accent else "#0b5c6b",
                "icons": icons,
            }
        )


def _version(body: bytes) -> str:
    return blake2b(body, digest_size=8).hexdigest()


def look_files(look: Look) -> Blueprint:
    """Return the addresses of what makes the look."""
    routes = Blueprint("look", __name__)

    @routes.get("/site.css", endpoint="style", defaults={"which": "style"})
    @routes.get("/logo", endpoint="logo", defaults={"which": "logo"})
    def file(which: str) -> Response:
        asset = look.document(which, request.args.get("v", ""))
        return (
            responses.flask_response(responses.answer(asset, request.environ))
            if asset
            else abort(404)
        )

    @routes.get("/site.webmanifest")
    def manifest() -> Response:
        vary = "Accept-Encoding, Accept-Language"  # its name may be ours
        made = responses.document(
            look.manifest(), "application/manifest+json", cache_control=NOT_LONG, vary=vary
        )
        return responses.flask_response(responses.answer(made, request.environ))

    return routes
