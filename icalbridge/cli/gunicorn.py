"""gunicorn, configured in code: gthread workers, each with its own application and its own connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from prometheus_client import multiprocess

from icalbridge.cli.request_line import read_raw_targets
from icalbridge.store import Store
from icalbridge.web import create_app

if TYPE_CHECKING:
    from flask import Flask

    from icalbridge.settings import Settings


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
        self._options = {
            "bind": f"fd://{descriptor}",
            "workers": workers,
            "worker_class": "gthread",
            "threads": threads,
            "keepalive": 75,
            "graceful_timeout": 20,
            "timeout": 60,
            "logger_class": _Log,
            "loglevel": "warning",
            "proc_name": "icalbridge",
            "control_socket_disable": True,
            "http_parser": "python",  # see `request_line`
            "child_exit": _forget_metrics,
        }
        super().__init__()

    def load_config(self) -> None:
        read_raw_targets()
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self._settings, Store.connect(self._settings.database_url))


def _forget_metrics(_server: Any, worker: Any) -> None:
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # it has no types
