"""How much work a full sync is in which nothing changed: 50,000 timeslots over HTTP, CPU of our
process alone.
"""

from __future__ import annotations

import json
import time
from statistics import median
from typing import TYPE_CHECKING

import requests

from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.models import utcnow
from icalbridge.store import Store
from icalbridge.sync import windows as sync_windows
from icalbridge.sync.run import Sync
from tests.fixtures.commands import free_port, running, until

if TYPE_CHECKING:
    from pathlib import Path

TIMESLOTS = 50_000
RUNS = 5
LIMIT_SECONDS = 3.0
KEY = "sandbox-key"
GENEROUS = 100_000_000


def test_unchanged_full_sync_of_fifty_thousand_timeslots(tmp_path: Path) -> None:
    """At most 3 s of CPU, beside what only decoding the same answers with `json` costs in the same
    run.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1"
    limits = ["--rate-per-minute", "1000000", "--quota-per-day", str(GENEROUS)]
    with running(
        *("sandbox", "--port", str(port), "--schools", "20", "--events-per-day", "175"),
        *("--scenario", "hostile", *limits),
    ):
        until(lambda: _alive(url), "sandbox")
        store = Store.connect(f"sqlite:///{tmp_path / 'bench.db'}")
        store.upgrade()
        client = Client(url, KEY, ledger=MemoryLedger(GENEROUS, GENEROUS))
        sync = Sync(client, store, api_user_id="default", worker_id="bench", clock=utcnow)
        first = sync.everything()
        assert first.failures == []
        spent, reference = [], []
        for _ in range(RUNS):
            begun = time.process_time()
            report = sync.everything()
            spent.append(time.process_time() - begun)
            assert (report.changes, report.failures) == (0, [])
            reference.append(_reference(url, store))
        store.close()
    print(
        f"\nunchanged full sync: {first.changes} timeslots, {report.windows} windows"
        f"\n  ours                          {median(spent):6.2f} s CPU"
        f"\n  fetch and json.loads, nothing else {median(reference):6.2f} s CPU"
        f"\n  ratio                         {median(spent) / median(reference):6.2f}"
    )
    assert TIMESLOTS <= first.changes < TIMESLOTS * 1.2
    assert median(spent) <= LIMIT_SECONDS


def _alive(url: str) -> bool | None:
    try:
        return requests.get(f"{url}/properties", timeout=5).status_code == 401 or None
    except requests.ConnectionError:
        return None


def _reference(url: str, store: Store) -> float:
    """Fetch the same answers and decode them with the standard library, and do nothing with them."""
    begun = time.process_time()
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {KEY}"
        for each in store.read.properties():
            for number in range(sync_windows.WINDOWS):
                window = sync_windows.window_days(
                    number, sync_windows.today(utcnow(), each.timezone)
                )
                params = {
                    "start_date": str(window.start),
                    "end_date": str(window.end),
                    "event_types": "reservation",
                }
                json.loads(
                    session.get(
                        f"{url}/property/{each.id}/events", params=params, timeout=60
                    ).content
                )
    return time.process_time() - begun
