"""`icalbridge.tokens`: tokens that nobody guesses, and lines that hold none."""

from __future__ import annotations

import base64
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
import requests

from icalbridge.feeds.audience import Audience
from icalbridge.feeds.saved_feed import Saved
from icalbridge.feeds.saved_feed_toml import to_keep
from icalbridge.tokens import PREFIX, digest, is_token, new_token, path, redacted
from tests.fixtures.commands import answer, free_port, running, until
from tests.samples import NOW
from tests.web_world import filled_store

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "A1b2C3d4-_" * 4 + "xyz"


def test_token_is_32_random_bytes() -> None:
    """Each another; all of them fit for an address as they are."""
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert {len(base64.urlsafe_b64decode(f"{each}=")) for each in tokens} == {32}
    assert all(is_token(each) for each in tokens)


@pytest.mark.parametrize(
    "text", ["", TOKEN[1:], TOKEN + "a", TOKEN[1:] + "ä", TOKEN[1:] + ".", TOKEN + "\n"]
)
def test_what_is_no_token_is_told_by_its_looks(text: str) -> None:
    """So that nothing else is looked up."""
    assert is_token(TOKEN)
    assert not is_token(text)


def test_digest_is_sha256() -> None:
    """In hexadecimal digits."""
    assert digest(TOKEN) == sha256(TOKEN.encode()).hexdigest()


@pytest.mark.parametrize(
    ("line", "without"),
    [
        ("GET /ical/private/abc.ics failed", "GET /ical/private/… failed"),
        (f"'{path(TOKEN)}' and {path(TOKEN, 'json')}", "'/ical/private/… and /ical/private/…"),
        (f"/ical/%70rivate/{TOKEN}.ics", "/ical/%70rivate/….ics"),
        (f"token={TOKEN}", "token=…"),
        (PREFIX, PREFIX),
        ("GET /ical/facility/gym.ics failed", "GET /ical/facility/gym.ics failed"),
        (sha256(b"").hexdigest(), sha256(b"").hexdigest()),
    ],
)
def test_redacted_line_holds_no_token(line: str, without: str) -> None:
    """Whatever stands in the place of one, and what looks like one anywhere; all else stays."""
    assert redacted(line) == without


def test_token_is_in_nothing_that_a_server_says(tmp_path: Path) -> None:
    """With --debug, over real HTTP: good, out of order, refused, unknown, and by a method that
    there is not.
    """
    store = filled_store(tmp_path)
    good = to_keep(Saved("good", facility_ids=("gym",), audience=Audience.STAFF))
    store.saved.put([good, replace(good, slug="bad", spec="nothing = 1")], now=NOW)
    tokens = {slug: new_token() for slug in ("good", "bad")}
    for slug, token in tokens.items():
        store.saved.add_token(slug, "Coach", digest(token), now=NOW)
    url = store.engine.url.render_as_string(hide_password=False)
    store.close()
    port = free_port()
    at = f"http://127.0.0.1:{port}"
    with running(
        "--debug", "serve", "--no-sync", "--port", str(port), "--workers", "1", DATABASE_URL=url
    ) as server:
        until(lambda: answer(f"{at}/healthz"), "server")
        asked = [
            path(tokens["good"]),
            path(tokens["bad"]),
            path(tokens["good"]) + "?a=b",
            path(new_token()),
        ]
        statuses = [requests.get(at + each, timeout=10).status_code for each in asked]
        statuses.append(requests.post(at + asked[0], timeout=10).status_code)
        server.terminate()
        assert server.stdout
        said = server.stdout.read()
    assert statuses == [200, 503, 400, 404, 405]
    assert not [token for token in tokens.values() if token in said]
