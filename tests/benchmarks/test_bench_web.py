"""How long Flask's part of a cached feed takes: whole WSGI calls, beside what everybody writes, in
one run.

The bound is issue 2's: 150 µs for a feed, 100 µs for a 304, on the median. The reference is a bare
Flask view with `make_conditional` over the same bytes; the machine's speed drifts, so read the
ratio.
"""

from __future__ import annotations

from datetime import timedelta
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import pytest
from flask import Flask, Response, request
from werkzeug.test import EnvironBuilder

from icalbridge.web import create_app
from icalbridge.web.readers import CalendarReaders
from tests.samples import NOW, entry
from tests.web_world import PUBLIC, add_catalogue, added, empty_store, sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from icalbridge.store import Store

PATH = "/ical/facility/gym.ics"
CALLS = 300
ROUNDS = 15


@pytest.fixture(params=[10, 480], ids=["5 KB", "200 KB"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A gym with as many entries as make a feed of the named size."""
    opened = empty_store(tmp_path)
    add_catalogue(opened)
    count: int = request.param
    sync(
        opened,
        "school",
        added(entry(number, uid=f"u{number}", event_id="e1") for number in range(count)),
    )
    yield opened
    opened.close()


def reference(body: bytes) -> Flask:
    """What everybody writes."""
    app = Flask("reference")

    @app.get("/ical/facility/<facility_id>.ics")
    def feed(facility_id: str) -> Response:
        response = Response(body, content_type="text/calendar; charset=utf-8")
        response.add_etag()
        response.last_modified = NOW
        response.cache_control.max_age = 60
        response.make_conditional(request)
        return response

    return app


def environment(**headers: str) -> WSGIEnvironment:
    return EnvironBuilder(path=PATH, headers=list(headers.items())).get_environ()


def call(app: WSGIApplication, asked: WSGIEnvironment) -> tuple[str, dict[str, str], int]:
    """Make one whole WSGI call, the body read to its end; returns status, headers and the body's
    length.
    """
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], _error: object = None
    ) -> object:
        started.append((status, headers))
        return None

    body = app(dict(asked), start_response)  # type: ignore[arg-type]  # nobody calls what start_response returns
    length = sum(len(part) for part in body)
    if hasattr(body, "close"):
        body.close()
    return started[0][0], dict(started[0][1]), length


def microseconds(app: WSGIApplication, asked: WSGIEnvironment) -> float:
    """Return the time of one call, out of many."""
    begun = perf_counter()
    for _ in range(CALLS):
        call(app, asked)
    return (perf_counter() - begun) / CALLS * 1e6


@pytest.mark.parametrize("kind", ["plain", "gzip", "304"])
def test_cached_feed_stays_under_its_limit(
    store: Store, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A feed that is in memory takes at most 150 µs, a 304 at most 100 µs."""
    begun = perf_counter()
    app = create_app(PUBLIC, store, clock=lambda: NOW + timedelta(seconds=perf_counter() - begun))
    _, headers, size = call(app, environment())
    theirs = reference(app.test_client().get(PATH).data)
    asked = environment(**({"Accept-Encoding": "gzip"} if kind == "gzip" else {}))
    mine, other = dict(asked), dict(asked)
    if kind == "304":
        mine["HTTP_IF_NONE_MATCH"] = headers["ETag"]
        other["HTTP_IF_NONE_MATCH"] = call(theirs, asked)[1]["ETag"]
    status = call(app, mine)[0]
    assert (status, call(theirs, other)[0][:3]) == (
        "304 Not Modified" if kind == "304" else "200 OK",
        status[:3],
    )
    rounds = [(microseconds(app, mine), microseconds(theirs, other)) for _ in range(ROUNDS)]
    ours, flask = (median(column) for column in zip(*rounds, strict=True))
    with capsys.disabled():
        print(
            f"\n{kind:>6} of {size:>7,} octets: {ours:6.1f} µs, bare Flask {flask:6.1f} µs, ratio"
            f" {ours / flask:.2f}"
        )
    assert ours < (100 if kind == "304" else 150)


def test_counting_a_reader_is_a_small_part(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """A 304 out of memory, the cheapest answer, takes at most a fifth longer for being counted."""
    begun = perf_counter()
    app = create_app(PUBLIC, store, clock=lambda: NOW + timedelta(seconds=perf_counter() - begun))
    asked = environment(**{"User-Agent": "iOS/18.5 (22F76) dataaccessd/1.0"})
    asked["HTTP_IF_NONE_MATCH"] = call(app, asked)[1]["ETag"]
    counting = CalendarReaders.note
    rounds = []
    for _ in range(ROUNDS):
        counted = microseconds(app, asked)
        CalendarReaders.note = lambda *_: None  # type: ignore[method-assign]
        try:
            rounds.append((counted, microseconds(app, asked)))
        finally:
            CalendarReaders.note = counting  # type: ignore[method-assign]
    ours, without = (median(column) for column in zip(*rounds, strict=True))
    with capsys.disabled():
        print(f"\n   304: {ours:.1f} µs with a reader counted, {without:.1f} µs without")
    assert ours < 1.2 * without
