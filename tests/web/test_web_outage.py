"""What the log says while the database is away: that it is, and when it is back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from icalbridge.web import create_app
from tests.web.test_web_operations import take_away
from tests.web_world import PUBLIC

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from flask.testing import FlaskClient

    from icalbridge.store import Store
    from tests.web_world import Clock


def test_outage_is_logged_once_for_all_addresses(
    client: FlaskClient, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not each page, feed, probe and scrape; when it is over, that too."""
    caplog.set_level(logging.INFO, "icalbridge")
    take_away(store, tmp_path)
    for _ in range(20):
        for path in (
            "/",
            "/readyz",
            "/metrics",
            "/property/school",
            "/facility/gym",
            "/ical/facility/gym.ics",
            "/status",
        ):
            client.get(path)
    assert [each.levelname for each in caplog.records] == ["ERROR"]
    (tmp_path / "bridge.db").rmdir()
    store.upgrade()
    for _ in range(5):
        client.get("/readyz")
    ours = [each.getMessage() for each in caplog.records if each.name.startswith("icalbridge")]
    assert ours[1:] == ["the database is back"]


def test_defect_is_logged_once_for_each_place(
    store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception that comes with each request is no flood of tracebacks; another one is logged
    too.
    """
    app = create_app(PUBLIC, store, clock=clock)

    def out_of_files() -> str:
        raise OSError(24, "Too many open files")

    def broken() -> str:
        raise ZeroDivisionError

    app.add_url_rule("/files", view_func=out_of_files)
    app.add_url_rule("/broken", view_func=broken)
    for _ in range(20):
        for path in ("/files", "/broken"):
            assert app.test_client().get(path).status_code == 500
    assert [each.getMessage() for each in caplog.records] == [
        "GET /files failed",
        "GET /broken failed",
    ]
    assert all(each.exc_info for each in caplog.records)
