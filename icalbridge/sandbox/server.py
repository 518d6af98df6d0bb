"""The simulator as a server: werkzeug's, threaded, connections kept; in a thread for tests, or by itself."""

from __future__ import annotations

import signal
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask


class _Handler(WSGIRequestHandler):
    """Keeps connections, says nothing, and lets a broken connection be."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  # werkzeug's name
        """Say nothing: a test reads `requests` instead."""

    def handle(self) -> None:
        with suppress(OSError, ValueError):
            super().handle()

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()


def _server(app: Flask, host: str, port: int) -> BaseWSGIServer:
    return make_server(host, port, app, threaded=True, request_handler=_Handler)


@contextmanager
def serve_in_thread(app: Flask, port: int = 0) -> Iterator[str]:
    """Serve on 127.0.0.1 until the block ends; yield the API's base address."""
    server = _server(app, "127.0.0.1", port)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(app: Flask, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises `OSError` when the port is taken."""
    server = _server(app, host, port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        server.serve_forever()
    server.server_close()
