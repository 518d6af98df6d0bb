"""What nginx does with copies that have grown old, with `docs/deploy/nginx.conf`."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

from icalbridge.web import create_app
from tests.fixtures.commands import until
from tests.fixtures.nginx import Nginx, proxying, seen
from tests.fixtures.serving import serving
from tests.web_world import PUBLIC, filled_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    import requests


@dataclass
class AgingOrigin:
    """The application with answers that are good for one second instead of 60, and a gate."""

    app: WSGIApplication
    gate: Event
    requests: int = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.requests += 1
        self.gate.wait()

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            aged = [(name, text.replace("max-age=60", "max-age=1")) for name, text in headers]
            return start_response(status, aged, *rest)

        return self.app(environ, start)


def test_older_copy_is_served_while_a_new_one_is_fetched(tmp_path: Path) -> None:
    """Nobody waits for an origin that takes its time; afterwards it is asked with the entity tag."""
    with (
        filled_origin(tmp_path) as origin,
        serving(origin) as url,
        proxying(tmp_path, url.removeprefix("http://")) as nginx,
    ):
        for path in ("/ical/facility/gym.ics", "/facility/gym"):
            first = nginx.get(path)
            assert first.headers["X-Cache-Status"] == "MISS"
            origin.gate.clear()
            asked = origin.requests
            again = until(partial(_other_than, nginx, path, "HIT"), "older copy")
            assert again.headers["X-Cache-Status"] == "STALE"
            while origin.requests == asked:
                assert seen(nginx.get(path)) == seen(first)
            updating = nginx.get(path)
            assert updating.headers["X-Cache-Status"] == "UPDATING"
            assert seen(updating) == seen(first)
            assert origin.requests == asked + 1
            origin.gate.set()
            until(partial(_other_than, nginx, path, "UPDATING"), "new copy")


def test_last_good_copy_is_served_while_the_origin_is_gone(tmp_path: Path) -> None:
    """Feeds, pages and embeds outlive their time, and the origin."""
    paths = (
        "/ical/facility/gym.ics",
        "/ical/property/school.json",
        "/facility/gym",
        "/",
        "/embed/property/school",
    )
    with filled_origin(tmp_path) as origin, ExitStack() as stack:
        serve = ExitStack()
        url = serve.enter_context(serving(origin))
        nginx = stack.enter_context(proxying(tmp_path, url.removeprefix("http://")))
        before = {path: seen(nginx.get(path)) for path in paths}
        serve.close()
        for path in paths:
            until(partial(_other_than, nginx, path, "HIT"), "older copy")
            assert seen(nginx.get(path)) == before[path]
            tag = before[path][2]["ETag"]
            assert nginx.get(path, If_None_Match=tag).status_code == 304
        assert "connect() failed" in nginx.error_log


@contextmanager
def filled_origin(folder: Path) -> Iterator[AgingOrigin]:
    gate = Event()
    gate.set()
    store = filled_store(folder)
    try:
        yield AgingOrigin(create_app(PUBLIC, store), gate)
    finally:
        gate.set()
        store.close()


def _other_than(nginx: Nginx, path: str, status: str) -> requests.Response | None:
    got = nginx.get(path)
    return None if got.headers["X-Cache-Status"] == status else got
