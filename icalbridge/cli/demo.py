"""`demo`: the whole product on its embedded defaults. A simulated district, a first sync over HTTP,
the real server.

Everything it needs lies in one temporary folder, and nothing is left behind.
"""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from icalbridge.cli.logs import start_logging
from icalbridge.cli.options import port_option
from icalbridge.cli.runtime import open_upgraded
from icalbridge.cli.serve import ListenAddress, listen, supervise
from icalbridge.cli.sync import sync_with_progress
from icalbridge.errors import IcalbridgeError
from icalbridge.models import Feed, utcnow
from icalbridge.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from icalbridge.store import Store

KEY = "sandbox-key"
RATE_PER_MINUTE = 12_000
QUOTA_PER_DAY = 1_000_000


@click.command("demo")
@port_option(8000, envvar="PORT")
def demo_command(port: int) -> None:
    """Show the whole product with nothing to configure, until Ctrl-C.

    Starts a simulator of the vendor's API, fetches a district from it, and serves its calendars.
    """
    run_demo(port)


def run_demo(port: int) -> None:
    """Show everything until Ctrl-C."""
    start_logging("text", level="WARNING")
    with (
        tempfile.TemporaryDirectory(prefix="icalbridge-demo-") as folder,
        listen(ListenAddress("127.0.0.1", port)) as opened,
    ):
        click.echo("Starting the simulator of the vendor's API …")
        with _sandbox() as api_url:
            base = f"http://127.0.0.1:{opened.getsockname()[1]}"
            settings = Settings(
                api_key=KEY,
                api_url=api_url,
                rate_per_minute=RATE_PER_MINUTE,
                quota_per_day=QUOTA_PER_DAY,
                database_url=f"sqlite:///{Path(folder) / 'demo.db'}",
                public_url=base,
            )
            click.echo("Fetching the district from it, over HTTP …")
            store = open_upgraded(settings)
            sync_with_progress(settings, store)
            addresses = _addresses(settings, _busiest_gym(store), store.read.properties()[0].id)
            store.close()
            supervise(
                settings, opened, workers=2, sync=True, on_started=lambda: click.echo(addresses)
            )
    click.echo("Stopped; nothing is left behind.")


def _busiest_gym(store: Store) -> str:
    """Return the id of the gym with the most bookings in the week to come."""
    now = utcnow()
    counts = store.read.counts(now, now + timedelta(days=7))
    gyms = [place.id for place in store.read.facilities() if place.type == "Gymnasium"]
    return max(gyms, key=lambda facility_id: counts.get(facility_id, 0))


def _addresses(settings: Settings, facility_id: str, district_id: str) -> str:
    from icalbridge.feeds import feed_path, page_path

    base = settings.public_url
    facility, district = Feed("facility", facility_id), Feed("property", district_id)
    return f"""
  Open            {base}/
  A gym's page    {base}{page_path(facility)}
  Subscribe to
    one gym       {base}{feed_path(facility)}
    the district  {base}{feed_path(district)}
  Health          {base}/readyz

Ctrl-C stops everything.
"""


@contextmanager
def _sandbox() -> Iterator[str]:
    """Run the simulator in a process of its own; yield the base address of its API."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(
        target=_run_sandbox, args=(there,), name="icalbridge-sandbox"
    )
    child.start()
    there.close()
    try:
        try:
            api_url = here.recv()
        except EOFError:
            raise IcalbridgeError(
                "The simulator did not start; run `icalbridge sandbox` to see why."
            ) from None
        yield api_url
    finally:
        child.terminate()
        child.join()


def _run_sandbox(there: Connection) -> None:
    from icalbridge import sandbox

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    world = sandbox.build_world(seed=1, today=sandbox.district_day(utcnow()))
    app = sandbox.create_app(
        world, keys=(KEY,), rate_per_minute=RATE_PER_MINUTE * 2, quota_per_day=QUOTA_PER_DAY
    )
    try:
        with sandbox.serve_in_thread(app) as api_url:
            there.send(api_url)
            while (
                True
            ):  # not signal.pause(), which would sleep through a signal that came just before it
                time.sleep(1)
    except KeyboardInterrupt:
        pass
