"""gunicorn, configured in code: threaded workers, each with its own application and its own
connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from prometheus_client import multiprocess

from icalbridge.cli.connections import ConnectionCounts
from icalbridge.cli.request_line import read_raw_targets
from icalbridge.cli.runtime import connect_for_web
from icalbridge.web import create_app

if TYPE_CHECKING:
    from flask import Flask

    from icalbridge.cli.connections import WebWorker
    from icalbridge.settings import Settings
    from icalbridge.store import Store


class _Log(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's words in our format: it would write its own beside it."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's master for one application."""

    def __init__(self, settings: Settings, descriptor: int, *, workers: int, threads: int) -> None:
        self._settings = settings
        self._store: Store | None = None
        self._counts = ConnectionCounts(2 * workers + 1)  # at a reload old and new ones overlap
        self._options = {
            "bind": f"fd://{descriptor}",
            "workers": workers,
            "worker_class": "icalbridge.cli.connections.WebWorker",
            "threads": threads,
            "keepalive": 75,
            "graceful_timeout": 20,
            "timeout": 60,
            "logger_class": _Log,
            "loglevel": "warning",
            "proc_name": "icalbridge",
            "control_socket_disable": True,
            "forwarder_headers": "",  # a client may send SCRIPT_NAME too, and a proxy passes it on
            "header_map": "drop",
            "http_parser": "auto",  # the C parser where it is installed, see `request_line`
            "pre_fork": self._share_counts,
            "child_exit": self._forget_worker,
            "worker_exit": self._close,
            "pre_request": _close_after_body,
        }
        super().__init__()

    def load_config(self) -> None:
        read_raw_targets()
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        self._store = connect_for_web(self._settings)
        return create_app(self._settings, self._store)

    def _share_counts(self, _server: Any, worker: WebWorker) -> None:
        worker.counts, worker.slot = self._counts, self._counts.take_slot()

    def _forget_worker(self, _server: Any, worker: WebWorker) -> None:
        self._counts.release_slot(worker.slot)
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # no types

    def _close(self, _server: Any, _worker: Any) -> None:
        """Close the connections of the worker that ends, which is this process."""
        if self._store is not None:
            self._store.close()


def _close_after_body(_worker: Any, req: Any) -> None:
    """End the connection after a request with a body: nobody reads it, and no thread shall wait for
    it.
    """
    if any(
        name == "TRANSFER-ENCODING" or (name == "CONTENT-LENGTH" and value != "0")
        for name, value in req.headers
    ):
        req.force_close()
