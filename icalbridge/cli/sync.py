"""`sync`: fetches everything of every key once, behind a progress bar on a terminal."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import click

from icalbridge.cli import FAILED
from icalbridge.cli.clients import make_client, new_worker_id
from icalbridge.cli.options import ids_option
from icalbridge.cli.output import print_failure
from icalbridge.cli.runtime import load_settings, open_upgraded
from icalbridge.cli.signals import Stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icalbridge.settings import Settings
    from icalbridge.store import Store
    from icalbridge.sync.run import Report


@click.command("sync")
@ids_option("property")
@click.option(
    "--full", is_flag=True, help="Read everything anew, and take an empty answer at its word."
)
def sync_command(property_ids: tuple[str, ...], full: bool) -> None:
    """Fetch the catalog and all windows now, then exit.

    Exit code 0: all done; 1: something failed, what was fetched is kept; 2: bad configuration.
    """
    sys.exit(FAILED if run_sync(load_settings(quiet=True), property_ids, full=full) else 0)


def run_sync(settings: Settings, properties: Sequence[str], *, full: bool) -> bool:
    """Fetch everything once and name on stderr what failed; return whether anything did."""
    settings.require_keys()
    stop = Stop()
    stop.listen()
    store = open_upgraded(settings)
    stop.on_request(store.hurry)
    try:
        report = sync_with_progress(settings, store, properties, full=full, stop=stop)
    except KeyboardInterrupt:
        print_failure("interrupted; what was fetched is kept.")
        raise
    finally:
        store.close()
    for failure in report.failures:
        print_failure(failure)
    click.echo(
        f"{report.windows} windows fetched, {report.changes} changes, {len(report.failures)}"
        " failures."
    )
    return bool(report.failures)


def sync_with_progress(
    settings: Settings,
    store: Store,
    properties: Sequence[str] = (),
    *,
    full: bool = False,
    stop: Stop | None = None,
) -> Report:
    """Fetch everything of every key once, behind a progress bar on a terminal."""
    from icalbridge.cli.progress import progress
    from icalbridge.store.place_names import is_given
    from icalbridge.sync.clock import DatabaseClock
    from icalbridge.sync.run import Report, Sync

    stop = stop or Stop()
    whole = Report()
    with progress() as on_progress:
        for user in settings.require_keys():
            tally: Counter[str] = Counter()
            worker_id = new_worker_id()
            sync = Sync(
                make_client(user, store, tally=tally, stop=stop, waiting=stop.waiting),
                store,
                api_user_id=user.name,
                worker_id=worker_id,
                clock=DatabaseClock(store),
                on_progress=on_progress,
                full=full,
                tally=tally,
                sleep=stop.sleep,
                on_wait=lambda sentence: click.echo(sentence, err=True),
            )
            try:
                whole += sync.everything(properties)
            finally:
                store.workers.leave(worker_id)
    listed = store.read.properties()
    whole.failures += [
        f"property {text} is not in the catalog"
        for text in properties
        if not any(is_given(place, [text]) for place in listed)
    ]
    return whole
